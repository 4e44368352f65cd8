"""What a new playbook begins with: a small whole one of its phase, or a copy of another under a new key."""

import re

from ecops.errors import BadCall

_HEAD = """\
# {key}: {why}
#   ecops playbook check {key}    says what is wrong, with line and remedy
#   ecops rehearse {key} --day 2026-11-11    plays it through on the shop's own data
playbook: {key}
version: 1
title: {{zh: {key}, en: {key} in English}}
phase: {phase}
timezone: Asia/Shanghai
owner: operations
"""
_ANCHORS = """\

anchors:
  day: {at: "D 00:00", required: true, title: {zh: 当天, en: The day}}
"""
_SCHEDULE = """\

schedule: {cron: "0 8 * * *", shops: all, missed: once}
"""
_STEPS = """\

steps:
  - id: look
    title: {{zh: 看数据, en: Look at the figures}}
    duty: data
    serves: [D2a]
    role: analysis
    task: traffic.funnel

  - id: act
    title: {{zh: 处理, en: Act on it}}
    duty: marketing
    serves: [F2]
    role: operations
    needs: [look]
    due: {due}
    remind: [-1h]
    escalate: [{{after: 1h, to: management}}]
    checklist:
      - id: done
        title: {{zh: 处理结果, en: What was done}}
        evidence: {{type: text}}
"""
_KEY = re.compile(r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*")


def begin(key: str, phase: str) -> str:
    """The text of a small playbook that the check has nothing against. Raises BadCall for a key that cannot be one."""
    _must_be_key(key)
    due = "day 18:00" if phase == "daily" else "day + 2d 18:00"
    return _HEAD.format(key=key, why="say here what it is for", phase=phase) + _ANCHORS + (_SCHEDULE if phase == "daily" else "") + _STEPS.format(due=due)


def copied(text: str, source: str, key: str) -> str:
    """The text of another playbook under a new key, in version 1, its comments kept. Raises BadCall."""
    _must_be_key(key)
    text = re.sub(r"^playbook:.*$", f"playbook: {key}", text, count=1, flags=re.M)
    text = re.sub(r"^version:.*$", "version: 1", text, count=1, flags=re.M)
    return f"# {key}: from {source}\n{text}"


def _must_be_key(key: str) -> None:
    if not _KEY.fullmatch(key) or len(key) > 64:
        raise BadCall(f"{key!r} cannot be the key of a playbook; write small letters, digits and single dashes, such as spring-sale.")

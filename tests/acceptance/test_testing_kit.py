"""A team tests its own playbooks with the kit in a few lines."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ecops.errors import NotFound
from ecops.playbook.beginnings import begin, copied
from ecops.testing import play, problems

CHINA = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "spring.yaml").write_text(begin("spring", "campaign"), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("phase", ["preparation", "daily", "campaign", "review"])
def test_a_new_playbook_has_no_problem(tmp_path, phase):
    (tmp_path / "new.yaml").write_text(begin("new", phase), encoding="utf-8")
    assert problems("new", tmp_path) == []


def test_a_copy_keeps_comments_and_takes_its_own_key(folder):
    text = (folder / "spring.yaml").read_text(encoding="utf-8")
    (folder / "summer.yaml").write_text(copied("version: 1\n".join(text.split("version: 1\n")).replace("version: 1", "version: 7"), "spring", "summer"), encoding="utf-8")
    assert problems("summer", folder) == []
    copy = (folder / "summer.yaml").read_text(encoding="utf-8")
    assert "playbook: summer\nversion: 1\n" in copy and "# summer: from spring" in copy


def test_a_run_is_played_through_and_told(folder):
    played = play("spring", day="2026-03-08", folder=folder)
    assert (played.state, played.unknown, played.outcome("look")["status"]) == ("completed", [], "ok")
    assert played.times("act", "step.done") and played.escalated("act") == []


def test_late_people_are_told_of(folder):
    played = play("spring", day="2026-03-08", people="late", folder=folder)
    assert played.state == "completed" and played.escalated("act") == ["management"]
    assert played.reminded("act") == [datetime(2026, 3, 10, 17, tzinfo=CHINA)]


def test_people_who_never_come_leave_it_open(folder):
    assert play("spring", day="2026-03-08", people="never", folder=folder).state == "active"


def test_a_problem_is_said_as_the_check_says_it(folder):
    (folder / "spring.yaml").write_text(begin("spring", "campaign").replace("role: operations", "role: operation"), encoding="utf-8")
    [said] = problems("spring", folder)
    assert "spring.yaml" in said and "unknown-role" in said
    with pytest.raises(NotFound):
        problems("winter", folder)

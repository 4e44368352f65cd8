"""The services a message may go through, with what each of them takes, how often, and which of its words mean what.

A named list and not all of apprise's 150: chats that work at Chinese shops (DingTalk, Feishu and Lark, WeCom), pushes to WeChat (Server酱, PushPlus) and
to phones (Bark, ntfy), mail, Slack and Telegram for teams abroad, and a receiver of one's own (JSON, form). Each sends one request to one place, so that
one answer tells what became of the message. Whatever acts on this machine (dbus, syslog, gnome, windows, macosx, plugin files) is not among them.

Sources of the figures and codes. DingTalk: open.dingtalk.com "自定义机器人接入": 20 messages a minute, beyond it blocked for 10 minutes, told as errcode 130101
(blog.csdn.net/jialiuyang/article/details/118615052 shows the answer). WeCom: developer.work.weixin.qq.com/document/path/91770: 20 a minute, text of at most
2048 bytes; codes at path/90313. Feishu and Lark: open.feishu.cn "自定义机器人使用指南": 100 a minute and 5 a second, a request of at most 20 kB; 11232 as in the
code of openclaw (90c7870961). PushPlus: api.pushplus.plus/doc-3034446 (codes), pushplus.plus/doc/help/lockdown.html (200 a day). ntfy:
docs.ntfy.sh/publish "Limitations". Telegram: core.telegram.org/bots/faq "My bot is hitting limits". Slack: "Rate limits", one a second for incoming webhooks.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_GENEROUS = (600, _MINUTE)


def utf8(text: str) -> int:
    """Size in bytes of UTF-8."""
    return len(text.encode("utf-8"))


def escaped(text: str) -> int:
    """Size in bytes inside the JSON that apprise writes: a Chinese character takes six, a newline two."""
    return len(json.dumps(text)) - 2


@dataclass(frozen=True)
class Service:
    """One service. `limit` is counted by `size` and holds title and body; `codes` are the fields of an answer that say how it went."""

    plugin: str                                   # module and class below apprise.plugins
    example: str
    allowance: tuple[int, timedelta]
    limit: int
    size: Callable[[str], int] = utf8
    hosted: bool = False                          # the address names a host; elsewhere its first part is a token
    parameters: frozenset[str] = frozenset()
    extras: bool = False                          # takes +header, -query and :field of one's own
    codes: tuple[str, ...] = ()
    good: frozenset[int] = frozenset({0})
    busy: Mapping[int, timedelta] = field(default_factory=dict)
    final: frozenset[int] = frozenset()


_FEISHU = {
    # Feishu's 100 a minute and 5 a second hold together only as 5 in 3 seconds.
    "allowance": (5, timedelta(seconds=3)), "limit": 19_500, "size": escaped, "parameters": frozenset({"token"}), "codes": ("code", "StatusCode"),
    "busy": {11232: _MINUTE},
    # 19001 token unknown, 19021 signature wanted or wrong, 19022 address of the sender not allowed, 19024 keyword missing.
    "final": frozenset({19001, 19021, 19022, 19024}),
}
_BARK = {
    "plugin": "bark.NotifyBark", "allowance": (60, _MINUTE), "limit": 2_500, "hosted": True,
    "parameters": frozenset({"sound", "level", "group", "to", "image"}), "codes": ("code",), "good": frozenset({200}),
}
_NTFY = {
    "plugin": "ntfy.NotifyNtfy", "allowance": (60, timedelta(minutes=5)), "limit": 4_000, "hosted": True,
    "parameters": frozenset({"priority", "tags", "mode", "token", "auth", "to", "image"}),
}
_MAIL = {
    "plugin": "email.NotifyEmail", "allowance": (60, _MINUTE), "limit": 200_000, "hosted": True,
    "parameters": frozenset({"to", "from", "name", "smtp", "mode", "user", "pass", "reply"}),
}
_OWN = {"allowance": _GENEROUS, "limit": 200_000, "size": escaped, "hosted": True, "parameters": frozenset({"method"}), "extras": True}

SERVICES: dict[str, Service] = {
    "dingtalk": Service(
        "dingtalk.NotifyDingTalk", "dingtalk://TOKEN or dingtalk://SECRET@TOKEN", (20, _MINUTE), 19_500, escaped,
        parameters=frozenset({"token", "secret", "to"}), codes=("errcode",),
        busy={130101: timedelta(minutes=10), 410100: timedelta(minutes=10), 90030: _DAY},
        # 300001 and 400101 token unknown, 300005 no such token, 310000 keyword, signature or address of the sender not accepted, 400013 the group is
        # gone, 400102 the robot is stopped, 400106 there is no such robot.
        final=frozenset({300001, 300005, 310000, 400013, 400101, 400102, 400106}),
    ),
    "feishu": Service("feishu.NotifyFeishu", "feishu://TOKEN", **_FEISHU),
    "lark": Service("lark.NotifyLark", "lark://TOKEN", **_FEISHU),
    "wecombot": Service(
        "wecombot.NotifyWeComBot", "wecombot://KEY", (20, _MINUTE), 2_048, parameters=frozenset({"key"}), codes=("errcode",),
        # 45009 more than 20 a minute, 45033 too many at once; 93000 key unknown, 93004 the robot is stopped, 93008 it is not in the group.
        busy={45009: _MINUTE, 45033: _MINUTE}, final=frozenset({93000, 93004, 93008}),
    ),
    "schan": Service("serverchan.NotifyServerChan", "schan://SENDKEY", (5, _MINUTE), 30_000, codes=("code",), final=frozenset({40001})),
    "pushplus": Service(
        "pushplus.NotifyPushplus", "pushplus://TOKEN", (200, _DAY), 20_000, parameters=frozenset({"token", "to", "topic", "channel", "mode"}),
        codes=("code",), good=frozenset({200}), busy={900: _DAY}, final=frozenset({401, 403, 903, 905, 907, 908}),
    ),
    "bark": Service(example="bark://HOST/DEVICE", **_BARK),
    "barks": Service(example="barks://HOST/DEVICE", **_BARK),
    "ntfy": Service(example="ntfy://HOST/TOPIC", **_NTFY),
    "ntfys": Service(example="ntfys://HOST/TOPIC", **_NTFY),
    "mailto": Service(example="mailto://HOST?from=ME@HOST&to=SOMEONE@HOST", **_MAIL),
    "mailtos": Service(example="mailtos://USER:PASSWORD@HOST?to=SOMEONE@HOST", **_MAIL),
    "slack": Service("slack.NotifySlack", "slack://A/B/C", (1, timedelta(seconds=1)), 12_000, parameters=frozenset({"to", "image", "footer"})),
    "tgram": Service(
        "telegram.NotifyTelegram", "tgram://BOT_TOKEN/CHAT", (20, _MINUTE), 4_000, parameters=frozenset({"to", "silent", "preview", "topic", "image"}),
        codes=("ok",), good=frozenset({1}),
    ),
    "json": Service("custom_json.NotifyJSON", "json://HOST/PATH", **_OWN),
    "jsons": Service("custom_json.NotifyJSON", "jsons://HOST/PATH", **_OWN),
    "form": Service("custom_form.NotifyForm", "form://HOST/PATH", **_OWN),
    "forms": Service("custom_form.NotifyForm", "forms://HOST/PATH", **_OWN),
}

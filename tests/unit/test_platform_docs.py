"""docs/platforms.md says what the clients do."""

import re
from pathlib import Path

import pytest

from ecops.platforms import douyin, errors, pdd, taobao
from ecops.platforms.client import Setting
from ecops.platforms.credentials import Credentials
from ecops.platforms.errors import PlatformError
from ecops.platforms.shops import CLIENTS, open_shop
from ecops.shop.kinds import KINDS

TEXT = (Path(__file__).parents[2] / "docs/platforms.md").read_text(encoding="utf-8")
CALL = re.compile(r"^(taobao\.|pdd\.|[a-z]+[A-Za-z]*\.[a-zA-Z]+)[\w.]*$")
HELD = Credentials("k", "s", "t")


@pytest.mark.parametrize("module", [taobao, douyin, pdd])
def test_every_call_is_named(module):
    calls = [value for name, value in vars(module).items() if name.isupper() and name != "GATEWAY" and isinstance(value, str) and CALL.match(value)]
    assert len(calls) >= 5 and [call for call in calls if f"`{call}`" not in TEXT] == []


@pytest.mark.parametrize("platform", sorted(CLIENTS))
def test_every_topic_is_in_the_table_with_a_call_or_a_dash(platform):
    shop = open_shop(platform, "shop", HELD, Setting())
    column = {"taobao": 2, "tmall": 2, "douyin": 3, "pdd": 4}[platform]
    rows = {cells[0].strip(" `"): cells for cells in (line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("| `"))}
    for topic in shop.kinds:
        assert rows[topic][column].strip() != "-" and rows[topic][1].split()[0].strip(",") in KINDS
    assert all(rows[topic][column].strip() == "-" for topic in shop.lacking)
    assert {*shop.kinds, *shop.lacking} == {topic for topic in rows if topic in taobao.Taobao("shop", HELD).kinds}
    shop.close()


def test_every_error_is_explained():
    named = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value,
        PlatformError) and value is not PlatformError]
    # A window with too many rows is halved; nobody ever sees it.
    assert [name for name in named if name != "TooMany" and f"| `{name}` |" not in TEXT] == []


def test_a_platform_without_a_client_says_what_to_do():
    from ecops.errors import BadCall

    with pytest.raises(BadCall, match="import its files with 'ecops import'"):
        open_shop("jd", "shop", HELD)


def test_what_is_not_proven_is_said_first():
    assert TEXT.index("Not proven") < TEXT.index("## Credentials")

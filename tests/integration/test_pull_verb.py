"""`ecops pull` from a local gateway into the lake: cursors, refusals, renewed tokens, and what is said when something lacks."""

import json
import logging
import stat
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from ecops.cli import cli
from ecops.errors import BadCall, NotFound
from ecops.home import Home
from ecops.platforms.errors import NoCredentials
from ecops.platforms.taobao import ORDERS
from ecops.pulling import pull_shop
from ecops.shop.lake import Lake
from tests.platforms import KEY, NEW_TOKEN, NOW, PERSON, REFRESH, SECRET, TOKEN, DouyinGateway, TaobaoGateway, trade

HOUR = timedelta(hours=1)
VARIABLE = "ECOPS_PLATFORM_SHOP_A"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path / "home"))
    return Home.from_environment()


@pytest.fixture
def lake(home):
    return Lake(home.lake_url)


@pytest.fixture
def gateway(httpserver, monkeypatch):
    made = TaobaoGateway(httpserver)
    give(monkeypatch, made)
    return made


def give(monkeypatch, gateway, **more):
    given = {"app_key": KEY, "app_secret": SECRET, "access_token": TOKEN, "refresh_token": REFRESH, "gateway": gateway.credentials.gateway}
    monkeypatch.setenv(VARIABLE, json.dumps(given | more))


def run(home, lake, gateway, *topics, **more):
    return pull_shop(home, lake, "shop-a", "taobao", gateway.clock.at, topics=topics or ["orders"], setting=gateway.clock.setting(), **more)


def orders(lake):
    return lake.everything("orders", ["shop-a"]).collect()


def test_the_next_pull_begins_where_the_last_one_ended(home, lake, gateway):
    gateway.rows[ORDERS] = [trade(1, NOW - HOUR)]
    first = run(home, lake, gateway, since=NOW - 2 * HOUR)
    assert first["whole"] and first["kinds"][0]["loaded"] == {"orders": 1, "order_lines": 1}
    gateway.clock.at += 3 * HOUR
    gateway.rows[ORDERS] = [trade(1, NOW - HOUR), trade(2, NOW + HOUR)]
    second = run(home, lake, gateway)
    assert second["kinds"][0]["since"] == first["kinds"][0]["until"]
    assert second["kinds"][0]["loaded"] == {"orders": 1, "order_lines": 1}
    assert sorted(orders(lake)["order_id"]) == ["1", "2"]
    assert datetime.fromisoformat(second["kinds"][0]["until"]) > NOW + 2 * HOUR


def test_a_refused_row_waits_and_leaves_when_the_platform_tells_it_well(home, lake, gateway):
    gateway.rows[ORDERS] = [trade(1, NOW - HOUR, payment="a lot"), trade(2, NOW - HOUR)]
    told = run(home, lake, gateway, since=NOW - 2 * HOUR)
    assert told["kinds"][0]["refused"]["orders"] == 1
    held = lake.quarantined("shop-a").select("file", "sheet", "column", "value", "reason").rows()
    assert ("orders pulled", "1", "payment", "a lot", "not_money") in held
    gateway.rows[ORDERS] = [trade(1, NOW - HOUR), trade(2, NOW - HOUR)]
    run(home, lake, gateway, since=NOW - 2 * HOUR)
    assert lake.quarantined("shop-a").is_empty() and len(orders(lake)) == 2


def test_a_renewed_token_serves_the_next_pull_and_no_other_credentials(home, lake, gateway, monkeypatch):
    gateway.rows[ORDERS] = [trade(1, NOW - HOUR)]
    gateway.tokens = set()
    assert run(home, lake, gateway, since=NOW - 2 * HOUR)["whole"]
    [kept] = (home.folder / "tokens").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and SECRET not in kept.read_text() and NEW_TOKEN in kept.read_text()
    # the old refresh token is void now: only the kept one can have worked
    assert run(home, lake, gateway, since=NOW - 2 * HOUR)["whole"]
    give(monkeypatch, gateway, access_token="given-anew", refresh_token="given-anew")
    told = run(home, lake, gateway, since=NOW - 2 * HOUR)
    assert not told["whole"] and "given-anew" not in str(told)


def test_no_secret_and_no_person_is_told_logged_or_kept(home, lake, gateway, caplog):
    caplog.set_level(logging.DEBUG)
    gateway.rows[ORDERS] = [trade(1, NOW - HOUR, **PERSON), trade(2, NOW - HOUR, **PERSON, payment="13812345678x")]
    told = run(home, lake, gateway, since=NOW - 2 * HOUR)
    everything = caplog.text + json.dumps(told, ensure_ascii=False) + str(orders(lake).rows()) + str(lake.quarantined("shop-a").rows())
    assert [word for word in (SECRET, TOKEN, REFRESH, *PERSON.values()) if word in everything] == []


def test_what_a_platform_has_not_is_unknown_and_no_failure(home, lake, httpserver, monkeypatch):
    gateway = DouyinGateway(httpserver)
    give(monkeypatch, gateway)
    told = pull_shop(home, lake, "shop-a", "douyin", gateway.clock.at, NOW - HOUR, topics=["orders", "hours"], setting=gateway.clock.setting())
    assert told["whole"] and told["kinds"][1]["unknown"]


def test_the_verb_tells_what_it_kept_and_ends_with_1_where_something_stays_unknown(home, gateway, monkeypatch):
    gateway.clock.at = datetime.now(UTC)
    gateway.rows[ORDERS] = [trade(1, gateway.clock.at - HOUR)]
    since = (gateway.clock.at - 2 * HOUR).isoformat(timespec="seconds")
    runner = CliRunner()
    assert runner.invoke(cli, ["shop", "add", "shop-a", "--name", "一店", "--platform", "taobao"]).exit_code == 0
    done = runner.invoke(cli, ["pull", "--shop", "shop-a", "--kind", "orders", "--since", since, "--json"])
    assert done.exit_code == 0, (done.stderr, done.exception)
    assert json.loads(done.stdout)["kinds"][0]["rows"] == {"orders": 1, "order_lines": 1}
    gateway.tokens = set()
    give(monkeypatch, gateway, refresh_token=None)
    done = runner.invoke(cli, ["pull", "--shop", "shop-a", "--kind", "orders", "--since", since])
    assert done.exit_code == 1 and "未知" in done.stdout


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--shop", "nobody"), NotFound), (("--shop", "jd-shop"), BadCall), (("--shop", "bare"), NoCredentials), (("--shop", "shop-a", "--kind", "nonsense"), BadCall),
        (("--shop", "shop-a", "--since", "2999-01-01"), BadCall), (("--shop", "shop-a", "--since", "yesterday"), BadCall),
    ],
)
def test_what_is_off_is_said_in_one_sentence(home, gateway, monkeypatch, words, error):
    runner = CliRunner()
    monkeypatch.setenv("ECOPS_PLATFORM_JD_SHOP", json.dumps({"app_key": "a", "app_secret": "bcde", "access_token": "cdef"}))
    for key, platform in (("shop-a", "taobao"), ("jd-shop", "jd"), ("bare", "pdd")):
        assert runner.invoke(cli, ["shop", "add", key, "--name", key, "--platform", platform]).exit_code == 0
    done = runner.invoke(cli, ["pull", *words])
    assert isinstance(done.exception, error), done.exception
    assert "\n" not in str(done.exception)


def test_a_platform_without_a_client_is_said_before_credentials_are_asked_for(home):
    runner = CliRunner()
    assert runner.invoke(cli, ["shop", "add", "jd-shop", "--name", "京", "--platform", "jd"]).exit_code == 0
    assert isinstance(runner.invoke(cli, ["pull", "--shop", "jd-shop"]).exception, BadCall)


def test_two_shops_whose_keys_name_the_same_credentials_are_not_pulled(home, gateway):
    runner = CliRunner()
    for key in ("shop-a", "shop_a"):
        assert runner.invoke(cli, ["shop", "add", key, "--name", key, "--platform", "taobao"]).exit_code == 0
    done = runner.invoke(cli, ["pull", "--shop", "shop-a"])
    assert isinstance(done.exception, BadCall) and "shop_a" in str(done.exception)
    assert gateway.asked == []


def test_a_dead_token_says_so(home, lake, gateway, monkeypatch):
    give(monkeypatch, gateway, refresh_token=None)
    gateway.tokens = set()
    told = run(home, lake, gateway, "orders", "refunds")
    assert not told["whole"] and all(one["unknown"] for one in told["kinds"])

"""Every automated step on two demo shops: each that can be decided is decided, and what is not says what nobody told it."""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from ecops.automation import OK, UNKNOWN, automations
from ecops.calculate import ask
from ecops.shop.demo import batches, fill
from ecops.shop.lake import Lake

CHINA = ZoneInfo("Asia/Shanghai")
SINCE, UNTIL = date(2025, 6, 25), date(2025, 11, 20)
DAY = datetime(2025, 11, 10, 20, tzinfo=CHINA)
EVENING = datetime(2025, 11, 20, 18, tzinfo=CHINA)

# What no data of a shop holds: a person tells it, and without it the step is unknown. Before the shop's first pre-sale nobody knows which
# share of the deposits is paid to the end.
TOLD = {
    "campaign.presale": {"final_rate": "85%"},
    "campaign.watch_hour": {"gmv_target": "60000"},
    "review.gap": {"gmv_target": "60000"},
    "review.report": {"gmv_target": "60000"},
    "service.return_deadline": {"policy": "2025-10-01"},
}
# Steps that ask of the day itself, and are asked then.
MOMENTS = {"campaign.watch_hour": DAY + timedelta(hours=5), "campaign.priority_orders": DAY + timedelta(hours=14), "campaign.presale": DAY - timedelta(hours=6)}
# What stays unknown in a demo of ninety days, the default: who is new is told from ninety days of orders before the days looked at.
TOO_SHORT = {"customers.acquisition_cost", "review.new_customers", "review.report"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Lakes of two shops by their first day."""
    folder = tmp_path_factory.mktemp("demo")

    @cache
    def filled(since: date) -> tuple[Lake, tuple[str, ...]]:
        lake = Lake(str(folder / since.isoformat()))
        made = fill(lake, batches(2, 11, since, UNTIL, orders_per_day=40), datetime(2026, 1, 1, tzinfo=CHINA))
        return lake, tuple(shop[0] for shop in made.shops)

    return filled


def verdicts(demo, name, since=SINCE, told=True):
    lake, shops = demo(since)
    given = TOLD.get(name, {}) if told else {}
    return ask(lake, name, shops, MOMENTS.get(name, EVENING), given, {"day": DAY}).verdicts.to_dicts()


def statuses(demo, **how):
    return {name: {row["status"] for row in verdicts(demo, name, **how)} for name in automations()}


@pytest.mark.parametrize("name", sorted(automations()))
def test_every_step_is_decided_on_two_demo_shops(demo, name):
    for row in verdicts(demo, name):
        assert row["status"] == OK, (row["shop"], row["zh"], row["missing"])


def test_what_stays_unknown_is_what_nobody_told(demo):
    unknown = {name for name, found in statuses(demo, told=False).items() if found != {OK}}
    assert unknown == set(TOLD)
    for name in TOLD:
        assert all(row["status"] == UNKNOWN and row["missing"] for row in verdicts(demo, name, told=False))


def test_of_ninety_days_who_is_new_is_unknown(demo):
    unknown = {name for name, found in statuses(demo, since=UNTIL - timedelta(days=90)).items() if found != {OK}}
    assert unknown == TOO_SHORT


def test_there_are_sixty_seven_steps_and_each_reads_kinds_that_the_demo_fills(demo):
    lake, shops = demo(SINCE)
    kinds = {kind for step in automations().values() for kind in step.reads}
    empty = {kind for kind in kinds if lake.everything(kind, shops).collect().is_empty()}
    assert not empty and len(automations()) == 67

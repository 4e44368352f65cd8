"""A small shop team with a campaign under way, for the pages: people, shops, one run on a file of SQLite."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from ecops.playbook.model import Playbook
from ecops.service import items, sweep, work
from ecops.service.launch import Launch, launch
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.web.app import make_app

LAUNCHED = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
NOW = datetime(2026, 11, 8, 4, 3, tzinfo=UTC)  # 12:03 in Shanghai, a Sunday
PEOPLE = {"wang": "王丽", "zhao": "赵敏", "li": "李强", "chen": "陈思远", "sun": "孙倩", "boss": "周总"}
ROLES = {"operations": ["wang"], "merchandising": ["wang", "zhao"], "supply": ["li"], "service": ["sun"], "content": ["zhao"], "media": ["chen"], "management": ["boss"], "compliance": ["sun"]}
SHOPS = {"tm-home": ("素木家居旗舰店", "tmall"), "dy-home": ("素木家居抖音店", "douyin"), "jd-tea": ("山岚茶舍京东自营", "jd")}
PLAYBOOK = {
    "playbook": "double-11", "title": {"zh": "双11大促", "en": "Double 11"}, "phase": "campaign", "owner": "operations",
    "anchors": {"day": {"at": "D 00:00"}, "presale": {"default": "day - 9d 20:00"}, "last-ship": {"default": "day + 3d 23:00"}},
    "steps": [
        {"id": "pick-items", "title": {"zh": "活动选品", "en": "Pick items"}, "duty": "goods", "task": "campaign.pick_items", "start": "day - 9d 09:00"},
        {"id": "sign-up", "title": {"zh": "活动报名与承诺价核对", "en": "Sign up and check promised prices"}, "role": "merchandising", "needs": ["pick-items"], "due": "day - 4d 18:00", "checklist": [
            {"id": "price", "title": {"zh": "核对 12 款主推品的到手价,不高于近 30 天最低价", "en": "Check that hero prices are not above the 30 day low"}},
            {"id": "count", "title": {"zh": "报名成功的商品数", "en": "Items that were accepted"}, "evidence": {"type": "number", "unit": "款", "min": 1, "max": 60}},
            {"id": "proof", "title": {"zh": "上传后台报名成功截图", "en": "Upload the back-office screenshot"}, "evidence": "file"}]},
        {"id": "pages", "title": {"zh": "会场页面与主图上新", "en": "Venue page and main pictures"}, "role": "content", "start": "day - 8d 10:00", "due": "day - 3d 20:00", "checklist": [
            {"id": "venue", "title": {"zh": "会场链接(手机端打开无错位)", "en": "Venue link"}, "evidence": "link"},
            {"id": "words", "title": {"zh": "主图文案过一遍极限词", "en": "Check the copy for forbidden superlatives"}, "evidence": {"type": "choice", "choices": ["无违禁词", "已修改", "需法务确认"]}},
            {"id": "slogan", "title": {"zh": "直播间口播卖点一句话", "en": "The one line for the live room"}, "evidence": {"type": "text", "required": False}}]},
        {"id": "count-stock", "title": {"zh": "备货盘点", "en": "Count the stock"}, "role": "supply", "needs": ["sign-up"], "due": "day - 2d 18:00", "checklist": [{"id": "stock", "title": {"zh": "主推品可售天数", "en": "Days of cover"}, "evidence": {"type": "number", "unit": "天", "min": 0, "max": 365}}]},
        {"id": "training", "title": {"zh": "客服话术与排班", "en": "Service scripts and shifts"}, "role": "service", "start": "day - 5d 10:00", "due": "day - 2d 12:00", "scope": "run", "checklist": [{"id": "shift", "title": {"zh": "大促三天排班表已发群", "en": "Shifts are published"}}, {"id": "script", "title": {"zh": "催付、改价、发货三类快捷话术已更新", "en": "Scripts are updated"}}]},
        {"id": "budget", "title": {"zh": "投放预算确认", "en": "Sign the ad budget"}, "approval": {"by": ["management", "operations"], "quorum": 2}, "start": "day - 6d 10:00", "due": "day - 3d 18:00"},
        {"id": "go-no-go", "title": {"zh": "开闸审批", "en": "Go or no go"}, "approval": {"by": ["operations", "supply"], "quorum": 2}, "needs": ["count-stock", "pages", "training", "budget"], "due": "day - 1d 12:00"},
        {"id": "open", "title": {"zh": "大促开始", "en": "Doors open"}, "stage": "execution", "milestone": True, "needs": ["go-no-go"], "start": "day 00:00"},
        {"id": "watch", "title": {"zh": "分时盯盘", "en": "Hourly watch"}, "stage": "execution", "task": "campaign.watch_hour", "every": "1h", "from": "day", "until": "day + 24h", "needs": ["go-no-go"]},
        {"id": "ship", "title": {"zh": "超时发货清零", "en": "No late parcels"}, "stage": "wrap-up", "role": "supply", "needs": ["open"], "due": "day + 3d 20:00", "checklist": [{"id": "late", "title": {"zh": "48 小时未揽收订单清零", "en": "No parcel older than 48 hours"}}]},
    ],
}  # fmt: skip


@dataclass
class World:
    """A store, its folder, the run in it and a clock that stands."""

    store: Store
    home: Path
    run: str
    now: datetime = NOW

    def clock(self) -> datetime:
        """The moment the pages believe it is."""
        return self.now

    def item(self, key: str, shop: str = "tm-home") -> int:
        """The id of an item by its key."""
        with self.store.read() as connection:
            return connection.execute(t.item.select().where(t.item.c.key == key, t.item.c.shop == shop)).first().id

    def gate(self, step: str) -> int:
        """The id of an approval."""
        with self.store.read() as connection:
            return connection.execute(t.step_run.select().where(t.step_run.c.step == step)).first().id


def build(home: Path, extra_shops: int = 0, hostile: str | None = None) -> World:
    """Shops, people and a campaign half way through its preparation."""
    store = Store(f"sqlite:///{home / 'ecops.db'}")
    store.migrate()
    shops = SHOPS | {f"s{number:04}": (f"云岭优选{number}店", "pdd") for number in range(extra_shops)}
    with store.write(LAUNCHED, "test") as tx:
        tx.connection.execute(insert(t.shop), [{"shop": key, "name": name, "platform": platform, "tags": [], "added_at": LAUNCHED} for key, (name, platform) in shops.items()])
        tx.connection.execute(insert(t.person), [{"person": key, "name": name, "added_at": LAUNCHED} for key, name in PEOPLE.items()])
        tx.connection.execute(insert(t.role_binding), [{"role": role, "person": person, "shop": ""} for role, held in ROLES.items() for person in held])
    body = PLAYBOOK if hostile is None else PLAYBOOK | {"steps": [{"id": "evil", "title": hostile, "role": "operations", "due": "day", "checklist": [{"id": "evil", "title": hostile}]}, *PLAYBOOK["steps"]]}
    done = launch(store, Launch(playbook=Playbook.model_validate(body), day=date(2026, 11, 11), shops=list(shops)), LAUNCHED, "boss")
    world = World(store, home, done.run)
    _calculate(world, LAUNCHED + timedelta(minutes=2))
    for key, at in (("price", LAUNCHED + timedelta(days=1)), ("shift", NOW - timedelta(hours=2))):
        sweep.sweep(store, at)
        items.complete(store, world.item(key, "" if key == "shift" else "tm-home"), "wang" if key == "price" else "sun", items.Proof(), at)
    sweep.sweep(store, NOW)
    return world


def _calculate(world: World, at: datetime) -> None:
    """Answer the ready task as the worker would: two shops known, one not."""
    sweep.sweep(world.store, at)
    work.take_up(world.store, world.run, "x", at)
    while found := work.claim(world.store, world.run, "x", at):
        results = {number: work.Result("unknown", "缺少近 30 天商品日报", "30 days of item reports are missing", ("item_days",)) if shop == "jd-tea" else work.Result("ok", "选出 12 款,30 天转化率 ≥ 8%", "12 items picked, conversion >= 8%") for number, shop in found.rows}
        work.record(world.store, found, results, at)


@pytest.fixture
def world(tmp_path):
    """The team in a folder of its own."""
    made = build(tmp_path)
    yield made
    made.store.close()


def browser(world: World, person: str | None = "wang", **more) -> TestClient:
    """A browser in which that person has said who they are."""
    client = TestClient(make_app(world.store, world.home, world.clock, lambda flow_run: f"http://prefect/{flow_run}", **more), base_url="http://localhost")
    if person:
        client.cookies.set("ecops_person", person)
    return client


def everything(world: World) -> dict[str, list]:
    """Every row of every table."""
    with world.store.read() as connection:
        return {table.name: sorted(map(tuple, connection.execute(table.select())), key=repr) for table in t.metadata.sorted_tables}

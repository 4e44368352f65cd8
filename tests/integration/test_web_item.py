"""The page of one item, its comments and what a second person stands for; and that no page writes when it is looked at."""

import pytest
from starlette.routing import Route

from ecops.service import people
from ecops.store import tables as t
from ecops.web.app import make_app
from tests.integration.web_data import World, browser, everything, world  # noqa: F401

FETCH = {"X-Requested-With": "fetch"}
JSON = {"Accept": "application/json"}


def claimed(world: World, verification: str) -> int:
    """The count of the items, ticked by wang and looked at by a task that came to this."""
    item = world.item("count")
    browser(world).post(f"/items/{item}/done", data={"value": "36"}, headers=FETCH)
    said = {"by": "goods.count", "zh": "没有这一天的商品日报", "en": "No report of that day", "at": world.now.isoformat(), "ticked_by": "wang", "ticked_at": world.now.isoformat()}
    refuted = {"state": "open", "closed_by": None, "closed_at": None} if verification == "refuted" else {}
    with world.store.write(world.now, "test") as tx:
        tx.connection.execute(t.item.update().where(t.item.c.id == item).values(verification=verification, verify={"task": "goods.count"}, checked=said, **refuted))
        if refuted:
            tx.connection.execute(t.step_run.update().where(t.step_run.c.id == tx.one(t.item.select().where(t.item.c.id == item)).step_run).values(items_done=1))
    return item


def test_what_was_said_and_what_happened_stands_on_the_page_of_the_item(world):
    client, item = browser(world), world.item("count")
    client.post(f"/items/{item}/claim", headers=FETCH)
    row = client.post(f"/items/{item}/comment", data={"text": "<b>缺两款</b>"}, headers=FETCH)
    assert row.headers["x-swap"] == "row" and "1 条留言" in row.text
    browser(world, "zhao").post(f"/items/{item}/delegate", data={"to": "zhao"})
    page = client.get(f"/items/{item}").text
    assert "&lt;b&gt;缺两款&lt;/b&gt;" in page and page.index("认领 <b>王丽") < page.index("留言 <b>王丽") < page.index("委托 <b>赵敏</b> → 赵敏")
    assert client.post(f"/items/{item}/comment", data={"text": "好"}, headers=JSON).json()["by"] == "wang"
    assert "claimed by <b>王丽" in client.get(f"/items/{item}?lang=en").text


@pytest.mark.parametrize(("text", "said"), [("  ", "写点什么再留言"), ("x" * 2001, "留言太长了")])
def test_a_comment_without_words_or_without_end_is_refused(world, text, said):
    answer = browser(world).post(f"/items/{world.item('count')}/comment", data={"text": text})
    assert answer.status_code == 422 and said in answer.text


@pytest.mark.parametrize(("verification", "said"), [("pending", "待核验"), ("verified", "已核验"), ("unknown", "无法核验: 没有这一天的商品日报"), ("refuted", "未通过: 没有这一天的商品日报")])
def test_a_row_says_what_became_of_the_verification(world, verification, said):
    item = claimed(world, verification)
    page = browser(world).get(f"/items/{item}").text
    assert f'<span class="check-{verification}">{said}</span>' in page
    assert ("人工核验</h2>" in page) == (verification in ("unknown", "refuted"))


def test_a_second_person_stands_for_what_no_task_could_verify(world):
    item = claimed(world, "unknown")
    refused = browser(world).post(f"/items/{item}/verify", data={"note": "看过"})
    assert refused.status_code == 422 and "wang 自己完成的,要由别人核验" in refused.text
    assert browser(world, "zhao").post(f"/items/{item}/verify", data={"note": " "}).status_code == 422
    assert browser(world, "zhao").post(f"/items/{item}/verify", data={"note": "后台数过"}, headers=JSON).json()["by"] == "zhao"
    page = browser(world).get(f"/items/{item}").text
    assert "已核验" in page and "后台数过" in page
    again = browser(world, "zhao").post(f"/items/{item}/verify", data={"note": "再看"})
    assert again.status_code == 409 and "现在不用人工核验" in again.text


def test_who_finds_that_it_is_not_so_opens_the_item_again(world):
    item = claimed(world, "unknown")
    assert browser(world, "zhao").post(f"/items/{item}/refute", data={"note": "只有 30 款"}, headers=JSON).json()["state"] == "open"
    assert "未通过: 只有 30 款" in browser(world).get("/?when=all").text


def test_no_page_writes_when_it_is_looked_at(world):
    people.reach(world.store, "zhao", "dingtalk://a1b2c3d4e5f6", "boss", world.now)
    item = world.item("count")
    browser(world).post(f"/items/{item}/assign", data={"to": "zhao"}, headers=FETCH)
    with world.store.write(world.now, "test") as tx:
        sent = tx.connection.execute(t.delivery.insert().values(person="zhao", state="sent", notices=1, created_at=world.now, next_at=world.now, claimed_at=world.now, title="提醒", body="看").returning(t.delivery.c.id)).scalar_one()
        tx.connection.execute(t.notice.update().values(delivery=sent, state="gathered"))
    filled = {"delivery": sent, "item": item, "person": "zhao", "run": world.run, "step": "sign-up", "name": "none"}
    asked = {"/runs/{run}/replan": "?anchor.day=2026-11-12T00:00", "/people/{person}": "?to=wang", "/launch": "?playbook=morning&day=2026-11-20"}
    routes = [route for route in make_app(world.store, world.home, world.clock, lambda flow_run: None).routes if isinstance(route, Route) and "GET" in route.methods]
    before = everything(world)
    paths = [f"{route.path.replace(':int', '').format(**filled)}{query}" for route in routes for query in {"", asked.get(route.path.replace(":int", ""), "")}]
    assert {path.partition("?")[0] for path in paths} >= {"/", "/runs", "/people", "/messages", "/waiting", "/launch", f"/told/{sent}", f"/items/{item}"}
    for person in ("zhao", None):
        client = browser(world, person)
        for path in paths:
            status = 404 if path.startswith("/evidence/") else 200
            assert (client.get(path).status_code, client.head(path).status_code) == (status, status), path
    assert everything(world) == before


def test_english_pages_of_people_and_messages_show_no_chinese_of_ours(world):
    import re

    client = browser(world)
    client.post(f"/items/{world.item('count')}/assign", data={"to": "zhao"}, headers=FETCH)
    names = ("中文", "素木家居旗舰店", "素木家居抖音店", "山岚茶舍京东自营", "王丽", "赵敏", "李强", "陈思远", "孙倩", "周总", "款", "天", "王", "赵", "李", "陈", "孙", "周")
    for path in ("/people?lang=en", "/people/zhao?to=wang", "/messages", "/waiting", "/launch", "/launch?playbook=small-none", f"/items/{world.item('count')}", f"/runs/{world.run}/replan?anchor.day=2026-11-12T00:00"):
        text = re.sub(r"<[^>]*>", " ", client.get(path).text)
        for name in names:
            text = text.replace(name, "")
        assert re.findall(r"[一-鿿]+", text) == [], path

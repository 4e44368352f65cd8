"""The pages of the ledger, of who waits for whom, and of moving a run's dates."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from ecops.people.answer import Answer
from ecops.service import deliveries, items, people
from ecops.store import tables as t
from tests.integration.web_data import World, browser, everything, world  # noqa: F401

JSON = {"Accept": "application/json"}
TOKEN = "d41d8cd98f00b204"


@pytest.fixture
def ledger(world: World) -> dict[str, int]:
    """Two messages: one sent, one refused for good."""
    people.reach(world.store, "wang", f"jsons://hooks.example.com/{TOKEN}", "boss", world.now)
    people.reach(world.store, "zhao", f"dingtalk://{TOKEN}", "boss", world.now)
    for key, person in (("count", "wang"), ("venue", "zhao")):
        items.assign(world.store, world.item(key), person, "boss", world.now)
    deliveries.gather(world.store, world.now)
    for parcel in deliveries.claim(world.store, "c", world.now, None):
        answer = Answer("sent", "taken") if parcel.url.startswith("json") else Answer("refused", "keywords not in content", final=True)
        deliveries.record(world.store, parcel.delivery, "c", answer, world.now)
    with world.store.read() as connection:
        return {row.person: row.id for row in connection.execute(select(t.delivery))}


def test_the_ledger_shows_what_became_of_each_message_and_hides_addresses(world, ledger):
    page = browser(world).get("/messages").text
    assert page.index("发送失败") < page.index("keywords not in content") and "已发送 <b>1</b>" in page and "发送失败 <b>1</b>" in page
    assert "jsons://hooks.example.com/***" in page and "dingtalk://***" in page and TOKEN not in page
    assert "会场链接" in page and f'href="/told/{ledger["wang"]}"' in page


def test_the_ledger_is_narrowed_by_person_state_and_run(world, ledger):
    client = browser(world)

    def shown(query: str) -> list[str]:
        return sorted(re.findall(r'href="/told/(\d+)"', client.get(f"/messages?{query}").text))

    assert shown("person=zhao") == [str(ledger["zhao"])] and shown("state=sent") == [str(ledger["wang"])]
    assert len(shown(f"run={world.run}")) == 2 and shown("run=nope") == [] and shown("state=nonsense") == sorted(map(str, ledger.values()))
    assert "双11大促" in client.get(f"/messages?run={world.run}").text and "没有消息" in client.get("/messages?person=ghost").text


def test_a_failed_message_goes_again_once_asked_for_and_a_sent_one_does_not(world, ledger):
    client = browser(world)
    assert f'action="/deliveries/{ledger["zhao"]}/again"' in client.get("/messages").text and f'action="/deliveries/{ledger["wang"]}/again"' not in client.get("/messages").text
    assert client.post(f"/deliveries/{ledger['zhao']}/again", headers=JSON).json()["state"] == "queued"
    refused = client.post(f"/deliveries/{ledger['wang']}/again")
    assert refused.status_code == 409 and "只有发送失败或不确定的消息可以再发" in refused.text
    assert browser(world, None).post(f"/deliveries/{ledger['zhao']}/again").status_code == 401
    with world.store.read() as connection:
        assert [row.actor for row in connection.execute(select(t.event).where(t.event.c.what == "delivery.again"))] == ["wang"]


def test_a_long_ledger_comes_in_pages(world):
    with world.store.write(world.now, "test") as tx:
        tx.add(t.delivery, [{"person": "zhao", "state": "suppressed", "reason": "no channel", "notices": 1, "created_at": world.now + timedelta(minutes=n), "next_at": world.now} for n in range(60)])
    client = browser(world)
    first, second = client.get("/messages").text, client.get("/messages?page=2").text
    assert first.count('href="/told/') == 50 and second.count('href="/told/') == 10 and 'rel="next"' in first and "没有联系方式" in first


def test_who_waits_for_whom_is_shown_of_oneself_and_of_others(world):
    page = browser(world).get("/waiting").text
    mine, others = page[page.index("等我") : page.index("我在等")], page[page.index("我在等") :]
    assert "活动报名与承诺价核对" in mine and "备货盘点" in mine and "李强" in mine
    assert "会场页面与主图上新" in others and "赵敏" in others
    assert "等此人" in browser(world).get("/waiting?person=li").text
    nobody = browser(world, None).get("/waiting")
    assert nobody.status_code == 200 and "你是谁?" in nobody.text and browser(world).get("/waiting?person=ghost").status_code == 200


def test_the_run_page_says_who_has_each_open_step_and_what_nobody_holds(world):
    page = browser(world).get(f"/runs/{world.run}").text
    step = page[page.index('id="step-pages"') : page.index('id="step-count-stock"')]
    assert "赵敏" in step
    with world.store.write(world.now, "test") as tx:
        tx.connection.execute(delete(t.role_binding).where(t.role_binding.c.role == "content"))
    page = browser(world).get(f"/runs/{world.run}").text
    step = page[page.index('id="step-pages"') : page.index('id="step-count-stock"')]
    assert "没有人担任 内容设计,暂归 王丽" in step


def test_moving_an_anchor_is_shown_first_and_changes_nothing(world):
    before, client = everything(world), browser(world)
    plain = client.get(f"/runs/{world.run}/replan").text
    assert 'name="anchor.day" value="2026-11-11T00:00"' in plain and "确认改期" not in plain
    page = client.get(f"/runs/{world.run}/replan?anchor.day=2026-11-12T00:00&anchor.presale=2026-11-02T20:00").text
    assert "会动的日期" in page and "随动到 11-03 20:00" in page and re.search(r"备货盘点.*11-09 18:00 →.*11-10 18:00", page, re.S) and "3 店" in page
    assert "确认改期" in page and "确认改期" not in browser(world, None).get(f"/runs/{world.run}/replan?anchor.day=2026-11-12T00:00").text
    late = client.get(f"/runs/{world.run}/replan?anchor.day=2026-11-09T00:00").text
    assert "改后就已逾期" in late
    assert everything(world) == before


def test_a_move_is_made_by_the_chosen_person_with_a_reason(world):
    client = browser(world)
    answer = client.post(f"/runs/{world.run}/replan", data={"anchor.day": "2026-11-12T00:00", "anchor.presale": "2026-11-02T20:00", "reason": "平台改期"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{world.run}")
    with world.store.read() as connection:
        run = connection.execute(select(t.run)).one()
        event = connection.execute(select(t.event).where(t.event.c.what == "run.replanned")).one()
    assert run.day == "2026-11-12" and run.anchors["presale"].startswith("2026-11-03T12:00") and (event.actor, event.detail["reason"]) == ("wang", "平台改期")


def test_steps_are_left_out_and_added_with_the_same_shown_difference(world):
    before, client, path = everything(world), browser(world), f"/runs/{world.run}/replan"
    step = "id: recheck\ntitle: {zh: 再核一遍, en: Check again}\nrole: merchandising\ndue: day - 1d 18:00\nchecklist: [核对到手价]"
    page = client.get(path, params={"skip": ["ship"], "step": step}).text
    assert re.search(r"新增的步骤.*再核一遍", page, re.S) and re.search(r"不做了的步骤.*超时发货清零", page, re.S) and "确认改期" in page
    wrong = client.get(path, params={"step": "id: recheck\nchecklist: [a]\nnonsense: 1"}).text
    assert "新写的步骤第 3 行有错" in wrong and "确认改期" not in wrong
    assert everything(world) == before
    assert client.post(path, data={"skip": ["ship"], "step": step}).status_code == 422
    assert client.post(path, data={"skip": ["ship"], "step": step, "reason": "换快递"}, follow_redirects=False).status_code == 303
    with world.store.read() as connection:
        found = {(row.step, row.state) for row in connection.execute(select(t.step_run.c.step, t.step_run.c.state))}
    assert ("ship", "skipped") in found and any(one == "recheck" for one, _ in found)
    over = client.get(path, params={"skip": ["nonsense"]})
    assert over.status_code == 200 and "没有步骤 nonsense" in over.text


@pytest.mark.parametrize(("sent", "status", "said"), [
    ({}, 422, "没有改动任何时间节点"),
    ({"anchor.day": "2026-11-11T00:00"}, 422, "没有改动任何时间节点"),
    ({"anchor.day": "tomorrow"}, 422, ""),
    ({"anchor.nonsense": "2026-11-12T00:00"}, 422, ""),
    ({"anchor.day": "9" * 100}, 422, "内容太长了"),
])  # fmt: skip
def test_a_move_that_cannot_be_made_is_refused(world, sent, status, said):
    before, client = everything(world), browser(world)
    answer = client.post(f"/runs/{world.run}/replan", data=sent | {"reason": "平台改期"})
    assert answer.status_code == status and said in answer.text
    assert client.get(f"/runs/{world.run}/replan", params=sent).status_code in (200, 422)
    assert everything(world) == before
    assert client.get("/runs/nope/replan").status_code == 404 and browser(world, None).post(f"/runs/{world.run}/replan", data={"anchor.day": "2026-11-12T00:00"}).status_code == 401

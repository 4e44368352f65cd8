"""The one link of a message, and many items at once: what people see there, and that looking decides nothing."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from ecops.people.answer import Answer
from ecops.service import deliveries, items, people
from ecops.store import tables as t
from tests.integration.web_data import World, browser, everything, world  # noqa: F401

FETCH = {"X-Requested-With": "fetch"}
JSON = {"Accept": "application/json"}
SENT = Answer("sent", "It was taken.")


def send(world: World, answer: Answer = SENT) -> None:
    """Everything that waits is gathered, claimed and answered, as the clock would do it."""
    deliveries.gather(world.store, world.now)
    for parcel in deliveries.claim(world.store, "c", world.now, "http://pages"):
        deliveries.record(world.store, parcel.delivery, "c", answer, world.now)


@pytest.fixture
def message(world):
    """Wang got a message about an item that boss handed to them and two gates' reminders."""
    people.reach(world.store, "wang", "json://localhost:9/hook-of-wang", "boss", world.now)
    for key in ("count", "proof"):
        items.assign(world.store, world.item(key), "wang", "boss", world.now)
    with world.store.write(world.now, "test") as tx:
        gate = tx.one(select(t.step_run).where(t.step_run.c.id == world.gate("budget")))
        tx.add(t.notice, [{"cause": "timer:1", "person": "wang", "kind": "remind", "why": "role", "role": "operations", "run": gate.run, "step": gate.step, "shop": "", "step_run": gate.id, "item": 0, "at": world.now, "not_before": world.now, "state": "waiting"}])
    world.now += timedelta(minutes=5)
    send(world)
    with world.store.read() as connection:
        return connection.execute(select(t.delivery).order_by(t.delivery.c.id.desc())).first().id


def test_the_link_shows_what_the_message_was_about_as_it_is_now(world, message):
    client = browser(world)
    client.post(f"/items/{world.item('count')}/done", data={"value": "36"}, headers=FETCH)
    page = client.get(f"/told/{message}").text
    assert "报名成功的商品数" in page and "36 款" in page and "王丽 · 11-08 12:08 已完成" in page
    assert f'action="/items/{world.item("proof")}/done"' in page and f'action="/items/{world.item("count")}/done"' not in page
    assert f'action="/steps/{world.gate("budget")}/approve"' in page and "王丽" in page and "已发送" in page
    assert "hook-of-wang" not in page


def test_opening_the_link_decides_nothing_whoever_opens_it(world, message):
    before = everything(world)
    for person in ("wang", "zhao", None):
        client = browser(world, person)
        assert client.get(f"/told/{message}").status_code == 200 and client.head(f"/told/{message}").status_code == 200
        for path in (f"/deliveries/{message}/acknowledge", f"/steps/{world.gate('budget')}/approve", f"/items/{world.item('proof')}/done", "/items/bulk"):
            assert client.get(path).status_code == 405 and client.head(path).status_code == 405
    assert everything(world) == before


def test_only_who_it_went_to_says_that_it_arrived(world, message):
    zhao = browser(world, "zhao")
    assert "/acknowledge" not in zhao.get(f"/told/{message}").text
    refused = zhao.post(f"/deliveries/{message}/acknowledge")
    assert refused.status_code == 422 and "只有本人能确认收到" in refused.text
    wang = browser(world)
    answer = wang.post(f"/deliveries/{message}/acknowledge", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/told/{message}")
    page = wang.get(f"/told/{message}").text
    assert "已确认" in page and "/acknowledge" not in page
    assert wang.post(f"/deliveries/{message}/acknowledge", headers=JSON).json()["state"] == "acknowledged"


def test_a_gate_of_the_message_is_decided_by_its_form_alone(world, message):
    wang = browser(world)
    answer = wang.post(f"/steps/{world.gate('budget')}/approve", headers={"Referer": f"http://localhost/told/{message}"}, follow_redirects=False)
    assert answer.headers["location"] == f"/told/{message}" and "1/2" in wang.get(f"/told/{message}").text
    browser(world, "boss").post(f"/steps/{world.gate('budget')}/approve")
    assert f'action="/steps/{world.gate("budget")}/approve"' not in wang.get(f"/told/{message}").text


def test_nobody_chosen_yet_is_asked_on_the_link_itself(world, message):
    client = browser(world, None)
    page = client.get(f"/told/{message}").text
    assert "你是谁?" in page and "<form" in page and "/acknowledge" not in page and "/approve" not in page
    chosen = client.post("/who", data={"person": "wang"}, headers={"Referer": f"http://localhost/told/{message}"}, follow_redirects=False)
    assert chosen.headers["location"] == f"/told/{message}"


def test_a_digest_shows_what_is_before_its_person(world):
    with world.store.write(world.now, "test") as tx:
        number = tx.connection.execute(t.delivery.insert().values(person="zhao", state="sent", notices=1, created_at=world.now, next_at=world.now, claimed_at=world.now, title="早上好", body="今日清单").returning(t.delivery.c.id)).scalar_one()
        tx.add(t.notice, [{"cause": "digest:1", "person": "zhao", "kind": "digest", "why": "person", "detail": {"slot": "09:00"}, "at": world.now, "not_before": world.now, "state": "gathered", "delivery": number}])
    page = browser(world, "zhao").get(f"/told/{number}").text
    assert "会场链接" in page and "早上好" in page and "今日清单" in page


def test_a_message_that_is_not_there_is_missing(world):
    client = browser(world)
    assert [client.get(f"/told/{number}").status_code for number in (77, 10**30)] == [404, 404] and "没有消息 77" in client.get("/told/77").text
    assert client.post("/deliveries/77/acknowledge").status_code == 404 and client.post("/deliveries/77/burn").status_code == 404


def test_delegating_keeps_who_answers_for_it_and_handing_over_does_not(world):
    wang, item = browser(world), world.item("count")
    wang.post(f"/items/{item}/claim", headers=FETCH)
    row = wang.post(f"/items/{item}/delegate", data={"to": "zhao"}, headers=FETCH).text
    assert "赵敏</span>" in row and "负责人 王丽" in row
    row = wang.post(f"/items/{item}/assign", data={"to": "zhao"}, headers=FETCH).text
    assert "赵敏</span>" in row and "负责人" not in row.replace("负责人不变", "")


def test_a_claim_that_is_refused_says_why(world):
    refused = browser(world, "sun").post(f"/items/{world.item('count')}/claim", headers=FETCH)
    assert refused.status_code == 422 and "这是角色“商品”的事,sun 没有这个角色" in refused.text


def test_several_items_are_closed_claimed_and_handed_over_at_once(world):
    client = browser(world)
    ticks = [world.item("price", shop) for shop in ("dy-home",)]
    three = [world.item(key, shop) for key in ("count", "proof") for shop in ("tm-home", "dy-home")]
    assert client.post("/items/bulk", data={"item": ticks, "verb": "done"}, headers=JSON).json()["items"] == 1
    assert client.post("/items/bulk", data={"item": three, "verb": "claim"}, headers=JSON).json()["items"] == 4
    answer = client.post("/items/bulk", data={"item": three, "verb": "assign", "to": "zhao"}, headers={"Referer": "http://localhost/?when=all"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?when=all")
    with world.store.read() as connection:
        found = {row.id: (row.state, row.assignee) for row in connection.execute(select(t.item))}
    assert found[ticks[0]][0] == "done" and {found[item] for item in three} == {("open", "zhao")}


def test_of_several_all_or_none(world):
    client, before = browser(world), everything(world)
    price, count = world.item("price", "dy-home"), world.item("count")
    refused = client.post("/items/bulk", data={"item": [price, count], "verb": "done"})
    assert refused.status_code == 422 and "选中的有 1 项需要填写内容,请逐项完成:报名成功的商品数" in refused.text
    for sent, status in (({"verb": "done"}, 422), ({"item": [price, 999999], "verb": "claim"}, 404), ({"item": [price, "x"], "verb": "claim"}, 422), ({"item": [price], "verb": "burn"}, 422), ({"item": [price, count], "verb": "assign", "to": "ghost"}, 404), ({"item": list(range(1, 300)), "verb": "claim"}, 422)):
        assert client.post("/items/bulk", data=sent).status_code == status, sent
        assert client.post("/items/bulk", json=sent, headers=JSON).status_code == status, sent
    assert browser(world, "sun").post("/items/bulk", data={"item": [price, count], "verb": "claim"}).status_code == 422
    assert browser(world, None).post("/items/bulk", data={"item": [price], "verb": "done"}).status_code == 401
    assert everything(world) == before


def test_rows_are_chosen_by_boxes_that_belong_to_the_bar(world):
    page = browser(world).get("/?when=all").text
    assert re.search(r'<form class="bulk card" id="bulk" method="post" action="/items/bulk">', page)
    boxes = re.findall(r'name="item" value="(\d+)" form="bulk"( data-plain)?', page)
    assert (str(world.item("price", "dy-home")), " data-plain") in boxes and (str(world.item("count")), "") in boxes
    assert 'form="bulk"' not in browser(world, None).get("/?when=all&person=*").text

"""The pages of people: who they are, what is changed of them and by whom, roles nobody holds, and everything of one person handed to another."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from ecops.service import people
from ecops.store import tables as t
from tests.integration.web_data import World, browser, build, everything, world  # noqa: F401

JSON = {"Accept": "application/json"}
SECRET = "a1b2c3d4e5f6a7b8"


def person(world: World, key: str) -> dict:
    return people.one(world.store, key, world.now)


def events(world: World, what: str) -> list:
    with world.store.read() as connection:
        return connection.execute(select(t.event.c.actor, t.event.c.detail).where(t.event.c.what == what).order_by(t.event.c.id)).all()


def test_the_list_shows_roles_absences_and_what_everybody_has(world):
    people.bind(world.store, "supply", "zhao", "dy-home", world.now)
    people.away(world.store, "li", world.now, world.now + timedelta(days=2), "zhao", None, "boss", world.now)
    page = browser(world).get("/people").text
    for seen in ("王丽", "商品", "供应链 · 素木家居抖音店", "不在 11-08 12:03 – 11-10 12:03", "代班 赵敏", "没有联系方式"):
        assert seen in page, seen


def test_people_are_found_by_name_key_and_role(world):
    client = browser(world, None)
    assert re.findall(r'href="/people/(\w+)"', client.get("/people?q=赵").text) == ["zhao"]
    assert re.findall(r'href="/people/(\w+)"', client.get("/people?q=bos").text) == ["boss"]
    assert sorted(re.findall(r'href="/people/(\w+)"', client.get("/people?role=merchandising").text)) == ["wang", "zhao"]
    assert "没有符合条件的人" in client.get("/people?q=%25").text


def test_hundreds_of_people_come_in_pages(world):
    with world.store.write(world.now, "test") as tx:
        tx.add(t.person, [{"person": f"p{number}", "name": f"人{number:03}", "added_at": world.now} for number in range(120)])
    client = browser(world)
    first, last = client.get("/people").text, client.get("/people?page=3").text
    assert first.count('class="counts"') == 50 and 'rel="next"' in first and last.count('class="counts"') == 26 and 'rel="next"' not in last


def test_a_role_nobody_holds_stands_on_top_with_where_its_work_falls(world):
    assert 'id="unheld"' not in browser(world).get("/people").text
    with world.store.write(world.now, "test") as tx:
        tx.connection.execute(delete(t.role_binding).where(t.role_binding.c.role == "content"))
    page = browser(world).get("/people").text
    told = page[page.index('id="unheld"') : page.index("</section>", page.index('id="unheld"'))]
    assert "内容设计" in told and "9 项 · 3 店" in told and "暂归" in told and "王丽" in told
    people.bind(world.store, "content", "zhao", "dy-home", world.now)
    assert "6 项 · 2 店" in browser(world).get("/people").text
    with world.store.write(world.now, "test") as tx:
        tx.connection.execute(delete(t.role_binding).where(t.role_binding.c.role == "operations"))
    assert "没有人接手" in browser(world).get("/people").text


def test_a_person_is_added_and_becomes_somebody_who_holds_a_role(world):
    client = browser(world)
    added = client.post("/people", data={"person": "qian", "name": "钱进"}, follow_redirects=False)
    assert (added.status_code, added.headers["location"]) == (303, "/people/qian")
    client.post("/people/qian/bind", data={"role": "media", "shop": "素木家居抖音店"})
    client.post("/people/qian/bind", data={"role": "service", "shop": ""})
    assert person(world, "qian")["roles"] == ["media@dy-home", "service"]
    client.post("/people/qian/unbind", data={"role": "media", "shop": "dy-home"})
    assert person(world, "qian")["roles"] == ["service"]
    assert [(row.actor, row.detail["person"]) for what in ("person.added", "role.bound", "role.unbound") for row in events(world, what) if row.detail["person"] == "qian"] == [("wang", "qian")] * 4


def test_the_first_person_of_all_adds_themselves(tmp_path):
    world = build(tmp_path)
    with world.store.write(world.now, "test") as tx:
        for table in (t.role_binding, t.person):
            tx.connection.execute(delete(table))
    client = browser(world, None)
    assert 'action="/people"' in client.get("/people").text
    assert client.post("/people", data={"person": "first", "name": "第一人"}, follow_redirects=False).status_code == 303
    assert client.post("/people", data={"person": "second", "name": "第二人"}).status_code == 401


def test_channels_are_shown_veiled_and_taken_away(world):
    client = browser(world)
    client.post("/people/li/channel", data={"url": f"dingtalk://{SECRET}"})
    client.post("/people/li/channel", data={"url": f"jsons://hooks.example.com/{SECRET}"})
    for path in ("/people", "/people/li", "/people?lang=en", "/people?lang=zh"):
        assert SECRET not in client.get(path).text
    page = client.get("/people/li").text
    assert "dingtalk://***" in page and "jsons://hooks.example.com/***" in page
    number = person(world, "li")["channels"][0]["channel"]
    client.post("/people/li/unchannel", data={"channel": number})
    assert [one["address"] for one in person(world, "li")["channels"]] == ["jsons://hooks.example.com/***"]
    refused = client.post("/people/li/channel", data={"url": f"https://oapi.dingtalk.com/robot/send?access_token={SECRET}"})
    assert refused.status_code == 422 and "网址看不出是哪种服务" in refused.text and SECRET not in refused.text


def test_quiet_hours_language_and_digests_are_set(world):
    client = browser(world)
    client.post("/people/li/set", data={"name": "李强强", "language": "en", "quiet_from": "22:00", "quiet_until": "08:00", "timezone": "Asia/Tokyo"})
    now = person(world, "li")
    assert (now["name"], now["language"], now["quiet"], now["timezone"], now["digests"]) == ("李强强", "en", "22:00-08:00", "Asia/Tokyo", False)
    client.post("/people/li/set", data={"name": "李强强", "language": "en", "quiet_from": "", "quiet_until": "", "timezone": "Asia/Tokyo", "digests": "yes"})
    assert (person(world, "li")["quiet"], person(world, "li")["digests"]) == (None, True)
    assert [row.actor for row in events(world, "person.changed")] == ["wang", "wang"]


def test_an_absence_is_entered_with_its_cover_and_taken_back(world):
    client = browser(world)
    client.post("/people/li/away", data={"since": "", "until": "2026-11-10T18:00", "cover": "zhao", "note": "体检"})
    absence = person(world, "li")["absences"][0]
    assert (absence["until"], absence["cover"], absence["note"]) == ("2026-11-10T10:00:00+00:00", "zhao", "体检")
    assert "体检" in client.get("/people/li").text and "赵敏" in client.get("/people/li").text
    overlapping = client.post("/people/li/away", data={"since": "2026-11-09T09:00", "until": "2026-11-12T09:00"})
    assert overlapping.status_code == 409 and "与这段时间重叠" in overlapping.text
    client.post("/people/li/back")
    assert person(world, "li")["absences"] == []


def test_everything_of_one_person_is_shown_first_and_then_handed_over(world):
    zhao, numbers = browser(world, "zhao"), [world.item("venue"), world.item("words")]
    zhao.post("/items/bulk", data={"item": numbers, "verb": "claim"})
    before = everything(world)
    page = zhao.get("/people/zhao?to=wang").text
    assert "会场链接" in page and re.search(r"<b class=\"num\">2</b> 项会转交给 <b>王丽</b>", page) and everything(world) == before
    assert zhao.post("/people/zhao/handover", data={"to": "wang", "role": "", "count": "3"}).status_code == 409 and everything(world) == before
    assert zhao.post("/people/zhao/handover", data={"to": "wang", "role": "", "count": "2"}, follow_redirects=False).status_code == 303
    assert (person(world, "zhao")["assigned"], person(world, "wang")["assigned"]) == (0, 2)
    assert "没有可转交的事项" in zhao.get("/people/zhao?to=wang").text


def test_a_handover_that_is_not_theirs_says_why(world):
    browser(world, "zhao").post(f"/items/{world.item('venue')}/claim")
    page = browser(world, "chen").get("/people/zhao?to=chen").text
    assert "这是角色“内容设计”的事,chen 没有这个角色" in page and "/handover" not in page
    assert browser(world, "chen").post("/people/zhao/handover", data={"to": "chen", "count": "1"}).status_code == 422
    assert "/handover" not in browser(world, None).get("/people/zhao?to=wang").text


@pytest.mark.parametrize(("path", "sent", "status", "said"), [
    ("/people", {"person": "Wang Li", "name": "x"}, 422, "编号只能用小写字母"),
    ("/people", {"person": "", "name": "x"}, 422, "编号只能用小写字母"),
    ("/people", {"person": "zhao", "name": "x"}, 409, "编号 zhao 已经有人用了"),
    ("/people", {"person": "new", "name": ""}, 422, "请写姓名"),
    ("/people/ghost/set", {"name": "x"}, 404, "没有人员 ghost"),
    ("/people/li/set", {"name": "李", "quiet_from": "22:00"}, 422, "免打扰时间要么从、到都填"),
    ("/people/li/set", {"name": "李", "quiet_from": "22:00", "quiet_until": "22:00"}, 422, "开始和结束不能相同"),
    ("/people/li/set", {"name": "李", "quiet_from": "x", "quiet_until": "y"}, 422, "免打扰时间写成"),
    ("/people/li/set", {"name": "李", "language": "fr"}, 422, "消息不能用语言 fr"),
    ("/people/li/set", {"name": "李", "timezone": "Mars/Base"}, 422, "没有时区 Mars/Base"),
    ("/people/li/bind", {"role": "media", "shop": "家居"}, 404, "没有店铺 家居"),
    ("/people/li/bind", {"role": ""}, 422, "请写角色"),
    ("/people/li/unbind", {"role": "media"}, 404, "没有这个角色"),
    ("/people/li/away", {"until": "soon"}, 422, "“soon”不是时间"),
    ("/people/li/away", {"until": "2026-11-07T10:00"}, 422, "结束时间要晚于开始时间"),
    ("/people/li/away", {"since": "2026-11-01T10:00", "until": "2026-11-07T10:00"}, 422, "这段时间已经过去了"),
    ("/people/li/away", {"until": "2026-11-17T10:00", "cover": "li"}, 422, "代班人不能是本人"),
    ("/people/li/away", {"until": "2026-11-17T10:00", "note": "x" * 501}, 422, "内容太长了"),
    ("/people/li/channel", {"url": "pigeon://x"}, 422, "消息不能经 pigeon://*** 发送"),
    ("/people/li/channel", {"url": ""}, 422, "消息不能经"),
    ("/people/li/unchannel", {"channel": "9"}, 404, "没有这个联系方式"),
    ("/people/li/unchannel", {"channel": "x"}, 404, "没有这个联系方式"),
    ("/people/li/burn", {}, 404, "没有这一页"),
])  # fmt: skip
def test_what_is_off_is_said_in_chinese_and_changes_nothing(world, path, sent, status, said):
    before = everything(world)
    answer = browser(world).post(path, data=sent)
    assert answer.status_code == status and said in answer.text, re.sub(r"<[^>]+>", "", answer.text)[-300:]
    assert everything(world) == before


def test_nobody_changes_people_without_having_said_who_they_are(world):
    before, client = everything(world), browser(world, None)
    for verb in ("set", "bind", "unbind", "channel", "unchannel", "away", "back", "handover"):
        assert client.post(f"/people/li/{verb}", data={"name": "x", "role": "media", "until": "2026-12-01"}).status_code == 401
        assert browser(world).post(f"/people/li/{verb}", headers={"Origin": "http://evil.example"}).status_code == 403
    assert 'method="post" action="/people' not in client.get("/people/li").text and everything(world) == before
    assert browser(world).get("/people/ghost").status_code == 404

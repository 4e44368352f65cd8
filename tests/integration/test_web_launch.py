"""The page that launches: playbooks to choose, the dated plan with what is wrong with it, and a run by the chosen person, once."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from ecops.service import findings, launch
from ecops.store import tables as t
from ecops.web import words
from tests.integration.web_data import World, browser, everything, world  # noqa: F401

JSON = {"Accept": "application/json"}
BOOK = """playbook: small-sale
version: 3
title: {zh: 小促 {{ params.target }}, en: Small sale}
phase: campaign
owner: operations
anchors:
  day: {at: "D 00:00"}
  warm-up: {default: day - 3d 20:00, title: {zh: 预热时刻, en: Warm-up}}
params:
  target: {type: money, required: true, title: {zh: 目标, en: Target}}
  live: {type: flag, default: true, title: {zh: 有直播, en: Live}}
  level: {type: choice, default: low, choices: [low, high]}
steps:
  - {id: plan, title: {zh: 定计划, en: Plan}, role: operations, start: warm-up, due: day - 2d 18:00, checklist: [写计划]}
  - {id: tidy, title: {zh: 收拾, en: Tidy up}, role: technology, needs: [plan], due: day + 1d 18:00, checklist: [归档]}
"""
SALE = {"playbook": "small-sale", "day": "2026-11-20", "shops": "all", "param.target": "1000"}


@pytest.fixture
def shelf(world: World):
    (world.home / "playbooks").mkdir()
    (world.home / "playbooks" / "small-sale.yaml").write_text(BOOK.replace("小促 {{ params.target }}", '"小促 {{ params.target }}"'), "utf8")
    return world


def runs(world: World) -> list:
    with world.store.read() as connection:
        return connection.execute(select(t.run).where(t.run.c.playbook == "small-sale")).all()


def test_playbooks_are_chosen_by_their_titles(shelf):
    page = browser(shelf).get("/launch").text
    assert 'href="/launch?playbook=small-sale"><b>小促</b><span class="soft">small-sale · v3' in page and "双11大促" in page and "每日晨检" in page
    assert "Double 11" in browser(shelf).get("/launch?lang=en").text


def test_a_file_that_cannot_be_read_holds_no_other_back(shelf):
    (shelf.home / "playbooks" / "broken.yaml").write_text("playbook: broken\ntitle: {zh: [\n", "utf8")
    assert "broken" in browser(shelf).get("/launch").text and "小促" in browser(shelf).get("/launch").text
    refused = browser(shelf).get("/launch?playbook=broken")
    assert refused.status_code == 422 and "手册 broken.yaml 第 " in refused.text and str(shelf.home) not in refused.text


def test_the_form_asks_for_what_the_playbook_needs(shelf):
    page = browser(shelf).get("/launch?playbook=small-sale").text
    assert re.search(r"目标 \*</span>\s*<input name=\"param.target\"", page) and "默认 是" in page and "<option >high</option>" in page
    assert 'name="anchor.warm-up"' in page and 'name="anchor.day"' not in page and "day - 3d 20:00" in page and 'method="post" action="/launch"' not in page


def test_the_plan_is_shown_with_what_is_wrong_and_nothing_is_written(shelf):
    before = everything(shelf)
    page = browser(shelf).get("/launch", params=SALE).text
    assert re.search(r"定计划.*11-17 20:00 → <b class=\"\">11-18 18:00", page, re.S) and "预热时刻 · 11-17 20:00" in page and '<b class="num">3</b> 店' in page
    assert "没有人担任“技术”:全部 3 家店;它在 1 步(收拾)里的事归“运营”。" in page and "ecops role bind technology PERSON" in page and "Nobody holds" not in page
    english = browser(shelf).get("/launch", params=SALE | {"lang": "en"}).text
    assert "Nobody holds technology for all 3 shops; its part of 1 step (tidy) falls to operations." in english and "没有人担任" not in english
    moved = browser(shelf).get("/launch", params=SALE | {"anchor.warm-up": "2026-11-16T10:00"}).text
    assert "11-16 10:00 → " in moved
    assert everything(shelf) == before


def test_it_is_launched_by_the_chosen_person_and_once(shelf):
    page = browser(shelf).get("/launch", params=SALE | {"shops": "", "keys": "tm-home, dy-home"}).text
    form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page[page.index('method="post" action="/launch"') :]))
    answers = [browser(shelf).post("/launch", data=form, follow_redirects=False) for _ in range(2)]
    run = runs(shelf)
    assert len(run) == 1 and {answer.headers["location"] for answer in answers} == {f"/runs/{run[0].run}"}
    assert (run[0].launched_by, run[0].day, run[0].shops, run[0].params["target"]) == ("wang", "2026-11-20", 2, "1000.00")
    assert "小促" in browser(shelf).get(f"/runs/{run[0].run}").text


def test_people_with_too_much_to_do_are_said_by_name(shelf):
    book = shelf.home / "playbooks" / "small-sale.yaml"
    book.write_text(book.read_text("utf8").replace("checklist: [写计划]", f"checklist: {[f'事 {number}' for number in range(40)]}"), "utf8")
    pages = [browser(shelf).get("/launch", params=SALE | {"lang": lang}).text for lang in ("zh", "en")]
    assert "最多的是 王丽 2026-11-18 120 项" in pages[0] and "the most: 王丽 2026-11-18 120." in pages[1] and "wang 2026" not in pages[1]


def test_what_was_wrong_at_the_launch_stands_on_the_page_of_the_run(shelf):
    run = browser(shelf).post("/launch", data=SALE | {"anchor.warm-up": "2026-11-20T10:00"}, headers=JSON).json()["run"]
    pages = [browser(shelf).get(f"/runs/{run}", params={"lang": lang}).text for lang in ("zh", "en")]
    assert re.search(r'id="notes">.*<details open><summary><b>启动前检查</b> 2</summary>.*“定计划”的截止是 2026-11-18 18:00,而它最早 2026-11-20 10:00 才能开始。.*没有人担任“技术”', pages[0], re.S) and "at the earliest" not in pages[0]
    assert "plan is due 2026-11-18 18:00, and it can begin 2026-11-20 10:00 at the earliest." in pages[1] and "才能开始" not in pages[1]


def test_what_was_learned_is_shown_and_may_be_declined(shelf):
    review = launch.launch(shelf.store, launch.Launch(_book(shelf), date(2026, 11, 9), ["tm-home"], {"target": "1"}), shelf.now - timedelta(days=9), "boss").run
    with shelf.store.write(shelf.now, "wang") as tx:
        number = tx.connection.execute(t.finding.insert().values(run=review, shop="", title_zh="直播不值", title_en="Live does not pay", evidence=[], owner="wang", due_at=shelf.now, state="accepted", decided_by="wang", decided_at=shelf.now).returning(t.finding.c.id)).scalar_one()
        tx.add(t.learned, [{"finding": number, "playbook": "small-sale", "shop": "", "param": "live", "value": "false", "since": shelf.now}])
    with shelf.store.read() as connection:
        assert len(findings.in_force(connection, "small-sale", ["tm-home"])) == 1
    page = browser(shelf).get("/launch", params=SALE).text
    assert "采用复盘结论" in page and 'name="decline" value="live"' in page and "直播不值" in page
    taken, declined = (browser(shelf).post("/launch", data=SALE | more, headers=JSON).json()["run"] for more in ({}, {"decline": ["live"]}))
    kept = {row.run: row.params["live"] for row in runs(shelf)}
    assert (kept[taken], kept[declined]) == (False, True)


def _book(world: World):
    from ecops.shelf import shelf

    return shelf(world.home / "playbooks").find("small-sale")


@pytest.mark.parametrize(("more", "status", "said"), [
    ({"playbook": "nope"}, 404, "没有手册 nope"),
    ({"playbook": "../../etc/passwd.yaml"}, 404, "没有手册"),
    ({"day": "soon"}, 422, "“soon”不是日期"),
    ({"day": ""}, 422, "不是日期"),
    ({"shops": "tag:none"}, 422, "没有符合条件的店铺"),
    ({"keys": "ghost"}, 404, "没有店铺 ghost"),
    ({"param.target": ""}, 422, "请填参数 target"),
    ({"param.target": "much"}, 422, "参数 target 填得不对"),
    ({"param.nope": "1"}, 422, "手册里没有 nope"),
    ({"anchor.warm-up": "x"}, 422, "时间节点 warm-up 不是时间"),
    ({"anchor.nope": "2026-11-11"}, 422, "手册里没有 nope"),
    ({"param.target": "9" * 501}, 422, "内容太长了"),
])  # fmt: skip
def test_a_launch_that_cannot_be_is_refused_and_its_preview_says_so(shelf, more, status, said):
    before, client = everything(shelf), browser(shelf)
    answer = client.post("/launch", data=SALE | more)
    assert answer.status_code == status and said in answer.text
    preview = client.get("/launch", params=SALE | more)
    assert preview.status_code in (200, status) and 'method="post" action="/launch"' not in preview.text
    assert everything(shelf) == before


def test_nobody_launches_without_having_said_who_they_are(shelf):
    client = browser(shelf, None)
    assert client.post("/launch", data=SALE).status_code == 401 and browser(shelf).post("/launch", data=SALE, headers={"Origin": "http://evil.example"}).status_code == 403
    assert "先选择你是谁" in client.get("/launch", params=SALE).text and runs(shelf) == []

"""The pages over a real store: what people see, what a tick does, and what is refused."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ecops.service import items, launch
from ecops.store import tables as t
from ecops.web import words
from tests.integration.stores import playbook
from tests.integration.web_data import browser, build, world  # noqa: F401

FETCH = {"X-Requested-With": "fetch"}
JSON = {"Accept": "application/json"}
TEMPLATES = Path(words.__file__).parent / "templates"


def test_the_checklist_shows_what_is_mine_by_urgency(world):
    page = browser(world).get("/?when=all")
    assert page.status_code == 200
    assert page.text.index("逾期") < page.text.index("报名成功的商品数") and "素木家居旗舰店" in page.text and "双11大促" in page.text
    assert "云备货盘点" not in page.text and "会场链接" not in page.text  # another role's


def test_a_run_of_one_shop_is_known_by_the_shop(world):
    alone = launch.launch(world.store, launch.Launch(playbook({"id": "a", "checklist": ["事项"]}), date(2026, 11, 11), ["dy-home"]), world.clock(), "wang")
    assert browser(world).get("/runs").text.count("素木家居抖音店") == 1 and "素木家居抖音店" in browser(world).get(f"/runs/{alone.run}").text


def test_nobody_chosen_yet_is_asked_who_they_are(world):
    page = browser(world, None).get("/")
    assert "你是谁?" in page.text and "赵敏" in page.text


def test_choosing_a_person_is_kept_in_a_cookie_no_script_sees(world):
    answer = browser(world, None).post("/who", data={"person": "zhao"}, follow_redirects=False)
    assert answer.status_code == 303
    assert "ecops_person=zhao" in answer.headers["set-cookie"] and "HttpOnly" in answer.headers["set-cookie"] and "SameSite=lax" in answer.headers["set-cookie"]


@pytest.mark.parametrize(("query", "seen", "unseen"), [
    ("role=content&person=*&when=all", "会场链接", "报名成功"),
    ("shop=dy-home&when=all&person=*", "素木家居抖音店</span>", "素木家居旗舰店</span>"),
    ("when=overdue&person=*", "报名成功", "会场链接"),
    ("person=zhao&when=week", "会场链接", "排班表"),
    ("person=li&when=today", "都做完了", "会场链接"),
])  # fmt: skip
def test_filters_narrow_the_list(world, query, seen, unseen):
    page = browser(world).get(f"/?{query}").text
    assert seen in page and unseen not in page


def test_long_lists_come_in_pages_of_a_hundred(tmp_path):
    client = browser(build(tmp_path, extra_shops=60))
    first, second = client.get("/?person=*&when=all").text, client.get("/?person=*&when=all&page=2").text
    assert first.count("data-row") == 100 and 'rel="next"' in first and 'rel="prev"' in second
    assert not set(re.findall(r'id="(item-\d+)"', first)) & set(re.findall(r'id="(item-\d+)"', second))


def test_a_tick_by_the_script_gives_the_row_back(world):
    item = world.item("count")
    answer = browser(world).post(f"/items/{item}/done", data={"value": "36", "note": "含 2 款新品"}, headers=FETCH)
    assert answer.status_code == 200 and answer.headers["x-swap"] == "row"
    assert "王丽 · 11-08 12:03 已完成" in answer.text and "36 款" in answer.text and "含 2 款新品" in answer.text and "<html" not in answer.text


def test_a_tick_without_the_script_goes_back_to_the_list(world):
    answer = browser(world).post(f"/items/{world.item('count')}/done", data={"value": "36"}, headers={"Referer": "http://localhost/?when=all"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?when=all")


def test_a_referer_of_another_site_is_not_followed(world):
    answer = browser(world).post(f"/items/{world.item('count')}/done", data={"value": "36"}, headers={"Referer": "http://evil.example/x"}, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_who_is_second_is_told_who_was_first(world):
    item = world.item("count")
    browser(world).post(f"/items/{item}/done", data={"value": "36"}, headers=FETCH)
    zhao = browser(world, "zhao")
    row, page, said = (zhao.post(f"/items/{item}/done", data={"value": "40"}, headers=headers) for headers in (FETCH, {}, JSON))
    assert [answer.status_code for answer in (row, page, said)] == [409, 409, 409]
    assert "已由 王丽 于 11-08 12:03 完成" in row.text and "已由 王丽 于 11-08 12:03 完成" in page.text and "<html" in page.text
    assert said.json()["landed"] is False and said.json()["by"] == "wang" and said.json()["state"] == "done" and said.json()["at"].startswith("2026-11-08")
    with world.store.read() as connection:
        assert items.find(connection, item).value == "36"


def test_a_program_gets_json(world):
    item = world.item("count")
    answer = browser(world).post(f"/items/{item}/done", json={"value": 36}, headers=JSON)
    assert answer.json() == {"item": item, "state": "done", "landed": True, "by": "wang", "at": "2026-11-08T04:03:00+00:00"}


@pytest.mark.parametrize(("key", "sent", "said"), [
    ("count", {"value": "61"}, "61 款 超出范围:应在 1 到 60 款 之间。"),
    ("count", {"value": "abc"}, "“abc”不是数字。"),
    ("count", {}, "请填一个数字。"),
    ("proof", {}, "请附一张照片或一个文件。"),
    ("venue", {"link": "javascript:alert(1)"}, "链接要以 https:// 或 http:// 开头。"),
    ("words", {"value": "大概吧"}, "不在可选项里"),
])  # fmt: skip
def test_evidence_out_of_bounds_is_refused_in_chinese(world, key, sent, said):
    answer = browser(world).post(f"/items/{world.item(key)}/done", data=sent, headers=FETCH)
    assert answer.status_code == 422 and said in answer.text


def test_claim_hand_over_skip_and_reopen(world):
    wang, zhao, item = browser(world), browser(world, "zhao"), world.item("count")
    assert "王丽</span>" in wang.post(f"/items/{item}/claim", headers=FETCH).text
    taken = zhao.post(f"/items/{item}/claim", headers=FETCH)
    assert taken.status_code == 409 and "已由 王丽 认领" in taken.text
    assert "赵敏</span>" in wang.post(f"/items/{item}/assign", data={"to": "zhao"}, headers=FETCH).text
    assert wang.post(f"/items/{item}/skip", data={"reason": " "}, headers=FETCH).status_code == 422
    assert "平台延期" in wang.post(f"/items/{item}/skip", data={"reason": "平台延期"}, headers=FETCH).text
    assert 'data-state="open"' in wang.post(f"/items/{item}/reopen", data={"reason": "又开了"}, headers=FETCH).text


def test_nobody_acts_without_having_said_who_they_are(world):
    answer = browser(world, None).post(f"/items/{world.item('count')}/done", data={"value": "3"}, headers=FETCH)
    assert answer.status_code == 401 and "先选择你是谁" in answer.text
    assert browser(world, "ghost").post(f"/items/{world.item('count')}/done", data={"value": "3"}, headers=JSON).status_code == 401


def test_titles_are_escaped(tmp_path):
    evil = "<script>alert('1')</script>"
    world = build(tmp_path, hostile=evil)
    client = browser(world)
    for page in ("/?when=all", f"/runs/{world.run}", f"/runs/{world.run}/steps/evil"):
        text = client.get(page).text
        assert "&lt;script&gt;" in text and evil not in text


def test_a_file_is_kept_by_its_digest_and_only_handed_back_as_a_download(world):
    client, item = browser(world), world.item("proof")
    answer = client.post(f"/items/{item}/done", files={"file": ("../../截图.SVG", b"<svg onload=alert(1)>", "image/svg+xml")}, headers=FETCH)
    name = re.search(r'/evidence/([0-9a-f]{64}\.svg)"', answer.text)[1]
    assert (world.home / "evidence" / name).read_bytes() == b"<svg onload=alert(1)>"
    back = client.get(f"/evidence/{name}")
    assert back.headers["content-type"] == "application/octet-stream" and back.headers["content-disposition"].startswith("attachment") and back.headers["x-content-type-options"] == "nosniff"
    assert client.get("/evidence/..%2Fecops.db").status_code == 404 and client.get("/evidence/ecops.db").status_code == 404


def test_a_file_beyond_the_cap_is_refused(world):
    client, item = browser(world), world.item("proof")
    assert client.post(f"/items/{item}/done", files={"file": ("a.jpg", b"x" * (20 * 1024 * 1024 + 1))}, headers=FETCH).status_code == 413

    def endless():
        for _ in range(30):
            yield b"x" * 1024 * 1024

    head = {"Content-Type": "multipart/form-data; boundary=b", **FETCH}
    body = (part for parts in ((b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n',), endless(), (b"\r\n--b--\r\n",)) for part in parts)
    assert client.post(f"/items/{item}/done", content=body, headers=head).status_code == 413
    assert not list((world.home / "evidence").glob("*"))


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://localhost:9"}])
def test_a_write_from_another_site_is_refused(world, headers):
    for path in (f"/items/{world.item('count')}/done", "/who", f"/steps/{world.gate('budget')}/approve"):
        assert browser(world).post(path, data={"value": "3"}, headers=headers).status_code == 403
    with world.store.read() as connection:
        assert items.find(connection, world.item("count")).state == "open"


def test_a_write_from_this_site_is_taken(world):
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin", **FETCH}
    assert browser(world).post(f"/items/{world.item('count')}/done", data={"value": "3"}, headers=headers).status_code == 200


@pytest.mark.parametrize(("host", "status"), [("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:8000", 200), ("ops.example.com", 200), ("evil.example", 400), ("", 400), ("[", 400)])
def test_only_known_host_names_are_answered(world, host, status):
    assert browser(world, allowed_hosts=["ops.example.com"]).get("/healthz", headers={"Host": host}).status_code == status


def test_every_answer_carries_strict_headers(world):
    for path in ("/", "/runs", "/static/app.js", "/nowhere"):
        headers = browser(world).get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"] and headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"


def test_pages_need_no_exception_from_the_policy(world):
    client = browser(world)
    for path in ("/?when=all&person=*", "/runs", f"/runs/{world.run}", f"/runs/{world.run}/steps/sign-up"):
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?://(?!prefect|www\.w3)", client.get(path).text.replace('placeholder="https://', 'placeholder="'))


def test_reading_changes_nothing(world):
    def state():
        with world.store.read() as connection:
            return [connection.execute(table.select()).all() for table in (t.item, t.step_run, t.event, t.decision)]

    before, client = state(), browser(world)
    for path in ("/", "/?lang=en", "/runs", f"/runs/{world.run}", f"/runs/{world.run}/steps/pages"):
        client.get(path)
    assert client.get(f"/items/{world.item('count')}/done").status_code == 405
    assert state() == before


def test_the_run_page_shows_bars_who_waits_and_the_gates(world):
    page = browser(world).get(f"/runs/{world.run}").text
    for seen in ("双11大促", "谁在等谁", "活动选品", "2/3 店", "等审批", "2026-11-11", "11-02 20:00", "现在 11-08 12:03", "投放预算确认", "0/2", "周总"):
        assert seen in page, seen
    assert "在 Prefect 中查看" not in page
    with world.store.write(world.now, "x") as tx:
        tx.connection.execute(t.run.update().values(prefect_flow_run="abc"))
    assert 'href="http://prefect/abc"' in browser(world).get(f"/runs/{world.run}").text


def test_a_gate_is_signed_by_its_roles_and_says_why_not(world):
    gate = world.gate("budget")
    assert browser(world).post(f"/steps/{gate}/approve", follow_redirects=False, headers={"Referer": f"http://localhost/runs/{world.run}"}).headers["location"] == f"/runs/{world.run}"
    again = browser(world).post(f"/steps/{gate}/approve")
    assert again.status_code == 409 and "已经同意过" in again.text
    refused = browser(world, "chen").post(f"/steps/{gate}/approve")
    assert refused.status_code == 422 and "没有审批所需的角色(管理层, 运营)" in refused.text
    assert browser(world, "boss").post(f"/steps/{gate}/reject").status_code == 422
    assert "1/2" in browser(world).get(f"/runs/{world.run}").text
    assert browser(world, "boss").post(f"/steps/{gate}/approve", headers=JSON).json()["state"] == "done"


def test_step_details_load_as_a_fragment_or_as_a_page(world):
    client = browser(world)
    fragment, page = client.get(f"/runs/{world.run}/steps/sign-up", headers=FETCH).text, client.get(f"/runs/{world.run}/steps/sign-up").text
    assert "<html" not in fragment and "<html" in page and "核对 12 款主推品" in fragment
    assert "缺少近 30 天商品日报" in client.get(f"/runs/{world.run}/steps/pick-items").text
    assert client.get(f"/runs/{world.run}/steps/nothing").status_code == 404


def test_the_language_is_chosen_once(world):
    client = browser(world)
    assert "My checklist" in client.get("/?lang=en").text
    assert "My checklist" in client.get("/").text
    assert "我的清单" in client.get("/?lang=zh").text


def test_every_phrase_of_the_templates_has_its_english():
    phrases = {phrase for path in TEMPLATES.glob("*.html") for phrase in re.findall(r"_\('([^']+)'\)", path.read_text("utf8"))}
    phrases |= {name for names in (words.LOOKS, words.KINDS, words.ITEM_STATES, words.RUN_STATES) for name in names.values()}
    assert phrases - set(words.EN) == set()


def test_english_pages_show_no_chinese_of_ours(world):
    client = browser(world)
    for path in ("/?when=all&person=*&lang=en", f"/runs/{world.run}", "/runs"):
        text = re.sub(r"<[^>]*>", " ", client.get(path).text)
        for name in ("中文", "素木家居旗舰店", "素木家居抖音店", "山岚茶舍京东自营", "王丽", "赵敏", "李强", "陈思远", "孙倩", "周总", "王", "款", "天", "无违禁词", "已修改", "需法务确认"):
            text = text.replace(name, "")
        assert re.findall(r"[一-鿿]+", text) == [], path


def test_unknown_things_are_missing(world):
    client = browser(world)
    assert [client.get(path).status_code for path in ("/runs/nope", "/nowhere", "/evidence/x")] == [404, 404, 404]
    assert client.post("/items/999999/done", headers=FETCH).status_code == 404 and client.post("/items/1/burn").status_code == 404
    assert client.post(f"/items/{10**30}/done", headers=FETCH).status_code == 404 and client.post(f"/steps/{10**30}/approve").status_code == 404
    assert client.get("/healthz").text == "ok"


def test_a_body_that_is_no_json_is_told_so(world):
    answer = browser(world).post(f"/items/{world.item('count')}/done", content=b"{", headers={"Content-Type": "application/json", **JSON})
    assert answer.status_code == 422 and answer.json()["error"] == "请求内容不是 JSON。"


def test_pages_do_not_import_prefect():
    code = "import sys, ecops.web.app; sys.exit('prefect' in sys.modules or 'polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_frozen_item_asks_for_the_reason_where_it_can_be_written(world):
    freeze = {"id": "prices", "title": "价格冻结", "from": "day - 9d", "until": "day + 1d", "steps": ["fix"]}
    book = playbook({"id": "fix", "checklist": ["改价"]}, {"id": "close", "approval": {"by": "operations", "findings": 1}}, freezes=[freeze])
    run = launch.launch(world.store, launch.Launch(book, date(2026, 11, 11), ["tm-home"]), world.clock(), "boss").run
    with world.store.read() as connection:
        item = connection.execute(t.item.select().where(t.item.c.run == run)).one().id
        gate = connection.execute(t.step_run.select().where(t.step_run.c.run == run, t.step_run.c.step == "close")).one().id
    refused = browser(world).post(f"/items/{item}/done", headers=FETCH)
    assert refused.status_code == 409 and "价格冻结:到 2026-11-12 00:00 为止,改动须在“备注”里写原因。" in refused.text
    assert '<details class="more" open>' in refused.text and f'name="note" form="tick-{item}"' in refused.text
    assert browser(world).post(f"/items/{item}/done", data={"note": "平台改了规则"}, headers=FETCH).status_code == 200
    assert "至少 1 条复盘结论" in browser(world).post(f"/steps/{gate}/approve", headers=JSON).json()["error"]


def test_characters_that_no_text_has_are_refused_before_any_database_sees_them(world):
    page, item = browser(world), world.item("count")
    for address in ("/?person=%00", "/messages?run=%00", "/people/%00"):
        assert page.get(address).status_code == 400
    for sent in ({"data": {"reason": "a\0b"}}, {"json": {"reason": "a\0b"}}, {"content": b'{"reason": "\\ud800"}', "headers": {"content-type": "application/json"}}):
        assert page.post(f"/items/{item}/skip", **sent).status_code == 422

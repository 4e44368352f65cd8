"""The checklist in a real Chromium, on a phone-sized screen."""

import re
import socket
import threading
import time

import pytest
import uvicorn

from ecops.web.app import make_app
from tests.browser import FLAGS, chromium
from tests.integration.web_data import build

pytestmark = pytest.mark.browser
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def world(tmp_path):
    made = build(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def site(world):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(make_app(world.store, world.home, world.clock, lambda flow_run: None), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def chrome():
    from playwright.sync_api import sync_playwright

    path = chromium()
    if path is None:
        pytest.fail("no Chromium here; python -m tests.browser installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def phone_of(chrome, site: str, person: str, **more):
    """A phone on which that person has said who they are, with the errors its console showed."""
    page = chrome.new_context(viewport=PHONE, is_mobile=True, has_touch=True, **more).new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if "Content Security Policy" in message.text else None)
    page.goto(site)
    page.locator(f"button[value={person}]").tap()
    page.locator(".me").wait_for()
    page.wait_for_load_state()
    page.goto(f"{site}/?when=all")
    return page


def test_a_tick_on_a_phone_turns_the_row_done_without_a_reload(chrome, site, world):
    page = phone_of(chrome, site, "wang")
    page.evaluate("window.still = true")
    row = page.locator(f"#item-{world.item('count')}")
    row.get_by_label("数字").fill("36")
    row.get_by_role("button", name="完成", exact=True).tap()
    page.locator(f"#item-{world.item('count')}.done").wait_for()
    assert "王丽" in row.inner_text() and "36 款" in row.inner_text()
    assert page.evaluate("window.still") is True and page.errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_two_people_tick_the_same_item_and_the_second_sees_by_whom(chrome, site, world):
    item = f"#item-{world.item('count')}"
    first, second = phone_of(chrome, site, "wang"), phone_of(chrome, site, "zhao")
    for page, number in ((first, "36"), (second, "40")):
        page.locator(item).get_by_label("数字").fill(number)
    first.locator(item).get_by_role("button", name="完成", exact=True).tap()
    first.locator(f"{item}.done").wait_for()
    second.locator(item).get_by_role("button", name="完成", exact=True).tap()
    second.locator(f"{item} .notice").wait_for()
    assert "已由 王丽 于 11-08 12:03 完成" in second.locator(item).inner_text() and "36 款" in second.locator(item).inner_text()


def test_evidence_that_does_not_fit_is_told_beside_the_field_and_stays_there(chrome, site, world):
    page = phone_of(chrome, site, "zhao")
    row = page.locator(f"#item-{world.item('venue')}")
    row.locator("form.tick").evaluate("form => form.noValidate = true")
    row.get_by_label("链接").fill("taobao.com/x")
    row.get_by_role("button", name="完成", exact=True).tap()
    row.locator(".says", has_text="链接要以").wait_for()
    assert row.get_by_label("链接").input_value() == "taobao.com/x"


def test_a_file_is_brought_from_the_phone(chrome, site, world):
    page = phone_of(chrome, site, "wang")
    row = page.locator(f"#item-{world.item('proof')}")
    row.locator("input[type=file]").set_input_files({"name": "后台.png", "mimeType": "image/png", "buffer": b"\x89PNG"})
    row.get_by_role("button", name="完成", exact=True).tap()
    page.locator(f"#item-{world.item('proof')}.done").wait_for()
    assert re.search(r"[0-9a-f]{64}\.png", row.get_by_text("文件").get_attribute("href"))


def test_ticking_works_without_any_script(chrome, site, world):
    page = phone_of(chrome, site, "wang", java_script_enabled=False)
    row = page.locator(f"#item-{world.item('count')}")
    row.get_by_label("数字").fill("36")
    row.get_by_role("button", name="完成", exact=True).tap()
    row.wait_for(state="detached")
    assert page.url.endswith("/?when=all")


def test_a_step_of_the_timeline_opens_to_its_items(chrome, site, world):
    page = phone_of(chrome, site, "wang")
    page.goto(f"{site}/runs/{world.run}")
    page.locator("#step-sign-up > summary").tap()
    page.locator("#step-sign-up .items").wait_for()
    assert "报名成功的商品数" in page.locator("#step-sign-up").inner_text() and page.errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

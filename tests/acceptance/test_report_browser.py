"""A report in a real Chromium: whole on a phone, whole on paper, and nothing asked from outside."""

import sys

import pytest
from playwright.sync_api import sync_playwright

from ecops import cli
from tests.browser import FLAGS, chromium
from tests.integration.web_data import build

pytestmark = pytest.mark.browser


@pytest.fixture
def report(tmp_path, monkeypatch) -> str:
    """The address of a report of a campaign under way in two hundred shops."""
    world = build(tmp_path, extra_shops=197)
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path))
    monkeypatch.setattr("ecops.report_verbs.now", world.clock)
    monkeypatch.setattr(sys, "argv", ["ecops", "report", world.run, "--out", str(tmp_path / "r.html")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    world.store.close()
    assert ended.value.code == 0
    return (tmp_path / "r.html").as_uri()


@pytest.fixture
def browser():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()


def test_a_report_fits_a_phone_and_asks_for_nothing(browser, report):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(report)
    page.locator("#pick-items summary").click()
    assert page.locator("#pick-items table").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert (asked, said) == ([report], [])


def test_paper_has_what_is_folded_on_the_screen(browser, report):
    page = browser.new_page(viewport={"width": 700, "height": 1000})
    page.goto(report)
    inside = page.locator("#sign-up .inside table").first
    assert not inside.is_visible()
    page.emulate_media(media="print")
    assert inside.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 700

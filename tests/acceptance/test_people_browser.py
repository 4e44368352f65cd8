"""Many items at once and the pages of people in a real Chromium, on a phone-sized screen."""

import pytest

from tests.acceptance.test_page_browser import PHONE, chrome, phone_of, site, world  # noqa: F401

pytestmark = pytest.mark.browser


def test_chosen_rows_are_claimed_at_once_and_the_bar_shows_only_then(chrome, site, world):  # noqa: F811
    page = phone_of(chrome, site, "wang")
    bar = page.locator("#bulk")
    assert not bar.is_visible()
    for key in ("price", "count"):
        page.locator(f"#item-{world.item(key, 'dy-home')} .check").tap()
    assert bar.locator("[data-chosen]").inner_text() == "2" and bar.get_by_role("button", name="完成").is_disabled()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    bar.get_by_role("button", name="认领").tap()
    page.locator(f"#item-{world.item('count', 'dy-home')} .owner", has_text="王丽").wait_for()
    assert not bar.is_visible() and page.errors == []


def test_an_item_is_delegated_from_its_panel_without_a_reload(chrome, site, world):  # noqa: F811
    page = phone_of(chrome, site, "wang")
    page.evaluate("window.still = true")
    row = page.locator(f"#item-{world.item('count')}")
    row.locator("summary").tap()
    row.locator("select[name=to]").select_option("zhao")
    row.get_by_role("button", name="委托").tap()
    row.locator(".answers", has_text="王丽").wait_for()
    assert "赵敏" in row.inner_text() and page.evaluate("window.still") is True and page.errors == []


def test_every_page_fits_a_phone_in_both_languages(chrome, site, world):  # noqa: F811
    page = phone_of(chrome, site, "wang")
    for language in ("zh", "en"):
        for path in ("/?when=all&person=*", "/people", "/people/zhao?to=wang", "/waiting", "/messages", f"/runs/{world.run}", f"/runs/{world.run}/replan?anchor.day=2026-11-12T00:00", f"/items/{world.item('count')}"):
            page.goto(f"{site}{path}{'&' if '?' in path else '?'}lang={language}")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], (language, path)
    assert page.errors == []

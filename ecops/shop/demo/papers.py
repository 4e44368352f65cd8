"""The papers a demo shop must have, some of them expired, expiring, missing, renewed or made out to another company."""

from datetime import date, timedelta

import polars as pl

from ecops.shop.demo.plan import Plan
from ecops.shop.demo.words import HOLDER, OTHER_HOLDER, THEMES, Theme

_TESTED = 8
_YEAR = 365
# Days from the last day of the period to the expiry of the test reports of the first items; the others are good for long.
# At 0 a paper is valid for the last time; 61, 31 and 8 are just outside the usual warnings.
EXPIRIES = {0: -10, 1: 60, 2: 30, 3: 7, 4: 0, 5: 61, 6: 400}
_RENEWED = 6  # its old report has expired and a newer one is there
_SCHEMA = {
    "shop": pl.String, "document_id": pl.String, "document_type": pl.String, "title": pl.String, "item_id": pl.String, "brand": pl.String,
    "holder": pl.String, "issued_on": pl.Date, "expires_on": pl.Date, "no_expiry": pl.Boolean,
}


def documents(shops: pl.DataFrame, items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `documents`. Expiries are counted from the last day of the period: another `until` gives other papers."""
    first = items.filter(pl.col("position") < _TESTED).select("shop", "position", "item_id", "title", "brand")
    by_shop = {shop: frame.rows() for (shop,), frame in first.group_by("shop", maintain_order=True)}
    themes = {theme.name: theme for theme in THEMES}
    rows = [
        row
        for shop, name, theme in shops.select("shop", "name", "theme").iter_rows()
        for row in _of_shop(shop, name, themes[theme], by_shop[shop], plan.until)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _of_shop(shop: str, name: str, theme: Theme, tested: list[tuple], until: date) -> list[tuple]:
    holder, old = HOLDER.format(name=name), until - timedelta(days=900)
    own, allowed, _ = theme.brands
    rows = [
        ("licence", "营业执照", name, None, None, holder, old, None, True),
        ("mark", "商标注册证", own, None, own, holder, old, until + timedelta(days=6 * _YEAR), False),
        ("authorisation", "品牌授权书", allowed, None, allowed, holder, old, until + timedelta(days=200), False),
        *((f"permit-{at}", permit, name, None, None, holder, old, until + timedelta(days=500), False) for at, permit in enumerate(theme.permits)),
        *(row for _, position, item, title, brand in tested for row in _reports(position, item, title, brand, holder, until)),
    ]
    return [(shop, f"{shop}-{number}", *rest) for number, *rest in rows]


def _reports(position: int, item: str, title: str, brand: str, holder: str, until: date) -> list[tuple]:
    expires = until + timedelta(days=EXPIRIES.get(position, 300))
    owner = OTHER_HOLDER if position == _TESTED - 1 else holder
    newest = (f"report-{position}", "质检报告", title, item, brand, owner, expires - timedelta(days=2 * _YEAR), expires, False)
    if position != _RENEWED:
        return [newest]
    old = until - timedelta(days=20)
    return [(f"report-{position}-old", "质检报告", title, item, brand, owner, old - timedelta(days=_YEAR), old, False), newest]


def told(shop: str, items: dict[int, str], theme: str, plan: Plan) -> list[dict[str, object]]:
    """What is to be found in the papers of a shop, ready for JSON."""
    def on(days: int) -> str:
        return (plan.until + timedelta(days=days)).isoformat()

    found = [
        {
            "what": f"document_{'expired' if days < 0 else 'expiring'}",
            "hit": days <= 60,
            "document_ids": [f"{shop}-report-{at}"],
            "item_ids": [items[at]],
            "day": on(days),
            "days_left": days,
        }
        for at, days in EXPIRIES.items()
        if at != _RENEWED
    ]
    brand = next(one.brands[2] for one in THEMES if one.name == theme)
    return [
        *found,
        {
            "what": "document_renewed",
            "hit": False,
            "document_ids": [f"{shop}-report-{_RENEWED}-old", f"{shop}-report-{_RENEWED}"],
            "item_ids": [items[_RENEWED]],
        },
        {"what": "document_of_another_holder", "hit": True, "document_ids": [f"{shop}-report-{_TESTED - 1}"], "item_ids": [items[_TESTED - 1]]},
        {"what": "authorisation_missing", "hit": True, "brand": brand, "item_ids": [item for at, item in items.items() if at % 3 == 2]},
        {"what": "licence_without_end", "hit": False, "document_ids": [f"{shop}-licence"]},
    ]

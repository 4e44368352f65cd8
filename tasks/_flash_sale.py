"""The week's flash sale: when it is pushed, which items, and what is written of them."""

from datetime import datetime, time, timedelta

import polars as pl

from ecops.automation import Ask, Frames
from ecops.copyscan import BLOCK
from ecops.formulae.offers import off_share
from ecops.playbook.calendar import add_working_days, working_day
from ecops.quantity import format_money
from ecops.shop.kinds import ALL
from tasks._messages import filled, scanned
from tasks._offers import kept_offers
from tasks._reach import sending_at
from tasks._rows import instant, known
from tasks._windows import DAY

PUSH_FIELDS = ("title", "price", "was")
_FIGURE = "9.90"
_ITEM = ("shop", "item_id", "title", "promotion_id", "price_fen", "sale_fen", "cost_fen", "under_cost", "stock_units", "text", "verdict", "terms")


def push_time(ask: Ask) -> tuple[datetime | None, str | None]:
    """When the push goes out, or None: without a reason because `send_at` names no time, else with what is wrong, in Chinese."""
    moment = sending_at(ask.params.send_at, ask.params.quiet, ask)
    if moment is None or ask.params.on_holiday == "send":
        return moment, None
    day = moment.astimezone(ask.timezone).date()
    if working_day(day)[0]:
        return moment, None
    later, _ = add_working_days(day, 1)
    if later.isocalendar()[:2] != day.isocalendar()[:2]:
        return None, "本周没有剩余的工作日可发送"
    return moment + (later - day), None


def week_of(moment: datetime, ask: Ask) -> str:
    """The ISO week of an instant on the shop's clock: `2026-W53` for 1 January 2027."""
    year, week, _ = moment.astimezone(ask.timezone).isocalendar()
    return f"{year}-W{week:02d}"


def week_begins(moment: datetime, ask: Ask) -> datetime:
    """Monday midnight of the ISO week of an instant."""
    day = moment.astimezone(ask.timezone).date()
    return datetime.combine(day - timedelta(days=day.weekday()), time.min, ask.timezone)


def holiday_words(moment: datetime, ask: Ask) -> tuple[str, str]:
    """What to say of a week with days off between Monday and Friday, in Chinese and English; empty where there is none."""
    monday = week_begins(moment, ask).date()
    days = [working_day(monday + n * DAY) for n in range(5)]
    off, unsure = sum(not works for works, _ in days), any(provisional for _, provisional in days)
    if not off:
        return ("，放假安排未公布", ", holidays not announced") if unsure else ("", "")
    return f"，节假周，放假{off}天", f", holiday week, {off} days off"


def flash_items(frames: Frames, ask: Ask, send: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Items to push, the deepest cut first, and those of the offers left out with the first `reason` that holds."""
    rows = _offered(frames, ask, send).with_columns(reason=_reason(ask))
    written = _with_copy(rows.filter(pl.col("reason").is_null()), ask)
    forbidden = written.filter(pl.col("verdict") == BLOCK).with_columns(reason=pl.format("copy forbidden: {}", "terms"))
    good = written.filter(pl.col("verdict") != BLOCK).sort("shop", _cut(), "item_id", descending=[False, True, False])
    place = pl.int_range(pl.len()).over("shop")
    kept, more = good.filter(place < ask.params.most_items), good.filter(place >= ask.params.most_items)
    left_out = [rows.filter(pl.col("reason").is_not_null()), forbidden, more.with_columns(reason=pl.lit("more items than a push takes"))]
    reasons = pl.concat([part.select("shop", "item_id", "title", "promotion_id", "stock_units", "reason") for part in left_out])
    return kept.select(_ITEM), reasons.sort("shop", "item_id")


def _cut() -> pl.Expr:
    return (pl.col("price_fen") - pl.col("sale_fen")) / pl.col("price_fen")


def _offered(frames: Frames, ask: Ask, send: datetime) -> pl.DataFrame:
    """One row an item with a direct offer of its own that holds at `send`: the lowest price of them, catalogue and last stock."""
    then, off = instant(send), pl.max_horizontal(pl.col("off_fen").fill_null(0), off_share(pl.col("price_fen"), pl.col("off_rate").fill_null(0)))
    offers = (
        kept_offers(frames, ask)
        .filter(pl.col("problem").is_null(), pl.col("item_id") != ALL, pl.col("promotion_kind") == "direct")
        .filter(pl.col("starts_at") <= then, then < pl.col("ends_at"))
        .select("shop", "item_id", "promotion_id", "off_fen", "off_rate", "threshold_fen")
    )
    items = known(frames, "items", ask).select("shop", "item_id", "title", "on_sale", "price_fen", "cost_fen", listed=pl.lit(True))
    sale = pl.when((pl.col("threshold_fen") > pl.col("price_fen")).fill_null(False)).then("price_fen").otherwise(pl.col("price_fen") - off)
    return (
        offers.join(items, on=["shop", "item_id"], how="left")
        .with_columns(sale_fen=sale)
        .sort("shop", "item_id", "sale_fen", "promotion_id", nulls_last=True)
        .unique(["shop", "item_id"], keep="first", maintain_order=True)
        .join(_stock(frames, ask, send), on=["shop", "item_id"], how="left", maintain_order="left")
        .with_columns(under_cost=pl.col("sale_fen") < pl.col("cost_fen"))
        .collect()
    )


def _stock(frames: Frames, ask: Ask, send: datetime) -> pl.LazyFrame:
    """The closing stock of each item's last day; an item whose last day is older than `stock_age` at the time of sending has none."""
    counted = (pl.col("date") + DAY).cast(pl.Datetime("us")).dt.replace_time_zone(ask.timezone.key).dt.convert_time_zone("UTC")
    fresh = known(frames, "stock", ask).filter(counted >= instant(send - ask.params.stock_age))
    last = fresh.sort("shop", "item_id", "date").group_by("shop", "item_id").last()
    return last.select("shop", "item_id", stock_units="closing_units")


def _reason(ask: Ask) -> pl.Expr:
    return (
        pl.when(pl.col("listed").is_null() | pl.col("title").is_null()).then(pl.lit("item unknown"))
        .when(~pl.col("on_sale").fill_null(True)).then(pl.lit("not on sale"))
        .when(pl.col("price_fen").is_null() | (pl.col("price_fen") <= 0)).then(pl.lit("price unknown"))
        .when((pl.col("sale_fen") <= 0) | (pl.col("sale_fen") >= pl.col("price_fen"))).then(pl.lit("the offer makes no lower price"))
        .when(pl.col("stock_units").is_null()).then(pl.lit("stock unknown at the time of sending"))
        .when(pl.col("stock_units") < ask.params.least_stock).then(pl.lit("out of stock"))
    )  # fmt: skip


def _with_copy(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """What is written of each item, with the scanner's word on it. Figures forbid nothing: each title is scanned once, with one figure."""
    columns = rows.select("title", "sale_fen", "price_fen").iter_rows()
    texts = [filled(ask.params.text, {"title": title, "price": format_money(sale), "was": format_money(was)}) for title, sale, was in columns]
    alike = [filled(ask.params.text, {"title": title, "price": _FIGURE, "was": _FIGURE}) for title in rows["title"]]
    copied = rows.with_columns(text=pl.Series(texts, dtype=pl.String), alike=pl.Series(alike, dtype=pl.String))
    return copied.join(scanned(alike).rename({"text": "alike"}), on="alike", how="left", maintain_order="left")

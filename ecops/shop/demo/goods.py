"""The goods of the demo shops: their items, and what the competitors ask for the same."""

from datetime import date

import polars as pl

from ecops.shop.demo.plan import (
    BOOKED,
    DROPPED,
    EDGE,
    IDLE,
    LAUNCHES,
    MOST_ITEMS,
    PRICE_DROP,
    PRICE_DROP_AFTER,
    SLOW_BUT_NEW,
    STRONG,
    THIN,
    WITHDRAWN,
    Plan,
)
from ecops.shop.demo.words import COMPETITORS, HARMLESS_WORDS, IMAGE_ONLY, PLANTED_WORDS, THEMES, Theme

_ITEM_STEP = 64
_FIRST_ITEM_ID, _FIRST_RIVAL_ID = 600_000_000_000, 700_000_000_000
_WATCHED = 6
_LOOK_DAY = 3
_PRICE_CUT_AFTER = 40  # from then on the first competitor asks a fifth less for the first item


def goods(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The items of all shops listed by the end: the columns of kind `items`, and number, shop_number, position, conversion, regular_fen."""
    frame = shops.select("shop", pl.col("number").alias("shop_number"), "theme", "goods", "band", "search").join(_catalogue(), on="theme")
    frame = frame.filter(pl.col("position") < pl.col("goods"))
    frame = frame.with_columns(number=pl.col("shop_number") * _ITEM_STEP + pl.col("position"))
    frame = frame.with_columns(*_texts(), **_figures(plan)).with_columns(cost_fen=_cost(plan), price_fen=_price_today(plan))
    return frame.filter(pl.col("listed_on") <= plan.until).sort("number")


def _catalogue() -> pl.DataFrame:
    """Every article of every theme by position: title, detail text, category, brand, list price in yuan."""
    rows = [(theme.name, position, *_article(theme, position)) for theme in THEMES for position in range(MOST_ITEMS)]
    return pl.DataFrame(rows, schema=["theme", "position", "title", "detail_text", "category", "brand", "yuan"], orient="row")


def _article(theme: Theme, position: int) -> tuple[str, str, str, str, int]:
    variant, turn = divmod(position, len(theme.goods))
    (name, yuan), brand = theme.goods[turn], theme.brands[position % len(theme.brands)]
    title = f"{brand} {name} {theme.variants[variant]}"
    return title, theme.detail.format(title=title), name, brand, yuan


def _texts() -> list[pl.Expr]:
    detail = _planted("detail_text")
    return [_planted("title"), pl.when(~pl.col("position").is_in(IMAGE_ONLY)).then(detail).alias("detail_text")]


def _planted(column: str) -> pl.Expr:
    text = pl.col(column)
    for position, where, _, pattern in (*PLANTED_WORDS, *HARMLESS_WORDS):
        if where == column:
            planted = pl.format(pattern.replace("{text}", "{}"), pl.col(column))
            text = pl.when(pl.col("position") == position).then(planted).otherwise(text)
    return text.alias(column)


def _figures(plan: Plan) -> dict[str, pl.Expr]:
    number, position = pl.col("number"), pl.col("position")
    days_old = 40 + (plan.dice(number, "age") * 600).cast(pl.Int64)
    launches = {place: plan.launch(place) for place in LAUNCHES}
    ordinary = 0.02 + 0.05 * plan.dice(number, "conversion")
    return {
        "item_id": (number + _FIRST_ITEM_ID).cast(pl.String),
        "merchant_code": pl.format("M{}-{}", "shop_number", position.cast(pl.String).str.zfill(2)),
        "regular_fen": (pl.col("yuan") * pl.col("band") * (0.9 + 0.2 * plan.dice(number, "price"))).round().clip(5).cast(pl.Int64) * 100,
        "listed_on": pl.coalesce(
            position.replace_strict(launches, default=None, return_dtype=pl.Date), pl.lit(plan.since).cast(pl.Date) - pl.duration(days=days_old)
        ),
        "on_sale": position != WITHDRAWN,
        "pack_size": (plan.dice(number, "pack") * 4).cast(pl.Int64).replace_strict({0: 1, 1: 6, 2: 12, 3: 24}),
        "campaign_booked": position.is_in(BOOKED),
        "conversion": position.replace_strict(EDGE | STRONG | {THIN: 0.5}, default=ordinary, return_dtype=pl.Float64),
        "appeal": pl.when(position.is_in([IDLE, WITHDRAWN, THIN, SLOW_BUT_NEW])).then(0.1).otherwise(1.0),
    }


def _cost(plan: Plan) -> pl.Expr:
    return (pl.col("regular_fen") * (0.42 + 0.25 * plan.dice(pl.col("number"), "cost"))).round().cast(pl.Int64)


def _price_today(plan: Plan) -> pl.Expr:
    dropped = (pl.col("position") == DROPPED) & pl.lit(plan.day(PRICE_DROP_AFTER) <= plan.until)
    return pl.when(dropped).then(lowered(pl.col("regular_fen"))).otherwise(pl.col("regular_fen"))


def lowered(price_fen: pl.Expr) -> pl.Expr:
    """The list price (fen) after the planted drop."""
    return (price_fen * (1 - PRICE_DROP)).round().cast(pl.Int64)


def competitors(items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `competitor_items`: on the first of each month, what each competitor's match of the first items sold in the month before.

    From two months before the period on, so that there is something to compare with from its first day. Every Wednesday the prices
    are looked at again, with the page's monthly figure and no month.
    """
    months = pl.DataFrame({"month": _months(plan)}).with_columns(date=pl.col("month").dt.offset_by("1mo"), monthly_list=pl.lit(True))
    looks = [day for day in plan.days if day.isoweekday() == _LOOK_DAY and day.day != 1]
    looks = pl.DataFrame({"date": looks}, schema={"date": pl.Date}).with_columns(month=pl.col("date").dt.month_start().dt.offset_by("-1mo"), monthly_list=pl.lit(False))
    months = pl.concat([months, looks.select(months.columns)])
    rivals = pl.DataFrame({"competitor": COMPETITORS, "rival": range(len(COMPETITORS))})
    frame = items.filter(pl.col("position") < _WATCHED).join(rivals, how="cross").join(months, how="cross")
    match = pl.col("number") * len(COMPETITORS) + pl.col("rival")
    moment = match * 4096 + pl.col("month").dt.year() % 100 * 12 + pl.col("month").dt.month()
    age = (pl.col("date") - pl.col("listed_on")).dt.total_days().clip(30)
    frame = frame.with_columns(monthly=(200 + 3000 * plan.dice(moment, "rival's month")).cast(pl.Int64), rival_fen=_rival_price(plan, match))
    frame = frame.with_columns(monthly_sales=_as_collected(plan, moment), month=pl.when("monthly_list").then("month"))
    return frame.with_columns(
        competitor_item_id=(match + _FIRST_RIVAL_ID).cast(pl.String),
        price_fen=pl.col("rival_fen"),
        sold_so_far=age * 50 + pl.col("monthly"),
        comments_so_far=age * 6 + pl.col("monthly") // 8,
    )


def _rival_price(plan: Plan, match: pl.Expr) -> pl.Expr:
    usual = pl.col("regular_fen") * (0.85 + 0.25 * plan.dice(match, "rival's price"))
    cut = (pl.col("position") == 0) & (pl.col("rival") == 0) & (pl.col("date") >= plan.day(_PRICE_CUT_AFTER))
    return ((usual * pl.when(cut).then(0.8).otherwise(1.0)) / 100).round().cast(pl.Int64) * 100


def _as_collected(plan: Plan, moment: pl.Expr) -> pl.Expr:
    """Exact numbers and the page's rounded-down "1000+" side by side; the first two items always show one of each."""
    rounded = (pl.col("monthly") // 100 * 100).cast(pl.String) + "+"
    drawn = pl.when(plan.dice(moment, "rounded") < 0.5).then(rounded).otherwise(pl.col("monthly").cast(pl.String))
    return (
        pl.when((pl.col("position") == 0) & (pl.col("rival") == 0)).then(pl.lit("1200"))
        .when((pl.col("position") == 1) & (pl.col("rival") == 0)).then(pl.lit("1000+"))
        .otherwise(drawn)
    )


def _months(plan: Plan) -> list[date]:
    first = plan.since.year * 12 + plan.since.month - 1 - 2
    last = plan.until.year * 12 + plan.until.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(first, last)]


def price_cut(plan: Plan) -> date | None:
    """The first collection that shows the competitor's lower price; None when the period ends before."""
    shown = [date(month.year + month.month // 12, month.month % 12 + 1, 1) for month in _months(plan)]
    shown += [day for day in plan.days if day.isoweekday() == _LOOK_DAY]
    return min((day for day in shown if day >= plan.day(_PRICE_CUT_AFTER)), default=None)

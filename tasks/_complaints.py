"""Complaints: bad reviews and reasons of after-sales as cases of topics, each counted once, beside what was sold."""

from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.counts import count_z
from tasks._reasons import with_topics
from tasks._rows import has_happened, instant, known, local_date
from tasks._windows import DAY, today

NO_COMPLAINT = "unwanted"  # the buyer changed his mind
_LEAST_DAYS = 14


def cases(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row a case and topic: shop, who (order, else buyer, else the text's own number), item_id, topic, text, ago (days before today, 1: yesterday).

    From reviews of at most `max_stars` and from the reasons of after-sales. A text of several topics is a case of each. The same order
    complaining of the same thing twice, in a review and an after-sale, is one case, of the first day; one that names no item joins the one that does.
    """
    bad = known(frames, "reviews", ask).filter(pl.col("stars") <= ask.params.max_stars, pl.col("text").is_not_null())
    asked = _with_items(frames, ask, known(frames, "refunds", ask).filter(pl.col("reason").is_not_null()))
    columns = ("shop", "order_id", "item_id", "buyer_id", "created_at", "text")
    texts = pl.concat([
        bad.select(*columns, id=pl.format("review {}", "review_id")),
        asked.with_columns(text="reason").select(*columns, id=pl.format("refund {}", "refund_id")),
    ])  # fmt: skip
    ago = (pl.lit(today(ask)) - local_date("created_at", ask)).dt.total_days()
    inside = texts.with_columns(ago=ago).filter(pl.col("ago").is_between(1, (ask.params.window + ask.params.baseline) // DAY))
    told = with_topics(inside, "text").explode("topics").rename({"topics": "topic"})
    who = ["shop", "who", "topic"]
    return (
        told.filter(pl.col("topic") != NO_COMPLAINT)
        .with_columns(who=pl.coalesce("order_id", "buyer_id", "id"))
        .with_columns(item_id=pl.coalesce("item_id", pl.col("item_id").min().over(who)))
        .sort(*who, "item_id", "created_at", "id")
        .unique([*who, "item_id"], keep="first", maintain_order=True)
        .select("shop", "who", "buyer_id", "item_id", "topic", "text", "ago")
        .collect()
    )


def _with_items(frames: Frames, ask: Ask, asked: pl.LazyFrame) -> pl.LazyFrame:
    """After-sales that name a line and no item get the line's."""
    line = ["shop", "order_id", "line_id"]
    wanted = asked.filter(pl.col("item_id").is_null(), pl.col("line_id").is_not_null()).select(line).unique()
    lines = known(frames, "order_lines", ask).select(*line, line_item="item_id").join(wanted, on=line, how="semi")
    return asked.join(lines, on=line, how="left").with_columns(item_id=pl.coalesce("item_id", "line_item"))


def sold_beside(frames: Frames, ask: Ask) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What complaints are held against, of each shop and item: order lines paid in the `exposure` before each day, summed over the days of the
    window (`sold`) and of the baseline (`sold_before`), and lines of both together (`lines`); and a shop's `days` of baseline that have it all.
    """
    window, most, back = (span // DAY for span in (ask.params.window, ask.params.baseline, ask.params.exposure))
    ago = (pl.lit(today(ask)) - local_date("paid_at", ask)).dt.total_days()
    recent = pl.col("paid_at") >= instant(ask.as_of - timedelta(days=window + most + back + 1))
    lines = known(frames, "order_lines", ask).filter(has_happened("paid_at", ask), recent)
    paid = lines.group_by("shop", "item_id", ago=ago).agg(n=pl.len().cast(pl.Int64)).filter(pl.col("ago") >= 1)
    days = paid.group_by("shop").agg(days=(pl.col("ago").max() - back + 1 - window).clip(0, most))

    def weight(first: pl.Expr, last: pl.Expr) -> pl.Expr:
        """In how many of the days first..last (counted back) a line paid on day `ago` is looked at."""
        return (pl.min_horizontal(last, "ago") - pl.max_horizontal(first, pl.col("ago") - back + 1) + 1).clip(0)

    now, before = weight(pl.lit(1), pl.lit(window)), weight(pl.lit(window + 1), window + pl.col("days"))
    sums = paid.join(days, on="shop").group_by("shop", "item_id").agg(
        sold=(pl.col("n") * now).sum(), sold_before=(pl.col("n") * before).sum(), lines=pl.col("n").filter(pl.col("ago") <= window + most).sum()
    )  # fmt: skip
    both = pl.collect_all([sums, days])
    return both[0].sort("shop", "item_id", nulls_last=True), both[1]


def trend(cases: pl.DataFrame, by: list[str], days: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Cases of each group in the window (`complaints`, of so many `buyers`) and in the shop's days of baseline (`before`)."""
    window = ask.params.window // DAY
    now = pl.col("ago") <= window
    back = window + pl.col("days").fill_null(ask.params.baseline // DAY)
    covered = cases.join(days, on="shop", how="left").with_columns(old=~now & (pl.col("ago") <= back), buyer=pl.coalesce("buyer_id", "who"))
    return covered.group_by(by).agg(
        complaints=now.sum().cast(pl.Int64), before=pl.col("old").sum().cast(pl.Int64), total=pl.len().cast(pl.Int64),
        buyers=pl.col("buyer").filter(now).n_unique().cast(pl.Int64), whole_buyers=pl.col("buyer").n_unique().cast(pl.Int64),
    )  # fmt: skip


def rising(ask: Ask) -> pl.Expr:
    """Whether cases grew against what was `expected`: enough of them, of enough buyers, `ratio` times as many, and surprising."""
    enough = (pl.col("complaints") >= ask.params.min_complaints) & (pl.col("buyers") >= ask.params.min_buyers)
    often = pl.col("complaints") >= float(ask.params.ratio) * pl.col("expected")
    return (enough & often & (pl.col("z") >= ask.params.z)).fill_null(False)


def with_expected(rows: pl.DataFrame, sold: pl.Expr, sold_before: pl.Expr) -> pl.DataFrame:
    """`expected` = cases before x sold / sold before, and `z`; null where the shop's baseline is shorter than 14 days or nothing was sold in it."""
    enough = (pl.col("days") >= _LEAST_DAYS) & (sold_before > 0)
    expected = pl.when(enough.fill_null(False)).then(pl.col("before") * sold / sold_before)
    return rows.with_columns(expected=expected.round(3), z=count_z(pl.col("complaints"), expected).round(2))

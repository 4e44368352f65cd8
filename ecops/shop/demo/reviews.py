"""What buyers wrote about what they got; instants local."""

import polars as pl

from ecops.shop.demo.plan import BAD_BATCH, BAD_BATCH_AFTER, BAD_BATCH_DAYS, Plan
from ecops.shop.demo.words import BLAME, MIXED, PRAISE, RING_PRAISE, THEMES
from ecops.shop.dice import pick

_WRITE, _WRITE_OF_BAD_BATCH, _WRITE_OF_BROKEN = 0.14, 0.7, 0.5
_STARS = [0.03, 0.02, 0.05, 0.15, 0.75]
_MISTAKEN = 0.02  # praise under one star: a slip of the finger, not a bad review
_SOON = 90


def review_rows(sold: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `reviews`: of lines delivered. The item at BAD_BATCH gets a run of complaints of one thing when its bad batch was sold."""
    frame = sold.filter(pl.col("delivered") < plan.end).with_columns(bad_batch=_of_bad_batch(plan), praises=pl.col("praises").fill_null(False))
    frame = frame.filter(pl.col("praises") | (plan.dice(pl.col("number"), "review") < _chance())).with_columns(
        drawn=plan.dice(pl.col("number"), "text")
    )
    frame = frame.join(shops.select("theme", shop_number="number"), on="shop_number", maintain_order="left").with_columns(stars=_stars(frame, plan))
    frame = frame.with_columns(created_at=_written(plan)).filter(pl.col("created_at") < plan.end)
    replied = pl.col("created_at") + pl.duration(seconds=(1800 + plan.dice(pl.col("number"), "reply") * 172800).cast(pl.Int64))
    return frame.with_columns(
        review_id="6" + pl.col("order_id") + pl.col("nth").cast(pl.String),
        text=_text(plan),
        with_pictures=plan.dice(pl.col("number"), "pictures") < 0.2,
        replied_at=pl.when((pl.col("stars") < 4) & (plan.dice(pl.col("number"), "replied") < 0.6)).then(plan.known(replied)),
    )


def _of_bad_batch(plan: Plan) -> pl.Expr:
    return (pl.col("position") == BAD_BATCH) & pl.col("date").is_between(
        plan.day(BAD_BATCH_AFTER), plan.day(BAD_BATCH_AFTER + BAD_BATCH_DAYS), closed="left"
    )


def _chance() -> pl.Expr:
    return pl.when(pl.col("bad_batch")).then(_WRITE_OF_BAD_BATCH).when(pl.col("damaged")).then(_WRITE_OF_BROKEN).otherwise(_WRITE)


def _stars(frame: pl.DataFrame, plan: Plan) -> pl.Expr:
    usual = pick(frame.select(plan.dice(pl.col("number"), "stars"))["number"], _STARS) + 1
    return (
        pl.when("praises").then(5)
        .when(pl.col("bad_batch") | pl.col("damaged")).then(1 + (pl.col("drawn") * 2).cast(pl.Int64))
        .otherwise(pl.lit(usual))
    )


def _written(plan: Plan) -> pl.Expr:
    later = (3600 + plan.dice(pl.col("number"), "writing").pow(2) * 8 * 86400).cast(pl.Int64)
    return pl.col("delivered") + pl.duration(seconds=pl.when("praises").then(_SOON).otherwise(later))


def _text(plan: Plan) -> pl.Expr:
    complaints = {theme.name: theme.complaint for theme in THEMES}
    slip = plan.dice(pl.col("number"), "slip") < _MISTAKEN
    return (
        pl.when("praises").then(pl.lit(RING_PRAISE))
        .when("bad_batch").then(pl.col("theme").replace_strict(complaints, return_dtype=pl.String))
        .when("damaged").then(pl.lit("收到时已经破损"))
        .when((pl.col("stars") > 3) | slip).then(_one_of(PRAISE))
        .when(pl.col("stars") == 3).then(_one_of(MIXED))
        .otherwise(_one_of(BLAME))
    )


def _one_of(texts: tuple[str, ...]) -> pl.Expr:
    return (pl.col("drawn") * len(texts)).cast(pl.Int64).replace_strict(dict(enumerate(texts)), return_dtype=pl.String)

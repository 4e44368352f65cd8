"""Facts of a shop before they become a verdict: counts that are not there are 0, what is unknown stays so; how fresh a report is."""

from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import KINDS
from tasks._rows import duration_text, known
from tasks._verdicts import Lack, of_every_shop
from tasks._windows import today


def zero_counts(ask: Ask, facts: pl.DataFrame, *kept: str) -> pl.DataFrame:
    """Facts for every asked shop, counts that are not there 0; `kept` columns stay unknown."""
    return of_every_shop(ask, facts).with_columns(pl.exclude("shop", *kept).fill_null(0))


def lacks_rows(kind: str, ask: Ask, stale_after: timedelta) -> list[Lack]:
    """No rows at all, or none recent; the facts have `newest`, the last day of the kind's rows."""
    zh, limit = KINDS[kind].zh, duration_text(stale_after)
    old = pl.col("newest") < today(ask) - stale_after
    return [
        Lack(pl.col("newest").is_null(), f"{kind}: none", f"缺{zh}"),
        Lack(
            old.fill_null(False),
            pl.format(f"{kind}: newest is of {{}}, older than {limit}", pl.col("newest")),
            pl.format(f"{zh}过旧：最近一天是{{}}，超过{limit}", pl.col("newest")),
        ),
    ]


def newest_day(frames: Frames, kind: str, ask: Ask) -> pl.DataFrame:
    """The last day that a shop's rows of `kind` are of."""
    return known(frames, kind, ask).filter(pl.col("date") < today(ask)).group_by("shop").agg(newest=pl.col("date").max()).collect()


def three_decimals(top: pl.Expr, of: pl.Expr) -> pl.Expr:
    """`top / of` cut after three decimals, in whole numbers; null without `of`."""
    return pl.when(of > 0).then((top * 1000 // of) / 1000)


def known_sum(name: str) -> pl.Expr:
    """A sum that is unknown where one of its parts is."""
    return pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name)

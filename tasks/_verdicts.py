"""One verdict a shop: `ok`, or `unknown` with what is missing. Unknown is never a pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ecops.automation import OK, UNKNOWN, VERDICT_SCHEMA, Ask

Text = pl.Expr | str


@dataclass(frozen=True)
class Lack:
    """Something a shop lacks `when` true (a null counts as lacking): what `missing` says, and the same in Chinese."""

    when: pl.Expr
    missing: Text
    zh: Text


def of_every_shop(ask: Ask, facts: pl.DataFrame) -> pl.DataFrame:
    """`facts` (one row a shop at most) with a row for every asked shop, in the order asked."""
    shops = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    return shops.join(facts, on="shop", how="left", maintain_order="left")


def verdicts(
    ask: Ask, facts: pl.DataFrame, *, zh: Text, en: Text, lacks: Sequence[Lack] = (), decided: pl.Expr | None = None
) -> pl.DataFrame:
    """Verdicts over `facts`; `zh` and `en` summarise a shop that lacks nothing.

    `decided` says where the answer stands in spite of a lack: one forbidden word found is an answer, whatever was
    not scanned. What is missing is named there too.
    """
    settled = pl.lit(False) if decided is None else decided.fill_null(False)
    return (
        of_every_shop(ask, facts)
        .with_columns(missing=_listed(lacks, "missing"), lacking=_listed(lacks, "zh"))
        .with_columns(status=pl.when(_none_missing() | settled).then(pl.lit(OK)).otherwise(pl.lit(UNKNOWN)))
        .with_columns(zh=_summary(zh, "未知：", "lacking", "；"), en=_summary(en, "unknown: ", "missing", "; "))
        .select(*VERDICT_SCHEMA)
        .cast(dict(VERDICT_SCHEMA))
    )


def unknown_for_all(ask: Ask, missing: str, zh: str) -> pl.DataFrame:
    """The same unknown for every shop: what is missing is not a shop's data."""
    return verdicts(ask, pl.DataFrame(schema={"shop": pl.String}), zh="", en="", lacks=[Lack(pl.lit(True), missing, zh)])


def _listed(lacks: Sequence[Lack], text: str) -> pl.Expr:
    if not lacks:
        return pl.lit([], dtype=pl.List(pl.String))
    texts = [pl.when(lack.when.fill_null(True)).then(_expression(getattr(lack, text))) for lack in lacks]
    return pl.concat_list(texts).list.drop_nulls()


def _none_missing() -> pl.Expr:
    return pl.col("missing").list.len() == 0


def _summary(text: Text, prefix: str, lacks: str, joint: str) -> pl.Expr:
    without = pl.format(prefix + "{}", pl.col(lacks).list.join(joint))
    return pl.when(pl.col("status") == OK).then(_expression(text)).otherwise(without)


def _expression(text: Text) -> pl.Expr:
    return pl.lit(text) if isinstance(text, str) else text

"""A go/no-go list out of what other steps compute: each is asked with its own parameters, and nothing it says is calculated here again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ecops.automation import OK, Answer, Ask, Automation, Frames

PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"
CHECKS = pl.Schema(
    {"shop": pl.String, "check": pl.String, "title": pl.String, "status": pl.String, "count": pl.Int64, "zh": pl.String, "en": pl.String, "missing": pl.String}
)


@dataclass(frozen=True)
class Check:
    """One line of the list: the step that answers it, with which of our parameters, and what of its answer is a failure or a doubt.

    `against` and `doubts` give rows with a shop column: one of the first fails the shop where the step is sure of its answer, or where it
    `stands` whatever the step lacks; one of the second leaves it unknown.
    """

    name: str
    zh: str
    step: Automation
    given: Callable[[Any], Mapping[str, object]]
    against: Callable[[Answer], pl.DataFrame]
    doubts: Callable[[Answer], pl.DataFrame] | None = None
    stands: bool = False


def rows_of(name: str) -> Callable[[Answer], pl.DataFrame]:
    """All rows of a list of the answer."""
    return lambda answer: answer.lists[name]


def asked(checks: Sequence[Check], frames: Frames, ask: Ask) -> pl.DataFrame:
    """Every check of every shop (CHECKS): pass only where the step is sure and found nothing; steps named twice are asked once."""
    answers: dict[tuple[str, str], Answer] = {}
    parts = []
    for check in checks:
        params = check.step.params(**check.given(ask.params))
        key = (check.step.name, repr(params))
        if key not in answers:
            answers[key] = check.step(frames, replace(ask, params=params))
        parts.append(_judged(check, answers[key]))
    order = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    return order.join(pl.concat(parts), on="shop", maintain_order="left_right").select(*CHECKS).cast(dict(CHECKS))


def _judged(check: Check, answer: Answer) -> pl.DataFrame:
    found = _counted(check.against(answer), "found")
    doubts = _counted(check.doubts(answer) if check.doubts else answer.verdicts.clear(), "doubtful")
    wrong = (pl.col("found") > 0) & ((pl.col("status") == OK) | pl.lit(check.stands))
    # an answer that is sure in spite of a lack is so for what it found: without that, the lack counts
    unsure = (pl.col("status") != OK) | (pl.col("missing").list.len() > 0) | (pl.col("doubtful") > 0)
    rows = answer.verdicts.join(found, on="shop", how="left").join(doubts, on="shop", how="left").with_columns(pl.col("found", "doubtful").fill_null(0))
    return rows.select(
        "shop", pl.lit(check.name).alias("check"), pl.lit(check.zh).alias("title"),
        pl.when(wrong).then(pl.lit(FAIL)).when(unsure).then(pl.lit(UNKNOWN)).otherwise(pl.lit(PASS)).alias("status"),
        pl.col("found").alias("count"), "zh", "en", missing=pl.col("missing").list.join("; "),
    )  # fmt: skip


def _counted(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name))


def by_check(rows: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """A row a shop: how many passed, the names of those that failed or are unknown, and what is missing for one:
    `unsure_<check>`, `unsure_zh_<check>`."""
    status = pl.col("status")
    named = {name: pl.col("title").filter(status == value).str.join("、") for name, value in (("failed_zh", FAIL), ("unknown_zh", UNKNOWN))}
    named |= {name: pl.col("check").filter(status == value).str.join(", ") for name, value in (("failed_en", FAIL), ("unknown_en", UNKNOWN))}
    texts = {"unsure": pl.when(pl.col("missing") == "").then("en").otherwise("missing"), "unsure_zh": pl.col("zh").str.strip_prefix("未知：")}
    unsure = {
        f"{name}_{check.name}": text.filter((pl.col("check") == check.name) & (status == UNKNOWN)).first()
        for check in checks for name, text in texts.items()
    }  # fmt: skip
    counts = {name: (status == value).sum().cast(pl.Int64) for name, value in (("passed", PASS), ("failed", FAIL), ("unknown", UNKNOWN))}
    return rows.group_by("shop", maintain_order=True).agg(**counts, **named, **unsure)

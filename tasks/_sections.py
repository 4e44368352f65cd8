"""The sections of a campaign's review: what other steps say of the same window, and what the next plan takes over."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from ecops.automation import OK, Answer, Ask, Automation, Frames
from tasks._rows import percent

def section_answers(steps: Mapping[str, Automation], frames: Frames, ask: Ask) -> dict[str, Answer]:
    """What each step answers to the parameters it shares with the review's."""
    return {name: _section(step, frames, ask) for name, step in steps.items()}


def section_rows(steps: Mapping[str, Automation], answers: Mapping[str, Answer]) -> pl.DataFrame:
    """One row a shop and section, in the order of the steps: its verdict, and what is missing."""
    rows = [
        answer.verdicts.select(
            "shop", section=pl.lit(name), title=pl.lit(steps[name].zh), status="status", zh="zh", en="en", missing=pl.col("missing").list.join("; "),
        )
        for name, answer in answers.items()
    ]  # fmt: skip
    order = {name: n for n, name in enumerate(steps)}
    return pl.concat(rows).sort("shop", pl.col("section").replace_strict(order, return_dtype=pl.Int8))


def section_facts(items: pl.DataFrame) -> pl.DataFrame:
    """One row a shop: sections with an answer, the names of the others, and what the first section says."""
    unknown = pl.col("status") != OK
    return items.group_by("shop").agg(
        done=(~unknown).sum(),
        lacking=pl.col("section").filter(unknown).str.join(", "),
        lacking_zh=pl.col("title").filter(unknown).str.join("、"),
        first_zh=pl.col("zh").first(),
        first_en=pl.col("en").first(),
    )


def _section(step: Automation, frames: Frames, ask: Ask) -> Answer:
    wanted = {field: value for field, value in ask.params if field in step.params.model_fields}
    # what is given in fen here is given in fen there: the parameters are copied, not read again
    return step.calculate(frames, replace(ask, params=step.params().model_copy(update=wanted)))


def next_plan(lost: pl.DataFrame) -> pl.DataFrame:
    """The stock factor learned of each item that ran out."""
    item = pl.coalesce("title", "item_id")
    factor = pl.col("factor").round(2)
    return lost.filter(pl.col("factor") > 1).select(
        "shop",
        "item_id",
        "title",
        what=pl.lit("stock_factor"),
        value="factor",
        zh=pl.format("{}：断货损失{}，下次备货×{}", item, percent(pl.col("share")), factor),
        en=pl.format("{}: {} of demand lost, stock x {} next time", item, percent(pl.col("share")), factor),
    )

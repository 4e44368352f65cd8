"""The register of the demo shops and what makes one differ from another."""

import polars as pl

from ecops.shop.demo.plan import FEWEST_ITEMS, MOST_ITEMS, Plan
from ecops.shop.demo.words import PLATFORMS, PROVINCES, THEMES
from ecops.shop.dice import normal, pick


def register(first: int, count: int, plan: Plan, platform: str | None = None) -> pl.DataFrame:
    """One row for each of the shops numbered `first`.. : its names, its trade, and its habits (see `_habits`).

    `platform`: the one they all sell on; a mix when not given.
    """
    frame = pl.DataFrame(
        [_named(number) for number in range(first, first + count)], schema=["number", "shop", "name", "theme", "refund_rate"], orient="row"
    )
    frame = frame.with_columns(platform=_platforms(frame, plan) if platform is None else pl.lit(platform), **_habits(plan))
    home = pick(frame.select(plan.dice(pl.col("number"), "home province"))["number"], [share for _, share in PROVINCES])
    return frame.with_columns(home=home, name=pl.col("name") + pl.when(pl.col("platform") == "tmall").then(pl.lit("旗舰店")).otherwise(pl.lit("小店")))


def _named(number: int) -> tuple[int, str, str, str, float]:
    theme = THEMES[number % len(THEMES)]
    round_, turn = divmod(number // len(THEMES), len(theme.names))
    name = theme.names[turn] + theme.name + (f"{round_ + 1}号" if round_ else "")
    return number, "demo" if number == 0 else f"demo-{number + 1:03d}", name, theme.name, theme.refund_rate


def _platforms(frame: pl.DataFrame, plan: Plan) -> pl.Expr:
    drawn = pick(frame.select(plan.dice(pl.col("number"), "platform"))["number"], list(PLATFORMS.values()))
    mixed = drawn.replace_strict(dict(enumerate(PLATFORMS)), return_dtype=pl.String)
    return pl.when(pl.col("number") == 0).then(pl.lit("tmall")).otherwise(mixed)


def _habits(plan: Plan) -> dict[str, pl.Expr]:
    """size: its orders a day against those asked for (lognormal, mean 1; shop 0 has just as many as asked).

    trend: growth a day; weekend: how much more it sells on weekends; skew: how far the best items outsell the rest;
    band: its prices against the usual; again, loyal: shares of orders by returning buyers and by regulars;
    search: share of its visitors who search; awake: sells well in the small hours; goods: how many items.
    """
    drawn = {
        name: plan.dice(pl.col("number"), name)
        for name in ("size", "size too", "band", "band too", "trend", "weekend", "skew", "again", "loyal", "search", "goods")
    }
    size = (0.7 * normal(drawn["size"], drawn["size too"]) - 0.245).exp().clip(0.15, 6)
    return {
        "size": pl.when(pl.col("number") == 0).then(1.0).otherwise(size),
        "band": (0.25 * normal(drawn["band"], drawn["band too"])).exp().clip(0.5, 2),
        "trend": -0.001 + 0.003 * drawn["trend"],
        "weekend": -0.1 + 0.35 * drawn["weekend"],
        "skew": 0.85 + 0.5 * drawn["skew"],
        "again": 0.08 + 0.12 * drawn["again"],
        "loyal": 0.08 + 0.12 * drawn["loyal"],
        "search": 0.22 + 0.2 * drawn["search"],
        "awake": pl.col("number") % 3 == 0,
        "goods": FEWEST_ITEMS + (drawn["goods"] * (MOST_ITEMS - FEWEST_ITEMS + 1)).cast(pl.Int64),
    }

"""What the named visitors of the demo shops did, by the hour: who ordered had looked before, and who asked had looked too."""

import polars as pl

from ecops.shop.demo.plan import Plan
from ecops.shop.demo.plots import PLOTS

_CART, _LOOKS = 0.3, 3
_SEEN = (0, 2, 4, 5, 8)  # positions that visitors look at who buy nothing
_OTHERS = 2**58  # sessions from this number on end in no order
_RING = next(at for at, plot in enumerate(PLOTS) if plot.what == "brushing_ring")


def behaviours(sold: pl.DataFrame, sessions: pl.DataFrame, items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `behaviours`: views and cart of every line ordered in its hour, views of who asked and did not order; a ring looks at nothing."""
    bought = sold.filter((pl.col("plot") != _RING).fill_null(True)).select(
        "shop", "number", "buyer_id", "position", hour=pl.col("created").dt.truncate("1h")
    )
    asked = sessions.filter(~pl.col("convinced"), pl.col("session") >= _OTHERS).select(
        "shop", number=pl.col("session") % _OTHERS, buyer_id="buyer_id", hour=pl.col("begun").dt.truncate("1h")
    )
    asked = asked.with_columns(position=(plan.dice(pl.col("number"), "looked at") * len(_SEEN)).cast(pl.Int64).replace_strict(dict(enumerate(_SEEN))))
    carted = bought.filter(plan.dice(pl.col("number"), "cart first") < _CART).with_columns(action=pl.lit("cart"), times=pl.lit(1, pl.Int64))
    seen = pl.concat([bought, asked.select(bought.columns)])
    seen = seen.with_columns(action=pl.lit("view"), times=1 + (plan.dice(pl.col("number"), "looks") * _LOOKS).cast(pl.Int64))
    frame = pl.concat([seen, carted]).join(items.select("shop", "position", "item_id", "category"), on=["shop", "position"], how="left")
    return frame.group_by("shop", "hour", "buyer_id", "item_id", "action").agg(pl.col("category").first(), pl.col("times").sum())

"""What a first-time buyer costs, by channel."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._ads import ad_rows, counted_once
from tasks._channels import alias_table, with_channel
from tasks._orders import buyer_is_known, effective_orders
from tasks._purchases import order_facts
from tasks._reach import as_persons, persons
from tasks._rows import instant
from tasks._windows import Window

_KEY = ["shop", "channel"]


def channel_costs(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """One row a channel with spend or new buyers, the dearest first; what no order or tool names stands last, without a channel.

    Columns shop, channel, spend_fen (null: no spend on record), new_buyers, cac_fen, cac_before_fen, note and names.
    """
    firsts = _first_orders(frames, ask)
    now, before = (_costs(frames, ask, firsts, span) for span in (window, window.before()))
    earlier = before.join(_reaching(frames, ask, window.before()), on="shop", how="semi").select(*_KEY, cac_before_fen="cac_fen")
    return (
        now.join(earlier, on=_KEY, how="left")
        .sort("shop", pl.col("channel").is_null(), "cac_fen", "spend_fen", "channel", descending=[False, False, True, True, False], nulls_last=True)
        .select("shop", "channel", "spend_fen", "new_buyers", "cac_fen", "cac_before_fen", "note", "names")
    )


def cost_facts(frames: Frames, ask: Ask, window: Window, items: pl.DataFrame) -> pl.DataFrame:
    """One row a shop: days with a row of advertising, rows of unknown spend, spend, new buyers and CAC of all, channels of each sort."""
    rows = counted_once(ad_rows(frames, ask, window.dates(ask)))
    days = rows.group_by("shop").agg(days=pl.col("date").n_unique().cast(pl.Int64), blank=pl.col("spend_fen").null_count().cast(pl.Int64))
    named = pl.col("channel").is_not_null()
    sums = items.group_by("shop").agg(
        pl.col("spend_fen").sum(),
        new=pl.col("new_buyers").sum(),
        without_channel=pl.col("new_buyers").filter(~named).sum(),
        channels=named.sum().cast(pl.Int64),
        undefined=(named & (pl.col("spend_fen") > 0) & (pl.col("new_buyers") == 0)).sum().cast(pl.Int64),
        unpriced=(named & pl.col("spend_fen").is_null()).sum().cast(pl.Int64),
    )
    return days.join(sums, on="shop", how="full", coalesce=True).with_columns(cac_fen=_cac(pl.col("spend_fen"), pl.col("new")))


def _cac(spend: pl.Expr, buyers: pl.Expr) -> pl.Expr:
    """Spend by buyer in fen, half up; undefined without a buyer, unknown without spend."""
    return pl.when((buyers > 0) & (spend > 0)).then((2 * spend + buyers) // pl.max_horizontal(2 * buyers, pl.lit(1)))


def _reaching(frames: Frames, ask: Ask, span: Window) -> pl.DataFrame:
    """Shops whose orders reach back far enough to tell who was new in a span."""
    return order_facts(frames, ask).filter(pl.col("oldest_at") <= instant(span.since - ask.params.history)).select("shop")


def _first_orders(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row a person with a paid order: when the first was paid, the channel it names, and when the first that stands was paid."""
    paid = effective_orders(frames, ask).filter(pl.col("paid"), buyer_is_known())
    kept_at = pl.when(~pl.col("fully_refunded")).then("paid_at")
    named = paid.select("shop", "paid_at", pl.col("buyer_id").str.strip_chars(), written="channel", kept_at=kept_at).collect()
    several = as_persons(named.join(of := persons(frames, ask), on=["shop", "buyer_id"], how="semi"), of)
    alone = named.join(of, on=["shop", "buyer_id"], how="anti").rename({"buyer_id": "person"})
    orders = pl.concat([alone, several.select(alone.columns)]).with_columns(first_at=pl.col("paid_at").min().over("shop", "person"))
    of_first = pl.col("written").filter(pl.col("paid_at") == pl.col("first_at")).min()
    return orders.group_by("shop", "person").agg(pl.col("first_at").first(), pl.col("kept_at").min(), written=of_first)


def _costs(frames: Frames, ask: Ask, firsts: pl.DataFrame, span: Window) -> pl.DataFrame:
    own = alias_table(ask.params.aliases)
    since, until = instant(span.since), instant(span.until)
    # the first order lies in the span, so every order before its end does
    new = firsts.filter(pl.col("first_at").is_between(since, until, closed="left"), pl.col("kept_at") < until)
    buyers = with_channel(new, "written", own).group_by(_KEY).agg(new_buyers=pl.len().cast(pl.Int64), named_by_orders=pl.col("written").drop_nulls().unique())
    rows = with_channel(counted_once(ad_rows(frames, ask, span.dates(ask))), "tool", own)
    spend = rows.group_by(_KEY).agg(spend_fen=pl.col("spend_fen").sum(), named_by_tools=pl.col("tool").drop_nulls().unique())
    both = spend.join(buyers, on=_KEY, how="full", coalesce=True, nulls_equal=True).with_columns(pl.col("new_buyers").fill_null(0))
    names = pl.concat_list(pl.col("named_by_tools", "named_by_orders").fill_null([])).list.unique().list.sort().list.join("、")
    priced = pl.when(pl.col("channel").is_not_null()).then(_cac(pl.col("spend_fen"), pl.col("new_buyers")))
    return both.with_columns(cac_fen=priced, note=_note(), names=names)


def _note() -> pl.Expr:
    """Why a channel has no cost."""
    return (
        pl.when(pl.col("channel").is_null()).then(pl.lit("channel not named"))
        .when(pl.col("spend_fen").is_null()).then(pl.lit("no spend on record"))
        .when((pl.col("spend_fen") > 0) & (pl.col("new_buyers") == 0)).then(pl.lit("no new buyer: undefined"))
        .when(pl.col("spend_fen") == 0).then(pl.lit("nothing spent"))
    )  # fmt: skip

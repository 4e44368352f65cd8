"""Scripts that agents used: who was asked with which, who paid, and how the scripts were given out."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import Z95, two_shares_z, wilson_lower, wilson_upper
from tasks._buyers import payments
from tasks._orders import buyer_is_known
from tasks._rows import at_least, inside, instant, known, local_date
from tasks._windows import Window

DESIGNS = {"by shift": "按班次分配", "within shift": "班次内混用", "by agent": "按客服分配，未随机"}


def inquiries_of(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """One row a buyer asked: the script, who used it, on which shift, and whether the buyer `paid`."""
    last = instant(min(window.until, ask.as_of - ask.params.pay_within))
    scripted = pl.col("script").is_not_null() & (pl.col("sender") == "agent")
    sessions = (
        known(frames, "chats", ask)
        .filter(inside("at", window), buyer_is_known())
        .select("shop", "session_id", "message_id", "at", "sender", "agent", "script", buyer_id=pl.col("buyer_id").str.strip_chars())
        .with_columns(pl.when(scripted).then(name).alias(name) for name in ("script", "agent"))
        .group_by("shop", "session_id")
        .agg(pl.col("buyer_id", "script", "agent").min(), begun_at=pl.col("at").min(), other_script=pl.col("script").max())
        .filter(pl.col("script") == pl.col("other_script"), pl.col("begun_at") <= last)
        .drop("other_script")
        .sort("shop", "buyer_id", "begun_at", "session_id")
        .unique(["shop", "buyer_id"], keep="first", maintain_order=True)
    )
    paid = payments(frames, ask).drop_nulls("buyer_id").select("shop", "buyer_id", "paid_at")
    in_time = pl.col("paid_at").is_between(pl.col("begun_at"), pl.col("begun_at") + ask.params.pay_within)
    payers = sessions.join(paid, on=["shop", "buyer_id"]).filter(in_time).select("shop", "session_id").unique().with_columns(paid=pl.lit(True))
    shift = local_date("begun_at", ask)
    return (
        sessions.join(payers, on=["shop", "session_id"], how="left")
        .select("shop", "script", "agent", shift=shift, paid=pl.col("paid").fill_null(False))
        .collect()
    )


def script_arms(inquiries: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a script, the control first."""
    arms = inquiries.group_by("shop", "script").agg(inquiries=pl.len().cast(pl.Int64), paid=pl.col("paid").sum().cast(pl.Int64))
    wanted = pl.lit(ask.params.control, dtype=pl.String)
    ranked = arms.sort("shop", (pl.col("script") == wanted).fill_null(False), "inquiries", "script", descending=[False, True, True, False])
    control = pl.int_range(pl.len()).over("shop") == 0
    if ask.params.control is not None:
        control = control & (pl.col("script") == wanted)
    trials, paid = pl.col("inquiries"), pl.col("paid")
    ranked = ranked.with_columns(control=control).with_columns(
        base=trials.filter(pl.col("control")).first().over("shop"), base_paid=paid.filter(pl.col("control")).first().over("shop")
    )
    other = ~pl.col("control")
    z = two_shares_z(paid, trials, pl.col("base_paid"), pl.col("base"))
    enough = (trials >= ask.params.min_inquiries) & (pl.col("base") >= ask.params.min_inquiries)
    claim = at_least(paid * pl.col("base"), pl.col("base_paid") * trials, 1 + ask.params.lift)
    return (
        ranked.with_columns(conversion=paid / trials, lower=wilson_lower(paid, trials), upper=wilson_upper(paid, trials), z=pl.when(other).then(z))
        .with_columns(lift=pl.when(other & (pl.col("base_paid") > 0)).then(pl.col("conversion") / (pl.col("base_paid") / pl.col("base")) - 1))
        .with_columns(significant=pl.when(other & enough).then((pl.col("z").abs() >= Z95).fill_null(False)))
        .with_columns(claim=pl.when(other & enough).then(pl.col("significant") & (pl.col("z") > 0) & claim))
        .select("shop", "script", "control", "inquiries", "paid", "conversion", "lower", "upper", "lift", "z", "significant", "claim")
    )


def script_facts(inquiries: pl.DataFrame, arms: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a shop: the control, its strongest challenger, how the scripts were given out (null: no agent is named), and the smallest arm."""
    named = inquiries.drop_nulls("agent")
    shifts = named.group_by("shop", "agent", "shift").agg(scripts=pl.col("script").n_unique())
    agents = named.group_by("shop", "agent").agg(scripts=pl.col("script").n_unique())
    mixed = (
        shifts.group_by("shop")
        .agg(mixed=(pl.col("scripts") > 1).any())
        .join(agents.group_by("shop").agg(both=(pl.col("scripts") > 1).any()), on="shop")
    )
    design = pl.when(~pl.col("both")).then(pl.lit("by agent")).when("mixed").then(pl.lit("within shift")).otherwise(pl.lit("by shift"))
    control = arms.filter("control").select("shop", base="script", base_conversion="conversion")
    best = (
        arms.filter(~pl.col("control"))
        .sort("shop", "z", "script", descending=[False, True, False], nulls_last=True)
        .group_by("shop", maintain_order=True)
        .first()
    )
    sizes = arms.group_by("shop").agg(arms=pl.len(), least=pl.col("inquiries").min())
    return (
        sizes.join(control, on="shop", how="left")
        .join(best.drop("control"), on="shop", how="left")
        .join(mixed.select("shop", design=design), on="shop", how="left")
    )

"""A pre-sale: orders in two payments, the funnel between them, and what is wished for."""

from datetime import datetime

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import wilson_lower, wilson_upper
from tasks._orders import effective_orders
from tasks._rows import has_happened, instant, known
from tasks._windows import DAY, Window, resolve, today


def presale_parts(frames: Frames, ask: Ask, window: Window, final_until: datetime) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The window's orders, the funnel by shop, and the wish list."""
    orders = _presale_orders(frames, ask).collect()
    inside = orders.filter(pl.col("deposit_at").is_between(instant(window.since), instant(window.until), closed="left") | pl.col("deposit_at").is_null())
    over = ask.as_of > final_until
    inside = inside.with_columns(stage=_presale_stage(over))
    past = orders.filter(
        pl.col("deposit_at") < instant(window.since), pl.col("deposit_at") >= instant(window.since - ask.params.history), ~pl.col("only_deposit")
    )
    funnel = _presale_funnel(inside, past, ask)
    return inside, funnel, _wish_list(frames, ask, window)


def _presale_orders(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Orders in two payments as of then; `deposit_at` null: no deposit that is known to have been paid by then."""
    deposit = pl.when(has_happened("deposit_paid_at", ask)).then(pl.col("deposit_paid_at"))
    whole, both = pl.col("total_fen"), pl.col("paid") & (pl.col("deposit_paid_at") == pl.col("paid_at")).fill_null(False)
    only = pl.col("paid") & (pl.col("amount_fen") + pl.when(pl.col("refunded")).then(pl.col("refund_fen")).otherwise(0) <= pl.col("deposit_fen")) & (whole > pl.col("deposit_fen"))
    return (
        effective_orders(frames, ask)
        .filter(pl.col("presale").fill_null(False))
        .with_columns(deposit_at=deposit, only_deposit=only.fill_null(False) | (both & (whole > pl.col("deposit_fen")).fill_null(False)))
        .filter(pl.col("deposit_at").is_not_null() | pl.col("paid"))
        .select(
            "shop", "order_id", "buyer_id", "deposit_at", "deposit_fen", "paid_at", "paid", "total_fen", "amount_fen", "fully_refunded", "only_deposit",
            closed=(pl.col("status") == "closed").fill_null(False) & ~pl.col("paid"),
        )
    )  # fmt: skip


def _presale_stage(over: bool) -> pl.Expr:
    return (
        pl.when(pl.col("deposit_at").is_null()).then(pl.lit("no_deposit"))
        .when(pl.col("only_deposit")).then(pl.lit("only_deposit"))
        .when(pl.col("paid")).then(pl.lit("final"))
        .when(pl.col("closed") | pl.lit(over)).then(pl.lit("lost"))
        .otherwise(pl.lit("open"))
    )  # fmt: skip


_FUNNEL = (
    "shop", "deposits", "finals", "open", "lost", "suspects", "final_share", "deposit_fen", "gmv_fen", "locked_fen", "past", "expected_share",
    "expected_finals", "expected_low", "expected_high", "expected_fen",
)  # fmt: skip


def _presale_funnel(inside: pl.DataFrame, past: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a shop; `expected_*` counts those who paid and the share of the open ones that is expected to."""
    stage = pl.col("stage")
    has_deposit = stage != "no_deposit"
    funnel = inside.group_by("shop").agg(
        deposits=has_deposit.sum().cast(pl.Int64),
        **{name: (stage == value).sum().cast(pl.Int64) for name, value in (("finals", "final"), ("open", "open"), ("lost", "lost"))},
        suspects=stage.is_in(("no_deposit", "only_deposit")).sum().cast(pl.Int64),
        deposit_fen=pl.col("deposit_fen").filter(has_deposit).sum(),
        gmv_fen=pl.col("amount_fen").filter(stage == "final").sum(),
        locked_fen=pl.col("total_fen").filter(stage == "open").sum(),
    )
    earlier = past.group_by("shop").agg(past=pl.len().cast(pl.Int64), past_finals=pl.col("paid").sum().cast(pl.Int64))
    share, told = pl.col("past_finals") / pl.col("past"), pl.lit(ask.params.final_rate and float(ask.params.final_rate), dtype=pl.Float64)
    enough = (pl.col("past") >= ask.params.min_history).fill_null(False)
    bounds = {
        "expected_share": (share, told), "low": (wilson_lower(pl.col("past_finals"), pl.col("past")), told),
        "high": (wilson_upper(pl.col("past_finals"), pl.col("past")), told),
    }  # fmt: skip
    paid, still = pl.col("finals"), pl.col("open")
    return (
        funnel.join(earlier, on="shop", how="left")
        .with_columns(past=pl.col("past").fill_null(0))
        .with_columns(
            final_share=pl.when(pl.col("deposits") > 0).then(pl.col("finals") / pl.col("deposits")),
            **{name: pl.when(enough).then(own).otherwise(given) for name, (own, given) in bounds.items()},
        )
        .with_columns(
            expected_finals=_expected(paid, still, "expected_share"),
            expected_low=_expected(paid, still, "low"),
            expected_high=_expected(paid, still, "high"),
            expected_fen=_expected(pl.col("gmv_fen"), pl.col("locked_fen"), "expected_share"),
        )
        .select(_FUNNEL)
        .sort("shop")
    )


def _expected(sure: pl.Expr, still: pl.Expr, share: str) -> pl.Expr:
    """What is sure and a share of what is open; with nothing open no share is needed."""
    return pl.when(still == 0).then(sure).otherwise(sure + (still * pl.col(share)).round(0).cast(pl.Int64))


def _wish_list(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """Favourites and carts of the last whole days before as-of or the window's end, against as many before, the most wanted first."""
    last = min(today(ask), window.until.astimezone(ask.timezone).date())
    days, half = ask.params.wishes, pl.col("date") >= last - ask.params.wishes
    sums = {name: pl.when(half).then(name).sum() for name in ("fav_users", "cart_users")}
    before = {f"{name}_before": pl.when(~half).then(name).sum() for name in ("fav_users", "cart_users")}
    there = pl.col("fav_users").is_not_null() | pl.col("cart_users").is_not_null()
    return (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(last - 2 * days, last - DAY), there)
        .group_by("shop", "item_id")
        .agg(**sums, **before, days=half.sum().cast(pl.Int64), days_before=(~half).sum().cast(pl.Int64))
        .filter(pl.col("days") > 0)
        .with_columns(
            growth=pl.when((pl.col("cart_users_before") > 0) & (pl.col("days") == pl.col("days_before"))).then(
                pl.col("cart_users") / pl.col("cart_users_before") - 1
            )
        )
        .sort("shop", "cart_users", "fav_users", "item_id", descending=[False, True, True, False])
        .collect()
    )


def presale_window(ask: Ask) -> tuple[tuple[Window, datetime] | None, str, str]:
    """When deposits are paid and until when the rest; None with what is missing. The window may still run."""
    ends = {name: resolve(getattr(ask.params, name), ask) for name in ("since", "until", "final_until")}
    for name, end in ends.items():
        if end is None:
            text = getattr(ask.params, name)
            return None, f"{name}: {text!r} is neither an anchor of the run nor a date", f"{name}：“{text}”既不是本次运行的锚点也不是日期"
    if not ends["since"] < ends["until"] <= ends["final_until"]:
        return None, "until: since, until and final_until do not follow each other", "until：since、until、final_until没有先后"
    if ends["since"] > ask.as_of:
        return None, f"since: deposits begin {ends['since'].isoformat()}", f"since：定金{ends['since'].isoformat()}才开始"
    return (Window(ends["since"], ends["until"]), ends["final_until"]), "", ""


def presale_lists(orders: pl.DataFrame, funnel: pl.DataFrame, wishes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The lists of the answer, the orders by the stage they are in."""
    reason = (
        pl.when(pl.col("stage") == "no_deposit").then(pl.lit("paid without a known deposit")).otherwise(pl.lit("what was paid is the deposit alone"))
    )
    columns = ("shop", "order_id", "buyer_id", "deposit_at", "deposit_fen", "total_fen")
    return {
        "items": orders.filter(pl.col("stage") == "open").select(columns).sort("shop", "deposit_at", "order_id"),
        "funnel": funnel,
        "suspects": orders.filter(pl.col("stage").is_in(("no_deposit", "only_deposit"))).select(*columns, "paid_at", reason=reason).sort("shop", "order_id"),
        "wish_list": wishes,
    }

"""Campaigns by hand: what the offers of a sale leave of the prices, what clashes with the calendar, and what leaves the warehouse first."""

from datetime import UTC, datetime, timedelta

import polars as pl

from ecops.automation import Frames
from tasks._calendar import calendar_of, windows_of
from tasks._curves import general_parts
from tests.bench._peers import C, ENDS, NOW, OPENS, ORDER, SHOP_ITEM, kept, peer
from tests.bench._shops import CHINA


def stacked(f: Frames, offers: pl.LazyFrame, since: datetime, until: datetime, fees: float) -> pl.LazyFrame:
    """The lowest price of each item on sale while offers of [since, until) run together, beside the floor with a margin of a fifth.

    Offers of one item that take an amount off: what the shops of the bench have, without groups that exclude each other.
    """
    changes = f["price_changes"].filter(C("changed_at") > NOW, C("changed_at") < until, C("price_fen").is_not_null())
    early = C("changed_at") <= since
    changes = changes.filter(~early | (C("changed_at") == C("changed_at").filter(early).max().over(SHOP_ITEM)))
    planned = changes.group_by(SHOP_ITEM).agg(planned=C("price_fen").min())
    items = f["items"].filter(C("on_sale"), C("cost_fen") > 0).join(planned, on=SHOP_ITEM, how="left").select(
        *SHOP_ITEM, "title", "cost_fen", price=pl.coalesce("planned", "price_fen")
    )  # fmt: skip
    points = 10_000 - 2_000 - round(fees * 10_000)
    items = items.filter(C("price") > 0).with_columns(floor_fen=(C("cost_fen") * 10_000 + points - 1) // points)
    runs = offers.with_columns(begins=pl.max_horizontal("starts_at", since)).filter(C("begins") < until, C("ends_at") > C("begins"))
    held = runs.join(items, on=SHOP_ITEM)
    moments = held.select(*SHOP_ITEM, moment="begins").unique()
    together = held.join(moments, on=SHOP_ITEM).filter(C("begins") <= C("moment"), C("moment") < C("ends_at"))
    key = [*SHOP_ITEM, "moment"]
    first = C("promotion_kind").is_in(["direct", "member"])
    reduced = together.with_columns(price=(C("price") - _off("price").filter(first).sum().over(key)).clip(0), first=first)
    alone = pl.when(C("price") >= C("threshold_fen").fill_null(0)).then("off_fen").otherwise(0)
    own = ~C("first") & (C("promotion_kind") != "platform_coupon")
    left = reduced.group_by(key).agg(
        worst_fen=(C("price").first() - _off("price").filter(own).sum()).clip(0), alone_fen=(C("price").first() - alone.filter(own).sum()).clip(0),
        buyer_fen=(C("price").first() - _off("price").filter(~C("first")).sum()).clip(0), offers=C("promotion_id").sort(),
    )  # fmt: skip
    lowest = left.sort("worst_fen", "alone_fen").unique(SHOP_ITEM, keep="first", maintain_order=True)
    rows = items.join(lowest, on=SHOP_ITEM, how="left").with_columns(pl.coalesce(name, "price").alias(name) for name in ("worst_fen", "alone_fen", "buyer_fen"))
    rows = rows.with_columns(short=C("floor_fen") - C("worst_fen"), under_cost=C("worst_fen") < C("cost_fen"), margin=1 - fees - C("cost_fen") / C("worst_fen"))
    return rows.sort("shop", "under_cost", "short", descending=[False, True, True])


def _off(price: str) -> pl.Expr:
    """The most an offer takes off a piece in any basket, rounded up."""
    threshold = C("threshold_fen").fill_null(0)
    reach = pl.min_horizontal(C(price), threshold)
    return pl.when(threshold > 0).then((C("off_fen") * reach + threshold - 1) // pl.max_horizontal(threshold, 1)).otherwise("off_fen")


def below_floor(f: Frames, offers: pl.LazyFrame, since: datetime, until: datetime, fees: float) -> pl.LazyFrame:
    return stacked(f, offers, since, until, fees).filter(C("short") > 0)


@peer("campaign.stack_prices", "item_id", "worst_fen", "alone_fen", of="prices")
def prices(f: Frames) -> pl.LazyFrame:
    return stacked(f, _own(f), OPENS, ENDS, 0.05)


@peer("campaign.stack_prices", "item_id", "worst_fen")
def under_floor(f: Frames) -> pl.LazyFrame:
    return prices(f).filter(C("short") > 0)


@peer("campaign.stack_prices", "promotion_id", "item_id", of="problems")
def wrong_offers(f: Frames) -> pl.LazyFrame:
    return f["promotions"].filter(_wrong()).sort("shop", "promotion_id")


def _wrong() -> pl.Expr:
    """What of an offer cannot be right."""
    kind, threshold, off = C("promotion_kind"), C("threshold_fen"), C("off_fen")
    wants = kind.is_in(["coupon", "spend_and_save", "platform_coupon"])
    kinds = ["direct", "member", "coupon", "spend_and_save", "deposit", "platform_coupon"]
    return (
        (C("ends_at") <= C("starts_at")) | C("starts_at").is_null() | C("ends_at").is_null() | ~kind.is_in(kinds).fill_null(False)
        | (off.is_null() & C("off_rate").is_null()) | (threshold.is_null() & wants) | ((threshold > 0) & (off >= threshold))
        | ~C("off_rate").is_between(0, 1, closed="none").fill_null(True) | ((kind == "deposit") & (C("deposit_fen").is_null() | (C("deposit_fen") > off)))
        | C("title").str.contains(r"测试|(?i)\btest\b")
    ).fill_null(False)  # fmt: skip


def _own(f: Frames) -> pl.LazyFrame:
    columns = ("promotion_id", "promotion_kind", "threshold_fen", "off_fen", "starts_at", "ends_at")
    return f["promotions"].select(*SHOP_ITEM, *columns)


@peer("campaign.calendar", "promotion_id", "item_id", "window", "reason", of="clashes")
def clashes(f: Frames) -> pl.LazyFrame:
    """Own campaigns beside the sales of Tmall's year, of which the rows stand in the calendar file."""
    sales = windows_of([calendar_of(2025), calendar_of(2026)], "tmall").lazy().filter(C("stage") == "sale").select("campaign", "window", "opens", "closes")
    own = f["promotions"].filter((C("promotion_kind") == "member") | C("title").str.contains("会员日|周年|店庆"))
    rows = own.select("shop", "promotion_id", "item_id", "starts_at", "ends_at").join(sales, how="cross")
    month = timedelta(days=30)
    reason = (
        pl.when(C("starts_at") <= C("closes"), C("ends_at") > C("opens")).then(pl.lit("inside the sale"))
        .when(C("ends_at").is_between(C("opens") - month, C("opens"), closed="right")).then(pl.lit("lowers the lowest price before the sale"))
        .when(C("starts_at").is_between(C("closes"), C("closes") + month, closed="right")).then(pl.lit("within the price protection of the sale"))
    )  # fmt: skip
    return rows.with_columns(reason=reason).drop_nulls("reason").sort("shop", "campaign", "window", "promotion_id", "item_id")


@peer("campaign.priority_orders", "item_id", "sku", "units", of="pick_list")
@peer("campaign.priority_orders", "order_id", "reason", of="stop")
@peer("campaign.priority_orders", "order_id", "parcel_id", of="tell")
@peer("campaign.priority_orders", "order_id", "nth")
def priority(f: Frames) -> dict[str, pl.LazyFrame]:
    """Orders of the campaign not sent yet, in the order they leave, what to take for them, what to stop, and numbers to tell."""
    paid = f["orders"].filter(C("paid_at").is_between(OPENS, ENDS, closed="left"))
    sent = C("shipped_at").is_not_null() | C("status").is_in(["shipped", "finished"])
    waiting = kept(paid).filter(~sent).select(*ORDER, "paid_at", deadline=pl.coalesce("ship_by", C("paid_at") + pl.duration(hours=48)))
    asked = f["refunds"].filter(~C("refund_status").is_in(["refused", "closed"])).group_by(ORDER).agg(
        open=(C("refund_status") != "success").any(), whole=C("line_id").is_null().any()
    )  # fmt: skip
    back = f["refunds"].filter(C("refund_status") == "success").select(*ORDER, "line_id").drop_nulls().unique()
    all_lines = f["order_lines"].join(waiting, on=ORDER, how="semi")
    lines = all_lines.join(back, on=[*ORDER, "line_id"], how="anti").select(*ORDER, "item_id", "sku", "merchant_code", "title", "units").collect().lazy()
    sums = lines.group_by(ORDER).agg(units=C("units").sum(), lines=pl.len())
    some = all_lines.select(ORDER).unique().with_columns(some=pl.lit(True))
    reason = (
        pl.when("open").then(pl.lit("refund open")).when("whole").then(pl.lit("refunded in part, of which line is not told"))
        .when(C("lines").is_null() & C("some")).then(pl.lit("every line was refunded"))
    )  # fmt: skip
    rows = waiting.join(asked, on=ORDER, how="left").join(sums, on=ORDER, how="left").join(some, on=ORDER, how="left")
    rows = rows.with_columns(reason=reason).sort("shop", "deadline", "paid_at", "order_id").collect().lazy()
    pick = rows.filter(C("reason").is_null()).with_columns(nth=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("shop"))
    taken = lines.join(pick.select(*ORDER, "nth"), on=ORDER).group_by("shop", "item_id", "sku", "merchant_code").agg(
        C("units").sum(), C("title").first(), orders=C("order_id").n_unique(), nth=C("nth").min()
    ).sort("shop", "nth")  # fmt: skip
    undone = paid.filter((C("status") == "closed") | ((C("refund_fen") > 0) & (C("paid_fen") <= 0)), ~sent, C("refunded_at").is_null() | (C("refunded_at") > NOW - timedelta(hours=24)))
    stop = pl.concat([rows.filter(C("reason").is_not_null()).select(*ORDER, "reason"), undone.select(*ORDER, reason=pl.lit("cancelled after payment"))])
    stop = stop.join(f["parcels"].group_by(ORDER).agg(C("parcel_id").min()), on=ORDER, how="left")
    month = f["parcels"].filter(C("shipped_at") > NOW - timedelta(days=30)).join(f["orders"].select(*ORDER, "buyer_id"), on=ORDER)
    twice = month.group_by("shop", "parcel_id").agg(buyers=C("buyer_id").n_unique()).filter(C("buyers") > 1)
    parcels = f["parcels"].filter(C("shipped_at") > OPENS).select(*ORDER, "parcel_id", "carrier")
    tell = paid.filter(C("shipped_at") > NOW - timedelta(hours=24)).join(parcels, on=ORDER).join(twice, on=["shop", "parcel_id"], how="anti")
    return {"items": pick, "pick_list": taken, "stop": stop, "tell": tell.sort("shop", "shipped_at")}


def _robust_z(value: pl.Expr, by: str, floor: float) -> pl.Expr:
    off = value - value.median().over(by)
    return 0.6745 * off / pl.max_horizontal(off.abs().median().over(by), floor)


def _hours(f: Frames, opened: datetime) -> pl.LazyFrame:
    """The hours of a day from its opening on; `steady`: what an hour sold without one giant order."""
    inside = C("hour").is_between(opened, opened + timedelta(hours=24), closed="left")
    rows = f["hours"].filter(inside).select("shop", "hour", "visitors", "pay_buyers", sold="pay_amount_fen", n=(C("hour") - opened).dt.total_hours())
    basket = pl.when(C("pay_buyers") > 0, C("sold") > 0).then(C("sold") / C("pay_buyers"))
    giant = (_robust_z(basket.log(), "shop", 0.2) > 3.5).fill_null(False)
    usual = (C("pay_buyers") * basket.median().over("shop")).round().cast(pl.Int64)
    return rows.sort("shop", "hour").with_columns(giant=giant, steady=pl.when(giant).then(usual).otherwise("sold"))


@peer("campaign.watch_hour", "actual_fen", "forecast_fen", of="pace")
@peer("campaign.watch_hour", "hour", "expected_fen", of="hours")
@peer("campaign.watch_hour", "cause", of="alarms")
def watch_hour(f: Frames) -> dict[str, pl.LazyFrame]:
    """The day against its target by the curve of the sale on 31 October: by hour and by shop, and what is strange of it."""
    opened = OPENS - timedelta(hours=4)
    general = pl.LazyFrame({"n": range(24), "general": general_parts(opened.astimezone(CHINA), 24)})
    past = _hours(f, datetime(2025, 10, 31, 12, tzinfo=UTC))
    whole = (pl.len().over("shop") == 24) & (C("sold").min().over("shop") >= 0) & (C("steady").sum().over("shop") > 0)
    curve = past.filter(whole).select("shop", "n", parts=(C("steady").cum_sum().over("shop") / C("steady").sum().over("shop") * 1_000_000).round().cast(pl.Int64))
    curve = curve.with_columns(C("parts") - C("parts").shift(1, fill_value=0).over("shop"))
    every = f["hours"].select("shop").unique().join(general, how="cross").join(curve, on=["shop", "n"], how="left").sort("shop", "n")  # an hour without a row is one that is missing
    every = every.select("shop", "n", parts=pl.coalesce("parts", "general"), hour=opened + pl.duration(hours="n"))
    rows = every.join(_hours(f, opened).drop("n"), on=["shop", "hour"], how="left", maintain_order="left")
    rows = rows.with_columns(expected_fen=C("parts") * 100_000_00 // 1_000_000, so_far=C("sold").cum_sum().over("shop"))
    usual, little = C("parts") * (C("steady").sum().over("shop") / C("parts").sum().over("shop")), C("steady").mean().over("shop") / 20
    hours = rows.with_columns(strange=_robust_z(((C("steady") + little) / (usual + little)).log(), "shop", 0.1)).collect().lazy()
    pace = hours.group_by("shop", maintain_order=True).agg(
        C("steady", "parts", "visitors", "pay_buyers").sum(), missing=C("hour").filter(C("sold").is_null()), actual_fen=C("sold").sum(), height=C("so_far").max(), newest=C("hour").max(), giants=C("hour").filter("giant"), last=C("strange").slice(-2)
    )  # fmt: skip
    feed = f["hours"].group_by("shop").agg(feed=C("hour").max())
    share = C("parts") / 1_000_000
    pace = pace.join(feed, on="shop", how="left", maintain_order="left").with_columns(
        forecast_fen=(C("steady") / share + C("actual_fen") - C("steady")).round().cast(pl.Int64), pace=C("actual_fen") / (share * 100_000_00),
        steady_pace=C("steady") / (share * 100_000_00), conversion=C("pay_buyers") / C("visitors"), broken=C("actual_fen") < C("height") * 0.95,
    ).collect().lazy()  # fmt: skip
    live = pace.filter(C("feed") > ENDS - timedelta(hours=7), ~C("broken"))
    newest, before = C("last").list.get(-1), C("last").list.get(-2)
    far = (newest.abs() > 7) | ((newest.abs() > 3.5) & (before.abs() > 3.5) & (newest.sign() == before.sign()))
    clock = "%m-%d %H:00"
    hour = C("newest").dt.convert_time_zone(CHINA.key).dt.strftime(clock)
    giants = C("giants").list.eval(pl.element().dt.convert_time_zone(CHINA.key).dt.strftime(clock)).list.join(", ")
    causes = (
        ("big_order", C("giants").list.len() > 0, C("giants").list.len(), giants), ("behind", C("steady_pace") < 0.8, C("steady_pace"), (C("steady_pace") * 100).round(1)),
        ("hour_low", far & (newest < 0), newest, hour), ("hour_high", far & (newest > 0), newest, hour),
    )  # fmt: skip
    alarms = [live.filter(when).select("shop", cause=pl.lit(cause), value=value.cast(pl.Float64), text=text.cast(pl.String)) for cause, when, value, text in causes]
    return {"pace": pace, "hours": hours, "alarms": pl.concat(alarms).sort("shop", maintain_order=True)}

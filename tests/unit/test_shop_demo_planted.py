"""What the truth file of a demo says is there: plain queries on the data find it, and find the things that only look like it."""

from datetime import date, datetime, timedelta
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.copyscan import BLOCK, scan
from ecops.shop.demo import generate
from ecops.shop.kinds import ALL

CHINA = "Asia/Shanghai"
SINCE, UNTIL = date(2025, 8, 23), date(2025, 11, 20)
END = datetime(2025, 11, 21)
SHOPS = ("demo", "demo-002", "demo-003", "demo-004")


@cache
def data():
    return generate(len(SHOPS), 11, SINCE, UNTIL)


def of(kind, shop):
    """The shop's rows with local times."""
    frame = data().frames[kind].filter(shop=shop)
    return frame.with_columns(
        pl.col(name).dt.convert_time_zone(CHINA).dt.replace_time_zone(None) for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)
    )


def truth(shop):
    return data().truth["shops"][shop]


def planted(shop, what):
    return [one for one in truth(shop)["planted"] if one["what"] == what]


def ids(shop, what, name):
    return {value for one in planted(shop, what) for value in one[name]}


in_every_shop = pytest.mark.parametrize("shop", SHOPS)


def test_the_first_shop_has_every_plot_and_others_lack_some():
    plots = {
        "brushing_ring",
        "office_group_buy",
        "family_address",
        "refund_abuser",
        "unlucky_buyer",
        "giant_order",
        "night_rush",
        "high_value_at_edge",
        "high_value_one_fen_short",
        "high_value_one_undone",
        "high_value_two_only",
    }
    told = {shop: {one["what"] for one in truth(shop)["planted"]} & plots for shop in data().truth["shops"]}
    assert told["demo"] == plots and any(told[shop] < plots for shop in SHOPS)
    assert all(one["whole"] for one in planted("demo", "brushing_ring"))


# --- orders -------------------------------------------------------------------------------------------------------------


@in_every_shop
def test_orders_of_many_buyers_to_one_address_are_rings_offices_and_families(shop):
    orders = of("orders", shop)
    shared = orders.filter(pl.col("buyer_id").n_unique().over("address_hash") > 1)
    assert set(shared["order_id"]) == {
        order for what in ("brushing_ring", "office_group_buy", "family_address") for order in ids(shop, what, "order_ids")
    }
    in_the_dark = shared.filter(pl.col("created_at").dt.hour().is_between(2, 4), pl.len().over("address_hash") >= 5)
    assert set(in_the_dark["order_id"]) == ids(shop, "brushing_ring", "order_ids")


@in_every_shop
def test_a_ring_shares_a_waybill_pays_alike_and_praises_at_once(shop):
    ring = ids(shop, "brushing_ring", "order_ids")
    shared = of("parcels", shop).filter(pl.len().over("parcel_id") > 1)
    assert set(shared["order_id"]) == ring
    orders = of("orders", shop).filter(pl.col("order_id").is_in(ring))
    assert orders.select((pl.col("paid_at") - pl.col("created_at")).n_unique()).item() == min(len(ring), 1)
    assert set(orders["remark_mark"]) <= {"G-"}
    seen = of("parcels", shop).drop_nulls("delivered_at").join(of("reviews", shop), on="order_id")
    soon = seen.filter(pl.col("created_at") - pl.col("delivered_at") < pl.duration(minutes=5))
    assert set(soon["order_id"]) <= ring and (not ring or len(soon) >= 10)


@in_every_shop
def test_who_has_nearly_all_orders_refunded_unbroken_is_an_abuser(shop):
    orders = of("orders", shop).drop_nulls("paid_at").join(of("parcels", shop).select("order_id", "damaged"), on="order_id", how="left")
    refunded = (pl.col("refund_fen") == pl.col("total_fen")).mean()
    buyers = orders.group_by("buyer_id").agg(pl.len(), refunded=refunded, broken=pl.col("damaged").sum(), back=(pl.col("refund_fen") > 0).sum())
    many = buyers.filter(pl.col("len") >= 6, pl.col("refunded") > 0.6)
    assert set(many.filter(pl.col("broken") == 0)["buyer_id"]) >= whole(shop, "refund_abuser")
    assert set(many.filter(pl.col("broken") == 0)["buyer_id"]) <= ids(shop, "refund_abuser", "buyer_ids")
    assert set(many.filter(pl.col("broken") == pl.col("back"))["buyer_id"]) <= ids(shop, "unlucky_buyer", "buyer_ids")


def whole(shop, what):
    """Buyers of plots that had time to play out: refunds settle within two weeks."""
    return {
        buyer
        for one in planted(shop, what)
        if one["whole"] and date.fromisoformat(one["until"]) < UNTIL - timedelta(days=18)
        for buyer in one["buyer_ids"]
    }


@in_every_shop
def test_the_giant_order_is_there_and_stands(shop):
    giants = of("orders", shop).filter(pl.col("units") > 100)
    assert set(giants["order_id"]) == ids(shop, "giant_order", "order_ids") and giants["refund_fen"].sum() == 0
    assert giants["total_fen"].sum() == sum(one["fen"] for one in planted(shop, "giant_order"))


@in_every_shop
def test_high_value_is_three_orders_of_200_yuan_to_the_fen(shop):
    kept = of("orders", shop).drop_nulls("paid_at").filter(pl.col("paid_fen") > 0).group_by("buyer_id").agg(pl.len(), pl.col("paid_fen").sum())
    high = set(kept.filter(pl.col("len") >= 3, pl.col("paid_fen") >= 20_000 * pl.col("len"))["buyer_id"])
    assert len(high) == truth(shop)["high_value"]
    assert kept.filter(pl.col("len") >= 3).height == truth(shop)["buyers_of_3"]
    assert high >= {buyer for one in planted(shop, "high_value_at_edge") if one["whole"] for buyer in one["buyer_ids"]}
    near = ("high_value_one_fen_short", "high_value_one_undone", "high_value_two_only")
    settled = {buyer for what in near for buyer in whole(shop, what)}
    assert settled and not high & settled


@in_every_shop
def test_what_is_counted_in_the_orders_is_there(shop):
    orders = of("orders", shop)
    late = orders.filter(pl.col("shipped_at").is_null(), pl.col("status") == "paid", pl.col("paid_at") <= END - timedelta(hours=48))
    assert truth(shop)["orders"] == len(orders) and truth(shop)["paid"] == orders["paid_at"].count()
    assert truth(shop)["gross_fen"] == orders.drop_nulls("paid_at")["total_fen"].sum()
    assert set(truth(shop)["unshipped_48h"]) == set(late["order_id"])
    assert 0 < truth(shop)["fully_refunded"] < 0.12 * truth(shop)["orders"]


@in_every_shop
def test_orders_sent_after_the_promise_are_those_the_truth_names(shop):
    orders = of("orders", shop)
    assert set(orders.filter(pl.col("shipped_at") > pl.col("ship_by"))["order_id"]) == ids(shop, "dispatch_late", "order_ids")


def test_douyin_has_hosts_and_pinduoduo_scores():
    douyin, pdd = (generate(1, 3, date(2025, 5, 1), date(2025, 5, 8), platform=platform).frames for platform in ("douyin", "pdd"))
    assert 1 < douyin["order_lines"]["talent_id"].n_unique() <= 9 and pdd["order_lines"]["talent_id"].count() == 0
    assert douyin["service_days"]["service_score"].count() == 0 and pdd["service_days"]["service_score"].null_count() == 0


def test_some_orders_are_late_and_more_of_those_of_the_campaign():
    orders = data().frames["orders"].drop_nulls("shipped_at")
    late = orders.with_columns(
        late=pl.col("shipped_at") > pl.col("ship_by"), sale=pl.col("paid_at").dt.convert_time_zone(CHINA).dt.date() == date(2025, 11, 11)
    )
    shares = dict(late.group_by("sale").agg(pl.col("late").mean()).iter_rows())
    assert 0.005 < shares[False] < 0.05 < shares[True]


# --- goods and stock ------------------------------------------------------------------------------------------------------


@in_every_shop
def test_an_item_out_of_stock_sells_nothing_while_visitors_come(shop):
    days = of("item_days", shop).join(of("stock", shop), on=["item_id", "date"])
    outages = planted(shop, "stock_out")
    assert outages
    for one in outages:
        first, ends = datetime.fromisoformat(one["from"]).date(), date.fromisoformat(one["until"])
        empty = days.filter(pl.col("item_id").is_in(one["item_ids"]), pl.col("date") > first, pl.col("date") < ends)
        assert empty.select(pl.col("closing_units", "pay_units").sum()).row(0) == (0, 0)
        assert one["units"] > 0 and one["fen"] > 0
        if len(empty) >= 3:
            assert empty["visitors"].mean() > 10
        last = days.filter(pl.col("item_id").is_in(one["item_ids"]), date=first)
        assert last["closing_units"].to_list() == [0]


def test_the_first_outage_is_the_one_the_truth_names():
    out = truth("demo")["stocked_out"]
    assert out["item_id"] in planted("demo", "stock_out")[0]["item_ids"] and out["from"] == planted("demo", "stock_out")[0]["from"]


@in_every_shop
def test_an_item_nobody_wants_has_no_stock_and_loses_nothing(shop):
    (item,) = ids(shop, "stock_out_without_demand", "item_ids")
    stock, days = of("stock", shop).filter(item_id=item), of("item_days", shop).filter(item_id=item)
    assert stock["closing_units"].max() == 0 and days["order_units"].sum() == 0 and days["visitors"].max() <= 2


def test_slow_items_sell_less_than_a_twentieth_of_their_stock_and_so_do_their_doubles():
    days = of("item_days", "demo").join(of("stock", "demo"), on=["item_id", "date"]).filter(pl.col("date") > UNTIL - timedelta(days=30)).sort("date")
    rates = days.group_by("item_id").agg(rate=pl.col("pay_units").sum() / (pl.col("opening_units").first() + pl.col("received_units").sum()))
    slow = set(rates.filter(pl.col("rate") < 0.05)["item_id"])
    assert slow >= set(truth("demo")["slow"]) | ids("demo", "slow_item_booked", "item_ids") | ids("demo", "slow_item_new", "item_ids")
    booked = set(of("items", "demo").filter(pl.col("campaign_booked"))["item_id"])
    assert ids("demo", "slow_item_booked", "item_ids") <= booked and not booked & set(truth("demo")["slow"])
    assert not slow & set(truth("demo")["strong_conversion"])


@pytest.mark.parametrize(("days", "hit"), [(40, False), (89, True)])
def test_a_slow_item_is_new_for_thirty_days(days, hit):
    made = generate(1, 11, SINCE, SINCE + timedelta(days=days), 5)
    (slow,) = [one for one in made.truth["shops"]["demo"]["planted"] if one["what"] == "slow_item_new"]
    listed = dict(made.frames["items"].select("item_id", "listed_on").iter_rows())[slow["item_ids"][0]]
    assert slow["hit"] == hit == (SINCE + timedelta(days=days) - listed >= timedelta(days=30))


@in_every_shop
def test_conversions_stand_at_the_edge_they_were_planted_at(shop):
    days = of("item_days", shop).group_by("item_id").agg(pl.col("pay_buyers", "visitors").sum())
    counts = {item: (buyers, visitors) for item, buyers, visitors in days.iter_rows()}
    for item, rate in (truth(shop)["edge_conversion"] | truth(shop)["strong_conversion"]).items():
        buyers, visitors = counts[item]
        assert abs(visitors - buyers / float(rate)) <= 4, (item, rate)
    (thin,) = ids(shop, "thin_conversion", "item_ids")
    assert counts[thin][0] >= 0.4 * counts[thin][1] and counts[thin][1] < 80


@in_every_shop
def test_items_are_listed_on_tuesdays_and_fridays(shop):
    items = dict(of("items", shop).select("item_id", "listed_on").iter_rows())
    launched = planted(shop, "item_launched")
    assert len(launched) >= 3 and truth(shop)["new"] in ids(shop, "item_launched", "item_ids")
    for one in launched:
        assert [items[item].isoformat() for item in one["item_ids"]] == [one["day"]] and date.fromisoformat(one["day"]).isoweekday() in (2, 5)
    first = of("order_lines", shop).group_by("item_id").agg(pl.col("created_at").min().dt.date())
    assert all(day >= items[item] for item, day in first.iter_rows())


@in_every_shop
def test_the_scanner_finds_the_forbidden_words_and_leaves_the_harmless_ones(shop):
    items = {row["item_id"]: row for row in of("items", shop).iter_rows(named=True)}
    for word in truth(shop)["banned_words"]:
        text = items[word["item_id"]][word["where"]]
        assert word["term"] in text and any(hit.verdict == BLOCK for hit in scan(text).hits), text
    forbidden = {(word["item_id"], word["where"]) for word in truth(shop)["banned_words"]}
    for item, row in items.items():
        for where in ("title", "detail_text"):
            if row[where] and (item, where) not in forbidden:
                assert not any(hit.verdict == BLOCK for hit in scan(row[where]).hits), row[where]
    for word in truth(shop)["harmless_words"]:
        assert word["term"] in items[word["item_id"]][word["where"]]
    assert {item for item, row in items.items() if row["detail_text"] is None} == set(truth(shop)["image_only"])


@in_every_shop
def test_a_lower_price_is_owed_to_the_buyers_of_thirty_days(shop):
    (drop,) = planted(shop, "price_drop")
    day = datetime.fromisoformat(drop["day"])
    new = of("items", shop).filter(item_id=drop["item_id"])["price_fen"].item()
    bought = of("order_lines", shop).filter(
        pl.col("item_id") == drop["item_id"], pl.col("paid_at") >= day - timedelta(days=30), pl.col("paid_at") < day, pl.col("refund_fen") == 0
    )
    owed = bought.with_columns(owed=(pl.col("payable_fen") - new * pl.col("units")).clip(0)).filter(pl.col("owed") > 0)
    assert owed["owed"].sum() == drop["fen"] and set(owed["order_id"]) == set(drop["order_ids"])


@in_every_shop
def test_competitors_show_exact_and_rounded_figures_and_one_cuts_its_price(shop):
    rivals = of("competitor_items", shop)
    assert {"1200", "1000+"} <= set(rivals["monthly_sales"]) and rivals["date"].min() < SINCE
    (cut,) = planted(shop, "competitor_price_cut")
    prices = rivals.filter(pl.col("item_id").is_in(cut["item_ids"]), competitor="优选生活馆").sort("date")
    before, after = (
        prices.filter(seen)["price_fen"].unique().to_list()
        for seen in (pl.col("date") < date.fromisoformat(cut["day"]), pl.col("date") >= date.fromisoformat(cut["day"]))
    )
    assert len(before) == len(after) == 1 and after[0] < 0.85 * before[0]


# --- papers, ads, parcels, claims, reviews, chats --------------------------------------------------------------------------


@in_every_shop
def test_papers_expire_when_the_truth_says(shop):
    papers = of("documents", shop)
    expiring = {
        one["document_ids"][0]: date.fromisoformat(one["day"]) for what in ("document_expired", "document_expiring") for one in planted(shop, what)
    }
    held = dict(papers.filter(pl.col("document_id").is_in(list(expiring))).select("document_id", "expires_on").iter_rows())
    assert held == expiring and sorted((day - UNTIL).days for day in expiring.values()) == [-10, 0, 7, 30, 60, 61]
    expired = papers.filter(pl.col("expires_on") < UNTIL)
    assert set(expired["document_id"]) == {
        planted(shop, "document_expired")[0]["document_ids"][0],
        planted(shop, "document_renewed")[0]["document_ids"][0],
    }
    assert papers.filter(pl.col("no_expiry"))["expires_on"].null_count() == 1
    assert (
        papers.filter(pl.col("holder") != pl.col("holder").mode().first())["document_id"].to_list()
        == planted(shop, "document_of_another_holder")[0]["document_ids"]
    )
    covered = set(papers.filter(pl.col("document_type").is_in(["商标注册证", "品牌授权书"]))["brand"])
    missing = of("items", shop).filter(~pl.col("brand").is_in(covered))
    assert set(missing["item_id"]) == ids(shop, "authorisation_missing", "item_ids")


@in_every_shop
def test_plans_below_one_are_those_the_truth_names(shop):
    plans = (
        of("ad_days", shop)
        .group_by("plan_id")
        .agg(pl.col("spend_fen", "deal_amount_fen").sum())
        .with_columns(gain=pl.col("deal_amount_fen") - pl.col("spend_fen"))
    )
    assert plans.filter(pl.col("gain") < 0)["plan_id"].to_list() == [one["plan_id"] for one in planted(shop, "plan_roi_below_one")]
    assert plans.filter(pl.col("gain") == 0)["plan_id"].to_list() == [one["plan_id"] for one in planted(shop, "plan_roi_of_one")]
    (young,) = planted(shop, "plan_learning")
    days = of("ad_days", shop).filter(plan_id=young["plan_id"]).with_columns(young=pl.col("date") < date.fromisoformat(young["until"]))
    sums = days.group_by("young").agg(pl.col("spend_fen", "deal_amount_fen").sum()).sort("young").rows()
    assert sums[0][2] > sums[0][1] and sums[1][2] < sums[1][1] and young["fen"] == sums[0][1] + sums[1][1]


@in_every_shop
def test_keywords_cost_against_the_market_what_the_truth_says(shop):
    words = of("ad_days", shop).filter(pl.col("keyword") != ALL, pl.col("clicks") > 0)
    sums = words.group_by("plan_id", "keyword").agg(
        pl.col("spend_fen").sum(), market=(pl.col("market_cpc_fen") * pl.col("clicks")).sum(), known=pl.col("market_cpc_fen").count()
    )
    found = {
        (plan, word): "without_market_price" if not known else "above_market" if cost > market else "at_market" if cost == market else "below_market"
        for plan, word, cost, market, known in sums.iter_rows()
    }
    told = {
        (one["plan_id"], one["keyword"]): one["what"].removeprefix("keyword_") for one in truth(shop)["planted"] if one["what"].startswith("keyword_")
    }
    assert found == told and set(told.values()) == {"without_market_price", "above_market", "at_market", "below_market"}


@in_every_shop
def test_parcels_without_news_for_three_days_are_the_stuck_ones(shop):
    silent = of("parcels", shop).filter(pl.col("delivered_at").is_null(), pl.col("last_event_at") < END - timedelta(hours=72))
    assert set(silent["order_id"]) == ids(shop, "parcel_stuck", "order_ids") != set()
    assert not ids(shop, "parcel_far_away", "order_ids") & set(silent["order_id"])
    assert set(of("parcels", shop).filter(pl.col("damaged"))["order_id"]) == ids(shop, "parcel_damaged", "order_ids")


def test_the_fragile_item_breaks_with_one_carrier():
    made = generate(12, 5, date(2025, 8, 1), date(2025, 9, 30))
    told = {
        one["item_ids"][0]: one["carrier"]
        for shop in made.truth["shops"].values()
        for one in shop["planted"]
        if one["what"] == "fragile_with_carrier"
    }
    items = made.frames["order_lines"].filter(pl.col("item_id").is_in(list(told))).select("order_id").unique()
    sent = made.frames["parcels"].drop_nulls("delivered_at").join(items, on="order_id", how="left", coalesce=False)
    rate = dict(
        sent
        .group_by((pl.col("order_id_right").is_not_null() & (pl.col("carrier") == next(iter(told.values())))).alias("both"))
        .agg(pl.col("damaged").mean())
        .iter_rows()
    )
    assert rate[True] > 0.07 and rate[False] < 0.015


@in_every_shop
def test_claims_are_late_or_open_as_the_truth_says(shop):
    claims = of("refunds", shop).join(of("parcels", shop).select("order_id", "delivered_at"), on="order_id", how="left")
    after = pl.col("created_at") - pl.col("delivered_at")
    assert set(claims.filter(after > pl.duration(days=15))["refund_id"]) == ids(shop, "claim_after_15_days", "refund_ids")
    assert set(claims.filter(after > pl.duration(days=7), after <= pl.duration(days=15))["refund_id"]) == ids(
        shop, "claim_within_15_days", "refund_ids"
    )
    assert set(claims.filter(pl.col("refund_status") == "open")["refund_id"]) == ids(shop, "claim_open", "refund_ids")
    assert "success" not in claims.filter(after > pl.duration(days=15))["refund_status"].to_list()
    assert set(claims["refund_kind"]) <= {"refund", "return", "exchange", "resend"} and claims["reason"].null_count() == 0


@in_every_shop
def test_a_bad_batch_is_complained_of_in_its_own_words(shop):
    (batch,) = planted(shop, "bad_batch")
    complaints = of("reviews", shop).filter(pl.col("text") == batch["text"])
    assert (
        set(complaints["review_id"]) == set(batch["review_ids"])
        and set(complaints["item_id"]) == {batch["item_id"]}
        and complaints["stars"].max() <= 2
    )
    assert of("reviews", shop)["stars"].mean() > 4


def replies(shop):
    """Turns from the messages alone: each buyer's message with the answer to it, in sessions a human had to answer."""
    chats = of("chats", shop).with_columns(turn=pl.col("message_id").str.extract(r"m(\d+)"), part=pl.col("message_id").str.extract(r"-(.)"))
    asked, answered = (chats.filter(part=part).select("session_id", "turn", "sender", "agent", "at") for part in "qr")
    turns = asked.join(answered, on=["session_id", "turn"], how="left", suffix="_r")
    robot = turns.group_by("session_id").agg((pl.col("sender_r") == "robot").any().alias("robot"))
    duty = turns.join(robot, on="session_id").filter(~pl.col("robot").fill_null(False), pl.col("at").dt.hour().is_between(8, 22))
    return duty.with_columns(seconds=(pl.col("at_r") - pl.col("at")).dt.total_seconds())


@in_every_shop
def test_replies_within_thirty_seconds_are_as_many_as_told(shop):
    turns, (told,) = replies(shop), planted(shop, "replies")
    assert (len(turns), (turns["seconds"] <= 30).sum(), (turns["seconds"] == 30).sum()) == (told["turns"], told["within_30s"], told["exactly_30s"])
    by_agent = turns.drop_nulls("agent_r").group_by("agent_r").agg(pl.col("seconds").median()).sort("seconds")
    (slow,) = planted(shop, "slow_agent")
    assert by_agent.rows()[-1] == (slow["agent"], slow["median_seconds"]) and slow["median_seconds"] > 30


@in_every_shop
def test_nobody_answers_in_the_planted_hours(shop):
    for gap in planted(shop, "unanswered_hours"):
        chats = of("chats", shop).filter(pl.col("session_id").is_in(gap["session_ids"]))
        assert "agent" not in chats["sender"].to_list() and set(chats["at"].dt.date().cast(pl.String)) == {gap["day"]}
    silent = of("service_days", shop).filter(agent=ALL)
    assert silent["unanswered"].sum() >= len(ids(shop, "unanswered_hours", "session_ids"))


@in_every_shop
def test_the_second_script_convinces_more(shop):
    chats = of("chats", shop).drop_nulls("script")
    buyers = of("orders", shop).drop_nulls("paid_at").select(pl.col("buyer_id").unique(), bought=True)
    rates = dict(chats.join(buyers, on="buyer_id", how="left").group_by("script").agg(pl.col("bought").fill_null(False).mean()).iter_rows())
    assert rates["优惠提问"] > rates["通用问候"]


# --- traffic and hours ----------------------------------------------------------------------------------------------------


def test_sources_overlap():
    traffic = of("traffic_days", "demo")
    whole = traffic.filter(source=ALL)["visitors"].sum()
    sources = traffic.filter(pl.col("source") != ALL, pl.col("source_detail") == ALL)["visitors"].sum()
    assert whole < sources < 1.3 * whole
    items = of("item_days", "demo")["visitors"].sum()
    assert whole < items


def test_lost_search_rank_is_seen_in_the_search_and_where_it_is_not_planted_not():
    shares = {}
    for shop in SHOPS:
        days = of("traffic_days", shop).filter(source_detail=ALL).with_columns(search=pl.col("source").str.ends_with("搜索"))
        lost = pl.col("date").is_between(SINCE + timedelta(days=19), SINCE + timedelta(days=23))
        sums = days.group_by(lost.alias("lost")).agg(
            part=pl.col("visitors").filter("search").sum() / pl.col("visitors").filter(pl.col("source") == ALL).sum()
        )
        by = dict(sums.iter_rows())
        shares[shop] = by[True] / by[False]
    told = {shop for shop in SHOPS if planted(shop, "search_traffic_lost")}
    assert {shop for shop, share in shares.items() if share < 0.6} == told == {"demo", "demo-003"}


def test_small_hours_convert_where_told():
    for shop in SHOPS:
        hours = of("hours", shop).filter(pl.col("hour").dt.hour() < 6, ~pl.col("hour").dt.date().is_in([date(2025, 11, 11)]))
        rate = hours["pay_buyers"].sum() / hours["visitors"].sum()
        (told,) = planted(shop, "small_hours_convert")
        assert (rate > 0.06) == told["hit"], (shop, rate)


def by_hour(frames, what="pay_amount_fen"):
    hours = frames["hours"].group_by(pl.col("hour").dt.convert_time_zone(CHINA).dt.strftime("%m-%d %H").alias("at")).agg(pl.col(what).sum())
    return dict(hours.iter_rows())


def test_the_campaign_opens_in_the_evening_and_again_at_midnight():
    sold = by_hour(data().frames)
    assert sold["11-10 20"] > 3 * sold["11-10 19"] and sold["11-11 00"] > 3 * sold["11-11 04"] and sold["11-10 20"] > sold["11-10 23"]
    orders = of("orders", "demo").group_by(pl.col("paid_at").dt.date()).len().drop_nulls().sort("len")
    assert orders.row(-1)[0] == date(2025, 11, 11)
    carts = of("item_days", "demo").group_by("date").agg(rate=pl.col("cart_users").sum() / pl.col("visitors").sum())
    before, usual = (
        carts.filter(pl.col("date").is_between(*days))["rate"].mean()
        for days in ((date(2025, 11, 5), date(2025, 11, 9)), (date(2025, 10, 1), date(2025, 10, 20)))
    )
    assert before > 1.3 * usual


@pytest.mark.parametrize(("hour", "rush", "calm"), [(0, "11-11 00", "11-10 23"), (10, "11-11 10", "11-11 09"), (22, "11-10 22", "11-10 21")])
def test_the_sale_opens_at_the_hour_asked_for(hour, rush, calm):
    sold = by_hour(generate(6, 7, date(2025, 11, 8), date(2025, 11, 12), open_hour=hour).frames)
    assert sold[rush] > 2.5 * sold[calm]


def test_presold_orders_have_a_deposit_and_are_paid_in_the_sale_or_never():
    presold = data().frames["orders"].filter(pl.col("presale"))
    opened = datetime(2025, 11, 10, 12)
    paid = presold.drop_nulls("paid_at")
    assert len(presold) > 20 and 0 < presold["paid_at"].null_count() < 0.2 * len(presold)
    assert paid["paid_at"].dt.replace_time_zone(None).min() >= opened and presold["deposit_paid_at"].dt.replace_time_zone(None).max() < opened
    assert presold.select((pl.col("deposit_fen") < 0.2 * pl.col("total_fen")).all()).item()
    assert set(presold.filter(pl.col("paid_at").is_null())["status"]) <= {"created", "closed"}


def test_before_a_campaign_its_deposits_are_already_there():
    orders = generate(1, 7, date(2025, 10, 10), date(2025, 11, 5)).frames["orders"].filter(pl.col("presale"))
    assert len(orders) > 3 and orders["paid_at"].count() == 0 and set(orders["status"]) == {"created"}


def test_a_year_has_two_campaigns_a_quiet_month_none_and_a_peak_can_be_put_anywhere():
    assert generate(1, 7, date(2025, 6, 10), date(2025, 11, 12), 3).truth["peaks"] == ["2025-06-18", "2025-11-11"]
    assert generate(1, 7, date(2025, 3, 1), date(2025, 3, 31), 3).truth["campaign_days"] == []
    orders = generate(1, 7, date(2026, 8, 1), date(2026, 8, 20), day=date(2026, 8, 18)).frames["orders"]
    days = orders.group_by(pl.col("created_at").dt.convert_time_zone(CHINA).dt.date()).len().sort("len")
    assert days.row(-1)[0] == date(2026, 8, 18)


@given(seed=st.integers(0, 2**31), since=st.dates(date(2024, 1, 1), date(2027, 1, 1)), days=st.integers(0, 90), per_day=st.integers(1, 25))
@settings(max_examples=15, deadline=None)
def test_any_outage_empties_the_shelf_and_any_plot_is_in_the_orders(seed, since, days, per_day):
    made = generate(2, seed, since, since + timedelta(days=days), per_day)
    stock, orders = made.frames["stock"], made.frames["orders"]
    for shop, told in made.truth["shops"].items():
        for one in told["planted"]:
            if one["what"] == "stock_out":
                empty = stock.filter(
                    pl.col("item_id").is_in(one["item_ids"]),
                    pl.col("date") >= datetime.fromisoformat(one["from"]).date(),
                    pl.col("date") < date.fromisoformat(one["until"]),
                )
                assert empty["closing_units"].sum() == 0
            if "buyer_ids" in one:
                held = orders.filter(pl.col("order_id").is_in(one["order_ids"]), shop=shop)
                assert (len(held), held["units"].sum(), held["refund_fen"].sum()) == (len(one["order_ids"]), one["units"], one["refund_fen"])
                assert set(held["buyer_id"]) == set(one["buyer_ids"]) and held.drop_nulls("paid_at")["total_fen"].sum() == one["fen"]


def test_five_years_are_a_period_too():
    made = generate(1, 7, date(2023, 1, 1), date(2027, 12, 31), 1)
    assert (
        len(made.truth["peaks"]) == 10
        and len({one["from"] for one in made.truth["shops"]["demo"]["planted"] if one["what"] == "brushing_ring"}) == 31
    )


@pytest.mark.parametrize("day", [date(2024, 2, 29), date(2025, 3, 1), date(2025, 11, 11), date(2031, 5, 1)])
def test_a_single_day_is_a_period(day):
    frames = generate(2, 7, day, day).frames
    assert len(frames["hours"]) == 48 and len(frames["orders"]) > 0
    assert set(frames["orders"]["created_at"].dt.convert_time_zone(CHINA).dt.date()) == {day}

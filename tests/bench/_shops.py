"""The shops of the bench of tasks: two thousand generated ones, and small frames by hand for what the generator does not make."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from deltalake import write_deltalake

from ecops.shop import demo
from ecops.shop.availability import available_at
from ecops.shop.demo import DemoData
from ecops.shop.kinds import INSTANT, KINDS

SHOPS, SEED = 2_000, 11
SINCE, UNTIL = date(2025, 10, 14), date(2025, 11, 12)
CHINA = ZoneInfo("Asia/Shanghai")
DAY = datetime(2025, 11, 11, tzinfo=CHINA)
AS_OF = datetime(2025, 11, 13, 9, tzinfo=CHINA)
_IMPORTED = datetime(2025, 11, 13, tzinfo=UTC)


def fill(url: str, shops: int = SHOPS) -> tuple[tuple[str, ...], dict[str, int]]:
    """Write the shops into a lake at `url`, appended as they are made; their keys, and the rows of each kind."""
    keys: list[str] = []
    rows = dict.fromkeys(KINDS, 0)
    for data in demo.batches(shops, SEED, SINCE, UNTIL):
        for kind, frame in (data.frames | by_hand(data)).items():
            rows[kind] += len(frame)
            stamped = frame.with_columns(imported_at=pl.lit(_IMPORTED).cast(INSTANT))
            write_deltalake(f"{url}/{kind}", stamped, mode="append")
        keys += [key for key, *_ in data.shops]
    return tuple(keys), rows


def by_hand(data: DemoData) -> dict[str, pl.DataFrame]:
    """What people keep by hand, in place of the demo's own: a few rows a shop, made from its items, buyers and agents; always the same."""
    items = data.frames["items"].sort("shop", "item_id").with_columns(n=pl.int_range(pl.len()).over("shop"))
    orders = data.frames["orders"]
    buyers = orders.filter(pl.col("buyer_id").is_not_null()).select("shop", "buyer_id").unique().sort("shop", "buyer_id")
    buyers = buyers.with_columns(n=pl.int_range(pl.len()).over("shop"))
    agents = data.frames["service_days"].filter(pl.col("agent") != "*").select("shop", "agent").unique().sort("shop", "agent")
    made = {
        **_words(items), **_rivals(items), **_tags(items), **_offers(items), **_consents(buyers), **_papers(items), **_purchases(items),
        **_counts(data.frames["stock"]), **_days(items), **_shifts(agents), **_posts(items), **_behaviours(buyers, items),
    }  # fmt: skip
    return {kind: _finished(kind, frame) for kind, frame in made.items()}


def _finished(kind: str, frame: pl.DataFrame) -> pl.DataFrame:
    """All columns of the kind; those not made are unknown."""
    schema = KINDS[kind].schema
    unknown = {name: pl.lit(None, dtype) for name, dtype in schema.items() if name not in frame.columns}
    told = {"source_file": pl.lit("bench"), "source_sheet": pl.lit(""), "source_row": pl.int_range(1, pl.len() + 1)}
    return frame.with_columns(**unknown).with_columns(available_at(kind), **told).select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _each(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    """Every row `count` times, `k` numbering the copies."""
    return frame.join(pl.DataFrame({"k": range(count)}), how="cross")


def _pick(texts: tuple[str, ...], number: pl.Expr) -> pl.Expr:
    return pl.lit(pl.Series(texts)).gather(number % len(texts))


def _shops(items: pl.DataFrame) -> pl.DataFrame:
    return items.select("shop").unique().sort("shop")


def _at(hours: pl.Expr) -> pl.Expr:
    """Hours before the run's moment."""
    return pl.lit(AS_OF.astimezone(UTC), dtype=INSTANT) - pl.duration(hours=hours)


def _words(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Eighty search words a shop: what its titles say in another order, with endings that no title has."""
    core = pl.col("title").str.split(" ").list.get(1, null_on_oob=True).fill_null(pl.col("title"))
    ending = _pick(("", "学生", "显瘦小个子", "官方旗舰", "大容量便携"), pl.col("k"))
    words = _each(items.filter(pl.col("n") < 16), 5).select(
        "shop", date=pl.lit(UNTIL), keyword=core + ending, category="category", searches=(pl.col("n") * 97 + pl.col("k") * 389) % 1_500,
        search_index=(pl.col("n") * 13.0 + pl.col("k")) % 900, clicks=(pl.col("n") * 31) % 400,
    )  # fmt: skip
    return {"search_words": words.unique(["shop", "date", "keyword"], keep="first", maintain_order=True)}


def _rivals(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    rows = _each(_shops(items), 24).select(
        "shop", date=pl.lit(date(2025, 11, 1)), competitor=pl.format("竞店{}", pl.col("k") // 8),
        aspect=_pick(("traffic", "price"), pl.col("k") // 4), part=_pick(("直播", "搜索", "推荐", "其他", "9.9元款", "59元款", "199元款", "其他款"), pl.col("k")),
        share_rate=pl.when(pl.col("k") == 3).then(0.15).otherwise(0.25),
    )  # fmt: skip
    return {"competitor_shares": rows}


def _tags(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    tags = _each(items, 3).select(
        "shop", "item_id", date=pl.lit(UNTIL) - pl.duration(days=pl.col("k")), tag=_pick(("想要大瓶", "太油", "没有小码", "物流慢", "想要礼盒"), pl.col("n") + pl.col("k")),
        times=(pl.col("n") * 7 + pl.col("k")) % 40,
    )  # fmt: skip
    needs = items.filter(pl.col("n") % 3 > 0).select("shop", "item_id", need=pl.format("需求{}", pl.col("n") % 9), weight=(pl.col("n") % 5) / 5)
    gaps = _shops(items).select("shop", need=pl.lit("需求无货"), item_id=pl.lit("*"), weight=pl.lit(1.0))
    return {"service_tags": tags, "needs": pl.concat([needs, gaps], how="diagonal")}


def _offers(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    opens, ends = DAY - timedelta(hours=4), DAY + timedelta(hours=24)
    offers = _each(items.filter(pl.col("n") < 12), 3).select(
        "shop", "item_id", promotion_id=pl.format("p{}-{}", "n", "k"), title=_pick(("店铺券", "满减", "会员价"), pl.col("k")),
        promotion_kind=_pick(("coupon", "spend_and_save", "member"), pl.col("k")), threshold_fen=pl.col("k") * 20_000,
        off_fen=500 + pl.col("n") * 100, starts_at=pl.lit(opens.astimezone(UTC), INSTANT), ends_at=pl.lit(ends.astimezone(UTC), INSTANT),
    )  # fmt: skip
    changes = _each(items.filter(pl.col("n") % 2 == 0), 2).select(
        "shop", "item_id", changed_at=_at(24 * (5 - 10 * pl.col("k"))), price_fen=(pl.col("price_fen") * (9 - pl.col("k")) // 10), reason=pl.lit("竞品调价")
    )
    return {"promotions": offers, "price_changes": changes}


def _consents(buyers: pl.DataFrame) -> dict[str, pl.DataFrame]:
    rows = _each(buyers.filter(pl.col("n") % 2 == 0), 2).select(
        "shop", "buyer_id", consent_channel=_pick(("sms", "wecom"), pl.col("k")), consented_at=_at(100 + pl.col("n") % 500),
        withdrawn_at=pl.when(pl.col("n") % 20 == 0).then(_at(pl.col("n") % 100)), joined_at=pl.when((pl.col("k") == 1) & (pl.col("n") % 6 == 0)).then(_at(pl.col("n") % 90)),
    )  # fmt: skip
    return {"consents": rows}


def _papers(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    rules = _each(_shops(items), 5).select(
        "shop", rule_id=pl.format("r{}", "k"), platform=pl.lit("tmall"), title=pl.format("规则{}", "k"), published_at=_at(pl.col("k") * 30 + 5),
        effective_on=pl.lit(UNTIL) + pl.duration(days=pl.col("k") * 5), terms=pl.when(pl.col("k") == 0).then(pl.lit("清爽型、最近上新")), text=pl.lit("新规"),
    )  # fmt: skip
    pages = _each(_shops(items), 3).select(
        "shop", page=pl.lit("首页"), block=_pick(("brand", "category", "trust"), pl.col("k")), text=pl.lit("本店说明"), link_works=pl.lit(True), checked_at=_at(pl.col("k") + 10)
    )
    return {"rules": rules, "pages": pages}


def _purchases(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    ordered = pl.lit(UNTIL) - pl.duration(days=8 + pl.col("k") * 20 + pl.col("n") % 7)
    rows = _each(items, 4).select(
        "shop", "item_id", purchase_id=pl.format("b{}-{}", "n", "k"), supplier=pl.format("供应商{}", pl.col("n") % 3), ordered_on=ordered,
        promised_on=ordered + pl.duration(days=10), received_on=pl.when(pl.col("k") > 0).then(ordered + pl.duration(days=8 + pl.col("n") % 5)),
        units=100 + pl.col("n"), received_units=pl.when(pl.col("k") > 0).then(100 + pl.col("n")), cost_fen=pl.col("cost_fen") * (95 + (pl.col("n") + pl.col("k") * 4) % 11) // 100,
    )  # fmt: skip
    return {"purchases": rows}


def _counts(stock: pl.DataFrame) -> dict[str, pl.DataFrame]:
    counted = stock.filter(pl.col("date") == UNTIL - timedelta(days=3)).sort("shop", "item_id")
    off = pl.when(pl.int_range(pl.len()) % 9 == 0).then(5).otherwise(0)
    return {"stock_counts": counted.select("shop", "date", "item_id", counted_units=pl.col("closing_units") + off)}


def _days(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    days = _each(_shops(items), 90).select(
        "shop", date=pl.lit(UNTIL) - pl.duration(days=pl.col("k") // 3), score_name=_pick(("描述相符", "服务态度", "物流服务"), pl.col("k")),
        score=4.9 - (pl.col("k") % 7) / 20, peer_score=pl.lit(4.8),
    )  # fmt: skip
    return {"scores": days}


def _shifts(agents: pl.DataFrame) -> dict[str, pl.DataFrame]:
    begins = pl.lit(AS_OF.astimezone(UTC), INSTANT) - pl.duration(days=27 - pl.col("k"))
    rows = _each(agents, 30).select(
        "shop", "agent", shift_from=begins, shift_until=begins + pl.duration(hours=10), trained_on=pl.lit(UNTIL) - pl.duration(days=60), temporary=pl.lit(False)
    )
    return {"shifts": rows}


def _posts(items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    rows = items.filter(pl.col("n") < 20).select(
        "shop", "item_id", post_id=pl.format("t{}", "n"), at=_at(pl.col("n") * 9 + 1), channel=pl.lit("小红书"), text=pl.format("{}用了过敏", "title"), negative=pl.col("n") % 3 == 0,
        answered_at=pl.when(pl.col("n") % 2 == 0).then(_at(pl.col("n") * 9)),
    )  # fmt: skip
    return {"posts": rows}


def _behaviours(buyers: pl.DataFrame, items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    some = _each(buyers.filter(pl.col("n") < 150), 3).with_columns(item=(pl.col("n") * 7 + pl.col("k")) % 20)
    rows = some.join(items.select("shop", "item_id", "category", item="n"), on=["shop", "item"]).select(
        "shop", "buyer_id", "item_id", "category", hour=_at(pl.col("n") % 100 + pl.col("k")).dt.truncate("1h"), action=_pick(("view", "cart", "favourite"), pl.col("k")), times=1 + pl.col("n") % 4
    )  # fmt: skip
    return {"behaviours": rows}

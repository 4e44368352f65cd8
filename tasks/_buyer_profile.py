"""Who buys: one row a buyer with province and spending power, counted in cells that hide the few."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.cells import hidden
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import local_date
from tasks._windows import days_before

PROVINCES = (
    "北京", "天津", "上海", "重庆", "河北", "山西", "辽宁", "吉林", "黑龙江", "江苏", "浙江", "安徽", "福建", "江西", "山东", "河南", "湖北", "湖南",
    "广东", "海南", "四川", "贵州", "云南", "陕西", "甘肃", "青海", "台湾", "内蒙古", "广西", "西藏", "宁夏", "新疆", "香港", "澳门",
)  # fmt: skip
_BUYER = ["shop", "buyer_id"]
FOLDED, UNKNOWN_CELL = "其他", "不明"
# Traditional forms of the characters in names of provinces, and the name that is cut short in speech.
_TRADITIONAL, _SIMPLIFIED = "廣東蘇內龍遼寧陝肅臺灣貴雲慶門", "广东苏内龙辽宁陕肃台湾贵云庆门"
_SHORT = {"内蒙": "内蒙古"}


def orders_of_window(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Orders paid within the window and not refunded in full, with their local `day` of payment."""
    window = days_before(ask, ask.params.window)
    orders = effective_orders(frames, ask).filter(pl.col("paid"), ~pl.col("fully_refunded"))
    dated = orders.select("shop", "buyer_id", "order_id", "paid_at", "province", "amount_fen", day=local_date("paid_at", ask), named=buyer_is_known())
    return dated.filter(pl.col("day").is_between(window.first, window.last)).collect()


def profiled_buyers(orders: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a known buyer of `orders_of_window`: province or 不明, and the band of the mean amount an order or 不明."""
    edges = [int(edge) for edge in ask.params.bands.split(",")]
    names = [f"{low}元以上" if high is None else f"{low}-{high}元" for low, high in zip([0, *edges], [*edges, None], strict=True)]
    amount, count = pl.col("amount_fen"), pl.col("orders")
    band = pl.when(amount.is_null()).then(pl.lit(UNKNOWN_CELL))
    for edge, name in zip(edges, names, strict=False):
        band = band.when(amount < edge * 100 * count).then(pl.lit(name))
    # millions of orders have few forms of few names: each form is read once
    places = orders.lazy().select("province").unique().with_columns(place=_province(pl.col("province")))
    rows = (
        orders.lazy()
        .filter("named")
        .select("shop", "order_id", "paid_at", "province", "amount_fen", buyer_id=pl.col("buyer_id").str.strip_chars())
        .join(places, on="province", how="left")
        .collect()
    )
    buyers = rows.lazy().group_by(_BUYER).agg(
        place=pl.col("place").min(),
        other=pl.col("place").max(),
        orders=pl.len().cast(pl.Int64),
        amount_fen=pl.when(pl.col("amount_fen").null_count() == 0).then(pl.col("amount_fen").sum()),
    ).collect()  # fmt: skip
    moved = buyers.filter(pl.col("place") != pl.col("other"))
    told = buyers.lazy().join(_newest_places(rows, moved), on=_BUYER, how="left")
    return told.select("shop", province=pl.coalesce("newest", "place").fill_null(UNKNOWN_CELL), band=band.otherwise(pl.lit(names[-1]))).collect()


def _newest_places(rows: pl.DataFrame, moved: pl.DataFrame) -> pl.LazyFrame:
    """The place of the newest order that names one, of buyers with several: only theirs are put in order."""
    theirs = rows.lazy().filter(pl.col("place").is_not_null()).join(moved.lazy(), on=_BUYER, how="semi")
    return theirs.sort("paid_at", "order_id").group_by(_BUYER).agg(newest=pl.col("place").last())


def _province(text: pl.Expr) -> pl.Expr:
    """The province a text begins with, in its short form (`廣東省 深圳市` -> `广东`); null where it names none."""
    plain = text.str.normalize("NFKC").str.strip_chars().str.replace_many(list(_TRADITIONAL), list(_SIMPLIFIED))
    return plain.str.extract(f"^({'|'.join((*PROVINCES, *_SHORT))})").replace(_SHORT)


def folded_cells(buyers: pl.DataFrame, aspect: str, column: str, ask: Ask) -> pl.DataFrame:
    """Cells of one aspect, the small ones folded into 其他."""
    counted = buyers.group_by("shop", cell=pl.col(column)).agg(buyers=pl.len().cast(pl.Int64))
    unknown, of = counted.filter(pl.col("cell") == UNKNOWN_CELL), counted.filter(pl.col("cell") != UNKNOWN_CELL)
    small = of.with_columns(small=hidden(pl.col("buyers"), ["shop"], ask.params.min_cell, ["cell"]))
    folded = small.group_by("shop", cell=pl.when("small").then(pl.lit(FOLDED)).otherwise("cell")).agg(
        pl.col("buyers").sum(), folded=pl.col("small").sum().cast(pl.Int64)
    )
    # what is folded and is still too small is the whole table: nothing of it is shown
    folded = folded.with_columns(buyers=pl.when((pl.col("cell") != FOLDED) | (pl.col("buyers") >= ask.params.min_cell)).then("buyers"))
    shares = folded.with_columns(share=pl.col("buyers") / pl.col("buyers").sum().over("shop"))
    rest = unknown.with_columns(folded=pl.lit(0, dtype=pl.Int64), share=pl.lit(None, dtype=pl.Float64))
    return pl.concat([shares, rest]).select("shop", pl.lit(aspect).alias("aspect"), "cell", "buyers", "share", "folded")

"""The papers a shop must have: what each proves today, and which items on sale they cover."""

from datetime import date

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import known
from tasks._windows import today

LICENCE = "营业执照"
# From the best to the worst an item's papers of one type can be.
FINE, NO_END, BEFORE_SALE, EXPIRED, INVALID = "fine", "no_end", "before_sale", "expired", "invalid"
_RANK = {FINE: 0, NO_END: 1, BEFORE_SALE: 2, EXPIRED: 3, INVALID: 4}
FAULTS = {
    "ends_before_start": "到期早于生效",
    "other_item": "不是本店商品的证件",
    "other_brand": "是其他品牌的证件",
    "other_holder": "主体不是本店",
    "not_begun": "尚未生效",
    "no_end": "没有写明到期日",
}
_FOREVER = date(9999, 12, 31)


def plain(text: pl.Expr) -> pl.Expr:
    """A name as one compares it: no blanks, half-width brackets, lower case; null of a blank."""
    bare = text.str.replace_all(r"\s", "").str.replace_many(["（", "）"], ["(", ")"]).str.to_lowercase()
    return pl.when(bare != "").then(bare)


def items_on_sale(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Items on sale, and those of which nobody knows: shop, item_id, title, brand, plain_brand."""
    return (
        known(frames, "items", ask)
        .filter(pl.col("on_sale").fill_null(True))
        .select("shop", "item_id", "title", "brand", plain_brand=plain(pl.col("brand")))
        .sort("shop", "item_id")
        .collect()
    )


def papers(frames: Frames, ask: Ask, levels: tuple[int, ...], sale: date | None) -> pl.DataFrame:
    """Every paper with `scope` (item, brand or shop), `days_left` (0: valid today for the last time; null: without end), `fault` (a key
    of FAULTS: why it proves nothing), `state` and `warn` (the smallest of `levels` that `days_left` does not exceed).

    An end that is written counts, also beside `no_expiry`. The holder must be `ask.params.holder`, else the one of the shop's licence.
    """
    catalogue = known(frames, "items", ask).select("shop", "item_id", item_brand=plain(pl.col("brand")), listed=pl.lit(True)).collect()
    left = (pl.col("expires_on") - pl.lit(today(ask))).dt.total_days()
    rows = _read(frames, ask).join(catalogue, on=["shop", "item_id"], how="left").join(_owners(frames, ask), on="shop", how="left")
    rows = rows.with_columns(fault=_fault(ask), days_left=left)
    reached = [pl.when(pl.col("days_left") <= level).then(pl.lit(level)) for level in sorted(levels)]
    warned = pl.col("fault").is_null() & (pl.col("days_left") >= 0)
    return (
        rows.with_columns(state=_state(sale), warn=pl.when(warned).then(pl.coalesce(*reached)).cast(pl.Int64))
        .with_columns(ends=pl.col("expires_on").fill_null(_FOREVER))
        .sort("shop", "ends", "document_id")
    )


def _read(frames: Frames, ask: Ask) -> pl.DataFrame:
    item = pl.col("item_id").str.strip_chars()
    return (
        known(frames, "documents", ask)
        .select(
            "shop", "document_id", "title", "brand", "holder", "issued_on", "expires_on", "no_expiry",
            document_type=pl.col("document_type").str.strip_chars().fill_null("—"),
            item_id=pl.when(item != "").then(item), plain_brand=plain(pl.col("brand")), plain_holder=plain(pl.col("holder")),
        )
        .with_columns(scope=_scope())
        .collect()
    )  # fmt: skip


def _scope() -> pl.Expr:
    by_brand = pl.when(pl.col("plain_brand").is_not_null()).then(pl.lit("brand")).otherwise(pl.lit("shop"))
    return pl.when(pl.col("item_id").is_not_null()).then(pl.lit("item")).otherwise(by_brand)


def _owners(frames: Frames, ask: Ask) -> pl.DataFrame:
    """`owner` of each shop: the one company its licences name; null where they name none or several."""
    licences = _read(frames, ask).filter(pl.col("document_type").str.contains(LICENCE, literal=True))
    one = pl.col("plain_holder").drop_nulls().unique()
    named = licences.group_by("shop").agg(owner=pl.when(one.len() == 1).then(one.first()))
    if ask.params.holder is None:
        return named
    given = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    return given.with_columns(owner=plain(pl.lit(ask.params.holder)))


def _fault(ask: Ask) -> pl.Expr:
    endless = pl.col("expires_on").is_null() & ~pl.col("no_expiry").fill_null(False)
    return (
        pl.when(pl.col("expires_on") < pl.col("issued_on")).then(pl.lit("ends_before_start"))
        .when(pl.col("item_id").is_not_null() & pl.col("listed").is_null()).then(pl.lit("other_item"))
        .when(pl.col("plain_brand") != pl.col("item_brand")).then(pl.lit("other_brand"))
        .when(pl.col("plain_holder") != pl.col("owner")).then(pl.lit("other_holder"))
        .when(pl.col("issued_on") > today(ask)).then(pl.lit("not_begun"))
        .when(endless).then(pl.lit("no_end"))
    )  # fmt: skip


def _state(sale: date | None) -> pl.Expr:
    before = pl.lit(False) if sale is None else pl.col("expires_on") < sale
    return (
        pl.when(pl.col("fault") == "no_end").then(pl.lit(NO_END))
        .when(pl.col("fault").is_not_null()).then(pl.lit(INVALID))
        .when(pl.col("days_left") < 0).then(pl.lit(EXPIRED))
        .when(before.fill_null(False)).then(pl.lit(BEFORE_SALE))
        .otherwise(pl.lit(FINE))
    )  # fmt: skip


def newest(rows: pl.DataFrame) -> pl.DataFrame:
    """The paper that counts of each type for an item, a brand or the shop: a renewed one takes the place of the old one."""
    rank = pl.col("state").replace_strict(_RANK, return_dtype=pl.Int8)
    slot = ["shop", "scope", "document_type", "item_id", "plain_brand"]
    # a brand that stands beside an item does not make it another paper of the item
    rows = rows.with_columns(plain_brand=pl.when(pl.col("scope") == "brand").then("plain_brand"))
    return rows.sort(rank, "ends", "document_id", descending=[False, True, False]).unique(slot, keep="first", maintain_order=True)


def covered(items: pl.DataFrame, counting: pl.DataFrame) -> pl.DataFrame:
    """Items by type of paper with the best `state` any paper of the type gives them: shop, item_id, title, brand, document_type,
    state, document_id, expires_on, fault.
    """
    columns = ["document_type", "state", "document_id", "expires_on", "fault"]
    keys = {"item": ["shop", "item_id"], "brand": ["shop", "plain_brand"], "shop": ["shop"]}
    pairs = [
        items.join(counting.filter(scope=scope).select(*on, *columns), on=on, how="inner").select("shop", "item_id", "title", "brand", *columns)
        for scope, on in keys.items()
    ]
    rank = pl.col("state").replace_strict(_RANK, return_dtype=pl.Int8)
    return pl.concat(pairs).sort("shop", "item_id", "document_type", rank, "document_id").unique(
        ["shop", "item_id", "document_type"], keep="first", maintain_order=True
    )


def to_block(covering: pl.DataFrame) -> pl.DataFrame:
    """Items one of whose papers expired, ends before the sale or proves nothing: the worst `reason`, all of them as `zh`."""
    bad = covering.filter(pl.col("state").is_in([EXPIRED, BEFORE_SALE, INVALID])).with_columns(
        rank=pl.col("state").replace_strict(_RANK, return_dtype=pl.Int8), said=_said()
    )
    return (
        bad.group_by("shop", "item_id", "title", "brand", maintain_order=True)
        .agg(
            reason=pl.col("state").sort_by(pl.col("state").replace_strict({EXPIRED: 0, BEFORE_SALE: 1, INVALID: 2}, return_dtype=pl.Int8)).first(),
            ends_on=pl.col("expires_on").min(),
            document_ids=pl.col("document_id"),
            zh=pl.col("said").str.join("；"),
        )
        .sort("shop", "ends_on", "item_id", nulls_last=True)
    )


def _said() -> pl.Expr:
    ends = pl.col("expires_on").cast(pl.String)
    return (
        pl.when(pl.col("state") == EXPIRED).then(pl.format("{} {}已过期", "document_type", ends))
        .when(pl.col("state") == BEFORE_SALE).then(pl.format("{} {}到期，早于售卖日", "document_type", ends))
        .otherwise(pl.format("{}{}", "document_type", pl.col("fault").replace_strict(FAULTS, default="无效", return_dtype=pl.String)))
    )  # fmt: skip


def brands_without(items: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Brands on sale for which there is no paper of the brand at all: shop, brand, items."""
    has = rows.filter(scope="brand").select("shop", "plain_brand")
    without = items.filter(pl.col("plain_brand").is_not_null()).join(has, on=["shop", "plain_brand"], how="anti")
    counted = without.group_by("shop", "plain_brand").agg(brand=pl.col("brand").min(), items=pl.len().cast(pl.Int64))
    return counted.select("shop", "brand", "items").sort("shop", "brand")

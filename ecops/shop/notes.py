"""What a person should know about an import beside the counts: one sentence each, Chinese and English."""

from collections.abc import Iterator, Sequence

import polars as pl

from ecops.quantity import format_money
from ecops.shop.deriving import MADE_ID, TITLE_ID
from ecops.shop.faults import ROW
from ecops.shop.kinds import KINDS
from ecops.shop.personal import without_phones
from ecops.shop.reading import Batch
from ecops.shop.report import shown
from ecops.shop.settling import Settled
from ecops.shop.sheet import shown as one_line

_GIANT_TIMES, _GIANT_FEN = 500, 1_000_000
_NAMED = 5
_SO_FAR = {"sold_so_far": "累计销量", "comments_so_far": "累计评论数"}


def notes_on(batches: Sequence[Batch], settled: Settled, unread: Sequence[str]) -> list[str]:
    """Notes on the sheets read and on the rows that were settled; `unread` are sheets that were passed over."""
    sheets = [f"工作表 {name} 没有可识别的表头，未读取 / sheet {name} has no known headings and was not read" for name in unread]
    rows = [*_named_by_us(settled.fine), *_giants(settled.fine), *_snapshots(settled), *_untold(settled)]
    return [*sheets, *_left_out(batches), *_odd_totals(batches), *_not_understood(batches), *rows]


def _left_out(batches: Sequence[Batch]) -> Iterator[str]:
    for batch in batches:
        if batch.heading.at:
            yield f"跳过表头前 {batch.heading.at} 行说明 / {batch.heading.at} rows of notes before the headings were passed over"
        if batch.blank_rows:
            yield f"跳过 {batch.blank_rows} 个空行 / {batch.blank_rows} blank rows were passed over"
        if batch.heading_rows:
            yield f"{batch.heading_rows} 行重复了表头，未载入 / {batch.heading_rows} rows repeat the headings and were passed over"
        if batch.unended:
            yield (
                f"文件在第 {batch.unended} 行结束而没有换行，如下载中断，该行及以后的行可能不全，请核对 / "
                f"the file ends in row {batch.unended} without a line break: if the download broke off there, rows are missing; please check"
            )
        if batch.total_rows:
            yield f"{batch.total_rows} 行为合计或平均，未载入 / {batch.total_rows} rows are totals or averages and were not loaded"
        for name, number in batch.damaged.items():
            yield (
                f"“{name}”列有 {number} 格被表格软件改成科学计数法，该列未使用 / "
                f"{number} cells of {name} were turned into scientific notation; the column is not used"
            )


def _odd_totals(batches: Sequence[Batch]) -> Iterator[str]:
    for one in (one for batch in batches for one in batch.sums if one.difference):
        yield (
            f"“{one.heading}”的合计为 {shown(one, one.stated)}，各行之和为 {shown(one, one.summed)}，相差 {shown(one, one.difference)} / "
            f"the total row states {shown(one, one.stated)} of {one.column}, the rows add up to {shown(one, one.summed)}"
        )


def _not_understood(batches: Sequence[Batch]) -> Iterator[str]:
    for batch in batches:
        for name, texts in batch.unknown.items():
            told = "、".join(f"{one_line(without_phones(text))}（{number} 行）" for text, number in texts.items())
            yield f"“{name}”中有不认识的文字，按未知处理：{told} / texts of {name} that are not known were read as unknown"
    unread = list(dict.fromkeys(name for batch in batches for name in batch.unread))
    if unread:
        yield f"未读取的列：{'、'.join(unread)} / columns that fill nothing were not read"


def _named_by_us(fine: pl.DataFrame) -> Iterator[str]:
    if "item_id" in fine.columns and (titles := _begins(fine, "item_id", TITLE_ID)["item_id"].n_unique()):
        yield (
            f"{titles} 个商品暂以名称代替商品ID，导入含商品ID的数据后自动合并 / "
            f"{titles} items stand under their titles until a file with item ids is imported"
        )
    if "line_id" not in fine.columns and "order_id" in fine.columns and (made := len(_begins(fine, "order_id", MADE_ID))):
        yield (
            f"文件没有订单编号，{made} 笔订单以买家和下单时间识别；请勿再导入同一时段含订单编号的文件，否则会重复计算 / the file has no "
            f"order numbers: {made} orders are told by buyer and time; do not import the same period again with order numbers"
        )


def _begins(fine: pl.DataFrame, column: str, prefix: str) -> pl.DataFrame:
    return fine.filter(pl.col(column).str.starts_with(prefix))


def _giants(fine: pl.DataFrame) -> Iterator[str]:
    """Orders so much larger than the rest that one of them bends every mean."""
    if "total_fen" not in fine.columns:
        return
    floor = max(_GIANT_FEN, (fine["total_fen"].median() or 0) * _GIANT_TIMES)
    giants = fine.filter(pl.col("total_fen") >= floor).sort("total_fen", descending=True)
    for order, total, row in giants.select("order_id", "total_fen", ROW).head(_NAMED).iter_rows():
        yield (
            f"第 {row} 行订单 {order} 金额 {format_money(total)} 元，远大于其他订单，已载入，请核对 / "
            f"order {order} in row {row} is of {format_money(total)} yuan, far larger than the rest; loaded, please check"
        )


def _snapshots(settled: Settled) -> Iterator[str]:
    """Counts since listing can only grow: a page that shows fewer than the day before has been reset or misread."""
    fine = settled.fine
    for column, zh in ((c, zh) for c, zh in _SO_FAR.items() if c in fine.columns and fine[c].count()):
        if missing := settled.found[column].null_count():
            yield f"{missing} 行没有{zh}，按未知处理 / {missing} rows have no {column}; unknown"
        seen = fine.drop_nulls(column).sort("competitor", "competitor_item_id", "date")
        falls = seen.select((pl.col(column).diff() < 0).over("competitor", "competitor_item_id").sum()).item()
        if falls:
            yield f"{zh}有 {falls} 处比前一次少，差额不可当作销量 / {column} falls {falls} times; no sales can be told from there"


def _untold(settled: Settled) -> Iterator[str]:
    for name, number in settled.untold.items():
        if number:
            yield f"{number} 条{KINDS[name].zh}因部分行被拒收而未推出 / {number} {name} were not told, for some of their rows were refused"

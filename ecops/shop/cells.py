"""From a cell's text to a value: each converter gives the value and, where the text cannot be trusted, the reason.

Expressions over whole columns. A value of null without a fault means the cell says nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from ecops.shop.kinds import INSTANT

SHOP_ZONE = "Asia/Shanghai"

_MISSING = r"(?i)^(-+|—+|–+|/|暂无数据|暂无|无数据|null|nan|none|n/a|#n/a|\\n|\*+)$"
# How a cell begins that is wrapped, or that may be a way to write nothing.
_HOLLOW = r"^[\-—–/暂无Nn#\\*]"
_SPECIAL = r"^[='`\-—–/暂无Nn#\\*\u200b-\u200f\u2060\ufeff]"
# Characters without a shape that pages and joined files leave behind.
_INVISIBLE, _INVISIBLES = r"\p{Cf}", "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_SCIENTIFIC = r"^[+-]?\d+(\.\d+)?[eE][+-]?\d+$"
_LONG_ID, _ROUNDED, _TELLING_ZEROS = r"^\d{16,}$", r"^\d{15}(0+)$", 6
# A double holds integers up to 2**53; above, each doubling leaves one binary digit less. Chance gives so many zeros to no column of ids.
_EXACT_BITS, _TELLING_BITS = 53, 40
# A spreadsheet keeps so many digits; a text of so many may be no 64-bit integer any more.
_SPREADSHEET_DIGITS, _NO_INTEGER = 15, 19
_MINUS = r"^([¥￥]?\s*)-"
_NUMBER = r"^-?\d+(\.\d+)?$"
_DAY = r"^((?:19|20)\d\d)[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
_COMPACT = r"^((?:19|20)\d\d)(\d\d)(\d\d)$"
_CLOCK = r"(?:[ T]+(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2})(?:\.\d+)?)?)?$"
_SERIAL = r"^\d{5}(\.\d+)?$"
_PERIOD = r"^(?:19|20)\d\d\D?\d{1,2}\D?\d{1,2}日?\s*(?:~|～|至|到|-|—|_)+\s*(?:19|20)\d\d"
_LARGEST_YUAN = 1e11

STATUSES = {
    "等待买家付款": "created", "待付款": "created", "created": "created",
    "买家已付款": "paid", "等待卖家发货": "paid", "待发货": "paid", "已付款": "paid", "paid": "paid",
    "卖家已发货": "shipped", "已发货": "shipped", "shipped": "shipped",
    "交易成功": "finished", "已完成": "finished", "finished": "finished",
    "交易关闭": "closed", "已关闭": "closed", "已取消": "closed", "closed": "closed",
}
_YES, _NO = ("是", "true", "1", "y", "yes", "在售", "出售中"), ("否", "false", "0", "n", "no", "下架", "仓库中", "已下架")


@dataclass(frozen=True)
class Parsed:
    """`value` of the cell; `fault`: reason code, null where the cell is fine.

    `usual`: the same value, quickly, for cells written the usual way; null for all others. None: there is no quicker way.
    """

    value: pl.Expr
    fault: pl.Expr
    usual: pl.Expr | None = None


Converter = Callable[[pl.Expr, date], Parsed]


def clean(cell: pl.Expr) -> pl.Expr:
    """Text without the wrappings of exports (`="..."`, a leading `'`, tabs); null for the ways to write nothing."""
    outer = cell.str.strip_chars()
    special = outer.str.contains(_SPECIAL)
    odd = _only(outer, special)
    formula = odd.str.starts_with('="') & odd.str.ends_with('"') & (odd.str.len_bytes() > len('="'))
    inner = pl.when(formula).then(odd.str.strip_prefix('="').str.strip_suffix('"')).otherwise(odd)
    bare = inner.str.strip_chars(_INVISIBLES).str.strip_chars().str.strip_chars_start("'`").str.strip_chars()
    nothing = (bare == "") | _only(bare, bare.str.contains(_HOLLOW)).str.contains(_MISSING).fill_null(False)
    return pl.when(special).then(_only(bare, ~nothing)).otherwise(_only(outer, outer != ""))


def is_scientific(cell: pl.Expr) -> pl.Expr:
    """Whether a number was written with an exponent: as an id, its digits are lost."""
    return cell.str.contains(_SCIENTIFIC)


def text(cell: pl.Expr, epoch: date) -> Parsed:
    """Any text."""
    return Parsed(cell, _fine())


def identity(cell: pl.Expr, epoch: date) -> Parsed:
    """An id as text; refused when a spreadsheet has rounded its digits away."""
    rounded = _rounded(cell) | _through_doubles(cell)
    plain = ~(cell.str.contains("[.eE]") | rounded | (cell.str.len_bytes() != cell.str.len_chars()))
    odd = _narrow(_only(cell, ~plain))
    whole = pl.coalesce(odd.str.replace(r"^(\d{1,15})\.0+$", "$1"), cell)
    lost = (is_scientific(odd) | odd.str.contains(r"^\d{16,}\.\d+$") | rounded).fill_null(False)
    # what is left of it is no key: it may be that of other rows
    return Parsed(_only(whole, ~lost), _fault_when(lost, "digits_lost"), _only(cell, plain))


def _rounded(cell: pl.Expr) -> pl.Expr:
    """Long ids that a spreadsheet has written out with zeros for the digits it lost: chance ends a few in zeros, but not all of a column."""
    # few ids end in a zero, and patterns cost more than anything else here
    zeros = _only(cell, cell.str.ends_with("0")).str.extract(_ROUNDED).str.len_chars()
    beyond = _only(cell, cell.str.len_bytes() >= _NO_INTEGER).str.contains(_LONG_ID)
    long = (cell.cast(pl.Int64, strict=False) >= 10**_SPREADSHEET_DIGITS).fill_null(False) | beyond.fill_null(False)
    sole = _only(cell, zeros.is_not_null()).is_first_distinct()
    all_end_so = (zeros.count() == long.sum()) & (_only(zeros, sole).sum() >= _TELLING_ZEROS)
    return zeros.is_not_null() & all_end_so


def _through_doubles(cell: pl.Expr) -> pl.Expr:
    """Long ids that a program has held as numbers: their last binary digits are zeros, all of a column."""
    number = cell.cast(pl.Int64, strict=False)
    long = _only(number, number >= 2**_EXACT_BITS)
    kept = long.cast(pl.Float64).cast(pl.Int64, strict=False) == long
    alike = _only(long, kept)
    lacking = _only(alike, alike.is_first_distinct()).log(2).floor() + 1 - _EXACT_BITS
    return kept & kept.all() & (lacking.sum() >= _TELLING_BITS)


def money(cell: pl.Expr, epoch: date) -> Parsed:
    """Yuan -> fen (integer, not negative, at most two decimals)."""
    usual = (_only(cell, cell.str.contains(r"^\d{1,9}(\.\d{1,2})?$")).cast(pl.Float64, strict=False) * 100).round().cast(pl.Int64, strict=False)
    bare = _number_text(cell)
    yuan = _only(bare, bare.str.contains(_NUMBER)).cast(pl.Float64, strict=False)
    fen = (yuan * 100).round()
    exact = (yuan.abs() < _LARGEST_YUAN) & ((yuan * 100 - fen).abs() < 1e-4)
    return _amount(cell, _only(fen, exact).cast(pl.Int64, strict=False), "not_money", usual)


def count(cell: pl.Expr, epoch: date) -> Parsed:
    """A whole number, not negative."""
    usual = _only(cell, cell.str.contains(r"^\d{1,15}$")).cast(pl.Int64, strict=False)
    bare = _number_text(cell).str.replace(r"\.0+$", "")
    return _amount(cell, bare.cast(pl.Int64, strict=False), "not_a_number", usual)


def day(cell: pl.Expr, epoch: date) -> Parsed:
    """A calendar day, as text of any common form, compact, or a spreadsheet's serial number; a period of days is no day."""
    moment = _moment(cell, epoch)
    several = _fault_when(moment.is_null() & cell.str.contains(_PERIOD), "several_days")
    return Parsed(moment.dt.date(), pl.coalesce(several, _fault_when(cell.is_not_null() & moment.is_null(), "not_a_date")))


def month(cell: pl.Expr, epoch: date) -> Parsed:
    """The first day of a month, written `2025-10` or as any day of it."""
    full = pl.when(cell.str.contains(r"^\d{4}[-/.年]\d{1,2}月?$")).then(cell.str.strip_chars_end("月") + "-01").otherwise(cell)
    first = day(full.str.replace(r"年(\d{1,2})-01$", "-$1-01"), epoch)
    return Parsed(first.value.dt.month_start(), first.fault)


def instant(cell: pl.Expr, epoch: date) -> Parsed:
    """Local time of the shop -> UTC instant."""
    local = _in_zone(_moment(cell, epoch))
    return Parsed(local, _fault_when(cell.is_not_null() & local.is_null(), "not_a_date"), _in_zone(_usual_moment(cell)))


def flag(cell: pl.Expr, epoch: date) -> Parsed:
    """Yes or no."""
    low = cell.str.to_lowercase()
    value = pl.when(low.is_in(_YES)).then(True).when(low.is_in(_NO)).then(False)
    return Parsed(value, _fault_when(cell.is_not_null() & value.is_null(), "not_yes_no"))


def choice(meanings: Mapping[str, str]) -> Converter:
    """A converter for a cell of fixed texts (keys compared as headings are); a text not known stays unknown."""
    return lambda cell, epoch: Parsed(_folded(cell).replace_strict(meanings, default=None, return_dtype=pl.String), _fine())


def status(cell: pl.Expr, epoch: date) -> Parsed:
    """An order's status; one not known stays unknown, for the amounts of the order are still good."""
    return Parsed(_folded(cell).str.extract(r"^([^,]*)").replace_strict(STATUSES, default=None, return_dtype=pl.String), _fine())


def rate(cell: pl.Expr, epoch: date) -> Parsed:
    """`8.50%` -> 0.085. A bare number is refused: 8.5 and 0.085 may both mean it. Zero is zero either way."""
    percent, bare = _percent(cell), _real(_number_text(cell))
    value = pl.coalesce(percent, pl.when(bare == 0).then(0.0))
    unclear = pl.when(bare.is_not_null() & value.is_null()).then(pl.lit("ambiguous_rate"))
    return Parsed(value, pl.coalesce(unclear, _amount(cell, value, "not_a_rate").fault))


def rate_in_points(cell: pl.Expr, epoch: date) -> Parsed:
    """A rate whose bare numbers are percents: `95` and `95%` -> 0.95."""
    value = pl.coalesce(_percent(cell), _real(_number_text(cell)) / 100)
    return _amount(cell, value, "not_a_rate")


def rate_as_fraction(cell: pl.Expr, epoch: date) -> Parsed:
    """A rate whose bare numbers are fractions: `0.95` and `95%` -> 0.95."""
    return _amount(cell, pl.coalesce(_percent(cell), _real(_number_text(cell))), "not_a_rate")


def number(cell: pl.Expr, epoch: date) -> Parsed:
    """Any number that is not negative."""
    return _amount(cell, _real(_number_text(cell).str.strip_suffix("分")), "not_a_number")


def seconds(cell: pl.Expr, epoch: date) -> Parsed:
    """Seconds from `12.5`, `12.5秒`, `1分20秒`, `00:01:20`."""
    bare = _real(_number_text(cell).str.replace(r"(?i)(秒|s)$", ""))
    clock = cell.str.extract_groups(r"^(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)$")
    words = cell.str.extract_groups(r"^(?:(\d+)(?:小时|时))?(?:(\d+)(?:分钟|分))?(?:(\d+(?:\.\d+)?)秒)?$")
    return _amount(cell, pl.coalesce(bare, _sixties(clock), _sixties(words)), "not_a_duration")


def signed_money(cell: pl.Expr, epoch: date) -> Parsed:
    """Yuan -> fen, negative where the file books a charge or a return."""
    parsed = money(cell.str.replace(_MINUS, "${1}"), epoch)
    return Parsed(pl.when(cell.str.contains(_MINUS)).then(-parsed.value).otherwise(parsed.value), parsed.fault)


def refund_money(cell: pl.Expr, epoch: date) -> Parsed:
    """As `money`; an export may say in words that no refund was asked for, which does not mean that none will be."""
    return money(pl.when(~cell.is_in(_NO_REFUND)).then(cell), epoch)


def number_of_days(cell: pl.Expr, epoch: date) -> Parsed:
    """Days from `15`, `15天`, `15天累计数据`."""
    return count(pl.coalesce(cell.str.extract(r"^(\d+)\s*[天日]"), cell), epoch)


def mark(cell: pl.Expr, epoch: date) -> Parsed:
    """The mark at the head of a remark, such as `G-`; nothing else of the remark, which may name people."""
    return Parsed(cell.str.extract(r"^([A-Z]-)"), _fine())


def staged(cell: pl.Expr, epoch: date) -> Parsed:
    """Whether a text about the parts of a payment is there at all: the order is a pre-sale."""
    return Parsed(pl.when(cell.is_not_null()).then(True), _fine())


def waybill(cell: pl.Expr, epoch: date) -> Parsed:
    """A carrier's number, without the `No:` some exports put before it."""
    marked, plain = cell.str.contains(r"^[Nn]"), identity(cell, epoch)
    bare = identity(pl.when(marked).then(cell.str.replace(r"(?i)^no[:：]\s*", "")).otherwise(cell), epoch)
    return Parsed(bare.value, bare.fault, _only(plain.usual, ~marked))


def province(cell: pl.Expr, epoch: date) -> Parsed:
    """The province at the head of an address; an address not split by blanks says nothing."""
    head = cell.str.extract(r"^(\S+)")
    return Parsed(pl.when((head.str.len_chars() <= 10) & ~head.str.contains(r"\*")).then(head), _fine())


def _narrow(cell: pl.Expr) -> pl.Expr:
    """Full-width letters and digits as the usual ones, without characters that have no shape."""
    return cell.str.normalize("NFKC").str.replace_all(_INVISIBLE, "")


def _folded(cell: pl.Expr) -> pl.Expr:
    return _narrow(cell).str.replace_all(r"\s", "").str.to_lowercase()


def _percent(cell: pl.Expr) -> pl.Expr:
    bare = _number_text(cell)
    return _real(_only(bare.str.strip_suffix("%"), bare.str.ends_with("%"))) / 100


def _real(text: pl.Expr) -> pl.Expr:
    """A number that is one: `inf` and what is too large to be held are none."""
    number = text.cast(pl.Float64, strict=False)
    return _only(number, number.is_finite())


def _sixties(groups: pl.Expr) -> pl.Expr:
    """Hours, minutes and seconds as seconds; null where none of them is there."""
    parts = [_real(groups.struct.field(str(place))) for place in (1, 2, 3)]
    hours, minutes, rest = (part.fill_null(0) for part in parts)
    return pl.when(pl.any_horizontal(part.is_not_null() for part in parts)).then(hours * 3600 + minutes * 60 + rest)


def _only(value: pl.Expr, where: pl.Expr) -> pl.Expr:
    """`value` where it holds, else null: what follows has then little to do."""
    return pl.when(where).then(value)


def _fine() -> pl.Expr:
    return pl.lit(None, dtype=pl.String)


def _fault_when(bad: pl.Expr, code: str) -> pl.Expr:
    return pl.when(bad.fill_null(False)).then(pl.lit(code))


def _number_text(cell: pl.Expr) -> pl.Expr:
    return _narrow(cell).str.replace_all(r"[,¥\s]", "").str.replace(r"(元|件|人)$", "")


def _amount(cell: pl.Expr, value: pl.Expr, code: str, usual: pl.Expr | None = None) -> Parsed:
    unreadable = cell.is_not_null() & value.is_null()
    fault = pl.when(unreadable).then(pl.lit(code)).when((value < 0).fill_null(False)).then(pl.lit("negative"))
    return Parsed(value, fault, usual)


def _in_zone(local: pl.Expr) -> pl.Expr:
    return local.dt.replace_time_zone(SHOP_ZONE, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC").cast(INSTANT)


def _usual_moment(cell: pl.Expr) -> pl.Expr:
    moment = cell.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    return _only(moment, moment.dt.year().is_between(1900, 2099))


def _moment(cell: pl.Expr, epoch: date) -> pl.Expr:
    plain = _narrow(cell)
    return pl.coalesce(_written(plain), _compact(plain), _serial(plain, epoch))


def _written(cell: pl.Expr) -> pl.Expr:
    groups = cell.str.extract_groups(_DAY + _CLOCK)
    parts = [groups.struct.field(str(number)).fill_null("0").str.zfill(2) for number in range(1, 7)]
    return pl.format("{}-{}-{} {}:{}:{}", *parts).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")


def _compact(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(_COMPACT)).then(cell).str.to_datetime("%Y%m%d", strict=False, time_unit="us")


def _serial(cell: pl.Expr, epoch: date) -> pl.Expr:
    days = pl.when(cell.str.contains(_SERIAL)).then(cell).cast(pl.Float64, strict=False)
    seconds = (days * 86400).round().cast(pl.Int64)
    return pl.lit(epoch).cast(pl.Datetime("us")) + pl.duration(seconds=seconds)


ACTIONS = {"1": "view", "2": "favourite", "3": "cart", "4": "buy", "view": "view", "favourite": "favourite", "cart": "cart", "buy": "buy",
           "浏览": "view", "收藏": "favourite", "加购": "cart", "购买": "buy"}
REFUND_STATUSES = {
    "没有申请退款": "none", "无退款申请": "none", "none": "none", "退款成功": "success", "success": "success", "退款关闭": "closed",
    "closed": "closed", "卖家拒绝退款": "refused", "refused": "refused", "open": "open",
    "买家已经申请退款,等待卖家同意": "open", "卖家已经同意退款,等待买家退货": "open", "买家已经退货,等待卖家确认收货": "open",
}

_NO_REFUND = [text for text, meaning in REFUND_STATUSES.items() if meaning == "none"]

# By the name under which a table of headings asks for them.
CONVERTERS: dict[str, Converter] = {
    "text": text, "identity": identity, "money": money, "signed_money": signed_money, "count": count, "number": number, "day": day,
    "month": month, "instant": instant, "flag": flag, "status": status, "province": province, "rate": rate, "points": rate_in_points,
    "fraction": rate_as_fraction, "seconds": seconds, "mark": mark, "days": number_of_days, "staged": staged, "waybill": waybill,
    "action": choice(ACTIONS), "refund_status": choice(REFUND_STATUSES), "refund_money": refund_money,
}
# Converters of fixed texts: what they do not know is counted and said.
OF_FIXED_TEXTS = ("status", "action", "refund_status")

"""People's own data: what counts as such in any file, and the keyed hash that stands for it."""

import re
from collections.abc import Iterator
from hashlib import blake2b

import polars as pl

from ecops.shop.exports import heading, personal

HASHED = "hash:"
_DIGITS = 32
# A net under the tables of headings: an unknown file may call a person's data by any name.
_SUSPECT = re.compile(r"姓名|收件|收货人|买家会员|昵称|旺旺|电话|手机|地址|身份证|支付宝|微信|邮箱|留言|备注|发票|qq|phone|mobile|address|receiver|consignee|email|remark|nick")
# Also with the country before it, in groups, or in full-width digits.
_MOBILE = r"(?:\+?86[- ]?)?[1１][3-9３-９]\d[- ]?\d{4}[- ]?\d{4}"
_PHONE = re.compile(rf"(?<!\d){_MOBILE}(?!\d)")
# Landlines as people write them, and mail addresses, which are also names of payment accounts.
_LANDLINE = r"0\d{2,3}[-－ ]\d{7,8}"
_MAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_REACHED_BY = re.compile(rf"{_MAIL}|(?<!\d){_LANDLINE}(?!\d)")
_CARD = r"[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]"
CUT = "***********"
# Columns of words that people write: a phone number may stand in them.
FREE_TEXTS = ("text", "detail_text", "title", "reason", "close_reason", "last_event", "sku")


def keyed_hash(secret: bytes, text: str) -> str:
    """A stand-in for a personal text: the same for the same text in one lake, and not to be guessed without its key.

    A text that is such a stand-in already (it comes back from a mended quarantine) stays what it is.
    """
    return _stand(_keyed(secret), text)


def hashed(texts: pl.Series, secret: bytes) -> pl.Series:
    """Keyed hashes of a column of texts; null stays null."""
    repeats = texts.approx_n_unique() * 2 < len(texts)
    if repeats or texts.str.starts_with(HASHED).any():
        stands = _Stands(secret)
        return pl.Series(texts.name, [stands[text] for text in texts.to_list()], dtype=pl.String)
    return pl.Series(texts.name, list(_each(_keyed(secret), texts.to_list())), dtype=pl.String)


def _each(begun: blake2b, texts: list[str | None]) -> Iterator[str | None]:
    """The hash of every text: where hardly any repeats, keeping them costs more than it saves."""
    copy = begun.copy
    for text in texts:
        if text is None:
            yield None
            continue
        made = copy()
        made.update(text.encode())
        yield made.hexdigest()


class _Stands(dict[str | None, str | None]):
    """Text -> its stand-in, each made once; the key is worked in once for all of them."""

    def __init__(self, secret: bytes) -> None:
        super().__init__({None: None})
        self._begun = _keyed(secret)

    def __missing__(self, text: str) -> str:
        self[text] = made = _stand(self._begun.copy(), text)
        return made


def _keyed(secret: bytes) -> blake2b:
    return blake2b(key=secret, digest_size=_DIGITS // 2)


def _stand(begun: blake2b, text: str) -> str:
    if text.startswith(HASHED) and len(text) == len(HASHED) + _DIGITS:
        return text.removeprefix(HASHED)
    begun.update(text.encode())
    return begun.hexdigest()


def words_hashed(texts: pl.Series, rows: pl.Series, secret: bytes) -> pl.Series:
    """The texts, those of `rows` (a mask) hashed that hold a word or look like a number of a person: nobody knows what they are."""
    telling = texts.str.contains(rf"\p{{L}}{{2}}|{_LANDLINE}|^\D?{_CARD}$").fill_null(False) & ~texts.str.starts_with(HASHED).fill_null(False)
    return texts.zip_with(~(rows & telling), HASHED + hashed(texts, secret))


def is_personal(name: str | None) -> bool:
    """Whether the cells under this heading may tell about a person."""
    plain = heading(name)
    return plain in personal() or bool(_SUSPECT.search(plain))


def veiled(name: str | None, text: str, secret: bytes) -> str:
    """A cell as the quarantine may keep it: hashed under a personal heading, phone numbers cut out under any other."""
    return HASHED + keyed_hash(secret, text) if is_personal(name) else without_phones(text)


def veiled_column(texts: pl.Series, name: str | None, secret: bytes) -> pl.Series:
    """`veiled` of all cells under one heading."""
    if is_personal(name):
        return HASHED + hashed(texts, secret)
    return texts.to_frame("_t").select(phones_cut(pl.col("_t")))["_t"]


def without_phones(text: str) -> str:
    """The text with everything that looks like a phone number or a mail address struck out."""
    return _REACHED_BY.sub(CUT, _PHONE.sub(CUT, text))


def phones_cut(texts: pl.Expr) -> pl.Expr:
    """`without_phones` of a column."""
    # numbers in a row share the mark between them, so they are cut as one
    mobiles = texts.str.replace_all(rf"(^|\D){_MOBILE}(?:\D{_MOBILE})*(\D|$)", f"${{1}}{CUT}${{2}}")
    return mobiles.str.replace_all(_MAIL, CUT).str.replace_all(rf"(^|\D){_LANDLINE}(\D|$)", f"${{1}}{CUT}${{2}}")


def guarded(rows: pl.DataFrame, column: str, secret: bytes) -> pl.DataFrame:
    """`rows` with texts of `column` that are a phone number or a mail address as keyed hashes: an id is neither."""
    told = pl.col(column).str.contains(rf"^{_MOBILE}$|@")
    if not rows.select(told.any()).item():
        return rows
    return rows.with_columns(pl.when(told).then(hashed(rows[column], secret)).otherwise(pl.col(column)).alias(column))

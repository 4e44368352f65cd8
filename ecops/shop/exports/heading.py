"""A heading as it is compared."""

import re
import unicodedata

_BRACKETS = str.maketrans("【】[]〔〕{}", "()()()()")
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")
_UNIT = re.compile(r"\((元|￥|¥|rmb|件|人|次|秒|s|%)\)$", re.IGNORECASE)


def heading(text: str | None) -> str:
    """NFKC, lower case, blanks and what has no shape dropped, brackets unified, a unit in brackets at the end cut off."""
    plain = "".join(_INVISIBLE.sub("", unicodedata.normalize("NFKC", text or "")).split()).lower()
    plain = plain.translate(_BRACKETS).strip("'\"=*")
    return _UNIT.sub("", plain) or plain

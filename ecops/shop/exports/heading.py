"""A heading as it is compared."""

import re
import unicodedata

_BRACKETS = str.maketrans("【】[]〔〕{}", "()()()()")
_UNIT = re.compile(r"\((元|￥|¥|rmb|件|人|次|秒|s|%)\)$", re.IGNORECASE)


def heading(text: str | None) -> str:
    """NFKC, lower case, blanks dropped, brackets unified, a unit in brackets at the end cut off."""
    plain = "".join(unicodedata.normalize("NFKC", text or "").split()).lower()
    plain = plain.translate(_BRACKETS).strip("'\"=\ufeff*")
    return _UNIT.sub("", plain) or plain

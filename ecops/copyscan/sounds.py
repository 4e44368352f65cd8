"""Words written as they sound: in pinyin, whole or by the syllable (zui佳, 顶ji, hao评fan现), or with other characters of that sound.

Only words worth evading for are listed, and a place counts only when it could hardly be anything else: pinyin beside a
Chinese character of the same word, pinyin of three syllables or more, or of 最; other characters only in long words and
before what follows 最.
"""

import re
from collections.abc import Iterator
from functools import cache

from ecops.copyscan.terms import terms

# What may follow a plus sign for it to mean 加: an account somewhere else.
CONTACT = r"v(?![领字形脸型面])|wx|[微薇威徽]\s*(?=信|芯|心|:|[a-z0-9])|卫星|企微|qq?(?=号|群|:|\d)|扣扣"

_SYLLABLES = {
    "好评返现": "hao ping fan xian", "好评返": "hao ping fan", "返现": "fan xian", "好评": "hao ping", "五星": "wu xing", "红包": "hong bao",
    "最佳": "zui jia", "最好": "zui hao", "最低": "zui di", "最优": "zui you", "最强": "zui qiang", "最高级": "zui gao ji", "最便宜": "zui pian yi",
    "全网": "quan wang", "全网最低": "quan wang zui di", "国家级": "guo jia ji", "世界级": "shi jie ji", "顶级": "ding ji", "极品": "ji pin",
    "极致": "ji zhi", "绝对": "jue dui", "第一": "di yi", "唯一": "wei yi", "独一无二": "du yi wu er", "特供": "te gong", "专供": "zhuan gong",
    "减肥": "jian fei", "瘦身": "shou shen", "丰胸": "feng xiong", "治疗": "zhi liao", "根治": "gen zhi", "治愈": "zhi yu", "抗癌": "kang ai",
    "防癌": "fang ai", "壮阳": "zhuang yang", "降血压": "jiang xue ya", "降血糖": "jiang xue tang", "祛斑": "qu ban", "微信": "wei xin",
    "加微信": "jia wei xin", "刷单": "shua dan", "销量": "xiao liang", "冠军": "guan jun", "秒杀": "miao sha",
}  # fmt: skip
_SAID = {"微信", "最佳", "最好", "最低", "最优", "最强"}  # enough of a sound in two syllables of pinyin alone
# Other characters of the same sound, for words long enough not to mean something else.
_ALIKE = {"好": "好郝", "评": "评平坪苹萍凭屏", "返": "返反饭泛帆", "现": "现线先县闲"}
_HEARD = ("好评返现", "五星好评")
_MISTAKEN = "嘴罪醉晬"  # for 最, before what makes it a superlative
_AMBIGUOUS = frozenset("好 强 美 大 小 高 新 长 火 具 多 好看".split())  # 醉美, 嘴强王者, 醉好久


def as_spoken(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, word) of every listed word that is written with pinyin in place of a character."""
    if not _latin().search(text):
        return
    for match in _mixed().finditer(text):
        word = _words()[match.lastgroup]
        written = match[0]
        if re.search("[a-z]", written) and (not written.isascii() or len(word) >= 3 or word in _SAID):
            yield match.start(), match.end(), word


def misheard(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, word) of every listed word that is written with other characters of its sound."""
    for match in _alike().finditer(text):
        if match[0] not in _HEARD:
            yield match.start(), match.end(), "最" if match.lastgroup == "most" else _words()[match.lastgroup[1:]]


@cache
def _words() -> dict[str, str]:
    return {f"w{n}": word for n, word in enumerate(sorted({*_SYLLABLES, *_HEARD}, key=lambda word: (-len(word), word)))}


@cache
def _latin() -> re.Pattern:
    """A run of letters that begins with a listed syllable."""
    syllables = sorted({syllable for said in _SYLLABLES.values() for syllable in said.split()}, key=len, reverse=True)
    return re.compile(rf"(?<![a-z])(?:{'|'.join(syllables)})")


@cache
def _mixed() -> re.Pattern:
    """Each word with every character or its syllable; letters belong to it whole."""

    def spelled(word: str) -> str:
        return "".join(f"(?:{character}|{syllable})" for character, syllable in zip(word, _SYLLABLES[word].split(), strict=True))

    named = "|".join(f"(?P<{name}>{spelled(word)})" for name, word in _words().items() if word in _SYLLABLES)
    return re.compile(rf"(?<![a-z])(?:{named})(?![a-z])")


@cache
def _alike() -> re.Pattern:
    def heard(word: str) -> str:
        return "".join(f"[{_ALIKE.get(character, character)}]" for character in word)

    rest = {text[1:] for text in terms() if text[0] == "最" and len(text) > 1} - _AMBIGUOUS
    most = rf"(?<![喝酒沉陶宿麻微烂心张闭亲认犯])[{_MISTAKEN}](?=好[的用吃喝]|{'|'.join(sorted(rest, key=len, reverse=True))})"
    named = "|".join(f"(?P<x{name}>{heard(word)})" for name, word in _words().items() if word in _HEARD)
    return re.compile(rf"(?P<most>{most})|{named}")

"""Text as the reader means it, with the way back: what evades a list of words is undone, positions are kept.

Undone: HTML tags and entities, full width (NFKC), accents, upper case, traditional characters, zero-width characters, spaces,
ornaments and emoji between the characters of a word, enclosed digits, homophones (蕞, zui; see `sounds.py`) and the ways to
write 第一 (No.1, TOP1, 第1).
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from ecops.copyscan.sounds import CONTACT, as_spoken, misheard

_MARK = re.compile(
    r"<!--|</?(?P<tag>[a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});"
)
_INLINE = frozenset("a abbr b bdi bdo big cite code em font i ins label mark q s small span strike strong sub sup u wbr".split())
_RAW = {"script": re.compile(r"</script\s*>", re.IGNORECASE), "style": re.compile(r"</style\s*>", re.IGNORECASE), "!": re.compile("-->")}
# Ornaments that stand inside words to break them. Sentence punctuation is no ornament: a word does not reach over it.
_ORNAMENT = frozenset("丨 \t\r\u00a0\u3000·•.*-—–_~^|/\\+=×#@★☆♥♡✨✿❀◆◇■□●○▲△※→←↑↓'\"`“”‘’「」『』【】[]{}<>()《》〈〉")
_BREAK = "\n"
_CJK = "\u4e00-\u9fff"
# Ornaments that mean something where they stand: digits and letters keep a dot (3.5, no.1), 5⭐ is five stars, +v is 加微信.
_MEANT = (
    (re.compile(r"(?<=[a-z0-9])[.+](?=[a-z0-9])"), None),
    (re.compile(rf"\+(?=\s?(?:{CONTACT}))"), "加"),
    (re.compile(r"(?<=[5五满])[⭐★☆🌟](?![级星])"), "星"),
)
# Between single characters in a row, or at the end of a line of one character, punctuation and line breaks are ornaments too.
_SPACED_OUT = re.compile(rf"(?<![{_CJK}])[{_CJK}](?:[、,。!;:\n][{_CJK}]){{2,}}(?![{_CJK}])")
_ALONE = re.compile(rf"(?:(?<=\n[{_CJK}])|(?<=^[{_CJK}]))\n+(?=[{_CJK}])|(?<=[{_CJK}])\n+(?=[{_CJK}](?:\n|$))")
_FILLERS = "\u115f\u1160"  # letters by category, and nothing to see
_READ_AS = {"➕": "加", "🧧": "红包", "®": "®"}
_HOMOPHONE = str.maketrans({"蕞": "最", "朂": "最", "冣": "最", "苐": "第", "㐧": "第", "壹": "一", "弌": "一", "佧": "卡"})

# Written forms of words that are longer than one character.
_REWRITES = (
    (re.compile(r"亻言"), "信"),
    (re.compile(r"讠平"), "评"),
    (re.compile(r"(?<=减)月巴"), "肥"),
    (re.compile(rf"(?<![a-z])zui(?=[{_CJK}])"), "最"),
    (re.compile(r"(?<![a-z0-9])(?:n[o0]\.?|top\.?|number|num)(?:1(?![0-9.])|一|one(?![a-z]))(?![a-z])"), "第一"),
    (re.compile(r"第(?:1(?![0-9.])|i(?![a-z]))"), "第一"),
    (re.compile(rf"(?<![a-z])(?:di一|d一|di1|d1)(?=[{_CJK}]|$)"), "第一"),
    (re.compile(r"唯1(?![0-9.])"), "唯一"),
    (re.compile(r"(?:薇|威|徽|微|围|胃|v)(?:信|x|芯|心)(?=同?号|:|[a-z0-9])"), "微信"),
    (re.compile(r"(?<=加)(?:卫星|微芯|薇信|威信|徽信|围信|胃信)(?!接收|定位|导航|天线|锅|电视|通[信讯]|图|云)"), "微信"),
    (re.compile(r"(?:扣扣|企鹅|球球)(?=号|群|:|\d)"), "qq"),
    (re.compile(r"返(?:现金|閒|线|钱钱)"), "返现"),
)


@dataclass(frozen=True)
class Normal:
    """Normalised `text`; character n stands for `origin[n]`, a [start, end) span of the original."""

    text: str
    origin: tuple[tuple[int, int], ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original span of the normalised [start, end)."""
        return self.origin[start][0], self.origin[end - 1][1]


def normal(text: str) -> Normal:
    """`text` without what evades a word list, each character with its place in the original."""
    return _rewritten(*_without_ornaments(*_folded(text)))


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """(what it reads as, start, end): plain stretches, entities as what they stand for, tags as nothing or a break.

    Scripts, styles and comments are no text. One that nothing closes hides nothing: what follows it is read.
    """
    at, unclosed = 0, set()
    for mark in _MARK.finditer(text):
        if mark.start() < at:
            continue
        yield text[at : mark.start()], at, mark.start()
        at, kind = mark.end(), "!" if mark[0] == "<!--" else (mark["tag"] or "").lower()
        if kind in _RAW and not mark[0].startswith("</") and kind not in unclosed:
            closing = _RAW[kind].search(text, at)
            at = closing.end() if closing else at
            unclosed |= set() if closing else {kind}
        yield _read(mark[0], kind), mark.start(), at
    yield text[at:], at, len(text)


def _read(mark: str, kind: str) -> str:
    if mark.startswith("&"):
        return html.unescape(mark)
    return "" if kind in _INLINE or kind == "!" else _BREAK


def _folded(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Characters in NFKC, lower case, simplified, homophones undone, invisible ones dropped; ornaments are still there."""
    folded: list[str] = []
    origin: list[tuple[int, int]] = []
    for piece, start, end in _pieces(text):
        literal = len(piece) == end - start
        for n, character in enumerate(piece, start):
            meant = _fold(character)
            folded.append(meant)
            origin += [(n, n + 1) if literal else (start, end)] * len(meant)
    return "".join(folded), origin


@cache
def _simplified():
    from opencc import OpenCC  # 50 ms to load, and only a text with such a character needs it

    return OpenCC("t2s")


@lru_cache(maxsize=50_000)
def _fold(character: str) -> str:
    """One character as what it is read as; nothing when it is not read; emoji become a blank."""
    if character in _READ_AS:
        return _READ_AS[character]
    if "\U0001f200" <= character <= "\U0001f2ff":  # squared characters are used as emoji, not as text
        return " "
    if (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    meant = unicodedata.normalize("NFKD" if character < "\u2000" else "NFKC", character).lower()  # NFKD parts zuì from its accent
    meant = "".join(one for one in meant if unicodedata.category(one) not in ("Cf", "Mn", "Me") and one not in _FILLERS)
    if any(one >= "\u2e80" for one in meant):
        meant = _simplified().convert(meant)
    return "".join(" " if unicodedata.category(one) == "So" and one not in "⭐★☆🌟" else one for one in meant.translate(_HOMOPHONE))


def _without_ornaments(text: str, origin: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """What only decorates is dropped; what means something where it stands becomes that."""
    read = [None if one in _ORNAMENT or one in "⭐🌟" else one for one in text]
    for pattern, meaning in _MEANT:
        for match in pattern.finditer(text):
            read[match.start()] = meaning or match[0]
    kept = [n for n, one in enumerate(read) if one is not None]
    text, origin = "".join(read[n] for n in kept), [origin[n] for n in kept]
    spaced = {n for run in _SPACED_OUT.finditer(text) for n in range(run.start() + 1, run.end(), 2)}
    spaced |= {n for match in _ALONE.finditer(text) for n in range(*match.span())}
    if not spaced:
        return text, origin
    return "".join(one for n, one in enumerate(text) if n not in spaced), [span for n, span in enumerate(origin) if n not in spaced]


def _rewritten(text: str, origin: list[tuple[int, int]]) -> Normal:
    for pattern, meant in _REWRITES:
        text, origin = _replaced([(*match.span(), meant) for match in pattern.finditer(text)], text, origin)
    for written in (as_spoken, misheard):
        text, origin = _replaced(list(written(text)), text, origin)
    return Normal(text, tuple(origin))


def _replaced(found: list[tuple[int, int, str]], text: str, origin: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Every (start, end, meant) reads as `meant`; each of its characters stands for the whole place, or for its own when they pair up."""
    if not found:
        return text, origin
    pieces, spans, at = [], [], 0
    for start, end, meant in found:
        pieces += [text[at:start], meant]
        whole = (origin[start][0], origin[end - 1][1])
        spans += [*origin[at:start], *(origin[start:end] if len(meant) == end - start else [whole] * len(meant))]
        at = end
    return "".join([*pieces, text[at:]]), [*spans, *origin[at:]]

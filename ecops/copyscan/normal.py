"""Text as the reader means it, with the way back: what evades a list of words is undone, positions are kept.

Undone: HTML tags and entities, full width (NFKC), upper case, traditional characters, zero-width characters, spaces and
ornaments between the characters of a word, homophones (蕞, zui) and the ways to write 第一 (No.1, TOP1, 第1).
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_MARK = re.compile(
    r"<!--.*?-->|<(?P<raw>script|style)\b.*?</(?P=raw)\s*>|</?(?P<tag>[a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>"
    r"|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});",
    re.DOTALL | re.IGNORECASE,
)
_INLINE = frozenset("a abbr b bdi bdo big cite code em font i ins label mark q s small span strike strong sub sup u wbr".split())
# Ornaments that stand inside words to break them. Sentence punctuation is no ornament: a word does not reach over it.
_ORNAMENT = frozenset(" \t\u00a0\u3000·•.*-—–_~^|/\\+=#@★☆♥♡✨✿❀◆◇■□●○▲△※→←↑↓'\"`“”‘’「」『』【】[]{}<>()《》〈〉")
_BREAK = "\n"
_INSIDE = re.compile(r"[a-z0-9][.+][a-z0-9]")

_TRADITIONAL = str.maketrans(
    "並乾亞佔併來係俬倉個倫備傢傳僅價儘優兇兌內冊凍別刪則創劃動務勝勵區卽厤參員問喫單嚮嚴國圍園圖執場壓壞壯壽奬妝嬰學宮實寫寶將專對導屆層屬峯巔師幷幹廠廣弔張強彆彈後從復徹態應捲掃換搶摺"
    "擊據擬擾攏敵數斷於旂時暢曆曏曬書會朮東桿條業極榦構樓標樣機檔檢檯權歡歷殺氣決沒減測準溝溫溼滌漲濕為無熱營爲牴獎獨獲現產産異瘋療癒癢發皺盃盡眞碼礙祕禮種稱穩穫窮箇節範紅紋純級細終結絕"
    "絡給絲絶經綫維網綸緊線締編緩緻縴繫纔纖罰羣義習聲脩脫腎腫膚臉臺與舉舖華萬葯蔘薦藝藥處虛號虧蠶術衕補製複覈見規視証評試詩誇認誘語誠說説課調諾講謝證護譽變讚豐貓財貨買費貼資賞賠賣質賬賴"
    "賺購贈贊軍軟較載輕輪轉迴週進運過遙遠適選遺還醣醫釦鉅銷鋪錢錯鎭鎮長門開間闆闇關闢陳陽隊階際隨險隱隻雙韆響頁頂順須領頭顆題額顏顔類顧顯風颱飲飾養馬馳驅驚體髮鬚鮮麪麫麵麼麽點黨齡齣",
    "并干亚占并来系私仓个伦备家传仅价尽优凶兑内册冻别删则创划动务胜励区即历参员问吃单向严国围园图执场压坏壮寿奖妆婴学宫实写宝将专对导届层属峰巅师并干厂广吊张强别弹后从复彻态应卷扫换抢折"
    "击据拟扰拢敌数断于旗时畅历向晒书会术东杆条业极干构楼标样机档检台权欢历杀气决没减测准沟温湿涤涨湿为无热营为抵奖独获现产产异疯疗愈痒发皱杯尽真码碍秘礼种称稳获穷个节范红纹纯级细终结绝"
    "络给丝绝经线维网纶紧线缔编缓致纤系才纤罚群义习声修脱肾肿肤脸台与举铺华万药参荐艺药处虚号亏蚕术同补制复核见规视证评试诗夸认诱语诚说说课调诺讲谢证护誉变赞丰猫财货买费贴资赏赔卖质账赖"
    "赚购赠赞军软较载轻轮转回周进运过遥远适选遗还糖医扣巨销铺钱错镇镇长门开间板暗关辟陈阳队阶际随险隐只双千响页顶顺须领头颗题额颜颜类顾显风台饮饰养马驰驱惊体发须鲜面面面么么点党龄出",
)
_HOMOPHONE = str.maketrans({"蕞": "最", "朂": "最", "苐": "第", "㐧": "第", "壹": "一", "弌": "一", "佧": "卡"})

_CJK = "\u4e00-\u9fff"
# Written forms of 第一 and 最 that are longer than one character.
_REWRITES = (
    (re.compile(rf"(?<![a-z])zui(?=[{_CJK}])"), "最"),
    (re.compile(r"(?<![a-z0-9])n[o0]\.?1(?![0-9a-z.])"), "第一"),
    (re.compile(r"(?<![a-z0-9])top1(?![0-9a-z.])"), "第一"),
    (re.compile(r"第1(?![0-9.])"), "第一"),
    (re.compile(rf"(?<![a-z])di一(?=[{_CJK}]|$)"), "第一"),
    (re.compile(r"醉(?=佳|优|高级|低价|便宜|先进|强|受欢迎|畅销|热销)"), "最"),
    (re.compile(r"(?:薇|威|徽|微)(?:信|x|芯|❤)(?=号|：|:|[a-z0-9])"), "微信"),
    (re.compile(r"返(?:现金|閒|线|xian)"), "返现"),
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
    return _rewritten(_without_dots(_folded(text)))


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """(what it reads as, start, end): plain stretches, entities as what they stand for, tags as nothing or a break."""
    at = 0
    for mark in _MARK.finditer(text):
        yield text[at : mark.start()], at, mark.start()
        yield _read(mark), mark.start(), mark.end()
        at = mark.end()
    yield text[at:], at, len(text)


def _read(mark: re.Match) -> str:
    if mark[0].startswith("&"):
        return html.unescape(mark[0])
    return "" if (mark["tag"] or "").lower() in _INLINE or mark[0].startswith("<!--") else _BREAK


def _folded(text: str) -> list[tuple[str, tuple[int, int]]]:
    """Single characters in NFKC, lower case, simplified, homophones undone; invisible ones and ornaments dropped."""
    folded: list[tuple[str, tuple[int, int]]] = []
    for piece, start, end in _pieces(text):
        if len(piece) == end - start:
            folded += [(one, (n, n + 1)) for n, character in enumerate(piece, start) for one in _fold(character)]
        else:
            folded += [(one, (start, end)) for one in _fold(piece)]
    return folded


@lru_cache(maxsize=50_000)
def _fold(piece: str) -> str:
    """One character (or what an entity stands for) as what it is read as; nothing when it is not read."""
    meant = unicodedata.normalize("NFKC", piece).lower().translate(_TRADITIONAL).translate(_HOMOPHONE)
    return "".join(one for one in meant if unicodedata.category(one) not in ("Cf", "Mn") and (one not in _ORNAMENT or one in ".+"))


def _without_dots(characters: list[tuple[str, tuple[int, int]]]) -> list[tuple[str, tuple[int, int]]]:
    """Dots and plus signs stay between digits and letters (3.5, no.1), and are ornaments elsewhere."""
    text = "".join(character for character, _ in characters)
    return [pair for n, pair in enumerate(characters) if pair[0] not in ".+" or _INSIDE.match(text[max(n - 1, 0) : n + 2])]


def _rewritten(characters: list[tuple[str, tuple[int, int]]]) -> Normal:
    text, origin = "".join(character for character, _ in characters), [span for _, span in characters]
    for pattern, meant in _REWRITES:
        text, origin = _replaced(pattern, meant, text, origin)
    return Normal(text, tuple(origin))


def _replaced(pattern: re.Pattern, meant: str, text: str, origin: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Every match becomes `meant`, each of whose characters stands for the whole match."""
    if not pattern.search(text):
        return text, origin
    pieces, spans, at = [], [], 0
    for match in pattern.finditer(text):
        whole = (origin[match.start()][0], origin[match.end() - 1][1])
        pieces += [text[at : match.start()], meant]
        spans += [*origin[at : match.start()], *([whole] * len(meant))]
        at = match.end()
    return "".join([*pieces, text[at:]]), [*spans, *origin[at:]]

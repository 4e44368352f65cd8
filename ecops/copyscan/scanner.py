"""From a text to its hits: normalise, find the longest terms from the left, weigh exemptions, answer in the text's own positions."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache

from ecops.copyscan.exempt import Exemptions
from ecops.copyscan.normal import Normal, normal
from ecops.copyscan.terms import BLOCK, PASS, REVIEW, SOURCES, Term, terms

_CJK = "\u4e00-\u9fff"
_GAP = rf"[{_CJK}\d]{{0,6}}?"

# Ways of saying a thing that no list of words holds.
PATTERNS = (
    (
        re.compile(rf"(?:好评|五星|5星|满星|全五分|五分)(?:评价|晒图|截图|好评|后|即可?|联系客服|加){{0,3}},?{_GAP}(?:返(?!场|回|程|修)|立减|领(?:取)?{_GAP}(?:红包|现金|礼|券|元)|送{_GAP}(?:红包|现金|礼|券|元)|兑换|退{_GAP}元|奖励)(?:现金?|红包|\d+元?|[\d一二三五十]+元)?"),
        Term("好评返利", "rating_reward", BLOCK, SOURCES["O91"], "改为不问评分的“晒单有礼”", "以返现、红包、卡券等换取指定好评"),
    ),
    (
        re.compile(rf"(?:返(?!场|回|程|修)|送|领|退)(?=现|红包|\d|券|钱|[一二三五十]+[块元])(?:\d+元|[\d一二三五十]+块)?(?:现金?|红包|券|元|钱)?,?{_GAP}(?:要|需|只要|只需|请|给|写)?(?:给|写|留|打|晒)(?:个|下|上)?(?:五星|5星|好评|满分|全5分)"),
        Term("返利求好评", "rating_reward", BLOCK, SOURCES["O91"], "改为不问评分的“晒单有礼”", "以返现、红包、卡券等换取指定好评"),
    ),
    (
        re.compile(rf"(?:[\d一二三四五六七八九十]+(?:天|日|周|个月|分钟|小时|次|个疗程|疗程))(?:内)?(?:见效|治好|治愈|根治|除根|美白|变白|祛斑|瘦\d+斤|瘦[一二三四五六七八九十]+斤|暴瘦|断根)"),
        Term("限期见效", "guarantee", BLOCK, SOURCES["AL28"], "写明检测条件和结果", "断言在期限内见效，因人而异，无法保证"),
    ),
    (
        re.compile(r"第一(?:品牌|大品牌|名牌|人气|爆款|热销|销量|神器)"),
        Term("第一品牌", "rank", BLOCK, SOURCES["AL9.3"], "写明类目、时间和数据来源，或删去", "宣称排名之首，没有限定和出处即为绝对化用语"),
    ),
    (
        re.compile(rf"(?:[{_CJK}]{{1,4}}(?:界|圈|行业|业|类目|品类|市场|领域|榜单?)|销量|排名|全网|全国|国内|国货|品牌)(?:的)?(?:中的?)?第一(?:名|位)?(?=$|[,。!?;:\n、的])"),
        Term("行业第一", "rank", BLOCK, SOURCES["AL9.3"], "写明类目、时间和数据来源，或删去", "宣称在一个范围里排名之首，没有出处即为绝对化用语"),
    ),
    (
        re.compile(r"(?:全国|全球|全网|世界|国内|行业|业界|亚洲|中国|天猫|京东|淘宝)(?:内|范围内)?(?:独家|仅此一家|仅有的?一家|第一[家款个]|独一份)"),
        Term("全国独家", "rank", BLOCK, SOURCES["AL9.3"], "写明范围和依据，或删去", "排除了范围内其他一切同类"),
    ),
    (
        re.compile(r"(?:加|\+|添加|联系)(?:我的?|客服|店主|老板)?(?:微信|v信|vx|wx|qq)(?:号|群)?(?=[:a-z0-9]|领|返|下单|转账|付款|咨询|$|[,。!])"),
        Term("加微信", "offsite", REVIEW, SOURCES["PLAT"], "引导到平台内沟通", "把交易或沟通引到平台之外"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Hit:
    """A term found: `text[start:end]` is how the text wrote it. `exemption` names the ground that may let it stand."""

    term: str
    start: int
    end: int
    category: str
    verdict: str
    reason: str
    source: str
    suggestion: str
    exemption: str | None


@dataclass(frozen=True)
class ScanResult:
    """The worst of the hits: block, review (a person must judge) or pass."""

    verdict: str
    hits: tuple[Hit, ...]

    def to_json(self) -> dict:
        """Plain data for `ecops scan --json`."""
        return {"verdict": self.verdict, "hits": [asdict(hit) for hit in self.hits]}


@dataclass(frozen=True)
class _Found:
    start: int
    end: int
    term: Term


def scan(text: str) -> ScanResult:
    """Check one text. Positions are those of `text` as given, in characters."""
    clean = normal(text)
    exempt = Exemptions(clean.text)
    found = _leftmost_longest(one for one in _found(clean.text) if not exempt.is_another_word(one.start, one.end))
    hits = tuple(_hit(one, clean, exempt) for one in found)
    return ScanResult(_worst(hit.verdict for hit in hits), hits)


@cache
def _by_first_character() -> dict[str, list[tuple[str, Term]]]:
    """Normalised terms by their first character, the longest first: at one place the longest wins."""
    listed: dict[str, list[tuple[str, Term]]] = {}
    for text, term in sorted(((normal(text).text, term) for text, term in terms().items()), key=lambda pair: (-len(pair[0]), pair[0])):
        listed.setdefault(text[0], []).append((text, term))
    return listed


@cache
def _first_characters() -> re.Pattern:
    return re.compile(f"[{re.escape(''.join(sorted(_by_first_character())))}]")


def _found(text: str) -> Iterator[_Found]:
    """Every place where a term begins, overlapping ones included."""
    for place in _first_characters().finditer(text):
        at = place.start()
        for written, term in _by_first_character()[place[0]]:
            if text.startswith(written, at):
                yield _Found(at, at + len(written), term)
                break
    for pattern, term in PATTERNS:
        yield from (_Found(match.start(), match.end(), term) for match in pattern.finditer(text))


def _leftmost_longest(found: Iterator[_Found]) -> list[_Found]:
    """Hits that do not overlap: from the left, the longest at each place; of equals the graver."""
    kept: list[_Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end, one.term.verdict)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif _outweighs(one, kept[-1]):
            kept[-1] = one
    return kept


def _outweighs(one: _Found, other: _Found) -> bool:
    """A forbidden term is not hidden by a doubtful one that begins earlier."""
    return one.term.verdict == BLOCK and other.term.verdict == REVIEW


def _hit(one: _Found, clean: Normal, exempt: Exemptions) -> Hit:
    ground = exempt.ground(one.start, one.end, one.term.category)
    start, end = clean.span(one.start, one.end)
    term = one.term
    verdict = ground.verdict if ground else term.verdict
    return Hit(term.text, start, end, term.category, verdict, term.reason, term.source, term.suggestion, ground.name if ground else None)


def _worst(verdicts: Iterator[str]) -> str:
    return min(verdicts, key=(BLOCK, REVIEW, PASS).index, default=PASS)

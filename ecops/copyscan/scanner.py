"""From a text to its hits: normalise, find the longest terms from the left, weigh exemptions, answer in the text's own positions."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache

from ahocorasick_rs import AhoCorasick

from ecops.copyscan.exempt import Exemptions
from ecops.copyscan.normal import Normal, normal
from ecops.copyscan.patterns import PATTERNS
from ecops.copyscan.terms import BLOCK, PASS, REVIEW, Term, terms

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
    exempt = Exemptions(text, clean)
    found = _leftmost_longest(one for one in _found(clean.text) if not exempt.is_another_word(one.start, one.end))
    hits = tuple(_hit(one, clean, exempt) for one in found)
    return ScanResult(_worst(hit.verdict for hit in hits), hits)


@cache
def _listed() -> tuple[AhoCorasick, list[Term]]:
    """The automaton of all terms as normalised, and the term of each of its patterns."""
    written = {normal(text).text: term for text, term in terms().items()}
    return AhoCorasick(list(written)), list(written.values())


@cache
def _anchors() -> tuple[AhoCorasick, list[tuple[int, ...]]]:
    """The automaton of the words patterns cannot do without, and for each the numbers of the patterns that need it."""
    needing: dict[str, list[int]] = {}
    for n, (_, anchors, _) in enumerate(PATTERNS):
        for anchor in anchors:
            needing.setdefault(anchor, []).append(n)
    return AhoCorasick(list(needing)), [tuple(numbers) for numbers in needing.values()]


def _found(text: str) -> Iterator[_Found]:
    """Every place of a term, overlapping ones included, and every match of a pattern."""
    automaton, listed = _listed()
    for n, start, end in automaton.find_matches_as_indexes(text, overlapping=True):
        yield _Found(start, end, listed[n])
    automaton, needing = _anchors()
    for n in sorted({number for anchor, _, _ in automaton.find_matches_as_indexes(text, overlapping=True) for number in needing[anchor]}):
        pattern, _, term = PATTERNS[n]
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

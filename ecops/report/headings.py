"""What columns and lists of automated steps are called, and in which unit people read them."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MONEY, PERCENT = "yuan", "%"
_FEN = "_fen"


@dataclass(frozen=True)
class Heading:
    """Chinese (empty when there is no word for it yet), English, and the unit of its figures: yuan (kept in fen), % (kept as a fraction) or none."""

    zh: str
    en: str
    unit: str = ""


def column(name: str) -> Heading:
    """The heading of a column. Money ends in `_fen`; which fractions are percents stands in headings.tsv."""
    words = _words()
    zh, unit = words.get(("column", name)) or (_of_kinds().get(name, ""), PERCENT if name.endswith(("_rate", "_share")) else "")
    if name.endswith(_FEN):
        return Heading(zh and f"{zh}（元）", f"{name.removesuffix(_FEN).replace('_', ' ')} (yuan)", MONEY)
    return Heading(zh, name.replace("_", " "), unit)


def list_title(name: str) -> Heading:
    """What a list of a step is called."""
    zh, _ = _words().get(("list", name), ("", ""))
    return Heading(zh, name.replace("_", " "))


@lru_cache(maxsize=1)
def _words() -> dict[tuple[str, str], tuple[str, str]]:
    lines = (Path(__file__).parent / "headings.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(kind, name): (zh, unit) for kind, name, zh, unit in rows}


@lru_cache(maxsize=1)
def _of_kinds() -> dict[str, str]:
    """What the shop's own data call their columns."""
    from ecops.shop.kinds.columns import COLUMNS

    return {name: known.zh for name, known in COLUMNS.items()}

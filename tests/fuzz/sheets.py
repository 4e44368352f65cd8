"""Random sheets: an export's sample with cells, rows and headings changed, or a table from scratch. What is where, we know."""

from dataclasses import dataclass

from hypothesis import strategies as st

from ecops.shop.exports import heading
from ecops.shop.exports.tables import built_in, own_files
from ecops.shop.kinds import COLUMNS, KINDS
from ecops.shop.personal import is_personal
from tests.exports import SAMPLES
from tests.fuzz.cells import MARKS, MISSING, NASTY

TOTAL_WORDS = ("总计", "合计", "汇总", "合计：", "平均值", "全店汇总值", "Total", "小 计")
NOTES = ("数据说明：花费按扣费时间统计", "统计时间：2025-11-10", "统计时间 2025-11-04 至 2025-11-10", "", "导出人,张三", "合计", "日期", "☃ 2025-02-30")
# What the reader takes from the ends of a cell that begins with one of them.
_SHAPELESS = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_OURS = ("隔离标记", "隔离原因")


@dataclass(frozen=True)
class Sheet:
    """`lines` of cells; the headings are in the line `at` (0-based), and `totals` of the lines below it are total rows."""

    lines: tuple[tuple[str, ...], ...]
    at: int
    totals: int = 0

    @property
    def blank(self) -> int:
        """Lines below the headings that say nothing."""
        return sum(says_nothing(line) for line in self.lines[self.at + 1 :])

    @property
    def rows(self) -> int:
        """Lines below the headings that say something."""
        return len(self.lines) - self.at - 1 - self.blank


def bare(cell: str) -> str:
    """A cell without the wrappings of exports; "" where it says nothing."""
    text = cell.strip()
    text = text.strip(_SHAPELESS).strip() if text[:1] in {*_SHAPELESS} else text
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        text = text[2:-1]
    text = text.strip().lstrip("'`").strip()
    words = ("/", "暂无数据", "暂无", "无数据", "null", "nan", "none", "n/a", "#n/a", "\\n")
    return "" if text.lower() in words or any(text == mark * len(text) for mark in "-—–*") else text


def says_nothing(line: tuple[str, ...]) -> bool:
    """Whether every cell is empty, or a way to write nothing."""
    return not any(bare(cell) for cell in line)


def _cell(rows: list[list[str]], draw: st.DrawFn) -> None:
    row = draw(st.sampled_from(rows))
    row[draw(st.integers(0, len(row) - 1))] = draw(NASTY)


def _blank(rows: list[list[str]], draw: st.DrawFn) -> None:
    rows.insert(draw(st.integers(0, len(rows))), [draw(st.sampled_from(MISSING))] * draw(st.integers(1, len(rows[0]))))


def _again(rows: list[list[str]], draw: st.DrawFn) -> None:
    rows.insert(draw(st.integers(0, len(rows))), list(draw(st.sampled_from(rows))))


def _short(rows: list[list[str]], draw: st.DrawFn) -> None:
    row = draw(st.sampled_from(rows))
    del row[draw(st.integers(1, len(row))) :]


def _wide(rows: list[list[str]], draw: st.DrawFn) -> None:
    draw(st.sampled_from(rows)).extend(draw(st.lists(NASTY, min_size=1, max_size=3)))


def _column(rows: list[list[str]], draw: st.DrawFn) -> None:
    place, cell = draw(st.integers(0, len(rows[0]) - 1)), draw(NASTY)
    for row in rows:
        row[place : place + 1] = [cell][: len(row[place : place + 1])]


_CHANGES = (_cell, _cell, _cell, _cell, _blank, _again, _short, _wide, _column)


@st.composite
def headings(draw: st.DrawFn, names: list[str], rows: list[list[str]]) -> list[str]:
    """The headings changed in order, spelling and number, the cells below them likewise."""
    order = draw(st.permutations(range(len(names)))) if draw(st.booleans()) else list(range(len(names)))
    for row in rows:
        row[:] = [row[place] for place in order]
    changed = [names[place] for place in order]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(changed) - 1))
        match draw(st.sampled_from(("spelling", "twice", "more", "ours", "alias"))):
            case "spelling":
                changed[place] = draw(st.sampled_from((" {} ", "{}(元)", "{}（人）", "'{}", '="{}"', "{}\t", "\ufeff{}"))).format(changed[place].strip())
            case "alias":
                changed[place] = draw(st.sampled_from(_aliases(changed[place])))
            case "twice":
                _add(draw, changed, rows, changed[place])
            case "more":
                _add(draw, changed, rows, draw(st.sampled_from(_every_heading())))
            case "ours":
                _add(draw, changed, rows, draw(st.sampled_from(_OURS)))
    return changed


def _add(draw: st.DrawFn, names: list[str], rows: list[list[str]], name: str) -> None:
    cell = draw(st.sampled_from(MARKS) if name in _OURS else NASTY)
    for row in rows:
        row.append(cell)
    names.append(name)


def _aliases(name: str) -> list[str]:
    known = [names for export in (*built_in(), *own_files()) for names in export.headings.values() if heading(name) in names]
    return sorted({alias for names in known for alias in names if not is_personal(alias)} or {name})


def _every_heading() -> list[str]:
    return sorted({name for export in built_in() for names in export.headings.values() for name in names if not is_personal(name)})


@st.composite
def samples(draw: st.DrawFn) -> Sheet:
    """A platform's export with anything in it."""
    sample = SAMPLES[draw(st.sampled_from(sorted(SAMPLES)))](draw(st.integers(1, 6)))
    rows = [["" if cell is None else cell for cell in row] for row in sample.rows]
    names = list(sample.headings) if draw(st.booleans()) else draw(headings(list(sample.headings), rows))
    for _ in range(draw(st.integers(0, 6))):
        draw(st.sampled_from(_CHANGES))(rows, draw)
    return draw(_whole(names, rows, list(sample.notes)))


@st.composite
def tables(draw: st.DrawFn) -> Sheet:
    """A table from scratch: headings of an export or of two mixed, nothing but strange cells below."""
    exports = draw(st.lists(st.sampled_from((*built_in(), *own_files())), min_size=1, max_size=2, unique_by=lambda export: export.name))
    columns = [(e, column) for e in exports for column in e.headings if column in e.required or draw(st.booleans())]
    names = [draw(st.sampled_from(export.headings[column])) for export, column in columns][:40]
    good = [_plain(column) for _, column in columns][: len(names)]
    rows = [[draw(NASTY) if draw(st.integers(0, 2)) == 0 else text.format(at) for text in good] for at in range(draw(st.integers(1, 5)))]
    return draw(_whole(names, rows, []))


def _plain(column: str) -> str:
    """A cell that suits the column, by its type."""
    known = COLUMNS.get(column)
    if known is None or known.unit in ("count", "people", "pieces"):
        return "{}"
    by_type = {"Int64": "1{}", "Float64": "0.{}%", "Date": "2025-11-1{}", "Boolean": "是", "String": "a{}"}
    return by_type.get(str(known.dtype), "2025-11-11 1{}:00:00")


@st.composite
def _whole(draw: st.DrawFn, names: list[str], rows: list[list[str]], notes: list[str]) -> Sheet:
    above = [[note] for note in (*notes, *draw(st.lists(st.sampled_from(NOTES), max_size=2)))]
    totals = draw(st.lists(st.sampled_from(TOTAL_WORDS), max_size=2)) if draw(st.booleans()) else []
    below = [*rows, *([word, *(draw(st.sampled_from(("-", "1,000", "12.50", "", "x"))) for _ in names[1:])] for word in totals)]
    return Sheet(tuple(map(tuple, (*above, names, *below))), len(above), len(totals))


@st.composite
def mapped(draw: st.DrawFn) -> tuple[Sheet, str, dict[str, str]]:
    """A table under headings nobody knows, the kind somebody says it is, and what they say its headings mean."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    columns = draw(st.lists(st.sampled_from(list(KINDS[kind].columns)), unique=True, max_size=8))
    needed = [column for column in (*KINDS[kind].key, "created_at", "at") if column in KINDS[kind].columns and column not in columns]
    columns += needed if draw(st.integers(0, 4)) else []
    stems = ("某列", "x", "A-B", "“引”", "a b", '"q"', "\\", "金额?", "𠮷")
    names = {f"{draw(st.sampled_from(stems))}{number}": column for number, column in enumerate(columns)}
    rows = [[draw(NASTY) if draw(st.integers(0, 2)) == 0 else _plain(c).format(at) for c in columns] for at in range(draw(st.integers(1, 4)))]
    return draw(_whole(list(names), rows or [[""]], [])) if names else Sheet((("x", "y"),), 0), kind, names


"""The exports we know, as data: one table of heading aliases a platform (the .toml files here), and our own files.

`Catalogue` tells which export a row of headings belongs to.
"""

from collections.abc import Iterable
from pathlib import Path

from ecops.shop.exports.export import Export, fillable
from ecops.shop.exports.heading import heading
from ecops.shop.exports.tables import built_in, exports_of, mapped, own_files, personal
from ecops.shop.kinds import COLUMNS, KINDS

__all__ = ["Catalogue", "Export", "document", "exports_of", "fillable", "heading", "personal"]


class Catalogue:
    """All exports that can be read: people's own mappings first, then the platforms', then our own files."""

    def __init__(self, mappings: Path | None = None):
        """`mappings`: folder of the mappings that people made; None: there are none."""
        self.exports = (*mapped(mappings), *built_in(), *own_files())
        self.known = frozenset(name for export in self.exports for names in export.headings.values() for name in names)

    def recognise(self, headings: Iterable[str], kind: str | None = None) -> tuple[Export, dict[str, str]] | None:
        """The export (of `kind`, if told) whose required headings are all there and which knows the most of them, with what fills what."""
        there = list(headings)
        fits = [(e, found) for e in self.exports if kind in (None, e.kind, *e.also) and (found := e.match(there)) is not None]
        return max(fits, key=lambda fit: (len(fit[1]), len(fit[0].required)), default=None)

    def nearest(self, headings: Iterable[str]) -> tuple[Export, list[str]]:
        """The export that lacks the smallest part of its required headings, and the headings it lacks, for people."""
        there = list(headings)
        export = min(self.exports, key=lambda export: len(export.lacking(there)) / len(export.required))
        return export, [export.names_of(column) for column in export.lacking(there)]


def document() -> str:
    """The exports as Markdown, as `docs/data.md` shows them, and which platform's exports fill which column."""
    exports = (*built_in(), *own_files())
    rows = (f"| `{e.name}` | {', '.join((e.kind, *e.also))} | {_names(e, e.required)} | {_names(e, _others(e)) or '-'} |" for e in exports)
    return "\n".join(["| export | fills | told by the headings | reads also |", "|---|---|---|---|", *rows]) + "\n"


def who_fills() -> str:
    """Which platform's exports fill which column, kind by kind, as Markdown."""
    platforms = sorted({export.platform for export in built_in() if export.platform})
    parts = [line for kind in KINDS for line in _filled(kind, platforms)]
    return "\n".join(parts) + "\n"


def _filled(kind: str, platforms: list[str]) -> list[str]:
    by = {p: {c for e in built_in() if e.platform == p and kind in (e.kind, *e.also) for c in (*e.headings, *e.constants)} for p in platforms}
    rows = [f"| {c} | {' | '.join('●' if c in by[p] else '' for p in platforms)} |" for c in KINDS[kind].columns if any(c in by[p] for p in platforms)]
    if not rows:
        return ["", f"**{kind}**: only from our own files and from platform calls."]
    return ["", f"**{kind}**", "", f"| column | {' | '.join(platforms)} |", f"|---|{'---|' * len(platforms)}", *rows]


def _others(export: Export) -> list[str]:
    return [column for column in export.headings if column not in (*export.required, *export.absent) and column in COLUMNS]


def _names(export: Export, columns: Iterable[str]) -> str:
    return ", ".join(export.names_of(column) for column in columns)

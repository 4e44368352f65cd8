"""What a person says once about an unknown export: which heading fills which column of a kind. Kept as a table of headings."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from ecops.shop.errors import ShopDataError
from ecops.shop.exports.heading import heading
from ecops.shop.exports.tables import ALSO_NEEDED, OWN_STEPS, PERSONS, exports_of, optional_key
from ecops.shop.kinds import COLUMNS, KINDS


def keep(folder: Path, kind: str | None, columns: Mapping[str, str]) -> Path:
    """Write the mapping (heading -> column, by its English or Chinese name) into `folder`; returns the file.

    Raises ShopDataError for an unknown kind or column, for two headings of one column, and where the key is not whole.
    """
    if kind not in KINDS:
        raise ShopDataError(f"--map needs --kind, one of {', '.join(KINDS)}")
    mapped = {name: _column(kind, column) for name, column in columns.items()}
    if twice := next((column for column in mapped.values() if list(mapped.values()).count(column) > 1), None):
        raise ShopDataError(f"two headings are mapped to {twice}; map only one of them")
    dated = "date" in KINDS[kind].key and "date" not in mapped.values()
    wanted = {*_needed(kind, mapped.values())} - ({"date"} if dated else set())
    lacking = sorted(wanted - set(mapped.values()))
    if lacking:
        raise ShopDataError(f"a row of {kind} cannot do without {', '.join(lacking)}: map a heading to it too")
    text = _table(kind, mapped, dated)
    exports_of("mapping", text)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{_digest(mapped)}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _column(kind: str, name: str) -> str:
    known = {heading(name): column for column in KINDS[kind].columns for name in (column, COLUMNS[column].zh)}
    if heading(name) not in known:
        raise ShopDataError(f"{kind} has no column {name}; known: {', '.join(f'{column} {COLUMNS[column].zh}' for column in KINDS[kind].columns)}")
    return known[heading(name)]


def _table(kind: str, mapped: Mapping[str, str], dated: bool) -> str:
    # by the column, not by the heading: 谁买的 does not look like a person's name, and what stands under it is one
    hashed = {name: column for name, column in mapped.items() if column in PERSONS}
    plain = {name: column for name, column in mapped.items() if name not in hashed}
    lines = [
        "# Made by `ecops import --map`; change or delete it freely.", 'platform = "mapped"\n\n[hashed]', *_lines(hashed),
        "\n[[export]]", f"name = {json.dumps(f'mapped-{kind}-{_digest(mapped)}')}", f"kind = {json.dumps(kind)}",
        f"required = {json.dumps(sorted(mapped.values()))}", f"dated = {json.dumps(dated)}",
        f"derive = {json.dumps(list(OWN_STEPS.get(kind, ())))}", f"needed = {json.dumps(sorted({*_needed(kind, mapped.values())} & set(mapped.values())))}", "[export.headings]", *_lines(plain),
    ]
    return "\n".join(lines) + "\n"


def _needed(kind: str, mapped: Collection[str]) -> list[str]:
    """What every row must have. An item may go by its title where its days have no item numbers."""
    key = [part for part in KINDS[kind].key if part not in optional_key(kind)]
    by_title = kind == "item_days" and "item_id" not in mapped and "title" in mapped
    return ["title" if by_title and part == "item_id" else part for part in (*key, *ALSO_NEEDED.get(kind, ()))]


def _lines(columns: Mapping[str, str]) -> list[str]:
    return [f"{column} = {json.dumps([name], ensure_ascii=False)}" for name, column in columns.items()]


def _digest(mapped: Mapping[str, str]) -> str:
    told = json.dumps(sorted((heading(name), column) for name, column in mapped.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:8]

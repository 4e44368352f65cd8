"""The alias tables: one TOML file a platform, ours beside this module, people's own in the home folder."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ecops.shop.errors import ShopDataError
from ecops.shop.exports.export import Export, fillable, normalised
from ecops.shop.exports.heading import heading
from ecops.shop.kinds import COLUMNS, KINDS

# What tells our own files of a kind apart beside the key, and what their rows need beside it.
_SIGNATURES = {
    "orders": ("created_at", "total_fen"), "order_lines": ("created_at", "units"), "refunds": ("created_at", "refund_status"),
    "items": ("title", "price_fen"), "item_days": ("visitors",), "traffic_days": ("visitors",), "hours": ("visitors",),
    "ad_days": ("spend_fen",), "service_days": ("consulted",), "chats": ("at", "sender"), "stock": ("closing_units",),
    "competitor_items": (), "documents": ("document_type", "expires_on"), "reviews": ("created_at", "stars"),
    "parcels": ("carrier", "shipped_at"), "behaviours": (), "search_words": (), "competitor_shares": ("share_rate",), "service_tags": ("times",),
    "needs": (), "promotions": ("promotion_kind",), "price_changes": ("price_fen",), "consents": ("consented_at",), "rules": ("published_at",),
    "pages": ("link_works",), "purchases": ("supplier", "ordered_on"), "stock_counts": ("counted_units",), "scores": ("score",),
    "shifts": ("shift_until",), "posts": ("at", "text"),
}
ALSO_NEEDED = {
    "orders": ("created_at",), "order_lines": ("created_at",), "refunds": ("created_at",), "reviews": ("created_at",), "chats": ("at",),
}
# Columns that tell of a person: kept as keyed hashes, whoever wrote the file.
PERSONS = ("buyer_id", "address_hash", "phone_hash")
_READER_ONLY = "_"


@cache
def built_in() -> tuple[Export, ...]:
    """The exports we know: those of the platforms, then our own files of each kind."""
    folder = files(__package__)
    named = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return tuple(export for entry in named for export in exports_of(entry.name, entry.read_text(encoding="utf-8")))


@cache
def personal() -> frozenset[str]:
    """Headings (normalised) under which people's own data stand, in whatever file: never stored in clear."""
    folder = files(__package__)
    return frozenset(_all_personal(tomllib.loads(e.read_text(encoding="utf-8")) for e in folder.iterdir() if e.name.endswith(".toml")))


def _all_personal(tables: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for table in tables:
        yield from normalised(table.get("personal", ()))
        for names in table.get("hashed", {}).values():
            yield from normalised(names)


def mapped(folder: Path | None) -> tuple[Export, ...]:
    """The exports that people have mapped, from the TOML files in `folder`."""
    if folder is None or not folder.is_dir():
        return ()
    return tuple(export for path in sorted(folder.glob("*.toml")) for export in exports_of(path.name, path.read_text(encoding="utf-8")))


def exports_of(name: str, text: str) -> tuple[Export, ...]:
    """The exports a TOML table tells. Raises ShopDataError that names the table and what is wrong with it."""
    try:
        table = tomllib.loads(text)
        return tuple(_export(table, entry) for entry in table["export"])
    except tomllib.TOMLDecodeError as error:
        raise ShopDataError(f"the alias table {name} is not valid TOML: {error}") from error
    except KeyError as error:
        raise ShopDataError(f"the alias table {name} lacks or does not know {error}; docs/data.md shows one") from error


def _export(table: Mapping[str, Any], entry: Mapping[str, Any]) -> Export:
    kind, also = entry["kind"], tuple(entry.get("also", ()))
    fills = fillable(kind, also)
    own = entry.get("headings", {})
    hashed = {column: names for column, names in table.get("hashed", {}).items() if column in fills and column not in own}
    shared = {c: n for c, n in table.get("headings", {}).items() if c in fills}
    headings = {c: normalised(n) for c, n in (shared | hashed | own).items() if n and c not in entry.get("without", ())}
    _must_be_known(kind, headings)
    return Export(
        name=entry["name"], platform=entry.get("platform", table.get("platform", "")), kind=kind, also=also, headings=headings,
        required=tuple(entry["required"]), needed=tuple(entry.get("needed", (*KINDS[kind].key, *ALSO_NEEDED.get(kind, ())))),
        hashed=frozenset(hashed), read=entry.get("read", {}), derive=tuple(entry.get("derive", ())), dated=entry.get("dated", False),
        grouped=entry.get("grouped", False), absent=tuple(entry.get("absent", ())), constants=entry.get("constants", {}),
        texts={c: {heading(t): value for t, value in meanings.items()} for c, meanings in table.get("texts", {}).items() if c in headings},
        ignored=frozenset((*normalised(table.get("ignored", ())), *normalised(table.get("personal", ())))),
    )


def _must_be_known(kind: str, headings: Iterable[str]) -> None:
    strangers = [column for column in headings if column not in COLUMNS and not column.startswith(_READER_ONLY)]
    if strangers:
        raise KeyError(", ".join(strangers))


@cache
def own_files() -> tuple[Export, ...]:
    """Our own file of each kind: the columns under their Chinese or English names."""
    return tuple(_own(kind) for kind in KINDS)


def _own(name: str) -> Export:
    kind = KINDS[name]
    headings = {column: normalised((*_CALLED.get((name, column), ()), COLUMNS[column].zh, column)) for column in kind.columns}
    optional = optional_key(name)
    key = tuple(column for column in kind.key if column not in optional)
    return Export(
        name=f"ecops-{name}", platform="", kind=name, headings=headings, required=(*key, *_SIGNATURES[name]),
        needed=(*key, *ALSO_NEEDED.get(name, ())), hashed=frozenset(headings) & {*PERSONS}, derive=OWN_STEPS.get(name, ()),
    )


def optional_key(kind: str) -> set[str]:
    """The parts of the kind's key that a file may leave out: a step fills them."""
    optional = {"competitor_items": {"date"}, "service_days": {"period_days"}, "ad_days": {"item_id"}, "service_tags": {"item_id"}, "promotions": {"item_id"}}.get(kind, set())
    return optional | {column for column in ("source_detail", "tool", "plan_id", "keyword") if column in KINDS[kind].key and kind != "search_words"}


# Headings by which our own files have called a column before, or call it more naturally in one kind.
_CALLED = {
    ("orders", "created_at"): ("订单创建时间",), ("orders", "paid_at"): ("订单付款时间",),
    ("order_lines", "created_at"): ("订单创建时间",), ("order_lines", "paid_at"): ("订单付款时间",),
    ("refunds", "created_at"): ("申请时间",), ("reviews", "created_at"): ("评价时间",),
}
OWN_STEPS = {
    "orders": ("status_of_payment",), "item_days": ("items_by_title",), "competitor_items": ("day_of_month",),
    "ad_days": ("whole",), "traffic_days": ("whole",), "service_days": ("one_day",), "behaviours": ("events",),
    "service_tags": ("whole",), "promotions": ("whole",),
}

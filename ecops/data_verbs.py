"""The verbs about a shop's data: import an export, see and mend what was refused, pull from a platform."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ecops.errors import BadCall, NotFound
from ecops.home import Home
from ecops.terminal import json_option, moment_of, now, out, pairs_of, say, table, with_store

# A bar is for people who have waited this long.
_PATIENCE_SECONDS = 2.0


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--shop", "key", required=True)
@click.option("--kind")
@click.option("--map", "mapped", multiple=True, metavar="HEADING=COLUMN", help="what a heading of an unknown export means; kept for the next time")
@json_option
@with_store
def import_(home: Home, store, files: tuple[Path, ...], key: str, kind: str | None, mapped: tuple[str, ...], as_json: bool) -> None:
    """Read exports into the shop's data; the kind is found by content."""
    from ecops.service import shops, work
    from ecops.shop.errors import ShopDataError
    from ecops.shop.exports import mapping
    from ecops.shop.imports import import_file
    from ecops.shop.lake import Lake

    shops.must_exist(store, key)
    if missing := next((file for file in files if not os.path.exists(file)), None):
        raise NotFound(f"没有文件 {missing},未导入任何文件 / There is no file {missing}; nothing was imported.")
    lake, reports, refused = Lake(home.lake_url), [], []
    before = {*home.mappings.glob("*.toml")}
    try:
        kept = mapping.keep(home.mappings, kind, pairs_of(mapped, "map")) if mapped else None
    except (ShopDataError, OSError) as error:
        raise BadCall(f"表头对应未保存 / no mapping kept: {error}.") from error
    try:
        for file in files:
            try:
                with _bar(file.name) as progress:
                    reports += [report.to_json() for report in import_file(lake, file, key, now(), kind, home.mappings, progress)]
            except ShopDataError as error:
                # one bad file of thirty does not keep the other ones out
                refused.append(str(error))
    except KeyboardInterrupt:
        say("\n已中止,再导入一次即可,不会重复计算 / interrupted: import again, nothing counts twice")
        sys.exit(130)
    finally:
        # what is in the lake is told, whatever happens to the rest
        again = work.data_arrived(store, key, now()) if reports else 0
        for report in reports:
            say(_import_line(report, key))
        if again:
            say(f"{again} 个步骤将重算 / steps run again")
        if kept:
            _tell_mapping(kept, kept in before, reports)
        if as_json and reports:
            out(reports[0] if len(reports) == len(files) == 1 else reports, True)
    if refused:
        head = f"{len(refused)} 个文件未导入 / {len(refused)} of {len(files)} files not imported:\n" if len(files) > 1 else "未导入 / not imported: "
        raise BadCall(head + "\n".join(refused))


def _tell_mapping(kept: Path, known: bool, reports: list[dict]) -> None:
    """A mapping that read nothing would only stand in the way of the next try."""
    if any(report["export"] == f"mapped-{kept.stem}" for report in reports):
        say(f"表头对应已保存 / mapping kept: {kept}")
    elif not known:
        kept.unlink()
        say("表头对应未用上,未保存 / no file was read by this mapping; it is not kept")


@contextmanager
def _bar(name: str) -> Iterator:
    """A progress bar on a terminal, once the work has taken a while; told the share done."""
    from time import monotonic

    begun, bar, shown = monotonic(), None, 0.0

    def progress(done: float) -> None:
        nonlocal bar, shown
        if bar is None and sys.stderr.isatty() and monotonic() - begun > _PATIENCE_SECONDS:
            bar = click.progressbar(length=100, label=name, file=sys.stderr)
        if bar is not None and done * 100 - shown >= 1:
            bar.update(int(done * 100 - shown))
            shown += int(done * 100 - shown)

    try:
        yield progress
    finally:
        if bar is not None:
            bar.render_finish()


def _import_line(report: dict, shop: str) -> str:
    head = f"{report['file']}({report['export']}): {report['rows']} 行 rows,载入 loaded {report['loaded']},重复 duplicates {report['duplicates']},更正 replaced {report['replaced']},隔离 quarantined {report['refused']}"
    also = "".join(f"\n  同时得到 also {kind}: {told['loaded']} 载入 loaded,{told['replaced']} 更正 replaced" for kind, told in report["also"].items() if told["loaded"] or told["replaced"])
    reasons = [f"\n  隔离 {number}: {sentence}" for sentence, number in _by_sentence(report).items()]
    mend = f"\n  修正:ecops quarantine --shop {shop} --out 隔离.xlsx,改好后再导入 / mend and import again" if report["refused"] else ""
    return head + also + "".join(reasons) + mend + "".join(f"\n  {note}" for note in report["notes"])


def _by_sentence(report: dict) -> dict[str, int]:
    counts: dict[str, int] = {}
    for refusal in report["quarantined"]:
        counts[refusal["sentence"]] = counts.get(refusal["sentence"], 0) + 1
    return counts


@click.command()
@click.option("--shop", "key", required=True)
@click.option("--out", "path", type=click.Path(path_type=Path, dir_okay=False), help="write a workbook (.xlsx) to mend and import again")
@json_option
@with_store
def quarantine(home: Home, store, key: str, path: Path | None, as_json: bool) -> None:
    """What was refused and still waits to be mended: file, sheet, row, column, value, reason."""
    from ecops.service import shops
    from ecops.shop.lake import Lake
    from ecops.shop.quarantine import workbook

    shops.must_exist(store, key)
    held = Lake(home.lake_url).quarantined(key)
    rows = held.select("file", "sheet", "row", "column", "value", "reason", "sentence", "imported_at").to_dicts()
    if path is not None:
        written = _written(lambda: workbook(held, path), path)
        say(f"{written} 行已写入 / rows written to {path}")
    if as_json or path is None:
        out(rows, as_json, lambda: table(rows, ["file", "sheet", "row", "column", "value", "reason"]))


def _written(write, path: Path) -> int:
    if path.suffix.lower() != ".xlsx":
        raise BadCall(f"--out {path.name} must end in .xlsx.")
    if not path.parent.is_dir():
        raise NotFound(f"There is no folder {path.parent}.")
    from xlsxwriter.exceptions import FileCreateError

    try:
        return write()
    except FileCreateError as error:
        raise BadCall(f"{path} 无法写入,请关闭已打开的文件或换个文件名 / it cannot be written ({error}); close it where it is open, or choose another name.") from error
    except OSError as error:
        raise BadCall(f"{path} cannot be written ({error.strerror or error}); close it where it is open, or choose another name.") from error


@click.command()
@click.option("--shop", "key", required=True)
@click.option("--kind", "kinds", multiple=True, help="what to pull; may be repeated, default everything the platform has")
@click.option("--since", help="from this moment on, default where the last pull ended")
@click.option("--until", help="up to this moment, default now")
@json_option
@with_store
def pull(home: Home, store, key: str, kinds: tuple[str, ...], since: str | None, until: str | None, as_json: bool) -> None:
    """Fetch a shop's data from its platform. Exit 1 when something stays unknown."""
    from ecops.pulling import pull_shop
    from ecops.service import shops, work
    from ecops.shop.lake import Lake

    at = now()
    begin, end = (moment_of(text) if text else None for text in (since, until))
    if begin and begin >= (end or at):
        raise BadCall(f"--since {since} does not lie before {'--until ' + until if until else 'now'}; ask for a time that has been.")
    known = {row["shop"]: row["platform"] for row in shops.everyone(store)}
    platform = known.get(key)
    if platform is None:
        shops.must_exist(store, key)
    _must_have_its_own_credentials(key, known)
    told = pull_shop(home, Lake(home.lake_url), key, platform, at, begin, end, kinds or None)
    if again := work.data_arrived(store, key, at):
        say(f"{again} 个步骤将重算 / steps run again")
    out(told, as_json, lambda: "\n".join(_pull_line(one) for one in told["kinds"]))
    sys.exit(0 if told["whole"] else 1)


def _must_have_its_own_credentials(key: str, known: Iterable[str]) -> None:
    """`a-b` and `a_b` are two shops, but a variable's name cannot tell them apart: one would be filled with the other's orders."""
    from ecops.platforms.credentials import block, variable

    if twin := next((other for other in known if other != key and (variable(other) == variable(key) or block(other) == block(key))), None):
        raise BadCall(
            f"The shops {key} and {twin} would use the same credentials ({variable(key)} or {block(key)}): "
            "add one of them under a key that differs in more than - and _."
        )


def _pull_line(one: dict) -> str:
    rows = ",".join(f"{kind} {number} 行 rows(新 {one['loaded'].get(kind, 0)},更正 {one['replaced'].get(kind, 0)})" for kind, number in one["rows"].items())
    refused = sum(one["refused"].values())
    parts = [rows or "没有新数据 nothing new" if one["unknown"] is None else rows, f"隔离 quarantined {refused}" if refused else "", f"未知 unknown: {one['unknown']}" if one["unknown"] else ""]
    return f"{one['kind']}: {';'.join(filter(None, parts))}"


VERBS = (import_, quarantine, pull)

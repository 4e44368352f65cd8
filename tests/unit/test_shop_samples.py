"""Every export, as its platform writes it, in every format: read whole, the same again, and nobody's personal data kept."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle

import polars as pl
import pytest

from ecops.shop.imports import import_file
from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake
from ecops.shop.quarantine import workbook
from ecops.shop.sheet import read_tables
from tests.exports import PERSONAL_TEXTS, SAMPLES, as_csv, as_html_xls, as_xlsx

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORMATS = {
    "utf-8-sig": lambda sample: as_csv(sample, "utf-8-sig"), "utf-16": lambda sample: as_csv(sample, "utf-16"),
    "xlsx": as_xlsx, "html": as_html_xls,
}


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def file(folder, sample, content):
    path = folder / (sample.file_name or "a.csv")
    path.write_bytes(content)
    return path


def run(lake, path):
    [report] = import_file(lake, path, "s", NOW)
    assert report.rows == report.loaded + report.duplicates + report.replaced + report.refused + report.total_rows
    return report


def everything(lake):
    """All that the lake holds, and its secret left out, as one text."""
    frames = [lake.everything(kind, ["s"]).collect() for kind in KINDS]
    return "\n".join(str(frame.rows()) for frame in (*frames, lake.quarantined("s")))


def named(text):
    return [person for person in PERSONAL_TEXTS if person in text]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_row_of_every_export_is_read_and_nobodys_data_kept(lake, tmp_path, name):
    sample = SAMPLES[name](7)
    path = file(tmp_path, sample, as_csv(sample))
    report = run(lake, path)
    assert (report.kind, report.reasons) == (sample.kind, {})
    assert report.loaded == len(sample.rows) and report.total_rows == (sample.total_row is not None)
    assert named(everything(lake)) == []
    again = run(lake, path)
    assert (again.loaded, again.replaced, again.duplicates) == (0, 0, len(sample.rows))


@pytest.mark.parametrize(("name", "form"), list(zip(SAMPLES, cycle(FORMATS))))
def test_another_format_gives_the_same_rows(tmp_path, name, form):
    """Formats take turns: each is tried with many exports."""
    sample, held = SAMPLES[name](4), []
    for number, content in enumerate((as_csv(sample), FORMATS[form](sample))):
        lake = Lake(str(tmp_path / str(number)))
        # of one key, so that hashes compare
        lake.merge("settings", pl.DataFrame({"shop": [""], "name": ["buyer_key"], "value": ["00" * 32]}))
        run(lake, file(tmp_path, sample, content))
        held.append([lake.everything(kind, ["s"]).drop("source_sheet").collect().sort("shop", *KINDS[kind].key).rows() for kind in KINDS])
    assert held[0] == held[1]
    assert named(everything(lake)) == []


@pytest.mark.parametrize("name", SAMPLES)
def test_no_refused_row_names_a_person_either(lake, tmp_path, name):
    sample = SAMPLES[name](7)
    broken = replace(sample, rows=tuple(tuple("9.99E+30" if cell and cell.strip("='\"\t ").isdigit() else "?" if cell and cell[:2] == "20" else cell for cell in row) for row in sample.rows))
    report = run(lake, file(tmp_path, broken, as_csv(broken)))
    workbook(lake.quarantined("s"), tmp_path / "mend.xlsx")
    told = everything(lake) + str(report.to_json()) + "".join(str(table.frame.rows()) for table in read_tables(tmp_path / "mend.xlsx"))
    assert named(told) == []
    assert report.refused or not any(cell != old for row, before in zip(broken.rows, sample.rows, strict=True) for cell, old in zip(row, before, strict=True))

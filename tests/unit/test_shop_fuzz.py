"""A short part of `make fuzz`: whatever the file, one sentence or an import in which every row is accounted for."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecops.shop.lake import Lake
from tests.fuzz.checks import check
from tests.fuzz.files import File, broken, mappings, whole, zips

# Workbooks start a process each: a few of them are tried alone.
QUICK = ("text", "page", "xml")
QUICKLY = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("fuzz")
    lake, shops = Lake(str(folder / "lake")), iter(range(10**6))
    return lambda file, mend=False: check(lake, folder, f"shop{next(shops)}", file, mend)


@settings(QUICKLY, max_examples=14)
@given(file=whole(QUICK))
def test_every_row_is_accounted_for(imported, file: File):
    imported(file)


@settings(QUICKLY, max_examples=4)
@given(file=whole(("text",)))
def test_what_was_refused_comes_back_as_a_workbook(imported, file: File):
    imported(file, mend=True)


@settings(QUICKLY, max_examples=2)
@given(file=whole(("xlsx", "ods")))
def test_workbooks(imported, file: File):
    imported(file)


@settings(QUICKLY, max_examples=12)
@given(file=st.one_of(broken(QUICK), zips(QUICK), mappings(QUICK)))
def test_damaged_packed_and_mapped_files(imported, file: File):
    imported(file)

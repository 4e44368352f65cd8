"""A process that dies in the middle of a merge leaves the table as before or as after."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecops.shop.lake import Lake

CHILD = Path(__file__).with_name("lake_child.py")
ROOT = Path(__file__).parents[2]


def child(url, *words):
    return [sys.executable, str(CHILD), str(url), *words]


def run(url, *words):
    return subprocess.run(child(url, *words), cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120)


def rows(lake):
    return lake.everything("stock", ["s"]).collect().sort("item_id").select("item_id", "closing_units").rows()


@pytest.mark.parametrize(("point", "after"), [("compared", False), ("committing", False), ("committed", True)])
def test_death_at_a_named_point(tmp_path, point, after):
    assert run(tmp_path, "merge", "1").returncode == 0
    assert run(tmp_path, "merge", "2", point).returncode == 9
    expected = [(str(number), 2 if after else 1) for number in range(3)]
    lake = Lake(str(tmp_path))
    assert rows(lake) == expected
    assert run(tmp_path, "merge", "2").returncode == 0
    assert rows(lake) == [(str(number), 2) for number in range(3)]


def test_death_before_the_first_commit_leaves_a_usable_lake(tmp_path):
    assert run(tmp_path, "merge", "1", "committing").returncode == 9
    lake = Lake(str(tmp_path))
    assert rows(lake) == []
    assert run(tmp_path, "merge", "1").returncode == 0
    assert len(rows(lake)) == 3


def test_kill_9_at_any_moment_never_leaves_a_mixture(tmp_path):
    lake = Lake(str(tmp_path))
    assert run(tmp_path, "merge", "0").returncode == 0
    for number in range(6):
        started = lake.version("stock")
        process = subprocess.Popen(child(tmp_path, "forever", str(number * 1000)), cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
        deadline = time.monotonic() + 60
        while lake.version("stock") < started + 2 + number % 3 and time.monotonic() < deadline:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len({units for _, units in rows(lake)}) == 1 and len(rows(lake)) == 3
        lake = Lake(str(tmp_path))
        assert len({units for _, units in rows(lake)}) == 1


def test_many_processes_merge_at_once_and_every_row_arrives_once(tmp_path):
    processes = [
        subprocess.Popen(child(tmp_path, "add", str(number)), cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors
    found = rows(Lake(str(tmp_path)))
    # all four also merge the item "shared": it must be there once
    assert [item for item, _ in found] == sorted(["shared", *(f"{number}-{turn}" for number in range(4) for turn in range(5))])

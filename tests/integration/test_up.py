"""`ecops up` in one home: alone there, and parts that fall are started again. The parts here are small processes of our own."""

import json
import subprocess
import sys

import pytest

from ecops.errors import BadCall, NotPossible
from ecops.home import Home
from ecops.orchestration import server
from ecops.up import RESTART_AFTER, STEADY, Part, Supervisor


@pytest.fixture
def home(tmp_path):
    return Home.from_environment({"ECOPS_HOME": str(tmp_path)})


@pytest.fixture
def first(home, monkeypatch):
    """An `ecops up` that holds the home, its parts left out."""
    monkeypatch.setattr(server, "wait_ready", lambda port, child: None)
    made = Supervisor(home, server.free_port())
    made.parts = [Part(name, lambda: subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)) for name in ("prefect", "worker", "clock", "web")]
    made.begin(lambda text: None)
    yield made
    made.end()


def test_a_second_one_is_told_of_the_first_and_takes_nothing_from_it(home, first):
    before = home.parts()
    for port in (first.port, server.free_port()):
        second = Supervisor(home, port)
        with pytest.raises(NotPossible, match=f"process {before['pid']}, pages at {before['web']}"):
            second.begin(lambda text: None)
        second.end()
    assert home.parts() == before and before["web"].endswith(str(first.port))


def test_the_home_is_free_when_the_first_has_ended(home, first, monkeypatch):
    first.end()
    assert home.parts() == {}
    third = Supervisor(home, first.port)
    third.parts = [Part(name, first.parts[0].start) for name in ("prefect", "worker", "clock", "web")]
    third.begin(lambda text: None)
    third.end()


def test_a_home_that_cannot_be_written_to_is_a_sentence(home):
    (home.folder / "logs").write_text("a file where a folder should be")
    with pytest.raises(BadCall, match="cannot be written to"):
        Supervisor(home, server.free_port()).begin(lambda text: None)


def test_a_part_that_falls_again_and_again_waits_longer_and_one_that_lived_does_not(home):
    supervisor = Supervisor(home, server.free_port())
    starts = []
    part = Part("web", lambda: starts.append(at) or subprocess.Popen([sys.executable, "-c", ""]))
    waits, at = [], 0.0
    part.begin(at)
    for _ in range(len(RESTART_AFTER) + 1):
        part.child.wait()
        supervisor._mend(part, at)
        waits.append(part.again_at - at)
        at = part.again_at
        supervisor._mend(part, at)
    assert waits == [*RESTART_AFTER, RESTART_AFTER[-1]]
    at += STEADY + 1
    part.child.wait()
    supervisor._mend(part, at)
    assert part.again_at - at == RESTART_AFTER[0]


@pytest.mark.parametrize("content", [b"[1, 2]", b"{", b"\xff\xfe", b"", json.dumps("text").encode()])
def test_a_broken_file_of_addresses_counts_as_none(home, content):
    home.parts_file.write_bytes(content)
    assert home.parts() == {} and home.prefect is None

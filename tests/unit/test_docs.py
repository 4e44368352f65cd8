"""The documentation says what the code does: verbs, states, bars, words, dependencies, files."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from ecops.cli import PLATFORMS, cli
from ecops.engine import states
from ecops.home import SETTINGS
from ecops.orchestration.bars import STATES as BAR_STATES
from ecops.playbook.model import DUTIES, PHASES, ROLES, STAGES, EvidenceType
from ecops.shop.kinds import KINDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MINE = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/cli.md", "docs/glossary.md", "docs/lifecycle.md", "docs/why.md"]


def verbs(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every verb under a command with its full name."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    for word, sub in command.commands.items():
        yield from verbs(sub, f"{name} {word}")


VERBS = dict(verbs(cli, "ecops"))


def options(command: click.Command) -> set[str]:
    """The options a verb shows in its help."""
    return {word for option in command.params if isinstance(option, click.Option) and not option.hidden for word in option.opts}


def words_of(heading: str) -> str:
    """`ecops shop add KEY` -> `ecops shop add`."""
    return " ".join(re.match(r"[a-z\- ]+", heading).group().split())


def documented_verbs() -> dict[str, set[str]]:
    """Each verb of docs/cli.md with the options in its table."""
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    parts = re.split(r"^### `(.+)`$", text, flags=re.M)[1:]
    return {words_of(heading): set(re.findall(r"^\| `(--[a-z\-]+)`", body, re.M)) for heading, body in zip(parts[::2], parts[1::2], strict=True)}


def test_every_verb_is_documented_and_no_other():
    assert documented_verbs().keys() == VERBS.keys()


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_s_options_are_documented_and_no_others(verb):
    assert documented_verbs()[verb] == options(VERBS[verb])


def test_every_setting_is_documented():
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert [name for name in SETTINGS if f"`{name}`" not in text] == []


def drawn(heading: str) -> set[tuple[str, str]]:
    """The arrows of the mermaid diagram under a heading of docs/lifecycle.md."""
    text = (DOCS / "lifecycle.md").read_text(encoding="utf-8")
    diagram = re.search(rf"^## {heading}.*?```mermaid\n(.*?)```", text, re.M | re.S).group(1)
    return set(re.findall(r"^\s*(\w+) --> (\w+)", diagram, re.M))


def section(heading: str) -> str:
    """The text under a heading of docs/lifecycle.md."""
    text = (DOCS / "lifecycle.md").read_text(encoding="utf-8")
    return re.search(rf"^## {heading}.*?\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)


HEADINGS = {"run": "Run", "step_run": "Step run", "item": "Item", "finding": "Finding", "notice": "Notice", "delivery": "Delivery"}


def test_every_state_machine_is_drawn():
    assert HEADINGS.keys() == states.TABLES.keys()


@pytest.mark.parametrize("table", sorted(HEADINGS))
def test_the_drawn_transitions_are_those_of_the_code(table):
    assert drawn(HEADINGS[table]) == {(state, to) for state, targets in states.TABLES[table].items() for to in targets}


@pytest.mark.parametrize("table", sorted(HEADINGS))
def test_every_state_is_explained(table):
    assert re.findall(r"^\| `(\w+)` \|", section(HEADINGS[table]), re.M) == list(states.TABLES[table])


def test_bars_are_documented_as_they_are_shown():
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| (\w+) \| ([^|]+) \|", section("Bars"), re.M)
    assert {look: (kind, name) for look, kind, name in rows} == {look: tuple(state) for look, state in BAR_STATES.items()}


def terms() -> dict[str, set[str]]:
    """Words the glossary must have, by where they come from."""
    kinds = {"task", "checklist", "approval", "milestone"}
    stages = {stage for several in STAGES.values() for stage in several}
    return {
        "states": {state for table in states.TABLES.values() for state in table}, "step kinds": kinds, "data kinds": set(KINDS), "phases": set(PHASES), "stages": stages,
        "duties": set(DUTIES), "roles": set(ROLES), "looks": set(BAR_STATES), "evidence": set(get_args(EvidenceType)), "platforms": set(PLATFORMS),
        "verdicts": {"ok", "unknown", "failed"},
    }  # fmt: skip


@pytest.mark.parametrize("source", sorted(terms()))
def test_the_glossary_has_every_word_of_the_code(source):
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    assert sorted(word for word in terms()[source] if f"`{word}`" not in text) == []


def direct_dependencies() -> set[str]:
    """What lock/*.in name, without versions and extras."""
    lines = [line.split("#")[0].strip() for name in ("run.in", "test.in") for line in (ROOT / "lock" / name).read_text().splitlines()]
    return {re.match(r"[A-Za-z0-9._\-]+", line).group() for line in lines if line and not line.startswith("-")}


def test_every_direct_dependency_has_its_reason():
    reasons = re.findall(r"^\| `([A-Za-z0-9._\-]+)` \|", (DOCS / "why.md").read_text(encoding="utf-8"), re.M)
    assert sorted(reasons) == sorted(direct_dependencies())


def test_what_runs_is_what_the_project_declares():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[A-Za-z0-9._\-]+", one).group() for one in declared}
    assert names <= direct_dependencies()


@pytest.mark.parametrize("page", MINE)
def test_links_and_pictures_lead_somewhere(page):
    path = ROOT / page
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if target and not (path.parent / target).exists()] == []


@pytest.mark.parametrize("page", MINE)
def test_no_page_names_a_machine(page):
    assert re.findall(r"(?<![\w.~])/(?:work|root|home|tmp)/\S*", (ROOT / page).read_text(encoding="utf-8")) == []


def fenced_calls() -> list[str]:
    """Lines of the README's code blocks that call ecops."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.startswith("ecops ")]


@pytest.mark.parametrize("call", fenced_calls())
def test_a_call_of_the_readme_is_one_the_command_line_has(call):
    verb = max((verb for verb in VERBS if f"{call} ".startswith(f"{verb} ")), key=len)
    given = set(re.findall(r"(?<= )--[a-z\-]+", call))
    needed = {option.opts[0] for option in VERBS[verb].params if isinstance(option, click.Option) and option.required}
    assert needed <= given <= options(VERBS[verb])


def test_the_map_of_the_house_names_rooms_that_are_there():
    house = (ROOT / "README.md").read_text(encoding="utf-8").split("## The map of the house")[1]
    rooms = re.findall(r"^([a-z_./]+)  ", house, re.M)
    assert rooms and [room for room in rooms if not (ROOT / room).exists()] == []

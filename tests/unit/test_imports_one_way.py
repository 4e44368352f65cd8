"""Imports go one way: the pure rooms know nobody, the service knows the store, the doors know the service, Prefect stands outside."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = [ROOT / "ecops/engine", ROOT / "ecops/playbook", ROOT / "ecops/automation.py", ROOT / "tasks"]
OUTSIDE = ("prefect", "sqlalchemy", "apscheduler", "ecops.service", "ecops.store", "ecops.orchestration", "ecops.web", "ecops.cli", "flows")
# `random` and the clock would make the same ask give another answer.
UNREPEATABLE = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"), ("time", "monotonic"), ("time", "sleep")}


def files(*places: Path) -> list[Path]:
    found = [path for place in places for path in ([place] if place.suffix == ".py" else sorted(place.rglob("*.py")))]
    assert found
    return found


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Everything a file imports anywhere in it, functions included: modules, and the names taken from them."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(path, node)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parent.parts
    return ".".join((*package[: len(package) - node.level + 1], *([node.module] if node.module else [])))


def breaches(paths: list[Path], *forbidden: str) -> list[str]:
    return [f"{path.relative_to(ROOT)} imports {name}" for path in paths for name in sorted(imported(path)) if any(name == room or name.startswith(f"{room}.") for room in forbidden)]


def test_pure_rooms_import_neither_prefect_nor_a_database_nor_the_rooms_above():
    assert breaches(files(*PURE), *OUTSIDE) == []


def test_pure_rooms_never_ask_the_clock():
    asked = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files(*PURE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute) and (getattr(node.value, "id", None) or getattr(node.value, "attr", None), node.attr) in UNREPEATABLE
    ]
    assert asked == []
    assert breaches(files(*PURE), "random", "secrets", "uuid", "time") == []


def test_only_orchestration_and_flows_import_prefect():
    others = [path for path in files(ROOT / "ecops", ROOT / "tasks") if "orchestration" not in path.parts]
    assert breaches(others, "prefect") == []
    assert breaches(files(ROOT / "flows", ROOT / "ecops/orchestration"), "prefect")


def test_the_service_knows_no_door():
    assert breaches(files(ROOT / "ecops/service", ROOT / "ecops/store"), "ecops.web", "ecops.cli", "ecops.orchestration", "ecops.clock", "ecops.up", "flows", "tasks", "prefect", "polars", "starlette", "httpx", "click") == []


def test_the_store_knows_no_use_case():
    assert breaches(files(ROOT / "ecops/store"), "ecops.service", "ecops.playbook", "ecops.shop", "ecops.rehearse", "ecops.calculate") == []


def test_the_service_never_asks_the_clock():
    asked = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files(ROOT / "ecops/service", ROOT / "ecops/store")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and (getattr(node.value, "id", None), node.attr) in UNREPEATABLE
    ]
    assert asked == []


@pytest.mark.parametrize("module", ["ecops.cli", "ecops.service.items", "ecops.service.sweep", "ecops.service.launch"])
def test_what_must_start_quickly_loads_neither_prefect_nor_polars(module):
    code = f"import sys, {module}; print(sorted({{name.split('.')[0] for name in sys.modules}} & {{'prefect', 'polars', 'deltalake'}}))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]"), ended.stderr[-800:]


def test_a_breach_would_be_seen(tmp_path):
    inside = ROOT / "ecops/engine/never_there.py"
    node = ast.parse("from ..service import items").body[0]
    assert _absolute(inside, node) == "ecops.service"
    assert breaches([Path(__file__)], "pytest") == ["tests/unit/test_imports_one_way.py imports pytest"]

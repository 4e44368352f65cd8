"""The step runs of a run, those that are alike as one: what is calculated of a plan follows how much differs, not how many shops there are."""

from collections.abc import Mapping

from sqlalchemy import Connection, String, select, type_coerce

from ecops.engine.moves import Alike
from ecops.store import tables as t

_MOMENTS = ("opened_at", "start_at", "due_at", "until_at")


def alike(connection: Connection, run: str, zones: Mapping[str, str]) -> list[Alike]:
    """In the playbook's order; `zones`: of the shops that have their own."""
    # Moments are read as the driver gives them, and once for all that are alike.
    moments = [type_coerce(t.step_run.c[name], String).label(name) for name in _MOMENTS]
    query = select(t.step_run.c.id, t.step_run.c.shop, t.step_run.c.ordinal, t.step_run.c.step, t.step_run.c.state, t.step_run.c.rounds, *moments).where(t.step_run.c.run == run)
    found: dict[tuple, list[tuple[int, str]]] = {}
    for number, shop, *what in connection.execute(query).tuples():
        found.setdefault((zones.get(shop), *what), []).append((number, shop))
    read = t.step_run.c.start_at.type.dialect_impl(connection.dialect).result_processor(connection.dialect, None)
    return [Alike(step, zone, state, rounds, *map(read, moments), where) for (zone, _, step, state, rounds, *moments), where in sorted(found.items(), key=lambda one: one[0][1])]

"""A database of the release before is brought up to date with what is in it; on both databases."""

from alembic import command
from sqlalchemy import inspect

from ecops.service import items
from ecops.service.items import Proof
from ecops.store import tables as t
from ecops.store.database import Store
from tests.integration.stores import NOW, assert_consistent, items_of, playbook, rows, run_state, start, store  # noqa: F401


def test_runs_of_the_first_tables_go_on_in_the_newest(store):
    run = start(store, playbook({"id": "first", "checklist": ["one"], "due": "day 18:00"}))
    command.downgrade(store._alembic(), "0001")
    assert "finding" not in inspect(store.engine).get_table_names()
    again = Store(store.engine.url.render_as_string(hide_password=False))
    again.migrate()
    again.migrate()
    assert {"finding", "learned"} <= set(inspect(again.engine).get_table_names())
    assert [(row.scheduled, row.told, row.run) for row in rows(again, t.run)] == [(0, None, run)] and rows(again, t.run_shop)[0].params == {}
    for item in items_of(again, run, "first"):
        items.complete(again, item.id, "ben", Proof(), NOW)
    assert run_state(again, run) == "completed"
    assert_consistent(again)
    again.close()

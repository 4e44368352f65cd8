"""People with channels, quiet hours and cover; rungs by generation; notices and deliveries; verifiers and comments."""

import json

import sqlalchemy as sa
from alembic import op

from ecops.store import tables as t

revision = "0004"
down_revision = "0003"

_COLUMNS = {
    "shop": [lambda: sa.Column("timezone", sa.String(64))],
    "person": [
        lambda: sa.Column("language", sa.String(2), nullable=False, server_default=sa.text("'zh'")),
        lambda: sa.Column("timezone", sa.String(64), nullable=False, server_default=sa.text("'Asia/Shanghai'")),
        lambda: sa.Column("quiet_from", sa.String(5)),
        lambda: sa.Column("quiet_until", sa.String(5)),
        lambda: sa.Column("digests", sa.Integer, nullable=False, server_default=sa.text("1")),
    ],
    "run": [lambda: sa.Column("owner", sa.String(64))],
    "step_run": [lambda: sa.Column("generation", sa.Integer, nullable=False, server_default=sa.text("0"))],
    "item": [
        lambda: sa.Column("owner", sa.String(64)),
        lambda: sa.Column("verify", sa.JSON(none_as_null=True)),
        lambda: sa.Column("verification", sa.String(16)),
        lambda: sa.Column("checked", sa.JSON(none_as_null=True)),
    ],
}
_NEW = (t.contact, t.absence, t.comment, t.channel)
_TIMER = ("id", "step_run", "run", "kind", "rung", "role", "at", "fired_at")


def upgrade() -> None:
    """Add what is missing: the first revision makes the tables as the code has them, so that a new database has all of it."""
    there = sa.inspect(op.get_bind())
    for table, columns in _COLUMNS.items():
        known = {column["name"] for column in there.get_columns(table)}
        for column in columns:
            if column().name not in known:
                op.add_column(table, column())
    _owners()
    for table in _NEW:
        table.create(op.get_bind(), checkfirst=True)
    if "generation" not in {column["name"] for column in there.get_columns("timer")}:
        _timers_and_deliveries()
    op.create_index("ix_item_unverified", "item", ["id"], sqlite_where=sa.text("verification in ('pending', 'unknown')"), postgresql_where=sa.text("verification in ('pending', 'unknown')"), if_not_exists=True)


def _owners() -> None:
    """Runs of before have the owner role of the playbook they were launched with."""
    bodies = op.get_bind().execute(sa.text("select run.run, definition.body from run join definition on definition.digest = run.digest where run.owner is null"))
    for run, body in bodies.all():
        op.get_bind().execute(sa.text("update run set owner = :owner where run = :run"), {"run": run, "owner": json.loads(body)["owner"]})


def _timers_and_deliveries() -> None:
    """A timer's unique row takes the generation in. The deliveries there were had no channel and told nobody; the events keep that they were due."""
    op.drop_table("delivery")
    _timers_again(t.timer)
    for table in (t.delivery, t.notice):
        table.create(op.get_bind())


def _timers_again(table: sa.Table) -> None:
    rows = [dict(row) for row in op.get_bind().execute(sa.text(f"select {', '.join(_TIMER)} from timer order by id")).mappings()]
    op.drop_table("timer")
    table.create(op.get_bind())
    rows = list({(row["step_run"], row["kind"], row["rung"], row["role"]): row for row in rows}.values())
    if rows:
        op.get_bind().execute(sa.text(f"insert into timer ({', '.join(_TIMER)}) values ({', '.join(f':{name}' for name in _TIMER)})"), rows)
    if rows and op.get_bind().dialect.name == "postgresql":
        op.execute("select setval(pg_get_serial_sequence('timer', 'id'), (select max(id) from timer))")


def downgrade() -> None:
    """Take it away again; of a timer's generations the newest stays, and of what was sent the events alone."""
    for table in (t.notice, t.delivery, t.comment, t.absence, t.contact, t.channel):
        table.drop(op.get_bind())
    _timers_again(_old_timer())
    _old_delivery().create(op.get_bind())
    op.drop_index("ix_item_unverified", "item")
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.drop_column(table, column().name)


def _old_timer() -> sa.Table:
    where = sa.text("fired_at is null")
    known = sa.MetaData(naming_convention=t.metadata.naming_convention)
    sa.Table("step_run", known, sa.Column("id", t.ID, primary_key=True))
    return sa.Table(
        "timer", known, sa.Column("id", t.ID, primary_key=True, autoincrement=True), sa.Column("step_run", sa.ForeignKey("step_run.id"), nullable=False),
        sa.Column("run", sa.String(32), nullable=False), sa.Column("kind", sa.String(16), nullable=False), sa.Column("rung", sa.Integer, nullable=False),
        sa.Column("role", sa.String(64), nullable=False), sa.Column("at", t.Instant, nullable=False), sa.Column("fired_at", t.Instant),
        sa.UniqueConstraint("step_run", "kind", "rung", "role"), sa.Index("ix_timer_due", "at", sqlite_where=where, postgresql_where=where),
    )  # fmt: skip


def _old_delivery() -> sa.Table:
    known = sa.MetaData(naming_convention=t.metadata.naming_convention)
    sa.Table("timer", known, sa.Column("id", t.ID, primary_key=True))
    words = ("run", "step", "shop", "role", "state")
    return sa.Table(
        "delivery", known, sa.Column("id", t.ID, primary_key=True, autoincrement=True), sa.Column("timer", sa.ForeignKey("timer.id"), unique=True, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False), *(sa.Column(word, sa.String(64), nullable=False) for word in words), sa.Column("at", t.Instant, nullable=False),
    )  # fmt: skip

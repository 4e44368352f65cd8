"""Firings, parameters of single shops, findings and what was learned from them, versions that running plans took over."""

import sqlalchemy as sa
from alembic import op

from ecops.store import tables as t

revision = "0002"
down_revision = "0001"

_COLUMNS = {
    "definition": lambda: sa.Column("carried", sa.Integer, nullable=False, server_default=sa.text("0")),
    "run": lambda: sa.Column("scheduled", sa.Integer, nullable=False, server_default=sa.text("0")),
    "run_shop": lambda: sa.Column("params", sa.JSON, nullable=False, server_default=sa.text("'{}'")),
    "item": lambda: sa.Column("finding", sa.JSON(none_as_null=True)),
}


def upgrade() -> None:
    """Add what is missing: the first revision makes the tables as the code has them, so that a new database has all of it."""
    there = sa.inspect(op.get_bind())
    for table, column in _COLUMNS.items():
        if column().name not in {known["name"] for known in there.get_columns(table)}:
            op.add_column(table, column())
    for table in (t.finding, t.learned):
        table.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Take it away again."""
    t.learned.drop(op.get_bind())
    t.finding.drop(op.get_bind())
    for table, column in _COLUMNS.items():
        op.drop_column(table, column().name)

"""Which anchors of a run people gave; of runs launched before it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column unless the first revision made it."""
    if "told" not in {known["name"] for known in sa.inspect(op.get_bind()).get_columns("run")}:
        op.add_column("run", sa.Column("told", sa.JSON(none_as_null=True)))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("run", "told")

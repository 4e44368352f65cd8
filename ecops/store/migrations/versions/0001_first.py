"""The first tables."""

from alembic import op

from ecops.store.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first release."""
    # Nothing has been released before this revision, so the tables of the code are its tables; the next one spells its changes out.
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Drop them."""
    metadata.drop_all(op.get_bind())

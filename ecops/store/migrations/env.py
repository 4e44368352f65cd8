"""Alembic's entry: runs the migrations on the engine the Store hands over."""

from alembic import context

from ecops.store.tables import metadata

with context.config.attributes["engine"].connect().execution_options(ecops_write=True) as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()

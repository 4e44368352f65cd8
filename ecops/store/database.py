"""The database: SQLite (WAL, immediate write transactions) or PostgreSQL, by URL; migrations brought up by Alembic."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool

from ecops.errors import BadCall, NotRunning
from ecops.store import tables
from ecops.store.tables import metadata
from ecops.store.tx import Tx

HEAD = "0004"
_MEMORY = "sqlite://"
_LONGEST_ACTOR = tables.event.c.actor.type.length


class Store:
    """Where runs live. `write()` is one transaction, `read()` one consistent look."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)

    @classmethod
    def in_memory(cls) -> "Store":
        """A store that is gone with the object: rehearsals and tests."""
        store = cls(_MEMORY)
        metadata.create_all(store.engine)
        return store

    @contextmanager
    def write(self, now: datetime, actor: str) -> Iterator[Tx]:
        """One transaction; committed when the block ends well. SQLite takes its write lock at the beginning. Raises BadCall for an actor whose name is too long to be kept."""
        if len(actor) > _LONGEST_ACTOR:
            raise BadCall(f"The name {actor[:20]}… has {len(actor):,} characters; who does something has at most {_LONGEST_ACTOR}.")
        with self._connected() as connection:
            connection = connection.execution_options(ecops_write=True)
            with connection.begin():
                tx = Tx(connection, now, actor)
                yield tx
                tx.draw()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose queries see one moment."""
        with self._connected() as connection, connection.begin():
            yield connection

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            raise NotRunning(f"The database {self.engine.url.render_as_string()} does not answer: {error.orig}; check ECOPS_HOME and ECOPS_DATABASE_URL.") from error
        except DatabaseError as error:
            raise self._not_ours(str(error.orig)) from error
        with connection:
            yield connection

    def migrate(self) -> None:
        """Bring the tables up to date; nothing happens when they are. Raises BadCall for a database of a newer ecops."""
        found = self._revision()
        if found == HEAD:
            return
        from alembic import command
        from alembic.util import CommandError

        try:
            command.upgrade(self._alembic(), "head")
        except CommandError as error:
            raise BadCall(f"The database {self.engine.url.render_as_string()} was made by a newer ecops (revision {found}); update ecops or choose another ECOPS_HOME.") from error

    def _alembic(self):
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["engine"] = self.engine
        return config

    def _revision(self) -> str | None:
        with self._connected() as connection:
            try:
                # In this order: whoever is just making the tables commits them with their version.
                taken = set(inspect(connection).get_table_names()) & set(metadata.tables)
                if inspect(connection).has_table("alembic_version"):
                    return connection.execute(text("select version_num from alembic_version")).scalar()
            except DatabaseError as error:
                raise self._not_ours(str(error.orig)) from error
        if taken:
            raise self._not_ours(f"it has tables called {', '.join(sorted(taken))} of somebody else")
        return None

    def _not_ours(self, why: str) -> BadCall:
        return BadCall(f"{self.engine.url.render_as_string()} is not a database of ecops: {why}; choose another ECOPS_HOME or ECOPS_DATABASE_URL.")

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
    memory = {"poolclass": StaticPool} if url == _MEMORY else {"pool_size": 20, "max_overflow": 40}
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 30}, **memory)
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection, _record) -> None:
    # The driver must not begin transactions by itself: a deferred one that reads first cannot become a writer.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("ecops_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

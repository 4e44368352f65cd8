"""The tables. What must never be true is a constraint; the state words come from the engine's lists.

An item is a row. Times are UTC instants. `step_run.waits_for` counts unfinished needs, so that what is due is found by index.
"""

from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint, text
from sqlalchemy.types import TypeDecorator

from ecops.engine import states

metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s", "ck": "ck_%(table_name)s_%(constraint_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"})


class Instant(TypeDecorator):
    """An aware instant, kept in UTC. A naive one is a mistake and refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect) -> datetime | None:
        """Aware -> UTC; SQLite keeps it without the zone so that text order is time order."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect) -> datetime | None:
        """Always aware, always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


ID = BigInteger().with_variant(Integer, "sqlite")


def _states(table: dict) -> CheckConstraint:
    return CheckConstraint("state in (" + ", ".join(f"'{state}'" for state in table) + ")", name="state")


shop = Table(
    "shop", metadata,
    Column("shop", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("platform", String(16), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("timezone", String(64)),  # null: that of the playbook
    Column("added_at", Instant, nullable=False),
    CheckConstraint("platform in ('taobao', 'tmall', 'douyin', 'pdd', 'jd')", name="platform"),
)  # fmt: skip
person = Table(
    "person", metadata,
    Column("person", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("language", String(2), nullable=False, server_default=text("'zh'")),
    Column("timezone", String(64), nullable=False, server_default=text("'Asia/Shanghai'")),
    Column("quiet_from", String(5)),  # on the person's wall, 22:00; null: no quiet hours
    Column("quiet_until", String(5)),
    Column("digests", Integer, nullable=False, server_default=text("1")),  # 0: wants none
    Column("added_at", Instant, nullable=False),
)  # fmt: skip
contact = Table(  # how a person is reached; the first in order is tried first
    "contact", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("person", ForeignKey("person.person"), nullable=False),
    Column("url", Text, nullable=False),  # holds secrets: shown veiled only
    Column("channel", String(64), nullable=False),  # the address's digest: what a chat service counts its rate by
    Column("position", Integer, nullable=False),
    Column("added_at", Instant, nullable=False),
    UniqueConstraint("person", "channel"),
)  # fmt: skip
absence = Table(
    "absence", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("person", ForeignKey("person.person"), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("cover", ForeignKey("person.person")),  # null: the other holders
    Column("note", Text),
    CheckConstraint("since < until", name="span"),
    CheckConstraint("cover is null or cover <> person", name="cover"),
    Index("ix_absence_until", "until"),
)  # fmt: skip
role_binding = Table(
    "role_binding", metadata,
    Column("role", String(64), primary_key=True),
    Column("person", ForeignKey("person.person"), primary_key=True),
    Column("shop", String(64), primary_key=True),  # '' binds for every shop
)  # fmt: skip
definition = Table(
    "definition", metadata,
    Column("digest", String(64), primary_key=True),
    Column("body", Text, nullable=False),
    Column("carried", Integer, nullable=False, server_default=text("0")),  # 1: a version as a running plan took it over
)  # fmt: skip
run = Table(
    "run", metadata,
    Column("run", String(32), primary_key=True),
    Column("playbook", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", ForeignKey("definition.digest"), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("title_zh", String(200), nullable=False),
    Column("title_en", String(200), nullable=False),
    Column("day", String(10), nullable=False),
    Column("anchors", JSON, nullable=False),
    Column("told", JSON(none_as_null=True)),  # the anchors that people gave; null: not known
    Column("params", JSON, nullable=False),
    Column("shops", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("owner", String(64)),  # the role that holds what no other role holds, as the playbook says
    Column("launched_by", String(64), nullable=False),
    Column("launched_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("launch_key", String(200), unique=True),  # a schedule's firing launches once
    Column("scheduled", Integer, nullable=False, server_default=text("0")),  # 1: a firing of a schedule
    Column("prefect_flow_run", String(36)),
    Column("follows", Integer, nullable=False, server_default=text("0")),  # 1: another playbook follows its end
    Column("closed_in_prefect", Integer, nullable=False, server_default=text("0")),
    Column("execution", String(64)),  # the flow execution that works on it now
    Column("lease_until", Instant),
    Column("woken_at", Instant),
    Column("wakes", Integer, nullable=False, server_default=text("0")),
    _states(states.RUN),
    Index("ix_run_active", "state", sqlite_where=text("state = 'active'"), postgresql_where=text("state = 'active'")),
)  # fmt: skip
run_shop = Table(
    "run_shop", metadata,
    Column("run", ForeignKey("run.run"), primary_key=True),
    Column("shop", ForeignKey("shop.shop"), primary_key=True),
    Column("params", JSON, nullable=False, server_default=text("'{}'")),  # where they differ from the run's
)  # fmt: skip
step_run = Table(
    "step_run", metadata,
    Column("id", ID, primary_key=True),
    Column("run", ForeignKey("run.run"), nullable=False),
    Column("step", String(64), nullable=False),
    Column("shop", String(64), nullable=False),  # '' where the work is the run's
    Column("ordinal", Integer, nullable=False),
    Column("stage", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("waits_for", Integer, nullable=False),
    Column("start_at", Instant),
    Column("due_at", Instant),
    Column("until_at", Instant),
    Column("opened_at", Instant),
    Column("completed_at", Instant),
    Column("items_total", Integer, nullable=False),
    Column("items_done", Integer, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("attempt", String(64)),
    Column("outcome", String(16)),
    Column("generation", Integer, nullable=False, server_default=text("0")),  # how often its due time has moved: each has rungs of its own
    Column("version", Integer, nullable=False),
    UniqueConstraint("run", "step", "shop"),
    CheckConstraint("waits_for >= 0", name="waits_for"),
    CheckConstraint("items_done >= 0 and items_done <= items_total", name="items_done"),
    CheckConstraint("kind in ('task', 'checklist', 'approval', 'milestone')", name="kind"),
    _states(states.STEP),
    Index("ix_step_run_due", "start_at", sqlite_where=text("state = 'waiting' and waits_for = 0"), postgresql_where=text("state = 'waiting' and waits_for = 0")),
    Index("ix_step_run_ready", "run", sqlite_where=text("state in ('ready', 'running')"), postgresql_where=text("state in ('ready', 'running')")),
    Index("ix_step_run_run_state", "run", "state"),
)  # fmt: skip
item = Table(
    "item", metadata,
    Column("id", ID, primary_key=True),
    Column("step_run", ForeignKey("step_run.id"), nullable=False),
    Column("run", String(32), nullable=False),
    Column("step", String(64), nullable=False),
    Column("shop", String(64), nullable=False),
    Column("key", String(200), nullable=False),
    Column("position", Integer, nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("role", String(64), nullable=False),
    Column("owner", String(64)),  # who answers for it, whoever it was delegated to
    Column("assignee", String(64)),
    Column("state", String(16), nullable=False),
    Column("due_at", Instant),
    Column("evidence", JSON, nullable=False),
    Column("value", Text),
    Column("link", Text),
    Column("file", Text),
    Column("note", Text),
    Column("closed_by", String(64)),
    Column("closed_at", Instant),
    Column("finding", JSON(none_as_null=True)),  # what accepting it would change, and the facts it stands on
    Column("verify", JSON(none_as_null=True)),  # the task that checks what was claimed, and what it is given
    Column("verification", String(16)),  # pending, verified, refuted or unknown; null: nothing to check
    Column("checked", JSON(none_as_null=True)),  # what the verifier said, when, or who vouched
    Column("version", Integer, nullable=False),
    UniqueConstraint("step_run", "key"),
    CheckConstraint("state not in ('done', 'skipped') or (closed_by is not null and closed_at is not null)", name="closed"),
    _states(states.ITEM),
    Index("ix_item_inbox", "due_at", "id", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
    Index("ix_item_role", "role", "due_at", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
    Index("ix_item_unverified", "id", sqlite_where=text("verification in ('pending', 'unknown')"), postgresql_where=text("verification in ('pending', 'unknown')")),
)  # fmt: skip
decision = Table(
    "decision", metadata,
    Column("step_run", ForeignKey("step_run.id"), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("role", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("note", Text),
    Column("at", Instant, nullable=False),
    CheckConstraint("verdict in ('approve', 'reject')", name="verdict"),
)  # fmt: skip
comment = Table(
    "comment", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("step_run", ForeignKey("step_run.id"), nullable=False),
    Column("item", ForeignKey("item.id")),  # null: about the step
    Column("person", String(64), nullable=False),
    Column("words", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_comment_step_run", "step_run", "id"),
)  # fmt: skip
outcome = Table(
    "outcome", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("step_run", ForeignKey("step_run.id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", String(16), nullable=False),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("lists", JSON, nullable=False),
    UniqueConstraint("step_run", "round"),
    CheckConstraint("status in ('ok', 'unknown', 'failed')", name="status"),
)  # fmt: skip
finding = Table(  # what a review learned, once a person has judged it
    "finding", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("run", ForeignKey("run.run"), nullable=False),
    Column("item", ForeignKey("item.id"), unique=True),
    Column("shop", String(64), nullable=False),  # '' for all
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("reason", Text),
    _states(states.FINDING),
    Index("ix_finding_run", "run"),
)  # fmt: skip
learned = Table(  # what an accepted finding changes in later launches
    "learned", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("finding", ForeignKey("finding.id"), nullable=False),
    Column("playbook", String(64), nullable=False),
    Column("shop", String(64), nullable=False),  # '' for all
    Column("param", String(64)),
    Column("value", Text),
    Column("step", String(64)),
    Column("item_zh", Text),
    Column("item_en", Text),
    Column("since", Instant, nullable=False),
    Column("until", Instant),  # null: in force
    CheckConstraint("(param is null) <> (step is null)", name="one_change"),
    CheckConstraint("(param is null) = (value is null) and (step is null) = (item_zh is null)", name="whole_change"),
    Index("ix_learned_playbook", "playbook", sqlite_where=text("until is null"), postgresql_where=text("until is null")),
    Index("uq_learned_param", "playbook", "shop", "param", unique=True, sqlite_where=text("until is null and param is not null"), postgresql_where=text("until is null and param is not null")),
)  # fmt: skip
event = Table(
    "event", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("what", String(64), nullable=False),
    Column("run", String(32)),
    Column("step", String(64)),
    Column("shop", String(64)),
    Column("step_run", ID),
    Column("item", ID),
    Column("detail", JSON, nullable=False),
    Index("ix_event_run", "run", "id"),
)  # fmt: skip
timer = Table(
    "timer", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("step_run", ForeignKey("step_run.id"), nullable=False),
    Column("run", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("rung", Integer, nullable=False),
    Column("role", String(64), nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("urgent", Integer, nullable=False, server_default=text("0")),  # 1: quiet hours do not hold it
    Column("at", Instant, nullable=False),
    Column("fired_at", Instant),
    UniqueConstraint("step_run", "kind", "rung", "role", "generation"),
    Index("ix_timer_due", "at", sqlite_where=text("fired_at is null"), postgresql_where=text("fired_at is null")),
)  # fmt: skip
notice = Table(  # what one person is to be told of one thing for one cause, once
    "notice", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("cause", String(80), nullable=False),
    Column("person", String(64), nullable=False),  # '' nobody: nobody holds the role, nor the one it falls back to
    Column("kind", String(16), nullable=False),
    Column("why", String(16), nullable=False),
    Column("role", String(64)),
    Column("run", String(32)),
    Column("step", String(64)),
    Column("shop", String(64)),
    Column("step_run", ID),
    Column("item", ID, nullable=False, server_default=text("0")),  # 0: the step as a whole
    Column("detail", JSON(none_as_null=True)),
    Column("urgent", Integer, nullable=False, server_default=text("0")),
    Column("at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("delivery", ForeignKey("delivery.id")),
    UniqueConstraint("cause", "person", "item"),
    _states(states.NOTICE),
    Index("ix_notice_waiting", "not_before", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
    Index("ix_notice_delivery", "delivery"),
    Index("ix_notice_run", "run"),
)  # fmt: skip
delivery = Table(  # one message to one person over one channel
    "delivery", metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("person", String(64), nullable=False),
    Column("contact", ID),
    Column("channel", String(64)),
    Column("state", String(16), nullable=False),
    Column("notices", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("claimed_by", String(64)),
    Column("claimed_at", Instant),
    Column("ended_at", Instant),  # sent, failed, suppressed, or found uncertain
    Column("reason", Text),
    Column("title", Text),
    Column("body", Text),
    Column("acknowledged_at", Instant),
    Column("version", Integer, nullable=False, server_default=text("1")),
    _states(states.DELIVERY),
    Index("ix_delivery_queued", "next_at", sqlite_where=text("state = 'queued'"), postgresql_where=text("state = 'queued'")),
    Index("ix_delivery_sending", "claimed_at", sqlite_where=text("state = 'sending'"), postgresql_where=text("state = 'sending'")),
    Index("ix_delivery_person", "person", "id"),
    Index("ix_delivery_channel", "channel", "claimed_at"),
)  # fmt: skip
channel = Table(  # what a chat service allows: its row is held while a message is claimed for it
    "channel", metadata,
    Column("channel", String(64), primary_key=True),
    Column("blocked_until", Instant),
)  # fmt: skip
dirty = Table(  # the outbox of the Prefect mirror: which bars have to be drawn again, however often they changed
    "dirty", metadata,
    Column("run", String(32), primary_key=True),
    Column("step", String(64), primary_key=True),
    Column("seq", Integer, nullable=False),
)  # fmt: skip
counter = Table(
    "counter", metadata,
    Column("name", String(32), primary_key=True),
    Column("next", ID, nullable=False),
)  # fmt: skip

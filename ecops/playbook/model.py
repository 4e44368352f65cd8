"""The frozen Playbook: what a YAML file means once it is read.

Every field has an executor. Unknown fields are refused, and so is a field that would do nothing where it stands.
The JSON Schema (`ecops playbook schema`) is made from these classes.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from ecops.playbook.cron import check_cron
from ecops.playbook.dates import NAME, DateRule, Moment, parse_rule, resolve
from ecops.playbook.hours import FORM, ServiceHours, parse_service_hours
from ecops.playbook.template import names_used
from ecops.playbook.wall import known_zone
from ecops.quantity import parse_duration

DUTIES = {
    "platform": "平台基础管理",
    "users": "用户运营",
    "goods": "商品运营",
    "marketing": "营销推广",
    "data": "数据分析",
    "supply": "供应链协同",
    "service": "客户服务",
    "compliance": "合规风控",
}
ROLES = {
    "operations": "运营",
    "media": "投放",
    "content": "内容设计",
    "crm": "会员运营",
    "merchandising": "商品",
    "supply": "供应链",
    "service": "客服",
    "compliance": "合规",
    "analysis": "数据分析",
    "technology": "技术",
    "management": "管理层",
}
PHASES = {"preparation": "筹备期", "daily": "日常运营", "campaign": "活动期", "review": "复盘期"}
STAGES = {
    "preparation": ["set-up"],
    "daily": ["routine"],
    "campaign": ["prep", "execution", "wrap-up"],
    "review": ["review"],
}


LONGEST = timedelta(days=3660)
MAX_STEPS = 400


def _rule(value: Any) -> DateRule:
    return value if isinstance(value, DateRule) else parse_rule(value)


def _signed(value: Any) -> timedelta:
    text = str(value).strip()
    span = -parse_duration(text[1:]) if text.startswith("-") else parse_duration(text.removeprefix("+"))
    if abs(span) > LONGEST:
        raise ValueError(f"{text!r} is longer than {LONGEST.days} days")
    return span


def span_text(span: timedelta) -> str:
    """A span as it is written: `90m`, `6h`, `-2d`."""
    minutes = int(span.total_seconds() // 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("", minutes)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{sign}{minutes // size}{unit}"
    return f"{sign}{minutes}m"


def _condition(value: str) -> str:
    names_used(value.strip().removeprefix("{{").removesuffix("}}"), expression=True)
    return value


def _template(value: str) -> str:
    if not value.strip():
        raise ValueError("the text is empty; say what it is")
    names_used(value)
    return value


def texts_in(value: Any) -> Iterator[str]:
    """Every text inside a plain value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def _with(value: dict) -> dict:
    for text in texts_in(value):
        names_used(text)
    return value


Key = Annotated[str, Field(pattern=rf"^{NAME}$", max_length=64)]
Rule = Annotated[
    DateRule,
    BeforeValidator(_rule),
    PlainSerializer(lambda rule: rule.text),
    WithJsonSchema({"type": "string", "description": "A date rule, such as 'day - 45d 18:00', '+3 working days' or 'day - 3d roll back'."}),
]
Hours = Annotated[
    ServiceHours,
    BeforeValidator(lambda value: value if isinstance(value, ServiceHours) else parse_service_hours(value)),
    PlainSerializer(lambda hours: hours.text),
    WithJsonSchema({"type": "string", "pattern": rf"^ *{FORM} *$", "description": "The hours of each day in which people answer, such as 09:00-21:00 or 09:00-01:00."}),
]
Span = Annotated[
    timedelta,
    BeforeValidator(_signed),
    PlainSerializer(span_text),
    WithJsonSchema({"type": "string", "pattern": r"^[+-]?\d+ ?(m|min|h|d|w)$", "description": "A duration such as 90m, 4h, 2d."}),
]
Template = Annotated[str, AfterValidator(_template)]
TaskName = Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$")]
Condition = Annotated[str, AfterValidator(_condition)]
Phase = Literal["preparation", "daily", "campaign", "review"]
Duty = Literal[tuple(DUTIES)]
EvidenceType = Literal["tick", "number", "text", "link", "file", "choice"]


class Part(BaseModel):
    """Base of everything in a playbook: frozen, and nothing unknown is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)


class Text(Part):
    """What people read, Chinese first. A plain text stands for both languages."""

    zh: Template
    en: Template

    @model_validator(mode="before")
    @classmethod
    def _from_plain(cls, value: Any) -> Any:
        return {"zh": value, "en": value} if isinstance(value, str) else value


class Anchor(Part):
    """A named instant. `at`: always this rule; `default`: this rule unless the launch says otherwise."""

    at: Rule | None = None
    default: Rule | None = None
    required: bool = False
    title: Text | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.at and self.default:
            raise ValueError("an anchor has either 'at' or 'default'; keep one")
        if not (self.at or self.default or self.required):
            raise ValueError("this anchor can never have a time; give it 'default' or make it 'required: true'")
        return self

    @property
    def rule(self) -> DateRule | None:
        """The rule that gives its time when the launch does not."""
        return self.at or self.default


class Param(Part):
    """A value of the launch, typed. Money is written in yuan, percents as 8%."""

    type: Literal["money", "percent", "integer", "number", "text", "flag", "choice", "date", "duration"]
    required: bool = False
    default: Any = None
    min: Any = None
    max: Any = None
    choices: tuple[str, ...] = ()
    title: Text | None = None

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("'choices' belongs to a parameter of type choice, and such a parameter needs them")
        if self.type in ("flag", "choice") and (self.min, self.max) != (None, None):
            raise ValueError(f"a {self.type} has no size; remove 'min' and 'max'")
        if self.required and self.default is not None:
            raise ValueError("a required parameter takes no default; remove one of the two")
        return self


MOST_MB = 20  # of a file, whatever a playbook says


class Evidence(Part):
    """What closes an item beside the tick itself. `max_mb`: how large a file may be, 20 MB unless it says less."""

    type: EvidenceType = "tick"
    required: bool = True
    unit: str | None = None
    min: Decimal | None = None
    max: Decimal | None = None
    choices: tuple[str, ...] = ()
    max_mb: Annotated[int | None, Field(ge=1, le=MOST_MB)] = None

    @model_validator(mode="before")
    @classmethod
    def _from_plain(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if self.type != "number" and (self.unit, self.min, self.max) != (None, None, None):
            raise ValueError("'unit', 'min' and 'max' do something for evidence of type number only")
        if self.type != "file" and self.max_mb is not None:
            raise ValueError("'max_mb' does something for evidence of type file only")
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("'choices' belongs to evidence of type choice, and such evidence needs them")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no number lies between min {self.min} and max {self.max}; swap them")
        return self


class Verify(Part):
    """The task that checks what was claimed when an item is ticked. What it answers with `ok` is verified, unless its `list` (when one is named) has rows for
    the shop: then it is refuted. Texts in `with` may name what was brought: `item.value`, `item.link`, `item.file`, `item.note`, `item.key`.
    """

    task: TaskName
    with_: Annotated[dict[str, Any], Field(alias="with"), AfterValidator(_with)] = {}
    list: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9_]*$")] = None


class Item(Part):
    """One line of a checklist."""

    id: Key | None = None
    title: Text
    evidence: Evidence = Evidence()
    role: Key | None = None
    verify: Verify | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_plain(cls, value: Any) -> Any:
        return {"title": value} if isinstance(value, str) else value


ACCEPT, DECLINE = "采纳", "不采纳"
VERDICT = Evidence(type="choice", choices=(ACCEPT, DECLINE))


class Learn(Part):
    """What an accepted finding changes in later launches of `playbook` (a key, or a text that gives one): the value of a parameter, or one more item of a step's
    checklist.
    """

    playbook: Template
    param: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    value: Template | None = None
    step: Key | None = None
    item: Text | None = None

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        if (self.param is None) == (self.step is None):
            raise ValueError("a finding changes either a 'param' or a 'step'; keep one")
        if (self.param is None) != (self.value is None) or (self.step is None) != (self.item is None):
            raise ValueError("'param' belongs with 'value', and 'step' with 'item'")
        return self


class Each(Part):
    """A checklist made of a task's outcome: one item a row of the list `steps.<step>.<list>`.

    With `learn` its items are findings, which people accept or decline; what is accepted changes later launches.
    """

    each: Annotated[str, Field(pattern=rf"^steps\.{NAME}\.{NAME}$")]
    item: Text
    key: str = "item_id"
    evidence: Evidence = Evidence()
    learn: Learn | None = None
    verify: Verify | None = None

    @model_validator(mode="before")
    @classmethod
    def _findings_are_judged(cls, value: Any) -> Any:
        return {"evidence": VERDICT} | value if isinstance(value, dict) and value.get("learn") else value

    @model_validator(mode="after")
    def _by_a_verdict(self) -> Self:
        if self.learn and self.evidence != VERDICT:
            raise ValueError(f"a finding is closed by {ACCEPT} or {DECLINE}; remove 'evidence'")
        if self.learn and self.verify:
            raise ValueError("a finding is what people think of it, which no task can check; remove 'verify'")
        return self

    @property
    def step(self) -> str:
        """The step whose outcome is read."""
        return self.each.split(".")[1]

    @property
    def list(self) -> str:
        """The name of the list in that outcome."""
        return self.each.split(".")[2]


class Approval(Part):
    """A gate: `quorum` approvals by holders of the roles in `by`, one voice a person. `not: requester` keeps the person who launched out. With `every_role` each
    role in `by` gives at least one of them, each by another person. It opens when people have accepted or declined at least so many `findings` of the run. A
    rejection `reopens` the done items of these checklists, which the gate needs, and waits until they are finished again.
    """

    by: Annotated[tuple[Key, ...], Field(min_length=1), BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
    quorum: Annotated[int, Field(ge=1, le=20)] = 1
    exclude: Annotated[Literal["requester"] | None, Field(alias="not")] = None
    findings: Annotated[int, Field(ge=0, le=100)] = 0
    every_role: bool = False
    reopens: tuple[Key, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _a_voice_a_role(cls, value: Any) -> Any:
        return {"quorum": len(value["by"])} | value if isinstance(value, dict) and value.get("every_role") and isinstance(value.get("by"), list | tuple) else value

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if self.every_role and len(set(self.by)) < 2:
            raise ValueError("'every_role' does something where 'by' names several roles; remove it")
        if self.every_role and self.quorum < len(self.by):
            raise ValueError(f"{len(self.by)} roles give at least {len(self.by)} approvals, and 'quorum' says {self.quorum}; raise it or remove it")
        return self


class Escalation(Part):
    """Tell the holders of `to` when the step is still unfinished `after` its due time; an `urgent` one is not held back by their quiet hours."""

    after: Span
    to: Key
    urgent: bool = False


class Step(Part):
    """One step: exactly one of `task`, `checklist`, `approval`, `milestone`."""

    id: Key
    title: Text | None = None
    note: Text | None = None
    stage: Key | None = None
    duty: Duty | None = None
    serves: tuple[str, ...] = ()
    task: TaskName | None = None
    with_: Annotated[dict[str, Any], Field(alias="with"), AfterValidator(_with)] = {}
    checklist: tuple[Item, ...] | Each | None = None
    approval: Approval | None = None
    milestone: bool = False
    scope: Literal["shop", "run"] | None = None
    role: Key | None = None
    needs: tuple[Key, ...] = ()
    when: Condition | None = None
    start: Rule | None = None
    due: Rule | None = None
    every: Span | None = None
    from_: Annotated[Rule | None, Field(alias="from")] = None
    until: Rule | None = None
    remind: tuple[Span, ...] = ()
    escalate: tuple[Escalation, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _milestone_mark(cls, value: Any) -> Any:
        return value | {"milestone": True} if isinstance(value, dict) and "milestone" in value and value["milestone"] is None else value

    @model_validator(mode="after")
    def _sense(self) -> Self:
        for problem in _senseless(self):
            raise ValueError(problem)
        return self

    @property
    def kind(self) -> str:
        """task, checklist, approval or milestone."""
        return next(kind for kind in ("task", "checklist", "approval", "milestone") if getattr(self, kind))

    @property
    def per_shop(self) -> bool:
        """True where every shop has its own step run: tasks and checklists unless `scope: run`."""
        return self.scope == "shop" or (self.scope is None and self.kind in ("task", "checklist"))

    @property
    def begin(self) -> DateRule | None:
        """The rule before which the step never starts."""
        return self.from_ if self.every else self.start


def _senseless(step: Step):
    """Fields that would do nothing where they stand, as sentences."""
    kinds = [kind for kind in ("task", "checklist", "approval", "milestone") if getattr(step, kind)]
    if len(kinds) != 1:
        yield f"a step is exactly one of task, checklist, approval or milestone; this one is {' and '.join(kinds) or 'none'}"
        return
    if step.with_ and not step.task:
        yield "'with' does something for a task only; remove it"
    if step.every and not step.task:
        yield "'every' repeats a task only; remove it"
    if step.every and step.every < timedelta(minutes=1):
        yield "'every' must be one minute or more"
    if bool(step.every) != bool(step.from_) or bool(step.every) != bool(step.until):
        yield "'every', 'from' and 'until' belong together; give all three"
    if step.every and step.start:
        yield "a repeating step begins at 'from'; remove 'start'"
    if (step.remind or step.escalate) and not step.due:
        yield "'remind' and 'escalate' count from 'due'; give the step a due time"
    if (step.remind or step.escalate or step.role) and step.milestone:
        yield "nobody works on a milestone; remove 'role', 'remind' and 'escalate'"
    if step.approval and step.role:
        yield "an approval is for the roles in 'by'; remove 'role'"
    if isinstance(step.checklist, tuple) and not step.checklist:
        yield "a checklist needs at least one item"


def verifiers(step: Step) -> Iterator[tuple[tuple[str | int, ...], Verify]]:
    """What checks the ticks of a checklist, each with its place in the step."""
    lines = [(("checklist", "verify"), step.checklist.verify)] if isinstance(step.checklist, Each) else []
    lines += [(("checklist", index, "verify"), item.verify) for index, item in enumerate(step.checklist if isinstance(step.checklist, tuple) else ())]
    return ((path, verify) for path, verify in lines if verify)


class Schedule(Part):
    """When a daily playbook is launched by itself: a cron line in the playbook's time zone.

    `missed`: firings of a time when the machine was off are caught up `once`, by the newest of them, or left out (`skip`).
    """

    cron: Annotated[str, AfterValidator(check_cron)]
    shops: str = "all"
    missed: Literal["once", "skip"] = "once"


class Freeze(Part):
    """From `from` until `until` the items of `steps` change only with a reason."""

    id: Key
    title: Text
    from_: Annotated[Rule, Field(alias="from")]
    until: Rule
    steps: Annotated[tuple[Key, ...], Field(min_length=1)]


class FollowUp(Part):
    """The playbook launched when a run of this one ends, such as a campaign's review."""

    playbook: Key
    day: Rule
    with_: Annotated[dict[str, Any], Field(alias="with"), AfterValidator(_with)] = {}


class Playbook(Part):
    """One playbook of one version. `owner` is the role that holds what no other role holds."""

    playbook: Key
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1
    title: Text
    phase: Phase
    description: Text | None = None
    timezone: Annotated[str, AfterValidator(known_zone)] = "Asia/Shanghai"
    service_hours: Hours | None = None
    owner: Key = "operations"
    anchors: dict[Key, Anchor] = {}
    params: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Param] = {}
    stages: tuple[Key, ...] = ()
    schedule: Schedule | None = None
    then: FollowUp | None = None
    freezes: tuple[Freeze, ...] = ()
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_STEPS)]

    @model_validator(mode="before")
    @classmethod
    def _stages(cls, value: Any) -> Any:
        return _with_stages(value) if isinstance(value, dict) else value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which its rules are read."""
        return ZoneInfo(self.timezone)

    def on_wall(self, timezone: str | None) -> Self:
        """The same with its rules read on the wall clock of this zone; None: its own."""
        return self if timezone in (None, self.timezone) else self.model_copy(update={"timezone": timezone})

    def resolve(self, rule: DateRule, anchors: Mapping[str, datetime]) -> Moment:
        """The instant a rule of this playbook means, see `dates.resolve`."""
        return resolve(rule, anchors, self.zone, self.service_hours)

    def step(self, key: str) -> Step:
        """The step called `key`. KeyError when there is none."""
        return next(step for step in self.steps if step.id == key)

    def role_of(self, step: Step) -> str:
        """The role that answers for a step."""
        return step.role or (step.approval.by[0] if step.approval else self.owner)


def roles_of(playbook: Playbook, step: Step) -> tuple[str, ...]:
    """The roles that have something to do in a step of people; none in one of machines."""
    if step.approval:
        return step.approval.by
    if isinstance(step.checklist, tuple):
        return tuple(dict.fromkeys(line.role or playbook.role_of(step) for line in step.checklist))
    return (playbook.role_of(step),) if step.checklist else ()


def _with_stages(value: dict) -> dict:
    """Default stages of the phase; a step without a stage belongs to the stage of the step before it."""
    phase = value.get("phase")
    stages = value.get("stages") or (STAGES.get(phase, ["work"]) if isinstance(phase, str) else ["work"])
    if not isinstance(value.get("steps"), list):
        return value | {"stages": stages}
    steps, stage = [], stages[0] if isinstance(stages, list) and stages else None
    for step in value["steps"]:
        if isinstance(step, dict):
            stage = step.get("stage", stage)
            step = {"stage": stage} | step
        steps.append(step)
    return value | {"stages": stages, "steps": steps}

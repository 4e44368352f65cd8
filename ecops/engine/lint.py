"""What is wrong with this plan for these shops and people, before it is launched. Pure.

Every lint says what, where and the remedy, with numbers, in English by keys and in Chinese by titles and names. Steps and shops with the same people and dates are looked at once, so that the cost
follows what differs and not how many shops there are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from ecops.engine.plan import Plan, StepPlan, rungs
from ecops.engine.quorum import is_given
from ecops.engine.staffing import HERE, Absence, Away, Staffing, Wall
from ecops.playbook.calendar import announced_until
from ecops.playbook.model import ROLES, Approval, Playbook, Step, roles_of, verifiers
from ecops.playbook.problem import ERROR, WARNING, Problem, problem
from ecops.playbook.source import Places

MOST_A_DAY = 60  # items of one person that are due on one day
SHOPS_NAMED = 20  # in a problem; its message counts them all
_NAMED, _WORST = 5, 5
_ITSELF = ("",)  # the run's own work, of no single shop


@dataclass(frozen=True)
class Overlap:
    """Another campaign that claims the stock of some of these shops from `since` until `until`."""

    run: str
    title: str
    shops: tuple[str, ...]
    since: datetime
    until: datetime

    @property
    def words(self) -> tuple[str, str]:
        """What is said of it, and the remedy."""
        return f"{self.title} ({self.run}) sells from the same stock of {_list(self.shops)} from {self._days[0]} to {self._days[1]}.", "Share the stock out between both."

    def words_zh(self, names: Mapping[str, str]) -> tuple[str, str]:
        """The same in Chinese, shops by name."""
        return f"“{self.title}”({self.run})从 {self._days[0]} 到 {self._days[1]} 也卖{_list_zh(names.get(shop, shop) for shop in self.shops)}的同一批库存。", "把库存在两个活动之间分好。"

    @property
    def _days(self) -> tuple[str, str]:
        return self.since.isoformat()[:10], self.until.isoformat()[:10]


@dataclass(frozen=True)
class Twin:
    """An active run of the same playbook for the same day with some of these shops."""

    run: str
    shops: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """What a plan is held against. `requester`: who launches, None: not known; `bound`: people by role and shop ("" for every shop); `walls`: time zone and quiet
    hours by person; `open_items`: what each has before them already, by person and the day on their wall; `names` of people, `shop_names` of shops.
    """

    shops: tuple[str, ...]
    now: datetime
    requester: str | None = None
    bound: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    absences: Sequence[Absence] = ()
    walls: Mapping[str, Wall] = field(default_factory=dict)
    open_items: Mapping[tuple[str, date], float] = field(default_factory=dict)
    overlaps: Sequence[Overlap] = ()
    twins: Sequence[Twin] = ()
    most_a_day: int = MOST_A_DAY
    names: Mapping[str, str] = field(default_factory=dict)
    shop_names: Mapping[str, str] = field(default_factory=dict)


_Said = tuple[str, str]  # in English by keys, in Chinese by titles and names


@dataclass(frozen=True)
class _Dated:
    """A step as it is dated for some shops, `wall` their playbook; `finish`: when it can be finished at the earliest."""

    plan: StepPlan
    wall: Playbook
    shops: tuple[str, ...]
    finish: datetime | None

    @property
    def step(self) -> Step:
        return self.plan.step


@dataclass(frozen=True)
class _Lint:
    plan: Plan
    facts: Facts
    places: Places

    @property
    def book(self) -> Playbook:
        return self.plan.playbook

    @cached_property
    def staffing(self) -> Staffing:
        return Staffing(self.facts.bound, self.facts.absences)

    @cached_property
    def walls(self) -> dict[str, tuple[Plan, tuple[str, ...]]]:
        """The plans by time zone, each with the shops it dates."""
        found: dict[str, tuple[Plan, list[str]]] = {}
        for shop in self.facts.shops:
            plan = self.plan.at(shop)
            found.setdefault(plan.playbook.timezone, (plan, []))[1].append(shop)
        return {zone: (plan, tuple(shops)) for zone, (plan, shops) in found.items()}

    @cached_property
    def dated(self) -> list[_Dated]:
        """Every step on every wall it is dated on, in the playbook's order."""
        return [_Dated(plan.of(step.id), plan.playbook, shops, self.finish.get((step.id, zone))) for step in self.book.steps for zone, plan, shops in self.places_of(step)]

    def places_of(self, step: Step) -> Iterator[tuple[str, Plan, tuple[str, ...]]]:
        """The walls a step is dated on; the run's own steps are on the playbook's."""
        if not step.per_shop:
            return iter([("", self.plan, _ITSELF)])
        return ((zone, plan, shops) for zone, (plan, shops) in self.walls.items())

    @cached_property
    def finish(self) -> dict[tuple[str, str], datetime | None]:
        """When each step can be finished at the earliest, by step and wall; None: at any time."""
        found: dict[tuple[str, str], datetime | None] = {}
        steps = {one.step.id: one for one in self.plan.steps}
        for key in TopologicalSorter({key: one.needs for key, one in steps.items()}).static_order():
            for zone, plan, _ in self.places_of(steps[key].step):
                one = plan.of(key)
                own = [one.begin, one.until if one.step.every else None]
                found[(key, zone)] = _latest([*own, *(self.finish_of(found, need, zone) for need in one.needs)])
        return found

    def finish_of(self, found: Mapping, need: str, zone: str) -> datetime | None:
        """When a need is finished for a step on this wall: the run's own step waits for all shops."""
        if zone and (need, zone) in found:
            return found[(need, zone)]
        return _latest(at for (key, _), at in found.items() if key == need)

    def zone_of(self, person: str) -> ZoneInfo:
        """Whose wall a person's days are on."""
        wall = self.facts.walls.get(person)
        return wall.zone if wall else self.book.zone

    def quiet(self, roles: tuple[str, ...], shops: tuple[str, ...], away: Away) -> dict[frozenset[Wall], tuple[str, ...]]:
        """The shops for which everybody who is there for these roles has quiet hours, by the walls of those people."""
        key = (roles, shops, away)
        if key not in self._quiet:
            found: dict[frozenset[Wall], list[str]] = {}
            for group in self.staffing.responsible(roles, self.book.owner, shops, away):
                walls = frozenset(self.facts.walls.get(person) for person in group.people)
                if walls and all(wall and wall.quiet_from is not None for wall in walls):
                    found.setdefault(walls, []).extend(group.shops)
            self._quiet[key] = {walls: tuple(whose) for walls, whose in found.items()}
        return self._quiet[key]

    @cached_property
    def _quiet(self) -> dict[tuple, dict[frozenset[Wall], tuple[str, ...]]]:
        return {}

    def say(self, code: str, message: _Said, remedy: _Said, severity: str, dated: _Dated | StepPlan | None = None, at: str = "", shops: Iterable[str] = (), **more: str | None) -> Problem:
        """A problem of a step, or of the playbook, at the field it is about; `shops` where they are not all; `more`: other fields of the problem."""
        plan = dated.plan if isinstance(dated, _Dated) else dated
        path = ("steps", plan.ordinal, *([at] if at else [])) if plan else (at,) if at else ()
        some = tuple(shop for shop in shops if shop)
        named = some[:SHOPS_NAMED] if len(some) < len(self.facts.shops) else ()
        (en, zh), (do, do_zh) = message, remedy
        return replace(problem(self.places, path, code, en, do, severity, plan and plan.step.id, named), message_zh=zh, remedy_zh=do_zh, **more)

    def at(self, at: datetime, wall: Playbook) -> str:
        """A moment on a wall, which is named where it is not the playbook's."""
        return f"{at.astimezone(wall.zone):%Y-%m-%d %H:%M}" + ("" if wall.timezone == self.book.timezone else f" ({wall.timezone})")

    def of(self, shops: Sequence[str]) -> str:
        """How many of the shops, and which: `3 of 200 shops: a, b, c`."""
        if shops == _ITSELF:
            return "for the run's own work"
        whole = len(self.facts.shops)
        return f"for all {whole} shops" if len(shops) == whole > 1 else f"for {len(shops)} of {whole} shops: {_list(shops)}" if whole > 1 else f"for {_list(shops)}"

    def of_zh(self, shops: Sequence[str]) -> str:
        """The same in Chinese, shops by name: `200 家店中的 3 家(甲、乙、丙)`."""
        if shops == _ITSELF:
            return "活动自身的工作"
        whole, named = len(self.facts.shops), _list_zh(self.facts.shop_names.get(shop, shop) for shop in shops)
        return f"全部 {whole} 家店" if len(shops) == whole > 1 else f"{whole} 家店中的 {len(shops)} 家({named})" if whole > 1 else named

    def names(self, people: Iterable[str]) -> list[str]:
        """People as they are called."""
        return [self.facts.names.get(person, person) for person in people]


def lint(plan: Plan, facts: Facts, places: Places | None = None) -> list[Problem]:
    """Everything that is wrong, errors first; `places`: where the values of the playbook stand, when its file is at hand."""
    look = _Lint(plan, facts, places or {})
    lints = (_impossible, _past, _provisional, _nobody, _away, _quorum, _without_evidence, _quiet_hours, _load, _clashes)
    return sorted((found for one in lints for found in one(look)), key=lambda found: found.severity != ERROR)


# -- dates


def _impossible(look: _Lint) -> Iterator[Problem]:
    """Due before what it needs can be finished."""
    said: set[str] = set()
    for one in look.dated:
        due, finish = one.plan.due, one.finish
        if due is None or finish is None or due >= finish or one.step.id in said:
            continue
        said.add(one.step.id)
        zone = "" if one.shops == _ITSELF else one.wall.timezone
        need = next((need for need in one.plan.needs if look.finish_of(look.finish, need, zone) == finish), None)
        cause = f"{need}, which it needs, can be finished" if need else "it can begin" if not one.step.every else "its last round is"
        cause_zh, then_zh = (f"它要等的“{_title(look.book.step(need))}”", "才能完成") if need else ("它", "才能开始") if not one.step.every else ("它的最后一轮", "才到")
        at, earliest = look.at(due, one.wall), look.at(finish, one.wall)
        message = f"{one.step.id} is due {at}, and {cause} {earliest} at the earliest.", f"“{_title(one.step)}”的截止是 {at},而{cause_zh}最早 {earliest} {then_zh}。"
        remedy = "Move 'due' behind it or an anchor with --anchor, or let what comes before begin earlier.", "把截止('due')移到那之后,或用 --anchor 移动时间节点,或让前面的步骤早些开始。"
        yield look.say("due-before-need", message, remedy, ERROR, one, "due", one.shops)


def _past(look: _Lint) -> Iterator[Problem]:
    late = _steps(one for one in look.dated if one.plan.due and one.plan.due < look.facts.now)
    if late:
        message = f"{len(late)} of {len(look.plan.steps)} steps are due in the past already: {_list(late)}.", f"{len(look.plan.steps)} 步中有 {len(late)} 步的截止已经过去:{_titles(late)}。"
        remedy = "Choose a later day or move an anchor, or close them right after the launch.", "换晚一些的日期或移动时间节点,或启动后马上把它们办完。"
        yield look.say("past", message, remedy, WARNING, late[next(iter(late))], "due")


def _provisional(look: _Lint) -> Iterator[Problem]:
    unsure = _steps(one for one in look.dated if one.plan.provisional)
    if unsure:
        until, every = announced_until(), "、".join(_title(one.step) for one in unsure.values())
        message = f"Working days are announced until {until}, and days beyond decide {', '.join(unsure)}; those dates are provisional.", f"工作日只公布到 {until},再往后的日子决定着:{every};这些日期暂定。"
        remedy = "Update ecops and its package chinesecalendar when the new year is announced; the dates follow then by themselves.", "新一年的工作日公布后更新 ecops 和它的 chinesecalendar 包,日期会自动更正。"
        yield look.say("provisional", message, remedy, WARNING, unsure[next(iter(unsure))])


# -- people


def _working(look: _Lint) -> Iterator[tuple[str, _Dated]]:
    """Every role with the steps it works in, or is told of by an escalation."""
    for one in look.dated:
        for role in dict.fromkeys((*roles_of(look.book, one.step), *(rung.to for rung in one.step.escalate))):
            yield role, one


def _nobody(look: _Lint) -> Iterator[Problem]:
    needed: dict[str, list[_Dated]] = {}
    for role, one in _working(look):
        needed.setdefault(role, []).append(one)
    owner = look.book.owner
    for role, steps in needed.items():
        unheld = _empty(look, role, steps)
        lost = set(_empty(look, owner, steps)) if role != owner else set(unheld)
        named = _steps(steps)
        work, work_zh = f"{len(named)} step{'s' if len(named) > 1 else ''} ({_list(named)})", f" {len(named)} 步({_titles(named)})"
        title, owner_title = ROLES.get(role, role), ROLES.get(owner, owner)
        bind = f"Bind people with 'ecops role bind {role} PERSON'.", f"用 'ecops role bind {role} PERSON' 或在“人员”页绑定担任“{title}”的人。"
        if fallen := [shop for shop in unheld if shop not in lost]:
            message = f"Nobody holds {role} {_whose(look, fallen)}; its part of {work} falls to {owner}.", f"没有人担任“{title}”:{_whose_zh(look, fallen)};它在{work_zh}里的事归“{owner_title}”。"
            yield look.say("nobody", message, bind, WARNING, steps[0], shops=fallen, role=role)
        if left := [shop for shop in unheld if shop in lost]:
            also, also_zh = (f", nor {owner}, to whom it would fall", f",本该接手的“{owner_title}”也没有人担任") if role != owner else (", to whom all falls that nobody else holds", ",别的角色没人时本该归它")
            message = f"Nobody holds {role} {_whose(look, left)}{also}; its part of {work} reaches nobody.", f"没有人担任“{title}”:{_whose_zh(look, left)}{also_zh};它在{work_zh}里的事没有人接手。"
            yield look.say("nobody", message, bind, ERROR, steps[0], shops=left, role=role)


def _empty(look: _Lint, role: str, steps: Sequence[_Dated]) -> list[str]:
    """The shops of these steps for which nobody holds a role, those that are there once."""
    shops = dict.fromkeys(one.shops for one in steps)
    return list(dict.fromkeys(shop for part in shops for group in look.staffing.groups((role,), part) if not group.people for shop in group.shops))


def _whose(look: _Lint, shops: Sequence[str]) -> str:
    real = tuple(shop for shop in shops if shop)
    return look.of(real) + (" and for the run's own work" if len(real) < len(shops) else "") if real else look.of(_ITSELF)


def _whose_zh(look: _Lint, shops: Sequence[str]) -> str:
    real = tuple(shop for shop in shops if shop)
    return look.of_zh(real) + ("和活动自身的工作" if len(real) < len(shops) else "") if real else look.of_zh(_ITSELF)


def _away(look: _Lint) -> Iterator[Problem]:
    """Everybody who holds a role is away when a step of it is due, and nobody covers them."""
    found: dict[str, list[tuple[_Dated, frozenset[str], tuple[str, ...]]]] = {}
    for one in look.dated:
        away = look.staffing.away(one.plan.due) if one.plan.due else HERE
        for role in roles_of(look.book, one.step) if away else ():
            gone = {person for person, _ in away}
            for group in look.staffing.groups((role,), one.shops):
                if group.people and group.people <= gone and not look.staffing.groups((role,), group.shops, away)[0].people:
                    found.setdefault(role, []).append((one, group.people, group.shops))
    for role, cases in found.items():
        first, shops = min((one for one, *_ in cases), key=lambda one: one.plan.due), tuple(dict.fromkeys(shop for *_, part in cases for shop in part))
        people, steps = sorted({person for _, part, _ in cases for person in part}), _steps(one for one, *_ in cases)
        at, names = look.at(first.plan.due, first.wall), look.names(people)
        en = f"Everybody who holds {role} {_whose(look, shops)} is away without cover when {len(steps)} step{'s are' if len(steps) > 1 else ' is'} due ({_list(steps)}; first {at}): "
        zh = f"担任“{ROLES.get(role, role)}”的人({_whose_zh(look, shops)})在 {len(steps)} 步截止时都不在,也没有代班({_titles(steps)};最早 {at}):{_list_zh(names)}。"
        remedy = "Name a cover with 'ecops person away --cover', bind somebody else, or move the date.", "用 'ecops person away --cover' 或在“人员”页登记代班人,或另绑一位,或改期。"
        yield look.say("away", (f"{en}{_list(people)}.", zh), remedy, WARNING, first, "due", shops, role=role, message_en=f"{en}{_list(names)}.")


def _quorum(look: _Lint) -> Iterator[Problem]:
    """Gates that the people there are could not open if all of them approved."""
    for one in look.dated:
        gate = one.step.approval
        if gate is None:
            continue
        out = {look.facts.requester} if gate.exclude else set()
        short = []
        for voices, shops in _voices(look, gate, one.shops):
            able = frozenset().union(*voices) - out
            if not is_given(gate.quorum, able, {role: people - out for role, people in zip(gate.by, voices, strict=True)} if gate.every_role else None):
                short.append((len(able), shops))
        if short:
            able, shops = min(able for able, _ in short), tuple(shop for _, part in short for shop in part)
            each = f" of {gate.quorum} people, at least one for each of {', '.join(gate.by)}," if gate.every_role else ""
            roles = "、".join(ROLES.get(role, role) for role in gate.by)
            each_zh = f"(要 {gate.quorum} 个人,{roles}每个角色至少有一人)" if gate.every_role else ""
            message = (
                f"The gate {one.step.id} needs {gate.quorum} approvals{each} and {able} people could give one{'' if shops == _ITSELF else f' {look.of(shops)}'}.",
                f"审批“{_title(one.step)}”要 {gate.quorum} 个同意{each_zh},能给的只有 {able} 人{'' if shops == _ITSELF else f':{look.of_zh(shops)}'}。",
            )
            remedy = f"Bind more with 'ecops role bind' ({', '.join(gate.by)}{', without who launches' if out else ''}).", f"用 'ecops role bind' 或在“人员”页多绑定几位({roles}{',发起人不算' if out else ''})。"
            yield look.say("quorum", message, remedy, ERROR, one, "approval", shops)


def _voices(look: _Lint, gate: Approval, shops: tuple[str, ...]) -> list[tuple[tuple[frozenset[str], ...], tuple[str, ...]]]:
    """Who may give a voice, with `every_role` for each role, and the shops where they may; where nobody is there, the holders of the owner role."""
    found: dict[str, tuple[frozenset[str], ...]] = dict.fromkeys(shops, ())
    for roles in [(role,) for role in gate.by] if gate.every_role else [gate.by]:
        for group in look.staffing.responsible(roles, look.book.owner, shops):
            found |= {shop: (*found[shop], group.people) for shop in group.shops}
    alike: dict[tuple[frozenset[str], ...], list[str]] = {}
    for shop, voices in found.items():
        alike.setdefault(voices, []).append(shop)
    return [(voices, tuple(part)) for voices, part in alike.items()]


def _without_evidence(look: _Lint) -> Iterator[Problem]:
    """Gates before which nothing is calculated or checked, and nobody is asked for more than a tick."""
    steps = {step.step.id: step for step in look.plan.steps}
    for one in look.plan.steps:
        before = _before(steps, one)
        if one.step.approval and not any(_proves(step) for step in before):
            message = (
                f"The gate {one.step.id} is decided on {f'ticks alone: none of the {len(before)} steps before it asks for evidence or calculates anything' if before else 'nothing: it needs no step before it'}.",
                f"审批“{_title(one.step)}”{f'只凭打勾:它前面的 {len(before)} 步都没有要填的内容,也不计算什么' if before else '没有依据:它前面没有步骤'}。",
            )
            remedy = "Let it need a task, or a checklist with an item that asks for a number, file, text, link or choice.", "让它等一个自动步骤,或一张有事项要填数字、文件、文字、链接或选项的清单。"
            yield look.say("gate-without-evidence", message, remedy, WARNING, one, "approval")


def _before(steps: Mapping[str, StepPlan], one: StepPlan) -> list[Step]:
    found: dict[str, None] = {}
    left = list(one.needs)
    while left:
        key = left.pop()
        if key not in found:
            found[key] = None
            left += steps[key].needs
    return [steps[key].step for key in found]


def _proves(step: Step) -> bool:
    asked = [line.evidence for line in step.checklist] if isinstance(step.checklist, tuple) else [step.checklist.evidence] if step.checklist else []
    return step.task is not None or any(verifiers(step)) or any(evidence.type != "tick" and evidence.required for evidence in asked)


# -- when people hear of it


def _quiet_hours(look: _Lint) -> Iterator[Problem]:
    """Reminders and escalations that come while everybody they are for has quiet hours."""
    for step in look.book.steps:
        held, whole = [], 0
        for one in (one for one in look.dated if one.step.id == step.id and step.kind in ("checklist", "approval")):
            if one.plan.due and one.plan.due < look.facts.now:
                continue  # said as past
            ladder = rungs(one.wall, step, one.plan.due, max(filter(None, (look.facts.now, one.finish))))
            whole = max(whole, len({(rung.kind, rung.rung) for rung in ladder}))
            for rung in (rung for rung in ladder if not rung.urgent):
                roles = (rung.role,) if step.approval or rung.kind == "escalate" else roles_of(look.book, step)
                for heard, shops in _heard(look, roles, one.shops, rung.at):
                    held.append(((rung.kind, rung.rung), rung.at, heard, shops, one))
        if held:
            _, at, heard, _, one = min(held, key=lambda case: case[1])
            shops = tuple(dict.fromkeys(shop for *_, part, _ in held for shop in part))
            late, first, arrives = len({mark for mark, *_ in held}), look.at(at, one.wall), look.at(heard, one.wall)
            message = (
                f"{late} of {whole} reminders and escalations of {step.id} come in the quiet hours of everybody they are for, {_whose(look, shops)}; the first, of {first}, arrives {arrives}.",
                f"“{_title(step)}”的 {whole} 次提醒和升级中有 {late} 次落在所有收件人的免打扰时间里({_whose_zh(look, shops)});最早的一次是 {first},要到 {arrives} 才收到。",
            )
            remedy = "Move 'due', 'remind' or 'after', mark the escalation 'urgent: true', or bind somebody who may be told then.", "移动 'due'、'remind' 或 'after',给升级写上 'urgent: true',或绑定那时可以通知的人。"
            yield look.say("quiet-hours", message, remedy, WARNING, one, "remind" if step.remind else "escalate", shops)


def _heard(look: _Lint, roles: tuple[str, ...], shops: tuple[str, ...], at: datetime) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """Of a rung at this moment: when it is heard first, and for which shops, where nobody hears it at once."""
    for walls, whose in look.quiet(roles, shops, look.staffing.away(at)).items():
        first = min(wall.told(at) for wall in walls)
        if first > at:
            yield first, whose


# -- load


def _load(look: _Lint) -> Iterator[Problem]:
    """People with more items due on one day than `most_a_day`, with what they have before them already."""
    planned = _planned(look)
    over = {key: count + look.facts.open_items.get(key, 0) for key, count in planned.items() if count + look.facts.open_items.get(key, 0) > look.facts.most_a_day}
    if not over:
        return
    worst = sorted(over, key=lambda key: (-over[key], key[1], key[0]))[:_WORST]
    people, days, most = len({person for person, _ in over}), len(over), look.facts.most_a_day
    rows = [(person, day, f"{over[(person, day)]:.0f}", f"{has:.0f}" if (has := look.facts.open_items.get((person, day), 0)) else "") for person, day in worst]

    def words(called: Mapping[str, str]) -> str:
        said = [f"{called.get(person, person)} {day} {count}{f' (of which {has} before this plan)' if has else ''}" for person, day, count, has in rows]
        return f"{people} {'people have' if people > 1 else 'person has'} more than {most} items due in a day, on {days} person-day{'s' if days > 1 else ''}; the most: {'; '.join(said)}."

    said_zh = [f"{look.facts.names.get(person, person)} {day} {count} 项{f'(其中原有 {has} 项)' if has else ''}" for person, day, count, has in rows]
    message = words({}), f"有 {people} 人某天到期的事超过 {most} 项,共 {days} 人天;最多的是 {';'.join(said_zh)}。"
    remedy = "Bind more people with 'ecops role bind', move dates apart, launch for fewer shops, or allow more with --most-a-day.", "用 'ecops role bind' 或在“人员”页多绑定几位,或把日期错开,或少启动几家店,或用 --most-a-day 放宽。"
    yield look.say("load", message, remedy, WARNING, message_en=words(look.facts.names))


def _planned(look: _Lint) -> dict[tuple[str, date], float]:
    """Items due by person and the day on their wall; those of a role that several hold are shared out evenly. A list made of an outcome counts as one item, for its
    length is not known yet.
    """
    work: dict[tuple[tuple[str, ...], tuple[str, ...], Away], Counter] = {}
    for one in look.dated:
        if one.plan.due:
            away = look.staffing.away(one.plan.due)
            for roles, items in _items(look.book, one.step):
                work.setdefault((roles, one.shops, away), Counter())[one.plan.due] += items
    found: dict[tuple[str, date], float] = {}
    for (roles, shops, away), dues in work.items():
        by_zone: dict = {}
        for group in look.staffing.responsible(roles, look.book.owner, shops, away):
            for person in group.people:
                share = len(group.shops) / len(group.people)
                zone = look.zone_of(person)
                for day, items in by_zone.get(zone) or by_zone.setdefault(zone, _by_day(dues, zone)):
                    found[(person, day)] = found.get((person, day), 0) + items * share
    return found


def _by_day(dues: Mapping[datetime, int], zone) -> list[tuple[date, int]]:
    found: Counter = Counter()
    for due, items in dues.items():
        found[due.astimezone(zone).date()] += items
    return list(found.items())


def _items(book: Playbook, step: Step) -> Iterator[tuple[tuple[str, ...], int]]:
    """How many items a step has for which roles; a gate has a voice for each approval it needs."""
    if step.approval:
        yield step.approval.by, step.approval.quorum
    elif isinstance(step.checklist, tuple):
        yield from (((role,), count) for role, count in Counter(line.role or book.role_of(step) for line in step.checklist).items())
    elif step.checklist:
        yield (book.role_of(step),), 1


# -- other runs


def _clashes(look: _Lint) -> Iterator[Problem]:
    for twin in look.facts.twins:
        message = f"{look.book.playbook} is active already for this day {look.of(twin.shops)} (run {twin.run}).", f"手册 {look.book.playbook} 这一天已有进行中的活动:{look.of_zh(twin.shops)}(活动 {twin.run})。"
        remedy = f"Launch it for the other shops, or end that run with 'ecops cancel {twin.run}'.", f"只给其他店启动,或先用 'ecops cancel {twin.run}' 结束那个活动。"
        yield look.say("clash", message, remedy, WARNING, at="playbook", shops=twin.shops, run=twin.run)
    for overlap in look.facts.overlaps:
        message, remedy = zip(overlap.words, overlap.words_zh(look.facts.shop_names), strict=True)
        yield look.say("clash", message, remedy, WARNING, at="anchors", shops=overlap.shops, run=overlap.run)


# -- words


def _steps(found: Iterable[_Dated]) -> dict[str, _Dated]:
    """Steps by id, each as it stands first."""
    steps: dict[str, _Dated] = {}
    for one in found:
        steps.setdefault(one.step.id, one)
    return steps


def _list(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:_NAMED]) + (f" and {len(known) - _NAMED} more" if len(known) > _NAMED else "")


def _list_zh(names: Iterable[str]) -> str:
    known = list(names)
    return "、".join(known[:_NAMED]) + (f"等,另有 {len(known) - _NAMED} 个" if len(known) > _NAMED else "")


def _title(step: Step) -> str:
    return step.title.zh if step.title else step.id


def _titles(steps: Mapping[str, _Dated]) -> str:
    return _list_zh(_title(one.step) for one in steps.values())


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max(filter(None, moments), default=None)

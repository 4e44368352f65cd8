"""Start a run: playbook frozen, dates resolved, run, step runs, items and first events in one commit."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ecops.engine.lint import MOST_A_DAY
from ecops.engine.plan import Plan, StepPlan, make_plan
from ecops.errors import BadCall, NotFound
from ecops.playbook.library import digest
from ecops.playbook.model import Evidence, Playbook
from ecops.playbook.params import read_params, read_some
from ecops.playbook.problem import Problem, problem
from ecops.playbook.source import Places
from ecops.playbook.template import BadTemplate, fill, render
from ecops.playbook.texts import TITLE_LENGTH
from ecops.service.advance import advance
from ecops.service.findings import in_force
from ecops.service.learning import Taken, take
from ecops.service.lines import item_row, verify_json
from ecops.service.lint import LINTED, problems
from ecops.service.overlaps import tell_both
from ecops.service.routine import take_over
from ecops.service.shops import ALL
from ecops.service.walls import zones_of
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Launch:
    """What is asked for. `shops` holds keys; `key` makes a repeated launch find the first one. A `firing` of a schedule takes the place of the
    unfinished firings before it. `shop_params`: parameters by shop or `tag:T`. `decline`: what was learned and is not wanted, by the name of its
    parameter or step, or `all`. `learned`: what is taken over instead of what the store has learned. `most_a_day`: from how many items of a person a day
    the launch warns.
    """

    playbook: Playbook
    day: date
    shops: Sequence[str]
    params: Mapping[str, Any] = field(default_factory=dict)
    anchors: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    firing: bool = False
    shop_params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    decline: Sequence[str] = ()
    learned: Taken | None = None
    most_a_day: int = MOST_A_DAY


@dataclass(frozen=True)
class Launched:
    """What there is now. `lint`: what is wrong with the plan, which `warnings` say too, beside what could not be learned."""

    run: str
    playbook: str
    version: int
    digest: str
    shops: int
    steps: int
    items: int
    warnings: tuple[str, ...] = ()
    learned: tuple[dict, ...] = ()
    lint: tuple[Problem, ...] = ()


def pick_shops(store: Store, words: str) -> list[str]:
    """`a,b`, `all` or `tag:T` -> keys. Raises NotFound for a shop nobody added, BadCall when none is left."""
    with store.read() as connection:
        known = connection.execute(select(t.shop.c.shop, t.shop.c.tags).order_by(t.shop.c.shop)).all()
    if words.startswith("tag:"):
        picked = [row.shop for row in known if words.removeprefix("tag:") in row.tags]
    elif words == ALL:
        picked = [row.shop for row in known]
    else:
        picked = list(dict.fromkeys(word.strip() for word in words.split(",") if word.strip()))
        if unknown := set(picked) - {row.shop for row in known}:
            raise NotFound(f"There is no shop {', '.join(sorted(unknown))}; 'ecops shop list' shows all, 'ecops shop add' adds one.")
    if not picked:
        raise BadCall(f"No shop fits --shops {words}; 'ecops shop list' shows all, 'ecops shop add' or 'ecops shop demo' adds one.")
    return picked


def launch(store: Store, ask: Launch, now: datetime, by: str) -> Launched:
    """Start a run and open what is due already. Raises BadCall before anything is written."""
    try:
        return _launch(store, ask, now, by)
    except IntegrityError:
        if ask.key is None:
            raise
        return _launch(store, ask, now, by)  # the same key was launched in between: find that run
    except BadTemplate as error:
        raise BadCall(f"{ask.playbook.playbook} cannot be launched: {error}.") from error


def _launch(store: Store, ask: Launch, now: datetime, by: str) -> Launched:
    with store.write(now, by) as tx:
        if found := _launched_before(tx, ask.key):
            return found
        if ask.firing:
            ask = replace(ask, shops=take_over(tx, ask.playbook.playbook, ask.day, ask.shops))
        plan = make_plan(ask.playbook, ask.day, now, ask.anchors, zones_of(tx.connection, ask.shops))
        shops = shops_of(tx, ask.shops)
        taken = ask.learned or take(ask.playbook, in_force(tx.connection, ask.playbook.playbook, ask.shops), ask.params, ask.decline)
        params = read_params(ask.playbook, taken.params | ask.params)
        own = _own_params(ask, shops, taken, params)
        found = problems(tx.connection, plan, ask.day, ask.shops, now, by, most_a_day=ask.most_a_day)
        run = _insert_run(tx, ask, plan, params, own)
        steps, items = insert_steps(tx, ask.playbook, run, plan, shops, Filled(params, own, anchor_texts(plan), taken.items))
        tx.event("run.launched", run=run, detail={"playbook": ask.playbook.playbook, "shops": len(shops), "steps": steps, "items": items})
        learned = [one for one in taken.told if _counts(one, ask.shops, params, own)]
        if learned:
            tx.event("run.learned", run=run, detail={"learned": learned})
        tx.event(LINTED, run=run, detail={"problems": [one.to_json() for one in found]})
        advance(tx, run)
        if ask.playbook.phase == "campaign":
            tell_both(tx, run)
    warnings = (*taken.warnings, *(one.sentence for one in found))
    return Launched(run, ask.playbook.playbook, ask.playbook.version, digest(ask.playbook), len(shops), steps, items, warnings, tuple(learned), tuple(found))


def try_out(store: Store, ask: Launch, now: datetime, by: str | None, places: Places) -> list[Problem]:
    """What is wrong with a launch that nobody has made yet; `by`: who would launch, None: not known; `places`: where the values of its playbook stand."""
    with store.read() as connection:
        said = [problem(places, ("params",), "bad-value", str(error), "Give it with --param.") for error in _refused(Tx(connection, now, by or ""), ask)]
        try:
            plan = make_plan(ask.playbook, ask.day, now, ask.anchors, zones_of(connection, ask.shops))
        except BadCall as error:
            return [*said, problem(places, ("anchors",), "bad-anchor", str(error), "Give it with --anchor.")]
        return [*said, *problems(connection, plan, ask.day, ask.shops, now, by, places, ask.most_a_day)]


def _refused(tx: Tx, ask: Launch) -> list[BadCall]:
    """Why the parameters could not be launched with."""
    try:
        taken = take(ask.playbook, in_force(tx.connection, ask.playbook.playbook, ask.shops), ask.params, ask.decline)
        _own_params(ask, shops_of(tx, ask.shops), taken, read_params(ask.playbook, taken.params | ask.params))
    except BadCall as error:
        return [error]
    return []


def _counts(told: Mapping[str, Any], shops: Sequence[str], params: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether something learned is used: a parameter that every shop has another value of is not."""
    name = told.get("param")
    return name is None or any(own.get(shop, {}).get(name, params[name]) == told["value"] for shop in ([told["shop"]] if told["shop"] else shops))


@dataclass(frozen=True)
class Filled:
    """What the texts of a launch are filled in with: parameters for all and, where they differ, by shop; anchors; items learned, by step."""

    params: Mapping[str, Any]
    own: Mapping[str, Mapping[str, Any]]
    anchors: Mapping[str, str]
    learned: Mapping[str, Sequence]

    def inputs(self, shop: str = "") -> dict[str, Any]:
        """What a text of this shop may name, but for the shop itself."""
        return {"params": {**self.params, **self.own.get(shop, {})}, "anchors": self.anchors}


def _own_params(ask: Launch, shops: list[dict], taken: Taken, params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Parameters of single shops where they differ from those of all: learned, by tag, by name, the later over the earlier."""
    own: dict[str, dict[str, Any]] = {shop["key"]: dict(taken.by_shop.get(shop["key"], {})) for shop in shops}
    for words in sorted(ask.shop_params, key=lambda words: not words.startswith("tag:")):
        picked = [shop["key"] for shop in shops if words == shop["key"] or words.startswith("tag:") and words.removeprefix("tag:") in shop["tags"]]
        if not picked:
            raise BadCall(f"No shop of this launch is {words}; --param name@shop=value names one of --shops, or name@tag:T=value a tag of theirs.")
        read = read_some(ask.playbook, ask.shop_params[words])
        for key in picked:
            own[key] |= read
    differing = {key: {name: value for name, value in values.items() if params[name] != value} for key, values in own.items()}
    return {key: values for key, values in differing.items() if values}


def _launched_before(tx: Tx, key: str | None) -> Launched | None:
    row = tx.one(select(t.run).where(t.run.c.launch_key == key)) if key else None
    return row and Launched(row.run, row.playbook, row.version, row.digest, row.shops, 0, 0)


def shops_of(tx: Tx, keys: Sequence[str]) -> list[dict]:
    rows = {row.shop: {"key": row.shop, "name": row.name, "platform": row.platform, "tags": row.tags} for row in tx.all(select(t.shop))}
    return [rows[key] for key in keys]


def _insert_run(tx: Tx, ask: Launch, plan: Plan, params: dict, own: Mapping[str, Mapping[str, Any]]) -> str:
    playbook, mark = ask.playbook, digest(ask.playbook)
    tx.add_new(t.definition, [{"digest": mark, "body": playbook.model_dump_json(by_alias=True)}])
    run = "".join(secrets.choice(_LETTERS) for _ in range(8))
    inputs = {"params": params}
    tx.add(t.run, [{
        "run": run, "playbook": playbook.playbook, "version": playbook.version, "digest": mark, "phase": playbook.phase,
        "title_zh": render(playbook.title.zh, inputs)[:TITLE_LENGTH], "title_en": render(playbook.title.en, inputs)[:TITLE_LENGTH], "day": ask.day.isoformat(),
        "anchors": anchor_texts(plan), "told": sorted(ask.anchors), "params": params, "shops": len(ask.shops), "state": "active",
        "owner": playbook.owner, "launched_by": tx.actor, "launched_at": tx.now, "launch_key": ask.key, "scheduled": int(ask.firing), "follows": int(playbook.then is not None),
    }])  # fmt: skip
    tx.add(t.run_shop, [{"run": run, "shop": shop, "params": own.get(shop, {})} for shop in ask.shops])
    return run


def anchor_texts(plan: Plan) -> dict[str, str]:
    """Anchors as a run keeps them and texts name them: ISO 8601."""
    return {name: at.isoformat() for name, at in plan.anchors.items()}


def insert_steps(tx: Tx, playbook: Playbook, run: str, plan: Plan, shops: list[dict], filled: Filled) -> tuple[int, int]:
    """One row a step and shop (one a step where the work is the run's), its checklist's lines beside it."""
    per_shop = {step.id: step.per_shop for step in playbook.steps}
    everyone = [{"key": "", "name": "", "platform": "", "tags": []}]
    total_steps = total_items = 0
    for step_plan in plan.steps:
        for shop in ("", *filled.own):
            fill(step_plan.step.with_, filled.inputs(shop))  # what a task cannot be asked with is said now, not in the night
        whose = shops if per_shop[step_plan.step.id] else everyone
        waits = sum(len(shops) if per_shop[need] and not per_shop[step_plan.step.id] else 1 for need in step_plan.needs)
        ids = tx.numbers("step_run", len(whose))
        lists = [_lines(playbook, step_plan, shop, filled) for shop in whose]
        dated = {shop["key"]: plan.at(shop["key"]).of(step_plan.step.id) for shop in whose}
        tx.add(t.step_run, [_step_row(run, dated[shop["key"]], number, shop["key"], waits, len(lines)) for number, shop, lines in zip(ids, whose, lists, strict=True)])
        total_steps += len(whose)
        total_items += _insert_items(tx, run, dated, list(zip(ids, whose, lists, strict=True)))
        tx.redraw(run, step_plan.step.id)
    return total_steps, total_items


def _step_row(run: str, plan: StepPlan, number: int, shop: str, waits: int, items: int) -> dict:
    step = plan.step
    return {
        "id": number, "run": run, "step": step.id, "shop": shop, "ordinal": plan.ordinal, "stage": step.stage, "kind": step.kind,
        "state": "waiting", "waits_for": waits, "start_at": plan.begin, "due_at": plan.due, "until_at": plan.until,
        "items_total": items, "items_done": 0, "rounds": 0, "version": 1,
    }  # fmt: skip


def _lines(playbook: Playbook, plan: StepPlan, shop: dict, filled: Filled) -> list[tuple]:
    """The lines of a shop's checklist, filled in, and what was learned for it: (key, zh, en, role, evidence, verify)."""
    step = plan.step
    if not isinstance(step.checklist, tuple):
        return []
    named, role = filled.inputs(shop["key"]) | {"shop": shop}, playbook.role_of(step)
    lines = [(line.id or f"{place + 1}", render(line.title.zh, named), render(line.title.en, named), line.role or role, line.evidence, line.verify) for place, line in enumerate(step.checklist)]
    learned = [row for row in filled.learned.get(step.id, ()) if not step.per_shop or row.shop in ("", shop["key"])]
    return lines + [(f"learned-{row.id}", f"上次复盘:{row.item_zh}", f"Learned last time: {row.item_en}", role, Evidence(), None) for row in learned]


def _insert_items(tx: Tx, run: str, dated: Mapping[str, StepPlan], whose: list[tuple[int, dict, list[tuple]]]) -> int:
    """`dated`: the step by shop."""
    ids = iter(tx.numbers("item", count) if (count := sum(len(lines) for *_, lines in whose)) else ())
    proofs = {line[-2]: line[-2].model_dump(mode="json") for *_, lines in whose for line in lines}
    rows = [
        item_row(next(ids), step_run, run, plan.step.id, shop["key"], position, key, zh, en, role, "planned", plan.due, proofs[evidence], verify=verify_json(verify))
        for step_run, shop, lines in whose for plan in (dated[shop["key"]],) for position, (key, zh, en, role, evidence, verify) in enumerate(lines)
    ]  # fmt: skip
    for start in range(0, len(rows), 20_000):
        tx.add(t.item, rows[start : start + 20_000])
    return len(rows)

"""The verbs an operations engineer types. JSON goes to stdout alone, everything else to stderr; docs/cli.md says the same.

Exit status: 0 done, 1 the check found something, 2 the call's words are off, 3 someone was first, 4 no such thing, 5 a part is not
running. Heavy rooms are imported where a verb needs them, so that a tick does not wait for a data library.
"""

import errno
import json
import os
import re
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

import click

from ecops import data_verbs, finding_verbs, item_verbs, people_verbs, playbook_verbs, replan_verbs, report_verbs
from ecops.errors import BadCall, EcopsError, NotFound, NotRunning
from ecops.home import SETTINGS, Home
from ecops.terminal import NUMBER, ZONE, day_of, json_option, moment_of, now, open_store, out, pairs_of, params_of, say, table, ticked, told, with_store

PORT = 8600
PLATFORMS = ("taobao", "tmall", "douyin", "pdd", "jd")
# Years a demo may be of.
_DEMO_YEARS = (2000, 2100)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="ecops")
def cli() -> None:
    """Playbooks for e-commerce operations 电商运营手册."""


# -- everything in one go, and the parts one by one


@cli.command()
@click.option("--demo", is_flag=True, help="fill a demo shop and launch Double 11 and a run of each other phase")
@click.option("--home", type=click.Path(path_type=Path), help="the folder everything lives in")
@click.option("--port", type=click.IntRange(1024, 65534), default=PORT, show_default=True, help="of the pages; Prefect takes the next one")
@click.option("--no-browser", is_flag=True, help="do not open a browser")
def up(demo: bool, home: Path | None, port: int, no_browser: bool) -> None:
    """Everything in one go: Prefect, warm worker, clock, pages. Ctrl-C stops all of it."""
    from ecops import up as parts

    if home:
        os.environ["ECOPS_HOME"] = str(home.absolute())
    settings = Home.from_environment()
    os.environ["ECOPS_HOME"] = str(settings.folder)
    store = open_store(settings)
    supervisor = parts.Supervisor(settings, port)
    parts.stop_on_signals(supervisor.stopping)
    try:
        supervisor.begin(say)
        _deploy(settings, store)
        supervisor.work()
        page = parts.web_address(port)
        run = _demo(settings, store, now()) if demo else None
        say(f"清单 checklist    {page}/")
        say(f"运行 run          {page}/runs/{run}" if run else f"运行 runs         {page}/runs")
        say(f"Prefect           {_prefect_url(settings, store, run) or parts.server.api_url(port + 1).removesuffix('/api')}")
        say("Ctrl-C 停止全部 / stops all of it")
        if not no_browser and sys.stdout.isatty():
            click.launch(page)
        supervisor.watch()
    finally:
        supervisor.end()
        store.close()


def _deploy(home: Home, store) -> dict[str, str]:
    from ecops.orchestration.api import PrefectUnreachable
    from ecops.orchestration.deploy import deploy, pause_removed, phase_deployments, routine
    from ecops.shelf import shelf
    from ecops.up import api_of

    wanted, whole = phase_deployments(), True
    books = shelf(home.playbooks)
    for path in books.keys().values():
        playbook, problems = books.check(path)
        if playbook and playbook.schedule:
            wanted.append(routine(playbook))
        elif playbook is None:
            say(f"{problems[0]} 它的计划保持原样 / its schedule stays as it is")
            whole = False
    try:
        with api_of(home) as api:
            done = deploy(api, wanted)
            # a file that cannot be read for the moment is not a routine that was removed
            for name in pause_removed(api, wanted) if whole else ():
                say(f"{name} 已不在手册目录,计划已暂停 / is no playbook any more, its schedule is paused")
            return done
    except PrefectUnreachable as error:
        raise NotRunning(f"Prefect at {home.prefect} does not answer; start everything with 'ecops up'.") from error


def _demo(home: Home, store, at: datetime) -> str:
    """A demo shop with people, Double 11 launched so that its first steps have opened at any hour of the day, and a run of each other phase; once a home."""
    from sqlalchemy import select

    from ecops.playbook.cron import last_firing
    from ecops.service import launch as launching
    from ecops.shelf import shelf
    from ecops.store import tables as t

    with store.read() as connection:
        before = connection.execute(select(t.run.c.run).where(t.run.c.launch_key == "demo")).scalar()
    if before:
        return before
    with store.read() as connection:
        filled = connection.execute(select(t.shop.c.shop).where(t.shop.c.shop == "demo")).first()
    if not filled:
        today = at.astimezone(ZONE).date()
        _generate(home, store, 1, 11, today - timedelta(days=90), today, 20, at)
    _demo_people(store, at)
    yesterday, books = at.astimezone(ZONE).date() - timedelta(days=1), shelf(home.playbooks)
    ask = launching.Launch(books.find("double-11"), yesterday + timedelta(days=60), ["demo"], {"gmv_target": "1000000"}, key="demo")
    # not by the only manager: who launches may not decide its gates
    launched = launching.launch(store, ask, at, "chen-jie")
    _tell_prefect(home, store, launched.run, at)
    # the clock tells Prefect of the others
    for key, params in _DEMO_PHASES.items():
        launching.launch(store, launching.Launch(books.find(key), yesterday, ["demo"], params, key=f"demo-{key}"), at, "chen-jie")
    morning = books.find("morning")
    fired = last_firing(morning.schedule.cron, at, morning.zone).astimezone(morning.zone).date()
    # with the key that its schedule gives it
    launching.launch(store, launching.Launch(morning, fired, ["demo"], key=f"morning@{fired}@all", firing=True), at, "schedule")
    return launched.run


_DEMO_PHASES = {"new-platform": {}, "campaign-review": {"gmv_target": "100000", "since": "day - 8d", "until": "day - 1d", "learns_stock": "false"}}


_PEOPLE = {
    "wang-li": ("王丽", ("operations", "management")), "chen-jie": ("陈杰", ("media", "analysis")), "liu-yang": ("刘洋", ("content", "crm")),
    "zhao-min": ("赵敏", ("merchandising", "supply")), "sun-fei": ("孙飞", ("service", "compliance", "technology")), "zhou-ning": ("周宁", ("operations", "supply")),
}  # fmt: skip


def _demo_people(store, at: datetime) -> None:
    from ecops.service import people

    for key, (name, roles) in _PEOPLE.items():
        people.add(store, key, name, at)
        for role in roles:
            people.bind(store, role, key, None, at)


def _generate(
    home: Home, store, shops: int, seed: int, since: date, until: date, per_day: int, at: datetime,
    day: date | None = None, open_hour: int = 20, platform: str | None = None,
) -> dict:
    from ecops.service import shops as shop_service
    from ecops.shop import demo
    from ecops.shop.lake import Lake

    from ecops.shop.errors import ShopDataError

    try:
        made = demo.fill(Lake(home.lake_url), demo.batches(shops, seed, since, until, per_day, day, open_hour, platform), at)
    except ShopDataError as error:
        raise BadCall(f"{error}.") from error
    for key, name, place, tags in made.shops:
        shop_service.add(store, key, name, place, list(tags), at, again=True)
    truth = home.folder / f"truth-{seed}.json"
    truth.write_text(json.dumps(made.truth, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
    return {"shops": shops, "rows": made.rows, "truth": str(truth)}


@cli.command()
@click.option("--as-of", help="as if it were this moment")
@with_store
def demo(home: Home, store, as_of: str | None) -> None:
    """Fill this home with a demo shop, its people and a launched Double 11."""
    run = _demo(home, store, moment_of(as_of) if as_of else now())
    say(f"ecops show {run}")


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option("--with-parent", is_flag=True, hidden=True)
@with_store
def web(home: Home, store, host: str, port: int, with_parent: bool) -> None:
    """The pages for operators and managers."""
    import signal

    import uvicorn

    from ecops.orchestration.parent import end_with_parent
    from ecops.web.app import make_app

    def prefect_ui(flow_run: str) -> str | None:
        address = home.prefect
        return f"{address.removesuffix('/api')}/v2/runs/flow-run/{flow_run}" if address and flow_run else None

    if with_parent:
        end_with_parent(lambda: signal.raise_signal(signal.SIGTERM))
    uvicorn.run(make_app(store, home.folder, now, prefect_ui, home.page_hosts, home.playbooks), host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)


@cli.command()
@click.option("--limit", type=click.IntRange(1, 64), default=8, show_default=True, help="flow runs at once")
@click.option("--with-parent", is_flag=True, hidden=True)
def worker(limit: int, with_parent: bool) -> None:
    """The warm worker."""
    from ecops.orchestration.start_worker import start_worker

    home = Home.from_environment()
    if home.prefect is None:
        raise NotRunning("No Prefect server is known; start everything with 'ecops up', or name one with ECOPS_PREFECT_API_URL.")
    more = ["--with-parent"] if with_parent else []
    sys.exit(start_worker(["--api-url", home.prefect, "--limit", str(limit), *more]))


@cli.command()
@click.option("--with-parent", is_flag=True, hidden=True)
@with_store
def clock(home: Home, store, with_parent: bool) -> None:
    """The clock: opens what is due, reminds, wakes runs, mirrors to Prefect."""
    from ecops.clock import main as run_clock

    run_clock(store, home, with_parent)


@cli.command()
@json_option
@with_store
def deploy(home: Home, store, as_json: bool) -> None:
    """Make the Prefect server have our work pool, deployments and schedules."""
    done = _deploy(home, store)
    out(done, as_json, lambda: "\n".join(done))


@cli.command()
@with_store
def migrate(home: Home, store) -> None:
    """Bring the database up to date."""
    say(f"{store.engine.url.render_as_string()} is up to date")


@cli.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say what is wrong and the remedy, and list the settings."""
    home = Home.from_environment()
    findings = list(_findings(home))
    settings = {name: {"value": _veiled(name, os.environ.get(name)), "meaning": meaning} for name, meaning in SETTINGS.items()}
    report = {"home": str(home.folder), "findings": findings, "settings": settings}
    out(report, as_json, lambda: "\n".join([f"home {home.folder}"] + [f"{'ok ' if one['ok'] else 'NOT'} {one['part']}: {one['message']}" for one in findings] + [f"{name}={entry['value'] or ''}  {entry['meaning']}" for name, entry in settings.items()]))
    sys.exit(0 if all(one["ok"] for one in findings) else 1)


def _veiled(name: str, value: str | None) -> str | None:
    """A setting as it may be shown: without its password."""
    if value and name == "ECOPS_PREFECT_AUTH":
        return "***"
    return re.sub(r"(?<=://)([^:/@]*):[^@/]*@", r"\1:***@", value) if value else value


def _findings(home: Home):
    import httpx

    from ecops.playbook.calendar import announced_until, days_left

    left = days_left(now().astimezone(ZONE).date())
    remedy = "" if left >= 0 else "; dates beyond are provisional: bring the newer calendar with 'pip install --upgrade ecops chinesecalendar'"
    yield {"part": "calendar", "ok": left >= 0, "message": f"working days are announced until {announced_until()}; {max(left, 0)} days left{remedy}"}
    try:
        open_store(home).close()
        yield {"part": "database", "ok": True, "message": "up to date"}
    except EcopsError as error:
        yield {"part": "database", "ok": False, "message": str(error)}
    for part, address in (("prefect", home.prefect and f"{home.prefect}/health"), ("web", home.parts().get("web") and f"{home.parts()['web']}/healthz")):
        try:
            fine = bool(address) and httpx.get(address, timeout=2).status_code == 200
        except httpx.HTTPError:
            fine = False
        yield {"part": part, "ok": fine, "message": f"answers at {address}" if fine else "does not answer; start everything with 'ecops up'"}


# -- shops, data, people


@cli.group()
def shop() -> None:
    """Shops."""


@shop.command("add")
@click.argument("key")
@click.option("--name", required=True)
@click.option("--platform", type=click.Choice(PLATFORMS), required=True)
@click.option("--tag", "tags", multiple=True)
@click.option("--timezone", help="its own, where days and times of day are not the playbook's, such as Asia/Tokyo")
@json_option
@with_store
def shop_add(home: Home, store, key: str, name: str, platform: str, tags: tuple[str, ...], timezone: str | None, as_json: bool) -> None:
    """Add a shop."""
    from ecops.service import shops

    shops.add(store, key, name, platform, list(tags), now(), timezone=timezone)
    told({"shop": key, "name": name, "platform": platform, "tags": list(tags), "timezone": timezone}, as_json, f"店铺 {key} 已添加 / added")


@shop.command("list")
@json_option
@with_store
def shop_list(home: Home, store, as_json: bool) -> None:
    """All shops."""
    from ecops.service import shops

    rows = shops.everyone(store)
    out(rows, as_json, lambda: table(rows, ["shop", "name", "platform", "tags", "timezone"]))


@shop.command("demo")
@click.option("--shops", type=click.IntRange(1, 20_000), default=1, show_default=True)
@click.option("--seed", type=int, default=11, show_default=True)
@click.option("--from", "since", help="first day")
@click.option("--until", help="last day")
@click.option("--orders-per-day", type=click.IntRange(1, 100_000), default=20, show_default=True)
@click.option("--day", help="the day of a campaign, default 18 June and 11 November of each year")
@click.option("--open-hour", type=click.IntRange(0, 23), default=20, show_default=True, help="when the sale opens; from 12 on, of the evening before")
@click.option("--platform", type=click.Choice(PLATFORMS), help="of all shops, default a mix")
@json_option
@with_store
def shop_demo(
    home: Home, store, shops: int, seed: int, since: str | None, until: str | None, orders_per_day: int, day: str | None, open_hour: int,
    platform: str | None, as_json: bool,
) -> None:
    """Generate shops with data and planted truth."""
    last = day_of(until) if until else now().astimezone(ZONE).date()
    if not _DEMO_YEARS[0] <= last.year <= _DEMO_YEARS[1]:
        raise BadCall(f"--until {last} is too far away; choose a day from {_DEMO_YEARS[0]} to {_DEMO_YEARS[1]}.")
    first = day_of(since) if since else last - timedelta(days=90)
    if first > last:
        raise BadCall(f"--from {first} lies after --until {last}; swap them.")
    if first.year < _DEMO_YEARS[0]:
        raise BadCall(f"--from {first} is too far away; choose a day from {_DEMO_YEARS[0]} on.")
    made = _generate(home, store, shops, seed, first, last, orders_per_day, now(), day_of(day) if day else None, open_hour, platform)
    out(made, as_json)


# -- runs


@cli.command()
@click.argument("key")
@click.option("--day", required=True, help="the day it is launched for, 2026-11-11")
@click.option("--shops", default="all", show_default=True, help="a,b | all | tag:T")
@click.option("--param", "params", multiple=True, help="name=value, or name@shop=value, name@tag:T=value for some shops")
@click.option("--anchor", "anchors", multiple=True, help="name=TIME")
@click.option("--decline", multiple=True, help="a parameter or step that was learned and is not wanted; 'all' for all of them")
@click.option("--by", default="cli", show_default=True, help="who launches")
@click.option("--most-a-day", type=click.IntRange(1, 100_000), help="how many items of one person may be due on one day")
@json_option
@with_store
def launch(
    home: Home, store, key: str, day: str, shops: str, params: tuple[str, ...], anchors: tuple[str, ...], decline: tuple[str, ...], by: str,
    most_a_day: int | None, as_json: bool,
) -> None:
    """Start a run of a playbook."""
    from ecops.engine.lint import MOST_A_DAY
    from ecops.playbook.problem import ERROR
    from ecops.service import launch as launching
    from ecops.service import versions
    from ecops.service.learning import words
    from ecops.shelf import shelf

    for_all, for_some = params_of(params)
    ask = launching.Launch(versions.find(store, shelf(home.playbooks), key), day_of(day), launching.pick_shops(store, shops), for_all, pairs_of(anchors, "anchor"), shop_params=for_some, decline=decline, most_a_day=most_a_day or MOST_A_DAY)
    done = launching.launch(store, ask, now(), by)
    for learned in done.learned:
        say(f"采用复盘结论 learned: {words(learned)};不采用 to decline it: --decline {learned.get('param') or learned['step']}")
    linted = {one.sentence: one for one in done.lint}
    for warning in done.warnings:
        one = linted.get(warning)
        say(f"{'错误 error' if one and one.severity == ERROR else '注意 warning'}: {one.both if one else warning}")
    flow_run = _tell_prefect(home, store, done.run, now())
    page = home.parts().get("web")
    told = {"run": done.run, "playbook": done.playbook, "version": done.version, "digest": done.digest, "shops": done.shops, "steps": done.steps, "items": done.items, "prefect_flow_run": flow_run, "url": page and f"{page}/runs/{done.run}", "prefect_url": _prefect_url(home, store, done.run), "warnings": list(done.warnings), "lint": [one.to_json() for one in done.lint], "learned": list(done.learned)}
    out(told, as_json, lambda: f"{done.run}  {done.playbook} v{done.version}: {done.shops} 店,{done.steps} 步,{done.items} 项  {told['url'] or ''}")


def _tell_prefect(home: Home, store, run: str, at: datetime) -> str | None:
    """Make the flow run at once when Prefect is there; otherwise the clock does it when it is back."""
    from ecops.orchestration import relay
    from ecops.orchestration.api import PrefectApi, PrefectRefused, PrefectUnreachable
    from ecops.service import views

    if home.prefect is None:
        say("Prefect 未运行,时钟稍后补上 / Prefect is not running; the clock makes the flow run later")
        return None
    with store.read() as connection:
        row = views.get_run(connection, run)
    try:
        with PrefectApi(home.prefect, home.prefect_auth) as api:
            return relay.connect(store, api, row, at)
    except (PrefectUnreachable, PrefectRefused) as error:
        say(f"Prefect 没有应答,时钟稍后补上 / Prefect does not answer, the clock makes the flow run later ({error})")
        return None


def _prefect_url(home: Home, store, run: str | None) -> str | None:
    from ecops.service import views

    if run is None or home.prefect is None:
        return None
    with store.read() as connection:
        flow_run = views.get_run(connection, run).prefect_flow_run
    return f"{home.prefect.removesuffix('/api')}/v2/runs/flow-run/{flow_run}" if flow_run else None


@cli.command()
@json_option
@with_store
def runs(home: Home, store, as_json: bool) -> None:
    """What is going on."""
    from ecops.service import views

    with store.read() as connection:
        rows = views.runs(connection)
    out(rows, as_json, lambda: table(rows, ["run", "playbook", "day", "state", "shops", "counts", "title"]))


@cli.command()
@click.argument("run")
@json_option
@with_store
def show(home: Home, store, run: str, as_json: bool) -> None:
    """One run, step by step."""
    from ecops.service import views

    with store.read() as connection:
        told = views.show(connection, run, now())
    out(told, as_json, lambda: f"{told['title']} {told['day']} {told['state']}\n" + table(told["steps"], ["step_run", "stage", "step", "shop", "kind", "state", "due", "items_done", "items_total", "overdue"]))


@cli.command()
@click.option("--person", "person_key")
@click.option("--role", "role_key")
@click.option("--shop", "shop_key")
@click.option("--due", type=click.Choice(["today", "week"]))
@click.option("--overdue", is_flag=True)
@click.option("--unverified", is_flag=True, help="instead of the open items those that are done and not verified")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000)
@json_option
@with_store
def checklist(home: Home, store, person_key, role_key, shop_key, due, overdue: bool, unverified: bool, limit: int, as_json: bool) -> None:
    """What people have to do."""
    from ecops.service import people, shops, views

    if person_key:
        people.must_exist(store, person_key)
    if shop_key:
        shops.must_exist(store, shop_key)
    at = now()
    tomorrow = datetime.combine(at.astimezone(ZONE).date() + timedelta(days=1), time(), ZONE)
    until = {"today": tomorrow, "week": tomorrow + timedelta(days=6)}.get(due)
    with store.read() as connection:
        rows = views.checklist(connection, at, person=person_key, role=role_key, shop=shop_key, until=until, overdue_only=overdue, unverified=unverified, limit=limit)
    columns = ["item", "shop", "role", "closed_by", "verification", "title"] if unverified else ["item", "shop", "role", "assignee", "due", "overdue", "title"]
    out(rows, as_json, lambda: table(rows, columns))


@cli.command()
@click.argument("item", type=NUMBER)
@click.option("--by", required=True)
@click.option("--value")
@click.option("--file", type=click.Path(path_type=Path))
@click.option("--link")
@click.option("--note")
@json_option
@with_store
def done(home: Home, store, item: int, by: str, value, file: Path | None, link, note, as_json: bool) -> None:
    """Tick an item with its evidence."""
    from ecops.service import items

    kept = _keep_file(home, store, item, file) if file else None
    proof = items.Proof(value, link, kept and kept.name, note, kept and kept.size)
    ticked(items.complete(store, item, by, proof, now()), as_json)


def _keep_file(home: Home, store, item: int, file: Path):
    """A file of a call, kept if it is not larger than the item allows."""
    from ecops import evidence
    from ecops.service import items

    if not file.is_file():
        raise NotFound(f"There is no file {file}.")
    with store.read() as connection:
        most = evidence.most_bytes(items.find(connection, item).evidence)
    with file.open("rb") as stream:
        return evidence.keep(home.folder, file.name, stream, most)


@cli.command()
@click.argument("item", type=NUMBER)
@click.option("--by", required=True)
@click.option("--reason", required=True)
@json_option
@with_store
def skip(home: Home, store, item: int, by: str, reason: str, as_json: bool) -> None:
    """Close an item without doing it."""
    from ecops.service import items

    ticked(items.skip(store, item, by, reason, now()), as_json)


@cli.command()
@click.argument("item", type=NUMBER)
@click.option("--by", required=True)
@click.option("--reason", required=True)
@json_option
@with_store
def reopen(home: Home, store, item: int, by: str, reason: str, as_json: bool) -> None:
    """Open a closed item again."""
    from ecops.service import items

    ticked(items.reopen(store, item, by, reason, now()), as_json)


@cli.command()
@click.argument("item", type=NUMBER)
@click.option("--by", required=True)
@json_option
@with_store
def claim(home: Home, store, item: int, by: str, as_json: bool) -> None:
    """Take an item that nobody has."""
    from ecops.service import items

    ticked(items.claim(store, item, by, now()), as_json)


@cli.command()
@click.argument("item", type=NUMBER)
@click.option("--to", required=True)
@click.option("--by", required=True)
@json_option
@with_store
def assign(home: Home, store, item: int, to: str, by: str, as_json: bool) -> None:
    """Give an item to a person."""
    from ecops.service import items

    ticked(items.assign(store, item, to, by, now()), as_json)


@cli.command()
@click.argument("step_run", type=NUMBER)
@click.option("--by", required=True)
@click.option("--note")
@json_option
@with_store
def approve(home: Home, store, step_run: int, by: str, note: str | None, as_json: bool) -> None:
    """Approve a gate."""
    from ecops.service import gates

    out(gates.decide(store, step_run, by, "approve", note, now()), as_json)


@cli.command()
@click.argument("step_run", type=NUMBER)
@click.option("--by", required=True)
@click.option("--reason", required=True)
@json_option
@with_store
def reject(home: Home, store, step_run: int, by: str, reason: str, as_json: bool) -> None:
    """Reject a gate, with a reason."""
    from ecops.service import gates

    out(gates.decide(store, step_run, by, "reject", reason, now()), as_json)


@cli.command()
@click.argument("run")
@click.option("--by", required=True)
@click.option("--reason", required=True)
@json_option
@with_store
def cancel(home: Home, store, run: str, by: str, reason: str, as_json: bool) -> None:
    """End a run."""
    from ecops.service import people, sweep

    at = now()
    people.must_exist(store, by)
    sweep.cancel(store, run, by, reason, at)
    told({"run": run, "state": "cancelled", "by": by, "at": at.isoformat()}, as_json, f"{run} 已取消 / cancelled")


@cli.command()
@click.argument("key")
@click.option("--day", required=True)
@click.option("--shops", default="all", show_default=True)
@click.option("--people", type=click.Choice(["on-time", "late", "never"]), default="on-time", show_default=True)
@click.option("--param", "params", multiple=True, help="name=value, or name@shop=value, name@tag:T=value for some shops")
@click.option("--anchor", "anchors", multiple=True)
@click.option("--decline", multiple=True, help="a parameter that was learned and is not wanted; 'all' for all of them")
@json_option
@with_store
def rehearse(home: Home, store, key: str, day: str, shops: str, people: str, params, anchors, decline: tuple[str, ...], as_json: bool) -> None:
    """A whole run on a virtual clock, on the shop's own data; nothing is sent, nothing is kept."""
    from ecops.rehearse import rehearse as play
    from ecops.service import launch as launching
    from ecops.service import shops as shop_service
    from ecops.service import versions
    from ecops.service.findings import in_force
    from ecops.service.learning import take
    from ecops.shelf import shelf
    from ecops.shop.lake import Lake

    book, picked = versions.find(store, shelf(home.playbooks), key), launching.pick_shops(store, shops)
    rows = [row for row in shop_service.everyone(store) if row["shop"] in set(picked)]
    for_all, for_some = params_of(params)
    with store.read() as connection:
        taken = take(book, in_force(connection, book.playbook, picked), for_all, decline)
    result = play(book, day_of(day), rows, Lake(home.lake_url), people, for_all, pairs_of(anchors, "anchor"), for_some, taken)
    out(result.to_json(), as_json, lambda: _rehearsed(result))


def _rehearsed(result) -> str:
    lines = [f"{event['at'][:16]}  {event['what']:18} {event['step'] or '':24} {event['shop'] or '':12} {event['who']}" for event in result.events]
    return "\n".join([*lines, f"{result.steps} 步 steps,{result.items} 项 items,{result.reminders} 提醒 reminders,{result.escalations} 升级 escalations,{result.state},{result.wall_s} s"])


# -- tasks and texts


@cli.group()
def task() -> None:
    """Automated steps by hand."""


@task.command("list")
@json_option
def task_list(as_json: bool) -> None:
    """Every automated step."""
    from ecops.automation import automations

    rows = [{"task": one.name, "duty": one.duty, "title": one.zh, "title_en": one.en, "reads": list(one.reads), "serves": list(one.serves), "params": sorted(one.params.model_fields)} for _, one in sorted(automations().items())]
    out(rows, as_json, lambda: table(rows, ["task", "serves", "reads", "title"]))


@task.command("run")
@click.argument("name")
@click.option("--shops", default="all", show_default=True)
@click.option("--as-of", required=True)
@click.option("--with", "given", multiple=True, help="name=value")
@json_option
@with_store
def task_run(home: Home, store, name: str, shops: str, as_of: str, given, as_json: bool) -> None:
    """One automated step by hand."""
    from ecops.automation import NoSuchTask
    from ecops.calculate import ask, plain_rows
    from ecops.service import launch as launching
    from ecops.shop.lake import Lake

    at, picked = moment_of(as_of), launching.pick_shops(store, shops)
    try:
        answer = ask(Lake(home.lake_url), name, tuple(picked), at, pairs_of(given, "with"), {})
    except NoSuchTask as error:
        raise NotFound(f"{error}.") from error
    except ValueError as error:
        raise BadCall(f"{name} cannot run: {error}.") from error
    verdicts = plain_rows(answer.verdicts.sort("shop"))
    statuses = {row["status"] for row in verdicts}
    status = "failed" if "failed" in statuses else "unknown" if "unknown" in statuses else "ok"
    summary = verdicts[0]["zh"] if len(verdicts) == 1 else f"{sum(row['status'] == 'ok' for row in verdicts)}/{len(verdicts)} 店有结论"
    told = {"task": name, "as_of": at.astimezone(ZONE).isoformat(), "status": status, "rows": sum(frame.height for frame in answer.lists.values()), "summary": summary, "result": {"verdicts": verdicts, **{key: plain_rows(frame) for key, frame in answer.lists.items()}}}
    out(told, as_json, lambda: "\n".join(f"{row['shop']}  {row['status']}  {row['zh']}" for row in verdicts))


@cli.command()
@click.argument("text", required=False)
@click.option("--file", type=click.Path(path_type=Path))
@click.option("--lines", is_flag=True, help="one answer a line")
@click.option("--json", is_flag=True, expose_value=False, help="JSON is printed in any case")
def scan(text: str | None, file: Path | None, lines: bool) -> None:
    """Check a text against the Advertising Law. Exit 1 when something is blocked or to be reviewed."""
    from ecops.copyscan import scan as look

    if (text is None) == (file is None):
        raise BadCall("Name one of: a text, - for standard input, --file F.")
    if file and not file.is_file():
        raise NotFound(f"There is no file {file}.")
    source = text if text not in (None, "-") else _readable(file.read_bytes() if file else _standard_input(), str(file or "standard input"))
    answers = [look(part).to_json() for part in (_lines(source) if lines else [source])]
    for answer in answers:
        click.echo(json.dumps(answer, ensure_ascii=False))
    sys.exit(0 if all(answer["verdict"] == "pass" for answer in answers) else 1)


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise BadCall("There is no standard input to read; pipe a text in, or name --file F.")
    return sys.stdin.buffer.read()


def _readable(content: bytes, name: str) -> str:
    """The text of `content` in UTF-8, GB18030 or UTF-16. What cannot be read is not scanned: raises BadCall."""
    from ecops.shop.sheet.decoding import encodings

    for encoding in encodings(content):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadCall(f"{name} is not readable text: not all of it is UTF-8, GB18030 or UTF-16.")


def _lines(source: str) -> list[str]:
    """Lines as other tools count them: only a line feed ends one, and the last may lack it."""
    return [line.removesuffix("\r") for line in source.removesuffix("\n").split("\n")] if source else []


for verb in (*data_verbs.VERBS, *finding_verbs.VERBS, *item_verbs.VERBS, *people_verbs.VERBS, *playbook_verbs.VERBS, *replan_verbs.VERBS, *report_verbs.VERBS):
    cli.add_command(verb)


def main() -> None:
    """Run a verb; every error of ours becomes one sentence and its exit status."""
    from sqlalchemy.exc import DatabaseError, OperationalError

    try:
        cli(standalone_mode=True)
    except EcopsError as error:
        say(str(error))
        if getattr(error, "row", None) and "--json" in sys.argv:
            click.echo(json.dumps(error.row, ensure_ascii=False, default=str))
        sys.exit(error.exit_code)
    except DatabaseError as error:
        # Its subclasses but one are mistakes of ours, which must be seen.
        if type(error) not in (DatabaseError, OperationalError):
            raise
        say(f"The database cannot be used: {error.orig}; check ECOPS_HOME and ECOPS_DATABASE_URL.")
        sys.exit(5)
    except UnicodeEncodeError as error:
        say(f"{ascii(error.object)[:80]} 不是 UTF-8 文字 / it is not UTF-8 text; type it again.")
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output has gone (| head); there is nobody left to tell.
        os._exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        say("磁盘已满,答案没有写完 / The disk is full, the answer is not whole; make room and call again.")
        os._exit(5)  # what is left to print would fail again


if __name__ == "__main__":
    main()

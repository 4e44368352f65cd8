"""The verbs about people: who they are and how they are reached, who holds which role, who has which item, who waits for whom, what was sent to them."""

import click

from ecops.errors import BadCall
from ecops.home import Home
from ecops.terminal import NUMBER, json_option, moment_of, now, out, say, table, ticked, told, with_store


@click.group()
def person() -> None:
    """People: how they are reached, when they want quiet, who covers them."""


_SETTINGS = (
    click.option("--name"),
    click.option("--language", type=click.Choice(["zh", "en"]), help="of the messages"),
    click.option("--timezone", help="the person's wall, default Asia/Shanghai"),
    click.option("--quiet", help="hours without messages, as 22:00-08:00, or none"),
    click.option("--digests/--no-digests", default=None, help="what is before them, at 09:00 and 18:00"),
)


def _settings(command):
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


@person.command("add")
@click.argument("key")
@_settings
@click.option("--channel", "channels", multiple=True, help="an address of apprise, such as dingtalk://... or mailtos://...; the first is tried first")
@json_option
@with_store
def person_add(home: Home, store, key: str, name, language, timezone, quiet, digests, channels: tuple[str, ...], as_json: bool) -> None:
    """Add a person; who is there already is changed as told."""
    from ecops.people import channel
    from ecops.service import people

    at = now()
    for url in channels:
        channel.check(url)
    people.add(store, key, name or key, at)
    people.settle(store, key, "cli", at, name=name, language=language, timezone=timezone, quiet=quiet, digests=digests)
    for url in channels:
        people.reach(store, key, url, "cli", at)
    told(people.one(store, key, at), as_json, f"{key} 已添加 / added")


@person.command("set")
@click.argument("key")
@_settings
@json_option
@with_store
def person_set(home: Home, store, key: str, name, language, timezone, quiet, digests, as_json: bool) -> None:
    """Change a person: name, language, time zone, quiet hours, digests."""
    from ecops.service import people

    if (name, language, timezone, quiet, digests) == (None,) * 5:
        raise BadCall("Nothing is to change; name --name, --language, --timezone, --quiet or --digests.")
    told(people.settle(store, key, "cli", now(), name=name, language=language, timezone=timezone, quiet=quiet, digests=digests), as_json, f"{key} 已更改 / changed")


@person.command("channel")
@click.argument("key")
@click.argument("url", required=False)
@click.option("--remove", type=NUMBER, help="the number of a channel, see 'ecops person list'")
@click.option("--test", is_flag=True, help="send a message over every channel now and say what became of it")
@json_option
@with_store
def person_channel(home: Home, store, key: str, url: str | None, remove: int | None, test: bool, as_json: bool) -> None:
    """Give a person a channel, take one away, or try them."""
    from ecops.service import people

    if (url is not None) + (remove is not None) + test != 1:
        raise BadCall("Name one of: an address to add, --remove N, --test.")
    if test:
        _try_channels(store, key, as_json)
    else:
        row = people.reach(store, key, url, "cli", now()) if url else people.leave(store, key, remove, "cli", now())
        out(row, as_json, lambda: table(row["channels"], ["channel", "address"]))


def _try_channels(store, key: str, as_json: bool) -> None:
    from ecops.people import channel
    from ecops.service import people

    answers = [{"channel": number, "address": channel.veiled(url), "state": answer.state, "reason": answer.reason} for number, url in people.addresses(store, key) for answer in [channel.send(url, "ecops 测试 / test", "这是一条测试消息。 This is a test message.")]]
    if not answers:
        raise BadCall(f"{key} has no channel; give one with 'ecops person channel {key} URL'.")
    out(answers, as_json, lambda: table(answers, ["channel", "address", "state", "reason"]))
    raise SystemExit(0 if all(one["state"] == "sent" for one in answers) else 1)


@person.command("away")
@click.argument("key")
@click.option("--from", "since", help="default now")
@click.option("--until", required=True)
@click.option("--cover", help="who stands in; without one, the other holders of the roles")
@click.option("--note")
@click.option("--by", default="cli", show_default=True)
@json_option
@with_store
def person_away(home: Home, store, key: str, since: str | None, until: str, cover: str | None, note: str | None, by: str, as_json: bool) -> None:
    """Say when a person is absent and who covers them."""
    from ecops.service import people

    at = now()
    people.must_be_known_or_cli(store, by)
    row = people.away(store, key, moment_of(since) if since else at, moment_of(until), cover, note, by, at)
    told(row, as_json, f"{key} 不在至 {until} / away until then" + (f",由 {cover} 代班 / covered by them" if cover else ""))


@person.command("back")
@click.argument("key")
@click.option("--by", default="cli", show_default=True)
@json_option
@with_store
def person_back(home: Home, store, key: str, by: str, as_json: bool) -> None:
    """End a person's absence, and take back those to come."""
    from ecops.service import people

    people.must_be_known_or_cli(store, by)
    ended = people.back(store, key, by, now())
    told({"person": key, "absences_ended": ended}, as_json, f"{key} 回来了 / is back ({ended})")


@person.command("list")
@json_option
@with_store
def person_list(home: Home, store, as_json: bool) -> None:
    """All people with their roles, channels, quiet hours and absences."""
    from ecops.service import people

    rows = people.everyone(store, now())
    shown = [row | {"channels": ", ".join(f"{one['channel']}: {one['address']}" for one in row["channels"]), "away": ", ".join(f"{one['since'][:16]} – {one['until'][:16]} {one['cover'] or ''}" for one in row["absences"])} for row in rows]
    out(rows, as_json, lambda: table(shown, ["person", "name", "roles", "channels", "quiet", "away", "assigned"]))


@click.group()
def role() -> None:
    """Who holds which role."""


@role.command("bind")
@click.argument("name")
@click.argument("key")
@click.option("--shop", "shop_key")
@json_option
@with_store
def role_bind(home: Home, store, name: str, key: str, shop_key: str | None, as_json: bool) -> None:
    """Let a person hold a role, for one shop or for all."""
    from ecops.playbook.model import ROLES
    from ecops.service import people

    people.bind(store, name, key, shop_key, now())
    if name not in ROLES:
        say(f"注意 warning: 手册里没有角色 {name} / no playbook gives work to {name}; the roles are {', '.join(ROLES)}.")
    told({"role": name, "person": key, "shop": shop_key}, as_json, f"{key}: {name} {shop_key or '(所有店铺 / all shops)'}")


@role.command("unbind")
@click.argument("name")
@click.argument("key")
@click.option("--shop", "shop_key")
@json_option
@with_store
def role_unbind(home: Home, store, name: str, key: str, shop_key: str | None, as_json: bool) -> None:
    """Take a role from a person; what is assigned to them stays theirs."""
    from ecops.service import people

    people.unbind(store, name, key, shop_key, now())
    told({"role": name, "person": key, "shop": shop_key}, as_json, f"{key}: 不再担任 no longer {name} {shop_key or '(所有店铺 / all shops)'}")


@click.command()
@click.argument("item", type=NUMBER)
@click.option("--to", required=True)
@click.option("--by", required=True)
@json_option
@with_store
def delegate(home: Home, store, item: int, to: str, by: str, as_json: bool) -> None:
    """Let another person do an item; its owner still answers for it."""
    from ecops.service import items

    ticked(items.delegate(store, item, to, by, now()), as_json)


@click.command()
@click.option("--from", "of", help="whose items; without it, those of --role that nobody has taken")
@click.option("--role", "role_key")
@click.option("--shop", "shop_key")
@click.option("--run")
@click.option("--to", required=True)
@click.option("--by", required=True)
@click.option("--apply", "do", is_flag=True, help="do it; without it, it is only shown")
@json_option
@with_store
def reassign(home: Home, store, of: str | None, role_key: str | None, shop_key: str | None, run: str | None, to: str, by: str, do: bool, as_json: bool) -> None:
    """Give many open items to a person: shown first, then all or none."""
    from ecops.service import items, shops, views

    if shop_key:
        shops.must_exist(store, shop_key)
    if run:
        with store.read() as connection:
            views.get_run(connection, run)
    rows = items.reassign(store, items.Handover(of, role_key, shop_key, run), to, by, now(), do)
    words = f"{len(rows)} 项{'已转交 given to' if do else '会转交 would go to'} {to}"
    out({"items": len(rows), "to": to, "applied": do, "moved": rows}, as_json, lambda: f"{table(rows, ['item', 'run', 'step', 'shop', 'assignee', 'due', 'title'])}\n{words}")


@click.command()
@click.option("--person", "person_key", required=True)
@json_option
@with_store
def waiting(home: Home, store, person_key: str, as_json: bool) -> None:
    """Who waits for a person, and for whom they wait."""
    from ecops.service import people
    from ecops.service.waiting import waiting as look

    people.must_exist(store, person_key)
    with store.read() as connection:
        found = look(connection, person_key, now())
    out(found, as_json, lambda: f"等我 waits for me\n{_sides(found['waits_for_me'], 'then')}\n\n我在等 I wait for\n{_sides(found['i_wait_for'], 'first')}\n\n待我审批 to decide\n{table(found['to_decide'], ['step_run', 'run', 'title', 'shop', 'due', 'overdue'])}")


def _sides(rows: list[dict], side: str) -> str:
    shown = [row | {side: row[side]["title"], "who": ", ".join(row[side]["people"]) or row[side]["role"]} for row in rows]
    return table(shown, ["run", "title", "count", "due", "overdue", side, "who"])


@click.group()
def delivery() -> None:
    """The ledger of messages: what was sent to whom, and what became of it."""


@delivery.command("list")
@click.option("--person", "person_key")
@click.option("--state", type=click.Choice(["queued", "sending", "sent", "acknowledged", "failed", "suppressed", "uncertain"]))
@click.option("--run")
@click.option("--limit", type=click.IntRange(1, 100_000), default=200)
@json_option
@with_store
def delivery_list(home: Home, store, person_key: str | None, state: str | None, run: str | None, limit: int, as_json: bool) -> None:
    """Messages, newest first."""
    from ecops.service import deliveries, people, views

    if person_key:
        people.must_exist(store, person_key)
    with store.read() as connection:
        if run:
            views.get_run(connection, run)
        rows = deliveries.listed(connection, person=person_key, state=state, run=run, limit=limit)
    out(rows, as_json, lambda: table(rows, ["delivery", "person", "channel", "state", "notices", "attempts", "sent_at", "title", "reason"]))


@delivery.command("again")
@click.argument("number", type=NUMBER)
@click.option("--by", required=True)
@json_option
@with_store
def delivery_again(home: Home, store, number: int, by: str, as_json: bool) -> None:
    """Send a message again that failed, or of which nobody knows whether it arrived."""
    from ecops.service import deliveries

    told(deliveries.again(store, number, by, now()), as_json, f"{number} 将再次发送 / goes again")


@delivery.command("acknowledge")
@click.argument("number", type=NUMBER)
@click.option("--by", required=True)
@json_option
@with_store
def delivery_acknowledge(home: Home, store, number: int, by: str, as_json: bool) -> None:
    """Say that a message arrived."""
    from ecops.service import deliveries

    told(deliveries.acknowledge(store, number, by, now()), as_json, f"{number} 已确认 / acknowledged")


VERBS = (person, role, delegate, reassign, waiting, delivery)

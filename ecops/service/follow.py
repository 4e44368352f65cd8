"""A run that ended launches what its playbook says comes `then`, such as a campaign's review. Once, however often one looks."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, literal, select

from ecops.errors import EcopsError
from ecops.playbook.dates import BadRule
from ecops.playbook.library import Shelf
from ecops.playbook.template import BadTemplate, fill
from ecops.service.frozen import frozen
from ecops.service.launch import Launch, Launched, launch
from ecops.store import tables as t
from ecops.store.database import Store

NOT_FOLLOWED = "run.not-followed"
logger = logging.getLogger("ecops.follow")


def follow_up(store: Store, shelf: Shelf, now: datetime) -> list[Launched]:
    """Launch the follow-ups of runs that completed and have none yet."""
    with store.read() as connection:
        ended = [(row, frozen(connection, row.digest), _shops(connection, row.run)) for row in connection.execute(_ended().order_by(t.run.c.ended_at.desc()).limit(50))]
    tried = [_try(store, shelf, row, playbook, shops, now) for row, playbook, shops in ended]
    return [launched for launched in tried if launched]


def pending(store: Store) -> bool:
    """Whether a follow-up waits to be launched."""
    with store.read() as connection:
        return connection.execute(_ended().limit(1)).first() is not None


def _ended():
    followers = t.run.alias()
    key = literal("then:") + cast(t.run.c.run, String)
    return select(t.run).where(t.run.c.state == "completed", t.run.c.follows == 1, ~select(followers.c.run).where(followers.c.launch_key == key).exists())


def _shops(connection, run: str) -> list[str]:
    return list(connection.execute(select(t.run_shop.c.shop).where(t.run_shop.c.run == run).order_by(t.run_shop.c.shop)).scalars())


def _try(store: Store, shelf: Shelf, row, playbook, shops: list[str], now: datetime) -> Launched | None:
    """One that cannot be launched holds no other back; it is tried again, and the reason is written once."""
    try:
        return _launch(store, shelf, row, playbook, shops, now)
    except (EcopsError, BadRule, BadTemplate) as error:
        with store.write(now, "clock") as tx:
            if not tx.one(select(t.event.c.id).where(t.event.c.run == row.run, t.event.c.what == NOT_FOLLOWED)):
                tx.event(NOT_FOLLOWED, run=row.run, detail={"playbook": playbook.then.playbook, "reason": str(error)})
                logger.error("what follows run %s cannot be launched: %s", row.run, error)
        return None


def _launch(store: Store, shelf: Shelf, row, playbook, shops: list[str], now: datetime) -> Launched:
    anchors = {name: datetime.fromisoformat(at) for name, at in row.anchors.items()}
    day = playbook.resolve(playbook.then.day, anchors).at.astimezone(playbook.zone).date()
    params = _given(playbook, row, row.params)
    with store.read() as connection:
        own = {shop: row.params | differing for shop, differing in connection.execute(select(t.run_shop.c.shop, t.run_shop.c.params).where(t.run_shop.c.run == row.run)) if differing}
    differing = {shop: {name: value for name, value in _given(playbook, row, values).items() if params.get(name) != value} for shop, values in own.items()}
    ask = Launch(shelf.find(playbook.then.playbook), day, shops, params, key=f"then:{row.run}", shop_params={shop: values for shop, values in differing.items() if values})
    return launch(store, ask, now, row.launched_by)


def _given(playbook, row, params: Mapping[str, Any]) -> dict[str, Any]:
    """What `then` hands over, of a shop's or the run's parameters; what has no value is left to the follower's default."""
    return {name: value for name, value in fill(playbook.then.with_, {"params": params, "anchors": row.anchors}).items() if value is not None}

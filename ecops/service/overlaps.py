"""Campaigns that overlap in time on a shop's stock: both are told."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from ecops.engine.lint import Overlap
from ecops.playbook.dates import DAY, LAUNCH
from ecops.store import tables as t
from ecops.store.tx import Tx

OVERLAPS = "run.overlaps"
_NAMED = 20


def window_of(anchors: Mapping[str, datetime]) -> tuple[datetime, datetime]:
    """When a campaign claims stock: from its first anchor until a day after its last."""
    moments = [at for name, at in anchors.items() if name not in (DAY, LAUNCH)] or [anchors[DAY]]
    return min(moments), max(moments) + timedelta(days=1)


def overlaps(connection: Connection, anchors: Mapping[str, datetime], shops: Sequence[str], run: str | None = None) -> list[Overlap]:
    """The active campaigns but `run` that claim stock of these shops while one with these anchors does, the earliest first."""
    since, until = window_of(anchors)
    found = []
    for other in connection.execute(select(t.run).where(t.run.c.phase == "campaign", t.run.c.state == "active", t.run.c.run != (run or "")).order_by(t.run.c.launched_at, t.run.c.run)).all():
        begins, ends = window_of(_moments(other.anchors))
        if begins >= until or since >= ends:
            continue
        theirs = set(connection.execute(select(t.run_shop.c.shop).where(t.run_shop.c.run == other.run)).scalars())
        if common := tuple(shop for shop in sorted(shops) if shop in theirs):
            found.append(Overlap(other.run, other.title_zh, common, max(since, begins), min(until, ends)))
    return found


def tell_both(tx: Tx, run: str) -> list[str]:
    """Write into this campaign and into each one it overlaps with that they do; gives the sentences for whoever moves it."""
    mine = tx.one(select(t.run).where(t.run.c.run == run))
    found = overlaps(tx.connection, _moments(mine.anchors), tx.connection.execute(select(t.run_shop.c.shop).where(t.run_shop.c.run == run)).scalars().all(), run)
    titles = {row.run: row for row in tx.all(select(t.run.c.run, t.run.c.title_zh, t.run.c.title_en).where(t.run.c.run.in_([run, *(one.run for one in found)])))}
    for one in found:
        common = {"shops": list(one.shops[:_NAMED]), "count": len(one.shops), "from": one.since.isoformat(), "until": one.until.isoformat()}
        for told, another in ((run, one.run), (one.run, run)):
            tx.event(OVERLAPS, run=told, detail=common | {"run": another, "title": titles[another].title_zh, "title_en": titles[another].title_en})
    return [" ".join(one.words) for one in found]


def _moments(anchors: Mapping[str, str]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(at) for name, at in anchors.items()}

"""Campaigns that overlap in time on a shop's stock: both are told."""

from datetime import datetime, timedelta

from sqlalchemy import select

from ecops.playbook.dates import DAY, LAUNCH
from ecops.store import tables as t
from ecops.store.tx import Tx

OVERLAPS = "run.overlaps"
_NAMED = 20


def window_of(anchors: dict[str, str]) -> tuple[datetime, datetime]:
    """When a campaign claims stock: from its first anchor until a day after its last."""
    moments = [datetime.fromisoformat(at) for name, at in anchors.items() if name not in (DAY, LAUNCH)] or [datetime.fromisoformat(anchors[DAY])]
    return min(moments), max(moments) + timedelta(days=1)


def tell_both(tx: Tx, run: str) -> list[str]:
    """Write into this campaign and into each one it overlaps with that they do; gives the sentences for whoever launches."""
    mine = tx.one(select(t.run).where(t.run.c.run == run))
    since, until = window_of(mine.anchors)
    said = []
    for other in tx.all(select(t.run).where(t.run.c.phase == "campaign", t.run.c.state == "active", t.run.c.run != run).order_by(t.run.c.launched_at, t.run.c.run)):
        begins, ends = window_of(other.anchors)
        theirs = select(t.run_shop.c.shop).where(t.run_shop.c.run == other.run)
        shops = [row.shop for row in tx.all(select(t.run_shop.c.shop).where(t.run_shop.c.run == run, t.run_shop.c.shop.in_(theirs)).order_by(t.run_shop.c.shop))]
        if not shops or begins >= until or since >= ends:
            continue
        common = {"shops": shops[:_NAMED], "count": len(shops), "from": max(since, begins).isoformat(), "until": min(until, ends).isoformat()}
        for one, another in ((mine, other), (other, mine)):
            tx.event(OVERLAPS, run=one.run, detail=common | {"run": another.run, "title": another.title_zh, "title_en": another.title_en})
        named = ", ".join(shops[:5]) + (f" and {len(shops) - 5} more" if len(shops) > 5 else "")
        said.append(f"{other.title_zh} ({other.run}) sells from the same stock of {named} from {common['from'][:10]} to {common['until'][:10]}; share the stock out between both.")
    return said

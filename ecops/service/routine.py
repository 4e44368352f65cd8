"""Firings of one playbook never overlap for a shop: a new one takes the place of those that have not ended."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select

from ecops.errors import NotPossible
from ecops.service.ending import cancel_run
from ecops.store import tables as t
from ecops.store.tx import Tx


def take_over(tx: Tx, playbook: str, day: date, shops: Sequence[str]) -> list[str]:
    """End the unfinished firings of earlier days with any of these shops, and those of the day that have no others; gives the shops that are free then.

    A firing of a later day, or one of this day that has other shops too, goes on, and keeps those it shares: its work is theirs. Raises NotPossible
    when no shop is left.
    """
    tx.numbers("firing", 0)  # two at once must see each other: the second waits here
    left = list(shops)
    for run in tx.all(select(t.run).where(t.run.c.playbook == playbook, t.run.c.state == "active", t.run.c.scheduled == 1).order_by(t.run.c.run)):
        tx.lock_run(run.run, alone=True)
        theirs = {row.shop for row in tx.all(select(t.run_shop.c.shop).where(t.run_shop.c.run == run.run))}
        if not theirs & set(shops):
            continue
        if run.day < day.isoformat() or (theirs <= set(shops) and run.day == day.isoformat()):
            cancel_run(tx, run.run, f"{run.day} 的这一次未完成,已由新的一次接替 / the firing of {run.day} was not finished, a new one takes its place")
        else:
            left = [shop for shop in left if shop not in theirs]
    if not left:
        raise NotPossible(f"All shops of this firing of {playbook} are in another one that has not ended; 'ecops runs' shows it.")
    return left

"""The parameters of a run as they hold for each of its shops."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from ecops.store import tables as t
from ecops.store.tx import Tx


class Values:
    """Parameters by shop: the run's, and where a shop has its own, those."""

    def __init__(self, tx: Tx, run: str, params: Mapping[str, Any]) -> None:
        self.params = dict(params)
        # few shops differ, and most runs have none that do
        rows = tx.all(select(t.run_shop.c.shop, t.run_shop.c.params).where(t.run_shop.c.run == run))
        self.own = {row.shop: self.params | row.params for row in rows if row.params}

    def of(self, shop: str) -> dict[str, Any]:
        """The parameters of a shop; of "" those of the run."""
        return self.own.get(shop, self.params)

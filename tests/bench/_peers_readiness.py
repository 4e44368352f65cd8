"""The go/no-go by hand: how many rows stand against each of its eight checks, from the queries of the other duties."""

from datetime import timedelta

import polars as pl

from ecops.automation import Frames
from ecops.copyscan import BLOCK, scan
from tests.bench._peers import C, COUNT, ENDS, NOW, OPENS, peer, stock_count, unshipped
from tests.bench._peers_campaign import under_floor, wrong_offers
from tests.bench._peers_compliance import blocked, broken_blocks
from tests.bench._peers_service import roster_gaps
from tests.bench._shops import DAY


@peer("campaign.readiness", "check", "count", of="checks")
def readiness(f: Frames) -> pl.LazyFrame:
    against = {
        "prices": under_floor(f), "coupons": wrong_offers(f), "stock": stock_count(f), "copy": _forbidden(f), "papers": blocked(f, (DAY + timedelta(days=15)).date()),
        "roster": roster_gaps(f, OPENS, ENDS, 0, 24), "pages": broken_blocks(f), "backlog": unshipped(f).filter(C("deadline") < NOW),
    }  # fmt: skip
    counts = [rows.group_by("shop").agg(count=COUNT).with_columns(check=pl.lit(check)) for check, rows in against.items()]
    grid = f["items"].select("shop").unique().join(pl.LazyFrame({"check": list(against)}), how="cross")
    return grid.join(pl.concat(counts), on=["shop", "check"], how="left").with_columns(C("count").fill_null(0)).sort("shop", "check")


def _forbidden(f: Frames) -> pl.LazyFrame:
    """Items on sale with a forbidden term in one of their texts."""
    items = f["items"].filter(C("on_sale")).select("shop", "title", "detail_text").collect()
    bad = [text for text in pl.concat([items["title"], items["detail_text"]]).drop_nulls().unique() if scan(text).verdict == BLOCK]
    return items.lazy().filter(C("title").is_in(bad) | C("detail_text").is_in(bad))

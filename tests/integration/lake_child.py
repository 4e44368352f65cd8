"""A process that merges into a lake and may die on the way: LAKE merge UNITS [POINT] | forever START | add NUMBER."""

import os
import sys
from datetime import UTC, date, datetime

import polars as pl

from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake


def frame(items, units):
    rows = [("s", datetime(2025, 11, 11, tzinfo=UTC), date(2025, 11, 10), item, units) for item in items]
    names = ("shop", "available_at", "date", "item_id", "closing_units")
    return pl.DataFrame(rows, schema={name: KINDS["stock"].schema[name] for name in names}, orient="row")


def dying_at(point):
    return lambda name: os._exit(9) if name == point else None


def main(url, what, number, point=""):
    lake = Lake(url, step=dying_at(point))
    three = ["0", "1", "2"]
    if what == "merge":
        lake.merge("stock", frame(three, int(number)))
    while what == "forever":
        number = int(number) + 1
        lake.merge("stock", frame(three, number))
    for turn in range(5 if what == "add" else 0):
        lake.merge("stock", frame([f"{number}-{turn}", "shared"], 1))


if __name__ == "__main__":
    main(*sys.argv[1:])

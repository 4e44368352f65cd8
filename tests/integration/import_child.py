"""A process that imports a file and may die on the way: LAKE FILE [POINT NTH]."""

import os
import sys
from datetime import UTC, datetime

from ecops.shop.imports import import_file
from ecops.shop.lake import Lake


def dying_at(point, nth):
    passed = []

    def step(name):
        passed.append(name)
        if passed.count(point) == nth:
            os._exit(9)

    return step


def main(url, path, point="", nth="1"):
    import_file(Lake(url, step=dying_at(point, int(nth))), path, "s", datetime(2026, 1, 1, tzinfo=UTC))


if __name__ == "__main__":
    main(*sys.argv[1:])

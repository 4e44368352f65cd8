"""Making a hundred demo shops of ninety days beside writing the same frames once more: seconds and the ratio."""

import tempfile
import time
from datetime import UTC, date, datetime

import polars as pl
from deltalake import write_deltalake

from ecops.shop import demo
from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake

SINCE, UNTIL = date(2025, 9, 1), date(2025, 11, 29)


def main() -> None:
    """Print both and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(f"{folder}/lake")
        started = time.perf_counter()
        filled = demo.fill(lake, demo.batches(100, 11, SINCE, UNTIL), datetime(2026, 1, 1, tzinfo=UTC))
        made = time.perf_counter() - started
        shops = [key for key, *_ in filled.shops]
        frames: dict[str, pl.DataFrame] = {kind: lake.everything(kind, shops).collect() for kind in KINDS}
        started = time.perf_counter()
        for kind, frame in frames.items():
            write_deltalake(f"{folder}/bare/{kind}", frame)
        written = time.perf_counter() - started
    print(f"{'100 shops x 90 days':24}{'seconds':>10}{'rows':>12}")
    print(f"{'made and merged':24}{made:>10.1f}{sum(filled.rows.values()):>12,}")
    print(f"{'written, bare':24}{written:>10.1f}")
    print(f"ratio {made / written:.1f}")


if __name__ == "__main__":
    main()

"""`python -m tests.fuzz --minutes 10 [--seed N]`: batches of files until the time is over; what fails is printed with how to repeat it."""

import argparse
import sys
import time
import traceback
from collections import Counter

from tests.fuzz.run import batch


def main(minutes: float, first: int) -> int:
    """Exit status: 0 if nothing was found. `minutes` 0: the one batch `first`, its failure made as small as can be."""
    until, number, bad, went = time.monotonic() + minutes * 60, first, 0, Counter()
    while number == first or time.monotonic() < until:
        try:
            went += batch(number, shrink=not minutes)
        except Exception:
            bad += 1
            print(f"{traceback.format_exc()}\nrepeat it, made smaller, with: python -m tests.fuzz --minutes 0 --seed {number}\n", flush=True)
        number += 1
    print(f"{number - first} batches, {bad} failed; of the others: {', '.join(f'{count} {what}' for what, count in went.most_common())}")
    return 1 if bad else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first batch")
    told = parser.parse_args()
    sys.exit(main(told.minutes, told.seed))

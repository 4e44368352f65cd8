"""Batches of examples, each of a seed of its own, so that any of them can be repeated alone."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, note, seed, settings

from ecops.shop.lake import Lake
from tests.fuzz.checks import check
from tests.fuzz.files import files

# A lake grows slow with its commits, so each batch has its own.
BATCH = 40


def batch(number: int, examples: int = BATCH, forms: Sequence[str] | None = None, shrink: bool = False) -> Counter[str]:
    """Checks the files of the batch `number`; tells how many went which way. Raises what the first bad one raises."""
    went: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="ecops-fuzz-") as folder:
        lake = Lake(f"{folder}/lake")

        @seed(number)
        @settings(
            max_examples=examples, deadline=None, database=None, print_blob=False, suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,), report_multiple_bugs=False,
        )
        @given(files(forms) if forms else files())
        def run(file):
            went.update(["examples"])
            went.update([check(lake, Path(folder), f"shop{went['examples']}", file, mend=went["examples"] % 2 == 0)])
            note(f"{file.form}: {len(file.content)} bytes")

        run()
    return went

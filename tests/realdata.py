"""The one place that knows where real exports lie: beside the checkout, never in it. A user's clone has none."""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_file(name: str) -> Path:
    """The real file `name`; without it the test is skipped, or fails where CI_REQUIRES_REALDATA is set."""
    path = FOLDER / name
    if path.is_file():
        return path
    message = f"real data are absent: no {name} in ../shared/data beside the repository (it is not published)"
    if os.environ.get("CI_REQUIRES_REALDATA"):
        pytest.fail(message)
    pytest.skip(message)

"""Finds a Chromium for the browser tests and says which: the machine's, Debian's, or Playwright's own.

`python -m tests.browser` installs one when there is none; `chromium()` gives the path the tests launch.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def chromium() -> str | None:
    """Path of a Chromium that is here, or None."""
    named = os.environ.get("ECOPS_TEST_CHROMIUM")
    found = [named] if named else [path for name in NAMES if (path := shutil.which(name))]
    return next(iter(found), None) or _playwrights()


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _debian() -> bool:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    print("no Chromium on this machine; installing Debian's (and a Chinese font) ...", file=sys.stderr)
    packages = ["chromium", "fonts-noto-cjk"]
    quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
    return subprocess.run(["apt-get", "update", "-qq"], **quiet).returncode == 0 and subprocess.run(["apt-get", "install", "-y", "-qq", *packages], **quiet).returncode == 0


def _download() -> bool:
    print("asking Playwright for its own Chromium ...", file=sys.stderr)
    return subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"]).returncode == 0


def main() -> int:
    """Make sure there is one; exit 1 with the remedy when there is none."""
    path = chromium() or (_debian() and chromium()) or (_download() and chromium())
    if not path:
        print("No Chromium could be had: install one and name it with ECOPS_TEST_CHROMIUM=/path/to/chromium.", file=sys.stderr)
        return 1
    print(f"browser tests use {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

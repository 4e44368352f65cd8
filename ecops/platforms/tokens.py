"""Renewed tokens: a platform may void the old refresh token at once, so the new one must outlive the pull that got it.

They lie in the home folder, readable by its owner only, and serve until other credentials are set for the shop.
"""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from ecops.platforms.credentials import Credentials, variable


def fresher(folder: Path, shop: str, given: Credentials) -> Credentials:
    """`given` with the tokens that were renewed from them, if any were; without them where the file is not ours to read."""
    try:
        held = json.loads(_path(folder, shop).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return given
    if not isinstance(held, dict) or held.get("of") != _print(given) or not held.get("access_token"):
        return given
    return replace(given, access_token=held["access_token"], refresh_token=held.get("refresh_token"))


def keep_renewed(folder: Path, shop: str, given: Credentials, renewed: Credentials) -> None:
    """Keep the tokens of `renewed`, which stand for those of `given` from now on. The file is whole or not there at all."""
    path = _path(folder, shop)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({"of": _print(given), "access_token": renewed.access_token, "refresh_token": renewed.refresh_token})
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    part.replace(path)


def _path(folder: Path, shop: str) -> Path:
    return folder / "tokens" / f"{variable(shop).lower()}.json"


def _print(given: Credentials) -> str:
    """Tells the credentials that were set from others, without holding them."""
    told = "\0".join((given.app_key, given.app_secret, given.access_token, given.refresh_token or ""))
    return hashlib.sha256(told.encode()).hexdigest()

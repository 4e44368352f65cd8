"""Settings: environment variables with the prefix ECOPS_, all with a default under one home folder."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ecops.errors import BadCall

SETTINGS = {
    "ECOPS_HOME": "the folder everything lives in (default ~/.ecops)",
    "ECOPS_DATABASE_URL": "our database (default: SQLite in the home folder)",
    "ECOPS_LAKE_URL": "the shop's data: a folder or object storage (default: lake in the home folder)",
    "ECOPS_PLAYBOOKS": "a folder with playbooks of your own (default: playbooks in the home folder)",
    "ECOPS_PAGES_URL": "the address under which people open the pages, for the link in messages (default: the pages that 'ecops up' started)",
    "ECOPS_PREFECT_API_URL": "a Prefect server elsewhere (default: the one that 'ecops up' started)",
    "ECOPS_PREFECT_AUTH": "user:password of that server",
    "ECOPS_PLATFORM_<SHOP>": "credentials of a shop's platform as JSON, see docs/platforms.md",
}


@dataclass(frozen=True)
class Home:
    """Where things are."""

    folder: Path
    database_url: str
    lake_url: str
    playbooks: Path
    prefect_api_url: str | None
    prefect_auth: str | None
    pages_url: str | None = None

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Home":
        """Read the settings and make the folder. Raises BadCall when the folder cannot be used."""
        pages = env.get("ECOPS_PAGES_URL") or ""
        if pages and not re.fullmatch(r"https?://[\w.-]+(:\d{1,5})?(/[\w./-]*)?", pages):
            raise BadCall(f"ECOPS_PAGES_URL {pages} is no address; write it as https://ecops.example.com.")
        folder = Path(env.get("ECOPS_HOME") or Path.home() / ".ecops").expanduser().absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadCall(f"The home folder {folder} cannot be used: {error.strerror}; choose another with ECOPS_HOME or --home.") from error
        return cls(
            folder,
            env.get("ECOPS_DATABASE_URL") or f"sqlite:///{folder / 'ecops.db'}",
            env.get("ECOPS_LAKE_URL") or str(folder / "lake"),
            Path(env.get("ECOPS_PLAYBOOKS") or folder / "playbooks"),
            env.get("ECOPS_PREFECT_API_URL") or None,
            env.get("ECOPS_PREFECT_AUTH") or None,
            pages.rstrip("/") or None,
        )

    @property
    def parts_file(self) -> Path:
        """Where a running `ecops up` says which addresses it has."""
        return self.folder / "parts.json"

    @property
    def mappings(self) -> Path:
        """Where the headings that people explained are kept."""
        return self.folder / "mappings"

    def parts(self) -> dict:
        """What a running `ecops up` wrote: {web, prefect, pid}; empty when there is none."""
        try:
            found = json.loads(self.parts_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def prefect(self) -> str | None:
        """The address of Prefect's API, when one is known."""
        return self.prefect_api_url or self.parts().get("prefect")

    @property
    def pages(self) -> str | None:
        """The address of the pages, when one is known."""
        return self.pages_url or self.parts().get("web")

    @property
    def page_hosts(self) -> list[str]:
        """The names beside localhost under which the pages may be asked: that of their address."""
        host = urlsplit(self.pages_url).hostname if self.pages_url else None
        return [host] if host else []

"""Credentials of a shop: from the environment or from a Prefect secret block, never from a file of the repository.

Prefect is asked over plain HTTP, for importing it costs two seconds and only the orchestration may do so.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote_plus, urlsplit

import httpx

from ecops.platforms.errors import NoCredentials

_NEEDED = ("app_key", "app_secret", "access_token")
_FIELDS = (*_NEEDED, "refresh_token", "gateway")
_SHORTEST_SECRET = 4
_PROTECTED = ("app_secret", "access_token", "refresh_token")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

# Gives the text of the secret block of a name, None where there is none.
SecretBlocks = Callable[[str], str | None]


@dataclass(frozen=True)
class Credentials:
    """What signs a shop's calls. `gateway` overrides the platform's address (sandbox, tests). Its repr shows no secret."""

    app_key: str
    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    gateway: str | None = None

    def veil(self, text: str) -> str:
        """`text` with every secret of these credentials struck out, also where it was written as part of an address."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def renewed(self, access_token: str, refresh_token: str | None) -> "Credentials":
        """The same with a new access token; the refresh token stays where no new one was given."""
        return replace(self, access_token=access_token, refresh_token=refresh_token or self.refresh_token)

    def _secrets(self) -> set[str]:
        known = [value for name in _PROTECTED if (value := getattr(self, name)) and len(value) >= _SHORTEST_SECRET]
        return {form for secret in known for form in (secret, quote_plus(secret))}


def variable(shop: str) -> str:
    """The environment variable of a shop's credentials."""
    return "ECOPS_PLATFORM_" + re.sub(r"[^A-Z0-9]", "_", shop.upper())


def block(shop: str) -> str:
    """The name of the Prefect secret block of a shop's credentials (lower case, digits and dashes, as Prefect wants)."""
    return "ecops-platform-" + re.sub(r"[^a-z0-9]+", "-", shop.lower()).strip("-")


def credentials_of(shop: str, env: Mapping[str, str] = os.environ, blocks: SecretBlocks = lambda name: None) -> Credentials:
    """Credentials of `shop`: its environment variable wins over its secret block.

    Raises NoCredentials with a sentence that says how to set them; what was found is never repeated in it.
    """
    text, place = env.get(variable(shop)), f"the environment variable {variable(shop)}"
    if not text:
        text, place = blocks(block(shop)), f"the Prefect secret block {block(shop)}"
    if not text:
        raise NoCredentials(
            f"No credentials for the shop {shop}: set {variable(shop)} or the Prefect secret block {block(shop)} to JSON with "
            f"{', '.join(_NEEDED)} and, where the platform gave one, refresh_token."
        )
    return _read(text, shop, place)


def prefect_blocks(api_url: str | None, auth: str | None = None, timeout: float = 10) -> SecretBlocks:
    """Secret blocks of the Prefect server at `api_url` (it ends in /api); `auth` is "user:password" where it asks for it.

    Without an address there are no blocks. The reader raises NoCredentials when the server does not answer as it should.
    """
    user, _, password = (auth or "").partition(":")

    def read(name: str) -> str | None:
        if not api_url:
            return None
        try:
            answer = httpx.get(
                f"{api_url.rstrip('/')}/block_types/slug/secret/block_documents/name/{name}", params={"include_secrets": "true"},
                auth=(user, password) if auth else None, timeout=timeout,
            )
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            answer.raise_for_status()
            value = answer.json()["data"]["value"]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
            # Without its cause: the text of a failed answer may be the secret.
            raise NoCredentials(
                f"Prefect did not give the secret block {name}: see whether it runs with 'ecops doctor', and whether the block is a Secret."
            ) from None
        return value if isinstance(value, str) else json.dumps(value)

    return read


def _read(text: str, shop: str, place: str) -> Credentials:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NoCredentials(f"The credentials of the shop {shop} in {place} are not JSON: write an object with {', '.join(_NEEDED)}.")
    lacking = [name for name in _NEEDED if not isinstance(found.get(name), str) or not found[name].strip()]
    if lacking:
        raise NoCredentials(f"The credentials of the shop {shop} in {place} lack {', '.join(lacking)}: add them as texts.")
    odd = [name for name in _FIELDS[len(_NEEDED):] if found.get(name) is not None and not isinstance(found[name], str)]
    if odd:
        raise NoCredentials(f"In the credentials of the shop {shop} in {place}, {', '.join(odd)} must be a text.")
    given = {name: found[name].strip() for name in _FIELDS if found.get(name)}
    if not _safe(given.get("gateway")):
        raise NoCredentials(f"The gateway of the shop {shop} in {place} is not an https address: write https://, for secrets travel there.")
    return Credentials(**given)


def _safe(gateway: str | None) -> bool:
    if gateway is None:
        return True
    try:
        parts = urlsplit(gateway)
        httpx.URL(gateway)
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK))
    except (ValueError, httpx.InvalidURL):
        return False

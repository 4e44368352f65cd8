"""The one way in which platforms are asked: what a platform is, and the transport all of them share.

Only reads pass through here, so every call may be repeated. A gateway answers errors with HTTP 200 and a body; how that body is
read is each platform's own, what is done about it is here: wait and repeat, renew the token once, or give up with one sentence.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import uniform
from typing import Any, Protocol, TypeVar

import httpx

from ecops.platforms.credentials import Credentials
from ecops.platforms.errors import PlatformError, RateLimited, Refused, TokenExpired, Unavailable, Unreadable
from ecops.platforms.rate import TokenBucket
from ecops.platforms.rows import Read
from ecops.platforms.windows import Cut

T = TypeVar("T")

_ATTEMPTS = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds
_LONGEST_WAIT = 120.0  # seconds a platform may ask us to wait; beyond that a person is told
_SLOWEST = 300.0  # seconds an answer may take in all
_LARGEST = 32 * 1024 * 1024  # bytes of one answer
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_SKEW_NOTED = 60  # seconds between our clock and the platform's that are worth a word
_MANY = 429


class Platform(Protocol):
    """A shop on a platform, as far as it can be read."""

    name: str

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kinds of data it can pull, each with the call that gives it."""

    @property
    def lacking(self) -> Mapping[str, str]:
        """The kinds it cannot pull, each with the reason, for people."""

    def windows(self, kind: str, since: datetime, until: datetime) -> Cut:
        """[since, until) of `kind` as windows that the platform allows."""

    def pull(self, kind: str, since: datetime, until: datetime) -> Iterator[Read]:
        """Rows of `kind` that were made or changed in one window: frames of the kind's schema, refused rows beside them.

        Other kinds come along where one call tells both (order lines with orders); `Read.kind` says which. Raises PlatformError.
        """


@dataclass(frozen=True)
class Setting:
    """What a client is given from outside, so that tests need neither network nor time.

    `now` (aware) dates a call; `clock` counts seconds; `sleep` waits; `jitter` picks a number between two. `hashed` makes a stand-in
    for a personal text; without it such texts are left out. `renewed` is told new credentials, for the old refresh token may be void
    from then on. `per_second`: another rate than the platform's. Shops that share a setting share the rate of their app (`buckets`).
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = uniform
    hashed: Callable[[str], str] | None = None
    renewed: Callable[[Credentials], None] = lambda credentials: None
    per_second: float | None = None
    timeout: float = 30.0
    buckets: dict[str, TokenBucket] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Request:
    """One signed call. `query` is added below the layer that logs addresses, for it carries the token of some platforms."""

    path: str
    form: Mapping[str, str] | None = None
    body: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Session:
    """Calls of one shop to one gateway: signed anew for each attempt, at most so many a second, the token renewed once."""

    def __init__(self, gateway: str, credentials: Credentials, setting: Setting, per_second: float) -> None:
        """`gateway`: the platform's address, unless the credentials name another; `per_second`: calls the platform allows."""
        self.credentials = credentials
        self.setting = setting
        rate = setting.per_second or per_second
        fresh = TokenBucket(rate, max(1, int(rate)), setting.clock, setting.sleep)
        # Platforms count an app's calls, whatever the shop.
        self._bucket = setting.buckets.setdefault(f"{gateway} {credentials.app_key}", fresh)
        self._http = httpx.Client(
            base_url=credentials.gateway or gateway, timeout=httpx.Timeout(setting.timeout), transport=_BelowTheLog(),
            follow_redirects=False, trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self, name: str, build: Callable[[Credentials], Request], read: Callable[[dict[str, Any]], T],
        renew: Callable[[], Credentials] | None = None,
    ) -> T:
        """The answer to the call `name`, as `read` understands it; `read` raises PlatformError for an answer that is an error.

        Raises PlatformError; its sentence holds no secret.
        """
        try:
            return self._repeated(name, build, read)
        except TokenExpired:
            if renew is None or not self.credentials.refresh_token:
                raise
        try:
            self.credentials = renew()
        except Refused as error:
            raise TokenExpired(f"The access token for {name} could not be renewed: {error} Authorise the app for the shop again.") from None
        self.setting.renewed(self.credentials)
        return self._repeated(name, build, read)

    def _repeated(self, name: str, build: Callable[[Credentials], Request], read: Callable[[dict[str, Any]], T]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._bucket.take()
                return read(self._once(name, build(self.credentials)))
            except (RateLimited, Unavailable, Unreadable) as error:
                pause = self._pause(attempt, error)
                if pause is None:
                    raise
            self.setting.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, attempt: int, error: PlatformError) -> float | None:
        """Seconds to wait before the next attempt; None to give up. Each client waits another while, not all at once."""
        if attempt == _ATTEMPTS:
            return None
        after = getattr(error, "after", None)
        if after is not None:
            return after if after <= _LONGEST_WAIT else None
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
        return self.setting.jitter(longest / 2, longest)

    def _once(self, name: str, request: Request) -> dict[str, Any]:
        try:
            with self._http.stream(
                "POST", request.path, data=request.form, content=request.body, headers=request.headers,
                extensions={_QUERY: httpx.QueryParams(request.query)},
            ) as answer:
                raw = self._bounded(name, answer)
        except httpx.TimeoutException:
            raise Unavailable(f"{name} did not answer within {self.setting.timeout:g} s; pull again later.") from None
        except httpx.HTTPError as error:
            # Without its cause: it holds the request, and the request the token.
            raise Unavailable(f"{name} could not be reached ({type(error).__name__}); check the network and pull again.") from None
        if answer.status_code in _BUSY:
            raise self._busy(name, answer)
        return self._object(name, answer, raw)

    def _bounded(self, name: str, answer: httpx.Response) -> bytes:
        parts, size, began = [], 0, self.setting.clock()
        for part in answer.iter_bytes():
            if self.setting.clock() - began > _SLOWEST:
                raise Unavailable(f"{name} was still answering after {_SLOWEST:g} s; pull again later.")
            size += len(part)
            if size > _LARGEST:
                raise Unreadable(f"The answer to {name} is larger than {_LARGEST >> 20} MiB and was not read; pull a shorter time.")
            parts.append(part)
        return b"".join(parts)

    def _busy(self, name: str, answer: httpx.Response) -> PlatformError:
        after = _after(answer.headers.get("Retry-After"), self.setting.now())
        if answer.status_code == _MANY or after is not None:
            return RateLimited(f"{name} is asked too often (HTTP {answer.status_code}); pull again later.", after)
        return Unavailable(f"{name} is out of order (HTTP {answer.status_code}); pull again later.")

    def _object(self, name: str, answer: httpx.Response, raw: bytes) -> dict[str, Any]:
        """The body as a JSON object; numbers with a point stay texts, for money is not a float."""
        try:
            found = json.loads(raw, parse_float=str)
        except (ValueError, RecursionError):
            kind = answer.headers.get("Content-Type", "no type").partition(";")[0]
            raise Unreadable(
                f"The answer to {name} is no JSON (HTTP {answer.status_code}, {len(raw)} bytes, {self.credentials.veil(kind)[:60]}): "
                "an error page, or cut off; pull again later, and check the gateway's address."
            ) from None
        if not isinstance(found, dict):
            raise Unreadable(f"The answer to {name} is no JSON object; check the gateway's address.")
        found.setdefault(SKEW, self._skew(answer))
        return found

    def _skew(self, answer: httpx.Response) -> str:
        """How far our clock is from the platform's, in words; empty where it is near or not known."""
        theirs = _date(answer.headers.get("Date"))
        off = (self.setting.now() - theirs).total_seconds() if theirs else 0
        return f", it is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}" if abs(off) > _SKEW_NOTED else ""


# Under this key an answer carries what we found out about the clocks; no platform names a field so.
SKEW = "\0skew"
_QUERY = "ecops.query"


class _BelowTheLog(httpx.HTTPTransport):
    """Adds the query of a call below the client, which writes the address it knows to its log."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        query = request.extensions.get(_QUERY)
        if query:
            inner = httpx.Request(
                request.method, request.url.copy_merge_params(query), headers=request.headers, stream=request.stream, extensions=request.extensions
            )
            return super().handle_request(inner)
        return super().handle_request(request)


def _after(text: str | None, now: datetime) -> float | None:
    """`Retry-After`, in seconds or as a date, as seconds from `now`."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    moment = _date(text)
    return max(0.0, (moment - now).total_seconds()) if moment else None


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None

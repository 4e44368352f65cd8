"""Topics: what can be pulled from a shop, each by one call; and the shop that has them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ecops.platforms.client import Request, Session
from ecops.platforms.credentials import Credentials
from ecops.platforms.errors import TooMany
from ecops.platforms.rows import Origin, Raw, Read
from ecops.platforms.windows import Cut, Limits, Window, asked, cut, floor
from ecops.shop.cells import SHOP_ZONE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# No platform is older: a snapshot asks from here.
LONG_AGO = datetime(2003, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Topic:
    """One thing to pull.

    `call`: the call that gives it. `read`: raw rows changed between two moments. `tell`: raw rows as rows of kinds. `grain`: an
    hour or a day where it is a report, whose windows are whole hours or days of the shop that have ended. `snapshot`: everything
    is read, whatever the window, for what it tells (stock) changes without leaving a change time. `by_change`: `read` heeds its
    moments, so what changes during a snapshot is read after it.
    """

    call: str
    limits: Limits
    read: Callable[[datetime, datetime], list[Raw]]
    tell: Callable[[list[Raw], Origin], Iterator[Read]]
    grain: timedelta | None = None
    snapshot: bool = False
    by_change: bool = True


class Shop:
    """A shop on a platform: its topics, cut into windows and read one window at a time. Implements `client.Platform`."""

    name = ""
    lacking: Mapping[str, str] = {}

    def __init__(self, shop: str, session: Session) -> None:
        """`shop`: its key in ecops; `session`: signed calls with its credentials."""
        self.shop, self.session = shop, session
        self.topics = self._topics()

    @property
    def kinds(self) -> Mapping[str, str]:
        """The topics it can pull, each with the call that gives it."""
        return {name: topic.call for name, topic in self.topics.items()}

    def windows(self, kind: str, since: datetime, until: datetime) -> Cut:
        """[since, until) (aware) of a topic as windows that the platform allows now; a snapshot is one window."""
        topic, now = self.topics[kind], self.session.setting.now()
        if topic.grain:
            since, until = _floor(since, topic.grain), _floor(min(until, now - topic.limits.lag), topic.grain)
            return cut(since, max(since, until), now, topic.limits)
        found = cut(since, max(since, until), now, topic.limits)
        if topic.snapshot and found.windows:
            return Cut((Window(found.windows[0].since, found.until),), None, found.until)
        return found

    def pull(self, kind: str, since: datetime, until: datetime) -> Iterator[Read]:
        """Rows of a topic in one window (aware), as `client.Platform.pull` says."""
        topic = self.topics[kind]
        # Before anything is read: what happens while we read may not be in it.
        began = self.session.setting.now()
        raws = self._halving(topic, Window(LONG_AGO if topic.snapshot else since, until))
        now = floor(self.session.setting.now())
        if topic.snapshot and topic.by_change and now > until:
            raws += self._halving(topic, Window(until, now))
        yield from topic.tell(raws, Origin(self.shop, topic.call, began))

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def _topics(self) -> dict[str, Topic]:
        raise NotImplementedError

    def _signed(self, name: str, params: Mapping[str, Any], credentials: Credentials, token: bool) -> Request:
        """The call as a request; without the access token where `token` is False."""
        raise NotImplementedError

    def _answer(self, name: str, found: dict[str, Any]) -> Mapping[str, Any]:
        """What the call answered, out of its envelope. Raises PlatformError for an error."""
        raise NotImplementedError

    def _renew(self) -> Credentials:
        """Credentials with a new access token, by the refresh token held."""
        raise NotImplementedError

    def _call(self, name: str, params: Mapping[str, Any], token: bool = True) -> Mapping[str, Any]:
        def build(credentials: Credentials) -> Request:
            return self._signed(name, params, credentials, token)

        def read(found: dict[str, Any]) -> Mapping[str, Any]:
            return self._answer(name, found)

        return self.session.call(name, build, read, self._renew if token else None)

    def _halving(self, topic: Topic, window: Window) -> list[Raw]:
        """A window with more rows than can be paged through is read as two."""
        try:
            return topic.read(*asked(window, topic.limits))
        except TooMany:
            halves = None if topic.grain else window.halves()
            if halves is None:
                raise
        return [row for half in halves for row in self._halving(topic, half)]


def local_days(since: datetime, until: datetime) -> list[str]:
    """The shop's calendar days that begin in [since, until), as `yyyy-MM-dd`."""
    return sorted({f"{moment.astimezone(ZoneInfo(SHOP_ZONE)):%Y-%m-%d}" for moment in _hours(since, until)})


def local_hours(since: datetime, until: datetime) -> list[datetime]:
    """The hours that begin in [since, until), in the shop's zone."""
    return [moment.astimezone(ZoneInfo(SHOP_ZONE)) for moment in _hours(since, until)]


def _hours(since: datetime, until: datetime) -> Iterator[datetime]:
    since = _floor(since, HOUR)
    while since < until:
        yield since
        since += HOUR


def _floor(moment: datetime, grain: timedelta) -> datetime:
    """The start of the hour or of the shop's day that `moment` lies in, in UTC."""
    local = moment.astimezone(ZoneInfo(SHOP_ZONE)).replace(minute=0, second=0, microsecond=0)
    return (local if grain == HOUR else local.replace(hour=0)).astimezone(UTC)

"""What may go wrong with a platform. One sentence each: what, where, remedy; never a secret.

Who raises them veils what the platform said first (`Credentials.veil`), for a gateway may echo the token it refuses.
"""

from ecops.errors import EcopsError
from ecops.shop.personal import without_phones

_SAID = 200  # characters of a platform's own words that fit into a sentence


class PlatformError(EcopsError):
    """Base of them all."""

    exit_code, http = 5, 502


class NoCredentials(PlatformError):
    """No credentials are set for the shop, or they cannot be read."""

    exit_code, http = 4, 404


class Refused(PlatformError):
    """The platform answered no, and the same call again would be answered no again.

    `code` and `sub_code` are the platform's; `permission`: what lacks is a permission the app has to apply for.
    """

    exit_code, http = 1, 502

    def __init__(self, call: str, code: str, said: str, remedy: str, sub_code: str = "", permission: bool = False) -> None:
        super().__init__(f"{call} was refused ({spoken(' '.join(filter(None, (code, sub_code))))}): {spoken(said)}; {remedy}.")
        self.call, self.code, self.sub_code, self.permission = call, code, sub_code, permission


class TooMany(Refused):
    """One window holds more rows than the platform lets us page through: ask for a shorter one."""


class TokenExpired(PlatformError):
    """The access token has run out or was withdrawn."""

    exit_code, http = 3, 409


class RateLimited(PlatformError):
    """Too many calls; `after` (seconds) is when the platform wants to be asked again, where it says so."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Unavailable(PlatformError):
    """No answer, or the platform is out of order; nothing was read, and asking later is safe."""


class Unreadable(PlatformError):
    """An answer that is not what the platform documents; nothing of it is kept."""


def spoken(text: str) -> str:
    """A platform's words as an error may repeat them: on one line, short, without phone numbers."""
    line = without_phones(" ".join(str(text).split()))
    return line if len(line) <= _SAID else f"{line[:_SAID]}…"

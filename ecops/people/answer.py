"""What became of a message, judged from what went over the wire."""

import json
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

from ecops.people.services import Service
from ecops.people.wire import Heard, Wire

_GONE = (401, 403, 404, 410)
_LONGEST_WAIT = timedelta(days=1)
_TOO_OFTEN = re.compile(r"too fast|too many|frequen|freq out|rate limit|频率|频繁|限流", re.I)
_WORDS = ("errmsg", "msg", "StatusMessage", "message", "description", "error")


@dataclass(frozen=True)
class Answer:
    """`state` is sent, refused (said no, or nothing was sent: may be tried again), busy (too often) or unsure (the answer was lost: it may have arrived).

    `reason` is one sentence without secrets. `final`: refused for good, so trying again is pointless.
    """

    state: str
    reason: str
    retry_after: timedelta | None = None
    final: bool = False


def judge(wire: Wire, service: Service, who: str, claimed: bool, veil: Callable[[str], str]) -> Answer:
    """`who` is the address as it may be shown; `claimed` is apprise's own verdict, which decides nothing where the wire says more."""
    if wire.heard:
        return _http(wire.heard, service, who, veil)
    if wire.taken:
        return Answer("sent", f"The mail server of {who} took the mail.")
    if wire.unsafe:
        return Answer("refused", f"Nothing was sent to {who}: {wire.unsafe}.", final=True)
    if (reply := _mail_reply(wire)) is not None:
        return _mail(*reply, who, veil)
    if wire.left or (claimed and wire.trouble is None):
        return Answer("unsure", f"{who} was reached and its answer was lost ({_why(wire)}): the message may have arrived.")
    if isinstance(wire.trouble, smtplib.SMTPNotSupportedError):
        return Answer("refused", f"The mail server of {who} does not offer the encryption or login that the address asks for.", final=True)
    return Answer("refused", f"Nothing was sent to {who}: {_why(wire)}.")


def _http(heard: Heard, service: Service, who: str, veil: Callable[[str], str]) -> Answer:
    answer = _object(heard.body)
    code = _code(answer, service.codes)
    said = f"{who} answered {heard.status}{f' with code {code}' if code is not None and service.good != {1} else ''}{_quoted(answer, veil)}"
    wait = _retry_after(heard.headers, answer)
    if 300 <= heard.status < 400:
        return Answer("refused", f"{who} answered {heard.status} and points to another address; the message was not sent there.", final=True)
    good = 200 <= heard.status < 300
    accepted = code in service.good if service.codes else good
    if heard.status == 429 or (not (good and accepted) and (code in service.busy or (service.codes and _TOO_OFTEN.search(said)))):
        return Answer("busy", f"{said}: too many messages.", wait if wait is not None else service.busy.get(code))
    if code in service.final or heard.status in _GONE:
        return Answer("refused", f"{said}; it will not take this message later either.", final=True)
    if good and accepted:
        return Answer("sent", f"{who} took the message.")
    if good and code is None:
        return Answer("unsure", f"{said}, but not whether it took the message: it may have arrived.")
    if heard.status == 504:
        # A gateway lost the answer of the service behind it, which may have acted.
        return Answer("unsure", f"{said}: a gateway lost the answer, and the message may have arrived.", wait)
    return Answer("refused", f"{said}.", wait)


def _object(body: bytes | None) -> Mapping:
    try:
        found = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _code(answer: Mapping, names: tuple[str, ...]) -> int | None:
    for name in names:
        if isinstance(value := answer.get(name), int):
            return int(value)
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
            return int(value)
    return None


def _quoted(answer: Mapping, veil: Callable[[str], str]) -> str:
    words = next((value for name in _WORDS if isinstance(value := answer.get(name), str) and value.strip()), "")
    return f': "{_short(veil(words))}"' if words else ""


def _short(words: str) -> str:
    plain = " ".join("".join(mark if mark.isprintable() else " " for mark in words).split())
    return plain if len(plain) <= 160 else plain[:159] + "…"


def _retry_after(headers: Mapping[str, str], answer: Mapping) -> timedelta | None:
    """Seconds, or a date held against the answer's own Date, for our clock and theirs may differ. Telegram writes it in the body."""
    named = {name.lower(): value for name, value in headers.items()}
    parameters = answer.get("parameters")
    asked = named.get("retry-after", str(parameters.get("retry_after", "")) if isinstance(parameters, dict) else "").strip()
    if asked.isascii() and asked.isdigit():
        return min(timedelta(seconds=int(asked[:9])), _LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(named["date"])
    except (ValueError, TypeError, KeyError):
        return None
    return min(max(wait, timedelta()), _LONGEST_WAIT)


def _mail_reply(wire: Wire) -> tuple[int, str] | None:
    """Code and words of the mail server that said no, or None. A reply that is none, after the content left, says nothing."""
    error = wire.trouble
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, words = error.smtp_code, error.smtp_error
    else:
        return None
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return (code, text) if 400 <= code < 600 or not wire.left else None


def _mail(code: int, words: str, who: str, veil: Callable[[str], str]) -> Answer:
    final = 500 <= code < 600
    return Answer("refused", f'The mail server of {who} answered {code}: "{_short(veil(words))}"{"; it will not take this mail later either" if final else ""}.', final=final)


def _why(wire: Wire) -> str:
    """Our own words for what failed: the libraries' words hold the address with its token."""
    kinds = tuple(_roots(wire.trouble))
    if any(isinstance(error, socket.gaierror) for error in kinds):
        return "its host name was not found"
    if any(isinstance(error, ConnectionRefusedError) for error in kinds):
        return "the connection was refused"
    if any(isinstance(error, ssl.SSLError) for error in kinds):
        return "the encryption could not be agreed on or its certificate does not hold"
    if any(isinstance(error, TimeoutError) or "Timeout" in type(error).__name__ for error in kinds):
        return f"no answer within {wire.timeout:g} s"
    if kinds:
        return "the connection broke"
    return "apprise did not accept the message for this address"


def _roots(error: object, depth: int = 8) -> Iterator[BaseException]:
    """An exception with all that it was raised from; requests keeps urllib3's in its arguments, urllib3 its own in `reason`."""
    if not isinstance(error, BaseException) or depth == 0:
        return
    yield error
    for inner in (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args):
        yield from _roots(inner, depth - 1)

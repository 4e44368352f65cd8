"""What went over the wire while apprise sent one message.

apprise's `notify` says True or False; whether a failed message may have arrived it does not say. So requests, urllib3 and smtplib are wrapped once, by
`install`; the wrappers act only where this thread holds a `Wire` (a context variable, so threads never mix), and leave every other use of these
libraries alone. While it is held: one request to one place, redirects are not followed, proxies and .netrc of the environment are not asked, an answer is
read up to 64 kB, and the logs of apprise and urllib3, which name tokens, are silent.
"""

import functools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

_ANSWER_BYTES = 64 * 1024
_TALKATIVE = ("apprise", "requests", "urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")
# Where clouds hand out credentials of the machine; the rest of them lie on link-local addresses.
_METADATA = {ip_address("100.100.100.200"), ip_address("fd00:ec2::254")}


@dataclass(frozen=True)
class Heard:
    """An HTTP answer. `body` is None where it was lost after the headers."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


@dataclass
class Wire:
    """One sending. `left`: the message may have left this machine, so silence from here on is not a no."""

    timeout: float
    encrypted: bool = False
    left: bool = False
    taken: bool = False                 # a mail server said it has the mail
    heard: Heard | None = None
    trouble: BaseException | None = None
    unsafe: str | None = None


class UnsafePeer(OSError):
    """The other end is one to which no message goes; nothing was sent."""


_held: ContextVar[Wire | None] = ContextVar("ecops_wire", default=None)
_lock = threading.Lock()
_installed = False


@contextmanager
def hold(wire: Wire) -> Iterator[Wire]:
    """Records into `wire` what this thread sends inside the block."""
    install()
    token = _held.set(wire)
    try:
        yield wire
    finally:
        _held.reset(token)


def install() -> None:
    """Wraps the libraries, once for the life of the process."""
    global _installed
    with _lock:
        if _installed:
            return
        _wrap_http()
        _wrap_mail()
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(lambda record: _held.get() is None)
        _installed = True


def peer_fault(address: str, encrypted: bool) -> str | None:
    """Why no message goes to this numeric address, or None. Own networks and loopback are allowed, for receivers of one's own lie there."""
    ip = ip_address(address.split("%")[0])
    ip = (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in _METADATA:
        return "the address is link-local, multicast or a cloud's metadata service"
    if not encrypted and ip.is_global:
        return "it would travel unencrypted over the public network"
    return None


def _wrap_http() -> None:
    import requests
    from urllib3.connection import HTTPConnection, HTTPSConnection

    def request(ask: Callable) -> Callable:
        @functools.wraps(ask)
        def recorded(self, method, url, **given):
            wire = _held.get()
            if wire is None:
                return ask(self, method, url, **given)
            if wire.heard or wire.trouble:
                raise requests.ConnectionError("one message is one request")
            self.trust_env = False
            given |= {"timeout": (wire.timeout, wire.timeout), "allow_redirects": False, "stream": True}
            try:
                answer = ask(self, method, url, **given)
            except Exception as error:
                wire.trouble = error
                raise
            wire.heard = _read(answer)
            return answer

        return recorded

    def connect(reach: Callable, encrypted: bool) -> Callable:
        @functools.wraps(reach)
        def recorded(self):
            reach(self)
            if (wire := _held.get()) is not None:
                _admit(wire, self.sock, encrypted)
                wire.left = True

        return recorded

    requests.Session.request = request(requests.Session.request)
    HTTPConnection.connect = connect(HTTPConnection.connect, encrypted=False)
    HTTPSConnection.connect = connect(HTTPSConnection.connect, encrypted=True)


def _read(answer) -> Heard:
    """Reads a bounded piece of the answer and closes it; apprise finds that piece as its content."""
    import requests

    body: bytes | None = b""
    try:
        for piece in answer.iter_content(8192):
            body += piece
            if len(body) >= _ANSWER_BYTES:
                break
    except (requests.RequestException, OSError):
        body = None
    answer.close()
    answer._content, answer._content_consumed = body or b"", True
    return Heard(answer.status_code, dict(answer.headers), body)


def _wrap_mail() -> None:
    import smtplib

    def noted(act: Callable) -> Callable:
        @functools.wraps(act)
        def recorded(self, *given, **named):
            try:
                return act(self, *given, **named)
            except Exception as error:
                if (wire := _held.get()) is not None and wire.trouble is None:
                    wire.trouble = error
                raise

        return recorded

    def connect(reach: Callable) -> Callable:
        @functools.wraps(reach)
        def recorded(self, *given, **named):
            if (wire := _held.get()) is None:
                return reach(self, *given, **named)
            reply = reach(self, *given, **named)
            _admit(wire, self.sock, wire.encrypted)
            return reply

        return recorded

    def data(give: Callable) -> Callable:
        @functools.wraps(give)
        def recorded(self, *given):
            self._ecops_in_data = True
            try:
                return give(self, *given)
            finally:
                self._ecops_in_data = False

        return recorded

    def getreply(listen: Callable) -> Callable:
        @functools.wraps(listen)
        def recorded(self):
            code, words = listen(self)
            # From 354 on the mail's content leaves; before it the server has nothing it could deliver.
            if code == 354 and getattr(self, "_ecops_in_data", False) and (wire := _held.get()) is not None:
                wire.left = True
            return code, words

        return recorded

    def sendmail(give: Callable) -> Callable:
        @functools.wraps(give)
        def recorded(self, *given, **named):
            refused = give(self, *given, **named)
            if (wire := _held.get()) is not None:
                wire.taken = True
            return refused

        return recorded

    kind = smtplib.SMTP
    kind.connect, kind.data, kind.getreply = connect(kind.connect), data(kind.data), getreply(kind.getreply)
    kind.__init__, kind.starttls, kind.login = noted(kind.__init__), noted(kind.starttls), noted(kind.login)
    kind.sendmail = noted(sendmail(kind.sendmail))


def _admit(wire: Wire, sock, encrypted: bool) -> None:
    """Looks at who is really at the other end: a name could have resolved to one address when checked and to another now."""
    wire.unsafe = peer_fault(sock.getpeername()[0], encrypted)
    if wire.unsafe:
        sock.close()
        raise UnsafePeer(wire.unsafe)

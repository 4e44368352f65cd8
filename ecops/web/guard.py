"""What stands before every page: known hosts only, no writes from other sites, bounded bodies, headers that keep browsers strict. Pure ASGI."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecops.errors import EcopsError

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_FILE = 20 * 1024 * 1024
_MAX_BODY = MAX_FILE + 1024 * 1024
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class TooLarge(EcopsError):
    """More bytes than a page takes."""

    http = 413


class Guard:
    """Wraps the pages. `allowed_hosts` are names beyond localhost under which this server may be asked."""

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str] = ()) -> None:
        self.app, self.hosts = app, LOCAL | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        send = _strict(send)
        if _name(headers.get("host", "")) not in self.hosts:
            # A page of another site that had its own name point here (DNS rebinding) ends at this line.
            return await PlainTextResponse("This server does not answer to that host name.", 400)(scope, receive, send)
        if "\0" in scope["path"] or b"%00" in scope["query_string"] or "%00" in headers.get("cookie", ""):
            return await PlainTextResponse("地址里有不可用的字符。 The address holds a character that no text has.", 400)(scope, receive, send)
        if scope["method"] not in _SAFE and not same_origin(headers):
            return await PlainTextResponse("来自其他网站的请求被拒绝。 A request from another site is refused.", 403)(scope, receive, send)
        if (length := headers.get("content-length", "")).isdecimal() and int(length) > _MAX_BODY:
            return await PlainTextResponse(f"文件超过 {MAX_FILE >> 20} MB,请压缩后再传。 The file is larger than {MAX_FILE >> 20} MB.", 413, {"Connection": "close"})(scope, receive, send)
        return await self.app(scope, _bounded(receive), send)


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def same_origin(headers: Headers) -> bool:
    """What a browser says about where a request comes from, when it says something, is this site."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""


def _strict(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > _MAX_BODY:
            raise TooLarge(f"The file is larger than {MAX_FILE >> 20} MB.")
        return message

    return receiving

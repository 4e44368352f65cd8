"""A channel: the address through which a message reaches a person, checked, veiled, and sent to through apprise.

The sender's contract is `send`: it never raises for what the other side does, and tells apart what may be tried again (refused, busy) from what may have
arrived (unsure). Nothing is repeated here. apprise is asked for one plugin at a time and only inside functions: its import costs 0.2 s. It keeps nothing on disk,
does not wait between messages (the sender does, by `allowance`), and follows no redirect. See `wire` and `services`.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from ipaddress import ip_address
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlencode, urlsplit

from ecops.errors import BadCall
from ecops.people.answer import Answer, judge
from ecops.people.services import SERVICES, Service
from ecops.people.wire import Wire, hold, peer_fault

__all__ = ["Answer", "allowance", "check", "cut", "digest", "send", "veiled"]

_LONGEST_ADDRESS = 2048
_TITLE_BYTES = 240
_SHORTEST_SECRET = 4
_METHODS = ("POST", "PUT")


def check(url: str) -> None:
    """Raises BadCall where `url` is no address a message can safely go to; the sentence says how to write one and repeats no secret."""
    service = _service(url)
    if len(url) > _LONGEST_ADDRESS or not url.strip().isprintable() or " " in url.strip():
        raise BadCall(f"The address {veiled(url)} holds blanks or control characters or is longer than {_LONGEST_ADDRESS}: write it as {service.example}.")
    for name, value in _parameters(url):
        if name not in service.parameters and not (service.extras and name[:1] in ("+", "-", ":")):
            raise BadCall(f"The address {veiled(url)} has the parameter {name!r}, which is not allowed: leave it out{_allowed(service)}.")
        if name == "method" and value.upper() not in _METHODS:
            raise BadCall(f"The address {veiled(url)} asks for the method {value[:20]!r}: write {' or '.join(_METHODS)}.")
    with hold(Wire(timeout=0)):
        plugin = _plugin(url, service)
    if plugin is None:
        raise BadCall(f"The address {veiled(url)} cannot be read: write it as {service.example}.")
    if not _one_place(plugin):
        raise BadCall(f"The address {veiled(url)} does not lead to exactly one place: give each its own address, written as {service.example}.")
    if fault := _host_fault(url, service, plugin):
        raise BadCall(f"The address {veiled(url)} is not safe: {fault}. Write another, as {service.example}.")


def veiled(url: str) -> str:
    """What may be shown of an address: its schema, and its host where that is one and no token."""
    schema = _schema(url)
    service = SERVICES.get(schema)
    shown = schema if re.fullmatch(r"[a-z0-9+.-]{1,20}", schema) else "***"
    host = _host(url) if service and service.hosted else ""
    return f"{shown}://{host}/***" if host else f"{shown}://***"


def digest(url: str) -> str:
    """The channel's key: sha256 of the address without what does not matter (case of schema and host, order of parameters, a last slash)."""
    schema, _, rest = url.strip().partition("://")
    address, _, _ = rest.partition("?")
    where, slash, path = address.partition("/")
    user, at, host = where.rpartition("@")
    service = SERVICES.get(schema.lower())
    host = host.lower() if service and service.hosted else host
    known = f"{schema.lower()}://{user}{at}{host}{(slash + path).rstrip('/')}?{urlencode(sorted(_parameters(url)))}"
    return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()


def allowance(url: str) -> tuple[int, timedelta]:
    """How many messages the service takes from this channel in which span. Raises BadCall for a service that is not known."""
    return _service(url).allowance


def send(url: str, title: str, body: str, timeout: float = 10.0) -> Answer:
    """Sends one message once and says what became of it. `timeout` in seconds holds for each wait, for the connection and for the answer.

    A body that is too long for the service is cut on a line's end. Raises BadCall as `check` does.
    """
    check(url)
    service = _service(url)
    wire = Wire(timeout=timeout)
    with hold(wire):
        plugin = _plugin(url, service)
        wire.encrypted = getattr(plugin, "secure_mode", "insecure") != "insecure"
        plugin.socket_connect_timeout = plugin.socket_read_timeout = timeout
        title, body = _fit(title, body, service)
        if not body:
            return Answer("refused", f"Nothing was sent to {veiled(url)}: the message is empty.", final=True)
        try:
            claimed = plugin.notify(body=body, title=title, overflow="upstream", body_format="text")
        except Exception as error:  # a plugin's own slip; what had left by then decides
            claimed, wire.trouble = False, wire.trouble or error
    return judge(wire, service, veiled(url), claimed, _veil(url, service))


def cut(body: str, room: int, size: Callable[[str], int]) -> str:
    """`body` within `room` as `size` counts, cut on a line's end with a last line that says how many lines are not shown whole."""
    if size(body) <= room:
        return body
    lines = body.split("\n")
    kept, used = 0, 0
    for line in lines:
        used += size(line + "\n")
        if used + size(_closing(len(lines) - kept - 1)) > room:
            break
        kept += 1
    if kept:
        return "\n".join([*lines[:kept], _closing(len(lines) - kept)])
    return f"{_start(lines[0], room - size(chr(10) + _closing(len(lines))), size)}\n{_closing(len(lines))}"


def _closing(left: int) -> str:
    return f"…(还有 {left} 行 / {left} more lines)"


def _start(line: str, room: int, size: Callable[[str], int]) -> str:
    """The longest beginning of `line` that fits; whole characters only."""
    low, high = 0, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(line[:middle]) <= room else (low, middle - 1)
    return line[:low]


def _fit(title: str, body: str, service: Service) -> tuple[str, str]:
    title, body = (text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n") for text in (title, body))
    title = " ".join(title.split())  # one line: it becomes a header of a mail
    if service.size(title) > _TITLE_BYTES:
        title = _start(title, _TITLE_BYTES - service.size("…"), service.size) + "…"
    if not body.strip():
        title, body = "", title
    return title, cut(body.strip("\n"), service.limit - service.size(title + "\r\n"), service.size)


def _service(url: str) -> Service:
    schema = _schema(url)
    if schema in SERVICES:
        return SERVICES[schema]
    if schema in ("http", "https"):
        raise BadCall("An address of the web says not which service it is: write dingtalk://TOKEN, feishu://TOKEN or wecombot://KEY with the last part of "
                      "the robot's address, or jsons://HOST/PATH for a receiver of your own.")
    raise BadCall(f"The address {veiled(url)} is of no service that messages go through: write one of {', '.join(SERVICES)}, such as dingtalk://TOKEN.")


def _allowed(service: Service) -> str:
    return f"; allowed are {', '.join(sorted(service.parameters))}" if service.parameters else ""


def _schema(url: str) -> str:
    schema, found, _ = url.strip().partition("://")
    return schema.lower() if found else ""


def _parameters(url: str) -> list[tuple[str, str]]:
    """Names and values of the query, in order; a leading + of a name stays, for it marks a header."""
    pairs = (pair.partition("=") for pair in url.strip().partition("?")[2].split("&") if pair)
    return [(unquote(name), unquote_plus(value)) for name, _, value in pairs]


def _host(url: str) -> str:
    """Host and port where the address has them; a word alone may be a topic or a device's key, and is taken for one."""
    try:
        parts = urlsplit("//" + url.strip().partition("://")[2])
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if not re.fullmatch(r"[a-z0-9.:_-]+", host) or not ("." in host or ":" in host or host == "localhost" or port):
        return ""
    return f"{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


def _plugin(url: str, service: Service):
    """apprise's plugin for `url`, set to send once, at once, as plain text; None where it cannot read the address."""
    from apprise import AppriseAsset, NotifyFormat

    module, name = service.plugin.split(".")
    kind = getattr(import_module(f"apprise.plugins.{module}"), name)
    asset = AppriseAsset(app_id="ecops", http_redirects=False, storage_mode="memory", pgp_autogen=False, pem_autogen=False)
    try:
        told = kind.parse_url(url.strip())
        plugin = kind(**{**told, "asset": asset}) if told else None
    except (TypeError, ValueError, AttributeError, KeyError):
        return None
    if plugin is not None:
        plugin.retry, plugin.request_rate_per_sec, plugin.notify_format = 0, 0, NotifyFormat.TEXT
        if getattr(plugin, "secret", None) and hasattr(plugin, "get_signature"):
            # apprise 1.13 encodes DingTalk's signature and lets requests encode it again; DingTalk decodes once and says
            # "sign not match" (the same fault: wowiwj/ding-notice#11).
            plugin.get_signature = lambda signed=plugin.get_signature: tuple(map(unquote, signed()))
    return plugin


def _one_place(plugin) -> bool:
    kind = type(plugin).__name__
    if kind == "NotifyDingTalk":
        return True  # its targets are who is called by name in the one message
    if kind == "NotifySlack":
        return plugin.mode == "hook" and len(plugin.channels) == 1
    if kind == "NotifyPushplus":
        return len(plugin.topics) <= 1 and not plugin.invalid_targets
    if kind == "NotifyTelegram":
        return len(plugin.targets) == 1  # without one, apprise would ask Telegram who wrote last
    if kind == "NotifyEmail":
        return len(plugin.targets) == 1 and not plugin.cc and not plugin.bcc
    return len(plugin) == 1


def _host_fault(url: str, service: Service, plugin) -> str | None:
    """For a host written as a number; names are looked at when the connection stands."""
    if not service.hosted:
        return None
    encrypted = plugin.secure_mode != "insecure" if hasattr(plugin, "secure_mode") else _schema(url).endswith("s")
    try:
        parts = urlsplit("//" + url.strip().partition("://")[2])
        named = {parts.hostname or "", str(getattr(plugin, "smtp_host", None) or plugin.host or "").strip("[]")}
        if parts.port == 0:
            return "its port is 0"
    except ValueError:
        return "its host or port cannot be read"
    return next((fault for host in sorted(named) if _is_number(host) and (fault := peer_fault(host, encrypted))), None)


def _is_number(host: str) -> bool:
    try:
        ip_address(host.split("%")[0])
    except ValueError:
        return False
    return True


def _veil(url: str, service: Service) -> Callable[[str], str]:
    """Strikes out of the other side's words whatever of the address is not shown, also as it is written inside an address."""
    address = url.strip().partition("://")[2].partition("?")[0]
    where, _, path = address.partition("/")
    user, _, host = where.rpartition("@")
    pieces = [*user.split(":"), *path.split("/"), *(value for _, value in _parameters(url)), *([] if service.hosted and _host(url) else [host])]
    plain = {unquote(piece) for piece in pieces} | {part for piece in pieces for part in unquote(piece).split(":")}
    secrets = {form for piece in plain if len(piece) >= _SHORTEST_SECRET for form in (piece, quote(piece), quote(piece, safe=""), quote_plus(piece))}

    def veil(text: str) -> str:
        for secret in sorted(secrets, key=len, reverse=True):
            text = re.sub(re.escape(secret), "***", text, flags=re.I)
        return text

    return veil

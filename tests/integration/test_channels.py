"""Messages to people against receivers on loopback: what arrived, and whether every end is told apart from the others.

The plugins of DingTalk, Feishu, Lark, WeCom and the like have fixed addresses, held in `notify_url` of their class; the tests point that at the receiver,
and everything else is the real plugin over a real connection.
"""

import hmac
import json
import logging
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from importlib import import_module

import pytest
from werkzeug import Request, Response

from ecops.errors import BadCall
from ecops.people import channel, wire
from ecops.people.services import SERVICES, escaped, utf8

TITLE, BODY = "双11 预热：价格冻结 Freeze prices", "店铺：拾光旗舰店\n截止：20:00\nhttp://localhost/items/7"
TOKEN = "tok3nTok3nTok3nTok3nTok3nTok3nTok3n"
SHORT = 0.3

CHATS = {
    "dingtalk": (f"dingtalk://{TOKEN}", "dingtalk.NotifyDingTalk", "/{token}", {"errcode": 0, "errmsg": "ok"}),
    "feishu": (f"feishu://{TOKEN}", "feishu.NotifyFeishu", "/{token}", {"code": 0, "msg": "success"}),
    "lark": (f"lark://{TOKEN}", "lark.NotifyLark", "/", {"StatusCode": 0, "StatusMessage": "success"}),
    "wecombot": (f"wecombot://{TOKEN}", "wecombot.NotifyWeComBot", "/{key}", {"errcode": 0, "errmsg": "ok"}),
    "schan": (f"schan://{TOKEN}", "serverchan.NotifyServerChan", "/{token}", {"code": 0, "message": ""}),
    "pushplus": (f"pushplus://{TOKEN}", "pushplus.NotifyPushplus", "/", {"code": 200, "msg": "请求成功"}),
    "tgram": ("tgram://123456789:tok3nTok3nTok3n/12345678", "telegram.NotifyTelegram", "/bot", {"ok": True, "result": {}}),
    "slack": (f"slack://T1JJ3T3L2/A1BRTD4JD/{TOKEN[:24]}/#ops", "slack.NotifySlack", "", "ok"),
}


@pytest.fixture
def chat(httpserver, monkeypatch):
    """Points a chat's plugin at the receiver, which gives `answers` in turn; gives back the address."""

    def point(name, *answers):
        url, plugin, path, good = CHATS[name]
        module, kind = plugin.split(".")
        here = f"http://127.0.0.1:{httpserver.port}"
        field = "webhook_url" if name == "slack" else "notify_url"
        monkeypatch.setattr(getattr(import_module(f"apprise.plugins.{module}"), kind), field, here + path)
        given = list(answers) or [good]
        httpserver.expect_request(_any()).respond_with_handler(lambda request: _response(given.pop(0) if len(given) > 1 else given[0]))
        return url

    return point


@pytest.fixture
def own(httpserver):
    """The address of a receiver of one's own that gives this answer."""

    def give(answer="", schema="json", path="/hook"):
        httpserver.expect_request(path).respond_with_handler(lambda request: _response(answer))
        return f"{schema}://127.0.0.1:{httpserver.port}{path}"

    return give


def _any():
    from re import compile

    return compile(".*")


def _response(answer) -> Response:
    if isinstance(answer, Response):
        return answer
    return Response(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False), content_type="application/json")


def _requests(httpserver) -> list[Request]:
    return [request for request, _ in httpserver.log]


@contextmanager
def receiver(meet):
    """A receiver below HTTP: `meet(connection)` does what it likes. Gives its port."""

    class Meeting(socketserver.BaseRequestHandler):
        def handle(self):
            meet(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Meeting) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _take(connection) -> bytes:
    """Reads one HTTP request whole."""
    told = b""
    while b"\r\n\r\n" not in told:
        told += connection.recv(65536)
    head, _, body = told.partition(b"\r\n\r\n")
    length = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split(b":")[1])
    while len(body) < length:
        body += connection.recv(65536)
    return body


def _reset(connection) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# What arrives.


@pytest.mark.parametrize("name", CHATS)
def test_a_chat_gets_title_and_body_whole(name, chat, httpserver):
    answer = channel.send(chat(name), TITLE, BODY)
    assert (answer.state, answer.final) == ("sent", False), answer
    (request,) = _requests(httpserver)
    told = json.dumps(request.get_json(), ensure_ascii=False) if name != "schan" else json.dumps(request.form, ensure_ascii=False)
    for piece in ("双11 预热：价格冻结 Freeze prices", "店铺：拾光旗舰店", "截止：20:00", "http://localhost/items/7"):
        assert piece in told


def test_dingtalk_can_verify_the_signature(chat, httpserver):
    """open.dingtalk.com "安全设置": HMAC-SHA256 of timestamp, newline and secret, in base64, encoded once as part of the address."""
    chat("dingtalk")
    assert channel.send(f"dingtalk://SECgeheim123@{TOKEN}", TITLE, BODY).state == "sent"
    told = _requests(httpserver)[0].args
    signed = hmac.new(b"SECgeheim123", f"{told['timestamp']}\nSECgeheim123".encode(), "sha256").digest()
    assert b64decode(told["sign"], validate=True) == signed


def test_own_receivers_get_json_and_form(own, httpserver):
    assert channel.send(own() + "?+X-Key=geheim", TITLE, BODY).state == "sent"
    assert channel.send(own(schema="form", path="/form"), TITLE, BODY).state == "sent"
    first, second = _requests(httpserver)
    assert (first.get_json()["title"], first.get_json()["message"], first.headers["X-Key"]) == (TITLE, BODY, "geheim")
    assert (second.form["title"], second.form["message"]) == (TITLE, BODY)


def test_a_phone_gets_what_bark_and_ntfy_take(httpserver):
    httpserver.expect_request("/push").respond_with_json({"code": 200, "message": "success"})
    httpserver.expect_request("/").respond_with_json({"id": "x"})
    assert channel.send(f"bark://127.0.0.1:{httpserver.port}/devicekey", TITLE, BODY).state == "sent"
    assert channel.send(f"ntfy://127.0.0.1:{httpserver.port}/shop", TITLE, BODY).state == "sent"
    first, second = (request.get_json() for request in _requests(httpserver))
    assert (first["title"], first["body"]) == (TITLE, BODY)
    assert (second["topic"], second["title"], second["message"]) == ("shop", TITLE, BODY)


@pytest.mark.parametrize("name", ["wecombot", "dingtalk", "feishu", "lark"])
def test_a_long_body_is_cut_on_a_lines_end(name, chat, httpserver):
    lines = [f"{number:04d} 价格冻结 😀 待确认" for number in range(2000)]
    assert channel.send(chat(name), TITLE, "\n".join(lines)).state == "sent"
    payload = _requests(httpserver)[0].get_json()
    text = payload["content"]["text"] if name in ("feishu", "lark") else payload["text"]["content"]
    service = SERVICES[name]
    assert service.size(text) <= service.limit < service.size(text) + 200
    shown = text.replace("\r\n", "\n").split("\n")
    assert shown[1:-1] == lines[: len(shown) - 2]
    assert shown[-1] == f"…(还有 {2000 - len(shown) + 2} 行 / {2000 - len(shown) + 2} more lines)"


@pytest.mark.parametrize("size", [utf8, escaped])
def test_a_line_that_does_not_fit_alone_is_cut_between_characters(size):
    for room in range(60, 200):
        shown = channel.cut("好😀a" * 200 + "\nsecond", room, size)
        assert size(shown) <= room
        first, closing = shown.split("\n")
        assert ("好😀a" * 200).startswith(first)
        assert closing == "…(还有 2 行 / 2 more lines)"


def test_what_fits_exactly_is_not_cut():
    assert channel.cut("一\n二", 7, utf8) == "一\n二"
    assert channel.cut("a" * 50 + "\n" + "b" * 50, 100, utf8) == "a" * 50 + "\n…(还有 1 行 / 1 more lines)"


# How it ended.

ENDS = [
    ("dingtalk", {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}, "busy", False, timedelta(minutes=10)),
    ("dingtalk", {"errcode": 300001, "errmsg": "token is not exist"}, "refused", True, None),
    ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, "refused", True, None),
    ("dingtalk", {"errcode": -1, "errmsg": "系统繁忙"}, "refused", False, None),
    ("wecombot", {"errcode": 45009, "errmsg": "api freq out of limit"}, "busy", False, timedelta(minutes=1)),
    ("wecombot", {"errcode": 93000, "errmsg": "invalid webhook url"}, "refused", True, None),
    ("wecombot", {"errcode": 40058, "errmsg": "text.content exceed max length 2048"}, "refused", False, None),
    ("feishu", {"code": 9499, "msg": "too many request"}, "busy", False, None),
    ("feishu", {"code": 9499, "msg": "Bad Request"}, "refused", False, None),
    ("feishu", {"code": 11232, "msg": "frequency limited psm[lark.oapi.app_platform_runtime]"}, "busy", False, timedelta(minutes=1)),
    ("feishu", {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}, "refused", True, None),
    ("lark", {"StatusCode": 19024, "StatusMessage": "Key Words Not Found"}, "refused", True, None),
    ("pushplus", {"code": 900, "msg": "用户账号使用受限"}, "busy", False, timedelta(days=1)),
    ("pushplus", {"code": 903, "msg": "无效的用户令牌"}, "refused", True, None),
    ("schan", {"code": 40001, "message": "错误的Key"}, "refused", True, None),
    ("dingtalk", "<html>请登录 log in</html>", "unsure", False, None),
    ("feishu", {"hello": 1}, "unsure", False, None),
    ("wecombot", "[" * 5000, "unsure", False, None),
]


@pytest.mark.parametrize(("name", "said", "state", "final", "wait"), ENDS)
def test_a_chat_that_answers_200_is_read(name, said, state, final, wait, chat, httpserver):
    answer = channel.send(chat(name, said), TITLE, BODY)
    assert (answer.state, answer.final, answer.retry_after) == (state, final, wait), answer.reason
    words = next((said[key] for key in ("errmsg", "msg", "StatusMessage", "message") if key in said), "") if isinstance(said, dict) else ""
    assert words in answer.reason and answer.reason.endswith(".")
    assert len(httpserver.log) == 1


def test_telegram_says_no_with_its_own_words_and_wait(chat):
    said = {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 14", "parameters": {"retry_after": 14}}
    answer = channel.send(chat("tgram", Response(json.dumps(said), status=429)), TITLE, BODY)
    assert (answer.state, answer.retry_after) == ("busy", timedelta(seconds=14))


STATUSES = [
    (200, "sent", False), (204, "sent", False), (400, "refused", False), (401, "refused", True), (403, "refused", True), (404, "refused", True),
    (408, "refused", False), (410, "refused", True), (413, "refused", False), (429, "busy", False), (500, "refused", False), (502, "refused", False),
    (503, "refused", False), (504, "unsure", False),
]


@pytest.mark.parametrize(("status", "state", "final"), STATUSES)
def test_statuses_are_told_apart(status, state, final, own):
    answer = channel.send(own(Response("", status=status)), TITLE, BODY)
    assert (answer.state, answer.final) == (state, final), answer.reason
    assert state == "sent" or str(status) in answer.reason


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "120"}, timedelta(minutes=2)),
        ({"Retry-After": "Wed, 21 Oct 2015 07:29:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, timedelta(seconds=90)),
        ({"Retry-After": "Wed, 21 Oct 2015 07:20:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, timedelta()),
        ({"Retry-After": "9" * 40}, timedelta(days=1)),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_of_the_answers_own_clock(headers, wait):
    def meet(connection):
        _take(connection)
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n{told}\r\n".encode())

    with receiver(meet) as port:
        answer = channel.send(f"json://127.0.0.1:{port}/", TITLE, BODY)
    assert (answer.state, answer.retry_after) == ("busy", wait)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_does_not_carry_the_message_elsewhere(status, own, httpserver):
    def elsewhere(connection):
        arrived.append(connection.recv(65536))

    arrived = []
    with receiver(elsewhere) as port:
        answer = channel.send(own(Response("", status=status, headers={"Location": f"http://127.0.0.1:{port}/"})), TITLE, BODY)
    assert (answer.state, answer.final, arrived, len(httpserver.log)) == ("refused", True, [], 1)


# Where no answer came.


def test_before_anything_was_sent_it_is_refused():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        for url in (f"json://127.0.0.1:{port}/", f"mailto://127.0.0.1:{port}?from=a@b.com&to=c@b.com"):
            answer = channel.send(url, TITLE, BODY)
            assert (answer.state, answer.final) == ("refused", False)
            assert "the connection was refused" in answer.reason
    answer = channel.send("json://nowhere.invalid/x", TITLE, BODY)
    assert answer.state == "refused" and "host name was not found" in answer.reason


def test_a_failed_encryption_is_refused(own, httpserver):
    answer = channel.send(own(schema="jsons"), TITLE, BODY)
    assert answer.state == "refused" and "encryption" in answer.reason
    assert httpserver.log == []


@pytest.mark.parametrize("end", ["silence", "reset", "close", "half"])
def test_after_the_message_left_silence_is_unsure(end, chat, httpserver):
    done = threading.Event()

    def meet(connection):
        bodies.append(_take(connection))
        if end == "silence":
            done.wait(5)
        elif end == "half":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"errcode\"")
        if end == "reset":
            _reset(connection)

    bodies = []
    with receiver(meet) as port:
        url = chat("dingtalk")
        from apprise.plugins.dingtalk import NotifyDingTalk

        NotifyDingTalk.notify_url = f"http://127.0.0.1:{port}/{{token}}"  # the fixture puts it back
        answer = channel.send(url, TITLE, BODY, timeout=SHORT)
        done.set()
    assert answer.state == "unsure" and "may have arrived" in answer.reason
    assert len(bodies) == 1


def test_a_silent_receiver_is_met_with_the_timeout():
    done = threading.Event()
    with receiver(lambda connection: done.wait(5)) as port:
        answer = channel.send(f"json://127.0.0.1:{port}/", TITLE, BODY, timeout=SHORT)
        done.set()
    assert answer.state == "unsure" and "no answer within 0.3 s" in answer.reason


def test_an_answer_without_end_is_not_read_to_its_end():
    def meet(connection):
        _take(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        with pytest.raises(OSError):
            for _ in range(10_000):
                connection.sendall(b"x" * 65536)
        stopped.set()

    stopped = threading.Event()
    with receiver(meet) as port:
        assert channel.send(f"json://127.0.0.1:{port}/", TITLE, BODY, timeout=2).state == "sent"
        assert stopped.wait(5)


# Mail.


@contextmanager
def mail_server(**replies):
    """A small SMTP server; `replies` by verb ("" hangs up, "hold" says nothing), `content` is what it says to the mail itself."""
    mails, done = [], threading.Event()

    def meet(connection):
        lines = connection.makefile("rb")

        def say(verb, usual):
            reply = replies.get(verb, usual)
            if reply == "hold":
                done.wait(5)
            if reply in ("", "hold"):
                raise EOFError
            connection.sendall(reply.encode() + b"\r\n")
            return reply

        try:
            say("banner", "220 here")
            while line := lines.readline():
                verb = line.split()[0].decode().lower().strip()
                if verb == "data" and say("data", "354 go on").startswith("354"):
                    mail = b""
                    while (piece := lines.readline()) not in (b".\r\n", b""):
                        mail += piece
                    mails.append(mail)
                    say("content", "250 taken")
                elif verb != "data":
                    say(verb, "221 bye" if verb == "quit" else "250 fine")
        except (EOFError, OSError):
            lines.close()
            connection.close()

    with receiver(meet) as port:
        yield f"mailto://127.0.0.1:{port}?from=ops@example.com&to=wang@example.com", mails
        done.set()


def test_a_mail_arrives_in_chinese():
    with mail_server() as (url, mails):
        assert channel.send(url, TITLE, BODY).state == "sent"
    mail = message_from_bytes(mails[0], policy=policy.default)
    assert (mail["subject"], mail["to"]) == (TITLE, "wang@example.com")
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() == BODY


@pytest.mark.parametrize(
    ("replies", "state", "final"),
    [
        ({"banner": "554 go away"}, "refused", True),
        ({"banner": ""}, "refused", False),
        ({"banner": "hold"}, "refused", False),
        ({"mail": "451 later"}, "refused", False),
        ({"rcpt": "450 greylisted"}, "refused", False),
        ({"rcpt": "550 wang@example.com unknown"}, "refused", True),
        ({"rcpt": ""}, "refused", False),
        ({"data": "451 not now"}, "refused", False),
        ({"data": ""}, "refused", False),
        ({"content": "452 full"}, "refused", False),
        ({"content": "554 spam"}, "refused", True),
        ({"content": ""}, "unsure", False),
        ({"content": "hold"}, "unsure", False),
        ({"content": "garbage"}, "unsure", False),
        ({"quit": ""}, "sent", False),
    ],
)
def test_what_a_mail_server_says_is_told_apart(replies, state, final):
    with mail_server(**replies) as (url, mails):
        answer = channel.send(url, TITLE, BODY, timeout=SHORT)
    assert (answer.state, answer.final) == (state, final), answer.reason
    assert "wang@" not in answer.reason


def test_a_mail_server_without_the_encryption_asked_for_gets_nothing():
    with mail_server() as (url, mails):
        answer = channel.send(url.replace("mailto", "mailtos"), TITLE, BODY, timeout=SHORT)
    assert (answer.state, answer.final, mails) == ("refused", True, [])


# Many at once, and what is never said.


def test_eight_threads_do_not_mix_what_they_heard(httpserver):
    ends = {200: "sent", 429: "busy", 404: "refused", 504: "unsure"}
    httpserver.expect_request(_any()).respond_with_handler(lambda request: Response("", status=int(request.path.rsplit("/", 1)[1])))
    together = threading.Barrier(8)

    def one(number):
        together.wait(10)
        return [
            (status, number, answer.state)
            for status in list(ends)[number % 4:] + list(ends)[: number % 4]
            for answer in [channel.send(f"json://127.0.0.1:{httpserver.port}/{number}/{status}", f"{number}", BODY)]
        ]

    with ThreadPoolExecutor(8) as pool:
        told = [row for rows in pool.map(one, range(8)) for row in rows]
    assert all(state == ends[status] for status, _, state in told) and len(told) == 32
    assert sorted((request.path, request.get_json()["title"]) for request in _requests(httpserver)) == sorted((f"/{number}/{status}", str(number)) for status, number, _ in told)


SECRETIVE = [
    ("dingtalk", "SECgeheim123"), ("feishu", TOKEN), ("lark", TOKEN), ("wecombot", TOKEN), ("tgram", "tok3nTok3nTok3n"), ("pushplus", TOKEN),
]


@pytest.mark.parametrize(("name", "secret"), SECRETIVE)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_no_secret_in_reason_or_log(name, secret, status, chat, caplog, capfd):
    for logger in ("", "apprise", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(1, logger=logger)
    caplog.set_level(logging.ERROR, logger="werkzeug")  # the receiver's own log
    code = {"errcode": 7, "code": 7, "ok": False}
    said = code | {"errmsg": f"bad {secret} in /send?access_token={secret}"}
    url = chat(name, Response(json.dumps(said), status=status))
    url = url.replace("dingtalk://", f"dingtalk://{secret}@") if name == "dingtalk" else url
    answer = channel.send(url, TITLE, BODY)
    assert answer.state == "refused" and "bad *** in" in answer.reason
    out, err = capfd.readouterr()
    for told in (answer.reason, channel.veiled(url), caplog.text, out, err):
        assert secret not in told and TOKEN not in told
    assert not [record for record in caplog.records if record.name.startswith(("apprise", "urllib3"))]


def test_a_bad_address_is_told_without_its_secret(caplog):
    caplog.set_level(1)
    with pytest.raises(BadCall) as told:
        channel.check("dingtalk://geheim_mit_strich/")
    assert "geheim" not in str(told.value) + caplog.text and "dingtalk://TOKEN" in str(told.value)


def test_others_keep_their_log_and_their_redirects(own, httpserver, caplog):
    import requests

    channel.check("json://127.0.0.1/")
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/there").respond_with_data("reached")
    url = own(Response("", status=302, headers={"Location": "/there"})).replace("json", "http")
    assert requests.get(url, timeout=5).text == "reached"
    assert any(record.name.startswith("urllib3") for record in caplog.records)


def test_the_environments_proxy_is_not_asked(own, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert channel.send(own(), TITLE, BODY).state == "sent"


# Addresses.


@pytest.mark.parametrize("url", [
    "", "nonsense", "dbus://", "syslog://", "gnome://", "windows://", "macosx://", "glib://", "rsyslog://localhost", "file:///etc/passwd", "apprise://localhost/x",
    "https://oapi.dingtalk.com/robot/send?access_token=abc", "dingtalk://", "feishu://", "tgram://123456789:abcdefghijklmnop/", "mailto://example.com?to=nobody",
    "mailto://u:p@example.com?to=a@b.com,c@d.com", "mailto://u:p@example.com?to=a@b.com&bcc=c@d.com", "ntfy://a.b/c/d", "slack://xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d/#a",
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd", "ntfys://ntfy.sh/topic?attach=/etc/passwd", "mailtos://u:p@example.com?pgp=yes",
    "jsons://example.com/?verify=no", "json://127.0.0.1/?method=DELETE", "json://127.0.0.1/?redirect=yes", "json://8.8.8.8/", "json://169.254.169.254/latest",
    "jsons://100.100.100.200/", "json://[fe80::1]/", "json://[::ffff:169.254.169.254]/", "json://0.0.0.0/", "json://127.0.0.1:99999/", "json://127.0.0.1/\nx", "json://127.0.0.1/a b",
    "json://127.0.0.1/" + "a" * 3000, "mailto://8.8.8.8?from=a@b.com&to=c@b.com",
])
def test_addresses_that_are_not_taken(url):
    with pytest.raises(BadCall, match="writ|Writ|allowed"):
        channel.check(url)


@pytest.mark.parametrize("url", [*(row[0] for row in CHATS.values()), "mailtos://u:p@qq.com", "mailto://10.0.0.5?from=a@b.com&to=c@b.com", "jsons://8.8.8.8/x", "json://192.168.1.9:8080/x?:shop=a", "json://127.0.0.1/\n"])
def test_addresses_that_are_taken(url):
    channel.check(url)


def test_where_a_name_leads_is_looked_at_when_the_connection_stands(own, httpserver, monkeypatch):
    monkeypatch.setattr(wire, "_METADATA", {wire.ip_address("127.0.0.1")})
    answer = channel.send(own().replace("127.0.0.1", "localhost"), TITLE, BODY)
    assert (answer.state, answer.final, httpserver.log) == ("refused", True, [])
    assert "metadata" in answer.reason
    with mail_server() as (url, mails):
        assert channel.send(url.replace("127.0.0.1", "localhost"), TITLE, BODY).final and mails == []


@pytest.mark.parametrize(("url", "shown"), [
    (f"dingtalk://SECRET@{TOKEN}/?to=138", "dingtalk://***"), ("json://user:pass@example.com:8080/path?x=y", "json://example.com:8080/***"),
    ("ntfy://mytopic", "ntfy://***"), ("bark://devicekey/", "bark://***"), ("mailto://me:geheim@example.com?to=a@b.com", "mailto://example.com/***"),
    ("tgram://123:abc/1", "tgram://***"), ("nonsense with token", "***://***"), ("json://[broken", "json://***"), ("", "***://***"),
])
def test_what_is_shown_of_an_address(url, shown):
    assert channel.veiled(url) == shown


def test_a_digest_is_the_channels_key():
    same = ["jsons://Example.com/a?:x=1&method=PUT", "JSONS://example.com/a/?method=PUT&:x=1", " jsons://example.com/a?:x=1&method=PUT\n"]
    assert len({channel.digest(url) for url in same}) == 1 and len(channel.digest(same[0])) == 64
    others = ["dingtalk://abc", "dingtalk://ABC", "feishu://abc", "dingtalk://s@abc", "jsons://example.com/A", "jsons://example.com/a?:x=2&method=PUT", "???"]
    assert len({channel.digest(url) for url in [*others, same[0]]}) == len(others) + 1


def test_how_often_a_channel_may_be_used():
    assert channel.allowance("dingtalk://abc") == (20, timedelta(minutes=1)) == channel.allowance("wecombot://abc")
    count, span = channel.allowance("feishu://abc")
    assert count <= 5 and count * (timedelta(minutes=1) / span) <= 100
    with pytest.raises(BadCall):
        channel.allowance("dbus://")


def test_half_a_character_does_not_stop_a_message(own, httpserver):
    assert channel.send(own(), "标题\ud83d", "正文\ud83d 😀").state == "sent"
    assert _requests(httpserver)[0].get_json()["message"] == "正文? 😀"


def test_an_empty_message_is_not_sent(own, httpserver):
    assert channel.send(own(), " ", "\n").final
    assert channel.send(own(), "Only a title", "").state == "sent"
    assert [request.get_json()["message"] for request in _requests(httpserver)] == ["Only a title"]


def test_who_only_needs_the_key_does_not_load_apprise():
    code = "import sys; from ecops.people import channel; channel.digest('json://a'); channel.veiled('json://a'); print(sorted({'apprise', 'requests', 'sqlalchemy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.strip() == "[]"

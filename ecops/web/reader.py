"""Who reads: the person, the language, and how they want the answer. Log-in will come in at `who` and nowhere else."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import Response

from ecops.errors import BadCall, EcopsError
from ecops.store import tables as t
from ecops.web.words import LANGS

PERSON, LANG = "ecops_person", "ecops_lang"
_YEAR = 365 * 24 * 3600


class NotChosen(EcopsError):
    """Nobody said who they are yet."""

    http = 401


@dataclass(frozen=True)
class Me:
    """The person at the page."""

    person: str
    name: str


def who(request: Request, connection: Connection) -> Me | None:
    """The person at the page: the one they chose. None when nobody was chosen or the person is gone."""
    chosen = unquote(request.cookies.get(PERSON, ""))
    row = connection.execute(select(t.person).where(t.person.c.person == chosen)).first() if chosen else None
    return Me(row.person, row.name) if row else None


def lang(request: Request) -> str:
    """`zh` unless the reader asked for another language, now or before."""
    asked = request.query_params.get("lang") or request.cookies.get(LANG, "")
    return asked if asked in LANGS else LANGS[0]


def remember(request: Request, response: Response, name: str, value: str) -> None:
    """Keep a choice of the reader in a cookie that no script and no other site sees."""
    response.set_cookie(name, quote(value), max_age=_YEAR, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https")


def wants_json(request: Request) -> bool:
    """Whether the answer is for a program."""
    return "application/json" in request.headers.get("accept", "")


def wants_fragment(request: Request) -> bool:
    """Whether the answer is swapped into the page by its script."""
    return request.headers.get("x-requested-with", "") == "fetch"


def came_from(request: Request, fallback: str = "/") -> str:
    """The page of this site the reader was on, as a path."""
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.netloc != request.headers.get("host") or not referer.path.startswith("/") or referer.path.startswith("//"):
        return fallback
    return referer.path + (f"?{referer.query}" if referer.query else "")


async def fields(request: Request) -> dict[str, Any]:
    """What was sent, from a form or as JSON."""
    if _is_json(request):
        return _texts({name: value if value is None else str(value) for name, value in (await _json(request)).items()})
    return _texts(dict(await request.form(max_files=4, max_fields=40)))


def _texts(sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent, if every database can keep it. Raises BadCall: PostgreSQL keeps no NUL, and half a character is none."""
    for value in sent.values():
        if isinstance(value, str) and ("\0" in value or any("\ud800" <= mark <= "\udfff" for mark in value)):
            raise BadCall("文字里有不可用的字符,请重新输入 / the text holds a character that no text has; type it again.")
    return sent


async def fields_and_all(request: Request, name: str, most: int) -> tuple[dict[str, Any], list[str]]:
    """What was sent, and every value of the one field that may come many times. Raises BadCall beyond `most`."""
    if _is_json(request):
        sent = await _json(request)
        several = sent.pop(name, [])
        found = [str(one) for one in several] if isinstance(several, list) else [str(several)]
        rest = {key: value if value is None else str(value) for key, value in sent.items()}
    else:
        form = await request.form(max_files=0, max_fields=most + 40)
        found, rest = [one for one in form.getlist(name) if isinstance(one, str)], {key: value for key, value in form.items() if key != name}
    if len(found) > most:
        raise BadCall(f"At most {most} at once.")
    return _texts(rest), found


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")


async def _json(request: Request) -> dict[str, Any]:
    try:
        sent = await request.json()
    except ValueError as error:
        raise BadCall("The body is not JSON.") from error
    return sent if isinstance(sent, dict) else {}

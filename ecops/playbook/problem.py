"""One finding of the check: where it stands, what is wrong, what to do."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches

from ecops.playbook.source import Path, Place, Places

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Problem:
    """One finding. `severity` is error or warning; `step` and `shops` (the first of them) where it concerns some. Without a file it is about a copy a run keeps.

    `message_zh`, `remedy_zh`: the same in Chinese, people by name, None: said in English alone; `message_en`: the message with people by name where it names
    some by key; `role` that it is about, `run` that it clashes with.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    remedy: str
    severity: str = ERROR
    step: str | None = None
    shops: tuple[str, ...] = ()
    message_zh: str | None = None
    remedy_zh: str | None = None
    message_en: str | None = None
    role: str | None = None
    run: str | None = None

    @property
    def sentence(self) -> str:
        """What and the remedy, in English."""
        return f"{self.message} {self.remedy}"

    @property
    def both(self) -> str:
        """The same in both languages, Chinese first, where it has both."""
        return f"{self.message_zh}{self.remedy_zh} / {self.sentence}" if self.message_zh else self.sentence

    def to_json(self) -> dict:
        """The fields of `ecops playbook check --json`."""
        told = asdict(self) | {"shops": list(self.shops)}
        return told if self.file else told | dict.fromkeys(("file", "line", "column"))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity} [{self.code}] {self.both}"


def problem(places: Places, path: Path, code: str, message: str, remedy: str, severity: str = ERROR, step: str | None = None, shops: tuple[str, ...] = ()) -> Problem:
    """A finding at the place of a value; a file that is not named there is put in by whoever knows it."""
    place = find(places, path)
    return Problem(place.file, place.line, place.column, code, message, remedy, severity, step, shops)


def find(places: Places, path: Path) -> Place:
    """Where a value stands, or the nearest one around it."""
    while path not in places and path:
        path = path[:-1]
    return places.get(path, Place(1, 1))


def near(word: str, known: Iterable[str]) -> str:
    """The known word most like a mistaken one, or all of them."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(words) or 'none'}."

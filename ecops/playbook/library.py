"""Where playbooks lie and how one is found: a key, or the path of a file."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from ecops.errors import BadCall, NotFound
from ecops.playbook.check import ERROR, Problem, TaskFacts, read_placed, read_playbook
from ecops.playbook.include import GROUPS, GroupFile, Groups
from ecops.playbook.model import Playbook
from ecops.playbook.source import MAX_BYTES, Places

CALENDARS = "calendars"
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Shelf:
    """The folders playbooks are looked up in, first found wins, and the tasks they may name."""

    folders: tuple[Path, ...]
    tasks: Mapping[str, TaskFacts]

    def files(self) -> Iterator[Path]:
        """Every playbook file, in order of folder and name."""
        for folder in self.folders:
            yield from playbook_files(folder)

    def keys(self) -> dict[str, Path]:
        """The file of every key; of two files with one key the first folder's counts."""
        return {self._key(path): path for path in reversed(list(self.files()))}

    def check(self, path: Path) -> tuple[Playbook | None, list[Problem]]:
        """Read one file and say everything that is wrong with it."""
        return self.check_placed(path)[:2]

    def check_placed(self, path: Path) -> tuple[Playbook | None, list[Problem], Places]:
        """The same, and where every value of the playbook stands."""
        text, problem = read_text(path)
        return (None, [problem], {}) if problem else read_placed(text, str(path), self.tasks, self.other, self.groups())

    def groups(self) -> Groups:
        """What reads each step group, by its name; of two of one name the first folder's counts."""
        files = [path for folder in self.folders for path in files_in(folder) if path.parent.name == GROUPS]
        return {path.stem: partial(_group_file, path) for path in reversed(files)}

    def other(self, key: str) -> Playbook | None:
        """The playbook of this key if it can stand by itself."""
        path = self.keys().get(key)
        return read_playbook(path.read_text(encoding="utf-8-sig", errors="replace"), str(path), self.tasks, groups=self.groups())[0] if path else None

    def find(self, key: str) -> Playbook:
        """The playbook of this key, or of this file. Raises NotFound, or BadCall when it has errors."""
        path = self.path(key)
        playbook, problems = self.check(path)
        if playbook is None:
            errors = [problem for problem in problems if problem.severity == ERROR]
            more = f" ({len(errors) - 1} more: ecops playbook check {path})" if len(errors) > 1 else ""
            raise BadCall(f"{errors[0]}{more}")
        return playbook

    def path(self, key: str) -> Path:
        """The file of a key, or the file that is named. Raises NotFound."""
        if key.endswith((".yaml", ".yml")) or "/" in key and Path(key).exists():
            if not Path(key).is_file():
                raise NotFound(f"There is no playbook file {key}.")
            return Path(key)
        by_key = self.keys()
        if key in by_key:
            return by_key[key]
        near = get_close_matches(key, by_key, n=1)
        hint = f"Did you mean {near[0]}?" if near else "Known: " + ", ".join(sorted(by_key)) + "."
        raise NotFound(f"There is no playbook {key}. {hint}")

    @staticmethod
    def _key(path: Path) -> str:
        """The key a file declares in its `playbook:` line, without reading the rest; its name when it has none."""
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as lines:
                declared = next((line for line in lines if line.startswith("playbook:")), None)
        except OSError:  # the check says so; one file holds no other back
            declared = None
        return declared.removeprefix("playbook:").split("#")[0].strip().strip("'\"") if declared else path.stem


def read_text(path: Path) -> tuple[str, Problem | None]:
    """The text of a file, or what keeps it from being read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return "", Problem(str(path), 1, 1, "too-large", f"The file is larger than {MAX_BYTES // 1024} KB.", "Split the playbook.")
        # Notepad puts a byte order mark before a text.
        return path.read_text(encoding="utf-8-sig"), None
    except UnicodeDecodeError:
        return "", Problem(str(path), 1, 1, "encoding", "The file is not UTF-8 text.", "Save it as UTF-8.")
    except OSError as error:
        return "", Problem(str(path), 1, 1, "unreadable", f"The file cannot be read: {error.strerror}.", "Let everybody read it, or take it away.")


def files_in(folder: Path) -> list[Path]:
    """The playbook files of a folder and those below, by name. What editors and copiers leave beside them begins with a dot, and may be no file at all."""
    found = (path for suffix in SUFFIXES for path in folder.rglob(f"*{suffix}"))
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def playbook_files(folder: Path) -> Iterator[Path]:
    """The playbooks of a folder by name; beside them `calendars` holds windows of the year and `groups` shared steps."""
    yield from (path for path in files_in(folder) if path.parent.name not in (CALENDARS, GROUPS))


def _group_file(path: Path) -> GroupFile:
    return GroupFile(str(path), path.read_text(encoding="utf-8-sig", errors="replace"))


def digest(playbook: Playbook) -> str:
    """What makes two playbooks the same: a short hash of all their fields."""
    text = json.dumps(playbook.model_dump(mode="json", by_alias=True), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def folders_from(extra: Sequence[Path]) -> tuple[Path, ...]:
    """The given folders, which may come into being later, then the playbooks that come with the product."""
    import playbooks

    # The same folder can stand twice on a namespace package's path, once through the current directory.
    ours = (Path(folder).resolve() for folder in playbooks.__path__)
    return tuple(dict.fromkeys((*(folder.resolve() for folder in extra), *ours)))

"""A test kit for a team's own playbooks: check one, and play it through on generated shops, in five lines.

    from ecops.testing import play, problems

    def test_spring_sale():
        assert problems("spring-sale") == []
        played = play("spring-sale", day="2026-03-08", people="late", gmv_target="100000")
        assert played.state == "completed" and played.escalated("gate") == ["management"]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ecops.home import Home
from ecops.playbook.model import Playbook
from ecops.rehearse import Rehearsed, rehearse
from ecops.shelf import shelf
from ecops.shop import demo
from ecops.shop.lake import Lake
from ecops.terminal import ZONE

# Days of data behind the day and beyond it: what the longest usual window looks back on, and what follows a campaign.
_BACK, _ON = timedelta(days=90), timedelta(days=20)


def problems(playbook: str, folder: Path | None = None) -> list[str]:
    """Everything the check says of a playbook (key or file), as `ecops playbook check` prints it."""
    books = shelf(folder or Home.from_environment().playbooks)
    return [str(one) for one in books.check(books.path(playbook))[1]]


def play(
    playbook: str | Playbook, day: str | date, people: str = "on-time", shops: int = 1, seed: int = 11, orders_per_day: int = 5, folder: Path | None = None,
    anchors: dict[str, str] | None = None, bare: int = 0, **params: Any,
) -> "Played":
    """A whole run on a virtual clock, over generated shops with data from ninety days before the day to twenty after it.

    `playbook`: a key of `folder` (the home's playbooks unless told) or of the product, a file, or a Playbook. `people` close their items `on-time`, `late` or `never`. `bare`: so many shops
    beside them have no data at all.
    """
    book = playbook if isinstance(playbook, Playbook) else shelf(folder or Home.from_environment().playbooks).find(playbook)
    when = date.fromisoformat(day) if isinstance(day, str) else day
    lake, rows = _shops(shops, seed, when, orders_per_day)
    without = [{"shop": f"bare-{number + 1}", "name": f"无数据店{number + 1}", "platform": "taobao", "tags": []} for number in range(bare)]
    return Played(book, rehearse(book, when, [*rows, *without], lake, people, params, anchors))


@lru_cache(maxsize=8)
def _shops(shops: int, seed: int, day: date, per_day: int) -> tuple[Lake, Sequence[dict]]:
    """Generated shops, once a process for the same words."""
    lake = Lake(mkdtemp(prefix="ecops-testing-"))
    made = demo.fill(lake, demo.batches(shops, seed, day - _BACK, day + _ON, per_day, None, 20, None), datetime.combine(day + _ON, datetime.min.time(), ZONE))
    return lake, [{"shop": key, "name": name, "platform": place, "tags": list(tags)} for key, name, place, tags in made.shops]


@dataclass(frozen=True)
class Played:
    """What happened in a run that was played through. Steps are named by their id."""

    playbook: Playbook
    rehearsed: Rehearsed

    @property
    def state(self) -> str:
        """completed, or active where people left something open."""
        return self.rehearsed.state

    @property
    def unknown(self) -> list[str]:
        """Automated steps that could not decide for some shop, in the playbook's order."""
        unsure = {step for step, shops in self.rehearsed.outcomes.items() if any(told["status"] != "ok" for told in shops.values())}
        return [step.id for step in self.playbook.steps if step.id in unsure]

    def outcome(self, step: str, shop: str | None = None) -> dict[str, Any]:
        """What an automated step answered: {status, zh, en, missing, lists, as_of, rounds}; of the first shop unless one is named."""
        answers = self.rehearsed.outcomes[step]
        return answers[shop] if shop else next(iter(answers.values()))

    def times(self, step: str, what: str = "step.opened") -> list[datetime]:
        """When something happened to a step: `step.opened`, `step.done`, `step.skipped`, `item.done` and the other events."""
        return [datetime.fromisoformat(event["at"]) for event in self.rehearsed.events if event["step"] == step and event["what"] == what]

    def reminded(self, step: str) -> list[datetime]:
        """When the people of a step were reminded."""
        return self.times(step, "step.reminded")

    def escalated(self, step: str) -> list[str]:
        """The roles that were told that a step is late, in order."""
        return [event["detail"]["role"] for event in self.rehearsed.events if event["step"] == step and event["what"] == "step.escalated"]

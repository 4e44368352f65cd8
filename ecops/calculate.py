"""One claimed step -> its results: the task is asked once for all shops, on data as of its moment.

The flows and the rehearsal both go through here, so there is one way a task is executed.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import ValidationError

from ecops.automation import Answer, Ask, Automation, find_automation
from ecops.service.items import REFUTED, UNKNOWN, VERIFIED
from ecops.service.verify import Check, Claim, Verdict
from ecops.service.work import Result, Work
from ecops.shop.lake import Lake

MAX_ROWS = 500  # of one list and shop that are kept; the count tells when there were more


def read_params(automation: Automation, given: Mapping[str, Any]) -> Any:
    """Values -> the task's parameters. Raises ValueError with a sentence."""
    try:
        return automation.params.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'parameters'}: {first['msg']}") from error


def ask(lake: Lake, name: str, shops: tuple[str, ...], as_of: datetime, given: Mapping[str, Any], anchors: Mapping[str, datetime], timezone: str = "Asia/Shanghai") -> Answer:
    """Ask one task. Raises NoSuchTask, ValueError (parameters)."""
    automation = find_automation(name)
    params = read_params(automation, given)
    frames = lake.frames(automation.reads, list(shops), as_of)
    return automation(frames, Ask(shops, as_of, params, dict(anchors), ZoneInfo(timezone)))


def calculate(work: Work, lake: Lake) -> dict[int, Result]:
    """Results by step run. A task that breaks gives `failed`, never an exception: people are asked instead."""
    try:
        return _results(work, ask(lake, work.task, work.shops, work.as_of, work.params, work.anchors, work.timezone))
    except Exception as error:  # whatever a calculation does, the run goes on and a person is told
        message = f"{type(error).__name__}: {error}"[:500]
        return {number: Result("failed", f"计算出错:{message}", f"The calculation broke: {message}") for number, _ in work.rows}


def _results(work: Work, answer: Answer) -> dict[int, Result]:
    if len(work.rows) == 1 and work.rows[0][1] == "":
        return {work.rows[0][0]: _rolled_up(answer)}
    return _by_shop(work, answer)


def _by_shop(work: Work, answer: Answer) -> dict[int, Result]:
    verdicts = {row["shop"]: row for row in answer.verdicts.to_dicts()}
    lists = {name: _grouped(frame) for name, frame in answer.lists.items()}
    return {number: _result(verdicts[shop], {name: grouped.get(shop, []) for name, grouped in lists.items()}) for number, shop in work.rows}


def _result(verdict: Mapping[str, Any], lists: dict[str, list[dict]]) -> Result:
    return Result(verdict["status"], verdict["zh"], verdict["en"], tuple(verdict["missing"] or ()), lists)


def _rolled_up(answer: Answer) -> Result:
    """All shops as one: fine only when every shop is."""
    rows = answer.verdicts.sort("shop").to_dicts()
    lists = {name: plain_rows(frame.head(MAX_ROWS)) for name, frame in answer.lists.items()}
    if len(rows) == 1:
        return _result(rows[0], lists)
    unsure = [row for row in rows if row["status"] != "ok"]
    status = "ok" if not unsure else "unknown"
    missing = tuple(dict.fromkeys(f"{row['shop']}: {part}" for row in unsure for part in (row["missing"] or ["?"])))[:20]
    return Result(status, f"{len(rows) - len(unsure)}/{len(rows)} 店有结论", f"{len(rows) - len(unsure)} of {len(rows)} shops decided", missing, lists)


def verify(check: Check, lake: Lake) -> list[Verdict]:
    """What the task says of each claim. One that breaks or cannot be asked leaves it unknown, never an exception: a person vouches instead."""
    if check.wrong:
        return [_unsure(check, claim, f"无法提问:{check.wrong}", f"It cannot be asked: {check.wrong}") for claim in check.claims]
    try:
        return _verdicts(check, ask(lake, check.task, check.shops, check.as_of, check.params, check.anchors, check.timezone))
    except Exception as error:  # whatever a calculation does, the run goes on and a person is told
        message = f"{type(error).__name__}: {error}"[:500]
        return [_unsure(check, claim, f"计算出错:{message}", f"The calculation broke: {message}") for claim in check.claims]


def _verdicts(check: Check, answer: Answer) -> list[Verdict]:
    results = {row["shop"]: _result(row, {}) for row in answer.verdicts.to_dicts()}
    if any(not claim.shop for claim in check.claims):
        results[""] = _rolled_up(answer)
    counts = {name: dict(frame.group_by("shop").len().iter_rows()) for name, frame in answer.lists.items()}
    return [_verdict(check, claim, results[claim.shop], counts) for claim in check.claims]


def _verdict(check: Check, claim: Claim, result: Result, counts: Mapping[str, Mapping[str, int]]) -> Verdict:
    """`counts`: rows of each list by shop."""
    if result.status != "ok":
        return _unsure(check, claim, result.zh, result.en, result.missing)
    if claim.list is None:
        return Verdict(claim, VERIFIED, check.task, result.zh, result.en)
    if claim.list not in counts:
        return _unsure(check, claim, f"结果里没有名单 {claim.list}", f"The answer has no list {claim.list}")
    rows = counts[claim.list].get(claim.shop, 0) if claim.shop else sum(counts[claim.list].values())
    return Verdict(claim, REFUTED if rows else VERIFIED, check.task, result.zh, result.en, rows=rows)


def _unsure(check: Check, claim: Claim, zh: str, en: str, missing: tuple[str, ...] = ()) -> Verdict:
    return Verdict(claim, UNKNOWN, check.task, zh, en, missing)


def _grouped(frame: pl.DataFrame) -> dict[str, list[dict]]:
    capped = frame.group_by("shop", maintain_order=True).head(MAX_ROWS)
    return {key[0]: plain_rows(part.drop("shop")) for key, part in capped.partition_by("shop", as_dict=True, maintain_order=True).items()}


def plain_rows(frame: pl.DataFrame) -> list[dict]:
    """Rows as JSON takes them: instants and dates as ISO text, decimals as text."""
    return json.loads(json.dumps(frame.to_dicts(), default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return str(value)

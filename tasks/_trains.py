"""Trains of new items: the days they leave on, holidays included, and who has everything that an item needs to board."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Annotated

import polars as pl
from pydantic import AfterValidator

from ecops.automation import Ask, Frames
from ecops.playbook.calendar import working_day
from tasks._rows import known
from tasks._title_words import title_width
from tasks._windows import DAY, today
from tasks.compliance import scan_copy

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAYS_ZH = "一二三四五六日"
_LOOK_BACK, _LOOK_AHEAD = 21, 45  # days: the longest holidays are nine, so two trains are always found
_ITEM = ["shop", "item_id"]


def _weekday_numbers(text: str) -> tuple[int, ...]:
    """`Tue, Fri` or `周二, 周五` as ISO weekdays; raises ValueError with a sentence."""
    days = {name.lower(): n for n, name in enumerate(_WEEKDAYS, 1)} | {f"周{sign}": n for n, sign in enumerate(_WEEKDAYS_ZH, 1)}
    named = [part.strip() for part in text.replace("，", ",").replace("、", ",").split(",") if part.strip()]
    wrong = [part for part in named if part.lower()[:3] not in days and part not in days]
    if wrong or not named:
        raise ValueError(f"{wrong[0] if wrong else text!r}: name weekdays such as Tue, Fri or 周二, 周五")
    return tuple(sorted({days.get(part, days.get(part.lower()[:3], 0)) for part in named}))


def _weekdays(text: str) -> str:
    return ", ".join(_WEEKDAYS[number - 1] for number in _weekday_numbers(text))


def _time_of_day(text: str) -> str:
    time.fromisoformat(text)
    return text


Weekdays = Annotated[str, AfterValidator(_weekdays)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


@dataclass(frozen=True)
class Train:
    """A day on which new items go live. `planned`: the weekday it stands for, another day when that was a holiday; `unsure`: the
    holidays of the year are not announced.
    """

    leaves_on: date
    planned: date
    unsure: bool

    def zh(self) -> str:
        """`2026-10-08（周四，原周二逢假期）`."""
        moved = f"，原{_weekday_zh(self.planned)}逢假期" if self.leaves_on != self.planned else ""
        return f"{self.leaves_on}（{_weekday_zh(self.leaves_on)}{moved}）"


def _weekday_zh(day: date) -> str:
    return f"周{_WEEKDAYS_ZH[day.weekday()]}"


def next_trains(ask: Ask) -> tuple[Train, Train]:
    """The next two trains as of then; the one of today counts until the second it leaves."""
    local = ask.as_of.astimezone(ask.timezone)
    missed = datetime.combine(local.date(), time.fromisoformat(ask.params.departs), ask.timezone) < ask.as_of
    first = local.date() + (DAY if missed else timedelta(0))
    days = (local.date() + timedelta(days=n) for n in range(-_LOOK_BACK, _LOOK_AHEAD))
    planned = [day for day in days if day.isoweekday() in _weekday_numbers(ask.params.weekdays)]
    trains: dict[date, Train] = {}
    for day in planned:
        train = _of(day, ask.params.holiday)
        if train and train.leaves_on >= first:
            trains.setdefault(train.leaves_on, train)
    # a train that really stands for its day takes the place of one that was moved onto it
    trains |= {day: Train(day, day, trains[day].unsure) for day in planned if day in trains}
    one, two, *_ = sorted(trains.values(), key=lambda train: train.leaves_on)
    return one, two


def _of(planned: date, holiday: str) -> Train | None:
    """The train of a planned day; None where a holiday drops it."""
    day, unsure = planned, False
    while holiday != "keep":
        works, provisional = working_day(day)
        unsure |= provisional
        if works:
            break
        if holiday == "skip":
            return None
        day += DAY
    return Train(day, planned, unsure)


def passengers(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Items that have not been on sale yet, with every check: `missing` and `zh` name what keeps an item from boarding, empty when nothing does.

    New is an item that is not on sale, that no day report has ever named, and whose listing day is open or at most `patience` ago.
    """
    young = pl.col("listed_on").is_null() | (pl.col("listed_on") >= today(ask) - ask.params.patience)
    asleep = known(frames, "items", ask).filter(~pl.col("on_sale").fill_null(True), young).collect().lazy()
    reported = known(frames, "item_days", ask).select(_ITEM).join(asleep, on=_ITEM, how="semi")
    new = asleep.join(reported, on=_ITEM, how="anti").collect()
    rows = new.lazy().join(_stock(frames, ask, new), on=_ITEM, how="left").collect()
    rows = rows.join(_scans(rows, ask), on=_ITEM, how="left")
    checks = _checks(ask)
    en = pl.concat_list(pl.when(when).then(text) for when, text, _ in checks).list.drop_nulls().list.join("; ")
    zh = pl.concat_list(pl.when(when).then(text) for when, _, text in checks).list.drop_nulls().list.join("；")
    return rows.with_columns(missing=en, zh=zh).select(
        *_ITEM, "title", "price_fen", "stock_units", "counted_on", "listed_on", "missing", "zh"
    ).sort(_ITEM)


def _stock(frames: Frames, ask: Ask, items: pl.DataFrame) -> pl.LazyFrame:
    """The newest count of each of the items within `stock_within`."""
    recent = pl.col("date").is_between(today(ask) - ask.params.stock_within, today(ask))
    rows = known(frames, "stock", ask).filter(recent).join(items.lazy(), on=_ITEM, how="semi")
    return rows.group_by(_ITEM).agg(stock_units=pl.col("closing_units").max_by("date"), counted_on=pl.col("date").max())


def _scans(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """What `compliance.scan_copy` says of the items as if they were on sale: `scan` (block, review), its `terms`, `unscanned`."""
    asked = replace(ask, params=scan_copy.params())
    lists = scan_copy.calculate({"items": rows.lazy().with_columns(on_sale=pl.lit(True))}, asked).lists
    found, skipped = lists["items"].select(*_ITEM, scan="verdict", terms="terms"), lists["not_scanned"].select(*_ITEM, unscanned=pl.lit(True))
    return rows.select(_ITEM).join(found, on=_ITEM, how="left").join(skipped, on=_ITEM, how="left")


def _checks(ask: Ask) -> list[tuple[pl.Expr, pl.Expr, pl.Expr]]:
    """(holds an item back when true, English, Chinese): what is not known holds it back as what is wrong does."""
    blank = {name: pl.col(name).str.replace_all(r"<[^>]*>|&nbsp;", "").str.strip_chars().fill_null("") == "" for name in ("title", "detail_text")}
    width, price, stock = title_width(pl.col("title")), pl.col("price_fen"), pl.col("stock_units")
    least, most = ask.params.min_stock, ask.params.title_width
    said = [
        (blank["title"], "no title", "缺标题"),
        ((width > most).fill_null(False), pl.format(f"title {{}} wide, {most} at most", width), pl.format(f"标题{{}}字符，最多{most}", width)),
        (price.is_null(), "price unknown", "缺价格"),
        ((price <= 0).fill_null(False), "price not positive", "价格不是正数"),
        (stock.is_null(), "stock unknown", "库存未知"),
        ((stock < least).fill_null(False), pl.format(f"{{}} in stock, {least} needed", stock), pl.format(f"库存{{}}件，至少{least}件", stock)),
        (blank["detail_text"], "no detail text", "缺详情文案"),
        ((pl.col("scan") == "block").fill_null(False), pl.format("forbidden: {}", "terms"), pl.format("含禁用语：{}", "terms")),
        ((pl.col("scan") == "review").fill_null(False), pl.format("to review: {}", "terms"), pl.format("用语待复核：{}", "terms")),
    ]  # fmt: skip
    return [(when, _text(en), _text(zh)) for when, en, zh in said]


def _text(text: pl.Expr | str) -> pl.Expr:
    return pl.lit(text) if isinstance(text, str) else text


def train_facts(frames: Frames, ask: Ask, rows: pl.DataFrame) -> pl.DataFrame:
    """Items a shop: in the catalogue, on board, waiting, and new ones without a count of stock."""
    goods = known(frames, "items", ask).group_by("shop").agg(goods=pl.len().cast(pl.Int64)).collect()
    boards, counted = pl.col("missing") == "", pl.col("stock_units").is_not_null()
    sums = rows.group_by("shop").agg(
        boards=boards.sum().cast(pl.Int64), waits=(~boards).sum().cast(pl.Int64), uncounted=(~counted).sum().cast(pl.Int64)
    )
    return goods.join(sums, on="shop", how="left")

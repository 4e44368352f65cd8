"""What a demo is to be: its period, its campaigns, and the parts its items play."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zlib import crc32

import polars as pl

from ecops.shop.dice import uniform, word

# Positions of items with a part to play; position 0 sells best. All of them are in every shop.
STOCKED_OUT = 1
EDGE = {2: 0.079, 4: 0.080, 6: 0.081}  # position -> conversion, around the 8 % of the campaign's selection
STRONG = {0: 0.11, 8: 0.125, 10: 0.095}
SOLD_OUT_ON_PEAK = 3
BAD_BATCH = 11  # its reviews complain of one thing for ten days
DROPPED = 12  # its price falls, so that earlier buyers may claim the difference
NEW = 16
SLOW = (18, 19)  # less than 5 % of the stock sold
WITHDRAWN = 20
IDLE = 21  # nothing in stock and nobody asks for it
SLOW_BUT_BOOKED = 22
SLOW_BUT_NEW = 23
THIN = 24  # half of its few visitors buy: a high conversion that proves nothing
FRAGILE = 7  # breaks with one of the carriers
LAUNCHES = (NEW, SLOW_BUT_NEW, 26, 27, 28, 29)  # listed one after the other inside the period
BOOKED = (0, 2, 4, SLOW_BUT_BOOKED)
PRESOLD = (0, 2, 4)
FEWEST_ITEMS, MOST_ITEMS = 30, 36

CAMPAIGN_DISCOUNT, PRICE_DROP = 0.15, 0.12
PRICE_DROP_AFTER, BAD_BATCH_AFTER, BAD_BATCH_DAYS, SEARCH_DROP_AFTER, SEARCH_DROP_DAYS = 35, 14, 10, 19, 5
PRESALE_DAYS = 18
PLANNED_DAYS = 60
CYCLE = 60  # days after which what is planted in the orders comes again

_NOON = 12


@dataclass(frozen=True)
class Plan:
    """The days `since`..`until`, both included; `peaks`: campaign days among or near them, whose sale opens at `open_hour`.

    From noon on `open_hour` is an hour of the evening before (Tmall 2022: 20:00), else one of the day itself.
    """

    seed: int
    since: date
    until: date
    orders_per_day: int
    peaks: tuple[date, ...]
    open_hour: int = 20

    @property
    def start(self) -> datetime:
        """Local midnight at which the first day begins."""
        return datetime.combine(self.since, time())

    @property
    def end(self) -> datetime:
        """Local midnight after the last day: nothing later is known."""
        return datetime.combine(self.until + timedelta(days=1), time())

    @property
    def days(self) -> list[date]:
        """Every day of the period."""
        return _days(self.since, self.until)

    @property
    def ordered_days(self) -> list[date]:
        """The period, and the campaign days soon after it: what is pre-sold for those is ordered inside the period."""
        later = {day for peak in self.peaks for day in (peak - timedelta(days=1), peak) if 0 < (day - self.until).days <= PRESALE_DAYS}
        return [*self.days, *sorted(later)]

    @property
    def planned_until(self) -> date:
        """Up to when offers and shifts of a campaign are planned on the last day."""
        return self.until + timedelta(days=PLANNED_DAYS)

    @property
    def planned_peaks(self) -> list[date]:
        """The campaign days of the period, and those that are planned."""
        return [peak for peak in self.peaks if self.since <= peak <= self.planned_until]

    @property
    def opens_on_eve(self) -> bool:
        """Whether the sale opens on the evening before the campaign day."""
        return self.open_hour >= _NOON

    def opening(self, peak: date) -> datetime:
        """Local instant at which the sale of `peak` opens."""
        return datetime.combine(peak - timedelta(days=int(self.opens_on_eve)), time(self.open_hour))

    def day(self, number: int) -> date:
        """The day `number` days after the first."""
        return self.since + timedelta(days=number)

    def launch(self, position: int) -> date:
        """The day on which the item at one of LAUNCHES is listed: a Tuesday or Friday, three weeks after the one before."""
        earliest = self.day(9 + 21 * LAUNCHES.index(position))
        return next(day for day in _days(earliest, earliest + timedelta(days=6)) if day.isoweekday() in (2, 5))

    def cycles(self) -> range:
        """Numbers of the cycles that begin inside the period."""
        return range((self.until - self.since).days // CYCLE + 1)

    def dice(self, number: pl.Expr, stream: str) -> pl.Expr:
        """Uniform numbers for rows numbered `number`; every use has a stream of its own, known by its name."""
        return uniform(number, self.seed, crc32(stream.encode()))

    def token(self, number: pl.Expr, stream: str) -> pl.Expr:
        """An opaque text for rows numbered `number`: the same number, the same text."""
        return word(number, self.seed, crc32(stream.encode())).cast(pl.String).str.zfill(20)

    def near_peak(self, day: pl.Expr, offset: int) -> pl.Expr:
        """Whether `day` is `offset` days after a campaign day."""
        return day.is_in([peak + timedelta(days=offset) for peak in self.peaks])

    def on_sale(self, moment: pl.Expr) -> pl.Expr:
        """Whether a local `moment` lies inside a campaign's sale."""
        ends = (datetime.combine(peak + timedelta(days=1), time()) for peak in self.peaks)
        return pl.any_horizontal(
            pl.lit(False), *((moment >= self.opening(peak)) & (moment < end) for peak, end in zip(self.peaks, ends, strict=True))
        )

    def known(self, moment: pl.Expr) -> pl.Expr:
        """`moment` where it lies before the end of the period, else null."""
        return pl.when(moment < self.end).then(moment)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]

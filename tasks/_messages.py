"""Messages to customers: what their text must carry, and to whom one was written already."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

import polars as pl
from pydantic import AfterValidator

from ecops.automation import Ask, Frames, Params
from ecops.copyscan import BLOCK, scan
from ecops.quantity import format_money
from tasks._orders import buyer_is_known
from tasks._purchases import order_facts
from tasks._reach import Quiet, as_persons, consents, on_channel, one_each
from tasks._rows import has_happened, instant, known
from tasks._verdicts import Lack, of_every_shop, unknown_for_all

_OPT_OUT = re.compile("退订|拒收")
_FIELD = re.compile(r"\{(\w*)\}")
COUPON_FIELDS = ("off", "least", "until")
MESSAGE = pl.Schema({"text": pl.String, "verdict": pl.String, "terms": pl.String})


def with_fields(text: str, fields: tuple[str, ...]) -> str:
    """The text, when the only braces in it are those of `fields`; raises ValueError."""
    unknown = [name for name in _FIELD.findall(text) if name not in fields]
    if unknown or re.search(r"[{}]", _FIELD.sub("", text)):
        raise ValueError(f"may use {', '.join('{' + name + '}' for name in fields)} and no other braces")
    return text


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its fields replaced."""
    return _FIELD.sub(lambda match: values[match[1]], text)


def _sms(text: str) -> str:
    with_fields(text, COUPON_FIELDS)
    if not _OPT_OUT.search(text):
        raise ValueError("must say how to opt out, such as 拒收请回复R")
    result = scan(text)
    if result.verdict == BLOCK:
        forbidden = "、".join(dict.fromkeys(hit.term for hit in result.hits if hit.verdict == BLOCK))
        raise ValueError(f"carries what the advertising law forbids: {forbidden}")
    return text


# The text of an SMS about a coupon: {off} and {least} in yuan, {until} the local second at which it ends. It has to say how to opt
# out (通信短信息服务管理规定, MIIT Order 31 of 2015), and must carry nothing that the advertising law forbids.
Sms = Annotated[str, AfterValidator(_sms)]


def coupon_text(text: str, off: int, least: int, until: datetime, ask: Ask) -> str:
    """An `Sms` about a coupon of `off` from `least` on (fen), valid until an instant."""
    values = {"off": plain_yuan(off), "least": plain_yuan(least), "until": f"{until.astimezone(ask.timezone):%Y-%m-%d %H:%M:%S}"}
    return filled(text, values)


def plain_yuan(fen: int) -> str:
    """Fen as an advertisement writes it: `30`, `9.90`."""
    return format_money(fen).removesuffix(".00")


def scanned(texts: list[str]) -> pl.DataFrame:
    """Each text (once) with the scanner's `verdict` and the `terms` that count."""
    rows = []
    for text in dict.fromkeys(texts):
        result = scan(text)
        rows.append((text, result.verdict, "、".join(dict.fromkeys(hit.term for hit in result.hits if hit.verdict != "pass"))))
    return pl.DataFrame(rows, schema=MESSAGE, orient="row")


class Sending(Params):
    """`send_at`: when the message goes out (as-of unless told; anchor, anchor +/- duration, or ISO time). `quiet`: hours in which
    nobody is written to. `first_time`: true when the shop never sent such a message, so that no record of one is no gap.
    """

    send_at: str | None = None
    quiet: Quiet = "22:00-08:00"
    first_time: bool = False


def no_time_to_send(ask: Ask) -> pl.DataFrame:
    """The unknown of every shop for a `send_at` that names no instant from as-of on."""
    said = repr(ask.params.send_at)
    return unknown_for_all(ask, f"send_at: {said} is no anchor of the run and no time from as-of on", f"send_at：{said}不是本次运行的锚点，也不是截止时刻之后的时间")


def sent(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Messages that the shop sent by itself: those of `chats` whose sender is `system` and that name their `script`."""
    return (
        known(frames, "chats", ask)
        .filter(pl.col("sender") == "system", pl.col("script").fill_null("").str.strip_chars() != "", has_happened("at", ask))
        .select("shop", pl.col("buyer_id").str.strip_chars(), pl.col("script").str.strip_chars(), "at")
    )


def log_lack(first_time: bool) -> Lack:
    """Without a record of sent messages (`messages` of `audience_facts`) nobody knows who was written to, unless it is the first time."""
    none = pl.lit(False) if first_time else pl.col("messages") == 0
    return Lack(none, "chats: no sent messages on record (first_time: true if none was ever sent)", "没有已发消息记录，不知道谁已被触达（从未发过请设first_time）")


def consent_lack(channel: str) -> Lack:
    """Nobody said yes or no: `asked` of `audience_facts` is 0."""
    return Lack(pl.col("asked") == 0, f"consents: none for {channel}", f"没有{channel}触达授权数据")


def writable(
    frames: Frames, ask: Ask, buyers: pl.DataFrame, of: pl.DataFrame, since: datetime, *, most: int = 1, script: str | None = None, joined: bool | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of `buyers` (shop, buyer_id, ...) those who may be written to on `ask.params.channel`, one id a person, and the others with a `reason`.

    Beside consent and `joined` (see `one_each`): whoever got `most` messages since then, under any id, is left out; of `script`
    (None: of any).
    """
    agreed, left_out = one_each(buyers, consents(frames, ask, ask.params.channel), of, joined=joined)
    those = sent(frames, ask).filter(buyer_is_known(), pl.col("at") >= instant(since))
    those = those if script is None else those.filter(pl.col("script") == script)
    counts = as_persons(those.collect(), of).group_by("shop", "person").agg(times=pl.len().cast(pl.Int64), last_at=pl.col("at").max())
    rows = as_persons(agreed, of).join(counts, on=["shop", "person"], how="left", maintain_order="left")
    full = (pl.col("times") >= most).fill_null(False)
    day = pl.col("last_at").dt.convert_time_zone(ask.timezone.key).dt.date()
    written = rows.filter(full).select("shop", "buyer_id", reason=pl.format("written to already ({})", day))
    return rows.filter(~full).select(agreed.columns), pl.concat([left_out, written]).sort("shop", "reason", "buyer_id")


def reason_counts(left_out: pl.DataFrame) -> pl.DataFrame:
    """How many buyers each reason keeps out; who or when it was is left away."""
    kind = pl.col("reason").str.replace(r"^same person as .*$", "same person").str.replace(r" \(.*\)$", "")
    return left_out.group_by("shop", reason=kind).agg(buyers=pl.len().cast(pl.Int64)).sort("shop", "buyers", "reason", descending=[False, True, False])


_KINDS_OF_REASON = {
    "without": ("no consent", "consent withdrawn"), "joined": ("already joined",), "outside": ("not in the group",), "same": ("same person",),
    "masked": ("phone masked",), "written": ("written to already",), "bought": ("bought before", "bought before and had it refunded"),
}  # fmt: skip


def audience_facts(frames: Frames, ask: Ask, ready: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """One row for every asked shop: the columns of `order_facts`, `asked` (consents of the channel), `messages` on record, `ready`
    (people to write to), and how many each kind of reason leaves out: without, joined, outside, same, masked, written, bought.
    """
    asked = known(frames, "consents", ask).filter(on_channel(ask.params.channel)).select("shop").collect()
    facts = of_every_shop(ask, order_facts(frames, ask))
    for name, frame in (("ready", ready), ("asked", asked), ("messages", sent(frames, ask).select("shop").collect())):
        facts = facts.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    sums = {name: pl.col("buyers").filter(pl.col("reason").is_in(reasons)).sum() for name, reasons in _KINDS_OF_REASON.items()}
    facts = facts.join(counts.group_by("shop").agg(**sums), on="shop", how="left")
    return facts.with_columns(pl.exclude("shop", "oldest_at", "newest_at").fill_null(0))


def coupon_message(ask: Ask, send: datetime) -> pl.DataFrame:
    """One row for every asked shop: the text of the parameters as it goes out, what the scanner says of it, and the coupon."""
    params, until = ask.params, send + ask.params.valid
    text = coupon_text(params.text, params.off, params.least, until, ask)
    coupon = {"off_fen": params.off, "least_fen": params.least, "send_at": instant(send), "expires_at": instant(until)}
    typed = [value if isinstance(value, pl.Expr) else pl.lit(value, dtype=pl.Int64) for value in coupon.values()]
    shops = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    return shops.join(scanned([text]), how="cross").with_columns(**dict(zip(coupon, typed, strict=True)))


def when(moment: datetime, ask: Ask) -> str:
    """An instant as a summary tells it, on the shop's clock."""
    return f"{moment.astimezone(ask.timezone):%Y-%m-%d %H:%M}"


def days_before_sending(send: datetime, days: timedelta) -> datetime:
    """The first instant that is less than `days` before the sending: what was sent exactly so long ago is over."""
    return send - days + timedelta(microseconds=1)

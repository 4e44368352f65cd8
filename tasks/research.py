"""Research: what competitors sell and how they price it, and what buyers ask for."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import polars as pl
from pydantic import BeforeValidator, Field, field_validator, model_validator

from ecops.automation import Answer, Ask, Frames, Params, Percent, automation
from ecops.quantity import parse_money
from tasks._demand import covering, demand_terms, plain, points, rival_sales, searched_words, tags_heard
from tasks._mixes import REFUSED, mixes, offers_collected, price_bands, price_tactics
from tasks._rows import duration_text, known, percent, percent_text
from tasks._verdicts import Lack, of_every_shop, verdicts
from tasks._windows import Days, today

# --- research.competitors ------------------------------------------------------------------------------------------


def _bands(value: object) -> tuple[int, ...]:
    ends = value.split(",") if isinstance(value, str) else value
    return tuple(parse_money(end) for end in ends)


class Competitors(Params):
    """`max_age`: a collection that old or older is not used (90 days, a choice). `tolerance`: how far the shares of one competitor's
    aspect may add up beside 100 % (rounded percents do). `bands`: yuan at which the price bands end, each band with its end; the first
    of the usual example is the 9.9-yuan item.
    """

    max_age: Days = timedelta(days=90)
    tolerance: Percent = Field(Decimal("0.01"), ge=0, lt=1)
    bands: Annotated[Any, BeforeValidator(_bands)] = Field(default="9.9, 49, 99, 199", validate_default=True)

    @field_validator("bands")
    @classmethod
    def _grow(cls, ends: tuple[int, ...]) -> tuple[int, ...]:
        if not ends or ends[0] <= 0 or list(ends) != sorted(set(ends)):
            raise ValueError("must be prices in yuan that grow, such as 9.9, 49, 99, 199")
        return ends


@automation(
    "research.competitors",
    zh="竞店拆解",
    en="Break competitors down: what they are made of, price bands, price tactics",
    reads=("competitor_shares", "competitor_items"),
    serves=("R1", "R2"),
    params=Competitors,
)
def competitors(frames: Frames, ask: Ask) -> Answer:
    """The newest collection of each competitor: stated shares by aspect, its items by price band, and the tactics its titles name.

    `items`: the stated parts, the largest first; `sound` false where the shares of the aspect do not add up to 100 % within
    `tolerance` or one was refused; nothing is scaled to fit. `totals`: what each aspect adds up to. `bands`: items by price and their
    share among the competitor's priced items (9.9-yuan items 30 %); `units` sums only the `counted` ones and is a lower bound where
    `lower_bound`. `tactics`: found in titles (买赠, 第二件, 满减, 券后, 限时), in prices that end in 9, and in prices that fell between two
    collections. `refused`: figures without source or date, shares over 100 % (an index) and monthly sales that are no count.
    """
    parts, totals, refused_shares = mixes(frames, ask)
    offers, refused_items = offers_collected(frames, ask)
    bands, tactics = price_bands(offers, ask.params.bands), price_tactics(offers)
    refused = pl.concat([REFUSED.to_frame(), refused_shares, refused_items]).sort("shop", "competitor", "what", "date", "value", "reason", nulls_last=True)
    facts = of_every_shop(ask, _competitor_facts(frames, ask, totals, offers, tactics, refused))
    facts = facts.with_columns(pl.exclude("shop", "shares_on", "items_on", "worst", "tactic").fill_null(0))
    return Answer(_competitor_verdicts(facts, ask), {"items": parts, "totals": totals, "bands": bands, "tactics": tactics, "refused": refused})


def _competitor_facts(frames: Frames, ask: Ask, totals: pl.DataFrame, offers: pl.DataFrame, tactics: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Counts a shop, the commonest tactic, and the last day on which anything was collected, however old."""
    newest = [
        known(frames, kind, ask).filter(pl.col("date") <= today(ask)).group_by("shop").agg(pl.col("date").max().alias(name)).collect()
        for kind, name in (("competitor_shares", "shares_on"), ("competitor_items", "items_on"))
    ]
    common = tactics.group_by("shop", "tactic", "zh").agg(pl.col("items").sum()).sort("shop", "items", "tactic", descending=[False, True, False])
    parts = [
        newest[1],
        totals.group_by("shop").agg(
            mixes=pl.len().cast(pl.Int64), sound=pl.col("sound").sum().cast(pl.Int64), rivals=pl.col("competitor").n_unique().cast(pl.Int64),
            worst=_farthest(pl.col("difference").filter(~pl.col("sound"))),
        ),
        offers.group_by("shop").agg(
            offers=pl.len().cast(pl.Int64), priced=(pl.col("price_fen") > 0).sum().cast(pl.Int64), sellers=pl.col("competitor").n_unique().cast(pl.Int64)
        ),
        common.group_by("shop", maintain_order=True).agg(tactic=pl.col("zh").first()),
        refused.group_by("shop").agg(refused=pl.len().cast(pl.Int64)),
    ]  # fmt: skip
    facts = newest[0]
    for part in parts:
        facts = facts.join(part, on="shop", how="full", coalesce=True)
    return facts


def _farthest(difference: pl.Expr) -> pl.Expr:
    return difference.sort_by(difference.abs(), difference).last()


def _competitor_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    age, tolerance = duration_text(ask.params.max_age), percent_text(ask.params.tolerance)
    broken = pl.col("mixes") - pl.col("sound")
    worst = pl.when(pl.col("worst").is_null()).then(pl.lit("")).otherwise(pl.format("（最大差{}）", percent(pl.col("worst"))))
    worst_en = pl.when(pl.col("worst").is_null()).then(pl.lit("")).otherwise(pl.format(" (by {} at most)", percent(pl.col("worst"))))
    tactic = pl.col("tactic").fill_null("—")
    newest = {name: pl.col(name).cast(pl.String).fill_null("-") for name in ("shares_on", "items_on")}
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}家竞店的{}组占比，{}组合计不是100%{}；{}家{}款商品，最常用{}；{}行不可用", "rivals", "mixes", broken, worst, "sellers", "offers", tactic, "refused"),
        en=pl.format("{} mixes of {} competitors, {} do not add up to 100%{}; {} items of {}; {} rows refused", "mixes", "rivals", broken, worst_en, "offers", "sellers", "refused"),
        lacks=[
            Lack(
                pl.col("mixes") == 0,
                pl.format(f"competitor_shares: no usable share within {age} (newest {{}}, {{}} rows refused)", newest["shares_on"], "refused"),
                pl.format(f"{age}内没有可用的竞店结构占比（最近{{}}，{{}}行不可用）", newest["shares_on"], "refused"),
            ),
            Lack(
                (pl.col("mixes") > 0) & (pl.col("sound") == 0),
                pl.format(f"competitor_shares: none of {{}} mixes adds up to 100% within {tolerance}{{}}", "mixes", worst_en),
                pl.format(f"{{}}组占比的合计都不是100%（容差{tolerance}）{{}}", "mixes", worst),
            ),
            Lack(
                pl.col("priced") == 0,
                pl.format(f"competitor_items: none with a price within {age} (newest {{}})", newest["items_on"]),
                pl.format(f"{age}内没有带价格的竞品（最近{{}}）", newest["items_on"]),
            ),
        ],
    )  # fmt: skip


# --- research.demand -----------------------------------------------------------------------------------------------


class Demand(Params):
    """What counts as a candidate, and how much each feed says; every figure is a choice.

    `window`: days of service tags. `stale_after`: a list of search words that old is not used. `max_months`: how many months back the
    sales of a competitor's item may lie. `search_weight`, `rival_weight`, `service_weight`: what a feed counts for in the score, all
    together 100 %. `top`: so many candidates a shop. `min_times`: a tag given less often is no candidate of its own.
    """

    window: Days = timedelta(days=30)
    stale_after: Days = timedelta(days=35)
    max_months: int = Field(2, ge=1)
    search_weight: Percent = Decimal("0.5")
    rival_weight: Percent = Decimal("0.3")
    service_weight: Percent = Decimal("0.2")
    top: int = Field(50, ge=1)
    min_times: int = Field(3, ge=1)

    @model_validator(mode="after")
    def _weigh_the_whole(self) -> "Demand":
        weights = (self.search_weight, self.rival_weight, self.service_weight)
        if min(weights) < 0 or sum(weights) != 1:
            raise ValueError("search_weight, rival_weight and service_weight must add up to 100%")
        return self


@automation(
    "research.demand",
    zh="需求选品候选",
    en="Rank what buyers look for by search, competitors' sales and service tags",
    reads=("search_words", "competitor_items", "service_tags", "items"),
    serves=("G1", "R1"),
    params=Demand,
)
def demand(frames: Frames, ask: Ask) -> Answer:
    """Candidates: words of the newest list of search words and tags of the service, each with what all three feeds say of it.

    A feed gives a term its place among the shop's terms it names (1: the highest, rank / terms); score = the weighted sum of the
    places, and a feed that does not name a term gives it nothing. Searches are people. An index is an order and never a count: it
    ranks only where no word of the list has a count (`measure` index), and is added to nothing; where others have counts, a word with
    an index alone stands in `index_only` and gets no place for its searches. `rival_units`: monthly sales of the competitors' items
    whose title has the term, of each item's newest month that is over; a "1000+" makes it a lower bound. `tag_times`: tags of the
    window that have the term or are part of it. `ours`: items of ours on sale whose title has it. `growth` is against the list before.
    `ignored`: rows that are no count, of a month too old or not over.
    """
    words, (sales, lost), (tags, untold) = searched_words(frames, ask), rival_sales(frames, ask), tags_heard(frames, ask)
    terms = _scored(frames, ask, words, sales, tags)
    alone = pl.col("search_index").is_not_null() & pl.col("searches").is_null() & (pl.col("measure") == "count")
    lists = {
        "items": terms.group_by("shop", maintain_order=True).head(ask.params.top).select(_CANDIDATE),
        "index_only": words.filter(alone).select("shop", "term", "search_index").sort("shop", "search_index", "term", descending=[False, True, False]),
        "ignored": pl.concat([lost, untold]).sort("shop", "feed", "what", "month", "reason", nulls_last=True),
    }
    facts = of_every_shop(ask, _demand_facts(frames, ask, terms, words, sales, tags))
    counts = ("terms", "words", "sales", "tags", "threefold")
    return Answer(_demand_verdicts(facts.with_columns(pl.col(counts).fill_null(0)), ask), lists)


_CANDIDATE = (
    "shop", "term", "score", "feeds", "searches", "search_index", "measure", "growth", "rival_items", "rival_units", "lower_bound", "tag_times", "ours",
)  # fmt: skip


def _scored(frames: Frames, ask: Ask, words: pl.DataFrame, sales: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """Every term with what the feeds say and its score, the highest first."""
    terms = demand_terms(words, tags.filter(pl.col("times") >= ask.params.min_times))
    mine = known(frames, "items", ask).filter(pl.col("on_sale")).select("shop", "item_id", text=plain(pl.col("title"))).drop_nulls("text").collect()
    sold = covering(terms, sales).join(terms, on="nth").join(sales, on=["shop", "text"])
    rivals = sold.group_by("nth").agg(rival_items=pl.len().cast(pl.Int64), rival_units=pl.col("count").sum(), lower_bound=pl.col("at_least").fill_null(False).any())
    ours = covering(terms, mine).join(terms, on="nth").join(mine, on=["shop", "text"]).group_by("nth").agg(ours=pl.col("item_id").n_unique().cast(pl.Int64))
    weights = {"search": ask.params.search_weight, "rival": ask.params.rival_weight, "service": ask.params.service_weight}
    ranked = pl.when(pl.col("measure") == "count").then(pl.col("searches").cast(pl.Float64)).otherwise(pl.col("search_index"))
    places = {"search": points(ranked), "rival": points(pl.col("rival_units")), "service": points(pl.col("tag_times"))}
    return (
        terms.join(words, on=["shop", "term"], how="left")
        .join(rivals, on="nth", how="left")
        .join(_times(terms, tags), on="nth", how="left")
        .join(ours, on="nth", how="left")
        .with_columns(pl.col("rival_items", "tag_times", "ours").fill_null(0), pl.col("lower_bound").fill_null(False))
        .with_columns(**{f"{feed}_place": place for feed, place in places.items()})
        .with_columns(
            score=pl.sum_horizontal(float(weight) * pl.col(f"{feed}_place") for feed, weight in weights.items()).round(6),
            feeds=pl.sum_horizontal(pl.col(f"{feed}_place").is_not_null() for feed in weights).cast(pl.Int64),
            growth=pl.when(pl.col("searches_before") > 0).then(pl.col("searches") / pl.col("searches_before") - 1),
        )
        .filter(pl.col("feeds") > 0)
        .sort("shop", "score", "term", descending=[False, True, False])
    )


def _times(terms: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """How often buyers asked the service for each term: tags that have it, and tags that are part of it, each once."""
    has = covering(terms, tags).join(terms.select("nth", "shop"), on="nth")
    part = terms.join(tags.select("shop", "text"), on="shop").filter(pl.col("term").str.contains(pl.col("text"), literal=True)).select("nth", "text", "shop")
    both = pl.concat([has, part]).unique()
    return both.join(tags, on=["shop", "text"]).group_by("nth").agg(tag_times=pl.col("times").sum())


def _demand_facts(frames: Frames, ask: Ask, terms: pl.DataFrame, words: pl.DataFrame, sales: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    newest = known(frames, "search_words", ask).filter(pl.col("date") <= today(ask)).group_by("shop").agg(words_on=pl.col("date").max()).collect()
    months = known(frames, "competitor_items", ask).filter(pl.col("month").dt.offset_by("1mo") <= today(ask)).group_by("shop").agg(month=pl.col("month").max()).collect()
    heard = known(frames, "service_tags", ask).filter(pl.col("date") <= today(ask)).group_by("shop").agg(tags_on=pl.col("date").max()).collect()
    best = terms.group_by("shop", maintain_order=True).agg(
        terms=pl.len().cast(pl.Int64), threefold=(pl.col("feeds") == 3).sum().cast(pl.Int64), best=pl.col("term").first(), measure=pl.col("measure").drop_nulls().first()
    )  # fmt: skip
    facts = newest.join(months, on="shop", how="full", coalesce=True).join(heard, on="shop", how="full", coalesce=True).join(best, on="shop", how="left")
    for name, frame in (("words", words), ("sales", sales), ("tags", tags)):
        facts = facts.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    return facts


def _demand_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    age, window, best = duration_text(ask.params.stale_after), duration_text(ask.params.window), pl.col("best").fill_null("—")
    measure = pl.col("measure").replace_strict({"count": "搜索人数", "index": "搜索指数（仅作排序）"}, default="—", return_dtype=pl.String)
    text = {name: pl.col(name).cast(pl.String).fill_null("-") for name in ("words_on", "month", "tags_on")}
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}个需求候选（按{}），{}个三方都提到，首位“{}”；搜索词{}个、竞品{}款、客服标签{}个", "terms", measure, "threefold", best, "words", "sales", "tags"),
        en=pl.format("{} candidates, {} named by all three feeds, the first is {}; {} words, {} competitor items, {} tags", "terms", "threefold", best, "words", "sales", "tags"),
        lacks=[
            Lack(
                pl.col("words") == 0,
                pl.format(f"search_words: no list within {age} (newest {{}})", text["words_on"]),
                pl.format(f"{age}内没有搜索词表（最近{{}}）", text["words_on"]),
            ),
            Lack(
                pl.col("sales") == 0,
                pl.format(f"competitor_items: no monthly count of the last {ask.params.max_months} months (newest month {{}})", text["month"]),
                pl.format(f"最近{ask.params.max_months}个月没有可用的竞品月销量（最近月份{{}}）", text["month"]),
            ),
            Lack(
                pl.col("tags") == 0,
                pl.format(f"service_tags: none within {window} (newest {{}})", text["tags_on"]),
                pl.format(f"{window}内没有客服标签（最近{{}}）", text["tags_on"]),
            ),
        ],
    )  # fmt: skip

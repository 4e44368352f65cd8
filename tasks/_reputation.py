"""How a shop is judged: its scores beside its peers and its own past, negative posts and their clock, the trend of low stars."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import Z95, two_shares_z
from tasks._rows import has_happened, instant, known
from tasks._windows import DAY, days_before, last_midnight, today

_DIGITS = 6  # scores are decimals of a point or two: what differs further down is no difference
ITEMS = pl.Schema({"shop": pl.String, "about": pl.String, "about_id": pl.String, "state": pl.String, "zh": pl.String, "due_at": pl.Datetime("us", "UTC")})


def scores(frames: Frames, ask: Ask) -> pl.DataFrame:
    """The latest of each score in the window: score, peer_score, `past` (median of the days before it), `days_old`, missing_days, state.

    `state`: below_peers (strictly), falling (at least `ask.params.fall` under its own past), else fine; `peers_unknown` where nobody says how
    the peers stand. `missing_days`: days without a row between the first of the window and yesterday.
    """
    span = days_before(ask, ask.params.window)
    rows = (
        known(frames, "scores", ask)
        .filter(pl.col("date").is_between(span.first, span.last), pl.col("score").is_not_null())
        .select("shop", "score_name", "date", "score", "peer_score")
        .sort("shop", "score_name", "date")
    )
    before = pl.col("date") < pl.col("date").max()
    found = rows.group_by("shop", "score_name").agg(
        date=pl.col("date").max(), first=pl.col("date").min(), days=pl.col("date").n_unique().cast(pl.Int64),
        score=pl.col("score").last(), peer_score=pl.col("peer_score").last(), past=pl.col("score").filter(before).median(),
    )  # fmt: skip
    below = (pl.col("score").round(_DIGITS) < pl.col("peer_score").round(_DIGITS)).fill_null(False)
    falls = ((pl.col("past") - pl.col("score")).round(_DIGITS) >= ask.params.fall).fill_null(False)
    return (
        found.with_columns(
            days_old=(pl.lit(today(ask) - DAY) - pl.col("date")).dt.total_days(),
            missing_days=(pl.lit(span.last) - pl.col("first")).dt.total_days() + 1 - pl.col("days"),
            peers_unknown=pl.col("peer_score").is_null(),
            state=pl.when(below).then(pl.lit("below_peers")).when(falls).then(pl.lit("falling")).otherwise(pl.lit("fine")),
        )
        .select("shop", "score_name", "date", "score", "peer_score", "past", "days_old", "missing_days", "peers_unknown", "state")
        .sort("shop", "score_name")
        .collect()
    )


def posts(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Posts of the window judged negative, or not judged yet (irony is for people), with `due_at` = post + `ask.params.answer_within` and state:
    overdue (after the due instant; exactly then is in time), open, late, answered, unjudged. `copy_of`: the same words stood there before.
    """
    span = days_before(ask, ask.params.window)
    begin = last_midnight(ask) - span.days * DAY
    due = pl.col("at") + ask.params.answer_within
    now = instant(ask.as_of)
    answered = has_happened("answered_at", ask)
    state = (
        pl.when(pl.col("negative").is_null() & ~answered).then(pl.lit("unjudged"))
        .when(answered & (pl.col("answered_at") > due)).then(pl.lit("late"))
        .when(answered).then(pl.lit("answered"))
        .when(due < now).then(pl.lit("overdue"))
        .otherwise(pl.lit("open"))
    )  # fmt: skip
    words = pl.col("text").str.replace_all(r"[\s\p{P}]", "")
    words = pl.when(words != "").then(words)
    rows = known(frames, "posts", ask).filter(pl.col("at").is_between(instant(begin), now), pl.col("negative").fill_null(True))
    told = pl.when(answered).then("answered_at")
    rows = rows.with_columns(words=words, state=state, due_at=due, answered_at=told).sort("shop", "at", "post_id").collect()
    first = pl.col("post_id").first().over("shop", "words", order_by=["at", "post_id"])
    copied = pl.col("words").is_not_null() & (first != pl.col("post_id"))
    return rows.with_columns(copy_of=pl.when(copied).then(first)).select(
        "shop", "post_id", "channel", "item_id", "text", "at", "due_at", "answered_at", "state", "copy_of"
    )


def low_stars(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Reviews with few stars in the recent days beside the days before: counts, shares, `z` of the difference, state (rising, thin, fine)."""
    whole, lately = days_before(ask, ask.params.window), days_before(ask, ask.params.recent)
    since, recent = last_midnight(ask) - whole.days * DAY, last_midnight(ask) - lately.days * DAY
    rows = known(frames, "reviews", ask).filter(
        pl.col("created_at").is_between(instant(since), instant(ask.as_of)), pl.col("stars").is_not_null()
    )
    now, low = pl.col("created_at") >= instant(recent), pl.col("stars") <= ask.params.low_stars
    counts = rows.group_by("shop").agg(
        reviews=now.sum().cast(pl.Int64), low=(now & low).sum().cast(pl.Int64),
        reviews_before=(~now).sum().cast(pl.Int64), low_before=(~now & low).sum().cast(pl.Int64),
    )  # fmt: skip
    z = two_shares_z(pl.col("low"), pl.col("reviews"), pl.col("low_before"), pl.col("reviews_before"))
    thin = pl.min_horizontal("reviews", "reviews_before") < ask.params.min_reviews
    return (
        counts.with_columns(
            rate=pl.when(pl.col("reviews") > 0).then(pl.col("low") / pl.col("reviews")),
            rate_before=pl.when(pl.col("reviews_before") > 0).then(pl.col("low_before") / pl.col("reviews_before")), z=z,
        )
        .with_columns(state=pl.when(thin).then(pl.lit("thin")).when(pl.col("z") >= Z95).then(pl.lit("rising")).otherwise(pl.lit("fine")))
        .sort("shop")
        .collect()
    )  # fmt: skip


def to_do(scored: pl.DataFrame, posted: pl.DataFrame, stars: pl.DataFrame) -> pl.DataFrame:
    """What a person must look at (ITEMS): posts first, the most urgent at the head, then scores, then the trend of the reviews."""
    waiting = posted.filter(pl.col("state").is_in(["overdue", "open", "unjudged"]), pl.col("copy_of").is_null()).sort("shop", "due_at", "post_id")
    words = pl.col("text").fill_null("").str.slice(0, 60)
    about_posts = waiting.select("shop", pl.lit("post").alias("about"), pl.col("post_id").alias("about_id"), "state", words.alias("zh"), "due_at")
    said = pl.format("{}：{}（同行{}，过去{}）", "score_name", pl.col("score").round(2), _or_dash("peer_score"), _or_dash("past"))
    bad = scored.filter(pl.col("state") != "fine")
    about_scores = bad.select("shop", pl.lit("score").alias("about"), pl.col("score_name").alias("about_id"), "state", said.alias("zh"))
    trend = pl.format("低星评价{}/{}条，之前{}/{}条", "low", "reviews", "low_before", "reviews_before")
    about_stars = stars.filter(state="rising").select(
        "shop", pl.lit("reviews").alias("about"), pl.lit("low_stars").alias("about_id"), "state", trend.alias("zh")
    )
    rows = pl.concat([about_posts.cast(dict(ITEMS)), about_scores, about_stars], how="diagonal")
    place = pl.col("about").replace_strict({"post": 0, "score": 1, "reviews": 2}, return_dtype=pl.Int8)
    return rows.sort("shop", place, "due_at", "about_id", nulls_last=True)


def _or_dash(name: str) -> pl.Expr:
    return pl.col(name).round(2).cast(pl.String).fill_null("—")

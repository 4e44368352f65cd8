"""Moving a sum from givers to takers, in whole units, so that nothing is made and nothing is lost."""

import polars as pl


def filled(room: pl.Expr, total: pl.Expr, by: list[str], order_by: list[str]) -> pl.Expr:
    """What each row of a group gets of `total` when it is poured out in order, nobody more than its `room` (all >= 0).

    The parts of a group add to min(total, sum of room). First come, first served: plain greedy filling.
    """
    before = room.cum_sum().over(by, order_by=order_by) - room
    return pl.min_horizontal(room, (total - before).clip(0))

"""Names of acquisition channels: one channel is written in many ways."""

import re
import unicodedata
from collections.abc import Mapping

import polars as pl

# Written forms of the channels that shops pay for, by the name shown. Hand-kept; a playbook adds its own under `aliases`.
_WRITTEN = {
    "小红书": ("小红书种草", "小红书投放", "小红书笔记", "小红书薯条", "小红书聚光", "xhs", "xiaohongshu", "red", "rednote"),
    "抖音": ("抖音直播", "抖音直播间", "抖音投放", "抖音短视频", "巨量千川", "千川", "douyin"),
    "快手": ("快手直播", "磁力金牛", "kuaishou"),
    "直通车": ("淘宝直通车", "关键词推广", "万相台关键词推广", "ztc"),
    "引力魔方": ("人群推广", "万相台人群推广", "超级推荐"),
    "淘宝客": ("淘客",),
    "企业微信": ("企微", "wecom"),
}
_NOISE = re.compile(r"[\W_]+")
_ALIASES = re.compile(r"\s*([^=，,、/]+)=([^=，,、]+)\s*")


def alias_table(text: str) -> dict[str, str]:
    """`name = variant / variant, name = ...` -> name by plain variant; raises ValueError."""
    table: dict[str, str] = {}
    for part in filter(str.strip, re.split("[，,、]", text)):
        match = _ALIASES.fullmatch(part)
        if not match:
            raise ValueError(f"{part.strip()!r} must be a name, = and its variants with / between them: 小红书 = RED / 种草")
        table |= {_plain(variant): match[1].strip() for variant in (match[1], *match[2].split("/"))}
    return table


def with_channel(rows: pl.DataFrame, column: str, own: Mapping[str, str]) -> pl.DataFrame:
    """`rows` with `channel`: the one name of what `column` holds, null where it holds none. `own` aliases win."""
    written = rows[column].unique().drop_nulls().sort().to_list()
    names = pl.DataFrame({column: written, "_name": [_name(text, own) for text in written]}, schema={column: pl.String, "_name": pl.String})
    return rows.join(names, on=column, how="left", maintain_order="left").with_columns(channel="_name").drop("_name")


def _plain(text: str) -> str:
    """What is the same in all ways of writing a name: width, case, blanks and punctuation away."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text).casefold())


def _name(text: str, own: Mapping[str, str]) -> str | None:
    plain = _plain(text)
    return own.get(plain) or _SHOWN.get(plain) or plain or None


_SHOWN = {_plain(written): name for name, variants in _WRITTEN.items() for written in (name, *variants)}

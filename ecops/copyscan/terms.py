"""The term list: what is looked for, in which category, by which law and why. `terms.tsv` is the list, one term a line.

The list is the project's own; sources are cited by article. Categories follow the groups practitioners use.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

BLOCK, REVIEW, PASS = "block", "review", "pass"

CATEGORIES = {
    "superlative": "最字类绝对化用语",
    "rank": "第一、唯一、首家等排名用语",
    "grade": "国家级、世界级等等级用语",
    "extreme": "顶级、极致等极端用语",
    "scarcity": "稀缺与紧迫用语",
    "prestige": "地位与名声用语",
    "leadership": "领先与贬低同行用语",
    "authority": "国家机关与权威背书",
    "guarantee": "效果保证用语",
    "finance": "收益承诺",
    "education": "通过率与提分保证",
    "medical": "医疗用语",
    "cosmetic": "化妆品功效宣称",
    "superstition": "封建迷信",
    "offsite": "引导平台外交易",
    "rating_reward": "以利益换好评",
    "fake_trade": "虚假交易与评价",
    "price": "价格欺诈用语",
    "inducement": "诱导用语",
    "discrimination": "歧视与公序良俗",
}

SOURCES = {
    "AL9.1": "《广告法》第九条第（一）项",
    "AL9.2": "《广告法》第九条第（二）项",
    "AL9.3": "《广告法》第九条第（三）项",
    "AL9.8": "《广告法》第九条第（八）项",
    "AL9.9": "《广告法》第九条第（七）、（九）项",
    "AL11": "《广告法》第十一条、第十二条",
    "AL13": "《广告法》第十三条",
    "AL17": "《广告法》第十七条",
    "AL20": "《广告法》第二十条",
    "AL24": "《广告法》第二十四条",
    "AL25": "《广告法》第二十五条",
    "AL28": "《广告法》第二十八条",
    "TM14": "《商标法》第十四条",
    "COS43": "《化妆品监督管理条例》第四十三条",
    "PRICE": "《明码标价和禁止价格欺诈规定》（市场监管总局令第56号）",
    "O91": "《网络反不正当竞争暂行规定》（市场监管总局令第91号，SAMR Order 91，2024年9月1日施行）",
    "PLAT": "平台交易规则",
}

GUIDE = "《广告绝对化用语执法指南》（市场监管总局公告2023年第6号）"


@dataclass(frozen=True)
class Term:
    """One entry: `verdict` block or review; `source` and `reason` say by which rule and why; `suggestion` what instead."""

    text: str
    category: str
    verdict: str
    source: str
    suggestion: str
    reason: str


@cache
def terms() -> dict[str, Term]:
    """The list by term."""
    with files(__package__).joinpath("terms.tsv").open(encoding="utf-8") as lines:
        return {row["term"]: _entry(row) for row in csv.DictReader(lines, delimiter="\t")}


def _entry(row: dict[str, str]) -> Term:
    return Term(row["term"], row["category"], row["verdict"], SOURCES[row["source"]], row["suggestion"], row["reason"])

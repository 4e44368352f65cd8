"""What a complaint is about: free words of reviews and after-sales, sorted into topics."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Topic:
    """`words`: a regular expression any match of which makes a text of this topic; `to`: whose work it is; `remedy`: what usually settles it."""

    name: str
    zh: str
    words: str
    to: str
    remedy: str


# Our own list, read from the platforms' after-sale menus and from reviews; remedies are suggestions for a person to decide.
TOPICS = (
    Topic("damage", "破损", "破损|压坏|摔坏|碎了|压碎|磕碰|变形|漏液|漏了|挤坏", "supply", "resend"),
    Topic(
        "quality", "质量",
        "质量|掉色|褪色|起球|开线|脱线|线头|做工|粗糙|裂纹|开裂|脱胶|缺页|容易坏|坏了|不能用|失灵|故障|充不进|刺痛|过敏|泛红|异味|味道大|"
        "哈喇|受潮|变质|发霉|过期|瑕疵|残次|劣质|漏电",
        "quality", "return",
    ),
    Topic("mismatch", "与描述不符", "不符|色差|不一样|不一致|假货|货不对板|虚假", "goods", "return"),
    Topic("wrong", "发错漏发", "发错|漏发|少发|少件|缺件|错发|少了", "supply", "resend"),
    Topic("delivery", "物流", "未收到|没收到|没有收到|物流.{0,3}慢|太慢|丢件|丢失|等了|快递.{0,4}(差|慢|丢)|未按.*发货|发货慢", "supply", "trace"),
    Topic("service", "服务", "客服.{0,6}(不|没|差|慢)|态度|不理人|不回", "service", "compensate"),
    Topic("fit", "尺码规格", "尺码|规格|太大|太小|偏大|偏小|不合适|不合身", "goods", "exchange"),
    Topic("price", "价格", "降价|差价|买贵|保价", "service", "compensate"),
    Topic("stock", "缺货", "缺货|无货|没货", "supply", "refund"),
    Topic("unwanted", "不想要", "无理由|多拍|拍错|不想要|不喜欢|地址.{0,3}错|信息.{0,3}错", "service", "return"),
)  # fmt: skip
OTHER = "other"
NAMES = tuple(topic.name for topic in TOPICS)
_DENIED = r"(?:没有|没|不会|不|无|毫无)(?:任何)?(?:破损|掉色|褪色|起球|异味|质量问题|色差|变形|线头|瑕疵|开线|漏液|漏发|过敏)"


def topics_of(text: pl.Expr) -> pl.Expr:
    """The topics of a text, in the order of TOPICS; `["other"]` when none, null of a null. What is denied (没有破损) is no complaint of it."""
    said = text.str.replace_all(_DENIED, "")
    found = pl.concat_list([pl.when(said.str.contains(topic.words)).then(pl.lit(topic.name)) for topic in TOPICS]).list.drop_nulls()
    return pl.when(text.is_not_null()).then(pl.when(found.list.len() > 0).then(found).otherwise(pl.lit([OTHER])))


def with_topics(frame: pl.LazyFrame, text: str) -> pl.LazyFrame:
    """`frame` with a list column `topics`; each different text is read once."""
    texts = frame.select(text).unique().with_columns(topics=topics_of(pl.col(text)))
    return frame.join(texts, on=text, how="left")


def topic_zh(topic: pl.Expr) -> pl.Expr:
    """The Chinese name of a topic."""
    return topic.replace_strict({one.name: one.zh for one in TOPICS} | {OTHER: "其他"}, return_dtype=pl.String)

"""What looks like a forbidden term and is not one: other words, and the exemptions the 2023 guide on absolute terms lists.

All patterns are matched against normalised text (`normal.py`). Other words (`words.py`) are no hit at all. `GROUNDS` are
grounds on which the law lets a term stand: the hit stays, names the ground, and passes or needs a person to judge.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

from ecops.copyscan.normal import Normal
from ecops.copyscan.terms import GUIDE, PASS, REVIEW
from ecops.copyscan.words import WORDS

@dataclass(frozen=True)
class Ground:
    """A ground for letting a term stand: hits of `categories` inside a match of `pattern` get `verdict`.

    `one_phrase`: no blank may stand between the ground's beginning and the hit, for "没有副作用 根治鼻炎" negates one half.
    """

    name: str
    pattern: re.Pattern
    categories: frozenset[str]
    verdict: str
    one_phrase: bool = False


_ABSOLUTE = frozenset(("superlative", "rank", "grade", "extreme", "leadership", "prestige", "scarcity"))
_DEEDS = frozenset(("rating_reward", "fake_trade", "offsite", "medical", "superstition", "authority", "guarantee"))
_CLAUSE = r"[^,。!?;:\n、]"
# What a negation reaches over: a turn (不是药物却能治疗) ends it.
_NEGATED = r"(?:(?!却|但|而能|也能|就能|即可|照样|胜似|需(?:手术|吃药|打针|节食))[^,。!?;:\n])"

GROUNDS = (
    Ground(
        f"仅表明服务态度、经营理念或目标追求（{GUIDE}）",
        re.compile(
            rf"(?:顾客|客户|用户|安全|服务|信誉|诚信|质量|品质|信用|健康|家人|孩子)(?:就是|永远是?|为|是)?第一(?=$|[,。!?;:\n、至]|的(?:理念|宗旨|原则|态度|服务)|[\u4e00-\u9fff]{{2}}(?:至上|第一))"
            rf"|最(?:好|优质|贴心|用心|周到|真诚|诚挚|热忱|认真|细致|耐心|热情|满意|完善|优|专业|快|大|佳)的?(?:购物|售后|售前|客户|消费)?(?:服务|态度|努力|诚意|体验服务|支持和服务)"
            rf"|(?:力求|追求|致力于?|努力|争取|立志|愿景|梦想|目标是|力争|希望|愿){_CLAUSE}{{0,10}}?(?:最|第一|极致|完美|顶级|一流|世界级|领先){_CLAUSE}{{0,4}}"
        ),
        _ABSOLUTE | {"guarantee"},
        PASS,
    ),
    Ground(
        f"提示消费者使用方式、时间或保质期（{GUIDE}）",
        re.compile(
            r"最佳的?(?:[\u4e00-\u9fff]{0,5}?的?(?:食期|赏味期|保质期|使用期|食用期|适饮期|饮用期|采摘期|时间|期限|日期|时段|时机|月份|季节|温度|水温|室温|湿度|距离|角度|高度|光线|比例|用量|间距|环境|条件|位置|朝向)|搭配(?=:|建议|是|为)|期(?![待望])"
            r"|(?:使用|食用|饮用|品尝|服用|保存|储存|洗涤|阅读|佩戴|更换|烹饪|冲泡|聆听|安装|施肥|试穿|敷用|坐)的?(?:方法|方式|姿势|姿态|条件|环境|位置|口感))"
        ),
        _ABSOLUTE,
        PASS,
    ),
    Ground(
        f"依据国家标准、行业标准、地方标准划分的等级或国家规定的称号（{GUIDE}）",
        re.compile(
            r"国家级?(?:非物质文化遗产|非遗|自然保护区|森林公园|风景名胜区|地质公园|湿地公园|名胜|文物|运动员|裁判|教练|工艺美术大师|农业产业化|高新|贫困县|科技馆|出版社|考试|规划教材|精品课|工业遗产|地理标志|农产品地理标志|登记保护)"
            r"|5a级(?:景区|旅游景区|风景)|[特一二三]级(?:初榨)|中华老字号|世界级(?:非物质|文化遗产|自然遗产|非遗)|食品级(?:硅胶|不锈钢|pp|304|316|材质|材料|塑料|接触|玻璃|包装|tpu|tpe|液态硅胶|锡纸|涂层|abs|pet|pe)"
        ),
        _ABSOLUTE,
        PASS,
    ),
    Ground(
        "否定或禁止的说法，不是宣传",
        re.compile(
            r"(?:禁止|拒绝|严禁|抵制|杜绝|谨防|警惕|小心|防止|不得|不能|不可|不要|请勿|切勿|勿|不会|不搞|不做|不参与|不提供|不支持|不接受|不存在|没有|从不|绝不|从未|不是|并非|不含|不具有?|不具备|不代替|不涉及|不用于|不承诺|不宣传|不等于|举报|远离"
            rf"|(?:无|非)(?=任何(?!.{{0,4}}副作用)|治疗|医疗|疗效|药|特供|好评|刷)){_NEGATED}{{0,10}}?(?:好评|五星|评价|返现|红包|刷|补单|代写|治疗|根治|治愈|疗效|药效|特效|药|炒信|微信|qq|私下|线下|站外|转账|特供|专供|第一|最|差评|疾病|功效|保健){_NEGATED}{{0,8}}"
        ),
        _DEEDS | {"rank"},
        PASS,
        one_phrase=True,
    ),
    Ground(
        f"同一品牌或同一企业商品的自我比较，真实的不算（{GUIDE}）：请附依据",
        re.compile(rf"(?:本店|全店|店内|店铺|本品牌|我店|本系列|我家|我们家|自家|本款|全系|该系列|同系列|本品|历代|上一代|本公司)(?:(?!品类|类目|行业|全网|市场|同行|全国|全球){_CLAUSE}){{0,8}}?(?:最|第一|顶级|首款|唯一){_CLAUSE}{{0,6}}"),
        _ABSOLUTE,
        REVIEW,
    ),
    Ground(
        f"商标或企业字号（{GUIDE}）：须是注册的",
        re.compile(
            r"(?:天下第一|绝对|极品|至尊|王牌|完美|无敌|万能|极致|终极|王者|巨星)[^,。!?;:\n]{0,4}?(?<!品)牌(?![子照匾位坊局面号价卡桌])"
            r"|[^,。!?;:\n]{2,6}(?:®|(?<!驰名)(?<!著名)(?:注册)?商标(?!产品|品牌))|(?:商标|字号|品牌名称?)(?:为|是|叫|:)[^,。!?;:\n]{2,6}"
        ),
        _ABSOLUTE,
        PASS,
    ),
    Ground(
        "作品名称，不是宣传：请核对",
        re.compile(r"(?:最[好美强佳优]|天下第一|独一无二|极品|至尊|王牌|完美|绝对|唯一|第一)[^,。!?;:\n]{0,12}?(?:小说|著$|编著|译$|蓝光|光碟|影碟|dvd|cd|专辑|话剧|电影)"),
        frozenset(("superlative", "extreme", "prestige", "rank")),
        REVIEW,
    ),
    Ground(
        "写明批准文号的药品、医疗器械、保健食品或特殊化妆品：请核对与批准内容一致",
        re.compile(r"(?s)^(?=.*(?:国药准字|械注[准进许]|械备|[药械食]广审|国食健[字注]|卫食健字|食健备|国妆特[字进]|消证字)).*"),
        frozenset(("medical", "cosmetic", "guarantee")),
        REVIEW,
    ),
    Ground(
        f"写明时间、地域与范围的客观排序，可以证明的不算（{GUIDE}）：请附数据来源",
        re.compile(
            rf"(?:20\d\d年?|\d{{1,2}}月|连续[\d一二三四五六七八九十]+年|双11|双十一|618){_CLAUSE}{{0,24}}?(?:类目|品类|子类目|榜|省|市|区|地区|期间|天猫|京东|抖音|淘宝|欧睿|尼尔森){_CLAUSE}{{0,16}}?(?:第一|冠军|领先){_CLAUSE}{{0,2}}"
            rf"|(?:第一|冠军|领先){_CLAUSE}{{0,6}}数据来源"
        ),
        _ABSOLUTE,
        REVIEW,
    ),
    Ground(
        f"依国家规定评定的奖项、称号（{GUIDE}）：请附证书",
        re.compile(rf"(?:荣获|获得|获|被评为|荣膺|斩获|入选){_CLAUSE}{{0,16}}?(?:最佳|第一名|金奖|金牌|一等奖|著名|名牌|冠军|最具){_CLAUSE}{{0,8}}"),
        _ABSOLUTE,
        REVIEW,
    ),
)


class Exemptions:
    """The other words and the grounds of one text, each looked for once and only when there is something to weigh."""

    def __init__(self, written: str, clean: Normal) -> None:
        self._written, self._clean = written, clean
        self._spans: dict[int, list[tuple[int, int]]] = {}  # by id: to hash a long pattern takes longer than to search with it

    def is_another_word(self, start: int, end: int) -> bool:
        """Whether [start, end) only looks like the term: it lies inside another word, or that word cuts it short."""
        word = self._before(WORDS, end)
        return word is not None and end <= word[1] and (end < word[1] or start >= word[0])

    def ground(self, start: int, end: int, category: str) -> Ground | None:
        """The first ground on which a term of `category` at [start, end) may stand."""
        return next((ground for ground in GROUNDS if category in ground.categories and self._covers(ground, start, end)), None)

    def _covers(self, ground: Ground, start: int, end: int) -> bool:
        span = self._before(ground.pattern, start + 1)
        if span is None or end > span[1]:
            return False
        return not (ground.one_phrase and self._parted(span[0], start))

    def _parted(self, first: int, start: int) -> bool:
        """Whether a blank of the original stands between the characters of [first, start]: before the hit, not in it."""
        ends = zip(self._clean.origin[first:start], self._clean.origin[first + 1 : start + 1], strict=True)
        return any(not self._written[one[1] : other[0]].strip() and one[1] < other[0] for one, other in ends)

    def _before(self, pattern: re.Pattern, end: int) -> tuple[int, int] | None:
        """The last match of `pattern` that starts before `end`."""
        if (spans := self._spans.get(id(pattern))) is None:
            spans = self._spans[id(pattern)] = [match.span() for match in pattern.finditer(self._clean.text)]
        n = bisect_left(spans, (end,)) - 1
        return spans[n] if n >= 0 else None

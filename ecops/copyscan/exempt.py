"""What looks like a forbidden term and is not one: other words, and the exemptions the 2023 guide on absolute terms lists.

All patterns are matched against normalised text (`normal.py`). `WORDS` are other words altogether: no hit at all. `GROUNDS`
are grounds on which the law lets a term stand: the hit stays, names the ground, and passes or needs a person to judge.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

from ecops.copyscan.terms import GUIDE, PASS, REVIEW

_MEASURES = (
    "次|时间|步|天|章|节|课|集|季|代|批|页|行|排|层|眼|口|印象|反应|人称|届|期|版|部|册|卷|轮|阶段|遍|张|颗|杯|站|年|月|周|日|"
    "夫人|象限|财经|手|线|视角|桶|双|支|瓶|片|条|盒|件|位小朋友|人民医院|中学|小学|医院|食堂|产业|性|作者|责任人|视频|堂课|本书|"
    "套|把|台|块|幅|顿|学期|学历|外语|语言|篇|种|类|滴|缕|声|笔|封|场|局|圈|段|组|个(?!品牌)|名(?=是|为|由|颁|获)"
)

WORDS = re.compile(
    "|".join(
        (
            # superlative in form, ordinary words in meaning
            "最近|最后(?!一波|一批|机会)|最终|最初|最多|最少|最迟|最晚|最早|最末|最爱|最喜欢|最想|最怕|最重要的是|最起码|最基本|最不|最为(?=常见|普通)",
            "最好(?=是|在|不要|别|勿|先|提前|用|能|放|搭配|请|选|置|避免|同时|一次|于|每|将|把|当天|尽快|联系|咨询|参考|手洗|冷水|平铺|阴凉|避光|自行|事先|穿|配|由|与|和家人|空腹|饭后|睡前|隔天|再)",
            "最(?:大|高|低|小|长|快|轻)(?:限度|程度|化|承重|载重|负荷|功率|功耗|输入|输出|电流|电压|扭矩|转速|风量|容量|直径|长度|宽度|高度|厚度|"
            "尺寸|尺码|码数|温度|水温|气温|耐温|使用温度|工作温度|分贝|噪音|亮度|分辨率|支持|可(?=支持|达|调|承|用|装|放|容|选|扩|存)|续航|射程|张角|间距|张开|档(?=位|速|风|功率)|挡(?=位|速)|起订量|"
            "值|年龄|体重|身高|库存|剂量|用量|公约数|气压|压力|速度|时速|行驶|传输|读取|消费|购买|充电|误差|仰角|折叠|展开|弯曲|心率|血氧|频率|距离|量程|刻度|净含量)",
            "最新(?=版|一期|一章|修订|规定|通知|公告|消息|动态|日期|生产|批次|国标|标准|进展|到货|考纲|大纲|教材|政策|税率|法规)",
            "最佳(?:答案|拍档|搭档|人气奖|新人奖|男|女|导演|影片|外语片|动画|编剧|摄影|影视|损友|球员|阵容)",
            "最(?=终|近|后一[页步章节行排个天次位名])",
            # ordinal, not rank
            f"(?<!国内)(?<!全球)(?<!世界)(?<!行业)(?<!全国)(?<!中国)第一(?:{_MEASURES})",
            "第一款(?=规定|之规定|项|的规定)|第一百|第一十|第一至|第一大道|第一帝国|第一次世界大战|第一滴血|第一财经|第一炉香|第一行代码|第一本|第一座|第一只|第一份|第一名(?=的故事)",
            "唯一(?=码|编号|标识|编码|性|序列号|识别|指定账号|索引|ID|id|键|对应)|唯一的(?=你|他|她|爱|孩子|办法|不同|区别|缺点|要求|遗憾)",
            "首个(?=工作日|自然日|月|季度|周|交易日|夜晚)|首款(?=和尾款|与尾款|支付|尾款)|首家(?=门店开业)",
            # same characters, other words
            "绝对(?:值|零度|坐标|路径|地址|湿度|音感|误差|引用|定位|压力|多数|不会|不要|不是|不能|禁止|可以|同意)|不绝对|顶级(?:域名|域|目录|节点|菜单)",
            "完美(?:日记|世界|芦荟胶|匹配|适配|贴合|兼容|搭配|收官|主义)|不完美|王牌(?:特工|飞行员|对王牌|竞速|保镖|部队)|王者(?:荣耀|归来|之心|风范)|亡者",
            "终极(?:笔记|一班|目标|密码)|无敌(?:破坏王|浩克|风火轮|兔)|金牌(?=得主|教练|编剧)|奥运金牌|巨星演唱会",
            "万能(?:胶|遥控|充|转换|转接|钥匙|险|麦昆|角度尺|支架|扳手|接头|卡扣|青年旅店|表|工具|插座|适配|贴)|名牌(?=大学|高校|战略)|胸牌名牌|姓名牌|行李名牌|著名(?=作家|画家|学者|导演|作曲|诗人|历史|景点|雕塑)",
            "永久(?=牌|自行车|性|居留|居民|地址|链接|基本农田|冻土|删除|封|保存|磁铁|磁|花)|永不(?=放弃|言弃|止步|妥协|磨灭|消逝|落幕)|终身(?:学习|教育|大事|伴侣|成就|监禁|保修|质保)|消毒(?:柜|碗柜|锅|液|湿巾|凝胶|酒精|器)|杀菌(?:灯|锅|剂)|彻底(?=清洁|清洗|洗净|冲洗|晾干|擦干|改变|放松|燃烧|关闭|断电|分手)",
            "转运(?:仓|中心|站|箱|车|包|商|公司|费)|招财(?=猫)|开光(?=板|灯)|辟邪(?=剑谱)|排毒(?=养颜胶囊)|消炎(?:药|片)(?=请)|国家级(?=赛事)|处方(?=药.{0,6}(?:须|需|凭)|笺|单)|领先(?=于时代|一步)|独家(?=记忆|版权|授权|专访|发售|试读|周边)|独创(?=性)",
            r"(?:\d|双十一|双十二|双11|双12|618|节|季|天猫|京东|淘宝|抖音|电商|年货)特供|特供(?=版|款|装)|(?:天猫|京东|淘宝|抖音|电商|线上)专供|专供(?=电商|线上|线下)|瘦身(?=裤型|计划)|减肥(?=不是)|保过(?=滤|期)|包过(?=年|节|滤)|稳赚(?=不到)|治疗(?=师|费|期间请遵医嘱)|生发(?=生|展)|发生发|产生发|好评(?=率|如潮|榜)",
            "国家领导人的|皇家(?=马德里)|领袖(?=气质)|一流(?=大学)|100%(?:纯)?(?:棉|羊毛|羊绒|桑蚕丝|真丝|亚麻|聚酯|涤纶|锦纶|果汁|纯果汁|植物|牛皮|头层|橡胶|天然乳胶|鸭绒|白鹅绒|黏胶|莱赛尔|新西兰)|百分百(?:纯)?(?:棉|羊毛|桑蚕丝|果汁|纯棉)|百分之百(?=纯棉|棉|羊毛)",
        )
    )
)


@dataclass(frozen=True)
class Ground:
    """A ground for letting a term stand: hits of `categories` inside a match of `pattern` get `verdict`."""

    name: str
    pattern: re.Pattern
    categories: frozenset[str]
    verdict: str


_ABSOLUTE = frozenset(("superlative", "rank", "grade", "extreme", "leadership", "prestige", "scarcity"))
_DEEDS = frozenset(("rating_reward", "fake_trade", "offsite", "medical", "superstition", "authority", "guarantee"))
_CLAUSE = r"[^,。!?;:\n、]"

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
            r"最佳(?:的)?(?:使用|食用|赏味|饮用|品尝|服用|保存|储存|观赏|拍摄|种植|播种|浇水|洗涤|睡眠|阅读|观看|试穿|佩戴|护理|敷用|口感|赏花|更换|鲜食|烹饪|冲泡|入口)"
            r"(?:的)?(?:时间|期限|期|温度|方法|方式|时段|效果时间|口感|月份|姿势|距离|季节|周期|条件|环境|水温|时机)?"
            r"|最佳(?:食|赏味|使用)?(?:期|日期|时间|时段|时机|温度|水温|距离|季节)"
        ),
        _ABSOLUTE,
        PASS,
    ),
    Ground(
        f"依据国家标准、行业标准、地方标准划分的等级或国家规定的称号（{GUIDE}）",
        re.compile(
            r"国家级(?:非物质文化遗产|非遗|自然保护区|森林公园|风景名胜区|地质公园|湿地公园|名胜|文物|运动员|裁判|教练|工艺美术大师|农业产业化|高新|贫困县|科技馆|出版社|考试|规划教材|精品课)"
            r"|5a级(?:景区|旅游景区|风景)|[特一二三]级(?:初榨)|中华老字号|世界级(?:非物质|文化遗产|自然遗产|非遗)|食品级(?:硅胶|不锈钢|pp|304|316|材质|材料|塑料|接触|玻璃|包装|tpu|tpe|液态硅胶|锡纸|涂层|abs|pet|pe)"
        ),
        _ABSOLUTE,
        PASS,
    ),
    Ground(
        "否定或禁止的说法，不是宣传",
        re.compile(rf"(?:禁止|拒绝|严禁|抵制|杜绝|谨防|警惕|不得|不能|不可|不要|请勿|切勿|不搞|不做|不参与|不提供|没有|从不|绝不|从未|未|无|不是|并非|不含|不具有?|不代替|不能代替|不能替代|不可替代|代替不了|不用于|不涉及|举报|远离){_CLAUSE}{{0,8}}?(?:好评|五星|评价|返现|刷|补单|代写|治疗|根治|治愈|疗效|药效|特效|药物|炒信|加微信|私下|线下转账|特供|专供|第一|最|删差评)[\u4e00-\u9fff]{{0,6}}"),
        _DEEDS | {"rank"},
        PASS,
    ),
    Ground(
        f"同一品牌或同一企业商品的自我比较，真实的不算（{GUIDE}）：请附依据",
        re.compile(rf"(?:本店|本品牌|我店|本系列|我家|我们家|自家|本款|全系|该系列|同系列|本品|历代|上一代|本公司)(?:(?!品类|类目|行业|全网|市场|同行|全国|全球){_CLAUSE}){{0,8}}?(?:最|第一|顶级|首款|唯一){_CLAUSE}{{0,6}}"),
        _ABSOLUTE,
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
    """The other words and the grounds of one normalised text, each looked for once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = [match.span() for match in WORDS.finditer(text)]
        self._grounds: dict[str, list[tuple[int, int]]] = {}

    def is_another_word(self, start: int, end: int) -> bool:
        """Whether [start, end) only looks like the term: it lies inside another word, or that word cuts it short."""
        n = bisect_left(self._words, (end,)) - 1
        if n < 0:
            return False
        first, last = self._words[n]
        return end <= last and (end < last or start >= first)

    def ground(self, start: int, end: int, category: str) -> Ground | None:
        """The first ground on which a term of `category` at [start, end) may stand."""
        return next((ground for ground in GROUNDS if category in ground.categories and self._covers(ground, start, end)), None)

    def _covers(self, ground: Ground, start: int, end: int) -> bool:
        if ground.name not in self._grounds:
            self._grounds[ground.name] = [match.span() for match in ground.pattern.finditer(self._text)]
        spans = self._grounds[ground.name]
        n = bisect_left(spans, (start + 1,)) - 1
        return n >= 0 and end <= spans[n][1]

"""Sample files of every export that can be read, made as the platforms make them: their headings, their order, their oddities.

`SAMPLES[name](n)` gives n rows of the export `name`; `as_csv`, `as_xlsx` and `as_html_xls` write it. Always the same for the same n.
Every column about people holds texts of PERSONAL_TEXTS, so that a test can look for them where they must not be.
"""

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import xlsxwriter

from ecops.shop.kinds import COLUMNS, INSTANT, KINDS
from ecops.shop.sheet import Table

START = datetime(2025, 11, 10, 20, 0, 5)
NICKS = ("tb_春风十里_88", "小鹿乱撞zz", "jd_pin_old_cat", "momo7766", "拼友_大白")
NAMES = ("王小明", "欧阳静怡", "李雷雷", "韩梅梅", "司马相")
PHONES = ("13800138001", "15912345678", "18600002222", "17711113333", "19955556666")
STREETS = ("漕溪北路8号301室", "文三路477号2幢", "天河北路99号A座", "解放大道1277号", "春熙路南段5号")
ALIPAY = ("xiaoming.wang@example.com", "jingyi_ouyang@example.com", "leilei.li@example.com", "meimei.han@example.com", "sima.x@example.com")
MESSAGES = ("请放门口谢谢老板", "不要打电话我在上班", "生日礼物麻烦包好", "尽快发货急用呢", "记得放小票")
REMARKS = ("老客户补单已返现", "空包已登记小陈", "刷手微信联系过", "好评返五元已转", "做任务单不用发")
COMPANIES = ("上海王小明文化传播工作室", "杭州静怡贸易商行", "广州雷雷网络科技", "武汉梅梅百货店", "成都司马电子")
# Every text about a person that the samples hold; none of them may ever be found in the lake.
PERSONAL_TEXTS = (*NICKS, *NAMES, *PHONES, *STREETS, *ALIPAY, *MESSAGES, *REMARKS, *COMPANIES)
_AREAS = ("上海 上海市 徐汇区", "浙江省 杭州市 西湖区", "广东省 广州市 天河区", "湖北省 武汉市 江汉区", "四川省 成都市 锦江区")
_TITLES = ("玻尿酸补水面膜 20片", "丝绒雾面口红 #07", "氨基酸洁面乳 120g", "小棕瓶精华 30ml", "防晒喷雾 SPF50+")
_ROWS = 6

Cells = Callable[[int], str | None]


@dataclass(frozen=True)
class Sample:
    """One file: `notes` above the headings, `rows` of texts below them, `total_row` at the end where the platform writes one."""

    name: str
    platform: str
    kind: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    notes: tuple[str, ...] = ()
    total_row: tuple[str | None, ...] | None = None
    file_name: str = ""

    @property
    def lines(self) -> list[list[str]]:
        """The whole sheet."""
        below = [self.rows, () if self.total_row is None else (self.total_row,)]
        return [*([note] for note in self.notes), list(self.headings), *(["" if c is None else c for c in row] for some in below for row in some)]

    def cell(self, row: int, heading: str) -> str | None:
        """The cell of the `row` (from 0) under `heading`."""
        return self.rows[row][self.headings.index(heading)]


def table(sample: Sample) -> Table:
    """The sample as the reader sees a sheet, without a file."""
    width = max(len(line) for line in sample.lines)
    rows = [[cell or None for cell in line] + [None] * (width - len(line)) for line in sample.lines]
    return Table("", pl.DataFrame(rows, schema={f"c{place}": pl.String for place in range(width)}, orient="row"))


def as_csv(sample: Sample, encoding: str = "gb18030") -> bytes:
    """The sample as delimited text; `encoding` as Python names it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(sample.lines)
    return text.getvalue().encode(encoding)


def as_xlsx(sample: Sample) -> bytes:
    """The sample as a workbook of texts."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        page = book.add_worksheet("Sheet1")
        for number, line in enumerate(sample.lines):
            page.write_row(number, 0, line)
    return content.getvalue()


def as_html_xls(sample: Sample) -> bytes:
    """The sample as a web page, which some platforms save under the name of a workbook."""
    lines = ("".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in sample.lines)
    return f'<html><head><meta charset="utf-8"></head><body><table>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></body></html>'.encode()


def _of(values: Sequence[str | None]) -> Cells:
    return lambda i: values[i % len(values)]


def _same(value: str | None) -> Cells:
    return lambda i: value


def _id(first: int, mark: str = "{}") -> Cells:
    return lambda i: mark.format(first + i * 7)


def _time(minutes: int = 0, form: str = "%Y-%m-%d %H:%M:%S") -> Cells:
    return lambda i: (START + timedelta(minutes=minutes + 11 * i)).strftime(form)


def _day(form: str = "%Y-%m-%d") -> Cells:
    return lambda i: (START + timedelta(days=i)).strftime(form)


def _yuan(first: float, mark: str = "{:.2f}") -> Cells:
    return lambda i: mark.format(first + i * 10.5)


def _count(first: int, mark: str = "{}") -> Cells:
    return lambda i: mark.format(first + i * 3)


def _percent(first: float) -> Cells:
    return lambda i: f"{first + i % 5 * 0.25:.2f}%"


def _address(i: int) -> str:
    return f"{_AREAS[i % 5]} {STREETS[i % 5]}"


def _made(
    name: str, platform: str, kind: str, columns: Mapping[str, Cells], n: int, notes: Sequence[str] = (), total: Mapping[str, str] | None = None,
    file_name: str = "",
) -> Sample:
    rows = tuple(tuple(cells(i) for cells in columns.values()) for i in range(n))
    last = None if total is None else tuple(total.get(heading, "-") for heading in columns)
    return Sample(name, platform, kind, tuple(columns), rows, tuple(notes), last, file_name or f"{name}.csv")


def _sum(columns: Mapping[str, Cells], n: int, *names: str) -> dict[str, str]:
    """What a total row states: the sums of the columns `names`."""
    added = {name: sum(float((columns[name](i) or "0").replace(",", "")) for i in range(n)) for name in names}
    return {name: f"{value:.2f}" if "." in (columns[name](0) or "") else f"{value:.0f}" for name, value in added.items()}


def taobao_orders(n: int = _ROWS) -> Sample:
    """ExportOrderList: ids as formulas, headings with trailing blanks, `'null`, a full-width comma inside the status."""
    statuses = ("交易成功", "卖家已发货，等待买家确认", "买家已付款，等待卖家发货", "等待买家付款", "交易关闭")
    columns = {
        "订单编号": _id(202511100000000001, '="{}"'), "买家会员名": _of(NICKS), "买家支付宝账号": _of(ALIPAY), "买家应付货款": _yuan(100),
        "买家应付邮费": _same("0.00"), "买家支付积分": _same("0"), "总金额": _yuan(100), "返点积分": _same("0"),
        "买家实际支付金额": lambda i: "0.00" if i % 5 == 3 else _yuan(100)(i), "买家实际支付积分": _same("0"), "订单状态": _of(statuses),
        "买家留言": lambda i: MESSAGES[i % 5] if i % 2 else "'null", "收货人姓名": _of(NAMES), "收货地址 ": _address, "运送方式": _same("快递"),
        "联系电话 ": _same("'null"), "联系手机": lambda i: "'" + PHONES[i % 5], "订单创建时间": _time(),
        "订单付款时间 ": lambda i: "" if i % 5 == 3 else _time(2)(i), "宝贝标题 ": _of(_TITLES), "宝贝种类": _same("1"),
        "物流单号": lambda i: _id(773000000000001, "No:{}")(i) if i % 5 < 2 else "", "物流公司": lambda i: "申通快递" if i % 5 < 2 else "",
        "订单备注": lambda i: "'" + "G-" * (i % 3 == 0) + REMARKS[i % 5], "宝贝总数量": _count(1), "店铺Id": _same("0"), "店铺名称": _same("甲旗舰店"),
        "订单关闭原因": lambda i: "买家未付款" if i % 5 == 4 else "订单未关闭", "卖家服务费": _same("0"), "买家服务费": _same("0元"), "发票抬头": _of(COMPANIES),
        "是否手机订单": _same("手机订单"), "分阶段订单信息": lambda i: "阶段1：付定金" if i % 6 == 5 else "", "特权订金订单id": _same(""), "定金排名": _same(""),
        "修改后的sku": _same(""), "修改后的收货地址": lambda i: _address(i + 1) if i % 4 == 0 else "", "异常信息": _same(""), "天猫卡券抵扣": _same(""),
        "集分宝抵扣": _same(""), "是否是O2O交易": _same(""), "退款金额": _same("0.00"), "打款商家金额": _yuan(90, "{:.2f}元"),
        "确认收货时间": lambda i: _time(9000)(i) if i % 5 == 0 else "",
    }
    return _made("taobao-orders", "taobao", "orders", columns, n, file_name="ExportOrderList202511111000.csv")


def taobao_orders_without_number(n: int = _ROWS) -> Sample:
    """The same as somebody passes it on: order numbers cut out, the rest masked only in part."""
    whole = taobao_orders(n)
    kept = [place for place, name in enumerate(whole.headings) if name != "订单编号"]
    rows = tuple(tuple(row[place] for place in kept) for row in whole.rows)
    return Sample("taobao-orders-without-number", "taobao", "orders", tuple(whole.headings[p] for p in kept), rows, file_name="orders_masked.xlsx")


def tmall_orders(n: int = _ROWS) -> Sample:
    """A short order list: paid and refunded make the total in every paid row."""
    columns = {
        "订单编号": _count(1), "总金额": _yuan(100), "买家实际支付金额": lambda i: "0.00" if i % 3 else _yuan(100)(i), "收货地址 ": _of(("上海", "浙江省", "广东省")),
        "订单创建时间": _time(), "订单付款时间 ": lambda i: "" if i % 3 == 2 else _time(1)(i), "退款金额": lambda i: _yuan(100)(i) if i % 3 == 1 else "0.00",
    }
    return _made("tmall-orders", "tmall", "orders", columns, n, file_name="tmall_order_report.csv")


def taobao_order_lines(n: int = _ROWS) -> Sample:
    """ExportOrderDetailList: a refund of the second line in three, tabs after ids."""
    columns = {
        "子订单编号": _id(302511100000000001, "{}\t"), "主订单编号": lambda i: f"{202511100000000001 + i // 2 * 7}\t", "标题": _of(_TITLES), "价格": _yuan(50),
        "购买数量": _same("2"), "外部系统编号": _id(1001, "M{}"), "商品属性": _same("颜色：红；规格：大"), "套餐信息": _same(""), "备注": _of(REMARKS),
        "订单状态": _of(("交易成功", "买家已付款，等待卖家发货", "卖家已发货，等待买家确认")), "商家编码": _id(1001, "M{}"), "支付单号": _id(88000001),
        "买家应付货款": _yuan(100, "{:.2f}元"), "买家实际支付金额": _yuan(100), "退款状态": _of(("没有申请退款", "退款成功", "买家已经申请退款，等待卖家同意")),
        "退款金额": _of(("0.00", "30.00", "0.00")), "订单创建时间": _time(0, "%Y/%m/%d %H:%M"), "订单付款时间": _time(1, "%Y/%m/%d %H:%M"),
    }
    return _made("taobao-order-lines", "taobao", "order_lines", columns, n, file_name="ExportOrderDetailList202511111000.csv")


def taobao_refunds(n: int = _ROWS) -> Sample:
    """Refund management."""
    columns = {
        "订单编号": _id(202511100000000001, '="{}"'), "退款编号": _id(502511100000000001, '="{}"'), "支付宝交易号": _id(20251110, "{}\t"),
        "订单付款时间": _time(2), "商品编码": _id(1001, "M{}"), "退款完结时间": lambda i: _time(3000)(i) if i % 3 == 0 else "", "买家会员名称": _of(NICKS),
        "买家实际支付金额": _yuan(100), "宝贝标题": _of(_TITLES), "买家退款金额": _yuan(50), "手工退款/系统退款": _same("手工退款"),
        "退款类型": _of(("仅退款", "退货退款", "换货")), "退款的申请时间": _time(600), "超时时间": _time(9000),
        "退款状态": _of(("退款成功", "买家已经申请退款，等待卖家同意", "退款关闭")), "货物状态": _of(("买家未收到货", "买家已收到货", "买家已退货")),
        "退货物流信息": _same(""), "发货物流信息": _same("申通快递"), "客服介入状态": _same("不需要客服介入"), "卖家真实姓名": _of(NAMES), "卖家退货地址": _address,
        "卖家电话": _of(PHONES), "卖家手机": _of(PHONES), "买家退款原因": _of(("不喜欢/不想要", "质量问题", "少件/漏发")), "买家退款说明": _of(MESSAGES),
        "责任方": _same(""), "商家编码": _id(1001, "M{}"), "部分退款/全部退款": _of(("全部退款", "部分退款")), "退款操作人": _same("甲旗舰店:客服一"),
    }
    return _made("taobao-refunds", "taobao", "refunds", columns, n, file_name="退款单导出20251112.xlsx")


def taobao_items(n: int = _ROWS) -> Sample:
    """出售中的宝贝."""
    columns = {
        "商品ID": _id(600000000001, "{}\t"), "商品标题": _of(_TITLES), "商品类目": _same("美容护肤>面膜"), "商家编码": _id(1001, "M{}"), "价格": _yuan(59.9, "￥{:,.2f}"),
        "库存": _count(100), "累计销量": _count(1000, "{:,}"), "商品状态": _of(("出售中", "仓库中")), "上架时间": _time(-90000), "品牌": _same("春风"),
        "商品链接": _same("https://item.example/1"),
    }
    return _made("taobao-items", "taobao", "items", columns, n, file_name="出售中的宝贝.xlsx")


def taobao_reviews(n: int = _ROWS) -> Sample:
    """评价管理: a review names a phone now and then."""
    columns = {
        "订单编号": _id(202511100000000001, "{}\t"), "商品ID": _id(600000000001), "宝贝标题": _of(_TITLES), "买家昵称": _of(NICKS), "评价时间": _time(20000),
        "评价结果": _of(("好评", "中评", "差评")), "评价内容": lambda i: f"很好用，有事打{PHONES[i % 5]}" if i % 3 == 0 else "包装不错，" * (i + 1),
        "描述相符": _of(("5", "3", "1")),
        "是否晒图": _of(("是", "否")), "商家回复时间": lambda i: _time(21000)(i) if i % 2 else "", "商家回复": _same("感谢支持"),
    }
    return _made("taobao-reviews", "taobao", "reviews", columns, n, file_name="评价列表.csv")


def sycm_items(n: int = _ROWS) -> Sample:
    """商品效果: notes above, commas in thousands, percents as text, `-` for what is missing."""
    columns = {
        "统计日期": _same("2025-11-10"), "商品ID": _id(600000000001), "商品名称": _of(_TITLES), "货号": _same("-"), "商品状态": _same("当前在线"),
        "商品访客数": _count(12000, "{:,}"), "商品浏览量": _count(30000, "{:,}"), "平均停留时长": _yuan(12.5), "商品详情页跳出率": _percent(62.5),
        "商品收藏人数": _count(300), "商品加购件数": _count(900), "商品加购人数": _count(800), "下单买家数": _count(500), "下单件数": _count(640),
        "下单金额": _yuan(51200, "{:,.2f}"),
        "下单转化率": _percent(4.1), "支付买家数": _count(480), "支付件数": _count(600), "支付金额": _yuan(48000, "{:,.2f}"), "商品支付转化率": _percent(4.0),
        "支付新买家数": _count(400), "支付老买家数": _same("80"), "老买家支付金额": _yuan(8000, "{:,.2f}"), "聚划算支付金额": _same("-"), "访客平均价值": _yuan(4),
        "成功退款金额": _yuan(1234.5, "{:,.2f}"), "竞争力评分": _same("80"), "年累计支付金额": _yuan(9e6, "{:,.2f}"), "月累计支付金额": _yuan(9e5, "{:,.2f}"),
        "月累计支付件数": _count(9000, "{:,}"), "搜索引导支付转化率": _percent(5), "搜索引导访客数": _count(4000, "{:,}"), "搜索引导支付买家数": _count(200), "商品微详情访客数": _same("-"),
    }
    notes = ("【生意参谋平台】商品_全部", "统计时间：2025-11-10 ~ 2025-11-10", "数据说明：访客数已去重，各商品不可相加", "")
    return _made("sycm-items", "taobao", "item_days", columns, n, notes, file_name="【生意参谋平台】商品_全部_2025-11-10_2025-11-10.xls")


def sycm_items_older(n: int = _ROWS) -> Sample:
    """The same, some years earlier; the day stands in the notes and the file's name only."""
    columns = {
        "商品ID": _id(600000000001), "商品标题": _of(_TITLES), "商品在线状态": _same("当前在线"), "商品链接": _same("https://item.example/1"),
        "浏览量": _count(3000, "{:,}"),
        "访客数": _count(1200, "{:,}"), "平均停留时长": _yuan(12.5), "详情页跳出率": _percent(62.5), "下单支付转化率": _percent(95), "支付转化率": _percent(4),
        "下单金额": _yuan(5120, "{:,.2f}"), "下单商品件数": _count(64), "下单买家数": _count(50), "支付金额": _yuan(4800, "{:,.2f}"), "支付商品件数": _count(60),
        "加购件数": _count(90),
        "访客平均价值": _yuan(4), "点击次数": _count(800), "点击率": _percent(3), "曝光量": _count(90000), "收藏人数": _count(30), "搜索引导支付买家数": _count(20),
        "客单价": _yuan(100), "搜索支付转化率": _percent(5), "搜索引导访客数": _count(400), "支付买家数": _count(48), "售中售后成功退款金额": _yuan(123.4), "售中售后成功退款笔数": _count(2),
    }
    notes = ("[生意参谋平台] 商品效果 2019-11-10",)
    return _made("sycm-items-older", "taobao", "item_days", columns, n, notes, file_name="【生意参谋平台】商品效果-2019-11-10_2019-11-10.xls")


def sycm_traffic(n: int = _ROWS) -> Sample:
    """流量来源: visitors of the sources do not add up to the shop's."""
    columns = {
        "统计日期": _same("2025-11-10"), "流量来源": _of(("手淘搜索", "手淘推荐", "直通车", "购物车", "我的淘宝")), "来源明细": lambda i: f"明细{i}" if i else "-",
        "访客数": _count(12000, "{:,}"), "下单金额": _yuan(51200, "{:,.2f}"), "下单买家数": _count(500), "下单转化率": _percent(4.1), "支付金额": _yuan(48000, "{:,.2f}"),
        "支付买家数": _count(480), "支付转化率": _percent(4), "客单价": _yuan(100), "UV价值": _yuan(4), "关注店铺人数": _count(30), "收藏商品买家数": _count(40),
        "加购人数": _count(800), "新访客": _count(9000, "{:,}"),
    }
    notes = ("【生意参谋平台】流量_店铺来源", "2025-11-10")
    return _made("sycm-traffic", "taobao", "traffic_days", columns, n, notes, file_name="【生意参谋平台】流量来源-2025-11-10_2025-11-10.xls")


def sycm_hours(n: int = _ROWS) -> Sample:
    """Hours with their day beside them."""
    columns = {
        "统计日期": lambda i: (START + timedelta(hours=i)).strftime("%Y-%m-%d"), "小时": lambda i: f"{(20 + i) % 24:02d}:00-{(20 + i) % 24:02d}:59",
        "访客数": _count(1200, "{:,}"), "浏览量": _count(3000, "{:,}"),
        "支付金额": _yuan(4800, "{:,.2f}"), "支付买家数": _count(48), "支付件数": _count(60),
    }
    return _made("sycm-hours", "taobao", "hours", columns, n, ("【生意参谋平台】实时_分时段",), file_name="实时分时段.xlsx")


def sycm_hours_of_one_day(n: int = _ROWS) -> Sample:
    """Hours of the day that the file's name tells."""
    columns = {
        "时段": lambda i: f"{i % 24}时", "访客数": _count(1200, "{:,}"), "浏览量": _count(3000, "{:,}"), "支付金额": _yuan(4800, "{:,.2f}"), "支付买家数": _count(48),
        "支付件数": _count(60),
        "累计支付金额": lambda i: f"{sum(4800 + k * 10.5 for k in range(i + 1)):,.2f}",
    }
    return _made("sycm-hours-of-one-day", "taobao", "hours", columns, n, file_name="实时概况-2025-11-11.xlsx")


def _ad_figures(mark: str = "{:.2f}") -> dict[str, Cells]:
    return {
        "展现量": _count(90000), "点击量": _count(1500), "花费": _yuan(1234.5, mark), "点击率": _percent(1.6), "平均点击花费": _same("0.82"), "千次展现花费": _same("13.7"),
        "总成交金额": _yuan(4000, mark), "直接成交金额": _yuan(3000, mark), "间接成交金额": _same("1000.00"), "总成交笔数": _count(40), "总购物车数": _count(200),
        "直接购物车数": _count(150),
        "收藏宝贝数": _count(60), "宝贝收藏加购数": _count(260), "点击转化率": _percent(2.6), "投入产出比": _same("3.24"),
    }


def alimama_items(n: int = _ROWS) -> Sample:
    """万相台无界, subjects: each item stands in two plans, and one row of a plan in two parts; a live room is no item."""
    columns = {
        "日期": _day(), "场景名字": _of(("关键词推广", "人群推广")), "计划ID": lambda i: f"{70001 + i % 2}\t", "计划名称": lambda i: f"计划{i % 2}",
        "主体ID": lambda i: f"{600000000001 + i // 2 * 7}",
        "主体类型": lambda i: "直播间" if i % 6 == 5 else "商品", "主体名称": _of(_TITLES), **_ad_figures(), "净成交金额": _yuan(3500), "净成交笔数": _count(35),
        "净实际投产比": _same("2.9"),
    }
    made = _made("alimama-items", "taobao", "ad_days", columns, n, file_name="万相台无界版_主体报表.csv")
    part = list(made.rows[0])
    part[made.headings.index("展现量")], part[made.headings.index("点击量")] = "10", "1"
    return Sample(made.name, made.platform, made.kind, made.headings, (*made.rows, tuple(part)), file_name=made.file_name)


def alimama_keywords(n: int = _ROWS) -> Sample:
    """直通车, keywords: the market's mean cost of a click beside one's own."""
    columns = {
        "日期": _day(), "推广计划名称": _same("双11主推"), "推广单元": _same("单元1"), "宝贝ID": _id(600000000001), "宝贝标题": _of(_TITLES),
        "关键词": _of(("补水面膜", "口红 正品", "洁面乳")),
        "匹配方式": _same("广泛"), **_ad_figures(), "市场平均点击花费": _same("1.10"), "转化周期": _same("15天累计数据"),
    }
    return _made("alimama-keywords", "taobao", "ad_days", columns, n, file_name="直通车关键词报表.csv")


def alimama_plans(n: int = _ROWS) -> Sample:
    """引力魔方, plans of the one day that the file's name tells, with older words and marks of currency."""
    columns = {
        "计划ID": _id(70001), "计划名称": lambda i: f"魔方{i}", "计划组名称": _same("默认"), "展现量": _count(90000, "{:,}"), "点击量": _count(1500, "{:,}"),
        "消耗": _yuan(1234.5, "￥{:,.2f}"),
        "点击率": _percent(1.6), "添加购物车量": _count(200), "收藏宝贝量": _count(60), "成交订单量": _count(40), "成交订单金额": _yuan(4000, "￥{:,.2f}"),
        "投资回报率": _same("3.24"),
    }
    return _made("alimama-plans", "taobao", "ad_days", columns, n, file_name="引力魔方_计划_2025-11-10.csv")


def alimama_days(n: int = _ROWS) -> Sample:
    """The shop's advertising, day by day."""
    return _made("alimama-days", "taobao", "ad_days", {"日期": _day("%Y%m%d"), **_ad_figures()}, n, file_name="账户报表.csv")


def pdd_orders(n: int = _ROWS) -> Sample:
    """订单导出: everything masked, some without a time of the deal, remarks that mark orders."""
    statuses = ("已签收", "已发货，待签收", "待发货", "未发货，退款成功", "已取消", "已收货，退款成功")
    after = ("无售后或售后取消", "售后处理中", "无售后或售后取消", "退款成功", "无售后或售后取消", "退款成功")
    sent = lambda i: i % 6 in (0, 1, 5)  # noqa: E731
    columns = {
        "商品": _of(_TITLES), "订单号": lambda i: f"251110-{100000000000001 + i * 7}", "订单状态": _of(statuses), "商品总价(元)": _yuan(100),
        "邮费(元)": _same("5.00"),
        "店铺优惠折扣(元)": _same("10.00"), "平台优惠折扣(元)": _same("3.00"), "多多支付立减金额(元)": _same("1.00"), "用户实付金额(元)": _yuan(91), "商家实收金额(元)": _yuan(95),
        "商品数量(件)": _same("2"), "收货人": _of(NAMES), "手机": _of(PHONES), "省": _same("****"), "市": _same("****"), "区": _same("****"), "街道": _same("****"),
        "收货地址": _of(STREETS), "订单成交时间": lambda i: "" if i % 6 == 4 else _time()(i) + "\t", "发货时间": lambda i: _time(600)(i) if sent(i) else "",
        "确认收货时间": lambda i: _time(6000)(i) if i % 6 in (0, 5) else "", "商品id": _id(380000000001), "商品规格": _same("20片,大盒"), "样式ID": _id(1180000000001),
        "商家编码-规格维度": lambda i: f"SKU-{i}" if i % 2 else "", "商家编码-商品维度": _id(1001, "M{}"),
        "商家备注": lambda i: ("G-", "V-", "")[i % 3] + REMARKS[i % 5], "买家留言": _of(MESSAGES),
        "售后状态": _of(after), "快递单号": lambda i: f"78{9000000001 + i}" if sent(i) else "", "快递公司": lambda i: "中通快递" if sent(i) else "",
    }
    return _made("pdd-orders", "pinduoduo", "orders", columns, n, file_name="orders_export2025-11-11-10-00-00.csv")


def pdd_orders_older(n: int = _ROWS) -> Sample:
    """The same with the older headings of its times."""
    new = pdd_orders(n)
    headings = tuple("拼单成功时间" if name == "订单成交时间" else name for name in new.headings)
    paid = tuple((*row, "" if i % 6 == 4 else _time(-5)(i)) for i, row in enumerate(new.rows))
    return Sample(new.name, new.platform, new.kind, (*headings, "支付时间"), paid, file_name="orders_export2019.csv")


def pdd_ads(n: int = _ROWS) -> Sample:
    """全站推广: a note first, a total last that holds more than the rows."""
    columns = {
        "日期": _day(), "商品ID": _id(380000000001), "商品名称": _of(_TITLES), "推广场景": _of(("全站推广", "搜索推广")), "推广名称": lambda i: f"推广{i % 2}",
        "出价方式": _same("投产出价"),
        "分组": _same("默认分组"), "是否已删除": _same("否"), "成交花费(元)": _yuan(1000), "交易额(元)": _yuan(4000), "实际投产比": _same("3.2"), "总花费(元)": _yuan(1234.5),
        "曝光量": _count(90000), "点击量": _count(1500),
    }
    total = {"日期": "总计", **_sum(columns, n, "成交花费(元)", "交易额(元)", "曝光量", "点击量"), "总花费(元)": f"{float(_sum(columns, n, '总花费(元)')['总花费(元)']) + 88.8:.2f}"}
    return _made("pdd-ads", "pinduoduo", "ad_days", columns, n, ("数据说明：花费按扣费时间统计，交易额按成交时间统计",), total, "推广数据.csv")



def pdd_service(n: int = _ROWS) -> Sample:
    """客服数据, a row an agent."""
    columns = {
        "序号": _count(1), "客服账号": lambda i: f"pdd8800{i}:客服{i}", "客服服务分": _same("4.8"), "咨询人数": _count(120), "询单人数": _count(80), "最终成团人数": _count(40),
        "询单转化率": _percent(50), "客服销售额": _yuan(4000, "{:,.2f}"), "去退销售额": _yuan(3800, "{:,.2f}"), "需要人工回复的咨询人数": _count(100), "人工接待人数": _count(98),
        "3分钟未回复人数": _count(2), "3分钟人工回复率(8-23点)": _percent(98), "30秒应答率(8-23点)": _percent(88), "平均人工响应时长": _of(("25秒", "1分5秒")), "评分≤3订单数": _count(1),
        "纠纷退款数": _count(0), "投诉数": _same("0"),
    }
    return _made("pdd-service", "pinduoduo", "service_days", columns, n, ("统计时间：2025-11-10",), file_name="客服绩效_2025-11-10.xlsx")


def taobao_service(n: int = _ROWS) -> Sample:
    """赤兔: a week in one row an agent; sums and means of the shop and its peers below."""
    columns = {
        "客服": lambda i: f"甲旗舰店:客服{i}", "咨询人数": _count(120), "接待人数": _count(118), "有效接待人数": _count(110), "询单人数": _count(80), "询单最终付款人数": _count(40),
        "询单转化率": _percent(50), "首次响应(秒)": _yuan(5.5), "平均响应(秒)": _yuan(22.5), "旺旺回复率": lambda i: f"{99 + i % 2 * 0.5:.2f}%", "未回复人数": _count(1),
        "客户满意率": _percent(95),
        "评价发送率": _percent(60), "DSR": _same("4.8"),
    }
    total = {"客服": "全店汇总值", **_sum(columns, n, "咨询人数", "接待人数")}
    notes = ("赤兔名品 绩效分析", "统计时间 2025-11-04 至 2025-11-10")
    return _made("taobao-service", "taobao", "service_days", columns, n, notes, total, "客服绩效.xlsx")


def douyin_orders(n: int = _ROWS) -> Sample:
    """订单导出: two lines a main order, whose amount stands in both; commas, and tabs after ids."""
    columns = {
        "主订单编号": lambda i: f"{6920000000000000001 + i // 2}\t", "子订单编号": lambda i: f"{6930000000000000001 + i}\t", "选购商品": _of(_TITLES),
        "商品规格": _same("颜色:红;规格:大"),
        "商品数量": _same("2"), "商品ID": lambda i: f"{3500000000000000001 + i}\t", "商家编码": _id(1001, "M{}"), "商品金额": _same("1,000.00"),
        "订单应付金额": _same("3,900.00"),
        "运费": _same("0.00"), "优惠总金额": _same("100.00"), "平台优惠": _same("40.00"), "商家优惠": _same("50.00"), "达人优惠": _same("10.00"), "支付方式": _same("在线支付"),
        "收件人": _of(NAMES), "收件人手机号": _of(PHONES), "省": _of(("上海市", "上海市", "浙江省", "浙江省", "广东省", "广东省")), "市": _same("****"), "区": _same("****"),
        "街道": _same("****"),
        "详细地址": _of(STREETS), "买家留言": _of(MESSAGES), "订单提交时间": lambda i: _time()(i // 2),
        "支付完成时间": lambda i: "" if i // 2 % 3 == 2 else _time(1)(i // 2),
        "订单完成时间": _same(""), "订单状态": lambda i: ("已发货", "已关闭", "待支付")[i // 2 % 3], "取消原因": lambda i: "不想要了" if i // 2 % 3 == 1 else "-",
        "售后状态": lambda i: "已全额退款" if i // 2 % 3 == 1 else "-", "订单类型": _same("普通订单"), "商家备注": lambda i: "V-" + REMARKS[i % 5],
        "达人ID": lambda i: f"{88001 + i // 2}\t",
        "达人昵称": _of(NICKS), "流量体裁": _same("直播"), "流量渠道": _same("小店随心推"), "快递信息": _same(""),
    }
    return _made("douyin-orders", "douyin", "order_lines", columns, n, file_name="1731300000_订单导出.csv")


def douyin_service(n: int = _ROWS) -> Sample:
    """飞鸽: no rate of 30 seconds."""
    columns = {
        "日期": _same("2025/11/10"), "客服昵称": lambda i: f"小店客服{i}", "咨询人数": _count(120), "人工接待人数": _count(98), "询单人数": _count(80),
        "询单支付人数": _count(40), "询单转化率": _percent(50),
        "客服销售额": _yuan(4000, "{:,.2f}"), "首次响应时长": _same("00:00:12"), "平均响应时长": _same("00:01:05"), "3分钟人工回复率": _percent(98), "满意率": _percent(90),
    }
    return _made("douyin-service", "douyin", "service_days", columns, n, file_name="飞鸽客服数据.xlsx")


def jd_item_traffic(n: int = _ROWS) -> Sample:
    """商智, SKUs of a day; 合计 at the end."""
    columns = {
        "时间": _day(), "商品名称": _of(_TITLES), "SKU": _id(100012345601), "品牌": _same("春风"), "三级类目": _same("面膜"), "浏览量": _count(3000),
        "访客数": _count(1200), "人均浏览量": _same("2.5"),
        "平均停留时长": _yuan(30), "成交人数": _count(40), "成交商品件数": _count(60), "成交金额": _yuan(4800), "加购人数": _count(80), "成交转化率": _percent(3.3),
    }
    total = {"时间": "合计", **_sum(columns, n, "浏览量", "访客数", "成交人数", "成交商品件数", "成交金额", "加购人数")}
    return _made("jd-item-traffic", "jd", "item_days", columns, n, total=total, file_name="商品明细_SKU.xlsx")


def item_sales(n: int = _ROWS) -> Sample:
    """Sales of a day by title."""
    columns = {"日期": _day(), "商品名称": _of(_TITLES), "成交件数": _count(3), "销售码洋": _yuan(29.7)}
    return _made("item-sales", "", "item_days", columns, n, file_name="sales.xlsx")


def _jd_order() -> dict[str, Cells]:
    return {
        "订单号": _id(290000000001), "父单号": _same("0"), "订单状态": _of(("等待出库", "等待确认收货", "完成", "等待付款", "(删除)取消")), "下单时间": _time(),
        "付款确认时间": lambda i: "" if i % 5 == 3 else _time(1)(i),
        "支付方式": _same("在线支付"), "订单金额": _yuan(120), "应付金额": _yuan(100), "结算金额": _yuan(105), "下单帐号": _of(NICKS), "客户姓名": _of(NAMES), "客户地址": _address,
        "联系电话": _of(PHONES), "订单备注": _of(MESSAGES), "商家备注": lambda i: "G-" + REMARKS[i % 5], "发票抬头": _of(COMPANIES),
    }


def jd_orders(n: int = _ROWS) -> Sample:
    """Orders, one a row; no waybill."""
    return _made("jd-orders", "jd", "orders", _jd_order(), n, file_name="订单导出.csv")


def jd_order_lines(n: int = _ROWS) -> Sample:
    """A row an item: two of each order, whose amounts stand in both."""
    of_order = {name: (lambda cells: lambda i: cells(i // 2))(cells) for name, cells in _jd_order().items()}
    columns = {"订单号": of_order.pop("订单号"), "商品ID": _id(100012345601), "商品名称": _of(_TITLES), "订购数量": _same("1"), "京东价": _same("60.00"), **of_order}
    return _made("jd-order-lines", "jd", "order_lines", columns, n, file_name="订单明细导出.csv")


def jd_settlement(n: int = _ROWS) -> Sample:
    """Bookings: goods in, commission out, and each third order's goods out again."""
    fee = ("货款", "佣金", "货款")
    columns = {
        "订单编号": lambda i: f"{290000000001 + i // 3 * 7}", "父单号": _same("0"), "订单状态": _same("完成"), "订单下单时间": lambda i: _time()(i // 3),
        "订单完成时间": lambda i: _time(9000)(i // 3),
        "售后服务单号": lambda i: f"{880000001 + i // 3}" if i % 3 == 2 else "", "售后退款时间": lambda i: _time(12000)(i // 3) if i % 3 == 2 else "",
        "商品编号": _same("100012345601"),
        "商品名称": _of(_TITLES), "商品数量": _same("1"), "扣点类型": _same("正常"), "佣金比例": _same("8%"), "费用名称": _of(fee),
        "应结金额": _of(("100.00", "-8.00", "-30.00")), "币种": _same("人民币"),
        "收支方向": _of(("收入", "支出", "支出")), "结算状态": _same("已结算"), "预计结算时间": _time(13000), "账单生成时间": _time(13000), "到账时间": _time(13000), "商户订单号": _id(1),
        "资金动账备注": _of(REMARKS),
    }
    return _made("jd-settlement", "jd", "orders", columns, n, file_name="结算单明细.csv")


def jd_service(n: int = _ROWS) -> Sample:
    """咚咚: the one report besides Pinduoduo's with a rate of 30 seconds."""
    columns = {
        "日期": _same("2025-11-10"), "客服": lambda i: f"jd_客服{i}", "咨询量": _count(120), "接待量": _count(118), "应答率": lambda i: f"{98 + i % 2:.2f}%",
        "30s应答率": _percent(92), "首次响应时间": _same("6.2"),
        "平均响应时间": _same("28秒"), "满意率": _percent(93), "邀评率": _percent(50), "促成付款人数": _count(30), "促成付款金额": _yuan(3000, "{:,.2f}"),
    }
    return _made("jd-service", "jd", "service_days", columns, n, file_name="咚咚客服数据.xlsx")


def item_snapshots(n: int = _ROWS) -> Sample:
    """Page figures of competing shops' items, day by day."""
    columns = {
        "update_time": _day("%Y/%m/%d"), "id": lambda i: f"A{520000000001 + i}", "title": _of(_TITLES), "price": _yuan(99),
        "sale_count": _count(10000), "comment_count": _count(2000), "店名": _same("隔壁旗舰店"),
    }
    return _made("item-snapshots", "", "competitor_items", columns, n, file_name="snapshots.csv")


def user_behaviour(n: int = _ROWS) -> Sample:
    """Single acts of users; two equal rows are two acts."""
    columns = {
        "user_id": lambda i: str(98047837 + i // 2), "item_id": _same("232431562"), "behavior_type": _same("1"), "user_geohash": _same(""),
        "item_category": _same("4245"), "time": _same("2014-12-06 02"),
    }
    return _made("user-behaviour", "", "behaviours", columns, n, file_name="behaviour.csv")


_WORDS = {
    "status": "paid", "refund_status": "open", "refund_kind": "refund", "after_sale": "none", "action": "view", "sender": "buyer",
    "monthly_sales": "1000+",
}


def own(kind: str) -> Callable[[int], Sample]:
    """Our own file of `kind`: every column under its Chinese name."""
    def made(n: int = _ROWS) -> Sample:
        columns = {COLUMNS[name].zh: _own_cells(kind, name) for name in KINDS[kind].columns}
        return _made(f"ecops-{kind}", "", kind, columns, n, file_name=f"{kind}.csv")
    return made


def _own_cells(kind: str, name: str) -> Cells:
    known, key = COLUMNS[name], name in KINDS[kind].key
    if name == "hour":
        return lambda i: (START.replace(minute=0, second=0) + timedelta(hours=i)).strftime("%Y-%m-%d %H:%M")
    if known.dtype == INSTANT:
        return _time(_LATER.get(name, 0))
    if known.dtype == pl.Date:
        return _day() if key else _same("2025-11-30")
    if known.dtype == pl.Boolean:
        return _same("否")
    if known.unit == "fraction":
        return _percent(50)
    if known.unit == "fen":
        return _yuan(20 if "refund" in name else 100)
    if known.unit:
        return _same("1") if name in ("period_days", "pay_buyers", "clicks") else _same("5")
    return _id(9001) if key else _same(_WORDS.get(name, f"某{known.zh}"))


# Minutes after the first instant, so that nothing ends before it begins.
_LATER = {
    "ends_at": 60, "shift_until": 480, "paid_at": 1, "deposit_paid_at": 1, "shipped_at": 30, "ship_by": 3000, "collected_at": 60, "last_event_at": 90, "delivered_at": 120,
    "finished_at": 6000,
    "closed_at": 6000, "refunded_at": 6000, "replied_at": 60, "facts_as_of": 9000,
}

PLATFORM_SAMPLES: dict[str, Callable[..., Sample]] = {
    "taobao-orders": taobao_orders, "taobao-orders-without-number": taobao_orders_without_number, "tmall-orders": tmall_orders,
    "taobao-order-lines": taobao_order_lines,
    "taobao-refunds": taobao_refunds, "taobao-items": taobao_items, "taobao-reviews": taobao_reviews, "taobao-service": taobao_service,
    "sycm-items": sycm_items,
    "sycm-items-older": sycm_items_older, "sycm-traffic": sycm_traffic, "sycm-hours": sycm_hours, "sycm-hours-of-one-day": sycm_hours_of_one_day,
    "alimama-items": alimama_items, "alimama-keywords": alimama_keywords, "alimama-plans": alimama_plans, "alimama-days": alimama_days,
    "pdd-orders": pdd_orders,
    "pdd-ads": pdd_ads, "pdd-service": pdd_service, "douyin-orders": douyin_orders, "douyin-service": douyin_service,
    "jd-item-traffic": jd_item_traffic,
    "item-sales": item_sales, "jd-orders": jd_orders, "jd-order-lines": jd_order_lines, "jd-settlement": jd_settlement, "jd-service": jd_service,
    "item-snapshots": item_snapshots, "user-behaviour": user_behaviour,
}
# By the name of the export: a builder that takes the number of rows.
SAMPLES = PLATFORM_SAMPLES | {f"ecops-{kind}": own(kind) for kind in KINDS}

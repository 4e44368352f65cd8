"""Why a row is refused: each code with its sentence, in Chinese and English."""

REASONS = {
    "no_order": ("该行没有订单编号或下单时间，不是一笔订单", "the row has no order number or no creation time, so it is not an order"),
    "missing_value": ("必填的单元格为空", "a cell the row cannot do without is empty"),
    "digits_lost": ("编号被表格软件改成了科学计数法，末尾数字已丢失", "a spreadsheet has turned the id into scientific notation; its last digits are lost"),
    "not_money": ("不是金额，或小数超过两位", "not an amount of money, or more than two decimals"),
    "not_a_number": ("不是数字，或应为整数而有小数", "not a number, or not a whole one where a whole one is needed"),
    "negative": ("数值为负", "the figure is negative"),
    "not_a_date": ("不是可识别的日期或时间", "not a date or time in a known form"),
    "several_days": ("是一段时间而不是某一天，请按天导出", "a period and not one day; export it day by day"),
    "not_yes_no": ("不是“是”或“否”", "neither yes nor no"),
    "ambiguous_rate": ("比率没有百分号，无法判断 8.5 是 8.5% 还是 850%", "a rate without a percent sign: it cannot be told whether 8.5 means 8.5 % or 850 %"),
    "not_a_rate": ("不是比率", "not a rate"),
    "rate_above_one": ("比率大于 100%", "the rate is above 100 %"),
    "not_a_duration": ("不是时长", "not a duration"),
    "merged_cell": ("合并单元格中的内容属于多行，无法分给这一行", "what stands in merged cells belongs to several rows and cannot be given to this one"),
    "lone_cell": ("该行只有一格有内容，像是说明文字而不是数据", "only one cell of the row is filled: it looks like a note and not like data"),
    "cells_shifted": ("该行的单元格多于表头：可能有未加引号的逗号，使后面各格错位", "more cells than headings: perhaps a comma without quotes has moved the cells after it"),
    "columns_disagree": ("两列表头相同而内容不同，无法确定用哪一列", "two columns have this heading and differ, so it cannot be told which is meant"),
    "broken_off": ("文件在这一行中断，后面的行可能缺失，请重新导出", "the file breaks off in this row and rows after it may be missing; export it again"),
    "duplicate_key": ("同一文件中另一行有相同的主键而数值不同", "another row of the same file has the same key and other values"),
    "part_of_refused": ("同一主键的另一行被拒收，合计会不完整", "another row of the same key was refused, so their sum would be incomplete"),
    "no_visitors": ("访客数为 0，却有浏览、加购或成交", "0 visitors, yet page views, carts or sales"),
    "units_exceed_visitors": ("成交件数多于访客数，且没有买家数可核对", "more pieces sold than visitors, and no number of buyers to check with"),
    "buyers_exceed_visitors": ("支付买家数多于访客数", "more buyers than visitors"),
    "clicks_exceed_impressions": ("点击量大于展现量", "more clicks than impressions"),
    "amounts_disagree": ("实付金额与退款金额之和不等于总金额", "paid and refunded do not add up to the total"),
    "refund_exceeds_total": ("退款金额大于总金额", "more was refunded than was ordered"),
    "paid_before_created": ("付款时间早于下单时间", "paid before it was created"),
    "closed_before_created": ("完结时间早于申请时间", "settled before it was asked for"),
    "delivered_before_shipped": ("签收时间早于发货时间", "delivered before it was shipped"),
    "ends_before_start": ("到期日期早于生效日期", "it ends before it begins"),
    "received_before_ordered": ("到货日期早于下单日期", "received before it was ordered"),
    "not_stars": ("评分不在 1 到 5 之间", "a rating outside 1 to 5"),
    "ambiguous_title": ("该商品名称对应多个商品ID，无法确定是哪一个", "several items have this title, so it cannot be told which is meant"),
}


def sentence(code: str) -> str:
    """Both sentences of a code, Chinese first."""
    return " / ".join(REASONS[code])


def document() -> str:
    """The reasons as a Markdown table, as `docs/data.md` shows them."""
    rows = (f"| `{code}` | {zh} | {en} |" for code, (zh, en) in REASONS.items())
    return "\n".join(["| reason | 说明 | meaning |", "|---|---|---|", *rows]) + "\n"

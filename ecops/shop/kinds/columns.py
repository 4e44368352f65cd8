"""Every column of every kind: what it is called in Chinese files, its type, its unit. A column means the same wherever it stands."""

from dataclasses import dataclass

import polars as pl

INSTANT = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Column:
    """`zh`: heading in our own Chinese files; `unit` of a figure, empty where there is none."""

    zh: str
    dtype: pl.DataType
    meaning: str
    unit: str = ""


def _text(zh: str, meaning: str) -> Column:
    return Column(zh, pl.String(), meaning)


def _count(zh: str, meaning: str, unit: str = "count") -> Column:
    return Column(zh, pl.Int64(), meaning, unit)


def _money(zh: str, meaning: str) -> Column:
    return Column(zh, pl.Int64(), meaning, "fen")


def _rate(zh: str, meaning: str) -> Column:
    return Column(zh, pl.Float64(), meaning, "fraction")


def _seconds(zh: str, meaning: str) -> Column:
    return Column(zh, pl.Float64(), meaning, "seconds")


def _score(zh: str, meaning: str) -> Column:
    return Column(zh, pl.Float64(), meaning, "points")


def _instant(zh: str, meaning: str) -> Column:
    return Column(zh, INSTANT, meaning)


def _day(zh: str, meaning: str) -> Column:
    return Column(zh, pl.Date(), meaning)


def _flag(zh: str, meaning: str) -> Column:
    return Column(zh, pl.Boolean(), meaning)


COLUMNS = {
    # whose the row is, from when on it could be known, where it came from
    "shop": _text("", "key of the shop the row belongs to"),
    "available_at": _instant("", "first instant at which the shop could have seen the row"),
    "imported_at": _instant("", "when the row was imported"),
    "source_file": _text("", "name of the file it came from, without folders; the call, for rows pulled from a platform"),
    "source_sheet": _text("", "sheet of that file; empty for text files"),
    "source_row": _count("", "row of that sheet, counted from 1 as a spreadsheet shows it", ""),
    # orders, their lines, what came back
    "order_id": _text("订单编号", "the platform's main order number, as text"),
    "line_id": _text("子订单编号", "the platform's number of one line of an order"),
    "buyer_id": _text("买家ID", "the platform's open id, or a keyed hash of the nick; never the nick itself"),
    "address_hash": _text("收货地址摘要", "keyed hash of the receiver's address: the same for the same address in one lake"),
    "phone_hash": _text("联系电话摘要", "keyed hash of the receiver's phone: the same for the same phone in one lake"),
    "created_at": _instant("创建时间", "when the order, refund or review was made"),
    "paid_at": _instant("付款时间", "when it was paid; null: not paid as far as the source knows"),
    "total_fen": _money("订单金额", "what was ordered"),
    "paid_fen": _money("实付金额", "what the buyer paid, net of refund_fen: paid + refund is what was once paid"),
    "refund_fen": _money("退款金额", "what was refunded; null: not known yet"),
    "postage_fen": _money("邮费", "postage the buyer pays, part of the order's amount"),
    "shop_discount_fen": _money("店铺优惠", "discount the shop bears"),
    "platform_discount_fen": _money("平台优惠", "discount the platform bears"),
    "received_fen": _money("商家实收", "what the shop receives"),
    "deposit_fen": _money("定金", "deposit of a pre-sale, paid or to be paid"),
    "deposit_paid_at": _instant("定金付款时间", "when the deposit of a pre-sale was paid"),
    "refunded_at": _instant("退款时间", "when the refund succeeded"),
    "facts_as_of": _instant("数据截止时间", "up to when the source could know the later facts of the row (refund, end)"),
    "units": _count("数量", "pieces", "pieces"),
    "status": _text("订单状态", "created, paid, shipped, finished or closed"),
    "close_reason": _text("关闭原因", "why it was closed, in the platform's words"),
    "after_sale": _text("售后状态", "none, open, refunded or refused"),
    "presale": _flag("是否预售", "paid in two parts, deposit and final payment"),
    "province": _text("省份", "province of the receiver"),
    "shipped_at": _instant("发货时间", "when it was handed to the carrier"),
    "ship_by": _instant("最晚发货时间", "until when the order promises to be handed over"),
    "finished_at": _instant("确认收货时间", "when the buyer confirmed, or the platform did for them"),
    "channel": _text("渠道", "where the order came from"),
    "remark_mark": _text("备注标记", "mark such as `G-` at the head of the shop's remark; the remark itself is never kept"),
    "sku_id": _text("规格ID", "the platform's number of the variant"),
    "sku": _text("规格", "the variant in words"),
    "merchant_code": _text("商家编码", "the shop's own code"),
    "payable_fen": _money("应付金额", "what the line was to cost after discounts"),
    "talent_id": _text("达人ID", "the platform's number of the live host or author who sold it"),
    "refund_id": _text("退款编号", "the platform's refund or after-sale number"),
    "closed_at": _instant("完结时间", "when it was settled, one way or the other"),
    "refund_status": _text("退款状态", "open, success, refused or closed"),
    "refund_kind": _text("售后类型", "refund, return, exchange or resend"),
    "amount_fen": _money("申请金额", "what is asked for or was given back"),
    "reason": _text("原因", "reason in the platform's or the buyer's words"),
    "shipped": _flag("是否已发货", "asked for after the parcel had left"),
    # goods
    "item_id": _text("商品ID", "the platform's item number; `title:...` while a sales-only file names it by title"),
    "title": _text("商品名称", "title of the item"),
    "detail_text": _text("详情文案", "text of the detail page; null: images only, it cannot be scanned"),
    "category": _text("类目", "category, the finest the source gives"),
    "brand": _text("品牌", "brand"),
    "price_fen": _money("价格", "list price of one piece"),
    "cost_fen": _money("成本", "full cost of one piece"),
    "listed_on": _day("上架日期", "day of first listing"),
    "on_sale": _flag("是否在售", "on sale now"),
    "pack_size": _count("装箱数", "pieces in a purchase pack", "pieces"),
    "campaign_booked": _flag("是否已报活动", "booked for a campaign"),
    "date": _day("日期", "calendar day of the shop"),
    "opening_units": _count("期初库存", "pieces at the start of the day", "pieces"),
    "received_units": _count("入库数量", "pieces received during the day", "pieces"),
    "closing_units": _count("期末库存", "pieces at the end of the day", "pieces"),
    # what visitors did
    "impressions": _count("展现量", "how often it was shown"),
    "page_views": _count("浏览量", "page views"),
    "visitors": _count("访客数", "visitors, each counted once", "people"),
    "new_visitors": _count("新访客数", "visitors seen for the first time", "people"),
    "stay_seconds": _seconds("平均停留时长", "mean time on the page"),
    "bounce_rate": _rate("跳出率", "visits that ended on this page; only where the source states it"),
    "fav_users": _count("收藏人数", "users who marked it as favourite", "people"),
    "follow_users": _count("关注店铺人数", "users who began to follow the shop", "people"),
    "cart_users": _count("加购人数", "users who put it in the cart", "people"),
    "cart_units": _count("加购件数", "pieces put in carts", "pieces"),
    "order_buyers": _count("下单买家数", "buyers who ordered, paid or not", "people"),
    "order_units": _count("下单件数", "pieces ordered, paid or not", "pieces"),
    "order_amount_fen": _money("下单金额", "amount ordered, paid or not"),
    "pay_buyers": _count("支付买家数", "buyers who paid; null where the source has units only", "people"),
    "pay_units": _count("支付件数", "pieces paid", "pieces"),
    "pay_amount_fen": _money("支付金额", "amount paid"),
    "new_buyers": _count("支付新买家数", "buyers who paid for the first time", "people"),
    "old_buyers": _count("支付老买家数", "buyers who had paid before", "people"),
    "refund_amount_fen": _money("成功退款金额", "amount refunded during the day"),
    "search_visitors": _count("搜索引导访客数", "visitors who came from the search", "people"),
    "search_buyers": _count("搜索引导支付买家数", "buyers who came from the search", "people"),
    "source": _text("流量来源", "source of the visit in the platform's words"),
    "source_detail": _text("来源明细", "the finer source; `*` where the row is for the whole source"),
    "hour": _instant("小时", "start of the hour; known when the hour has ended"),
    "pay_amount_so_far_fen": _money("累计支付金额", "amount paid since midnight of the shop's day, where the feed counts on"),
    "ad_impressions": _count("广告展现量", "how often ads were shown in the hour"),
    "ad_clicks": _count("广告点击量", "clicks on ads in the hour"),
    "ad_spend_fen": _money("广告花费", "spent on ads in the hour"),
    "ad_deal_amount_fen": _money("广告成交金额", "amount of deals the ads claim for the hour so far"),
    "action": _text("行为", "view, favourite, cart or buy"),
    "times": _count("次数", "how many such events the source lists", "events"),
    # advertising
    "tool": _text("推广工具", "the advertising tool in the platform's words; `*` where the file does not say"),
    "plan_id": _text("计划ID", "the platform's number of the plan; its name where there is no number; `*` for all plans"),
    "plan": _text("计划名称", "name of the plan"),
    "keyword": _text("关键词", "the keyword bid on; `*` where the row is for all of them"),
    "clicks": _count("点击量", "clicks"),
    "spend_fen": _money("花费", "what the clicks cost"),
    "deals": _count("总成交笔数", "deals the tool claims inside its attribution window"),
    "deal_amount_fen": _money("总成交金额", "amount of those deals"),
    "direct_amount_fen": _money("直接成交金额", "of the item that was clicked"),
    "indirect_amount_fen": _money("间接成交金额", "of other items of the shop"),
    "net_deals": _count("净成交笔数", "deals less refunds"),
    "net_amount_fen": _money("净成交金额", "amount of those deals"),
    "carts": _count("总购物车数", "times something was put in the cart"),
    "favourites": _count("收藏宝贝数", "times an item was marked as favourite"),
    "attribution_days": _count("转化周期", "days after the click for which deals are claimed", "days"),
    "market_cpc_fen": _money("市场平均点击花费", "mean cost of a click on this keyword in the market"),
    # service
    "agent": _text("客服", "the agent's account; `*` for the whole shop, `同行` for the peer group"),
    "period_days": _count("统计天数", "days the row sums up, `date` being the last", "days"),
    "consulted": _count("咨询人数", "buyers who wrote", "people"),
    "received": _count("接待人数", "buyers an agent answered", "people"),
    "received_well": _count("有效接待人数", "buyers answered in a real conversation", "people"),
    "inquiries": _count("询单人数", "buyers who asked before buying", "people"),
    "inquiry_buyers": _count("询单最终付款人数", "of them, those who paid in the end", "people"),
    "sales_fen": _money("客服销售额", "sales counted for the agent"),
    "net_sales_fen": _money("去退销售额", "the same less refunds"),
    "first_reply_seconds": _seconds("首次响应", "mean time to the first reply"),
    "mean_reply_seconds": _seconds("平均响应", "mean time to a reply"),
    "reply_rate": _rate("回复率", "buyers answered of buyers who wrote, as the platform counts"),
    "reply_30s_rate": _rate("30秒应答率", "answered within 30 s, as the platform counts"),
    "reply_3min_rate": _rate("3分钟回复率", "answered within 3 minutes, as the platform counts"),
    "need_human": _count("需要人工回复的咨询人数", "buyers who needed a human", "people"),
    "human_received": _count("人工接待人数", "buyers a human answered", "people"),
    "unanswered": _count("未回复人数", "buyers nobody answered", "people"),
    "unanswered_3min": _count("3分钟未回复人数", "buyers not answered within 3 minutes", "people"),
    "satisfaction_rate": _rate("客户满意率", "satisfied of those who rated"),
    "invited_rate": _rate("评价发送率", "conversations after which a rating was asked for"),
    "dsr": _score("DSR", "the platform's service score, 0 to 5"),
    "service_score": _score("客服服务分", "the platform's score of the agent"),
    "low_scores": _count("评分≤3订单数", "orders rated 3 or less"),
    "disputes": _count("纠纷退款数", "refunds the platform had to decide"),
    "complaints": _count("投诉数", "complaints"),
    "session_id": _text("会话ID", "conversation of one buyer with the shop"),
    "message_id": _text("消息ID", "one message of it"),
    "at": _instant("时间", "when it was sent"),
    "sender": _text("发送方", "buyer, agent, robot or system"),
    "script": _text("话术", "which script was used, where the tool says so; the text itself is never kept"),
    # what others see and what the shop must have
    "month": _day("月份", "first day of the month the figure is for"),
    "competitor": _text("竞争店铺", "name of the competing shop"),
    "competitor_item_id": _text("竞品ID", "the platform's number of its item"),
    "monthly_sales": _text("月销量", 'as collected: "1200" or "1000+"; never an index'),
    "sold_so_far": _count("累计销量", "pieces sold since listing, as its page shows", "pieces"),
    "comments_so_far": _count("累计评论数", "reviews since listing, as its page shows"),
    "document_id": _text("证件编号", "number of the paper"),
    "document_type": _text("证件类型", "licence, trademark, authorisation, test report ... in the shop's words"),
    "issued_on": _day("生效日期", "first day of validity"),
    "expires_on": _day("到期日期", "last day of validity; null with no_expiry: it never ends"),
    "no_expiry": _flag("长期有效", "valid without end"),
    "holder": _text("主体", "the company the paper is made out to"),
    "review_id": _text("评价ID", "the platform's number of the review"),
    "stars": _count("评分", "1 to 5", "stars"),
    "text": _text("评价内容", "what the buyer wrote, in public; numbers that look like phones are cut out"),
    "with_pictures": _flag("是否晒图", "shows pictures"),
    "replied_at": _instant("回复时间", "when the shop answered"),
    # parcels
    "parcel_id": _text("快递单号", "the carrier's number"),
    "carrier": _text("快递公司", "the carrier"),
    "collected_at": _instant("揽收时间", "first scan of the carrier"),
    "last_event_at": _instant("最新物流时间", "latest scan"),
    "last_event": _text("最新物流状态", "what that scan said"),
    "delivered_at": _instant("签收时间", "when it was signed for"),
    "damaged": _flag("是否破损", "arrived damaged"),
    # what people keep beside the platform's exports
    "searches": _count("搜索人数", "people who searched for the word; null where the source has an index only", "people"),
    "search_index": _score("搜索指数", "the platform's index of searches: an order, never a count"),
    "conversion_rate": _rate("支付转化率", "of the people who clicked, those who paid, as the source states it"),
    "aspect": _text("方面", "what is split: traffic, price or goods"),
    "part": _text("组成", "one part of it, such as `直播` or `9.9元款`"),
    "share_rate": _rate("占比", "its share of the whole; never an index"),
    "tag": _text("标签", "what buyers asked for or complained of, in the service tool's words"),
    "need": _text("需求", "what buyers want, such as `敏感肌防晒`"),
    "weight": _score("权重", "how much the need matters, beside the others of its list"),
    "promotion_id": _text("优惠编号", "number of the coupon or offer"),
    "promotion_kind": _text("优惠类型", "direct, coupon, spend_and_save, deposit, member or platform_coupon"),
    "threshold_fen": _money("使用门槛", "from which amount on it holds; 0: always"),
    "off_fen": _money("优惠金额", "what it takes off; for a deposit, what the deposit counts for"),
    "off_rate": _rate("折扣比例", "the share it takes off: 0.15 is 85折"),
    "starts_at": _instant("开始时间", "when it begins"),
    "ends_at": _instant("结束时间", "when it ends"),
    "exclusive": _text("互斥组", "of one group only the best offer holds; empty: it stacks"),
    "changed_at": _instant("调价时间", "from when on the price holds"),
    "consent_channel": _text("触达渠道", "sms, wecom, app or mail"),
    "consented_at": _instant("授权时间", "when the buyer agreed"),
    "withdrawn_at": _instant("退订时间", "when the buyer withdrew"),
    "joined_at": _instant("入群时间", "when the buyer joined the group or was added"),
    "rule_id": _text("规则编号", "number of the platform's notice"),
    "platform": _text("平台", "which platform"),
    "published_at": _instant("发布时间", "when it was published"),
    "effective_on": _day("生效日", "first day it holds"),
    "terms": _text("禁用词", "words the rule forbids, separated by `、`; null: none of its own"),
    "replaces": _text("替代规则", "number of the rule it replaces"),
    "page": _text("页面", "which page, such as `首页`"),
    "block": _text("板块", "brand, category or trust; other blocks in the shop's words"),
    "link_works": _flag("链接可用", "its links answered when last tried"),
    "checked_at": _instant("检查时间", "when it was last looked at"),
    "purchase_id": _text("采购单号", "number of the purchase order"),
    "supplier": _text("供应商", "the supplier"),
    "ordered_on": _day("下单日期", "when it was ordered"),
    "promised_on": _day("承诺到货", "when it was promised"),
    "received_on": _day("到货日期", "when it came; null: not yet"),
    "counted_units": _count("盘点数量", "pieces counted by hand", "pieces"),
    "score_name": _text("评分项", "which score, such as `描述相符`"),
    "score": _score("得分", "the platform's score of the shop"),
    "peer_score": _score("同行得分", "the mean of its peers"),
    "shift_from": _instant("上班时间", "begin of the shift"),
    "shift_until": _instant("下班时间", "end of the shift"),
    "trained_on": _day("培训日期", "when the agent last passed the training; null: never"),
    "temporary": _flag("是否临时", "hired for the campaign"),
    "post_id": _text("帖子编号", "number of the post"),
    "negative": _flag("是否负面", "judged negative by a person"),
    "answered_at": _instant("回应时间", "when the shop answered"),
}

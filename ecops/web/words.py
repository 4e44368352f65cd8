"""The words of the pages. Chinese is written in the templates; English is looked up here. A test compares the two.

Sentences of errors come from the service in English; `sentence` says them in Chinese to operators.
"""

import re

from ecops.playbook.model import PHASES, ROLES

LANGS = ("zh", "en")
EN = {
    "清单": "Checklist", "活动": "Runs", "我的清单": "My checklist", "今天": "Today", "逾期": "Overdue", "本周": "This week", "以后": "Later", "全部": "All", "不限时": "No due time",
    "你是谁?": "Who are you?", "选好之后,这里只显示归你的事。": "Choose, and this page shows what is yours.", "换人": "Switch", "选择": "Choose", "还没有人员。": "There are no people yet.",
    "请管理员运行 ecops person add 添加。": "Ask your administrator to run 'ecops person add'.",
    "人员": "People", "角色": "Role", "店铺": "Shop", "所有人": "Everyone", "所有角色": "All roles", "所有店铺": "All shops", "店铺名或编号": "Shop name or key", "筛选": "Filter", "我": "me",
    "完成": "Done", "认领": "Claim", "跳过": "Skip", "转交": "Hand over", "转交给": "Hand over to", "原因": "Reason", "为什么跳过?": "Why skip it?", "备注": "Note", "更多": "More", "写点什么(可不填)": "Anything to add (optional)",
    "重新打开": "Reopen", "为什么重新打开?": "Why reopen it?", "链接": "Link", "照片或文件": "Photo or file", "文字": "Text", "数字": "Number", "请选择": "Choose", "文件": "File", "下载": "Download", "可不填": "optional",
    "整个活动": "Whole run", "已完成": "Done", "已跳过": "Skipped", "已撤回": "Withdrawn", "未开始": "Not open yet", "待办": "Open", "由": "by", "截止": "Due", "归": "Assigned to",
    "都做完了": "All done", "没有符合条件的事项。": "Nothing matches.", "看看别的时间,或者泡杯茶。": "Look at another time span, or make a cup of tea.", "今天没有等你的事。": "Nothing waits for you today.",
    "上一页": "Previous", "下一页": "Next", "项": "items", "件待办": "open", "加载中…": "Loading…", "没有网络,稍后再试。": "No connection; try again.",
    "活动列表": "Runs", "还没有活动。": "There are no runs yet.", "进行中": "Active", "已结束": "Completed", "已取消": "Cancelled",
    "步": "steps", "店": "shops", "步骤": "Steps", "基准日": "Day", "启动": "Launch", "启动于": "Launched", "结束于": "Ended", "在 Prefect 中查看": "See in Prefect", "时间节点": "Anchors", "进度": "Progress",
    "注意": "Mind", "库存冲突": "Shared stock", "日期待定": "Provisional dates", "步的日期按尚未公布的工作日推算,公布后自动更正": "steps stand on working days not announced yet; they are corrected when they are",
    "期间改动须写原因": "a change in between needs a reason", "采用复盘结论": "Learned",
    "谁在等谁": "Who waits for whom", "没有人在等。": "Nobody is waiting.", "后面在等": "behind it:", "需要先完成": "waits for", "时间线": "Timeline", "现在": "Now",
    "审批": "Approvals", "待审批": "Waiting for your decision", "同意": "Approve", "驳回": "Reject", "驳回原因(必填)": "Reason for rejecting (required)", "意见(同意可不填)": "Comment (required to reject)", "已同意": "approved", "已驳回": "rejected", "可审批": "Decided by",
    "已计划": "Planned", "就绪": "Ready", "自动运行": "Running", "人在处理": "With people", "等审批": "Gated", "结果未知": "Unknown", "失败": "Failed", "截止时间": "Due time",
    "自动": "Automated", "清单步骤": "Checklist", "里程碑": "Milestone", "展开明细": "Show details", "这一步还没有明细。": "No details yet.", "店待人工": "shops need a person", "轮": "rounds",
    "返回活动": "Back to the run", "返回清单": "Back to the checklist", "出错了": "Something went wrong", "没有做成": "Not done", "别人先了一步": "Someone was first", "没有这一页。": "There is no such page.",
    "结果": "Result", "状态": "State", "先选择你是谁,再操作。": "Choose who you are first.", "来自其他网站的请求被拒绝。": "A request from another site is refused.", "版本": "Version",
    "prep": "Prep", "execution": "Execution", "wrap-up": "Wrap-up", "set-up": "Set-up", "routine": "Routine", "review": "Review", "work": "Work",
    "消息": "Messages", "收到": "Received", "这条消息是发给别人的,你可以看,但不能替人确认收到。": "This message went to somebody else: you may look, but only they can say that it arrived.",
    "只表示看到了,事情仍要逐项完成。": "It only says that you saw it; each item still has to be done.", "这条消息里的事": "What it was about", "到明天为止的清单": "Due before the end of tomorrow",
    "这条消息里没有还能看的事项。": "Nothing it was about can be shown any more.", "消息原文": "The message as it was sent", "返回": "Back",
    "选中": "Choose", "项已选": "chosen", "全选": "All", "委托": "Delegate", "转交后由对方负责": "They answer for it from now on", "委托对方去做,负责人不变": "They do it; who answers for it stays", "负责人": "owner:",
    "等待中": "Waiting", "排队中": "Queued", "发送中": "Sending", "已发送": "Sent", "已确认": "Acknowledged", "发送失败": "Failed", "未发送": "Not sent", "不确定": "Uncertain",
    "没有人担任的角色": "Roles nobody holds", "暂归": "falls to", "没有人接手": "nobody takes it", "姓名": "Name", "姓名或编号": "Name or key", "没有角色": "No role", "不在": "Away", "代班": "covered by", "没有联系方式": "No channel",
    "没有符合条件的人。": "Nobody matches.", "添加人员": "Add a person", "编号(小写字母、数字、- 和 _)": "Key (lower-case letters, digits, - and _)", "添加": "Add", "解除": "Unbind", "绑定": "Bind", "由同角色的人接手": "others with the role take over", "在岗": "Here",
    "回来了": "Back again", "从(不填为现在)": "From (empty: now)", "到": "Until", "代班人(可不填)": "Covered by (optional)", "登记不在": "Set absence", "联系方式": "Channels", "移除": "Remove", "没有联系方式,消息发不出去。": "No channel: messages cannot be sent.", "地址": "Address",
    "排在前面的先用。地址里的密钥存下后不再显示。": "The first is tried first. Secrets in an address are kept and never shown again.", "设置": "Settings", "消息语言": "Language of messages", "免打扰从": "Quiet from", "免打扰到": "Quiet until", "免打扰": "Quiet", "没有免打扰": "No quiet hours", "时区": "Time zone",
    "每天 9 点和 18 点发清单": "Daily digests at 09:00 and 18:00", "保存": "Save", "把手上的事都转交出去": "Hand over everything they have", "只转交这个角色的(可不填)": "Only of this role (optional)", "先看看": "Preview", "没有可转交的事项。": "There is nothing to hand over.",
    "项会转交给": "items would go to", "确认转交": "Hand over", "没有": "None",
    "等我": "Waits for me", "我在等": "I wait for", "等此人": "Waits for them", "此人在等": "They wait for", "没有人担任": "nobody holds it", "条通知还在等发送": "notices are still to be sent", "打开": "Open", "条通知": "notices", "次尝试": "attempts", "下次发送": "next try",
    "原文": "Text", "再发一次": "Send again", "没有消息。": "There are no messages.",
    "改期": "Replan", "先看会动哪些日期,再确认。已完成的不动。": "See which dates would move, then confirm. What is finished stays.", "原": "was", "随动到": "follows to", "没有日期会动。": "No date would move.", "改后就已逾期": "Would be past due", "会动的日期": "Dates that would move",
    "已完成,保持不变": "Finished, stays", "开始": "Start", "结束": "End", "为什么改期?": "Why is it moved?", "确认改期": "Move the dates",
    "启动活动": "Launch a playbook", "选一本手册": "Choose a playbook", "读不懂的手册": "Playbooks that cannot be read", "标签": "Tag", "或写店铺编号(逗号隔开)": "Or keys of shops (a, b)", "默认": "Default", "是": "yes", "否": "no",
    "时间节点(不填按手册)": "Anchors (empty: as the playbook says)", "参数(不填按默认)": "Parameters (empty: default)", "看看计划": "Show the plan", "启动前要看": "Before you launch", "启动前检查": "Lint", "有问题": "Error", "不采用": "decline", "计划": "Plan", "每": "every",
    "人工核验": "Vouch", "依据": "On what ground", "属实": "It is so", "不属实": "It is not so", "要由完成者以外的人核验。": "Somebody other than who ticked it has to say so.", "留言": "Comment", "整步": "step", "还没有留言。": "No comments yet.", "写留言": "Say something",
    "经过": "History", "条留言": "comments", "待核验": "To be verified", "已核验": "Verified", "未通过": "Refuted", "无法核验": "Could not be verified", "每个角色都要有人同意。": "Every role has to approve.", "驳回会重新打开": "A rejection opens again",
    "跳过步骤": "Leave out steps", "加一步,或换掉一步": "Add or swap a step", "换掉(不选为新加)": "Takes the place of", "新加": "none, it is new", "步骤,写法同手册里 steps 下的一项": "The step, written as under 'steps' in a playbook",
    "新增的步骤": "Steps added", "不做了的步骤": "Steps left out", "改写的步骤": "Steps written anew", "已开始,保持原样": "Begun, stays as it is",
    "启动时刻": "Launch", "大促日": "Day", "运行中断,重试后继续": "Interrupted",
}  # fmt: skip
STAGES = {"prep": "准备", "execution": "执行", "wrap-up": "收尾", "set-up": "搭建", "routine": "例行", "review": "复盘", "work": "工作"}
ANCHORS = {"D": "基准日", "launch": "启动", "day": "活动日", "presale": "预售", "final-payment": "尾款", "last-ship": "最晚发货", "warm-up": "预热"}
LOOKS = {"done": "已完成", "people": "人在处理", "gated": "等审批", "running": "自动运行", "unknown": "结果未知", "ready": "就绪", "planned": "已计划", "skipped": "已跳过", "cancelled": "已取消", "failed": "失败"}
KINDS = {"task": "自动", "checklist": "清单步骤", "approval": "审批", "milestone": "里程碑"}
ITEM_STATES = {"open": "待办", "done": "已完成", "skipped": "已跳过", "withdrawn": "已撤回", "planned": "未开始"}
STEP_STATES = {"waiting": "已计划", "ready": "就绪", "running": "自动运行", "open": "人在处理", "done": "已完成", "skipped": "已跳过", "cancelled": "已取消"}
DELIVERIES = {"queued": "排队中", "sending": "发送中", "sent": "已发送", "acknowledged": "已确认", "failed": "发送失败", "uncertain": "不确定", "suppressed": "未发送"}
VERIFICATIONS = {"pending": "待核验", "verified": "已核验", "refuted": "未通过", "unknown": "无法核验"}
EVENTS = {
    "item.done": ("完成", "done by"), "item.skipped": ("跳过", "skipped by"), "item.reopened": ("重新打开", "opened again by"), "item.claimed": ("认领", "claimed by"), "item.assigned": ("转交", "handed over by"), "item.delegated": ("委托", "delegated by"),
    "item.commented": ("留言", "comment by"), "item.verified": ("核验通过", "verified by"), "item.refuted": ("核验不通过", "refuted by"), "item.unverified": ("无法核验", "not verified by"), "item.checked-again": ("重新核验", "asked again by"), "item.withdrawn": ("撤回", "withdrawn by"),
}  # fmt: skip
RUN_STATES = {"active": "进行中", "completed": "已结束", "cancelled": "已取消"}


def say(lang: str, zh: str) -> str:
    """A phrase of the pages in the reader's language."""
    return zh if lang == "zh" else EN.get(zh, zh)


def role(lang: str, key: str) -> str:
    """A role as people say it; a role of one's own keeps its key."""
    return ROLES.get(key, key) if lang == "zh" else key.replace("-", " ").capitalize()


def phase(lang: str, key: str) -> str:
    """A phase as people say it."""
    return PHASES.get(key, key) if lang == "zh" else key.capitalize()


def named(lang: str, names: dict[str, str], key: str) -> str:
    """A stage or an anchor: a known one in Chinese, else its key."""
    return names.get(key, key) if lang == "zh" else key.replace("-", " ").capitalize()


_SENTENCES = [
    (r"The anchor (\S+): .*", r"时间节点 \1 不是时间。"),
    (r"The parameter (\S+) of \S+ cannot be read: (.+)", r"参数 \1 填得不对:\2"),
    (r"This item closes with a number; .*", "请填一个数字。"),
    (r"This item closes with a text; .*", "请写一段文字。"),
    (r"This item closes with a choice; .*", "请选一项。"),
    (r"This item closes with a link; .*", "请贴一个链接。"),
    (r"This item closes with a file; .*", "请附一张照片或一个文件。"),
    (r"(.+) is none of (.+)\.", r"\1 不在可选项里:\2。"),
    (r"(.+) is no link; .*", "链接要以 https:// 或 http:// 开头。"),
    (r"'?(.+?)'? is not a number\.", r"“\1”不是数字。"),
    (r"(.+) is outside (.+) to (.+)\.", r"\1 超出范围:应在 \2 到 \3 之间。"),
    (r"A reason is needed; .*", "请写原因。"),
    (r"A rejection needs a reason\.", "驳回需要写原因。"),
    (r"There is no item (\S+); .*", r"没有事项 \1。"),
    (r"There is no run (\S+); .*", r"没有活动 \1。"),
    (r"There is no approval (\S+); .*", r"没有审批 \1。"),
    (r"There is no person (\S*); .*", r"没有人员 \1,请重新选择。"),
    (r"Item \d+ was already taken by (.+)\.", r"已由 \1 认领。"),
    (r"Item \d+ belongs to a step that is .*", "后面的步骤已经开始,不能重新打开。"),
    (r"Item \d+ is (?:withdrawn|not open yet); .*", "这一项现在不能操作,没有改动。"),
    (r"Item \d+ is open; .*", "这一项本来就是待办,没有改动。"),
    (r"The run \S+ is (?:completed|cancelled); .*", "活动已经结束,没有改动。"),
    (r"The gate \S+ is part of a run .*", "活动已经结束,没有改动。"),
    (r"The gate \S+ is done; .*", "这个审批已经通过,没有改动。"),
    (r"The gate \S+ is \S+; .*", "这个审批还没有开放,没有改动。"),
    (r"The gate \S+ opens when (\d+) findings .*, so far (\d+); .*", r"至少 \1 条复盘结论有人采纳或不采纳后才能同意,现在 \2 条。"),
    (r"(.+?):\S+ is frozen until ([\d-]+)T([\d:]{5})\S*; .*", r"\1:到 \2 \3 为止,改动须在“备注”里写原因。"),
    (r"(\S+) has already decided \(approve\).*", r"\1 已经同意过,一人只算一次。"),
    (r"(\S+) has already decided \(reject\).*", r"\1 已经驳回过,一人只算一次。"),
    (r"(\S+) launched this run and may not decide .*", r"\1 是活动发起人,不能自己审批,请其他人来。"),
    (r"(\S+) holds none of the roles (.+) that decide .*", r"\1 没有审批所需的角色(\2)。"),
    (r"The file is larger than (\d+) MB.*", r"文件超过 \1 MB,请压缩后再传。"),
    (r"Choose who you are first.*", "先选择你是谁,再操作。"),
    (r"A request from another site is refused.*", "来自其他网站的请求被拒绝。"),
    (r"The body is not JSON.*", "请求内容不是 JSON。"),
    (r"There is no such page.*", "没有这一页。"),
    (r"Item \d+ is the work of (\S+), and (\S+) neither holds .*; ask (.+), or bind the role .*", r"这是角色“\1”的事,\2 没有这个角色,也不是经办人、负责人或发起人;请找 \3,或在“人员”里绑定角色。"),
    (r"There is no delivery (\S+); .*", r"没有消息 \1。"),
    (r"The delivery \d+ went to (.+); only they .*", r"这条消息是发给 \1 的,只有本人能确认收到。"),
    (r"The delivery \d+ is \S+; there is nothing to acknowledge\.", "这条消息现在没有什么要确认的。"),
    (r"The delivery \d+ is \S+; only one that failed .*", "只有发送失败或不确定的消息可以再发。"),
    (r"What the delivery \d+ told went on over the next channel of (\S+); .*", r"这条消息已改由 \1 的下一个联系方式发送,请看那一条。"),
    (r"There is no shop (.+?); .*", r"没有店铺 \1。"),
    (r"There is a person (\S+) already\.", r"编号 \1 已经有人用了。"),
    (r"'(.*)' cannot be a person's key; .*", "编号只能用小写字母、数字、- 和 _,以字母或数字开头。"),
    (r"The person's name has .*", "请写姓名,不超过 200 字。"),
    (r"The role has .*", "请写角色,不超过 200 字。"),
    (r"'(.*)' is no language .*", r"消息不能用语言 \1。"),
    (r"'(.*)' are no quiet hours; .*", "免打扰时间写成 22:00 到 08:00 这样,或两个都不填。"),
    (r"Quiet hours need both .*", "免打扰时间要么从、到都填,要么都不填。"),
    (r"Quiet hours (.+) would never end; .*", "免打扰时间的开始和结束不能相同。"),
    (r"there is no time zone '(.*)'; .*", r"没有时区 \1,写成 Asia/Shanghai 这样。"),
    (r"(\S+) has (\d+) channels already; .*", r"\1 已有 \2 个联系方式,请先移除一个。"),
    (r"(\S+) has no channel (\S+); .*", r"\1 没有这个联系方式。"),
    (r"There is no such channel\.", "没有这个联系方式。"),
    (r"(\S+) does not hold (\S+) for (.+); .*", r"\1 没有这个角色:\2。"),
    (r"An absence until (\S+) ends before .*", "结束时间要晚于开始时间。"),
    (r"An absence until (\S+) is over already; .*", "这段时间已经过去了,请填还没到的时间。"),
    (r"(\S+) cannot stand in for themselves; .*", "代班人不能是本人。"),
    (r"(\S+) is absent from ([\d-]+)T([\d:]{5})\S* until ([\d-]+)T([\d:]{5})\S* already .*", r"\1 已登记不在,与这段时间重叠;先点“回来了”取消。"),
    (r"'(.*)' is not a time; .*", r"“\1”不是时间。"),
    (r"(\d+) items would change hands now, .*", r"现在会转交 \1 项,和刚才看到的不同,请再看一次。"),
    (r"That is too long\.", "内容太长了。"),
    (r"An address of the web says not .*", "网址看不出是哪种服务:钉钉写 dingtalk://机器人密钥,飞书写 feishu://密钥,企业微信写 wecombot://密钥,自己的接收端写 jsons://主机/路径。"),
    (r"The address (\S+) is of no service .*", r"消息不能经 \1 发送,写成 dingtalk:// feishu:// wecombot:// mailtos:// 这样的地址。"),
    (r"The address (\S+) asks for the method .*", r"地址 \1 的 method 只能是 POST 或 PUT。"),
    (r"The address (\S+) cannot be read: write it as (.+)\.", r"读不懂地址 \1,写成这样:\2。"),
    (r"The address (\S+) holds blanks .*: write it as (.+)\.", r"地址 \1 里有空格或太长,写成这样:\2。"),
    (r"The address (\S+) has the parameter (\S+), which is not allowed.*", r"地址 \1 不能带参数 \2。"),
    (r"The address (\S+) does not lead to exactly one place: .*", r"地址 \1 要只通往一处,多个地方分别添加。"),
    (r"The address (\S+) is not safe: .* Write another, as (.+)\.", r"地址 \1 不安全,换成这样的:\2。"),
    (r"([\s\S]*?)step\.yaml:(\d+):\d+: error \[\S+\] ([\s\S]*)", r"新写的步骤第 \2 行有错:\3"),
    (r"(\S+) has no step (\S+)\. .*", r"没有步骤 \2。"),
    (r"(.+) cannot be skipped and swapped at once; .*", r"\1 不能又跳过又换掉。"),
    (r"(.+) has ended already and stays as it is\.", r"\1 已经结束,不再改动。"),
    (r"(.+) is being calculated now; .*", r"\1 正在计算,稍后再试。"),
    (r"Nothing is to move; .*", "没有改动任何时间节点。"),
    (r"The run \S+ is (?:completed|cancelled) since .*", "活动已经结束,计划不再改动。"),
    (r"(.+) cannot be dated like this: (.+)", r"这样排不出日期:\2"),
    (r"There is no playbook (.+?)\..*", r"没有手册 \1。"),
    (r"([^/]+\.ya?ml):(\d+):\d+: error \[\S+\] (.*)", r"手册 \1 第 \2 行有错,先改好再启动:\3"),
    (r"'(.*)' is not a day; .*", r"“\1”不是日期,写成 2026-11-11 这样。"),
    (r"No shop fits .*", "没有符合条件的店铺。"),
    (r"(\S+) cannot be dated for (\S+): (.+)", r"\2 排不出日期:\3"),
    (r"(\S+) needs the anchor (\S+); .*", r"请填时间节点 \2。"),
    (r"(\S+) needs the parameter (\S+) .*", r"请填参数 \2。"),
    (r"(\S+) has no (?:anchor|parameter) (.+?); .*", r"手册里没有 \2。"),
    (r"A comment needs words; .*", "写点什么再留言。"),
    (r"The comment has .*", "留言太长了,请写短些。"),
    (r"Say in the note .*", "请写核验的依据。"),
    (r"No task checks what is claimed of item .*", "这一项不需要核验。"),
    (r"Item \d+ is \S+(?: and \S+)?; people decide what a task could not verify\.", "这一项现在不用人工核验,没有改动。"),
    (r"(\S+) ticked item \d+; another person .*", r"\1 自己完成的,要由别人核验。"),
    (r"Choose the items first\.", "先选中要处理的事项。"),
    (r"At most (\d+) at once\.", r"一次最多 \1 项。"),
    (r"(\d+) of the chosen items need evidence and are closed one by one: (.+)\.", r"选中的有 \1 项需要填写内容,请逐项完成:\2。"),
]  # fmt: skip


def event(lang: str, what: str) -> str:
    """What happened to an item; an event nobody named keeps its key."""
    return EVENTS.get(what, (what, what))[lang != "zh"]


_REASONS = {"no channel": "没有联系方式", "closed meanwhile": "事情已办完,不用再发", "the channel was taken away": "联系方式已被移除", "the sender ended before its answer came; it may have arrived": "发送时中断,不确定对方是否收到"}


def reason(lang: str, said: str) -> str:
    """Why a message is where it is; what a chat service answered stays in its own words."""
    return _REASONS.get(said, said) if lang == "zh" else said


def sentence(lang: str, said: str) -> str:
    """An error's sentence for the reader; one nobody translated yet stays English."""
    if lang == "zh":
        for pattern, zh in _SENTENCES:
            if found := re.fullmatch(pattern, said):
                return re.sub(r"\b(" + "|".join(ROLES) + r")\b", lambda m: ROLES[m[0]], found.expand(zh)) if "角色" in zh else found.expand(zh)
    return said

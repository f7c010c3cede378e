"""The list of pages: each that stands here is looked at in every language, theme and width, and by axe.

A new page adds a line; one that several kinds of readers see differently adds one for each of them.
"""

from dataclasses import dataclass, field
from typing import Final

from tests.backend.app.populated import LOAN
from tests.backend.console.house import CALLED, HEALTHY, SIGNED, SUBMITTED, UNVALUED


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as a reader sees it, and a text that must be on it in each language."""

    path: str
    reader: str
    chinese: str
    english: str
    status: int = 200
    says: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "says", {"zh-CN": self.chinese, "en": self.english})

    def __str__(self) -> str:
        return f"{self.reader or 'nobody'}:{self.path}"


PAGES: Final = (
    Shown("/sign-in", "", "登录", "Sign in"),
    Shown("/", "officer", "风险敞口", "Exposure"),
    Shown("/", "borrower", "我的贷款", "My loans"),
    Shown("/", "operator", "总览", "Dashboard"),
    Shown("/", "auditor", "风险敞口", "Exposure"),
    Shown("/loans", "officer", CALLED, CALLED),
    Shown("/loans", "borrower", CALLED, CALLED),
    Shown(f"/loans/{CALLED}", "officer", "补仓通知未了结", "A margin call is open."),
    Shown(f"/loans/{CALLED}?fall=40", "auditor", "如果价格下跌", "What if the price falls?"),
    Shown(f"/loans/{HEALTHY}", "borrower", "还款", "Repay"),
    Shown(f"/loans/{UNVALUED}", "officer", "贷款名下仓单", "Receipts under the loan"),
    Shown(f"/loans/{SUBMITTED}", "officer", "货物今日可支持的贷款", "What the goods would carry today"),
    Shown(f"/loans/{LOAN}", "officer", "贷款已冻结", "Nothing may be drawn: the loan is frozen."),
    Shown(f"/loans/{LOAN}", "borrower", "没有该编号的贷款", "There is no loan of that number", status=404),
    Shown(f"/loans/{LOAN}/evidence", "officer", "货件入库", "A piece came in"),
    Shown(f"/loans/{LOAN}/ledger", "officer", "确认为质权人占有货物", "attorned: it holds the goods"),
    Shown(f"/loans/{LOAN}/postings", "auditor", "分录", "Journal"),
    Shown(f"/loans/{CALLED}/history", "officer", "已办事项", "What was done"),
    Shown(f"/loans/{CALLED}/history", "borrower", "盯市决定", "Decisions about its cover"),
    Shown(f"/loans/{SUBMITTED}/acts/value", "officer", "登记查询编号", "Reference of the registry search"),
    Shown(f"/loans/{SUBMITTED}/acts/decline", "officer", "理由", "Reason"),
    Shown(f"/loans/{SUBMITTED}/acts/withdraw", "borrower", "撤回申请", "Withdraw"),
    Shown(f"/loans/{SIGNED}/acts/endorse", "borrower", "背书仓单", "Endorse the receipts"),
    Shown(f"/loans/{CALLED}/acts/enforce", "officer", "启动处置", "Open enforcement"),
    Shown(f"/loans/{LOAN}/acts/unfreeze", "collateral_officer", "解除冻结", "Lift a freeze"),
    Shown("/loans/new", "borrower", "申请贷款", "Apply for a loan"),
    Shown("/loans/new?receipts=204", "borrower", "缺项", "What is missing"),
    Shown(f"/loans/{CALLED}/repay", "borrower", "结清金额", "What ends the loan"),
    Shown(f"/loans/{CALLED}/release", "borrower", "申请报价", "Ask for a quote"),
    Shown(f"/loans/{LOAN}/release/Q-{LOAN}-1", "collateral_officer", "出库货物", "What leaves"),
    Shown("/approvals", "officer", "须由他人决定", "another person decides"),
    Shown("/approvals", "second_officer", "须由他人决定", "another person decides"),
    Shown("/approvals", "operator", "您的权限不包括此操作", "does not carry the permission", status=403),
    Shown("/approvals/1", "collateral_officer", "变更前", "Before"),
    Shown("/approvals/2", "officer", "须由他人决定", "another person decides"),
    Shown("/approvals/999", "officer", "该事项不再等待", "does not wait any longer", status=404),
    Shown("/alerts", "officer", "未经授权出库", "Unauthorised exit"),
    Shown("/alerts?state=pending", "officer", "等待匹配的出库", "Exits that wait for their match"),
    Shown("/alerts?state=no_data", "auditor", UNVALUED, UNVALUED),
    Shown("/alerts?state=acknowledged", "officer", "已上报", "Escalated"),
    Shown("/alerts?state=closed", "officer", "此状态下没有警报", "Nothing in this state"),
    Shown("/alerts", "operator", "您的权限不包括此操作", "does not carry the permission", status=403),
    Shown("/alerts/1", "officer", "当时该闸口没有有效的放行指令", "No release order was open"),
    Shown("/alerts/1", "auditor", "应有与实计", "Expected and counted"),
    Shown("/alerts/2", "officer", "须由他人结案", "Another person ends it"),
    Shown("/alerts/99", "officer", "没有该编号的警报", "There is no alert of this number", status=404),
    Shown("/audit/logs/wuxi-yard-1/1/1", "auditor", "尚未核验", "Not verified yet"),
    Shown(
        "/audit/logs/wuxi-yard-1/1/1?node=http://[::1]:1", "auditor", "节点地址须为", "address is http", 422
    ),
    Shown("/audit/logs/wuxi-yard-1/1/1", "operator", "尚未核验", "Not verified yet"),
    Shown("/audit/logs/wuxi-yard-1/1/999", "officer", "声明", "statement", status=404),
    Shown("/receipts", "officer", "控制人", "Controlled by"),
    Shown("/receipts", "borrower", "控制人", "Controlled by"),
    Shown("/receipts?after=205", "auditor", "暂无仓单", "No receipts yet"),
    Shown("/receipts/1", "officer", "八项主张", "The eight claims"),
    Shown("/receipts/1", "operator", "过磅单", "Weigh tickets"),
    Shown("/receipts/201", "borrower", "纸质副本", "Paper copy"),
    Shown("/receipts/201", "officer", "本行未保存单据", "No document here"),
    Shown(
        "/receipts/201", "operator", "没有该编号的仓单", "No confirmed event shows this receipt", status=404
    ),
    Shown("/search?q=1", "officer", "仓单", "Receipt"),
    Shown("/audit", "auditor", "证明包", "Proof bundle"),
    Shown("/audit", "borrower", "您的权限不包括此操作", "does not carry the permission", status=403),
    Shown("/audit/loans/L-2026-0001", "auditor", "无缺口", "No gap"),
    Shown(f"/audit/loans/{CALLED}", "officer", "找不到账本交易", "No transaction of the ledger is found"),
    Shown(f"/audit/loans/{SUBMITTED}", "officer", "贷款在账本上没有质押", "has no pledge on the ledger"),
    Shown("/audit/loans/L-2026-0001/acts", "auditor", "操作记录", "Acts on L-2026-0001"),
    Shown(
        f"/audit/loans/{CALLED}/journal", "auditor", "本页的链完整无断", "The chain of this page is unbroken"
    ),
    Shown("/audit/loans/L-2026-9999", "auditor", "贷款", "loan", status=404),
    Shown(f"/audit/transactions/0x{'ab' * 32}", "auditor", "没有已确认的账本事件", "No confirmed event", 404),
    Shown("/notices", "officer", "警报已发出", "Alert opened"),
    Shown("/search?q=nothing", "officer", "没有找到", "Nothing goes by that name"),
    Shown("/password", "officer", "设置您自己的密码", "A password of your own"),
    Shown("/nowhere", "officer", "没有此页面", "There is no such page", status=404),
    Shown("/loans", "operator", "您的权限不包括此操作", "does not carry the permission", status=403),
)

"""The list of pages: each that stands here is looked at in every language, theme and width, and by axe.

A new page adds a line; one that several kinds of readers see differently adds one for each of them.
"""

from dataclasses import dataclass, field
from typing import Final

from tests.backend.console.house import CALLED, UNVALUED


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
    Shown("/notices", "officer", "警报已发出", "Alert opened"),
    Shown("/search?q=nothing", "officer", "没有找到", "Nothing goes by that name"),
    Shown("/password", "officer", "设置您自己的密码", "A password of your own"),
    Shown("/nowhere", "officer", "没有此页面", "There is no such page", status=404),
    Shown("/loans", "operator", "您的权限不包括此操作", "does not carry the permission", status=403),
)

"""Who may ask for what: permissions, the roles that carry them, the kinds of organisation that give roles.

It knows no credential and no route; a route names the one permission it needs.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.errors import Forbidden
from backend.identity.rules import Role


class OrganisationKind(StrEnum):
    """What an organisation is to the bank; it decides which roles its people can have."""

    BANK = "bank"
    WAREHOUSE_OPERATOR = "warehouse_operator"
    BORROWER = "borrower"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """One thing that may be asked for over the API."""

    PEOPLE_ADMINISTER = "people:administer"
    ORGANISATIONS_ADMINISTER = "organisations:administer"
    KEYS_ADMINISTER = "keys:administer"
    WEBHOOKS_ADMINISTER = "webhooks:administer"
    EVENTS_READ = "events:read"
    APPROVALS_READ = "approvals:read"
    REGISTRY_ENROL = "registry:enrol"
    REGISTRY_READ = "registry:read"
    DOCUMENTS_KEEP = "documents:keep"
    DOCUMENTS_READ = "documents:read"
    EVIDENCE_READ = "evidence:read"
    RECEIPTS_REQUEST = "receipts:request"
    RECEIPTS_ISSUE = "receipts:issue"
    RECEIPTS_DELIVER = "receipts:deliver"
    RECEIPTS_READ = "receipts:read"
    PRICES_TAKE = "prices:take"
    PRICES_READ = "prices:read"
    PRODUCTS_STORE = "products:store"
    PRODUCTS_READ = "products:read"
    LOANS_APPLY = "loans:apply"
    LOANS_SIGN = "loans:sign"
    LOANS_REPAY = "loans:repay"
    LOANS_READ = "loans:read"
    LOANS_VALUE = "loans:value"
    LOANS_APPROVE = "loans:approve"
    LOANS_FREEZE = "loans:freeze"
    LOANS_CLOSE = "loans:close"
    PLEDGES_ENDORSE = "pledges:endorse"
    PLEDGES_ATTORN = "pledges:attorn"
    PLEDGES_ACCEPT = "pledges:accept"
    PLEDGES_READ = "pledges:read"
    PAYMENTS_ORDER = "payments:order"
    PAYMENTS_READ = "payments:read"
    MARGIN_WATCH = "margin:watch"
    MARGIN_ENFORCE = "margin:enforce"
    RELEASES_REQUEST = "releases:request"
    RELEASES_ORDER = "releases:order"
    ALERTS_READ = "alerts:read"
    ALERTS_CLOSE = "alerts:close"
    AUDIT_READ = "audit:read"
    METRICS_READ = "metrics:read"


P = Permission
ADMINISTERS: Final = frozenset({P.PEOPLE_ADMINISTER, P.KEYS_ADMINISTER, P.WEBHOOKS_ADMINISTER})
"""What an administrator of any organisation may do, within it."""
SEES: Final = frozenset(
    {P.EVENTS_READ, P.REGISTRY_READ, P.RECEIPTS_READ, P.PLEDGES_READ, P.DOCUMENTS_READ, P.PRODUCTS_READ}
)
"""What everybody sees, each of what concerns their own organisation."""
BANK_SEES: Final = SEES | frozenset(
    {
        P.APPROVALS_READ,
        P.LOANS_READ,
        P.PAYMENTS_READ,
        P.ALERTS_READ,
        P.EVIDENCE_READ,
        P.PRICES_READ,
        P.AUDIT_READ,
    }
)
OF_ROLE: Final[dict[Role, frozenset[Permission]]] = {
    Role.ADMINISTRATOR: ADMINISTERS | {P.EVENTS_READ, P.REGISTRY_READ},
    Role.RELATIONSHIP_MANAGER: BANK_SEES | {P.DOCUMENTS_KEEP},
    Role.CREDIT_OFFICER: BANK_SEES
    | {
        P.LOANS_VALUE,
        P.LOANS_FREEZE,
        P.MARGIN_WATCH,
        P.MARGIN_ENFORCE,
        P.PRODUCTS_STORE,
        P.PRICES_TAKE,
        P.ALERTS_CLOSE,
    },
    Role.APPROVER: BANK_SEES | {P.LOANS_APPROVE, P.LOANS_FREEZE},
    Role.COLLATERAL_OFFICER: BANK_SEES
    | {
        P.PLEDGES_ACCEPT,
        P.RELEASES_REQUEST,
        P.RELEASES_ORDER,
        P.LOANS_FREEZE,
        P.LOANS_CLOSE,
        P.MARGIN_WATCH,
        P.ALERTS_CLOSE,
    },
    Role.PAYMENT_OFFICER: BANK_SEES | {P.PAYMENTS_ORDER},
    Role.AUDITOR: BANK_SEES,
    Role.REGISTRAR: SEES | {P.REGISTRY_ENROL, P.ORGANISATIONS_ADMINISTER, P.METRICS_READ},
    Role.WAREHOUSE_KEEPER: SEES | {P.RECEIPTS_ISSUE, P.RECEIPTS_DELIVER, P.PLEDGES_ATTORN, P.EVIDENCE_READ},
    Role.BORROWER: SEES
    | {
        P.RECEIPTS_REQUEST,
        P.DOCUMENTS_KEEP,
        P.LOANS_APPLY,
        P.LOANS_SIGN,
        P.LOANS_REPAY,
        P.LOANS_READ,
        P.PLEDGES_ENDORSE,
        P.RELEASES_REQUEST,
    },
    Role.INSPECTOR: SEES | {P.EVIDENCE_READ},
}
BANK_ROLES: Final = frozenset(
    {
        Role.RELATIONSHIP_MANAGER,
        Role.CREDIT_OFFICER,
        Role.APPROVER,
        Role.COLLATERAL_OFFICER,
        Role.PAYMENT_OFFICER,
        Role.AUDITOR,
        Role.REGISTRAR,
        Role.ADMINISTRATOR,
    }
)
OF_KIND: Final[dict[OrganisationKind, frozenset[Role]]] = {
    OrganisationKind.BANK: BANK_ROLES,
    OrganisationKind.WAREHOUSE_OPERATOR: frozenset({Role.ADMINISTRATOR, Role.WAREHOUSE_KEEPER}),
    OrganisationKind.BORROWER: frozenset({Role.ADMINISTRATOR, Role.BORROWER}),
    OrganisationKind.SUPERVISOR: frozenset({Role.ADMINISTRATOR, Role.INSPECTOR}),
    OrganisationKind.AUDITOR: frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
}
"""The roles that an organisation of each kind can give; a borrower never gets a credit officer."""


class PermissionMissing(Forbidden):
    """The credential does not carry the permission that this needs."""

    code = "identity.permission_missing"


class PersonNeeded(Forbidden):
    """This is an act of a natural person; a machine's key cannot do it."""

    code = "identity.person_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as their credential says; nothing of it comes from the request itself.

    Attributes:
        organisation: the party's name, which is also its signer's in the keystore.
        kind: what it is to the bank.
        permissions: what this credential may ask for.
        person: who it is, None for a machine.
        key: the machine's API key, None for a person.
    """

    organisation: str
    kind: OrganisationKind
    permissions: frozenset[Permission]
    person: str | None = None
    key: str | None = None

    @property
    def principal(self) -> str:
        """One word for logs and books: the person, or the key."""
        return self.person or f"key:{self.key}"

    @property
    def is_bank(self) -> bool:
        """Whether the bank itself asks."""
        return self.kind is OrganisationKind.BANK


def permissions_of(kind: OrganisationKind, roles: frozenset[Role]) -> frozenset[Permission]:
    """What somebody with these roles may ask for; a role that their organisation cannot give is none."""
    held = roles & OF_KIND[kind]
    return frozenset().union(*(OF_ROLE[role] for role in held))


def require_permission(caller: Caller, permission: Permission) -> None:
    """Refuse a caller without it.

    Raises:
        PermissionMissing: the credential does not carry it.
    """
    if permission not in caller.permissions:
        raise PermissionMissing(permission=permission.value, principal=caller.principal)


def require_person(caller: Caller) -> str:
    """The person who asks.

    Raises:
        PersonNeeded: a machine does.
    """
    if caller.person is None:
        raise PersonNeeded(principal=caller.principal)
    return caller.person

"""The papers of the story: what the depositor asks for, and the receipt in words."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Final

from backend.parties.rules import Particulars
from backend.receipts.rules import IssueTerms
from backend.story.gate import Coil
from backend.story.world import BAY, COMMODITY, GRADE, SITE

REPRESENTATIONS: Final = (
    "I may deposit these goods; I may ask for this type of receipt; I know of no claim of a third party."
)
"""What a depositor signs (Model Law on Warehouse Receipts, article 8); the ledger holds a salted hash."""


def issue_terms(coils: Sequence[Coil], network_key: bytes, depositor: Particulars) -> IssueTerms:
    """What the depositor asks for: one receipt over all the coils."""
    return IssueTerms(
        site=SITE,
        bay=BAY,
        commodity=COMMODITY,
        grade=GRADE,
        mass_kg=sum(coil.mass_kg for coil in coils),
        fingerprints=tuple(coil.fingerprint(network_key) for coil in coils),
        representations=sha256(f"{depositor.salt} {REPRESENTATIONS}".encode()).digest(),
    )


def receipt_document(
    coils: Sequence[Coil], particulars: Mapping[str, Particulars], today: date
) -> dict[str, Any]:
    """The receipt in words, with every field that the law asks for (profile CN-909)."""
    depositor, operator = particulars["depositor"], particulars["operator"]
    return {
        "label": "electronic warehouse receipt",
        "number": f"WR-{today:%Y%m%d}-1",
        "form": "electronic, to order",
        "operator": {
            "name": operator.legal_name,
            "address": operator.address,
            "registration": operator.registration,
        },
        "depositor": {"name": depositor.legal_name, "address": depositor.address},
        "goods": {
            "commodity": COMMODITY,
            "grade": GRADE,
            "quality": "hot rolled, prime",
            "mass_kg": sum(coil.mass_kg for coil in coils),
            "pieces": len(coils),
            "packaging": "banded",
            "marks": [coil.number for coil in coils],
            "loss_standard": "none",
            "certificates": [],
        },
        "storage": {
            "site": SITE,
            "bay": BAY,
            "place": "Wuxi, Jiangsu",
            "from": today.isoformat(),
            "until": (today + timedelta(days=365)).isoformat(),
            "fee": "0.50 CNY per tonne and day",
            "agreement_date": today.isoformat(),
        },
        "insurance": {"insured": False},
        "third_party_claims": [],
        "issued": {"by": operator.legal_name, "at": "Wuxi", "on": today.isoformat()},
        "salt": sha256(operator.salt.encode()).hexdigest(),
    }


def receipt_wanted(terms: IssueTerms, document: Mapping[str, Any], *, profile: str) -> dict[str, Any]:
    """The depositor's request as the API takes it."""
    return {
        "site": terms.site,
        "bay": terms.bay,
        "commodity": terms.commodity,
        "grade": terms.grade,
        "mass_kg": terms.mass_kg,
        "fingerprints": ["0x" + each.hex() for each in terms.fingerprints],
        "representations": "0x" + terms.representations.hex(),
        "profile": profile,
        "document": dict(document),
    }

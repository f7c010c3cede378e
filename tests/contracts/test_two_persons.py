"""Acts of a lender need two different persons who signed this very act, now, for this contract; once."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from contracts.acts import ACTS, ActFieldsDiffer, act_digest, sign_act, two_persons
from iot_bridge.evidence.statement import name32
from tests.contracts.test_party_registry import mirrored
from tests.support.ledger_acts import Acted
from tests.support.ledger_life import DEPOSITOR, LENDER, LedgerLife, hash_of
from tests.support.refusals import refused

FIRST, SECOND = f"{LENDER}.first", f"{LENDER}.second"


def fields(life: LedgerLife) -> dict[str, Any]:
    return {"pledge": 1, "receipt": 1, "content": life.content(1)}


def release(life: LedgerLife, signed: dict[str, Any]) -> Acted:
    return life.ledger.act(LENDER, "PledgeRegistry", "release", 1, 1, life.content(1), signed)


def signed_by(life: LedgerLife, *persons: str, **how: Any) -> dict[str, Any]:
    return life.signed("PledgeRegistry", "Release", fields(life), persons=(persons[0], persons[1]), **how)


def test_the_order_of_the_two_signatures_does_not_matter(pledged: LedgerLife) -> None:
    release(pledged, signed_by(pledged, SECOND, FIRST))


def test_a_signed_act_is_taken_until_its_deadline(pledged: LedgerLife) -> None:
    signed = signed_by(pledged, FIRST, SECOND, deadline_in_s=60)
    pledged.ledger.chain.wait(60)
    late = pledged.copy()
    late.ledger.chain.wait(61)
    with refused("DeadlinePassed", deadline=signed["deadline"]):
        release(late, signed)
    release(pledged, signed)


def test_a_nonce_is_used_once_in_each_contract(pledged: LedgerLife) -> None:
    signed = signed_by(pledged, FIRST, SECOND)
    release(pledged, signed)
    assert pledged.ledger.ask("PledgeRegistry", "isNonceSpent", name32(LENDER), signed["nonce"])
    assert not pledged.ledger.ask("ReceiptRegistry", "isNonceSpent", name32(LENDER), signed["nonce"])
    pledged.nonces = signed["nonce"]
    assert pledged.pledge([1]) == 2
    again = signed | {"nonce": signed["nonce"]}
    with refused("NonceSpent", party=name32(LENDER), nonce=signed["nonce"]):
        pledged.ledger.act(LENDER, "PledgeRegistry", "release", 2, 1, pledged.content(1), again)


def test_one_person_twice_is_not_two(pledged: LedgerLife) -> None:
    with refused("SamePersonTwice", person=pledged.ledger.address(FIRST).lower()):
        release(pledged, signed_by(pledged, FIRST, FIRST))


@pytest.mark.parametrize("stranger", [LENDER, DEPOSITOR, "stranger"])
def test_who_is_not_a_person_of_the_party_does_not_count(pledged: LedgerLife, stranger: str) -> None:
    signer = pledged.ledger.address(stranger).lower()
    for persons in ((FIRST, stranger), (stranger, SECOND)):
        with refused("NotAPersonOf", party=name32(LENDER), signer=signer):
            release(pledged, signed_by(pledged, *persons))


def test_a_dismissed_person_does_not_count(pledged: LedgerLife) -> None:
    signed = signed_by(pledged, FIRST, SECOND)
    person = pledged.ledger.address(SECOND)
    pledged.ledger.act("enroller", "PartyRegistry", "dismissPerson", person)
    with refused("NotAPersonOf", signer=person.lower()):
        release(pledged, signed)


def test_a_persons_signature_has_one_form_only(pledged: LedgerLife) -> None:
    signed = signed_by(pledged, FIRST, SECOND)
    with refused("SignatureLengthIs", length=0):
        release(pledged, signed | {"second": b""})
    with refused("SignatureNotLow"):
        release(pledged, signed | {"first": mirrored(signed["first"])})
    with refused("SignatureInvalid"):
        release(pledged, signed | {"first": signed["first"][:64] + b"\0"})


def test_an_act_signed_for_another_contract_or_chain_is_nobodys(pledged: LedgerLife) -> None:
    chain = pledged.ledger.chain
    keys = (chain.key(FIRST), chain.key(SECOND))
    for where in (
        {"chain_id": chain.chain_id, "contract": pledged.ledger.at("ReceiptRegistry")},
        {"chain_id": 1, "contract": pledged.ledger.at("PledgeRegistry")},
    ):
        signed = two_persons("Release", fields(pledged), nonce=9, deadline=chain.now + 60, keys=keys, **where)
        with refused("NotAPersonOf", party=name32(LENDER)):
            release(pledged, signed)


@pytest.mark.parametrize("act", sorted(ACTS))
def test_the_digest_is_the_one_that_wallets_make_of_the_same_act(act: str) -> None:
    types = [{"type": kind, "name": name} for kind, name in (each.split() for each in ACTS[act].split(","))]
    some = {"bytes32": hash_of("word"), "address": "0x" + "12" * 20}
    message = {each["name"]: some.get(each["type"], 1_234) for each in types}
    contract = "0x" + "ab" * 20
    domain = {"name": "Tallystick", "version": "1", "chainId": 7, "verifyingContract": contract}
    key = bytes(range(1, 33))
    by_wallet = Account.sign_message(encode_typed_data(domain, {act: types}, message), key).signature
    assert sign_act(act_digest(act, message, chain_id=7, contract=contract), key) == bytes(by_wallet)


def test_an_act_with_other_fields_is_not_signed() -> None:
    where = {"chain_id": 7, "contract": "0x" + "ab" * 20}
    with pytest.raises(ActFieldsDiffer) as refusal:
        act_digest("Acceptance", {"pledge": 1}, **where)
    assert refusal.value.facts == {"act": "Acceptance", "given": ["pledge"]}
    with pytest.raises(ActFieldsDiffer):
        act_digest("Forfeiture", {"pledge": 1}, **where)

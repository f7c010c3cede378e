"""One test for each requirement of the party registry's own acts."""

from typing import Any

import pytest

from contracts.acts import act_digest, sign_act
from iot_bridge.evidence.statement import name32
from tests.support.ledger_acts import Acted, Ledger
from tests.support.ledger_life import (
    BRIDGE,
    DEPOSITOR,
    FUSION,
    LENDER,
    OPERATOR,
    SITE,
    YEAR_S,
    LedgerLife,
    hash_of,
)
from tests.support.refusals import refused

HOURS_72 = 72 * 3600
NOBODY = "0x" + "00" * 20


def enrol(life: LedgerLife, function: str, *args: Any) -> Acted:
    return life.ledger.act("enroller", "PartyRegistry", function, *args)


def guard(life: LedgerLife, function: str, *args: Any) -> Acted:
    return life.ledger.act("guardian", "PartyRegistry", function, *args)


def ask(life: LedgerLife, function: str, *args: Any) -> Any:
    return life.ledger.ask("PartyRegistry", function, *args)


def party(life: LedgerLife, **changes: Any) -> list[Any]:
    facts = {"party": name32("newcomer"), "account": life.ledger.address("newcomer"), "capacities": 1}
    return [*(facts | changes).values(), hash_of("identity")]


def site(life: LedgerLife, **changes: Any) -> list[Any]:
    facts = {
        "site": name32("wuxi-yard-2"),
        "operator": name32(OPERATOR),
        "bridge": life.ledger.address("bridge.2"),
        "licence": hash_of("licence"),
        "until": life.ledger.chain.now + YEAR_S,
        "age": 600,
    }
    return list((facts | changes).values())


def device(life: LedgerLife, **changes: Any) -> list[Any]:
    facts = {
        "device": name32("scale-1"),
        "site": name32(SITE),
        "host": name32(OPERATOR),
        "commissioner": name32(LENDER),
        "key": life.ledger.address("scale-1"),
        "until": life.ledger.chain.now + YEAR_S,
    }
    return list((facts | changes).values())


def rotation(ledger: Ledger, *, signer: str = FUSION, epoch: int = 2, ends_in_s: int = 60) -> list[Any]:
    deadline = ledger.chain.now + ends_in_s
    new_key = ledger.address("fusion, new")
    fields = {"device": name32(FUSION), "epoch": epoch, "newKey": new_key, "deadline": deadline}
    digest = act_digest(
        "DeviceKeyRotation", fields, chain_id=ledger.chain.chain_id, contract=ledger.at("PartyRegistry")
    )
    return [name32(FUSION), new_key, deadline, sign_act(digest, ledger.chain.key(signer))]


# enrolParty


def test_a_party_is_known_by_its_account_and_capacities(life: LedgerLife) -> None:
    event = enrol(life, "enrolParty", *party(life, capacities=5)).one("PartyEnrolled")
    assert (event["party"], event["capacities"], event["identity"]) == (
        name32("newcomer"),
        5,
        hash_of("identity"),
    )
    assert ask(life, "partyOf", life.ledger.address("newcomer")) == name32("newcomer")
    assert ask(life, "accountOf", name32("newcomer")) == life.ledger.address("newcomer").lower()
    assert ask(life, "hasCapacity", name32("newcomer"), 4)
    assert not ask(life, "hasCapacity", name32("newcomer"), 2)


def test_only_the_enroller_enrols(life: LedgerLife) -> None:
    with refused("AccessManagedUnauthorized", caller=life.ledger.address("guardian").lower()):
        guard(life, "enrolParty", *party(life))


def test_a_party_needs_an_id(life: LedgerLife) -> None:
    with refused("IdMissing"):
        enrol(life, "enrolParty", *party(life, party=bytes(32)))


def test_a_party_is_enrolled_once(life: LedgerLife) -> None:
    with refused("PartyTaken", party=name32(DEPOSITOR)):
        enrol(life, "enrolParty", *party(life, party=name32(DEPOSITOR)))


@pytest.mark.parametrize("capacities", [0, 128, 129])
def test_a_party_has_capacities_that_exist(life: LedgerLife, capacities: int) -> None:
    with refused("CapacitiesUnknown", capacities=capacities):
        enrol(life, "enrolParty", *party(life, capacities=capacities))


def test_a_party_needs_an_account(life: LedgerLife) -> None:
    with refused("AddressMissing"):
        enrol(life, "enrolParty", *party(life, account=NOBODY))


@pytest.mark.parametrize("holder", [DEPOSITOR, f"{LENDER}.first", BRIDGE, FUSION])
def test_no_address_has_two_roles(life: LedgerLife, holder: str) -> None:
    taken = life.ledger.address(holder)
    with refused("AddressTaken", taken=taken.lower()):
        enrol(life, "enrolParty", *party(life, account=taken))
    with refused("AddressTaken"):
        enrol(life, "enrolPerson", name32(LENDER), taken)
    with refused("AddressTaken"):
        enrol(life, "enrolSite", *site(life, bridge=taken))
    with refused("AddressTaken"):
        enrol(life, "enrolDevice", *device(life, key=taken))


# enrolPerson, dismissPerson


def test_a_person_signs_for_an_enrolled_party(life: LedgerLife) -> None:
    with refused("PartyUnknown", party=name32("stranger")):
        enrol(life, "enrolPerson", name32("stranger"), life.ledger.address("anna"))
    with refused("AddressMissing"):
        enrol(life, "enrolPerson", name32(LENDER), NOBODY)
    enrol(life, "enrolPerson", name32(LENDER), life.ledger.address("anna"))
    assert ask(life, "personOf", life.ledger.address("anna")) == name32(LENDER)


def test_a_dismissed_person_never_signs_again(life: LedgerLife) -> None:
    first = life.ledger.address(f"{LENDER}.first")
    enrol(life, "dismissPerson", first)
    assert ask(life, "personOf", first) == bytes(32)
    with refused("NotAPerson", stranger=first.lower()):
        enrol(life, "dismissPerson", first)
    with refused("AddressTaken"):
        enrol(life, "enrolPerson", name32(LENDER), first)


# enrolSite, renewLicence


def test_a_site_needs_an_id_of_its_own(life: LedgerLife) -> None:
    with refused("IdMissing"):
        enrol(life, "enrolSite", *site(life, site=bytes(32)))
    with refused("SiteTaken", site=name32(SITE)):
        enrol(life, "enrolSite", *site(life, site=name32(SITE)))


def test_a_site_is_run_by_an_operator(life: LedgerLife) -> None:
    with refused("PartyUnknown"):
        enrol(life, "enrolSite", *site(life, operator=name32("stranger")))
    with refused("CapacityMissing", party=name32(DEPOSITOR), wanted=2, has=1):
        enrol(life, "enrolSite", *site(life, operator=name32(DEPOSITOR)))


def test_a_site_needs_a_licence_that_runs_an_age_limit_and_a_bridge(life: LedgerLife) -> None:
    with refused("AlreadyPast", until=1):
        enrol(life, "enrolSite", *site(life, until=1))
    with refused("MaxAgeMissing"):
        enrol(life, "enrolSite", *site(life, age=0))
    with refused("AddressMissing"):
        enrol(life, "enrolSite", *site(life, bridge=NOBODY))
    enrol(life, "enrolSite", *site(life))
    assert ask(life, "operatorOf", name32("wuxi-yard-2")) == name32(OPERATOR)
    assert ask(life, "bridgeOf", name32("wuxi-yard-2")) == life.ledger.address("bridge.2").lower()


def test_a_licence_is_renewed_for_a_time_ahead(life: LedgerLife) -> None:
    with refused("SiteUnknown", site=name32("nowhere")):
        enrol(life, "renewLicence", name32("nowhere"), hash_of("licence"), life.ledger.chain.now + 9)
    with refused("AlreadyPast"):
        enrol(life, "renewLicence", name32(SITE), hash_of("licence"), life.ledger.chain.now)
    until = life.ledger.chain.now + 2 * YEAR_S
    event = enrol(life, "renewLicence", name32(SITE), hash_of("next"), until).one("LicenceRenewed")
    assert event == {"site": name32(SITE), "licence": hash_of("next"), "licensedUntil": until}


# enrolDevice, calibrateDevice


def test_a_device_needs_an_id_of_its_own(life: LedgerLife) -> None:
    with refused("IdMissing"):
        enrol(life, "enrolDevice", *device(life, device=bytes(32)))
    with refused("DeviceTaken", device=name32(FUSION)):
        enrol(life, "enrolDevice", *device(life, device=name32(FUSION)))


def test_a_device_stands_at_a_site_with_a_host_and_a_commissioner(life: LedgerLife) -> None:
    with refused("SiteUnknown"):
        enrol(life, "enrolDevice", *device(life, site=name32("nowhere")))
    with refused("PartyUnknown", party=name32("stranger")):
        enrol(life, "enrolDevice", *device(life, host=name32("stranger")))
    with refused("PartyUnknown", party=name32("outsider")):
        enrol(life, "enrolDevice", *device(life, commissioner=name32("outsider")))


def test_a_device_needs_a_calibration_that_runs_and_a_key(life: LedgerLife) -> None:
    with refused("AlreadyPast"):
        enrol(life, "enrolDevice", *device(life, until=7))
    with refused("AddressMissing"):
        enrol(life, "enrolDevice", *device(life, key=NOBODY))
    event = enrol(life, "enrolDevice", *device(life)).one("DeviceEnrolled")
    assert (event["host"], event["commissioner"], event["epoch"]) == (name32(OPERATOR), name32(LENDER), 1)
    assert ask(life, "keyOf", name32("scale-1"), 1) == life.ledger.address("scale-1").lower()
    assert ask(life, "siteOf", name32("scale-1")) == name32(SITE)


def test_a_device_is_calibrated_again_for_a_time_ahead(life: LedgerLife) -> None:
    with refused("DeviceUnknown", device=name32("ghost")):
        enrol(life, "calibrateDevice", name32("ghost"), life.ledger.chain.now + 9)
    with refused("AlreadyPast"):
        enrol(life, "calibrateDevice", name32(FUSION), life.ledger.chain.now)
    until = life.ledger.chain.now + 2 * YEAR_S
    event = enrol(life, "calibrateDevice", name32(FUSION), until).one("DeviceCalibrated")
    assert event["calibratedUntil"] == until


# rekeyDevice, rotateDeviceKey, revokeDeviceKey


def test_a_device_whose_key_was_lost_gets_the_next_one(life: LedgerLife) -> None:
    with refused("DeviceUnknown"):
        enrol(life, "rekeyDevice", name32("ghost"), life.ledger.address("fusion, new"))
    with refused("AddressMissing"):
        enrol(life, "rekeyDevice", name32(FUSION), NOBODY)
    with refused("AddressTaken"):
        enrol(life, "rekeyDevice", name32(FUSION), life.ledger.address(FUSION))
    enrol(life, "rekeyDevice", name32(FUSION), life.ledger.address("fusion, new"))
    assert ask(life, "epochOf", name32(FUSION)) == 2
    assert ask(life, "keyOf", name32(FUSION), 2) == life.ledger.address("fusion, new").lower()


def test_the_old_key_moves_its_device_to_a_new_one_whoever_brings_it(life: LedgerLife) -> None:
    acted = life.ledger.act(DEPOSITOR, "PartyRegistry", "rotateDeviceKey", *rotation(life.ledger))
    assert acted.one("DeviceKeyRotated") == {
        "device": name32(FUSION),
        "epoch": 2,
        "key": life.ledger.address("fusion, new").lower(),
    }
    with refused("SignerIsNot"):  # the same paper again: the epoch has moved on
        life.ledger.act(DEPOSITOR, "PartyRegistry", "rotateDeviceKey", *rotation(life.ledger))


def test_a_rotation_is_of_an_enrolled_device_and_in_time(life: LedgerLife) -> None:
    paper = rotation(life.ledger)
    with refused("DeviceUnknown"):
        life.ledger.act(BRIDGE, "PartyRegistry", "rotateDeviceKey", name32("ghost"), *paper[1:])
    life.ledger.chain.wait(61)
    with refused("DeadlinePassed", deadline=paper[2]):
        life.ledger.act(BRIDGE, "PartyRegistry", "rotateDeviceKey", *paper)


def test_a_revoked_key_cannot_move_its_device(life: LedgerLife) -> None:
    guard(life, "revokeDeviceKey", name32(FUSION), 1)
    with refused("KeyAlreadyRevoked", device=name32(FUSION), epoch=1):
        life.ledger.act(BRIDGE, "PartyRegistry", "rotateDeviceKey", *rotation(life.ledger))


def test_a_rotation_is_signed_by_the_old_key_in_canonical_form(life: LedgerLife) -> None:
    paper = rotation(life.ledger)
    with refused("SignatureLengthIs", length=64):
        life.ledger.act(BRIDGE, "PartyRegistry", "rotateDeviceKey", *paper[:3], paper[3][:64])
    with refused("SignatureNotLow"):
        life.ledger.act(BRIDGE, "PartyRegistry", "rotateDeviceKey", *paper[:3], mirrored(paper[3]))
    with refused("SignatureInvalid"):
        life.ledger.act(BRIDGE, "PartyRegistry", "rotateDeviceKey", *paper[:3], paper[3][:64] + b"\x1d")
    with refused("SignerIsNot", expected=life.ledger.address(FUSION).lower()):
        life.ledger.act(BRIDGE, "PartyRegistry", "rotateDeviceKey", *rotation(life.ledger, signer=BRIDGE))


def mirrored(signature: bytes) -> bytes:
    """The other signature of the same digest, with s in the upper half."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])


def test_a_key_is_revoked_once_and_only_if_it_exists(life: LedgerLife) -> None:
    with refused("KeyUnknown", device=name32(FUSION), epoch=2):
        guard(life, "revokeDeviceKey", name32(FUSION), 2)
    assert guard(life, "revokeDeviceKey", name32(FUSION), 1).one("DeviceKeyRevoked")["epoch"] == 1
    with refused("KeyAlreadyRevoked"):
        guard(life, "revokeDeviceKey", name32(FUSION), 1)


# suspensions and the pause


def test_who_is_not_enrolled_cannot_be_suspended(life: LedgerLife) -> None:
    with refused("PartyUnknown"):
        life.suspend("Party", "stranger")
    with refused("SiteUnknown"):
        life.suspend("Site", "nowhere")
    with refused("DeviceUnknown"):
        life.suspend("Device", "ghost")


def test_a_suspension_is_an_event_each_way(life: LedgerLife) -> None:
    for thing, named in (("Party", DEPOSITOR), ("Site", SITE), ("Device", FUSION)):
        for suspended in (True, False):
            acted = life.suspend(thing, named, suspended=suspended)
            assert acted.one(f"{thing}Suspended")["suspended"] is suspended


@pytest.mark.parametrize("suspended", [True, False])
def test_only_the_guardian_suspends_and_pauses(life: LedgerLife, suspended: bool) -> None:
    with refused("AccessManagedUnauthorized"):
        life.ledger.act("enroller", "PartyRegistry", "suspendParty", name32(DEPOSITOR), suspended)
    with refused("AccessManagedUnauthorized"):
        enrol(life, "pauseCreating", life.ledger.chain.now + 60)


def test_a_pause_ends_within_72_hours_and_cannot_follow_its_predecessor(life: LedgerLife) -> None:
    chain = life.ledger.chain
    with refused("AlreadyPast"):
        guard(life, "pauseCreating", chain.now)
    with refused("PauseTooLong", latest=chain.now + HOURS_72):
        guard(life, "pauseCreating", chain.now + HOURS_72 + 1)
    until = chain.now + HOURS_72
    guard(life, "pauseCreating", until)
    assert ask(life, "creatingPausedUntil") == until
    chain.wait(2 * HOURS_72 - 100)
    with refused("PauseTooSoon", notBefore=until + HOURS_72):
        guard(life, "pauseCreating", chain.now + 60)
    chain.wait(200)
    guard(life, "pauseCreating", chain.now + 60)

"""The bank as a process: it starts only where it can serve, says when it listens, and stops in order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from backend.app import Bank
from backend.app.bank import AnotherChain
from backend.app.serving import CourierStopped, Service
from backend.evidence.subscriber import BrokerCertificateUnusable, BrokerUnavailable
from backend.migrations import upgrade
from backend.settings import Settings
from contracts.deploy import Deployment, DeploymentDiffers
from contracts.rpc import NodeRefused, Rpc
from tests.backend.app.conftest import PASSWORD
from tests.support.ledger import LedgerInTests
from tests.support.ledger_life import LENDER

ROOT = Path(__file__).resolve().parents[3]


def environment(settings: Settings) -> dict[str, str]:
    chosen = {
        "LEDGER_URL": settings.ledger_url,
        "DEPLOYMENT": str(settings.deployment),
        "KEYSTORE": str(settings.keystore),
        "KEYSTORE_PASSWORD": PASSWORD,
        "BANK": settings.bank,
        "WITNESS_SIGNER": settings.witness_signer,
        "RAIL": settings.rail,
        "DATA": str(settings.data),
        "BROKER_PORT": str(settings.broker_port),
        "DATABASE_URL": settings.database_url,
    }
    return os.environ | {f"TALLYSTICK_{name}": value for name, value in chosen.items()}


@contextmanager
def running(settings: Settings, command: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.cli", command],
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_says_when_it_listens_and_ends_with_zero_when_asked_to(
    settings: Settings, chain: LedgerInTests
) -> None:
    with running(settings, "migrate") as migrating:
        assert migrating.wait(60) == 0
    chain.seal(2)
    with running(settings, "serve") as serving:
        assert serving.stdout is not None
        said = json.loads(serving.stdout.readline())
        assert said == {"serving": LENDER, "chain_id": chain.rpc.chain_id(), "listening": True}
        serving.send_signal(signal.SIGTERM)
        _, errors = serving.communicate(timeout=30)
        assert serving.returncode == 0
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert "statements_subscribed" in events


def test_it_does_not_start_on_a_database_of_another_form(settings: Settings) -> None:
    with running(settings, "serve") as serving:
        _, errors = serving.communicate(timeout=60)
    assert serving.returncode == 1
    assert "db.schema_outdated" in errors


def test_it_does_not_start_on_another_chain_than_its_contracts(settings: Settings) -> None:
    there = Deployment.load(settings.deployment)
    Deployment(there.chain_id + 1, there.block, there.addresses).save(settings.deployment)
    with pytest.raises(AnotherChain):
        Bank.open(settings)


def test_it_does_not_start_on_contracts_that_are_not_the_published_ones(settings: Settings) -> None:
    there = Deployment.load(settings.deployment)
    swapped = there.addresses | {"EvidenceLog": there.addresses["PledgeRegistry"]}
    Deployment(there.chain_id, there.block, swapped).save(settings.deployment)
    with pytest.raises(DeploymentDiffers):
        Bank.open(settings)


class Busy(Rpc):
    """A node that answers nothing but that it is asked too much."""

    def call(self, method: str, *params: Any) -> Any:
        raise NodeRefused(method=method, asked=len(params), node_code=-32005, said="too many requests")

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return [self.call(*each) for each in requests]


def test_a_node_that_refuses_for_now_is_waited_for(settings: Settings) -> None:
    bank = Bank.open(settings)
    upgrade(bank.engine)
    service = Service(bank)
    service._follower._fetcher._rpc = Busy(settings.ledger_url)
    service.step()
    bank.engine.dispose()


def test_it_works_without_a_broker_and_says_that_it_does_not_listen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.app.serving.EAR_PATIENCE_S", 0.2)
    bank = Bank.open(settings.model_copy(update={"broker_port": 1}))
    upgrade(bank.engine)
    service = Service(bank)
    service.start()
    service.step()
    assert not service.ear.is_listening
    with pytest.raises(BrokerUnavailable) as why:
        service.ear.require_listening()
    assert "refused" in why.value.facts["reason"]
    service.stop()
    bank.engine.dispose()


def test_it_stops_when_notices_cannot_be_delivered_for_a_reason_that_nobody_foresaw(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank.open(settings)
    upgrade(bank.engine)
    service = Service(bank)

    def breaks() -> None:
        message = "nobody foresaw this"
        raise RuntimeError(message)

    monkeypatch.setattr(service.courier, "_due", breaks)
    service.start()
    deadline = time.monotonic() + 10
    while service.courier.failure is None and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(CourierStopped, match="nobody foresaw this"):
        service.step()
    service.stop()
    bank.engine.dispose()


def test_it_does_not_start_with_certificates_that_cannot_be_used(settings: Settings, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.pem" for name in ("broker_ca", "broker_certificate", "broker_key")}
    bank = Bank.open(settings.model_copy(update=files))
    with pytest.raises(BrokerCertificateUnusable, match="no such file"):
        Service(bank)
    for file in files.values():
        file.write_text("no certificate", encoding="ascii")
    with pytest.raises(BrokerCertificateUnusable):
        Service(bank)
    bank.engine.dispose()


def test_a_certificate_without_its_key_or_authority_is_refused(settings: Settings) -> None:
    said = settings.model_dump() | {"broker_ca": "ca.pem", "broker_certificate": "bank.pem"}
    with pytest.raises(ValidationError, match="go together"):
        Settings.model_validate(said)

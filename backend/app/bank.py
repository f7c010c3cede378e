"""One bank's installation, opened from its settings: database, ledger, keys, clocks, and every port."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from sqlalchemy import Engine
from sqlmodel import Session

from backend.alerts.actions import Watch
from backend.alerts.rules import Alert
from backend.audit.actions import Sources
from backend.chain.follower import Followed
from backend.clock import Clock, Moment, OffsetFileClock, SystemClock, moment
from backend.db import open_database, reading
from backend.errors import Unavailable
from backend.evidence.heads import Mirror
from backend.evidence.rules import Beacon
from backend.loans.actions import pledging
from backend.loans.actions.desk import Desk
from backend.loans.actions.goods import GoodsOnRecord
from backend.notices.posting import Mailer, MailSettings, Poster
from backend.notices.rules import UrlPolicy
from backend.notices.sealing import SecretBox
from backend.notices.worker import Courier
from backend.parties.two_persons import SigningDesk
from backend.payments.rules import Rail
from backend.payments.sandbox import SandboxRail
from backend.receipts import actions as receipts
from backend.settings import Settings
from contracts.artifacts import CONTRACTS, load
from contracts.deploy import Deployment, check
from contracts.keystore import Keystore
from contracts.node_deployer import NodeReader
from contracts.rpc import Rpc
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import EvidenceDomain, name32, name_of
from iot_bridge.evidence.store import EvidenceStore

ALERTS = "alerts"
"""Who freezes a loan because of an alert."""


class AnotherChain(Unavailable):
    """The node serves another chain than the one that the contracts were deployed on."""

    code = "app.another_chain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Everything an installation holds open.

    `wall` is real time, by which evidence, gates and the ledger live; `business` is the bank's own, which
    a trial may move ahead.
    """

    settings: Settings
    engine: Engine
    rpc: Rpc
    deployment: Deployment
    keys: Keystore
    wall: Clock
    business: Clock

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The installation that the settings describe, on the ledger that they name.

        Raises:
            AnotherChain: or another reason of `require_published_contracts`.
            NodeUnavailable: the node does not answer.
            DatabaseNotDurable: the database does not keep what it commits.
        """
        bank = cls.without_ledger(settings)
        bank.require_published_contracts()
        return bank

    def require_published_contracts(self) -> None:
        """Refuse a ledger that is not the declared one.

        Raises:
            AnotherChain: the node serves another chain than the deployment's.
            DeploymentDiffers: what stands at the deployment's addresses are not the published contracts.
            NodeUnavailable: the node does not answer.
        """
        chain_id = self.rpc.chain_id()
        if chain_id != self.deployment.chain_id:
            raise AnotherChain(deployed=self.deployment.chain_id, served=chain_id)
        check(NodeReader(self.rpc), self.deployment)

    @classmethod
    def without_ledger(cls, settings: Settings) -> Self:
        """The installation before its node was asked anything; nothing of the ledger may be believed yet.

        Raises:
            DatabaseNotDurable: the database does not keep what it commits.
        """
        settings.data.mkdir(parents=True, exist_ok=True)
        offset = settings.clock_offset_file
        return cls(
            settings=settings,
            engine=open_database(settings.database()),
            rpc=Rpc(settings.ledger_url),
            deployment=Deployment.load(settings.deployment),
            keys=Keystore(settings.keystore, settings.keystore_password.get_secret_value()),
            wall=SystemClock(),
            business=SystemClock() if offset is None else OffsetFileClock(offset),
        )

    def moment(self) -> Moment:
        """The bank's moment: its business instant and date."""
        return moment(self.business, self.settings.business_zone)

    def today(self) -> date:
        """The bank's business date."""
        return self.moment().today

    @property
    def domain(self) -> EvidenceDomain:
        """Where statements and acknowledgements are valid."""
        return EvidenceDomain(self.deployment.chain_id, self.deployment.addresses["PartyRegistry"])

    @property
    def followed(self) -> Followed:
        """The contracts whose events are followed."""
        addresses = self.deployment.addresses
        contracts = {addresses[name].lower(): load(name) for name in CONTRACTS}
        return Followed(contracts, self.deployment.block)

    def witness_key(self) -> LocalKey:
        """The key that signs acknowledgements."""
        return LocalKey(self.keys.key(self.settings.witness_signer))

    @property
    def signing(self) -> SigningDesk:
        """Where two people sign one act."""
        return SigningDesk(self.deployment.chain_id, self.deployment.addresses, self.keys.key)

    @property
    def desk(self) -> Desk:
        """What loans, margin and payments need of the rest."""
        tariff = {name32(party): minor for party, minor in self.settings.storage_tariff.items()}
        return Desk(
            bank=self.settings.bank,
            signing=self.signing,
            wall=self.wall,
            goods=GoodsOnRecord(self.wall, tariff),
        )

    @property
    def mirror(self) -> Mirror:
        """The bank's copy of the site logs; heads are witnessed by the bank's own account."""
        return Mirror(
            chain_id=self.deployment.chain_id,
            evidence_log=self.deployment.addresses["EvidenceLog"],
            witness_signer=self.settings.bank,
        )

    @property
    def watch(self) -> Watch:
        """The watch over exits, which freezes the loans that rest on goods of the site."""
        within = timedelta(seconds=self.settings.exit_match_s)
        return Watch(freeze=self._freeze, match_within=within, gates=self.settings.gates)

    @property
    def webhook_secrets(self) -> SecretBox:
        """What seals the secrets of webhooks."""
        return SecretBox(self.settings.keystore_password.get_secret_value(), self.settings.bank)

    @property
    def webhook_policy(self) -> UrlPolicy:
        """Where webhooks may lead."""
        return UrlPolicy(self.settings.webhooks_loopback, self.settings.webhooks_private)

    def courier(self) -> Courier:
        """What delivers notices."""
        settings = self.settings
        mail = MailSettings(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.smtp_from,
            security=settings.smtp_security,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value(),
        )
        return Courier(
            engine=self.engine,
            wall=self.wall,
            box=self.webhook_secrets,
            poster=Poster(f"urn:tallystick:{settings.bank}", self.webhook_policy),
            bank=settings.bank,
            mailer=Mailer(mail) if settings.smtp_host else None,
            recipients=tuple(settings.alert_recipients),
        )

    @property
    def rail(self) -> Rail:
        """The payment rail of the settings."""
        return SandboxRail(self.settings.rail_file(), self.today)

    @property
    def sources(self) -> Sources:
        """Where proof bundles come from beside the database."""
        return Sources(self.rpc, self.deployment, EvidenceStore(self.settings.media()))

    def site_of(self, receipt_id: int) -> str:
        """The name of the site where a receipt's goods are.

        Raises:
            ReceiptUnknown: no confirmed event shows the receipt.
        """
        with reading(self.engine) as session:
            return name_of(receipts.receipt(session, receipt_id).site)

    def block_at(self, number: int) -> Beacon:
        """A block as the ledger has it.

        Raises:
            NodeUnavailable: the node does not answer.
        """
        block = self.rpc.block(number)
        at = datetime.fromtimestamp(int(block["timestamp"], 16), UTC)
        return Beacon(number, bytes.fromhex(block["hash"][2:]), at)

    def _freeze(self, session: Session, receipt_id: int, alert: Alert) -> None:
        pledging.freeze_loans_on(
            session,
            receipt=receipt_id,
            reason=f"alert:{alert.id}",
            facts={"kind": alert.kind.value, **alert.facts},
            by=ALERTS,
            at=self.moment(),
        )

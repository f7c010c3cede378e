"""What an installation of the bank's side must be told. Environment variables, one prefix: `TALLYSTICK_`.

Nothing secret and nothing that moves money has a default; example values are refused at the start.
"""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

EXAMPLES: Final = frozenset({"changeme", "change-me", "password", "secret", "example", "test", "tallystick"})
Name = Annotated[str, Field(pattern=r"^[a-z0-9.-]{3,32}$")]
"""A name as the registry keeps it."""


class Settings(BaseSettings):
    """The settings of one bank's backend; each may be given as `TALLYSTICK_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="TALLYSTICK_", extra="forbid", frozen=True)

    ledger_url: str
    """JSON-RPC of a node of the ledger."""
    deployment: Path
    """The file that `deploy` wrote: chain id and the four contracts' addresses."""
    keystore: Path
    """Folder of encrypted keyfiles, one per named signer."""
    keystore_password: SecretStr
    """Opens the keystore; no default, and an example value is refused."""
    bank: Name
    """The bank's own party in the registry; also the name of its signer in the keystore."""
    witness_signer: Name
    """The keystore's name of the key that signs acknowledgements; heads are witnessed by the bank."""
    enroller: Name | None = None
    """The keystore's name of the key that the ledger lets enrol; without it none is enrolled here."""
    guardian: Name | None = None
    """The keystore's name of the key that the ledger lets suspend; without it none is suspended here."""
    rail: Literal["sandbox"]
    """What moves the bank's money; no default. `sandbox` keeps its own file and pays nobody."""
    data: Path
    """Folder for everything this installation writes."""
    database_url: str = ""
    """SQLite in the data folder when empty; a `postgresql+psycopg://` URL otherwise."""
    evidence_store: Path | None = None
    """Content-addressed folder of media; `evidence` in the data folder when not given."""
    broker_host: str = "127.0.0.1"
    """Where the MQTT 5 broker of the sites listens."""
    broker_port: int = Field(default=1883, ge=1, le=65535)
    """The broker's port."""
    broker_user: str = ""
    """The bank's name at the broker; empty where the broker asks for none."""
    broker_password: SecretStr = SecretStr("")
    """Goes with the name at the broker."""
    broker_ca: Path | None = None
    """Certificate of the authority that vouches for the broker, a PEM file; the three go together."""
    broker_certificate: Path | None = None
    """The bank's own certificate, a PEM file; its name is who the bank is to the broker."""
    broker_key: Path | None = None
    """The key of that certificate, a PEM file without a passphrase."""
    business_zone: str = "Asia/Shanghai"
    """The calendar zone of the bank's dates."""
    clock_offset_file: Path | None = None
    """Whole seconds by which the bank's business time runs ahead; for trying a loan's life in minutes."""
    poll_s: float = Field(default=0.25, gt=0)
    """How often the ledger is asked for new blocks."""
    storage_tariff: dict[str, int] = Field(default_factory=dict)
    """What each warehouse operator charges for a tonne and a day, in minor units, as JSON `{"party": 30}`.
    Goods of an operator that is not in it cannot be valued, since its lien is not known."""
    gates: dict[str, str] = Field(default_factory=dict)
    """The gate that a camera watches, as JSON `{"camera": "gate"}`; else a gate goes by its camera's name."""
    exit_match_s: int = Field(default=600, ge=1, le=600)
    """How long an ordered exit may wait for tag and weight before it counts as unauthorised."""

    smtp_host: str = ""
    """The server that takes the bank's mail; nobody is written to when empty."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    """The mail server's port."""
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    """How the way to the mail server is protected."""
    smtp_user: str = ""
    """The bank's name at the mail server; empty where it asks for none."""
    smtp_password: SecretStr = SecretStr("")
    """Goes with the name at the mail server."""
    smtp_from: str = ""
    """Whom mails come from; needed where there is a mail server."""
    alert_recipients: list[str] = Field(default_factory=list)
    """Who is written to when an alert or a margin call opens, as JSON `["desk@bank.example"]`."""
    webhooks_loopback: bool = False
    """Whether webhooks may lead to this machine itself, also without TLS; for trying them."""
    webhooks_private: bool = False
    """Whether webhooks may lead into private networks."""

    demo_sign_in: bool = False
    """Whether the console signs anybody in by one click, without a password; on this machine itself only."""
    demo_folder: Path | None = None
    """Where a demonstration and the bar that shows it on every page speak; on this machine itself only."""

    @classmethod
    def from_environment(cls) -> Self:
        """The settings that the process was started with.

        Raises:
            ValidationError: one is missing or cannot be right; names each.
        """
        return cls.model_validate({})

    @model_validator(mode="after")
    def require_no_example_secret(self) -> Self:
        """Refuse to start on a secret that somebody copied from a page."""
        secret = self.keystore_password.get_secret_value()
        if not secret or secret.lower() in EXAMPLES:
            message = "keystore_password is an example value"
            raise ValueError(message)
        if self.smtp_host and "@" not in self.smtp_from:
            message = "smtp_from is needed with smtp_host"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def require_whole_certificate(self) -> Self:
        """Refuse a certificate without its key or authority: the bank would listen in the clear."""
        given = [each is not None for each in (self.broker_ca, self.broker_certificate, self.broker_key)]
        if any(given) and not all(given):
            message = "broker_ca, broker_certificate and broker_key go together"
            raise ValueError(message)
        return self

    def database(self) -> str:
        """The database URL, SQLite in the data folder when none was given."""
        return self.database_url or f"sqlite:///{self.data / 'bank.sqlite'}"

    def rail_file(self) -> Path:
        """Where the sandbox rail keeps what was paid."""
        return self.data / "rail.sqlite"

    def media(self) -> Path:
        """The folder of the evidence store."""
        return self.evidence_store or self.data / "evidence"

    def documents(self) -> Path:
        """The folder of the documents that organisations keep here."""
        return self.data / "documents"

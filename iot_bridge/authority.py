"""A small certificate authority of one's own for the broker's link: who is who, each by a certificate.

A bank that has an authority uses that instead: the broker and the programs need PEM files and know no more.
Elliptic-curve keys (P-256), valid for two years; the authority's for ten.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from iot_bridge.evidence.errors import EdgeError

AUTHORITY: Final = "ca"
VALID_FOR: Final = timedelta(days=730)
AUTHORITY_VALID_FOR: Final = timedelta(days=3650)
BEFORE: Final = timedelta(minutes=5)
"""How far a clock may be behind ours and still take a fresh certificate."""


class IdentityExists(EdgeError):
    """There is a certificate of that name already; a second one would be the same to the broker."""

    code = "authority.identity_exists"


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority in a folder: `ca.pem`, `ca.key`, and `NAME.pem`, `NAME.key` of each identity."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What others check certificates against."""
        return self.folder / f"{AUTHORITY}.pem"

    def establish(self) -> None:
        """Make the authority's key and certificate, unless they are there."""
        if self.certificate.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named("Tallystick broker link")
        builder = _builder(name, name, key.public_key(), AUTHORITY_VALID_FOR)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs=True), critical=True)
        self._keep(AUTHORITY, builder.sign(key, hashes.SHA256()), key)

    def issue(self, identity: str, hosts: tuple[str, ...] = ()) -> Path:
        """Make a key and a certificate for an identity; the certificate's file.

        Args:
            identity: its name at the broker.
            hosts: names and addresses under which it is a server; none for a client.

        Raises:
            IdentityExists: it has one; take the file away first if it is to get another.
        """
        file = self.folder / f"{identity}.pem"
        if file.exists():
            raise IdentityExists(identity=identity, file=str(file))
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        signer = serialization.load_pem_private_key((self.folder / f"{AUTHORITY}.key").read_bytes(), None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError(AUTHORITY)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(authority.subject, _named(identity), key.public_key(), VALID_FOR)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs=False), critical=True)
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if hosts:
            alternatives = x509.SubjectAlternativeName([_host(each) for each in hosts])
            builder = builder.add_extension(alternatives, critical=False)
        self._keep(identity, builder.sign(signer, hashes.SHA256()), key)
        return file

    def _keep(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """The key first, for its owner alone: a certificate without a key would look complete."""
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        descriptor = os.open(self.folder / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey, valid_for: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

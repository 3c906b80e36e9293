"""A certificate authority as a mesh has one, and certificates of workloads that it signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, both PEM."""

    pem: bytes
    key: bytes

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both; the paths."""
        (folder / "cert.pem").write_bytes(self.pem)
        (folder / "key.pem").write_bytes(self.key)
        return folder / "cert.pem", folder / "key.pem"


class Authority:
    """An authority of its own."""

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())
        self._name = _named("authority")
        certificate = _begin(self._name, self._name, self._key, HOUR).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.pem = certificate.sign(self._key, SHA256()).public_bytes(Encoding.PEM)

    def issue(self, uris: Sequence[str], dns: Sequence[str] = ("localhost",), ends: timedelta = HOUR) -> Certificate:
        """A certificate with these names that ends so long from now."""
        key = generate_private_key(SECP256R1())
        names = [*(x509.UniformResourceIdentifier(uri) for uri in uris), *(x509.DNSName(name) for name in dns)]
        certificate = _begin(_named("workload"), self._name, key, ends).add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
        return Certificate(
            certificate.sign(self._key, SHA256()).public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )


def _begin(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, ends: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * HOUR)
        .not_valid_after(now + ends)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

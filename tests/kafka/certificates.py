"""Certificates of an authority made for one test run: the broker's and a client's, as PEM files."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Signed = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


class Pair(msgspec.Struct, frozen=True):
    """A certificate, its key, and both in one file."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Signs for 127.0.0.1."""

    def __init__(self, folder: Path, name: str = "netiv test") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._own = _signed(name, None)
        self.file = folder / "authority.pem"
        self.file.write_bytes(_pem(self._own[0]))

    def issue(self, name: str, ends: timedelta = timedelta(days=2)) -> Pair:
        """A certificate for this name that ends so long from now."""
        certificate, key = _signed(name, self._own, ends)
        pair = Pair(*(self._folder / f"{name}.{part}.pem" for part in ("certificate", "key", "both")))
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pair.certificate.write_bytes(_pem(certificate))
        pair.key.write_bytes(text)
        pair.both.write_bytes(text + _pem(certificate))
        return pair


def _signed(name: str, by: Signed | None, ends: timedelta = timedelta(days=2)) -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (subject, key) if by is None else (by[0].subject, by[1])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    return built.sign(signer, hashes.SHA256()), key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)

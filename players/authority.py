"""The commune's own certificate authority, and the certificate of its server: the only file that makes X.509.

ECDSA on P-256, which every TLS library on a small board knows. Private keys stay in memory here; `players.keyring`
and `players.certificate` keep them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from players.errors import KeyUnusable

AUTHORITY_LASTS = timedelta(days=20 * 365)
CERTIFICATE_LASTS = timedelta(days=397)
"""What browsers accept."""
RENEW_BEFORE = timedelta(days=60)
_BACKDATED = timedelta(days=1)
"""A browser's clock may be behind."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate (PEM) that signs others, and its key (PEM)."""

    certificate: str
    key: str = field(repr=False)


def make_authority(name: str, now: datetime) -> Authority:
    """A new authority, with its owner's name in it. It may sign servers and nothing that signs on."""
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Loa Lang {name}"[:64])])
    builder = (
        _builder(subject, subject, key, key, now, AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Authority(_pem(builder.sign(key, SHA256())), _key_pem(key))


def issue_certificate(authority: Authority, names: Iterable[str], now: datetime) -> str:
    """A certificate for a server of these host names and addresses, with its new key: one PEM text, key first.

    Raises:
        KeyUnusable: the authority is damaged, or a name cannot be in a certificate.
    """
    key = generate_private_key(SECP256R1())
    signer, signing_key = _load(authority)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loalang")])
    try:
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in sorted(set(names))])
    except ValueError as error:
        raise KeyUnusable(f"a server's name cannot be in a certificate: {error}") from error
    builder = (
        _builder(subject, signer.subject, key, signing_key, now, CERTIFICATE_LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternatives, critical=False)
    )
    return _key_pem(key) + _pem(builder.sign(signing_key, SHA256()))


def is_current(certificate: str, authority: Authority, names: Iterable[str], now: datetime) -> bool:
    """Whether a certificate (PEM) is by this authority, for all these names, and good for some weeks yet."""
    try:
        held = x509.load_pem_x509_certificate(certificate.encode())
        held.verify_directly_issued_by(_load(authority)[0])
        alternatives = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    named = {str(value) for kind in (x509.DNSName, x509.IPAddress) for value in alternatives.get_values_for_type(kind)}
    is_in_time = held.not_valid_before_utc <= now < held.not_valid_after_utc - RENEW_BEFORE
    return is_in_time and {_plain(name) for name in names} <= named


def expiry_of(certificate: str) -> datetime:
    """When a certificate (PEM) ends.

    Raises:
        KeyUnusable: it is none.
    """
    try:
        return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc
    except ValueError as error:
        raise KeyUnusable("not a certificate") from error


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    signing_key: EllipticCurvePrivateKey,
    now: datetime,
    lasts: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load(authority: Authority) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    try:
        key = load_pem_private_key(authority.key.encode(), None)
        certificate = x509.load_pem_x509_certificate(authority.certificate.encode())
    except (ValueError, TypeError) as error:
        raise KeyUnusable("the commune's certificate authority is damaged") from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise KeyUnusable("the commune's certificate authority has a key of another kind")
    return certificate, key


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(_plain(name))


def _plain(name: str) -> str:
    """A host name as certificates write it; an address as `ipaddress` writes it."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name.lower().encode("idna").decode() if not name.isascii() else name.lower()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

"""CAP messages as other offices write them, and a certificate to sign them with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from tests.broadcast.conftest import NOW

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
AREA = "<area><areaDesc>Xã Hòa Bình An</areaDesc><geocode><valueName>xa</valueName><value>01</value></geocode></area>"
HERE = {"": ["xa=01", "Xã Hòa Bình An"]}
"""What the commune is called in `AREA`."""


def at(minutes: float = 0) -> str:
    """An instant beside the tests' present, as CAP writes it."""
    return (NOW + timedelta(minutes=minutes)).isoformat(timespec="seconds")


def info(
    *,
    language: str = "vi-VN",
    event: str = "Lũ",
    levels: tuple[str, str, str] = ("Immediate", "Extreme", "Observed"),
    expires: str | None = None,
    headline: str = "Lũ đang lên trên sông Hồng",
    description: str = "Nước lên nhanh.",
    instruction: str = "Bà con lên nơi cao ngay.",
    times: str = "",
    areas: str = AREA,
) -> str:
    """An `info` element."""
    urgency, severity, certainty = levels
    return (
        f"<info><language>{language}</language><category>Met</category><event>{event}</event>"
        f"<urgency>{urgency}</urgency><severity>{severity}</severity><certainty>{certainty}</certainty>{times}"
        f"<expires>{expires or at(60)}</expires><senderName>Đài tỉnh</senderName><headline>{headline}</headline>"
        f"<description>{description}</description><instruction>{instruction}</instruction>{areas}</info>"
    )


def message(
    identifier: str = "a-1",
    *infos: str,
    sent: str | None = None,
    status: str = "Actual",
    kind: str = "Alert",
    scope: str = "<scope>Public</scope>",
    refers: str = "",
    sender: str = "kttv@tinh.example",
    namespace: str = NAMESPACE,
) -> bytes:
    """A message; an Alert or an Update without parts has one, of a flood."""
    named = f"<references>{sender},{refers},{at()}</references>" if refers else ""
    parts = "".join(infos or (() if kind == "Cancel" else (info(),)))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><alert xmlns="{namespace}"><identifier>{identifier}</identifier>'
        f"<sender>{sender}</sender><sent>{sent or at()}</sent><status>{status}</status><msgType>{kind}</msgType>{scope}"
        f"{named}{parts}</alert>"
    ).encode()


@dataclass(frozen=True)
class Signer:
    """Who signs."""

    pem: str
    key: bytes

    def sign(self, data: bytes) -> bytes:
        """The message with its signature in it."""
        signer = XMLSigner(SignatureConstructionMethod.enveloped, SignatureMethod.ECDSA_SHA256, DigestAlgorithm.SHA256)
        signed = signer.sign(etree.fromstring(data), key=self.key, cert=self.pem)
        return bytes(etree.tostring(signed, encoding="UTF-8", xml_declaration=True))


def new_signer(name: str = "Dai tinh", lasts: timedelta = timedelta(days=3650)) -> Signer:
    """A key with its certificate, which began years ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begins = datetime(2024, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + lasts)
        .sign(key, SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Signer(certificate.public_bytes(Encoding.PEM).decode(), plain)

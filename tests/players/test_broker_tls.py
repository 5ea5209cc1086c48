"""The broker behind TLS with an authority of the commune's own."""

import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from players.broker import BrokerTls, MosquittoBroker
from players.errors import BrokerError, TransportClosed
from players.mqtt import MqttTransport
from players.topics import Topics

TOPICS = Topics("hoa-binh-an")


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class Authority:
    """A private authority and what it has signed."""

    folder: Path
    name: str = "authority"

    def __post_init__(self) -> None:
        self.key = generate_private_key(SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        builder = self._builder(self.subject, self.key).add_extension(x509.BasicConstraints(True, None), critical=True)
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        self.path = self._write(f"{self.name}.pem", builder.add_extension(usage, critical=True))

    def broker_tls(self) -> BrokerTls:
        key = generate_private_key(SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        certificate = self._write(f"{self.name}-broker.pem", self._builder(name, key).add_extension(names, False))
        key_path = self.folder / f"{self.name}-broker-key.pem"
        key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key_path.chmod(0o600)
        return BrokerTls(certificate, key_path, self.path)

    def _builder(self, name: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(clock() - timedelta(days=1))
            .not_valid_after(clock() + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        )

    def _write(self, name: str, builder: x509.CertificateBuilder) -> Path:
        path = self.folder / name
        path.write_bytes(builder.sign(self.key, SHA256()).public_bytes(Encoding.PEM))
        return path


@pytest.fixture
def authority(open_folder: Path) -> Authority:
    return Authority(open_folder)


@pytest.fixture
async def broker(open_folder: Path, authority: Authority) -> AsyncIterator[MosquittoBroker]:
    broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock, tls=authority.broker_tls())
    await broker.start()
    try:
        await broker.admin().add_node("loa", "password", ["thon-dong"])
        yield broker
    finally:
        await broker.stop()


def transport(broker: MosquittoBroker, trusts: Path | None) -> MqttTransport:
    tls = None if trusts is None else ssl.create_default_context(cafile=str(trusts))
    return MqttTransport(broker.host, broker.port, "loa", "loa", "password", tls=tls)


async def test_a_node_that_has_the_authority_gets_in(broker: MosquittoBroker, authority: Authority) -> None:
    async with transport(broker, authority.path).connect() as node:
        await node.subscribe(*TOPICS.for_zone("thon-dong"))
        await node.publish(TOPICS.heartbeat("loa"), bytes(100_000))


async def test_a_node_does_not_speak_to_a_broker_of_another_authority(
    broker: MosquittoBroker, open_folder: Path
) -> None:
    stranger = Authority(open_folder, "stranger")
    with pytest.raises(TransportClosed, match=r"(?i)certificate"):
        async with transport(broker, stranger.path).connect():
            pass


async def test_nobody_speaks_plainly_to_it(broker: MosquittoBroker) -> None:
    with pytest.raises(TransportClosed):
        async with transport(broker, None).connect():
            pass


async def test_a_new_certificate_is_read_when_it_starts_again(open_folder: Path, authority: Authority) -> None:
    other = Authority(open_folder, "successor")
    for signed_by, trusted in ((authority, authority.path), (other, other.path)):
        broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock, tls=signed_by.broker_tls())
        await broker.start()
        try:
            await broker.admin().add_node("loa", "password", ["thon-dong"])
            async with transport(broker, trusted).connect():
                pass
        finally:
            await broker.stop()


@pytest.mark.parametrize("missing", ["certificate", "key", "authority"])
async def test_a_missing_file_is_named(open_folder: Path, authority: Authority, missing: str) -> None:
    tls = authority.broker_tls()
    path: Path = getattr(tls, missing)
    path.unlink()  # noqa: ASYNC240
    broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock, tls=tls)
    with pytest.raises(BrokerError, match=re.escape(path.name)):
        await broker.start()

"""XML signatures of messages (CAP 1.2, section 3.3.4.1). The one door to signxml.

What is read afterwards is what was signed, and only that: never the document it came in.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature as KeySaysNo
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from broadcast.cap.model import BadCap
from broadcast.errors import InvalidInput

_DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
_SHORTEST_RSA = 2048
MAX_PEM = 16 * 1024


def read_certificate(pem: str) -> x509.Certificate:
    """One certificate that signatures may be checked with.

    Raises:
        InvalidInput: it is none, several, of a weak key or of one that signs no XML.
    """
    try:
        found = x509.load_pem_x509_certificates(pem.encode("ascii", "replace")) if len(pem) <= MAX_PEM else []
    except ValueError:
        found = []
    if len(found) != 1:
        raise InvalidInput("bad-certificate", "Dán đúng một chứng thư dạng PEM (BEGIN CERTIFICATE).", "pem")
    try:
        key = found[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput("bad-certificate", "Chứng thư có khóa loại không dùng được.", "pem") from error
    is_strong = isinstance(key, ec.EllipticCurvePublicKey) or (
        isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SHORTEST_RSA
    )
    if not is_strong:
        raise InvalidInput("weak-certificate", "Chứng thư cần khóa RSA từ 2.048 bit hoặc khóa ECDSA.", "pem")
    return found[0]


def pem_of(certificate: x509.Certificate) -> str:
    """A certificate as text, without whatever stood around it."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, in hexadecimal."""
    return certificate.fingerprint(SHA256()).hex()


def is_signed(root: etree._Element) -> bool:
    """Whether a document carries a signature, right or wrong, wherever it hides."""
    return root.find(f".//{_DSIG}Signature") is not None


def signed_part(root: etree._Element, trusted: Sequence[str], now: datetime) -> etree._Element:
    """What of a signed message was signed: the whole of it, by one of the trusted certificates (PEM).

    Raises:
        BadCap: the signature is not over the whole message, not by one of these, or not right.
    """
    if len(root.findall(f".//{_DSIG}Signature")) != 1 or root.find(f"{_DSIG}Signature") is None:
        raise BadCap("Chữ ký nằm sai chỗ hoặc có nhiều chữ ký.")
    references = root.findall(f"{_DSIG}Signature/{_DSIG}SignedInfo/{_DSIG}Reference")
    if [one.get("URI") for one in references] != [""]:
        raise BadCap("Chữ ký không ký toàn bộ bản tin.")
    for pem in trusted:
        signed = _verified(root, pem, now)
        if signed is not None and signed.tag == root.tag:
            return signed
    raise BadCap("Chữ ký không đúng, hoặc không phải của chứng thư được tin.")


def _verified(root: etree._Element, pem: str, now: datetime) -> etree._Element | None:
    rules = SignatureConfiguration(location="./", expect_references=1, verification_time=now)
    try:
        result = XMLVerifier().verify(root, x509_cert=pem, expect_config=rules)
    # signxml lets through what its own steps raise at a signature that is put together wrongly.
    except (SignXMLException, KeySaysNo, UnsupportedAlgorithm, etree.LxmlError, ValueError, LookupError, TypeError):
        return None
    except (AttributeError, NotImplementedError, AssertionError):
        return None
    return None if isinstance(result, list) else result.signed_xml

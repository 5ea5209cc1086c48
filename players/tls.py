"""TLS towards the commune's server: whom to believe, and the short name of an authority. Standard library only."""

import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import Sequence
from typing import Final

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name."""
_SHORT_SIGNS = 24
"""120 bits: nobody makes another certificate with the same."""
_GROUP = 4
_FULL = re.compile(r"[0-9a-f]{64}")


def context_believing(authorities: Sequence[str]) -> ssl.SSLContext:
    """A client's context that believes these authorities (PEM) only; without any, those of the machine.

    The commune's own authority signs one server, so its name is not compared: an address given by a router may change.
    Nor is the time: a board without a clock battery asks this very server for it.

    Raises:
        ValueError: an authority is no certificate.
    """
    if not authorities:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_flags |= _NO_CHECK_TIME
    try:
        context.load_verify_locations(cadata="\n".join(authorities))
    except ssl.SSLError as error:
        raise ValueError(f"not a certificate: {error}") from error
    return context


def context_believing_anybody() -> ssl.SSLContext:
    """For what is signed, or compared with a fingerprint, whoever hands it over. Nothing secret goes through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fingerprint_of(authority: str) -> str:
    """The short fingerprint of a certificate (PEM), as people read it: `ABCD-EFGH-…`, 120 bits of its SHA-256.

    Raises:
        ValueError: it is no certificate.
    """
    signs = base64.b32encode(_digest(authority)).decode()[:_SHORT_SIGNS]
    return "-".join(signs[start : start + _GROUP] for start in range(0, _SHORT_SIGNS, _GROUP))


def has_fingerprint(authority: str, said: str) -> bool:
    """Whether a certificate (PEM) has that fingerprint: the short one, or the whole SHA-256 in hexadecimal digits.

    Raises:
        ValueError: it is no certificate.
    """
    plain = re.sub(r"[\s:-]", "", said).lower()
    wanted = _digest(authority).hex() if _FULL.fullmatch(plain) else fingerprint_of(authority).replace("-", "").lower()
    return hmac.compare_digest(plain.encode(), wanted.encode())


def _digest(authority: str) -> bytes:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority.strip())).digest()

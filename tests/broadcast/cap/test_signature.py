"""Signatures: whose, over what, and tricks with them. Only what is signed is read."""

import copy
from datetime import timedelta

import pytest
from lxml import etree

from broadcast.cap.document import MAX_MESSAGE_BYTES, parse_document
from broadcast.cap.model import BadCap
from broadcast.cap.reading import read_alert
from broadcast.cap.signature import fingerprint_of, is_signed, read_certificate, signed_part
from broadcast.errors import InvalidInput
from tests.broadcast.cap.kit import NAMESPACE, Signer, info, message, new_signer
from tests.broadcast.conftest import NOW

_DSIG = "{http://www.w3.org/2000/09/xmldsig#}"


@pytest.fixture(scope="module")
def signer() -> Signer:
    return new_signer()


def parsed(data: bytes) -> etree._Element:
    return parse_document(data, max_bytes=MAX_MESSAGE_BYTES)


def test_a_signed_message_is_read_from_what_was_signed(signer: Signer) -> None:
    root = parsed(signer.sign(message("a-1")))
    assert is_signed(root)
    assert not is_signed(parsed(message()))
    part = signed_part(root, [new_signer().pem, signer.pem], NOW)
    assert not is_signed(part)
    assert read_alert(part).identifier == "a-1"


def test_what_was_changed_after_signing_is_refused(signer: Signer) -> None:
    data = signer.sign(message("a-1"))
    for old, new in ((b"a-1", b"a-2"), (b"Public", b"Private"), ("Lũ".encode(), "Bão".encode())):
        with pytest.raises(BadCap, match="không đúng"):
            signed_part(parsed(data.replace(old, new)), [signer.pem], NOW)


def test_a_stranger_and_a_certificate_whose_time_is_over_are_refused(signer: Signer) -> None:
    data = signer.sign(message())
    for trusted in ([], [new_signer().pem]):
        with pytest.raises(BadCap, match="không đúng"):
            signed_part(parsed(data), trusted, NOW)
    old = new_signer(lasts=timedelta(days=30))
    with pytest.raises(BadCap, match="không đúng"):
        signed_part(parsed(old.sign(message())), [old.pem], NOW)


def wrapped_in_another(signed: etree._Element) -> etree._Element:
    """The signed message becomes a part of a forged one."""
    forged = parsed(message("forged"))
    forged.append(signed)
    return forged


def with_its_signature_moved(signed: etree._Element) -> etree._Element:
    """The signature and what it signed, in a forged message."""
    forged = parsed(message("forged"))
    forged.append(copy.deepcopy(signed.find(f"{_DSIG}Signature")))
    return forged


def with_two_signatures(signed: etree._Element) -> etree._Element:
    signed.append(copy.deepcopy(signed.find(f"{_DSIG}Signature")))
    return signed


def with_a_part_added(signed: etree._Element) -> etree._Element:
    signed.insert(0, etree.fromstring(info().replace("<info>", f'<info xmlns="{NAMESPACE}">')))
    return signed


def by_an_id(signed: etree._Element) -> etree._Element:
    """The signature names a part by its id: the classic wrapping."""
    signed.find(f".//{_DSIG}Reference").set("URI", "#part")
    signed.find(f"{{{NAMESPACE}}}info").set("Id", "part")
    return signed


def without_a_value(signed: etree._Element) -> etree._Element:
    signed.find(f"{_DSIG}Signature/{_DSIG}SignatureValue").text = "####"
    return signed


def of_an_unknown_kind(signed: etree._Element) -> etree._Element:
    signed.find(f".//{_DSIG}SignatureMethod").set("Algorithm", "urn:none")
    return signed


def by_sha1(signed: etree._Element) -> etree._Element:
    signed.find(f".//{_DSIG}DigestMethod").set("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")
    return signed


def emptied(signed: etree._Element) -> etree._Element:
    del signed.find(f"{_DSIG}Signature")[:]
    return signed


@pytest.mark.parametrize(
    "trick",
    [
        wrapped_in_another,
        with_its_signature_moved,
        with_two_signatures,
        with_a_part_added,
        by_an_id,
        without_a_value,
        of_an_unknown_kind,
        by_sha1,
        emptied,
    ],
)
def test_tricks_with_signatures_are_refused(signer: Signer, trick: object) -> None:
    assert callable(trick)
    forged = trick(parsed(signer.sign(message("a-1"))))
    assert is_signed(forged)
    with pytest.raises(BadCap, match=r"[Cc]hữ ký"):
        signed_part(forged, [signer.pem], NOW)


def test_a_certificate_is_one_and_strong(signer: Signer) -> None:
    assert len(fingerprint_of(read_certificate(f"Subject: x\n{signer.pem}\n"))) == 64
    for pem in ("", "abc", signer.pem * 2, signer.pem[:200], "é", signer.pem + " " * 20_000):
        with pytest.raises(InvalidInput, match="bad-certificate"):
            read_certificate(pem)

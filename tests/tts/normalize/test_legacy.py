"""Text in the encodings of before Unicode is recognised, offered converted, and never read as rubbish."""

import pytest

from tests.tts.normalize.golden import plain, rows
from tts.normalize import LegacyEncoding, detect_legacy, normalize

# Typed as the fonts .VnTime and VNI-Times have it, seen through Latin-1.
TCVN3 = {
    "Céng hßa x· héi chñ nghÜa ViÖt Nam": "Cộng hòa xã hội chủ nghĩa Việt Nam",
    "Uû ban nh©n d©n x· th«ng b¸o": "Ủy ban nhân dân xã thông báo",
    "§Ò nghÞ bµ con ®Õn nhµ v¨n hãa th«n häp lóc 7h30": "Đề nghị bà con đến nhà văn hóa thôn họp lúc 7h30",
}
VNI = {
    "Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam": "Cộng hòa xã hội chủ nghĩa Việt Nam",
    "UÛy ban nhaân daân xaõ thoâng baùo": "Ủy ban nhân dân xã thông báo",
    "Ñeà nghò baø con ñeán nhaø vaên hoùa thoân hoïp luùc 7h30": "Đề nghị bà con đến nhà văn hóa thôn họp lúc 7h30",
}


@pytest.mark.parametrize(("typed", "meant"), TCVN3.items())
def test_tcvn3_is_recognised(typed: str, meant: str) -> None:
    found = detect_legacy(typed)
    assert found is not None
    assert (found.encoding, plain(found.converted)) == (LegacyEncoding.TCVN3, plain(meant))


@pytest.mark.parametrize(("typed", "meant"), VNI.items())
def test_vni_is_recognised(typed: str, meant: str) -> None:
    found = detect_legacy(typed)
    assert found is not None
    assert (found.encoding, plain(found.converted)) == (LegacyEncoding.VNI, plain(meant))


@pytest.mark.parametrize(("typed", "meant"), [*TCVN3.items(), *VNI.items()])
def test_it_is_read_as_it_was_meant(typed: str, meant: str) -> None:
    spoken = normalize(typed)
    assert plain(spoken.spoken) == plain(normalize(meant).spoken)
    for span in spoken.spans:
        assert typed[span.start : span.end] == span.written
    assert any(not span.certain for span in spoken.spans)


def test_a_legacy_paragraph_among_unicode_ones() -> None:
    found = detect_legacy("Thông báo lịch cắt điện\nUû ban nh©n d©n x· th«ng b¸o\nTrân trọng")
    assert found is not None
    assert plain(found.converted.splitlines()[1]) == plain("Ủy ban nhân dân xã thông báo")
    assert found.converted.splitlines()[0] == "Thông báo lịch cắt điện"


@pytest.mark.parametrize("row", [row.written for row in rows()])
def test_unicode_text_is_left_alone(row: str) -> None:
    found = detect_legacy(row)
    assert found is None or "©" in row or "¸" in row or "aâ" in row.lower() or "oâ" in row.lower() or "ñ" in row


@pytest.mark.parametrize(
    "other", ["Café crème à la carte, déjà vu", "¿Qué tal? ¡Mañana!", "Müller & Söhne", "5 µg · 3 ± 2 °C"]
)
def test_other_languages_are_left_alone(other: str) -> None:
    assert detect_legacy(other) is None

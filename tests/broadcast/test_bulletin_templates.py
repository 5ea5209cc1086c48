"""Templates: their slots, what is said once they are filled, and how that is read aloud."""

from collections.abc import Mapping
from datetime import datetime

import pytest
from sqlmodel import Session

from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import BulletinState, row_id
from broadcast.templates import (
    TemplateDraft,
    add_template,
    draft_from_template,
    edit_template,
    list_templates,
    remove_template,
    seed_templates,
    slots_of,
)
from broadcast.templates_seeded import SeededTemplate, seeded_templates
from broadcast.templates_slots import MAX_SLOTS, Slot, SlotKind, fill, said_values, slots_in
from players.messages import Urgency
from tests.broadcast.conftest import House
from tts.normalize import normalize

VALUES: Mapping[str, Mapping[str, str]] = {
    "meeting": {
        "đơn vị mời": "Ban công tác mặt trận thôn Đông", "thành phần": "đại diện các hộ",
        "việc bàn": "làm đường 2,5 km", "giờ họp": "19:30", "ngày họp": "2026-09-26", "nơi họp": "NVH thôn Đông",
    },
    "power-cut": {
        "đơn vị điện lực": "Điện lực khu vực", "lý do": "sửa đường dây 22 kV", "từ giờ": "06:30", "đến giờ": "17:00",
        "ngày cắt điện": "2026-09-26", "khu vực": "thôn Đông, khu dân cư dọc QL 12A", "điện thoại": "1900 6769",
    },
    "water-cut": {
        "đơn vị cấp nước": "Trạm cấp nước xã", "lý do": "thay ống", "từ giờ": "8h", "đến giờ": "11h15",
        "ngày cắt nước": "26/09/2026", "khu vực": "toàn xã",
    },
    "vaccination": {
        "loại vắc xin": "vắc xin sởi", "đối tượng": "trẻ từ 9 đến 24 tháng tuổi", "từ giờ": "07:30",
        "đến giờ": "11:00", "ngày tiêm": "2026-09-26", "nơi tiêm": "trạm y tế", "số tiền": "25000",
    },
    "storm": {
        "tên bão": "bão số 6", "từ giờ": "04:00", "ngày ảnh hưởng": "2026-09-26", "cấp gió": "9", "cấp giật": "11",
        "lượng mưa": "250", "nơi nguy hiểm": "ven suối", "nơi sơ tán": "trường tiểu học", "giờ sơ tán": "16:00",
        "ngày sơ tán": "2026-09-25", "điện thoại": "0530 888 115",
    },
    "cleaning": {
        "đơn vị tổ chức": "Hội LHPN xã", "khu vực": "thôn Đông", "giờ làm": "06:00", "ngày làm": "2026-09-27",
        "nơi tập trung": "sân đình", "số người": "1", "dụng cụ": "chổi, cuốc",
    },
    "conscription": {
        "đối tượng": "từ 18 đến 25 tuổi", "giờ khám": "07:00", "ngày khám": "2026-11-03", "nơi khám": "trạm y tế xã",
    },
    "pay-out": {
        "đơn vị chi trả": "Bưu điện xã", "khoản chi trả": "lương hưu", "từ giờ": "07:30", "đến giờ": "10:30",
        "ngày chi trả": "2026-10-05", "nơi chi trả": "UBND xã",
    },
    "mosquitoes": {
        "khu vực": "thôn Tây", "từ giờ": "05:00", "đến giờ": "08:00", "ngày phun": "2026-10-01", "số phút": "45",
    },
}  # fmt: skip
HEARD: Mapping[str, tuple[str, ...]] = {
    "meeting": (
        "hai phẩy năm ki lô mét",
        "Thời gian: mười chín giờ ba mươi phút, thứ bảy, ngày hai mươi sáu tháng chín năm hai nghìn",
        "Địa điểm: nhà văn hóa thôn Đông.",
    ),
    "power-cut": (
        "từ sáu giờ ba mươi phút đến mười bảy giờ, thứ bảy", "hai mươi hai ki lô vôn", "quốc lộ mười hai a",
        "xin gọi số một chín không không",
    ),
    "water-cut": ("từ tám giờ đến mười một giờ mười lăm phút, thứ bảy, ngày hai mươi sáu tháng chín",),
    "vaccination": ("Mức thu: hai mươi lăm nghìn đồng một mũi.", "từ chín đến hai mươi tư tháng tuổi"),
    "storm": (
        "bão số sáu đang tiến gần", "từ bốn giờ, thứ bảy", "cấp chín, giật cấp mười một", "hai trăm năm mươi mi li mét",
        "trước mười sáu giờ, thứ sáu", "số không năm ba không",
    ),
    "cleaning": ("Hội liên hiệp phụ nữ xã", "bắt đầu từ sáu giờ, chủ nhật", "Mỗi hộ cử một người"),
    "conscription": ("từ mười tám đến hai mươi lăm tuổi", "bảy giờ, thứ ba, ngày ba tháng mười một"),
    "pay-out": ("từ bảy giờ ba mươi phút đến mười giờ ba mươi phút, thứ hai, ngày năm tháng mười",),
    "mosquitoes": ("ít nhất bốn mươi lăm phút sau đó",),
}  # fmt: skip


@pytest.mark.parametrize("seeded", seeded_templates(), ids=lambda one: one.key)
def test_every_seeded_template_is_read_right_once_filled(seeded: SeededTemplate) -> None:
    said = said_values(slots_in(seeded.script, seeded.title), VALUES[seeded.key])
    read = normalize(f"{fill(seeded.title, said)}\n{fill(seeded.script, said)}")
    spoken = " ".join(sentence.spoken for sentence in read.sentences)
    assert [part for part in HEARD[seeded.key] if part not in spoken] == [], spoken
    assert [span.written for span in read.spans if not span.certain] == []
    assert not set(spoken) & set("{}0123456789")


def test_a_line_whose_slot_stays_empty_is_not_said() -> None:
    text = "Họp.\nMang theo {mang theo?}, đúng giờ.\n\nCảm ơn."
    said = said_values(slots_in(text), {})
    assert fill(text, said) == "Họp.\n\nCảm ơn."


def test_slots_are_asked_for_once_in_their_order() -> None:
    assert slots_in("{nơi họp: nơi} lúc { giờ : giờ }, {ghi  chú?}", "Họp {nơi họp:nơi} {số: số}") == (
        Slot("nơi họp", SlotKind.PLACE), Slot("giờ", SlotKind.TIME), Slot("ghi chú", SlotKind.TEXT, is_optional=True),
        Slot("số", SlotKind.NUMBER),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{}", "unnamed-slot"),
        ("{: giờ}", "unnamed-slot"),
        ("{" + "x" * 61 + "}", "unnamed-slot"),
        ("{giờ: phút}", "unknown-kind"),
        ("{giờ: giờ} {giờ: ngày}", "slot-twice"),
        ("Họp {giờ", "open-slot"),
        ("Họp giờ}", "open-slot"),
        ("{a\nb}", "open-slot"),
        (" ".join(f"{{o{n}}}" for n in range(MAX_SLOTS + 1)), "too-many-slots"),
    ],
)
def test_slots_that_are_none(text: str, code: str) -> None:
    with pytest.raises(InvalidInput, match=code):
        slots_in(text)


@pytest.mark.parametrize(
    ("kind", "typed", "said"),
    [
        ("giờ", "19:30", "19 giờ 30 phút"),
        ("giờ", "7h05", "7 giờ 05 phút"),
        ("giờ", "7 giờ 5 phút", None),
        ("giờ", "00:00", "0 giờ"),
        ("giờ", "14 giờ", "14 giờ"),
        ("giờ", "24:00", None),
        ("giờ", "sáng", None),
        ("ngày", "2026-09-26", "thứ bảy, ngày 26/9/2026"),
        ("ngày", "29/02/2028", "thứ ba, ngày 29/2/2028"),
        ("ngày", "29/02/2027", None),
        ("số", "25000", "25.000"),
        ("số", "1.250.000", "1.250.000"),
        ("số", "2,5", "2,5"),
        ("số", "1.25", None),
        ("số", "-3", None),
        ("số", "١٢", None),
        ("số", "9" * 5000, None),
        ("nơi", "  sân   đình ", "sân đình"),
        ("nơi", "x" * 201, None),
        ("chữ", "x" * 2001, None),
        ("chữ", "\x07", None),
        ("chữ", "   ", None),
    ],
)
def test_what_is_typed_into_a_slot(kind: str, typed: str, said: str | None) -> None:
    slots = slots_in(f"{{ô: {kind}}}")
    if said is None:
        with pytest.raises(InvalidInput) as refused:
            said_values(slots, {"ô": typed})
        assert refused.value.field == "ô"
    else:
        assert said_values(slots, {"ô": typed}) == {"ô": said}


def test_a_value_for_no_slot_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown-slot"):
        said_values(slots_in("{ô}"), {"ô": "a", "khác": "b"})


def test_braces_and_full_stops_that_are_typed_do_no_harm() -> None:
    said = said_values(slots_in("{ô}."), {"ô": "Họp {giờ: giờ}."})
    assert fill("{ô}.", said) == "Họp {giờ: giờ}."


def test_the_house_gives_its_templates_once(unit: Session, house: House, now: datetime) -> None:
    assert seed_templates(unit, now) == len(seeded_templates())
    first = list_templates(unit)[0]
    remove_template(unit, row_id(first.id), house.officer, now)
    assert seed_templates(unit, now) == 0
    assert len(list_templates(unit)) == len(seeded_templates()) - 1
    with pytest.raises(NotFound):
        draft_from_template(unit, row_id(first.id), {}, house.officer, now)


def test_a_filled_template_is_its_authors_draft(unit: Session, house: House, now: datetime) -> None:
    seed_templates(unit, now)
    storm = next(one for one in list_templates(unit) if one.key == "storm")
    draft = draft_from_template(unit, row_id(storm.id), VALUES["storm"], house.officer, now)
    assert (draft.title, draft.state, draft.urgency, draft.author_id) == (
        "Phòng, chống bão số 6", BulletinState.DRAFT, Urgency.PRIORITY, house.officer.id,
    )  # fmt: skip
    assert "trước 16 giờ, thứ sáu, ngày 25/9/2026" in draft.script
    with pytest.raises(InvalidInput, match="empty"):
        draft_from_template(unit, row_id(storm.id), {}, house.officer, now)


def test_of_two_who_change_one_the_second_is_told(unit: Session, house: House, now: datetime) -> None:
    made = add_template(unit, TemplateDraft(name="Họp", title="Họp", script="Lúc {giờ: giờ}."), house.officer, now)
    changed = TemplateDraft(name="Họp tổ", title="Họp tổ", script="Lúc {giờ họp: giờ}.", urgency=Urgency.PRIORITY)
    edited = edit_template(unit, row_id(made.id), 1, changed, house.other_officer, now)
    assert [slot.name for slot in slots_of(edited)] == ["giờ họp"]
    with pytest.raises(Conflict, match="changed-meanwhile"):
        edit_template(unit, row_id(made.id), 1, changed, house.officer, now)


def test_who_writes_no_bulletins_keeps_no_templates(unit: Session, house: House, now: datetime) -> None:
    draft = TemplateDraft(name="Họp", title="Họp", script="Họp.")
    for user in (house.head_east, house.administrator):
        with pytest.raises(NotAllowed):
            add_template(unit, draft, user, now)
    urgent = TemplateDraft(name="Lũ", title="Lũ", script="Lũ.", urgency=Urgency.EMERGENCY)
    with pytest.raises(InvalidInput, match="not-an-emergency"):
        add_template(unit, urgent, house.officer, now)

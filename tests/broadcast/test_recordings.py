"""Recordings: who hears them, what a bulletin holds of them, and that nothing unapproved gets on the air."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from broadcast.audit import first_broken
from broadcast.bulletin_parts import PartDraft, drafts_of, parts_of_bulletin, said_of
from broadcast.bulletins import (
    approve_bulletin,
    draft_of,
    edit_bulletin,
    get_bulletin,
    submit_bulletin,
    withdraw_bulletin,
    write_bulletin,
)
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.hearing import may_hear
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastState,
    Bulletin,
    BulletinState,
    Clip,
    PartKind,
    Programme,
    ProgrammePart,
    ProgrammePartKind,
    Recording,
    Rendering,
    User,
    row_id,
)
from broadcast.reading_rules import ReadingRules
from broadcast.recording_uses import forget_clip, remove_recording, trim_recording, uses_of
from broadcast.recordings import (
    UNFIT_TEXTS,
    add_recording,
    change_recording,
    get_recording,
    list_recordings,
    refusal_text,
)
from broadcast.renderings import read_sentences
from broadcast.said_script import ClipMark, join_said, split_said
from tests.broadcast.conftest import House
from tts.record_job import Cut, Taken, Unfit


def cut(name: str, start_ms: int = 0, end_ms: int = 4000) -> Cut:
    sha256 = (name.encode().hex() * 64)[:64]
    return Cut(start_ms=start_ms, end_ms=end_ms, sha256=sha256, size_bytes=10_000, duration_ms=end_ms - start_ms)


def record(session: Session, owner: User, now: datetime, sound: str = "a", **changes: Any) -> Recording:
    taken = Taken(
        original_sha256="0" * 64, original_bytes=90_000, original_format="mp3", channels=1, length_ms=5000,
        peaks=[0, 50], flaws=[], cut=cut(sound),
    )  # fmt: skip
    said: dict[str, Any] = {"name": f"Bản {sound}", "language": "ium", "is_shared": True} | changes
    return add_recording(session, owner, taken, now=now, **said)


def mixed(session: Session, author: User, recording: Recording, now: datetime, **changes: Any) -> Bulletin:
    """Vietnamese, then what was recorded, then Vietnamese again."""
    parts = [PartDraft("Mời bà con nghe."), PartDraft(recording=recording.id), PartDraft("Xin cảm ơn lúc 8h.")]
    typed: dict[str, Any] = {"title": "Tiêm chủng", "script": "", "zones": ["thon-dong"], "parts": parts}
    typed |= {"airs_at": now + timedelta(hours=1)} | changes
    return write_bulletin(session, author, now=now, **typed)


def approved(unit: Session, house: House, recording: Recording, now: datetime, **changes: Any) -> Bulletin:
    bulletin = mixed(unit, house.officer, recording, now, **changes)
    submit_bulletin(unit, bulletin.id, house.officer, now)
    return approve_bulletin(unit, bulletin.id, house.leader, bulletin.revision, now)


def test_a_recording_that_is_not_shared_is_its_owners_alone(unit: Session, house: House, now: datetime) -> None:
    own = record(unit, house.head_east, now, is_shared=False)
    assert get_recording(unit, own.id, house.head_east) is own
    for other in (house.officer, house.leader, house.administrator):
        assert list_recordings(unit, other) == []
        with pytest.raises(NotFound):
            get_recording(unit, own.id, other)


def test_a_shared_one_is_for_the_office_and_a_village_head_keeps_to_his_own(
    unit: Session, house: House, now: datetime
) -> None:
    shared = record(unit, house.officer, now)
    for other in (house.other_officer, house.leader, house.administrator):
        assert list_recordings(unit, other) == [shared]
    assert list_recordings(unit, house.head_east) == []


def test_its_clip_is_heard_by_who_may_hear_it_or_read_the_bulletin(unit: Session, house: House, now: datetime) -> None:
    own = record(unit, house.officer, now, is_shared=False)
    sha256 = own.clip_sha256 or ""
    others = (house.other_officer, house.leader, house.head_east, house.administrator)
    assert may_hear(unit, house.officer, sha256)
    assert not any(may_hear(unit, other, sha256) for other in others)
    bulletin = mixed(unit, house.officer, own, now)
    assert not may_hear(unit, house.leader, sha256), "a draft"
    submit_bulletin(unit, bulletin.id, house.officer, now)
    assert may_hear(unit, house.leader, sha256)


def test_only_its_owner_takes_a_shared_one_back(unit: Session, house: House, now: datetime) -> None:
    shared = record(unit, house.officer, now)
    said: dict[str, Any] = {"name": "Lời mời", "language": "tyz", "now": now}
    changed = change_recording(unit, shared.id, house.leader, 1, is_shared=True, **said)
    assert (changed.name, changed.language, changed.revision) == ("Lời mời", "tyz", 2)
    with pytest.raises(NotAllowed):
        change_recording(unit, shared.id, house.leader, 2, is_shared=False, **said)
    assert not change_recording(unit, shared.id, house.officer, 2, is_shared=False, **said).is_shared
    with pytest.raises(Conflict, match="edited-since"):
        change_recording(unit, shared.id, house.officer, 2, is_shared=True, **said)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"language": "Dao"}, "language"),
        ({"language": ""}, "language"),
    ],
)
def test_what_is_said_of_a_recording_is_checked(
    unit: Session, house: House, now: datetime, changes: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        record(unit, house.officer, now, **changes)
    assert raised.value.field == field


def test_any_other_language_has_a_code_too(unit: Session, house: House, now: datetime) -> None:
    assert record(unit, house.officer, now, language="pmf").language == "pmf"


def test_where_it_came_from_is_in_the_audit_log(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    entry = unit.exec(select(AuditEntry).where(AuditEntry.action == "add-recording")).one()
    assert (entry.actor, entry.subject) == ("canbo", recording.id)
    assert entry.detail["original"] == "0" * 64
    assert entry.detail["clip"] == recording.clip_sha256
    assert first_broken(unit) is None


def test_every_refusal_has_a_text_and_a_field() -> None:
    for why in set(Unfit) - {Unfit.DISK_FULL}:
        assert refusal_text(why, 1800).field == "file"
    assert "30 phút" in refusal_text(Unfit.TOO_LONG, 1800).message
    assert len(UNFIT_TEXTS) == len(set(UNFIT_TEXTS.values()))


def test_a_bulletin_of_parts_says_them_in_order(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    bulletin = approved(unit, house, recording, now)
    assert bulletin.script == "Mời bà con nghe.\n\nXin cảm ơn lúc 8h."
    rendering = unit.get_one(Rendering, bulletin.rendering_key)
    first, middle, last = rendering.sentences
    assert middle == {"clip": recording.clip_sha256, "pause": "paragraph"}
    assert (first["spoken"], first["pause"]) == ("Mời bà con nghe.", "paragraph")
    assert "tám giờ" in last["spoken"]
    assert rendering.spoken.startswith("Mời bà con nghe. [đoạn ghi âm] Xin cảm ơn")


def test_a_bulletin_of_one_text_has_no_parts(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    bulletin = mixed(unit, house.officer, recording, now, parts=[PartDraft("Chỉ có chữ.")])
    assert drafts_of(unit, bulletin) == ()
    assert bulletin.script == said_of(unit, bulletin) == "Chỉ có chữ."
    assert [(part.kind, part.script) for part in parts_of_bulletin(unit, bulletin)] == [(PartKind.TEXT, "Chỉ có chữ.")]


def test_recorded_sound_alone_is_a_bulletin_too(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    bulletin = approved(unit, house, recording, now, parts=[PartDraft(recording=recording.id)])
    assert bulletin.script == ""
    [line] = unit.get_one(Rendering, bulletin.rendering_key).sentences
    assert line["clip"] == recording.clip_sha256


def test_in_a_programme_its_parts_are_said_too(unit: Session, house: House, now: datetime) -> None:
    bulletin = mixed(unit, house.officer, record(unit, house.officer, now), now)
    assert split_said(said_of(unit, bulletin)) == [
        "Mời bà con nghe.",
        ClipMark(parts_of_bulletin(unit, bulletin)[1].clip),
        "Xin cảm ơn lúc 8h.",
    ]


@pytest.mark.parametrize(
    "parts", [[PartDraft("  "), PartDraft("b")], [PartDraft("a")] * 21, [PartDraft(recording="none")]]
)
def test_parts_that_cannot_be_are_named(unit: Session, house: House, now: datetime, parts: list[PartDraft]) -> None:
    with pytest.raises(InvalidInput) as raised:
        mixed(unit, house.officer, record(unit, house.officer, now), now, parts=parts)
    assert raised.value.field == "parts"


def test_nobody_puts_in_what_they_may_not_hear_but_an_editor_keeps_what_is_there(
    unit: Session, house: House, now: datetime
) -> None:
    own = record(unit, house.officer, now, is_shared=False)
    with pytest.raises(InvalidInput, match="no-recording"):
        mixed(unit, house.other_officer, own, now)
    bulletin = mixed(unit, house.officer, own, now)
    submit_bulletin(unit, bulletin.id, house.officer, now)
    changed = replace(draft_of(unit, bulletin), title="Tiêm chủng tháng 7")
    edited = edit_bulletin(unit, bulletin.id, house.other_officer, 1, now, changed)
    assert parts_of_bulletin(unit, edited)[1].clip == own.clip_sha256


def test_changing_a_part_of_an_approved_bulletin_makes_it_submitted_again(
    unit: Session, house: House, now: datetime
) -> None:
    first, second = record(unit, house.officer, now), record(unit, house.officer, now, "b")
    bulletin = approved(unit, house, first, now)
    draft = draft_of(unit, bulletin)
    parts = (*draft.parts[:1], PartDraft(recording=second.id), *draft.parts[2:])
    edit_bulletin(unit, bulletin.id, house.officer, 1, now, replace(draft, parts=parts))
    assert (bulletin.state, bulletin.revision, bulletin.rendering_key) == (BulletinState.SUBMITTED, 2, None)
    assert unit.exec(select(Broadcast.state)).all() == [BroadcastState.CANCELLED]


def test_cutting_a_recording_anew_makes_what_holds_it_submitted_again(
    unit: Session, house: House, now: datetime
) -> None:
    recording = record(unit, house.officer, now)
    bulletin = approved(unit, house, recording, now)
    old_key = bulletin.rendering_key
    again = trim_recording(unit, recording.id, house.officer, 1, cut("z", 500, 2000), now)
    assert again == [bulletin]
    assert (bulletin.state, bulletin.revision) == (BulletinState.SUBMITTED, 2)
    assert unit.exec(select(Broadcast.state)).all() == [BroadcastState.CANCELLED]
    with pytest.raises(Conflict, match="edited-since"):
        approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    approve_bulletin(unit, bulletin.id, house.leader, 2, now)
    assert bulletin.rendering_key != old_key
    assert cut("z").sha256 in str(unit.get_one(Rendering, bulletin.rendering_key).sentences)


def test_a_submitted_bulletin_is_another_one_after_the_cut(unit: Session, house: House, now: datetime) -> None:
    """A leader who heard the old stretch does not approve the new one unheard."""
    recording = record(unit, house.officer, now)
    bulletin = submit_bulletin(unit, mixed(unit, house.officer, recording, now).id, house.officer, now)
    trim_recording(unit, recording.id, house.officer, 1, cut("z"), now)
    with pytest.raises(Conflict, match="edited-since"):
        approve_bulletin(unit, bulletin.id, house.leader, 1, now)


def test_who_cut_the_recording_does_not_approve_it(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    bulletin = approved(unit, house, recording, now)
    trim_recording(unit, recording.id, house.leader, 1, cut("z"), now)
    with pytest.raises(NotAllowed, match="own-bulletin"):
        approve_bulletin(unit, bulletin.id, house.leader, bulletin.revision, now)


def test_the_same_stretch_changes_nothing(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    bulletin = approved(unit, house, recording, now)
    assert trim_recording(unit, recording.id, house.officer, 1, cut("a"), now) == []
    assert bulletin.state is BulletinState.APPROVED


def test_a_village_head_takes_nothing_off_the_air(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.head_east, now)
    bulletin = approved(unit, house, recording, now)
    with pytest.raises(Conflict, match="recording-in-use") as raised:
        trim_recording(unit, recording.id, house.head_east, 1, cut("z"), now)
    assert "«Tiêm chủng»" in raised.value.message
    assert bulletin.state is BulletinState.APPROVED
    assert recording.clip_sha256 == cut("a").sha256


def test_what_was_aired_keeps_the_clip_that_was_aired(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    bulletin = approved(unit, house, recording, now)
    unit.exec(select(Broadcast)).one().state = BroadcastState.AIRED
    assert uses_of(unit, recording, now) == []
    assert trim_recording(unit, recording.id, house.officer, 1, cut("z"), now) == []
    assert bulletin.state is BulletinState.APPROVED
    assert parts_of_bulletin(unit, bulletin)[1].clip == cut("a").sha256


def test_a_recording_that_is_to_be_aired_is_not_removed_and_the_bulletin_is_named(
    unit: Session, house: House, now: datetime
) -> None:
    recording = record(unit, house.officer, now)
    bulletin = approved(unit, house, recording, now)
    with pytest.raises(Conflict, match="recording-in-use") as raised:
        remove_recording(unit, recording.id, house.officer, now)
    assert raised.value.message == "Bản ghi đang dùng trong bản tin «Tiêm chủng»."
    withdraw_bulletin(unit, bulletin.id, house.officer, now)
    remove_recording(unit, recording.id, house.officer, now)
    assert list_recordings(unit, house.officer) == []
    assert parts_of_bulletin(unit, get_bulletin(unit, bulletin.id, house.officer))[1].name == "Bản a"


def test_a_recording_of_a_programme_is_not_removed(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    programme = Programme(commune_id=row_id(house.commune.id), name="Bản tin sáng")
    unit.add(programme)
    unit.flush()
    part = ProgrammePart(
        programme_id=row_id(programme.id), position=0, kind=ProgrammePartKind.RECORDING,
        recording_id=recording.id, clip_sha256=recording.clip_sha256,
    )  # fmt: skip
    unit.add(part)
    unit.flush()
    with pytest.raises(Conflict, match="recording-in-use") as raised:
        remove_recording(unit, recording.id, house.officer, now)
    assert raised.value.message == "Bản ghi đang dùng trong chương trình «Bản tin sáng»."


def test_anothers_draft_is_not_named(unit: Session, house: House, now: datetime) -> None:
    recording = record(unit, house.officer, now)
    mixed(unit, house.officer, recording, now, title="Điều chưa nói")
    with pytest.raises(Conflict) as raised:
        remove_recording(unit, recording.id, house.other_officer, now)
    assert "Điều chưa nói" not in raised.value.message


def test_a_clip_is_forgotten_when_nothing_holds_it(unit: Session, house: House, now: datetime) -> None:
    one, two = record(unit, house.officer, now), record(unit, house.officer, now)
    sha256 = one.clip_sha256 or ""
    remove_recording(unit, one.id, house.officer, now)
    assert not forget_clip(unit, sha256), "the other recording sounds the same"
    bulletin = approved(unit, house, two, now)
    withdraw_bulletin(unit, bulletin.id, house.officer, now)
    remove_recording(unit, two.id, house.officer, now)
    assert not forget_clip(unit, sha256), "the log shows what was approved"
    assert unit.get(Clip, sha256) is not None
    lonely = record(unit, house.officer, now, "b")
    gone = lonely.clip_sha256 or ""
    remove_recording(unit, lonely.id, house.officer, now)
    assert forget_clip(unit, gone)
    unit.flush()
    assert unit.get(Clip, gone) is None


MARK = "a" * 64


@pytest.mark.parametrize(
    "parts",
    [["Một."], ["Một.", ClipMark(MARK), "Hai."], [ClipMark(MARK)], [ClipMark(MARK), ClipMark("b" * 64), "Ba.\n\nBốn."]],
)
def test_parts_come_back_from_their_string(parts: list[str | ClipMark]) -> None:
    assert split_said(join_said(parts)) == parts


def test_nobody_can_type_a_mark() -> None:
    sign = "\ue000"
    assert split_said(join_said([f"{sign}{MARK}{sign}"])) == [MARK]


def test_texts_are_read_as_the_one_text_that_is_shown() -> None:
    """What stands before a recording explains what stands behind it, as on the page."""
    rules = ReadingRules()
    texts = ["Ủy ban nhân dân (UBND) xã họp.\n\nLúc 8h.", "UBND mời bà con. Xin cảm ơn."]
    said = read_sentences(join_said([texts[0], ClipMark(MARK), texts[1]]), rules)
    whole = read_sentences("\n\n".join(texts), rules)
    assert [line["spoken"] for line in said if "spoken" in line] == [line["spoken"] for line in whole]
    assert [("clip" if "clip" in line else "text") for line in said].index("clip") == 2
    assert said[1]["pause"] == "paragraph"

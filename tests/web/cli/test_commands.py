"""What the commands say and leave behind, each run as a person runs it."""

import re
import wave
from pathlib import Path

import pyotp
import pytest

from broadcast.audit import entries_before
from broadcast.db import open_engine, session_of
from broadcast.second_factor import begin, codes_left, confirm
from broadcast.typed_text import slug_of
from broadcast.users import get_user, open_session, session_user
from scheduler.clock import utc_now
from web.cli import main


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without settings in its environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("LOALANG_DATA_DIR", "LOALANG_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "commune"


@pytest.fixture
def commune(data: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A commune with one village."""
    assert main(["init", "--name", "Xã Hòa Bình An", "--zone", "Thôn Đông", "--data", str(data)]) == 0
    capsys.readouterr()
    return data


def test_init_makes_a_commune_and_says_the_administrator_s_password(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--name", "Xã Hòa Bình An", "--zone", "Thôn Đông", "--data", str(data)]) == 0
    assert re.search(r"xa-hoa-binh-an with 1 villages; sign in as quantri with \S{10,}", capsys.readouterr().out)
    assert (data.stat().st_mode & 0o077, (data / "loalang.sqlite3").stat().st_mode & 0o077) == (0, 0)


def test_a_second_init_changes_nothing(commune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--name", "Xã Khác", "--zone", "Thôn Tây", "--data", str(commune)]) == 2
    assert capsys.readouterr().err == "loalang: commune exists\n"


def test_users_are_added_listed_and_given_new_passwords(commune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--data", str(commune)]
    assert main(["user", "add", "canbo", "--role", "officer", "--name", "Bà Lan", *at]) == 0
    first = capsys.readouterr().out.split()
    assert main(["user", "reset", "canbo", *at]) == 0
    second = capsys.readouterr().out.split()
    assert first[0] == second[0] == "canbo"
    assert first[1] != second[1]
    assert main(["user", "list", *at]) == 0
    assert "Bà Lan" in capsys.readouterr().out


def test_a_lone_administrator_who_lost_the_phone_gets_in_again(commune: Path) -> None:
    now = utc_now()
    engine = open_engine(f"sqlite:///{commune / 'loalang.sqlite3'}")
    try:
        with session_of(engine) as session:
            user = get_user(session, "quantri")
            codes = confirm(session, user, pyotp.TOTP(begin(session, user)).at(now), now)
            token, _ = open_session(session, user, now)
        assert main(["user", "reset-second-factor", "quantri", "--data", str(commune)]) == 0
        with session_of(engine) as session:
            user = get_user(session, "quantri")
            assert (user.totp_secret, user.totp_since, codes_left(session, user)) == (None, None, 0)
            assert session_user(session, token, now) is None
            last = entries_before(session, None, 1)[0]
            assert (last.actor, last.action, last.subject) == ("loalang", "end-second-factor", "quantri")
            assert len(codes) == 10
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["user", "reset-second-factor", "nobody"], "loalang: no user\n"),
        (["user", "reset-second-factor", "quantri"], "loalang: no second factor\n"),
        (["user", "reset", "nobody"], "loalang: no user\n"),
        (["user", "add", "quantri", "--role", "officer"], "loalang: user exists\n"),
        (["user", "add", "head", "--role", "village-head"], "loalang: zone of head\n"),
        (["node", "add", "dong-1", "--zone", "thon-nao"], "loalang: unknown zone\n"),
        (["node", "code", "dong-9"], "loalang: no node\n"),
    ],
)
def test_what_cannot_be_done_is_said_in_english(
    commune: Path, capsys: pytest.CaptureFixture[str], command: list[str], said: str
) -> None:
    assert main([*command, "--data", str(commune)]) == 2
    assert capsys.readouterr().err == said


def test_a_pole_gets_a_code_and_a_fresh_one(commune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--data", str(commune)]
    assert main(["node", "add", "dong-1", "--zone", "thon-dong", *at]) == 0
    assert main(["node", "code", "dong-1", *at]) == 0
    first, second = capsys.readouterr().out.split()
    assert first != second
    assert all(re.fullmatch("[A-HJ-NP-Z2-9]{8}", code) for code in (first, second))


def test_a_pole_is_given_a_delay_and_a_limit_for_its_sim_card(
    commune: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--data", str(commune)]
    assert main(["node", "add", "dong-1", "--zone", "thon-dong", *at]) == 0
    capsys.readouterr()
    assert main(["node", "set", "dong-1", "--delay-ms", "-40", "--data-mb", "2000", *at]) == 0
    assert capsys.readouterr().out == "dong-1: delay -40 ms, 2000 MB a month\n"
    assert main(["node", "set", "dong-1", "--data-mb", "0", *at]) == 0
    assert capsys.readouterr().out == "dong-1: delay -40 ms, no limit\n"
    assert main(["node", "set", "dong-1", "--delay-ms", "2001", *at]) == 2
    assert "delay out of bounds" in capsys.readouterr().err


def test_without_a_commune_the_person_is_told_what_to_do(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "list", "--data", str(data)]) == 2
    assert "loalang init" in capsys.readouterr().err


def test_the_demo_s_commune_is_meant_when_it_is_the_only_one(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--name", "Xã Thử", "--zone", "Thôn Đông", "--data", "data/demo/server"]) == 0
    assert main(["user", "list"]) == 0
    assert "quantri" in capsys.readouterr().out


@pytest.mark.parametrize("window", ["25:00-26:00", "21:00-05:00", "sáng", "05:00"])
def test_a_window_that_is_none_is_refused(data: Path, capsys: pytest.CaptureFixture[str], window: str) -> None:
    command = ["init", "--name", "Xã Thử", "--zone", "Thôn", "--window", window, "--data", str(data)]
    assert main(command) == 2
    assert "write it as 05:00-21:00" in capsys.readouterr().err


def test_a_wrong_setting_names_the_one_that_was_meant(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Path("loalang.toml")
    settings.write_text('data_dir = "x"\n[http]\nprot = 8000\n')
    assert main(["user", "list", "--config", str(settings)]) == 2
    assert "did you mean 'http.port'?" in capsys.readouterr().err


def test_speak_writes_what_a_pole_would_sound(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = Path("out.wav")
    assert main(["speak", "Họp lúc 7h30.", "-o", str(out), "--voice", "espeak-vi", "--data", str(data)]) == 0
    assert "by espeak espeak-vi" in capsys.readouterr().out
    with wave.open(str(out)) as file:
        assert file.getnframes() / file.getframerate() > 1.0


@pytest.mark.parametrize("arguments", [["-o", "x.wav"], ["text", "--file", "x.txt", "-o", "x.wav"]])
def test_speak_wants_one_text(data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["speak", *arguments]) == 2
    assert capsys.readouterr().err == "loalang: give a text, or --file\n"


@pytest.mark.parametrize(("name", "slug"), [("Thôn Đông", "thon-dong"), ("Xã  Đại Đồng (mới)", "xa-dai-dong-moi")])
def test_a_name_becomes_a_short_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug

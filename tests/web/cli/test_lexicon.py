"""`loalang lexicon`, and the commands that read as the commune does."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.communes import get_commune
from broadcast.db import open_engine, session_of
from broadcast.models import Role
from broadcast.users import add_user
from web.cli import main


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A commune with one village."""
    monkeypatch.chdir(tmp_path)
    for name in ("LOALANG_DATA_DIR", "LOALANG_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    data = tmp_path / "commune"
    window = ["--window", "00:00-23:59"]
    assert main(["init", "--name", "Xã Hòa Bình An", "--zone", "Thôn Đông", *window, "--data", str(data)]) == 0
    capsys.readouterr()
    return data


def lexicon(data: Path, *words: str) -> int:
    return main(["lexicon", *words, "--data", str(data)])


def waiting(data: Path, script: str) -> str:
    """An approved bulletin's broadcast that airs tomorrow at noon."""
    engine = open_engine(f"sqlite:///{data / 'loalang.sqlite3'}")
    now = datetime.now(UTC)
    at = (now + timedelta(days=1)).replace(hour=5, minute=0, second=0)
    with session_of(engine) as session:
        commune = get_commune(session)
        officer, leader = (
            add_user(session, commune, username=name, name=name, role=role, now=now)[0]
            for name, role in (("canbo", Role.OFFICER), ("lanhdao", Role.LEADER))
        )
        session.flush()
        bulletin = write_bulletin(
            session, officer, title="Họp", script=script, zones=["thon-dong"], airs_at=at, now=now
        )
        submit_bulletin(session, bulletin.id, officer, now)
        approve_bulletin(session, bulletin.id, leader, 1, now)
    engine.dispose()
    return f"b-{bulletin.id}-r1"


def test_words_are_added_listed_and_removed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broadcast = waiting(data, "Họp ở Nà Lạc.")
    assert lexicon(data, "add", "Nà Lạc", "nà lác", "--note", "cụ Páo") == 0
    assert f"read anew: {broadcast} " in capsys.readouterr().out
    assert lexicon(data, "add", "nà lạc", "nà lạc") == 2
    assert capsys.readouterr().err == "loalang: word exists\n"
    assert lexicon(data, "list") == 0
    assert capsys.readouterr().out == "Nà Lạc\tnà lác\tcụ Páo\n"
    assert lexicon(data, "remove", "NÀ mó") == 2
    assert capsys.readouterr().err == "loalang: the lexicon has no 'NÀ mó'\n"
    assert lexicon(data, "remove", "nà lạc") == 0
    assert f"read anew: {broadcast}" in capsys.readouterr().out
    assert lexicon(data, "list") == 0
    assert capsys.readouterr().out == ""


def test_a_table_goes_in_and_comes_out_the_same(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = data / "words.tsv"
    table.write_text("viết\tđọc\tghi chú\nCTĐ\tchữ thập đỏ\t\nNà Lạc\tnà lác\tcụ Páo\n", encoding="utf-8")
    assert lexicon(data, "import", str(table), "--preview") == 0
    assert "Nà Lạc -> nà lác (new)" in capsys.readouterr().out
    assert lexicon(data, "list") == 0
    assert capsys.readouterr().out == ""
    assert lexicon(data, "import", str(table)) == 0
    capsys.readouterr()
    assert lexicon(data, "export") == 0
    assert capsys.readouterr().out.encode() == table.read_bytes()
    assert lexicon(data, "export", "-o", str(data / "again.tsv")) == 0
    assert (data / "again.tsv").read_bytes() == table.read_bytes()


def test_a_table_with_an_error_changes_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = data / "words.tsv"
    table.write_text("CTĐ\tchữ thập đỏ\nKm\tsố 5\n", encoding="utf-8")
    assert lexicon(data, "import", str(table)) == 2
    said = capsys.readouterr().err
    assert said.startswith("Dòng 2: Cách đọc chỉ gồm chữ")
    assert said.endswith("loalang: 1 lines cannot be used; nothing was changed\n")
    assert lexicon(data, "list") == 0
    assert capsys.readouterr().out == ""
    assert lexicon(data, "import", str(data / "none.tsv")) == 2


def test_the_style_is_shown_and_set(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lexicon(data, "style") == 0
    assert capsys.readouterr().out == "thousand nghìn\ngap linh\nfour tư\nearly_days -\n"
    assert lexicon(data, "style", "south", "--four", "tư") == 0
    assert capsys.readouterr().out == "thousand ngàn\ngap lẻ\nfour tư\nearly_days -\n"
    assert lexicon(data, "style", "--early-days", "mùng") == 0
    assert "early_days mùng" in capsys.readouterr().out


def read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, *options: str) -> list[str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["normalize", *options]) == 0
    return capsys.readouterr().out.splitlines()


def test_texts_are_read_as_asked(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lexicon(data, "add", "Nà Lạc", "nà lác") == 0
    assert lexicon(data, "style", "south") == 0
    capsys.readouterr()
    text = "Nà Lạc, Nà Mó: 1.105 hộ\n"
    assert read(monkeypatch, capsys, text) == ["Nà Lạc, Nà Mó: một nghìn một trăm linh năm hộ"]
    at = ("--data", str(data))
    assert read(monkeypatch, capsys, text, *at) == ["nà lác, Nà Mó: một ngàn một trăm lẻ năm hộ"]
    words = data / "words.tsv"
    words.write_text("Nà Mó\tnà mò\nNà Lạc\tnà lắc\n", encoding="utf-8")
    with_words = (*at, "--lexicon", str(words), "--style", "north")
    assert read(monkeypatch, capsys, text, *with_words) == ["nà lắc, nà mò: một nghìn một trăm linh năm hộ"]
    (line,) = read(monkeypatch, capsys, "Nà Lạc", *at, "--json")
    assert [span["kind"] for span in json.loads(line)["spans"]] == ["lexicon"]
    words.write_text("một cột\n", encoding="utf-8")
    assert main(["normalize", "--lexicon", str(words)]) == 2
    assert "Dòng 1" in capsys.readouterr().err


def test_speech_is_read_as_the_commune_does(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lexicon(data, "add", "Nà Lạc", "nà lác") == 0
    capsys.readouterr()
    out = data / "out.wav"
    said = ["speak", "Nà Lạc.", "--voice", "espeak", "-o", str(out), "--stream", "--data", str(data)]
    assert main(said) == 0
    assert "nà lác." in capsys.readouterr().out

"""`loalang import`: the draft, what was set aside, progress and refusals, as a person at the terminal gets them."""

import json
from pathlib import Path

import pytest

from tests.tts.import_document.making import make_letter
from web.cli import main

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    make_letter().save(str(tmp_path / "a.docx"))
    return tmp_path / "a.docx"


def test_the_draft_is_printed_and_all_else_is_told_beside_it(letter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(letter)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("THÔNG BÁO\n\nVề việc tiêm phòng")
    assert out.endswith("đúng giờ./.\n")
    assert "CỘNG HÒA" not in out
    told = err.splitlines()
    assert told[0] == "page 1/1"
    assert "set aside (motto, page 1): CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM / Độc lập - Tự do - Hạnh phúc" in told


def test_json_says_what_was_set_aside_and_where(letter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(letter), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["title", "text", "set_aside", "pages", "warnings"]
    assert (said["pages"], said["warnings"]) == (1, [])
    assert {tuple(part) for part in said["set_aside"]} == {("kind", "text", "page", "offset")}
    signature = said["set_aside"][-1]
    assert (signature["kind"], signature["offset"]) == ("signature", len(said["text"]))


def test_a_file_that_cannot_be_read_is_refused_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.docx").write_bytes(b"MZ\0\0")
    assert main(["import", str(tmp_path / "a.docx")]) == 2
    assert capsys.readouterr().err.startswith("loalang: unknown-kind: neither a Word")
    assert main(["import", str(tmp_path / "missing.pdf")]) == 2
    assert capsys.readouterr().err.endswith("missing.pdf: No such file or directory\n")
    assert main(["import", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err

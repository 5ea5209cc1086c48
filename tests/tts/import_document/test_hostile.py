"""Files made to harm, files that are broken: a clear refusal, in bounded time and memory, and nothing left behind."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fpdf import FPDF
from PIL import Image

from tests.tts.import_document.making import Sheet, deflated, make_letter, write_odt
from tts.errors import DocumentRefused, TtsError
from tts.import_document import Limits, import_document
from tts.import_document.refusals import Refused, refusal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def put(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def letter(path: Path) -> None:
    make_letter().save(str(path))


def cut_off(path: Path) -> None:
    letter(path)
    path.write_bytes(path.read_bytes()[:-3000])


def entities(path: Path) -> None:
    letter(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    xml = parts["word/document.xml"].decode()
    head, _, rest = xml.partition("?>")
    parts["word/document.xml"] = f"{head}?>{BOMB}{rest}".encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def odt_entities(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", " " * 5000 + f"<?xml version='1.0'?>{BOMB}<x>&b;</x>")


def locked_odt(path: Path) -> None:
    write_odt(path, "", more=[("META-INF/manifest.xml", b"<manifest:encryption-data/>")])


def locked_pdf(path: Path) -> None:
    pdf = Sheet()
    pdf.set_encryption("owner", "reader")
    pdf.add_page()
    pdf.cell(text="Mật")
    pdf.output(str(path))


def two_hundred_pages(path: Path) -> None:
    pdf = FPDF()
    for _ in range(200):
        pdf.add_page()
    pdf.output(str(path))


def hundred_megapixels(path: Path) -> None:
    Image.new("1", (10_000, 10_000), 1).save(path, "PNG")


def blank(path: Path) -> None:
    Image.new("L", (600, 300), 255).save(path, "PNG")


def endless(path: Path) -> None:
    document = make_letter()
    document.add_paragraph("Họp lúc tám giờ. " * 20_000)
    document.save(str(path))


CASES: dict[str, tuple[Callable[[Path], None], Refused]] = {
    "zip-bomb.docx": (put(deflated(200 * 2**20)), Refused.UNPACKS_TOO_LARGE),
    "entities.docx": (entities, Refused.BROKEN_FILE),
    "entities.odt": (odt_entities, Refused.BROKEN_FILE),
    "cut-off.docx": (cut_off, Refused.BROKEN_FILE),
    "locked.odt": (locked_odt, Refused.ENCRYPTED),
    "locked.docx": (put(bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le")), Refused.ENCRYPTED),
    "locked.pdf": (locked_pdf, Refused.ENCRYPTED),
    "200-pages.pdf": (two_hundred_pages, Refused.TOO_MANY_PAGES),
    "cut-off.pdf": (put(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog"), Refused.BROKEN_FILE),
    "100-megapixels.png": (hundred_megapixels, Refused.IMAGE_TOO_LARGE),
    "cut-off.png": (put(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"), Refused.BROKEN_FILE),
    "broken.heic": (put(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 50), Refused.BROKEN_FILE),
    "empty.docx": (put(b""), Refused.EMPTY_FILE),
    "program.docx": (put(b"\x7fELF" + b"\0" * 200), Refused.UNKNOWN_KIND),
    "archive.docx": (put(b"PK\x05\x06" + b"\0" * 18), Refused.UNKNOWN_KIND),
    "blank.png": (blank, Refused.NO_TEXT),
    "endless.docx": (endless, Refused.TOO_MUCH_TEXT),
}


Left = Callable[[], list[str]]


@pytest.fixture
def left() -> Left:
    """The processes that were started since, and still run: others' tests may have some that stay."""
    before = set(psutil.Process().children(recursive=True))

    def now() -> list[str]:
        started = set(psutil.Process().children(recursive=True)) - before
        return [str(child) for child in started if child.status() != psutil.STATUS_ZOMBIE]

    return now


@pytest.mark.parametrize("name", CASES)
async def test_it_is_refused_and_nothing_is_left(name: str, tmp_path: Path, left: Left) -> None:
    make, why = CASES[name]
    work = tmp_path / "work"
    work.mkdir()
    make(tmp_path / name)
    with pytest.raises(DocumentRefused) as refused:
        await import_document(tmp_path / name, limits=Limits(), work_dir=work)
    assert refused.value.code == why.value
    assert any(letter in refused.value.message for letter in "ảạấầệịộởứừ"), "not Vietnamese"
    assert str(refused.value).startswith(f"{why.value}: ")
    assert [entry.name for entry in os.scandir(work)] == []
    assert left() == []
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_600_000, "kilobytes"


async def test_a_name_says_nothing(tmp_path: Path) -> None:
    letter(tmp_path / "photo.jpg")
    assert (await import_document(tmp_path / "photo.jpg", limits=Limits())).title.startswith("Thông báo")


async def test_time_is_bounded_and_what_was_started_ends(tmp_path: Path, left: Left) -> None:
    letter(tmp_path / "a.docx")
    with pytest.raises(DocumentRefused, match="too-long"):
        await import_document(tmp_path / "a.docx", limits=Limits(time_s=0.05), work_dir=tmp_path)
    assert [entry.name for entry in os.scandir(tmp_path)] == ["a.docx"]
    assert left() == []


async def test_memory_is_bounded(tmp_path: Path) -> None:
    Image.new("RGB", (7_500, 7_500), "white").save(tmp_path / "a.png")
    with pytest.raises(DocumentRefused) as refused:
        await import_document(tmp_path / "a.png", limits=Limits(memory_mb=700), work_dir=tmp_path)
    assert refused.value.code in {"too-much-memory", "broken-file", "reader-ended"}
    assert [entry.name for entry in os.scandir(tmp_path)] == ["a.png"]


async def test_a_cancelled_reading_leaves_no_process(tmp_path: Path, left: Left) -> None:
    letter(tmp_path / "a.docx")
    begun = asyncio.Event()
    reading = asyncio.create_task(
        import_document(tmp_path / "a.docx", limits=Limits(), work_dir=tmp_path, progress=lambda *_: begun.set())
    )
    await begun.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert left() == []
    assert [entry.name for entry in os.scandir(tmp_path)] == ["a.docx"]


CONFINED = (
    "import os, sys; from tts.import_document.confinement import confine; "
    "confine(os.getppid(), memory_mb=600, time_s=5); "
)


def confined(code: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", CONFINED + code], capture_output=True, timeout=60)


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK"])
def test_no_network_is_reached(family: str) -> None:
    done = confined(f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM)")
    assert b"PermissionError" in done.stderr


def test_what_it_starts_reaches_no_network_either() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}"
        assert subprocess.run(["bash", "-c", there], timeout=30).returncode == 0
        done = confined(f"sys.exit(os.spawnlp(os.P_WAIT, 'bash', 'bash', '-c', {there!r}))")
    assert done.returncode != 0


def test_local_sockets_stay_possible() -> None:
    assert confined("import socket; socket.socketpair(socket.AF_UNIX)").returncode == 0


def test_memory_and_files_have_an_end() -> None:
    assert b"MemoryError" in confined("bytearray(900_000_000)").stderr
    done = confined("import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE), os.nice(0))")
    assert int(done.stdout.split()[-1]) == min(19, os.nice(0) + 10)
    assert b"300000000" in done.stdout


def test_processor_time_has_an_end() -> None:
    code = CONFINED.replace("time_s=5", "time_s=-4") + "\nwhile True: pass"
    assert subprocess.run([sys.executable, "-c", code], timeout=100).returncode in {-signal.SIGXCPU, -signal.SIGKILL}


@pytest.mark.parametrize("code", list(Refused))
def test_each_refusal_is_said_in_both_languages(code: Refused) -> None:
    error = refusal(code, found=3, most=2)
    assert isinstance(error, TtsError)
    assert error.code == code.value
    assert error.english[0].islower()
    assert error.message.endswith(".")
    assert "{" not in error.message + error.english

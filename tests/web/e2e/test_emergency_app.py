"""The button as an app on a phone: by HTTPS with the commune's own certificate, at an address that is not localhost."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from broadcast.db import migrate, open_engine, session_of
from broadcast.phone_tree import set_contacts
from broadcast.seed import seed_demo
from broadcast.users import get_user
from tests.web.e2e.accessibility import grave_findings
from tests.web.e2e.conftest import CHROMIUM, FLAGS, House, People, free_port
from tests.web.e2e.pressing import hold
from tests.web.e2e.test_emergency import arrive, emergencies

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PATIENCE = 60_000
KEPT = {"/khan-cap/ngoai-tuyen", "/static/emergency.css", "/static/emergency.js", "/static/icon.svg"} | {
    "/static/loalang.css",
    "/static/loalang.js",
}


def own_address() -> str:
    """An IPv4 address of this machine that is not its loopback."""
    for rows in psutil.net_if_addrs().values():
        for row in rows:
            if row.family.name == "AF_INET" and not row.address.startswith("127."):
                return row.address
    pytest.skip("this machine has no address but its loopback: no HTTPS beyond localhost can be tried")


@pytest.fixture(scope="module")
def secure_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server on this machine's own address; its villages have no pole yet, one has a phone tree."""
    folder = tmp_path_factory.mktemp("secure")
    engine = open_engine(f"sqlite:///{folder / 'loalang.sqlite3'}")
    migrate(engine)
    with session_of(engine) as session:
        now = datetime.now(UTC)
        passwords = dict(seed_demo(session, now).passwords)
        officer = get_user(session, "canbo")
        set_contacts(session, officer, "thon-dong", "Bà Sáu, tổ trưởng, 0912 345 678", now)
    engine.dispose()
    house = House(folder, free_port(), free_port(), passwords, host=own_address())
    try:
        house.start()
        yield house
    finally:
        house.stop()


@pytest.fixture(scope="module")
def trusting(chromium: Browser, secure_house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that was given the commune's authority as the page tells: it has no other reason to believe it."""
    if shutil.which("certutil") is None:
        pytest.skip("no certutil (Debian: libnss3-tools) to have the browser trust the commune's authority")
    home = tmp_path_factory.mktemp("home")
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    with httpx.Client(verify=False, trust_env=False, timeout=30) as client:  # noqa: S501 - it is what is fetched
        authority = client.get(f"{secure_house.url}/khan-cap/chung-thu.crt").raise_for_status()
    assert authority.headers["content-type"].startswith("application/x-x509-ca-cert")
    certificate = home / "loa-lang.crt"
    certificate.write_bytes(authority.content)
    _certutil("-N", "--empty-password", store=store)
    _certutil("-A", "-n", "Loa Lang", "-t", "C,,", "-i", str(certificate), store=store)
    environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(home)}
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=FLAGS, env=environment)
    yield browser
    browser.close()


@pytest.fixture
def pwa_people(trusting: Browser, secure_house: House) -> Iterator[People]:
    people = People(trusting, secure_house)
    yield people
    for context in people.contexts:
        context.close()


def _certutil(*arguments: str, store: Path) -> None:
    subprocess.run(["certutil", "-d", f"sql:{store}", *arguments], check=True, timeout=60, capture_output=True)


def kept_by(page: Page) -> dict[str, list[str]]:
    """What the service worker keeps: paths by the name of their cache."""
    found: dict[str, list[str]] = page.evaluate(
        """async () => { const kept = {};
             for (const name of await caches.keys()) {
               const requests = await (await caches.open(name)).keys();
               kept[name] = requests.map((request) => new URL(request.url).pathname);
             }
             return kept; }"""
    )
    return found


def wait_for_worker(page: Page) -> None:
    """Until the service worker is in charge of the page."""
    page.evaluate(
        """async () => { await navigator.serviceWorker.ready;
             if (!navigator.serviceWorker.controller) {
               await new Promise((done) =>
                 navigator.serviceWorker.addEventListener("controllerchange", done, {once: true}));
             } }"""
    )


def test_it_installs_opens_offline_and_sends_when_the_server_is_back(pwa_people: People) -> None:
    house = pwa_people.house
    head = pwa_people.sign_in("truongthon-dong", "phone")
    head.goto("/khan-cap")
    assert head.evaluate("isSecureContext")
    unreachable = head.locator('[data-unreachable="thon-dong"]')
    expect(unreachable).to_contain_text("Bà Sáu")
    expect(unreachable.get_by_role("link", name="0912345678")).to_have_attribute("href", "tel:0912345678")
    wait_for_worker(head)
    devtools = head.context.new_cdp_session(head)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert "Loa khẩn cấp" in manifest["data"]
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in errors} <= {"in-incognito"}, "a test's browser window is a private one"
    [(name, paths)] = kept_by(head).items()
    assert name.startswith("loalang-khan-cap-")
    assert set(paths) == KEPT

    expect(head.locator(".sos a").first).to_be_visible()
    assert (
        head.evaluate('() => Object.keys(JSON.parse(localStorage.getItem("loalang.board"))).includes("csrf")') is False
    )
    house.kill()
    head.goto("/khan-cap")
    expect(head.get_by_role("alert")).to_contain_text("chưa nối được với máy chủ")
    assert grave_findings(head) == []
    head.get_by_role("button", name="Sơ tán").click()
    expect(head.locator("[data-what]")).to_contain_text("sơ tán ngay bây giờ")
    hold(head.get_by_role("button", name="PHÁT NGAY"))
    expect(head.locator("#press-state")).to_contain_text("Đang gửi", timeout=PATIENCE)
    house.start()
    arrive(head)
    assert len(emergencies(house, "sơ tán ngay bây giờ")) == 1
    expect(head.locator("#progress")).to_contain_text("0/0 loa")
    expect(head.locator("#progress")).to_contain_text("0912345678")


def test_a_new_version_takes_the_place_of_the_old_one(pwa_people: People) -> None:
    head = pwa_people.sign_in("truongthon-dong", "phone")
    head.goto("/khan-cap")
    wait_for_worker(head)
    head.evaluate(
        """async () => { const old = await caches.open("loalang-khan-cap-0ld");
             await old.put("/khan-cap/ngoai-tuyen", new Response("old"));
             await (await navigator.serviceWorker.ready).unregister(); }"""
    )
    assert "loalang-khan-cap-0ld" in kept_by(head)
    head.reload()
    wait_for_worker(head)
    [(name, paths)] = kept_by(head).items()
    assert name != "loalang-khan-cap-0ld"
    assert set(paths) == KEPT


def test_how_to_trust_it_is_told_before_signing_in(pwa_people: People) -> None:
    context = pwa_people.chromium.new_context(base_url=pwa_people.house.url, locale="vi-VN")
    pwa_people.contexts.append(context)
    page = context.new_page()
    page.goto("/khan-cap/cai-dat")
    expect(page.locator(".fingerprint")).to_have_text(re.compile(r"[0-9A-Fa-f: -]{20,}|\S{20,}"))
    expect(page.get_by_role("link", name="Tải chứng thư của xã")).to_be_visible()
    assert grave_findings(page) == []

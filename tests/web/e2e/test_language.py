"""The same house in English: one choice at the foot of a page, on a phone, and the main pages are English and sound."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.e2e.accessibility import grave_findings
from tests.web.e2e.conftest import People

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
HEADINGS = {
    "/soan": "Write a bulletin",
    "/ban-tin": "Bulletins",
    "/lich-phat": "Timetable",
    "/nhat-ky": "As-run log",
    "/cum-loa": "Poles",
    "/tu-dien": "The commune's lexicon",
    "/them": "All pages",
}


def look_over(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
    assert grave_findings(page) == [], page.url


def test_an_officer_turns_the_pages_english_on_a_phone_and_back(people: People) -> None:
    page = people.sign_in("canbo", "phone")
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    foot = page.locator("footer.languages")
    for button in foot.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    foot.get_by_role("button", name="English").click()
    expect(page.get_by_role("link", name="On air")).to_be_visible()
    expect(page.locator("[data-node=dong-1] .state")).to_contain_text("Online")
    look_over(page)
    for path, heading in HEADINGS.items():
        page.goto(path)
        expect(page.locator("main h1")).to_have_text(heading)
        look_over(page)

    page.goto("/cum-loa")
    foot.get_by_role("button", name="Tiếng Việt").click()
    expect(page).to_have_url(re.compile(r"/cum-loa$"))
    expect(page.locator("main h1")).to_have_text("Cụm loa")
    foot.get_by_role("button", name="English").click()
    expect(page.locator("main h1")).to_have_text("Poles")

    # What a browser module says is English too.
    page.goto("/soan")
    page.get_by_text("At a time", exact=True).click()
    page.locator("#on").fill("2027-03-05")
    page.locator("#minute").fill("05:30")
    expect(page.locator("[data-says]")).to_have_text("Friday, 05/03/2027 at 05:30")
    assert people.complaints == []

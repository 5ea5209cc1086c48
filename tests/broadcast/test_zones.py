"""Villages: added, renamed, and removed while nothing is bound to them."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from broadcast.bulletins import write_bulletin
from broadcast.communes import get_commune, rename_commune
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.nodes import create_node
from broadcast.users import get_user
from broadcast.zones import create_zone, get_zone, list_zones, remove_zone, rename_zone, uses_of_zone
from tests.broadcast.conftest import NOW, House


def test_a_village_is_added_renamed_and_removed(unit: Session, house: House) -> None:
    create_zone(unit, get_commune(unit), slug="thon-bac", name="Thôn Bắc", now=NOW, actor="quantri")
    rename_zone(unit, "thon-bac", "  Thôn   Bắc Sơn ", NOW, "quantri")
    assert get_zone(unit, "thon-bac").name == "Thôn Bắc Sơn"
    remove_zone(unit, "thon-bac", NOW, "quantri")
    assert [zone.slug for zone in list_zones(unit)] == ["thon-dong", "thon-tay"]
    with pytest.raises(NotFound):
        rename_zone(unit, "thon-bac", "Thôn Bắc", NOW, "quantri")


def test_one_with_something_bound_to_it_stays_and_says_what(unit: Session, house: House) -> None:
    officer = get_user(unit, "canbo")
    create_node(unit, get_commune(unit), "dong-1", "Cột 1", ["thon-dong"], NOW)
    write_bulletin(
        unit, officer, title="Tin", script="Họp.", zones=["thon-dong"], airs_now=True,
        now=NOW + timedelta(minutes=1),
    )  # fmt: skip
    unit.flush()
    uses = uses_of_zone(unit, get_zone(unit, "thon-dong"))
    assert uses == ["cụm loa (1)", "tài khoản trưởng thôn (1)", "bản tin (1)"]
    with pytest.raises(Conflict, match=r"còn cụm loa \(1\), tài khoản trưởng thôn \(1\), bản tin \(1\)"):
        remove_zone(unit, "thon-dong", NOW, "quantri")


@pytest.mark.parametrize("name", ["", " \u200b", "x" * 101])
def test_a_name_that_cannot_be_shown_is_refused(unit: Session, house: House, name: str) -> None:
    with pytest.raises(InvalidInput):
        rename_zone(unit, "thon-dong", name, NOW, "quantri")
    with pytest.raises(InvalidInput):
        rename_commune(unit, name, "quantri", NOW)


def test_the_commune_is_renamed(unit: Session, house: House) -> None:
    rename_commune(unit, "Xã Hòa Bình", "quantri", NOW)
    assert get_commune(unit).name == "Xã Hòa Bình"

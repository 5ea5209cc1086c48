"""The commune's map: where poles stand, villages' outlines, the picture under it."""

import io
import json

import pytest
from fastapi import FastAPI
from PIL import Image
from sqlmodel import select

from broadcast.commune_map import MAX_POINTS, read_geojson
from broadcast.errors import InvalidInput
from broadcast.models import AuditEntry, Zone
from tests.web.conftest import Commune, Programs, SignIn
from tests.web.test_nodes_door import add_node

SQUARE = "16.46, 107.59\n16.46, 107.60\n16.47, 107.60\n16.47, 107.59"
RING = [[107.59, 16.46], [107.6, 16.46], [107.6, 16.47], [107.59, 16.46]]


def picture(width: int = 40, height: int = 30) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#8fb996").save(out, "PNG")
    return out.getvalue()


async def test_an_outline_is_typed_shown_and_taken_away(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/ban-do/thon/thon-dong")
    await admin.send("form[enctype]", outline=SQUARE)
    assert admin.path == "/ban-do"
    assert "Đã vẽ" in admin.text('[data-zone="thon-dong"]')
    officer = await browse("officer")
    await officer.get("/ban-do/hinh.json")
    (village,) = officer.answer.json()["villages"]
    assert (village["name"], village["outline"][0]) == ("Thôn Đông", [107.59, 16.46])
    await admin.get("/ban-do/thon/thon-dong")
    await admin.send("form[enctype]", outline="")
    assert "Chưa vẽ" in admin.text('[data-zone="thon-dong"]')
    with commune.work() as session:
        assert [one.detail for one in session.exec(select(AuditEntry).where(AuditEntry.action == "set-outline"))] == [
            {"points": 4},
            {"points": 0},
        ]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("16.46, 107.59\n16.46, 107.60", "từ 3 đến 500 điểm"),
        ("đây, kia", "Hãy nhập một số"),
        ("16.46", "vĩ độ, kinh độ"),
        ("96, 107\n16, 107\n17, 108", "Vĩ độ"),
        ("16, nan\n16, 107\n17, 108", "Kinh độ"),
    ],
)
async def test_a_wrong_outline_is_refused_and_kept_in_the_form(browse: SignIn, typed: str, said: str) -> None:
    admin = await browse("admin")
    await admin.get("/ban-do/thon/thon-dong")
    await admin.send("form[enctype]", outline=typed)
    assert admin.answer.status_code == 422
    assert said in admin.text(".error")
    assert admin.text("#outline") == " ".join(typed.split())


async def test_an_outline_comes_as_geojson(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/ban-do/thon/thon-tay")
    secret = admin.attributes('#act input[name="csrf"]')["value"]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [RING]}}
    sent = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    await admin.http.post("/ban-do/thon/thon-tay", data={"csrf": secret}, files={"file": ("thon.geojson", sent)})
    with commune.work() as session:
        assert session.exec(select(Zone).where(Zone.slug == "thon-tay")).one().outline == RING[:3]


def test_of_several_polygons_the_largest_counts_and_a_long_border_is_thinned() -> None:
    small = [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.0, 0.0]]
    large = [[0.0, 0.0], *([n / 1000, 5.0] for n in range(1, 1500)), [0.0, 0.0]]
    points = read_geojson(json.dumps({"type": "MultiPolygon", "coordinates": [[small], [large]]}))
    assert points[0] == (0.0, 0.0)
    assert 300 < len(points) <= MAX_POINTS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"type": "Polygon", "coordinates": [[["a", 1]]]}',
        '{"type": "Polygon", "coordinates": []}',
        '{"type": "FeatureCollection", "features": 3}',
        '{"type": "Feature", "geometry": null}',
    ],
)
def test_what_is_no_polygon_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="GeoJSON"):
        read_geojson(text)


async def test_a_picture_is_drawn_anew_laid_down_moved_and_taken_away(app: FastAPI, browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/ban-do")
    secret = admin.attributes('#act input[name="csrf"]')["value"]
    corners = {"south": "16,45", "west": "107.58", "north": "16,48", "east": "107.61"}
    sent = {"file": ("xa.png", picture(4000, 100) + b"<script>")}
    answer = await admin.http.post("/ban-do/nen", data={"csrf": secret, **corners}, files=sent)
    assert answer.status_code == 303
    officer = await browse("officer")
    await officer.get("/ban-do/hinh.json")
    ground = officer.answer.json()["ground"]
    assert ground["corners"] == [[16.45, 107.58], [16.48, 107.61]]
    answer = await officer.http.get(ground["address"])
    assert b"<script>" not in answer.content
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.width) == ("JPEG", 1600)
    await admin.get("/ban-do")
    await admin.send('form[action="/ban-do/nen"]', south="16.44")
    await officer.get("/ban-do/hinh.json")
    assert officer.answer.json()["ground"]["corners"][0] == [16.44, 107.58]
    await admin.send('form[action="/ban-do/nen"]', button="act=remove")
    await officer.get("/ban-do/hinh.json")
    assert officer.answer.json()["ground"] is None


@pytest.mark.parametrize("data", [b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"GIF89a"])
async def test_what_is_no_picture_is_refused(browse: SignIn, data: bytes) -> None:
    admin = await browse("admin")
    await admin.get("/ban-do")
    secret = admin.attributes('#act input[name="csrf"]')["value"]
    answer = await admin.http.post("/ban-do/nen", data={"csrf": secret}, files={"file": ("a.png", data)})
    assert answer.status_code == 422
    assert "không phải ảnh" in answer.text


async def test_corners_turned_over_are_refused(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/ban-do")
    await admin.send('form[action="/ban-do/nen"]', south="17", west="107", north="16", east="108")
    assert admin.answer.status_code == 422
    assert admin.attributes("#south")["value"] == "17"


async def test_the_list_says_where_a_pole_stands_and_what_shape_it_has(browse: SignIn, api: Programs) -> None:
    await add_node(api)
    officer = await browse("officer")
    pole = officer.attributes('.pole[data-node="dong-1"]')
    assert pole["data-sign"] == "unpaired"
    assert "data-at" not in pole

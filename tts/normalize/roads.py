"""Roads and places along them: QL 32, ĐT.123B, Km 45+500."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.normalize.nouns import names_variety
from tts.normalize.tables import pairs
from tts.spoken import SpanKind

_ROAD = re.compile(
    r"(?<![^\W_])(?P<kind>[A-ZĐ]{2,4})(?P<gap>[. ]{0,2})(?P<number>\d{1,3})(?P<letter>[A-Za-z]?)(?![^\W_]|[.,/]\d)"
)
_POST = re.compile(
    r"(?<![^\W_])[Kk][Mm]?\s?(?P<km>\d{1,4})\s?\+\s?(?P<metre>\d{1,4})(?:\s?m(?![^\W_]))?(?![^\W_])"
    r"|(?<![^\W_])(?:K[Mm]\s?|(?<!\d\s)km(?![23](?!\d)))(?P<plain>\d{1,4}(?:,\d{1,3})?)(?![^\W_])"
)
_BRIDGE = re.compile(r"(?<![\w+])(?P<km>\d{1,4})\+(?P<metre>\d{3})(?![\w+])")
_THREE_DIGITS = 3
_MOTORWAY = re.compile(r"(?<!\w)(?:cao tốc|đường)\W*\Z")


def read_roads(draft: Draft) -> Iterator[Reading]:
    """Read kilometre posts, then road numbers."""
    yield from draft.search(_POST, _read_post)
    yield from draft.search(_BRIDGE, _read_bare_post)
    yield from draft.search(_ROAD, _read_road)


def _read_road(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    kinds = pairs("roads")
    if match["kind"] not in kinds or (match["letter"] in "hgđm" and match["letter"]):
        return
    if match["kind"] == "CT" and match["gap"] != "." and not _MOTORWAY.search(draft.before(match.start())):
        return
    said = f"{kinds[match['kind']]} {draft.numbers.cardinal(int(match['number']))} {spell(match['letter'])}"
    glued_variety = match["kind"] == "ĐT" and not match["gap"] and len(match["number"]) < _THREE_DIGITS
    if glued_variety or names_variety(draft, match.start()):
        return
    before, kind = draft.before(match.start()), kinds[match["kind"]]
    if before.endswith(kind):
        said = said.removeprefix(kind)
    elif before.split()[-1:] == ["đường"]:
        said = said.removeprefix("đường ")
    yield Reading(*match.span(), said.strip(), SpanKind.ROAD)


def _read_post(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    if names_variety(draft, match.start()):
        return
    if match["plain"]:
        yield Reading(*match.span(), f"ki lô mét {draft.numbers.written(match['plain'])}", SpanKind.ROAD)
        return
    if (
        match[0][0] in "Kk"
        and match[0][1] not in "Mm"
        and len(match["metre"]) < _THREE_DIGITS
        and not re.search(r"(?:đê|tuyến|đoạn|tại|từ|đến)\W*\Z", draft.before(match.start()))
    ):
        return
    metre = draft.numbers.cardinal(int(match["metre"]))
    unit = "ca" if match[0][1] not in "Mm" else "ki lô mét"
    number = draft.numbers.cardinal(int(match["km"]))
    said = f"{unit} {number} cộng {metre}" if unit == "ca" else f"{unit} số {number} cộng {metre}"
    yield Reading(*match.span(), said, SpanKind.ROAD)


def _read_bare_post(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    if re.search(r"(?:km|ki lô mét|lý trình|đến|-)\s*\Z", draft.before(match.start())):
        said = f"{draft.numbers.cardinal(int(match['km']))} cộng {draft.numbers.cardinal(int(match['metre']))}"
        yield Reading(*match.span(), said, SpanKind.ROAD)

"""A feed of JSON by HTTP as a source. It is read whole or not at all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from broadcast.sources import MAX_ITEMS, BadItem, Parcel, SourceUnreachable, is_signed, load_json
from broadcast.sources_fetch import Fetcher, Patience

FEED_FORMAT = "loalang-feed/1"
MAX_FEED_BYTES = 2 * 1024 * 1024
SIGNATURE_HEADER = "x-loalang-signature"


@dataclass(frozen=True, slots=True)
class HttpSource:
    """Reads a feed: `{"format": "loalang-feed/1", "items": […]}`.

    `token` is sent as a bearer token, never to another host. With a `secret`, what comes must be signed with it in the
    header `X-Loalang-Signature`. A redirect to an address that is not public is followed only with `follows_inner`.
    """

    address: str
    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    follows_inner: bool = False
    patience: Patience = field(default_factory=Patience)

    async def fetch(self) -> Sequence[Parcel]:
        """What the feed holds now."""
        fetcher = Fetcher(
            self.address, MAX_FEED_BYTES, "application/json", self.token, self.follows_inner, self.patience
        )
        got = await fetcher.get()
        if not got.is_new:
            raise SourceUnreachable(f"Nguồn trả lời mã {got.status}.")
        if self.secret and not is_signed(got.data, got.headers.get(SIGNATURE_HEADER, ""), self.secret):
            raise SourceUnreachable("Chữ ký của nguồn thiếu hoặc không đúng: không nhận tin nào.")
        return _parcels(got.data)

    async def settle(self, parcel: Parcel, problem: str) -> None:
        """A feed goes on listing what it lists: nothing to do."""


def _parcels(data: bytes) -> list[Parcel]:
    try:
        feed = load_json(data)
    except BadItem as error:
        raise SourceUnreachable(str(error)) from error
    if not isinstance(feed, dict) or feed.get("format") != FEED_FORMAT or not isinstance(feed.get("items"), list):
        raise SourceUnreachable(f"Nguồn không theo định dạng {FEED_FORMAT}.")
    return [
        Parcel(f"item {number}", json.dumps(item, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace"))
        for number, item in enumerate(feed["items"][:MAX_ITEMS])
    ]

"""How a commune likes its numbers said, where more than one way is right."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ReadingStyle:
    """Regional readings. The defaults are those of the north.

    Attributes:
        thousand: the word for 1,000.
        gap: the word for an empty tens place, as in 105.
        four: how a final 4 is said after "mươi" (24); after "tháng" and "thứ" it is always "tư".
        early_days: the word before the first ten days of a month ("mùng 5"), or nothing.
    """

    thousand: Literal["nghìn", "ngàn"] = "nghìn"
    gap: Literal["linh", "lẻ"] = "linh"
    four: Literal["tư", "bốn"] = "tư"
    early_days: Literal["", "mùng", "mồng"] = ""


NORTH = ReadingStyle()
SOUTH = ReadingStyle(thousand="ngàn", gap="lẻ", four="bốn")

"""Work done ahead of who waits for it, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")

_AT_ONCE = 2


def worked_ahead(work: Callable[[_Item], _Done], items: Iterable[_Item]) -> Iterator[tuple[_Item, _Done]]:
    """Each item and what `work` makes of it, in order: the first by itself, as it is waited for, then two at once.

    What `work` raises is raised in its turn. Whoever stops before the end waits for nothing that was begun.
    """
    coming, under_way = iter(items), deque[tuple[_Item, Future[_Done]]]()
    for item in islice(coming, 1):
        yield item, work(item)
    hands = ThreadPoolExecutor(_AT_ONCE, "ahead")
    try:
        while True:
            under_way.extend((item, hands.submit(work, item)) for item in islice(coming, _AT_ONCE - len(under_way)))
            if not under_way:
                return
            item, done = under_way.popleft()
            yield item, done.result()
    finally:
        hands.shutdown(wait=False, cancel_futures=True)

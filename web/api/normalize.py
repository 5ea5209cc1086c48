"""How a text will be read."""

from typing import Annotated

from fastapi import APIRouter, Depends

from broadcast.reading_rules import rules_of
from web.api.schemas import NormalizeReply, NormalizeRequest, SpanReply
from web.deps import Door, scoped
from web.errors import answers

router = APIRouter(prefix="/api", tags=["reading"])


@router.post("/normalize", responses=answers(401, 403, 413, 422))
def read_aloud(asked: NormalizeRequest, door: Annotated[Door, Depends(scoped("read"))]) -> NormalizeReply:
    """The spoken form of a text as this commune reads it, with every changed span."""
    with door.read() as session:
        rules = rules_of(session)
    text = rules.read(asked.text)
    return NormalizeReply(
        spoken=text.spoken,
        sentences=[sentence.spoken for sentence in text.sentences],
        spans=[
            SpanReply(
                start=span.start,
                end=span.end,
                written=span.written,
                spoken=span.spoken,
                kind=span.kind.value,
                certain=span.certain,
            )
            for span in text.spans
        ],
    )

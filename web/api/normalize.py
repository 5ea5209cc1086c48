"""How a text will be read."""

from fastapi import APIRouter, Depends

from tts.normalize import normalize
from web.api.schemas import NormalizeReply, NormalizeRequest, SpanReply
from web.deps import scoped
from web.errors import answers

router = APIRouter(prefix="/api", tags=["reading"])


@router.post("/normalize", responses=answers(401, 403, 413, 422), dependencies=[Depends(scoped("read"))])
def read_aloud(asked: NormalizeRequest) -> NormalizeReply:
    """The spoken form of a text, with every changed span."""
    text = normalize(asked.text)
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

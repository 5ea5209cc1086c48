"""What a sound says when, as the browser's module takes it (`web/static/said.js`)."""

from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

from broadcast.said_sentences import SaidSentence


def words_response(sentences: Sequence[SaidSentence]) -> Response:
    """`{"sentences": [{"text": "…", "at": [[from, until], …]}, …]}`, in milliseconds."""
    said = [{"text": one.text, "at": [list(when) for when in one.at]} for one in sentences]
    return JSONResponse({"sentences": said}, headers={"cache-control": "private, max-age=600"})

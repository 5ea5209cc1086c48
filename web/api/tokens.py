"""The tokens of programs: listed and ended. They are made with a password, at `POST /api/sessions` or on the page."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from broadcast.tokens import end_token, tokens_seen_by
from web.api.schemas import TokenReply, TokensReply
from web.deps import Door, scoped
from web.errors import answers

router = APIRouter(prefix="/api/tokens", tags=["sessions"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]
TokenId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("", responses=answers(401, 403))
def read_tokens(door: Reader) -> TokensReply:
    """One's own tokens that still hold; for the administrator everybody's. The tokens themselves are not kept."""
    with door.read() as session:
        rows = [
            TokenReply(
                id=token.id or 0,
                username=user.username,
                name=token.name,
                scopes=token.scopes,
                created_at=token.created_at,
                expires_at=token.expires_at,
            )
            for token, user in tokens_seen_by(session, door.user, door.now)
        ]
    return TokensReply(tokens=rows)


@router.delete("/{token_id}", status_code=204, responses=answers(401, 403, 404, 422, 507))
def revoke(token_id: TokenId, door: Writer) -> None:
    """End a token at once, with what it has open."""
    with door.work() as session:
        end_token(session, token_id, door.now, door.user)
    door.station.doubt_visitors()

"""Following the commune's keys, and renewing the node's own: asked when something says that it is time.

Whom to believe is read from anybody who answers at the server's address: it counts only by a signature that the node
believes already. The node's own key and password go through a verified line alone.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx

from players.errors import Distrusted, KeyUnusable, MalformedMessage, PairingError
from players.messages import CommuneKeys, CommuneKeysChain, NodeConfig, PairingReply, RenewalRequest
from players.node.credentials import Credentials
from players.node.software import software_version
from players.signing import NodeKey, checked_public_jwk, open_signed
from players.tickets import make_ticket
from players.tls import context_believing_anybody
from players.topics import Topics

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
"""How long it waits before it asks again: twice as long each time that nothing came of it."""
LIMIT_S = 20.0
MAX_CHAIN_BYTES = 4 * 1024 * 1024


class Renewing:
    """Asks the server for what has changed.

    Args:
        credentials: Brought up to date.
        server_url: Where the server is.
        client: By which the server is believed.
        now: The present, or none while the node does not know it.
        on_change: Called when the node has other keys, authorities or another password; with true when it missed
            something by those it had, and is to connect anew.
    """

    def __init__(
        self,
        credentials: Credentials,
        server_url: str,
        client: httpx.AsyncClient,
        now: Callable[[], datetime | None],
        on_change: Callable[[bool], None],
    ) -> None:
        self._credentials = credentials
        self._server_url = server_url
        self._client = client
        self._now = now
        self._on_change = on_change
        self._asked = asyncio.Event()
        self._needs_password = False
        self._has_missed = False
        self._config: NodeConfig | None = None

    def ask(self, *, password: bool = False) -> None:
        """Something is signed, or certified, by whom the node does not know; or its password is not taken any more."""
        self._has_missed = True
        self._want(password=password)

    def compare(self, config: NodeConfig | None) -> None:
        """Ask, if the configuration says that there is something new."""
        self._config = config
        if config is None:
            return
        is_to_renew = config.renewal > self._credentials.reply.renewal
        if is_to_renew or config.keys_version > self._credentials.keys_version:
            self._want(password=is_to_renew)

    def _want(self, *, password: bool) -> None:
        self._needs_password = self._needs_password or password
        self._asked.set()

    async def run(self) -> None:
        """Answer what is asked, until cancelled; a growing pause between tries that bring nothing new."""
        pause_s = FIRST_PAUSE_S
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                has_changed = await self._bring_up_to_date()
            except (PairingError, KeyUnusable, MalformedMessage) as error:
                log.warning("keys are not renewed: %s", error)
                has_changed = False
                self._asked.set()
            if has_changed:
                self._on_change(self._has_missed)
                self._has_missed = False
            self.compare(self._config)  # the server's word may be ahead of its statements for a moment
            pause_s = FIRST_PAUSE_S if has_changed else min(pause_s * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _bring_up_to_date(self) -> bool:
        chain, server_at = await self._fetch_chain()
        has_changed = await asyncio.to_thread(self._follow, chain)
        if self._needs_password:
            await self._renew(self._now() or server_at)
            self._needs_password = False
            has_changed = True
        return has_changed

    def _follow(self, chain: CommuneKeysChain) -> bool:
        """Believe whom the statements name, one after the other; whether any said something new."""
        topic, has_changed, doubt = Topics(self._credentials.commune).keys, False, ""
        for statement in chain.statements:
            try:
                word = open_signed(statement.encode(), self._credentials.commune_keys, CommuneKeys, topic)
            except (Distrusted, MalformedMessage) as error:
                doubt = str(error)
                continue
            if word.version > self._credentials.keys_version:
                self._credentials.believe(word)
                log.info("the commune's keys are now %s", ", ".join(key["kid"] for key in word.keys))
                has_changed, doubt = True, ""
        if doubt and not has_changed:
            log.warning(
                "nobody whom this node believes vouches for other keys (%s); if they are right, pair it again", doubt
            )
        return has_changed

    async def _fetch_chain(self) -> tuple[CommuneKeysChain, datetime]:
        """What the server says of its keys, and its time."""
        # Whoever answers: what counts is the signature.
        async with httpx.AsyncClient(verify=context_believing_anybody(), trust_env=False, timeout=LIMIT_S) as client:
            try:
                async with client.stream("GET", f"{self._server_url}/api/keys") as answer:
                    answer.raise_for_status()
                    content = bytearray()
                    async for block in answer.aiter_bytes():
                        content += block
                        if len(content) > MAX_CHAIN_BYTES:
                            raise MalformedMessage("too much")
                    return CommuneKeysChain.from_json(bytes(content)), _time_of(answer)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise PairingError(f"{self._server_url}: {error or type(error).__name__}") from error

    async def _renew(self, now: datetime) -> None:
        """Have the server take the node's next key, and give the password that goes with it.

        Raises:
            PairingError: the server cannot be reached, is not believed, or refuses.
        """
        next_key = await asyncio.to_thread(self._credentials.next_key)
        answer = await self._post(next_key, self._credentials.key, now)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # Asked before, and the answer was lost: the server knows the next key already.
            answer = await self._post(next_key, next_key, now)
        if answer.is_error:
            raise PairingError(f"the server refuses to renew this node's key ({answer.status_code})")
        reply = PairingReply.from_json(answer.content)
        if (reply.commune, reply.node) != (self._credentials.commune, self._credentials.node):
            raise PairingError("the server took this node for another")
        known = self._credentials.reply
        # Whom to believe is said by signed words alone.
        kept = {name: getattr(known, name) for name in ("commune_keys", "authorities", "keys_version")}
        await asyncio.to_thread(self._credentials.adopt, reply.model_copy(update=kept))
        log.info("this node's key is now %s", next_key.kid)

    async def _post(self, next_key: NodeKey, signer: NodeKey, now: datetime) -> httpx.Response:
        path = f"/api/renewal/{next_key.kid}"
        request = RenewalRequest(public_key=checked_public_jwk(next_key.public_jwk()), version=software_version())
        ticket = make_ticket(signer, self._credentials.node, path, now)
        headers = {"Authorization": f"Bearer {ticket}", "Content-Type": "application/json"}
        try:
            return await self._client.post(path, content=request.to_json(), headers=headers, timeout=LIMIT_S)
        except httpx.HTTPError as error:
            raise PairingError(f"{self._server_url}: {error or type(error).__name__}") from error


def _time_of(answer: httpx.Response) -> datetime:
    """The server's time. It only dates a ticket, which is good for one door and one key."""
    try:
        return parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError) as error:
        raise MalformedMessage("the server does not say what time it is") from error

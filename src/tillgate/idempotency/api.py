"""The gate as handlers of Litestar use it: the header, and one wish behind it."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from litestar import Response
from litestar.params import HeaderParameter
from msgspec import Raw, Struct

from tillgate.engine.command import Command, Outcome
from tillgate.engine.writer import Engine
from tillgate.idempotency.commands import KeepAnswer, Resumed, gated
from tillgate.idempotency.model import UnderWay
from tillgate.idempotency.store import Gates
from tillgate.kit.canonical import canonical
from tillgate.kit.http import Answer
from tillgate.kit.refusal import Refused, RefusedError

IdempotencyHeader = Annotated[
    str | None,
    HeaderParameter(
        header="Idempotency-Key", description="The same key gives the same answer for 24 hours."
    ),
]


class Finished(NamedTuple):
    """An answer, and whether it can still change by itself."""

    answer: Answer
    final: bool


class Clerk:
    """Has the engine decide one request's wish, once for each Idempotency-Key."""

    def __init__(self, engine: Engine, gates: Gates, key: str | None, request_id: str) -> None:
        self._engine = engine
        self._gates = gates
        self._key = key
        self._request_id = request_id

    async def run(
        self, path: str, data: Struct, command_id: UUID, command: Command
    ) -> Response[Any]:
        """The answer as it was decided, or as it was decided before for this key. `command_id` is
        minted for this request and names what it makes. Raises RefusedError."""
        return _respond(await self._decide(path, data, command_id, command))

    async def carry_out(
        self,
        path: str,
        data: Struct,
        command_id: UUID,
        command: Command,
        finish: Callable[[UnderWay | Resumed], Awaitable[Finished]],
    ) -> Response[Any]:
        """The same, where a processor must be heard between the wish and its answer: `finish` asks
        it, and tells how things stand then. What is not final is not kept: the key then stays open,
        and tells what it came to when it is asked again."""
        decided = await self._decide(path, data, command_id, command)
        if isinstance(decided, Answer):
            return _respond(decided)
        finished = await finish(decided)
        if finished.final and self._key is not None:
            kept = KeepAnswer(command.merchant_id, self._key, finished.answer)
            await self._engine.run(kept, reserved=True)
        return _respond(finished.answer)

    async def _decide(self, path: str, data: Struct, command_id: UUID, command: Command) -> Any:
        digest = self._gates.digest(f"POST {path}", canonical(data))
        wish = gated(self._key, digest, command_id, self._request_id, command)
        decided = wish if isinstance(wish, Refused) else await self._engine.run(wish)
        if not isinstance(decided, Outcome):
            raise RefusedError(decided)
        return decided.answer


def _respond(answer: Answer) -> Response[Any]:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(Raw(answer.body), status_code=answer.status, headers=headers)

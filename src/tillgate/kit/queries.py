"""What handlers of Litestar declare: the query parameters of lists (what they mean is in `pages`),
and bodies that are refused in our own words."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request
from litestar.params import QueryParameter

from tillgate.kit import body, ids
from tillgate.kit.pages import LIMIT_MAX
from tillgate.kit.refusal import Refused, RefusedError

Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="How many, 1 to 100.")]
StartingAfter = Annotated[
    str | None,
    QueryParameter(description="Id of the last object that you have: older ones follow."),
]
EndingBefore = Annotated[
    str | None, QueryParameter(description="Id of the first object that you have: newer ones.")
]

Expand = Annotated[
    list[str] | None,
    QueryParameter(
        query="expand[]", max_items=10, description="What to show whole instead of its id."
    ),
]

MOMENT_MAX_S = 253_402_300_799
"""The last second that a datetime holds."""


def expansions(asked: list[str] | None, allowed: Sequence[str], prefix: str = "") -> frozenset[str]:
    """What `expand[]` asks for; on lists it begins with `data.`. Raises RefusedError."""
    known = {prefix + name: name for name in allowed}
    for name in asked or ():
        if name not in known:
            words = f"expand[] takes {', '.join(known)}."
            raise RefusedError(Refused("parameter_invalid", words, "expand[]"))
    return frozenset(known[name] for name in asked or ())


def moments(
    gte: int | None, gt: int | None, lte: int | None, lt: int | None
) -> tuple[datetime | None, datetime | None]:
    """(from this moment on, before this moment) of bounds in whole seconds: what is shown as
    created in a second was created anywhen in it."""
    since = [second for second in (gte, None if gt is None else gt + 1) if second is not None]
    until = [second for second in (lt, None if lte is None else lte + 1) if second is not None]
    return (
        _moment(max(since)) if since else None,
        _moment(min(until)) if until else None,
    )


def _moment(unix_s: int) -> datetime:
    return datetime.fromtimestamp(min(unix_s, MOMENT_MAX_S), UTC)


def id_of(prefix: str, text: str | None, param: str) -> UUID | None:
    """The id that a filter names. Raises RefusedError when it is none of that kind."""
    if text is None:
        return None
    found = ids.parse(prefix, text)
    if found is None:
        words = f"{param} is no id of that kind: `{prefix}_…`."
        raise RefusedError(Refused("parameter_invalid", words, param))
    return found


def vetting(
    kind: type[msgspec.Struct], *, may_be_empty: bool = False
) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """For `before_request`: refuses a body that is no `kind`, naming the parameter, which
    Litestar's own words would not. `may_be_empty`: no body is then an empty object."""
    decoder = msgspec.json.Decoder(kind)

    async def vet(request: Request[Any, Any, Any]) -> None:
        sent = await request.body()
        refused = None if may_be_empty and not sent else body.decode(decoder, sent)
        if isinstance(refused, Refused):
            raise RefusedError(refused)

    return vet

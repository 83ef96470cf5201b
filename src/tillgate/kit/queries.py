"""What handlers of Litestar declare: the query parameters of lists (what they mean is in `pages`),
and bodies that are refused in our own words."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import QueryParameter

from tillgate.kit import body
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

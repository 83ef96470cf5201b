"""The query parameters of lists, as handlers declare them; what they mean is in `pages`."""

from typing import Annotated

from litestar.params import QueryParameter

from tillgate.kit.pages import LIMIT_MAX

Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="How many, 1 to 100.")]
StartingAfter = Annotated[
    str | None,
    QueryParameter(description="Id of the last object that you have: older ones follow."),
]
EndingBefore = Annotated[
    str | None, QueryParameter(description="Id of the first object that you have: newer ones.")
]

"""What schemathesis does before each call of test_fuzz.py; it reads this file by itself."""

from itertools import count
from typing import Any, cast

import schemathesis

_numbers = count(1)


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]  typed with a bare Callable
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Keys are new ones: chance likes short keys, and the second wish under one is refused.
    Endpoints hear of nothing: else every payment that follows is told to each of them."""
    headers: dict[str, object] = case.headers or {}
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and key.isascii() and key.isprintable():
        headers["Idempotency-Key"] = f"{key[:200]}{next(_numbers)}"
    if case.path == "/v1/webhook_endpoints" and isinstance(case.body, dict):
        body = cast("dict[str, object]", case.body)
        if "*" in str(body.get("events", "*")):
            body["events"] = ["webhook.test"]

"""What schemathesis does before each call of test_sweep.py; it reads this file by itself."""

import json
import os
from typing import Any, cast
from zlib import crc32

import schemathesis

KNOWN: dict[str, str] = json.loads(os.environ.get("FUZZ_KNOWN", "{}"))
"""Ids that there are, by the parameter that takes them: chance finds none."""


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]  typed with a bare Callable
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Every other id is one that there is; half of the payments are of an order that waits.
    Webhooks always go somewhere: else it would depend on the moment which event is told."""
    names: dict[str, object] = case.path_parameters or {}
    for name, value in names.items():
        if name in KNOWN and crc32(str(value).encode()) % 2:
            names[name] = KNOWN[name]
    if isinstance(cast("object", case.body), dict):
        _move(cast("dict[str, object]", case.body))


def _move(body: dict[str, object]) -> None:
    """What is wrong with a body stays so."""
    if "order_id" in body and crc32(repr(sorted(body)).encode()) % 2:
        body["order_id"] = KNOWN["order"]
    if body.get("webhook_url", True) is None:
        body["webhook_url"] = KNOWN["url"]

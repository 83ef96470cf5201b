"""What schemathesis does before each call of test_sweep.py; it reads this file by itself."""

import json
import os
from typing import Any, cast
from zlib import crc32

import schemathesis

KNOWN: dict[str, str] = json.loads(os.environ.get("FUZZ_KNOWN", "{}"))
"""What there is, by the member or parameter that names it: chance finds none."""


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]  typed with a bare Callable
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Every other name is one that there is."""
    for named in (case.path_parameters, case.query, case.body):
        if isinstance(named, dict):
            _replace(cast("dict[str, object]", named))


def _replace(named: dict[str, object]) -> None:
    for name, value in named.items():
        if name in KNOWN and crc32(repr(value).encode()) % 2:
            named[name] = KNOWN[name]

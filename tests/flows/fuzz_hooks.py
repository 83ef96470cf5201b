"""What schemathesis does before each call of test_fuzz.py; it reads this file by itself."""

from itertools import count
from typing import Any, cast

import schemathesis

_numbers = count(1)

RICH = "rich"
"""A user whom test_fuzz.py has given much: of anybody else nothing can be taken."""

SPENDING = {"/v1/wallets/{user}/debit", "/v1/wallets/{user}/holds", "/v1/wallets/transfers"}
BINDING = {"/v1/wallets/{user}/freeze", "/v1/wallets/{user}/limits"}
POSTING = "/v1/wallets/{user}/holds/{hold_id}/post"
SPENT_MAX = 1000


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]  typed with a bare Callable
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Keys are new ones: chance likes short keys, and the second wish under one is refused.
    Endpoints hear of nothing: else every payment that follows is told to each of them. Half
    of the time it is the rich user's money that is spent, who is left able to; of holds, a part is
    posted."""
    headers: dict[str, object] = case.headers or {}
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and key.isascii() and key.isprintable():
        headers["Idempotency-Key"] = f"{key[:200]}{next(_numbers)}"
    if case.path == "/v1/webhook_endpoints" and isinstance(case.body, dict):
        body = cast("dict[str, object]", case.body)
        if "*" in str(body.get("events", "*")):
            body["events"] = ["webhook.test"]
    if case.method == "POST" and isinstance(cast("object", case.body), dict):
        _move(case, cast("dict[str, object]", case.body))


def _move(case: Any, body: dict[str, object]) -> None:
    """What is wrong with a body stays so."""
    _whole(body)
    if case.path in BINDING and case.path_parameters.get("user") == RICH:
        case.path_parameters["user"] = "bound"
    elif case.path == POSTING:
        _lower(body, 1)
    elif case.path == "/v1/orders":
        _lower_lines(body)
    elif case.path in SPENDING:
        _spend(case, body)


def _lower_lines(body: dict[str, object]) -> None:
    """However many lines: what they add up to can be paid, and is something."""
    lines = body.get("lines")
    for line in cast("list[object]", lines) if isinstance(lines, list) else []:
        if isinstance(line, dict):
            members = cast("dict[str, object]", line)
            _whole(members)
            if members.get("amount") == 0:
                members["amount"] = 1
            _lower(members, 100)


def _whole(body: dict[str, object]) -> None:
    """To JSON Schema 1.0 is an integer, to us it is none."""
    for name, value in body.items():
        if isinstance(value, float) and value.is_integer():
            body[name] = int(value)


def _spend(case: Any, body: dict[str, object]) -> None:
    """Little, of the rich user's, where the amount is even."""
    if isinstance(to := body.get("to"), str) and to == body.get("from"):
        body["to"] = f"{to[:100]}-"
    amount = body.get("amount")
    if type(amount) is not int or amount % 2:
        return
    if case.path_parameters and isinstance(case.path_parameters.get("user"), str):
        case.path_parameters["user"] = RICH
    if isinstance(body.get("from"), str):
        body["from"] = RICH
    if isinstance(body.get("currency"), str):
        body["currency"] = "eur"
    _lower(body, SPENT_MAX)


def _lower(body: dict[str, object], amount_max: int) -> None:
    """Brings the amount below one that can be borne."""
    amount = body.get("amount")
    if type(amount) is int and amount > 0:
        body["amount"] = amount % amount_max + 1

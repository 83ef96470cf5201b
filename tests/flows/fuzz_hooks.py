"""What schemathesis does before each call of test_fuzz.py; it reads this file by itself."""

import json
import os
from itertools import count
from typing import Any, cast
from zlib import crc32

import schemathesis

_numbers = count(1)

RICH = "rich"
"""A user whom test_fuzz.py has given much: of anybody else nothing can be taken."""

KNOWN: dict[str, list[str]] = json.loads(os.environ.get("FUZZ_KNOWN", "{}"))
"""What test_fuzz.py has made and brought to where chance does not come: ids by the parameter or
member that takes them, or by the path that needs just these."""

OWN_KEY = os.environ.get("FUZZ_OWN_KEY")
"""The key that all of this is done with: nobody saws off the branch that they sit on."""

SPENDING = {"/v1/wallets/{user}/debit", "/v1/wallets/{user}/holds", "/v1/wallets/transfers"}
BINDING = {"/v1/wallets/{user}/freeze", "/v1/wallets/{user}/limits"}
POSTING = "/v1/wallets/{user}/holds/{hold_id}/post"
ROUTING = (
    "credentials", "settings", "status", "priority", "currencies", "amount_min", "amount_max",
    "allowed_networks",
)  # fmt: skip
"""What would leave the other calls without a connection to pay through."""

SPENT_MAX = 1000
REFUNDED_MAX = 10

Body = dict[str, object]


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]  typed with a bare Callable
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Keys are new ones: chance likes short keys, and the second wish under one is refused.
    Endpoints hear of nothing: else every payment that follows is told to each of them. Half
    of the time it is the rich user's money that is spent, who is left able to; of holds, a part is
    posted. Every other id is one that there is."""
    headers: dict[str, object] = case.headers or {}
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and key.isascii() and key.isprintable():
        headers["Idempotency-Key"] = f"{key[:200]}{next(_numbers)}"
    if case.path_parameters:
        _know(case.path_parameters, KNOWN.get(case.path))
        if case.path_parameters.get("key") == OWN_KEY and case.method != "GET":
            case.path_parameters["key"] = "key_0"
    if case.method == "POST" and isinstance(cast("object", case.body), dict):
        _move(case, cast("Body", case.body))


def _move(case: Any, body: Body) -> None:
    """What is wrong with a body stays so."""
    _whole(body)
    if case.path in BINDING and case.path_parameters.get("user") == RICH:
        case.path_parameters["user"] = "bound"
    elif case.path == POSTING:
        _lower(body, 1)
    elif case.path == "/v1/webhook_endpoints":
        _listen(body)
    elif case.path == "/v1/orders":
        _lower_lines(body)
    elif case.path in {"/v1/connections", "/v1/connections/{connection}"}:
        _connect(body)
    elif case.path == "/v1/payments":
        _know(body, always=True)
        if "order" in body:  # whose currency is euro
            body.pop("currency", None)
            body.pop("amount", None)
    elif case.path == "/v1/payments/{payment}/confirm":
        _know(body, always=True)
    elif case.path == "/v1/refunds":
        _refund(body)
    elif case.path.startswith(("/v1/services", "/v1/providers")):
        _sell(body)
    elif case.path in SPENDING:
        _spend(case, body)


def _know(names: Body, just: list[str] | None = None, *, always: bool = False) -> None:
    """Chance finds no id that there is: every other one, or each, becomes one of those we know."""
    for name, value in names.items():
        known = just or KNOWN.get(name)
        if known and _is_id(value, known[0]):
            number = crc32(str(value).encode())
            if just or always or number % 2:
                names[name] = known[number // 2 % len(known)]


def _is_id(value: object, like: str) -> bool:
    """Whether it looks like that one; a wrong one stays wrong."""
    prefix = like.rpartition("_")[0] + "_"
    return isinstance(value, str) and value.startswith(prefix) and len(value) == len(like)


def _listen(body: Body) -> None:
    """To nothing that happens; in the format that knows of every type."""
    if "*" in str(body.get("events", "*")):
        body["events"] = ["webhook.test"]
    if body.get("format") in ("gateway", "provider"):
        body["format"] = "standard"


def _refund(body: Body) -> None:
    """Little, of a payment that was paid."""
    _know(body, KNOWN["/v1/refunds"])
    if body.get("payment") in KNOWN["/v1/refunds"]:
        body["amount"] = 1 if body.get("amount") is None else body["amount"]
        _lower(body, REFUNDED_MAX)


def _sell(body: Body) -> None:
    """Slugs are new ones, nobody is told anything, and metadata do not add up to too many."""
    _know(body, always=True)
    body.pop("webhook_url", None)
    if isinstance(slug := body.get("slug"), str) and slug.replace("-", "").isalnum():
        body["slug"] = f"{slug[:80].rstrip('-')}-{next(_numbers)}"
    if isinstance(metadata := body.get("metadata"), dict):
        members = cast("Body", metadata)
        body["metadata"] = dict(list(members.items())[:1])


def _connect(body: Body) -> None:
    """Chance makes up no settings: a new one is of webhooks, and no payment takes it."""
    wanted = [body.pop(name, None) for name in ROUTING]
    if isinstance(body.get("connector"), str) and isinstance(wanted[0], dict):
        preset = {"preset": "generic", "base_url": "https://pay.example.com"}
        body |= {"connector": "external", "settings": preset, "credentials": {}, "priority": -1}


def _lower_lines(body: Body) -> None:
    """However many lines: what they add up to can be paid, and is something."""
    lines = body.get("lines")
    for line in cast("list[object]", lines) if isinstance(lines, list) else []:
        if isinstance(line, dict):
            members = cast("Body", line)
            _whole(members)
            if members.get("amount") == 0:
                members["amount"] = 1
            _lower(members, 100)


def _whole(body: Body) -> None:
    """To JSON Schema 1.0 is an integer, to us it is none."""
    for name, value in body.items():
        if isinstance(value, float) and value.is_integer():
            body[name] = int(value)


def _spend(case: Any, body: Body) -> None:
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


def _lower(body: Body, amount_max: int) -> None:
    """Brings the amount below one that can be borne."""
    amount = body.get("amount")
    if type(amount) is int and amount > 0:
        body["amount"] = amount % amount_max + 1

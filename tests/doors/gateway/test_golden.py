"""The story that the gateway's documents tell, word by word."""

import json
import re
from pathlib import Path
from typing import Any, cast

from tests.doors.gateway.scene import Shop
from tests.flows.stack import Received, Stack, until

FOLDER = Path(__file__).with_name("golden")
ID = re.compile(r"(order|pay|rfnd)_[A-Za-z0-9]{15,16}")
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
MERCHANT = "550e8400-e29b-41d4-a716-446655440000"
COUNTERS = {
    "pending", "processing", "completed", "failed", "total", "totalTransactions", "totalAmount",
    "successRate",
}  # fmt: skip

THEIRS = {
    "uuid": UUID.pattern, "order": r"order_N\w+", "pay": r"pay_H\w{15}\b", "rfnd": r"rfnd_K\w+",
}  # fmt: skip
"""The ids that the documents show."""

STORY = [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]


async def test_the_documents_story(gateway: Stack, till: Shop, shop: Received) -> None:
    await till.hooked(shop.url)
    known: dict[str, str] = {}
    for step in STORY:
        await told(gateway, step, known)
    assert {"order", "pay", "rfnd", "uuid"} <= known.keys()


async def told(gateway: Stack, step: Any, known: dict[str, str]) -> None:
    """Asks, again where a worker needs its time, until the answer is as it is written."""
    request, shown = step["request"], step["response"]
    body = request.get("body")
    path = own(request["path"], known)

    async def ask() -> tuple[list[str], Any]:
        answer = await gateway.anyone.request(
            request["method"], gateway.url + path, headers=request.get("headers"),
            content=own(json.dumps(body), known) if body is not None else None,
        )  # fmt: skip
        if answer.status_code != shown["status"]:
            return [f"{answer.status_code}"], answer.text
        return differences(shown["body"], answer.json()), answer.json()

    if request["method"] == "GET":
        _, real = await until(ask, lambda said: not said[0])
    else:
        differing, real = await ask()
        assert not differing, (request, differing, real)
    remember(real, known)


def own(text: str, known: dict[str, str]) -> str:
    """With our ids in the place of those in the documents."""
    for kind, pattern in THEIRS.items():
        if kind in known:
            text = re.sub(pattern, known[kind], text)
    return text


def remember(real: dict[str, Any], known: dict[str, str]) -> None:
    one = real["data"][0] if "data" in real else real
    name: str = one.get("id", "")
    if ID.fullmatch(name):
        known[name.partition("_")[0]] = name
    elif UUID.fullmatch(name) and name != MERCHANT:
        known["uuid"] = name


def differences(shown: Any, real: Any, place: str = "") -> list[str]:
    """Where an answer is not as it is written."""
    if isinstance(shown, dict) and isinstance(real, dict):
        names, others = cast("dict[str, Any]", shown), cast("dict[str, Any]", real)
        if names.keys() != others.keys():
            return [f"{place}: {sorted(names.keys() ^ others.keys())}"]
        return [
            line for name in names
            for line in differences(names[name], others[name], f"{place}.{name}")
        ]  # fmt: skip
    if isinstance(shown, list) and isinstance(real, list):
        ours, theirs = cast("list[Any]", shown), cast("list[Any]", real)
        if len(ours) != len(theirs):
            return [f"{place}: {len(theirs)} of {len(ours)}"]
        pairs = zip(ours, theirs, strict=True)
        return [line for one, other in pairs for line in differences(one, other, f"{place}[]")]
    return [] if alike(shown, real, place.rpartition(".")[2]) else [f"{place}: {real!r}"]


def alike(shown: Any, real: Any, name: str) -> bool:
    if name in COUNTERS and is_number(shown):
        return is_number(real) and real >= 0
    if type(shown) is not type(real):
        return False
    if not isinstance(shown, str) or shown == real:
        return shown == real
    if found := ID.fullmatch(shown):
        return re.fullmatch(f"{found[1]}_[A-Za-z0-9]{{16}}", real) is not None
    if shown != MERCHANT and UUID.fullmatch(shown):
        return UUID.fullmatch(real) is not None
    moment = MOMENT.fullmatch(shown)
    written = MOMENT.fullmatch(real)
    return bool(moment and written and bool(moment[1]) == bool(written[1]))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""What is typed of a card is nowhere afterwards, whatever came of it."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.doors.gateway.scene import Shop

GOOD, BAD = "4539578763621486", "4539578763621487"
CVV = "9173"
TYPED = (GOOD, BAD, f'"{CVV}"', "4539 5787", "4539-5787", "45395787")
"""None of it may be found; three digits alone are in many numbers, so here the CVV has quotes."""


def card(number: str, **changes: Any) -> dict[str, Any]:
    typed = {"number": number, "expiry_month": 12, "expiry_year": 2099, "cvv": CVV}
    return {"method": "card", "card": typed | {"holder_name": "Ada"} | changes}


async def test_nothing_of_a_card_is_kept(gateway_folder: Path, gateway_db: Any, till: Shop) -> None:
    order = (await till.order())["id"]
    answers: list[str] = []
    bodies: list[tuple[int, dict[str, Any]]] = [
        (400, card(BAD)),
        (400, card(GOOD, expiry_year="20")),
        (400, card(GOOD, cvv=None)),
        (404, card(GOOD) | {"order_id": "order_none"}),
        (201, card(f"{GOOD[:4]} {GOOD[4:8]}-{GOOD[8:]}")),
    ]
    for status, body in bodies:
        key = {"Idempotency-Key": str(uuid4())}
        answer = await till.api.post("/payments", json={"order_id": order, **body}, headers=key)
        assert answer.status_code == status
        answers.append(answer.text)
    broken = f'{{"order_id": "{order}", "card": {{"number": "{GOOD}", "cvv": "{CVV}"'
    answers.append((await till.api.post("/payments", content=broken)).text)
    paid = await till.payment_is((await till.get("/payments", limit=1))[0], "success")
    assert (paid["card_network"], paid["card_last4"]) == ("visa", "1486")
    kept = [*answers, *await rows(gateway_db), *files(gateway_folder)]
    assert any(paid["id"] in text for text in kept)
    assert any("card_last4" in text for text in await rows(gateway_db))
    assert not [text[:200] for text in kept if any(typed in text for typed in TYPED)]


async def rows(db: Any) -> list[str]:
    """Every row of every table, as text."""
    tables = await db.fetch(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
    )
    return [
        row[0]
        for (table,) in tables
        for row in await db.fetch(f'SELECT t::text FROM public."{table}" t')
    ]


def files(folder: Path) -> list[str]:
    """Logs, and what the sandbox keeps; PostgreSQL's own files were read as rows."""
    data = folder / "data"
    found = [*data.glob("logs/*"), *data.glob("sandbox/**/*"), *data.glob("*.json")]
    texts = [path.read_bytes().decode("latin-1") for path in found if path.is_file()]
    assert len(texts) > 3
    return texts

"""Deliveries as a worker holds them, made up."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Raw

from tillgate.kit import ids
from tillgate.kit.canonical import canonical
from tillgate.webhooks.model import Claim

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

ENDPOINT, EVENT, PAYMENT, ORDER, REFUND = (UUID(int=number) for number in range(2, 7))


def claim_of(kind: str, data: object, **more: Any) -> Claim:
    """The third attempt at sending an event of this type."""
    claim = Claim(
        merchant_id=UUID(int=1),
        endpoint_id=ENDPOINT,
        event_id=EVENT,
        claims=4,
        attempts=2,
        attempts_before=0,
        claimed_at=NOW,
        url="https://example.com",
        format="",
        secrets=b"",
        livemode=False,
        type=kind,
        data=Raw(canonical(data)),
        api_version="2026-11-21",
        created_at=NOW,
        charge=None,
    )
    return claim._replace(**more)


def payment(**more: Any) -> dict[str, Any]:
    """As events carry it."""
    return {
        "id": ids.show("pay", PAYMENT), "object": "payment", "amount": 50_000, "currency": "inr",
        "status": "succeeded", "order": ids.show("ord", ORDER), "created": int(NOW.timestamp()),
        "metadata": {}, "description": None, **more,
    }  # fmt: skip


def refund(**more: Any) -> dict[str, Any]:
    return {
        "id": ids.show("re", REFUND), "object": "refund", "payment": ids.show("pay", PAYMENT),
        "amount": 50_000, "currency": "inr", "reason": "Customer requested refund",
        "status": "pending", "created": int(NOW.timestamp()), "metadata": {}, **more,
    }  # fmt: skip

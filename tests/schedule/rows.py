"""Rows of one merchant in a real database, as no command would leave them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from tillgate.kit import clock, ids
from tillgate.schedule.store import GRACE

NOW = clock.now()
MINUTE = timedelta(minutes=1)
OLD = NOW - GRACE - MINUTE


class Rows:
    """Writes rows of one merchant, with whatever a table wants besides."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection
        self.merchant_id = ids.mint()
        self.now = clock.now()

    async def add(self, table: str, **values: Any) -> UUID:
        row = {"merchant_id": self.merchant_id, "id": ids.mint(), **values}
        if row["id"] is None:
            del row["id"]
        names, places = ", ".join(row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({places})", *row.values()
        )
        return row.get("id", self.merchant_id)

    async def payment(self, status: str, *, expires_at: datetime, **more: Any) -> UUID:
        return await self.add(
            "payments", amount=1000, asset="eur", status=status, capture_method="automatic",
            metadata="{}", connection_id=ids.mint(), created_at=OLD, updated_at=OLD,
            expires_at=expires_at, **more,
        )  # fmt: skip

    async def operation(
        self, payment_id: UUID, state: str, due_at: datetime | None, *,
        created_at: datetime = OLD, **more: Any,
    ) -> UUID:  # fmt: skip
        return await self.add(
            "operations", payment_id=payment_id, ordinal=1, connection_id=ids.mint(), kind="start",
            state=state, amount=1000, asset="eur", request="{}", due_at=due_at,
            created_at=created_at, updated_at=created_at, **more,
        )  # fmt: skip

    async def attempt(self, payment_id: UUID, redirect_url: str | None) -> None:
        await self.add(
            "tries", id=None, payment_id=payment_id, ordinal=1, connection_id=ids.mint(),
            state="open", redirect_url=redirect_url, created_at=OLD, updated_at=OLD,
        )  # fmt: skip

    async def refund(self, payment_id: UUID, operation_id: UUID, updated_at: datetime) -> None:
        await self.add(
            "refunds", payment_id=payment_id, id=operation_id, connection_id=ids.mint(),
            charge="ch", amount=1, asset="eur", status="pending", metadata="{}", place="merchant",
            created_at=updated_at, updated_at=updated_at,
        )  # fmt: skip

    async def dispute(self, payment_id: UUID, remind_at: datetime, **more: Any) -> None:
        await self.add(
            "disputes", payment_id=payment_id, connection_id=ids.mint(), reference="d", amount=1,
            asset="eur", status="needs_response", remind_at=remind_at, created_at=OLD,
            updated_at=OLD, **more,
        )  # fmt: skip

    async def callback(self, due_at: datetime | None) -> None:
        await self.add(
            "callbacks", connection_id=ids.mint(), event_key="k", effect="early", headers="{}",
            state="pending" if due_at else "failed", raw=b"", attempts=1, due_at=due_at,
            received_at=OLD,
        )  # fmt: skip

    async def delivery(
        self, endpoint_state: str, state: str, due_at: datetime, claims: int = 0
    ) -> None:
        endpoint_id = await self.add(
            "endpoints", url="u", events=[], patterns=[], format="standard", secrets=b"",
            state=endpoint_state, metadata="{}", api_version="v", created_at=OLD, updated_at=OLD,
        )  # fmt: skip
        await self.add(
            "deliveries", id=None, endpoint_id=endpoint_id, event_id=ids.mint(), due_at=due_at,
            claims=claims, state=state, created_at=OLD, settled_at=None if state == "due" else OLD,
        )  # fmt: skip

    async def key(self, state: str, created_at: datetime) -> None:
        await self.add(
            "idempotency_keys", id=None, key=f"{state}-{created_at}", digest=bytes(32), body="",
            state=state, status_code=0, created_at=created_at,
        )  # fmt: skip

    async def hold(self, expires_at: datetime) -> None:
        """What it was booked with does not matter here."""
        await self.connection.execute("SET session_replication_role = replica")
        await self.add(
            "holds", debit_owner="user:u", debit_code="wallet", credit_owner="merchant",
            credit_code="available", asset="eur", amount=1, posted=0, state="held",
            expires_at=expires_at, created_at=OLD, updated_at=OLD,
        )  # fmt: skip
        await self.connection.execute("SET session_replication_role = origin")

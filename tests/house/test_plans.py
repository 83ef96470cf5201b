"""Hot statements on filled tables: each finds its rows by the index that was made for it."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest

from tests.conftest import TEMPLATE
from tillgate.cli.postgres import EmbeddedPostgres
from tillgate.kit.pages import NEWEST

from .tree import all_statements

Db = Any

ROWS = 20_000
"""Of each big table; every thousandth is what somebody looks for."""

BIG = {
    "payments", "tries", "operations", "processor_objects", "refunds", "disputes", "orders",
    "callbacks", "events", "deliveries", "attempts", "idempotency_keys", "audit", "transfers",
}  # fmt: skip

SERIES = f"generate_series(1, {ROWS}) AS n"
ID = "('01a00000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
RARE = "n % 1000 = 0"
FILL = f"""
SET session_replication_role = replica;
INSERT INTO merchants (id, business_id, livemode, name, created_at)
  SELECT $M, $M, false, 'Shop', now();
INSERT INTO payments (merchant_id, id, amount, asset, status, capture_method, metadata,
    connection_id, wallet_user, order_id, review_reason, created_at, updated_at, expires_at)
  SELECT $M, {ID}, n, 'eur',
    CASE WHEN {RARE} THEN 'review' WHEN n % 1000 = 1 THEN 'pending' ELSE 'expired' END, 'automatic',
    (CASE WHEN {RARE} THEN '{{"cart":"7"}}' ELSE '{{}}' END)::json, $M,
    CASE WHEN {RARE} THEN 'ada' END, CASE WHEN {RARE} THEN $M END,
    CASE WHEN {RARE} THEN 'amount_short' END, now(), now(), now() FROM {SERIES};
INSERT INTO tries (merchant_id, payment_id, ordinal, connection_id, state, created_at, updated_at)
  SELECT $M, {ID}, 1, $M, 'canceled', now(), now() FROM {SERIES};
INSERT INTO operations (merchant_id, payment_id, id, ordinal, connection_id, kind, state, amount,
    asset, request, due_at, created_at, updated_at)
  SELECT $M, {ID}, {ID}, 1, $M, 'start', 'done', 1, 'eur', '{{}}', CASE WHEN {RARE} THEN now() END,
    now(), now() FROM {SERIES};
INSERT INTO processor_objects (merchant_id, payment_id, connection_id, kind, reference, state,
    amount, asset, created_at, updated_at)
  SELECT $M, {ID}, $M, 'charge', n, 'failed', 1, 'eur', now(), now() FROM {SERIES};
INSERT INTO refunds (merchant_id, payment_id, id, connection_id, charge, amount, asset, status,
    metadata, place, created_at, updated_at)
  SELECT $M, {ID}, {ID}, $M, n, 1, 'eur', 'failed', '{{}}', 'merchant', now(), now() FROM {SERIES};
INSERT INTO disputes (merchant_id, payment_id, id, connection_id, reference, amount, asset, status,
    remind_at, created_at, updated_at)
  SELECT $M, {ID}, {ID}, $M, n, 1, 'eur', 'won', CASE WHEN {RARE} THEN now() END, now(), now()
  FROM {SERIES};
INSERT INTO orders (merchant_id, id, amount, asset, status, lines, reference, metadata, duplicates,
    created_at, updated_at)
  SELECT $M, {ID}, 1, 'eur', 'open', '[]', n, '{{}}', 'review', now(), now() FROM {SERIES};
INSERT INTO callbacks (merchant_id, id, connection_id, event_key, payment_id, state, effect,
    headers, raw, attempts, due_at, received_at)
  SELECT $M, {ID}, $M, n, {ID}, CASE WHEN {RARE} THEN 'pending' ELSE 'processed' END, 'x', '{{}}',
    '', 0, CASE WHEN {RARE} THEN now() END, now() FROM {SERIES};
INSERT INTO events (merchant_id, id, type, object_id, data, api_version, created_at)
  SELECT $M, {ID}, 'payment.created', {ID}, '{{}}', 'x', now() FROM {SERIES};
INSERT INTO endpoints (merchant_id, id, url, events, patterns, format, secrets, state, metadata,
    api_version, created_at, updated_at)
  SELECT $M, $M, 'x', '{{*}}', '{{%}}', 'standard', '', 'enabled', '{{}}', 'x', now(), now();
INSERT INTO deliveries (merchant_id, endpoint_id, event_id, state, due_at, created_at, settled_at)
  SELECT $M, $M, {ID}, CASE WHEN {RARE} THEN 'due' ELSE 'delivered' END, now(), now(),
    CASE WHEN {RARE} THEN NULL ELSE now() END FROM {SERIES};
INSERT INTO attempts (merchant_id, endpoint_id, event_id, ordinal, started_at, duration_ms,
    body_sha256)
  SELECT $M, $M, {ID}, 1, now(), 1, '' FROM {SERIES};
INSERT INTO idempotency_keys (merchant_id, key, digest, state, status_code, body, created_at)
  SELECT $M, n, sha256(''), 'done', 200, '', now() - n * interval '1 s' FROM {SERIES};
INSERT INTO audit (merchant_id, id, actor, action, object_id, at)
  SELECT $M, {ID}, 'x', 'x', {ID}, now() FROM {SERIES};
INSERT INTO accounts (merchant_id, id, owner, code, asset, created_at)
  SELECT $M, {ID}, n::text, 'x', 'eur', now() FROM {SERIES}
  UNION ALL SELECT $M, $M, '', 'x', 'eur', now();
INSERT INTO transfers (merchant_id, id, kind, debit_id, credit_id, asset, amount, group_id, code,
    cause, effective_at, created_at, debit_version, debit_after, credit_version, credit_after,
    digest)
  SELECT $M, {ID}, 'direct', $M, {ID}, 'eur', 1, $M, 'x', 'pay_' || n || ':booking:1', now(), now(),
    n, n, n, n, sha256('') FROM {SERIES};
ANALYZE;
""".replace("$M", "'01a00000-0000-7000-8000-ffffffffffff'::uuid")

MERCHANT = UUID("01a00000-0000-7000-8000-ffffffffffff")
ONE = UUID("01a00000-0000-7000-8000-0000000003e8")
"""A row of every table: the thousandth."""

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PAGE = (MERCHANT, NEWEST, 11)
HOUR = timedelta(hours=1)


class Hot(NamedTuple):
    """A statement as it is asked, and the index that it must find its rows by."""

    statement: str
    arguments: tuple[Any, ...]
    found_by: str


def payments(index: str, **filters: Any) -> Iterator[Hot]:
    names = ("status", "since", "until", "order", "connection", "user", "metadata", "min", "max")
    asked = tuple(filters.get(name) for name in names)
    for which in ("older", "newer"):
        cursor = NEWEST if which == "older" else UUID(int=0)
        yield Hot(f"payments/{which}", (MERCHANT, cursor, 11, *asked), index)


HOT = [
    Hot("payments/payment_by_id", (MERCHANT, ONE), "payments_pkey"),
    Hot("payments/payments_by_ids", (MERCHANT, [ONE]), "payments_pkey"),
    *payments("payments_pkey"),
    *payments("payments_pkey", status="expired"),
    *payments("payments_pkey", since=NOW - timedelta(days=9999), until=NOW, min=1, max=ROWS),
    *payments("payments_by_status", status="review"),
    *payments("payments_of_order", order=MERCHANT),
    *payments("payments_of_user", user="ada"),
    *payments("payments_by_metadata", metadata='{"cart":"7"}'),
    Hot("payments/tries_of", (MERCHANT, [ONE]), "tries_pkey"),
    Hot("payments/refunds_of", (MERCHANT, [ONE]), "refunds_pkey"),
    Hot("payments/disputes_of", (MERCHANT, [ONE]), "disputes_pkey"),
    Hot("payments/waiting_operations", (MERCHANT, ONE, [ONE]), "operations_pkey"),
    Hot("payments/open_operations", (MERCHANT, ONE, [ONE]), "operations_asked"),
    Hot("payments/look_soon", (MERCHANT, ONE, HOUR), "operations_pkey"),
    Hot("payments/latest_try", (MERCHANT, ONE), "tries_pkey"),
    Hot("payments/expired", (50,), "payments_expiring"),
    Hot("payments/due_operations", (50,), "operations_due"),
    Hot("payments/forget_keys", (timedelta(hours=5), 10), "idempotency_keys_age"),
    Hot("refunds/refund_by_id", (MERCHANT, ONE), "refunds_merchant_id_id_key"),
    Hot("refunds/older", (*PAGE, None, None, None, None), "refunds_merchant_id_id_key"),
    Hot("refunds/older", (*PAGE, ONE, None, None, None), "refunds_pkey"),
    Hot("disputes/dispute_by_id", (MERCHANT, ONE), "disputes_merchant_id_id_key"),
    Hot("disputes/older", (*PAGE, None, None, None, None), "disputes_merchant_id_id_key"),
    Hot("disputes/older", (*PAGE, ONE, None, None, None), "disputes_pkey"),
    Hot("disputes/reminders", (50,), "disputes_due"),
    Hot("orders/order_by_id", (MERCHANT, ONE), "orders_anywhere"),  # or by its key: as good
    Hot("orders/older", (*PAGE, None, None, None, None), "orders_pkey"),
    Hot("orders/older", (*PAGE, None, "1000", None, None), "orders_by_reference"),
    Hot("doors/providers/order_anywhere", (ONE,), "orders_anywhere"),
    Hot("doors/providers/payments_of_order", (MERCHANT, ONE), "payments_of_order"),
    Hot("doors/gateway/order", (MERCHANT, ONE), "orders_anywhere"),
    Hot("doors/gateway/orders", (MERCHANT, 11, 0), "orders_pkey"),
    Hot("doors/gateway/owner_of_order", (ONE,), "orders_anywhere"),
    Hot("doors/gateway/payment", (MERCHANT, ONE), "payments_pkey"),
    Hot("doors/gateway/owner_of_payment", (ONE,), "payments_of_orders_anywhere"),
    Hot("doors/gateway/payments", (MERCHANT, 11, 0), "payments_pkey"),
    Hot("doors/gateway/refund", (MERCHANT, ONE), "refunds_merchant_id_id_key"),
    Hot("doors/gateway/refunds", (MERCHANT, 11, 0), "refunds_merchant_id_id_key"),
    Hot("doors/gateway/logs", (MERCHANT, 11, 0), "deliveries_pkey"),
    Hot("doors/gateway/delivery", (MERCHANT, ONE), "deliveries_pkey"),
    Hot("events/older", (*PAGE, None, None), "events_pkey"),
    Hot("events/older", (*PAGE, None, ONE), "events_of_object"),
    Hot("callbacks/due", (50,), "callbacks_due"),
    Hot("webhooks/claim", (ONE, [], [], 5, 50, 30), "deliveries_due"),
    Hot("idempotency/found", (MERCHANT, "1000"), "idempotency_keys_pkey"),
    Hot(
        "idempotency/kept", (MERCHANT, "1000", NOW - timedelta(days=9999)), "idempotency_keys_pkey"
    ),
    Hot("timeline/timeline", (MERCHANT, ONE, [ONE], ["pay_1000:"], 100), "transfers_cause"),
    Hot("timeline/timeline", (MERCHANT, ONE, [ONE], ["pay_1000:"], 100), "callbacks_of_payment"),
]
SQL = {statement.name: statement.sql for statement in all_statements()}


@pytest.fixture(scope="module")
async def filled(postgres: EmbeddedPostgres) -> AsyncIterator[Db]:
    admin = await asyncpg.connect(postgres.dsn("postgres"))
    await admin.execute(f"CREATE DATABASE test_plans TEMPLATE {TEMPLATE}")
    connection = await asyncpg.connect(postgres.dsn("test_plans"))
    try:
        await connection.execute(FILL)
        yield connection
    finally:
        await connection.close()
        await admin.execute("DROP DATABASE test_plans")
        await admin.close()


@pytest.mark.parametrize("hot", HOT, ids=lambda hot: f"{hot.statement}-{hot.found_by}")
async def test_a_hot_statement_uses_its_index(filled: Db, hot: Hot) -> None:
    plan = await planned(filled, hot, "force_custom_plan")
    assert scanned(plan) & BIG == set(), "a whole table is read"
    assert hot.found_by in indexes(plan), indexes(plan)


@pytest.mark.parametrize("hot", HOT, ids=lambda hot: f"{hot.statement}-{hot.found_by}")
async def test_no_plan_for_all_values_reads_a_whole_table(filled: Db, hot: Hot) -> None:
    """PostgreSQL may settle for one plan when a statement is asked again and again."""
    plan = await planned(filled, hot, "force_generic_plan")
    assert scanned(plan) & BIG == set()


async def planned(connection: Db, hot: Hot, mode: str) -> dict[str, Any]:
    await connection.execute(f"SET plan_cache_mode = {mode}")
    statement = f"EXPLAIN (FORMAT JSON) {SQL[hot.statement]}"
    [found] = json.loads(await connection.fetchval(statement, *hot.arguments))
    return found["Plan"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scanned(plan: dict[str, Any]) -> set[str]:
    return {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}


def indexes(plan: dict[str, Any]) -> set[str]:
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}

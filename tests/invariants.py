"""The invariants of the money, as queries that must find nothing; every flow ends by asking."""

import asyncpg

INVARIANTS: dict[str, str] = {
    "an account's balance is the fold of its transfers": """
        SELECT a.id FROM accounts a WHERE a.posted <>
          coalesce((SELECT sum(t.amount) FROM transfers t WHERE t.credit_id = a.id), 0) -
          coalesce((SELECT sum(t.amount) FROM transfers t WHERE t.debit_id = a.id), 0)""",
    "an account's version counts its transfers": """
        SELECT a.id FROM accounts a WHERE a.version <>
          (SELECT count(*) FROM transfers t WHERE a.id IN (t.debit_id, t.credit_id))""",
    "the books balance, per merchant and asset": """
        SELECT merchant_id, asset FROM accounts GROUP BY 1, 2 HAVING sum(posted) <> 0""",
    "credits are what payments captured": """
        SELECT p.merchant_id FROM (
          SELECT merchant_id, asset, sum(amount) AS total FROM processor_objects
          WHERE state = 'captured' GROUP BY 1, 2) p
        FULL JOIN (
          SELECT merchant_id, asset, sum(posted) AS total FROM accounts
          WHERE code IN ('available', 'wallet', 'suspense') GROUP BY 1, 2) a
        USING (merchant_id, asset)
        WHERE p.total IS DISTINCT FROM a.total""",
    "a payment's captured total is the sum over its objects": """
        SELECT p.id FROM payments p WHERE p.captured <> coalesce((
          SELECT sum(o.amount) FROM processor_objects o
          WHERE o.merchant_id = p.merchant_id AND o.payment_id = p.id
            AND o.asset = p.asset AND o.state = 'captured'), 0)""",
    "what was captured is booked": """
        SELECT payment_id FROM processor_objects
        WHERE booked <> CASE state WHEN 'captured' THEN amount ELSE 0 END""",
    "an event has exactly its endpoints' deliveries": """
        SELECT v.id FROM events v WHERE
          (SELECT count(*) FROM deliveries d
           WHERE d.merchant_id = v.merchant_id AND d.event_id = v.id) <>
          (SELECT count(*) FROM endpoints e
           WHERE e.merchant_id = v.merchant_id AND e.created_at <= v.created_at
             AND v.type LIKE ANY (e.patterns)
             AND (e.state = 'enabled' OR e.updated_at > v.created_at))
    """,
    "a key has its payment": """
        SELECT k.key FROM idempotency_keys k LEFT JOIN payments p
          ON p.merchant_id = k.merchant_id AND p.id = k.object_id
        WHERE k.object_id IS NOT NULL AND k.status_code = 201 AND p.id IS NULL""",
    "a payment succeeded once": """
        SELECT merchant_id, object_id FROM events WHERE type = 'payment.succeeded'
        GROUP BY 1, 2 HAVING count(*) > 1""",
    "a processed callback passed its gate": """
        SELECT c.id FROM callbacks c LEFT JOIN seen_callbacks s
          ON s.merchant_id = c.merchant_id AND s.callback_id = c.id
        WHERE s.callback_id IS NULL""",
    "a payment was created once, and said so": """
        SELECT p.id FROM payments p WHERE (
          SELECT count(*) FROM events v WHERE v.merchant_id = p.merchant_id
            AND v.object_id = p.id AND v.type = 'payment.created') <> 1""",
}


async def check_invariants(dsn: str) -> None:
    """Raises AssertionError naming every invariant that does not hold, and where."""
    connection = await asyncpg.connect(dsn)
    try:
        broken = {name: await connection.fetch(query) for name, query in INVARIANTS.items()}
    finally:
        await connection.close()
    assert not any(broken.values()), {name: rows for name, rows in broken.items() if rows}

"""The invariants of the money, as queries that must find nothing; every flow ends by asking."""

import asyncpg

LEGS = """
    SELECT t.merchant_id, t.id, t.created_at, t.debit_id AS account_id, t.debit_version AS version,
      t.debit_after AS after, t.debit_held AS held,
      CASE WHEN t.kind IN ('direct', 'post') THEN -t.amount ELSE 0 END AS moved,
      CASE t.kind WHEN 'hold' THEN t.amount WHEN 'direct' THEN 0 ELSE -h.amount END AS held_out,
      0 AS held_in
    FROM transfers t LEFT JOIN transfers h ON h.merchant_id = t.merchant_id AND h.id = t.hold_id
    UNION ALL
    SELECT t.merchant_id, t.id, t.created_at, t.credit_id, t.credit_version, t.credit_after,
      t.credit_held, CASE WHEN t.kind IN ('direct', 'post') THEN t.amount ELSE 0 END, 0,
      CASE t.kind WHEN 'hold' THEN t.amount WHEN 'direct' THEN 0 ELSE -h.amount END
    FROM transfers t LEFT JOIN transfers h ON h.merchant_id = t.merchant_id AND h.id = t.hold_id"""
"""What each transfer does to each of its two accounts; a hold posts nothing."""

REFERENCES = {
    ("transfers", "debit_id"): "accounts",
    ("transfers", "credit_id"): "accounts",
    ("transfers", "hold_id"): "transfers",
    ("holds", "id"): "transfers",
    ("payments", "connection_id"): "connections",
    ("payments", "order_id"): "orders",
    ("refunds", "payment_id"): "payments",
    ("refunds", "hold_id"): "transfers",
    ("disputes", "payment_id"): "payments",
    ("tries", "payment_id"): "payments",
    ("operations", "payment_id"): "payments",
    ("payment_references", "payment_id"): "payments",
    ("processor_objects", "payment_id"): "payments",
    ("callbacks", "payment_id"): "payments",
    ("callbacks", "connection_id"): "connections",
    ("seen_callbacks", "callback_id"): "callbacks",
    ("deliveries", "event_id"): "events",
    ("deliveries", "endpoint_id"): "endpoints",
    ("attempts", "event_id"): "events",
    ("idempotency_keys", "object_id"): "payments",
    ("audit", "object_id"): "payments",
}
"""Which ids stand where; ids are unique whoever owns them."""

INVARIANTS: dict[str, str] = {
    "a transfer tells the fold of what came before it, without gaps": f"""
        SELECT account_id, id FROM (
          SELECT *, row_number() OVER w AS step, sum(moved) OVER w AS posted,
            sum(held_out) OVER w AS out, lag(created_at) OVER w AS before
          FROM ({LEGS}) legs WINDOW w AS (PARTITION BY merchant_id, account_id ORDER BY version)
        ) fold
        WHERE version <> step OR after <> posted OR held <> out OR created_at < before""",
    "an account is the fold of its transfers": f"""
        SELECT a.id FROM accounts a LEFT JOIN (
          SELECT merchant_id, account_id, count(*) AS steps, sum(moved) AS moved,
            sum(held_out) AS held_out, sum(held_in) AS held_in
          FROM ({LEGS}) legs GROUP BY 1, 2) f
        ON f.merchant_id = a.merchant_id AND f.account_id = a.id
        WHERE (a.version, a.posted, a.held_out, a.held_in) IS DISTINCT FROM
          (coalesce(f.steps, 0), coalesce(f.moved, 0), coalesce(f.held_out, 0),
           coalesce(f.held_in, 0))""",
    "no account is below its floor": """
        SELECT id FROM accounts WHERE posted - held_out < floor""",
    "an account holds what its open holds say": """
        SELECT a.id FROM accounts a
        WHERE (a.held_out, a.held_in) IS DISTINCT FROM (
          coalesce((SELECT sum(h.amount) FROM holds h WHERE h.state = 'held'
            AND (h.merchant_id, h.debit_owner, h.debit_code, h.asset) =
              (a.merchant_id, a.owner, a.code, a.asset)), 0),
          coalesce((SELECT sum(h.amount) FROM holds h WHERE h.state = 'held'
            AND (h.merchant_id, h.credit_owner, h.credit_code, h.asset) =
              (a.merchant_id, a.owner, a.code, a.asset)), 0))""",
    "a hold stands as its transfers say": """
        SELECT coalesce(h.id, t.id) FROM holds h
        FULL JOIN (SELECT * FROM transfers WHERE kind = 'hold') t
          ON t.merchant_id = h.merchant_id AND t.id = h.id
        LEFT JOIN transfers r ON r.merchant_id = t.merchant_id AND r.hold_id = t.id
        LEFT JOIN merchants m ON m.id = h.merchant_id
        WHERE h.id IS NULL OR t.id IS NULL OR h.amount <> t.amount OR h.asset <> t.asset
          OR h.expires_at IS DISTINCT FROM  -- a test clock brings it forward
            CASE WHEN h.expires_at < t.expires_at AND NOT m.livemode
            THEN h.expires_at ELSE t.expires_at END
          OR h.posted <> coalesce(r.amount, 0)
          OR (CASE h.state WHEN 'held' THEN r.id IS NULL WHEN 'posted' THEN r.kind = 'post'
              ELSE r.kind = 'void' END) IS NOT TRUE""",
    "a hold is resolved at most once, within its amount, between its accounts": """
        SELECT h.id FROM transfers r
        JOIN transfers h ON h.merchant_id = r.merchant_id AND h.id = r.hold_id
        GROUP BY h.merchant_id, h.id
        HAVING count(*) > 1 OR bool_or(r.amount > h.amount OR h.kind <> 'hold'
          OR (r.debit_id, r.credit_id, r.asset) <> (h.debit_id, h.credit_id, h.asset))""",
    "the books balance, per merchant and asset": """
        SELECT merchant_id, asset FROM accounts GROUP BY 1, 2
        HAVING sum(posted) <> 0 OR sum(held_out) <> sum(held_in)""",
    # Wishes move money between these accounts; it enters and leaves them through clearing alone.
    "credits are what payments captured, less what went back": """
        SELECT merchant_id, asset FROM (
          SELECT merchant_id, asset,
            sum(CASE kind WHEN 'charge' THEN amount ELSE -amount END) AS total
          FROM processor_objects
          WHERE (kind, state) IN
            (('charge', 'captured'), ('refund', 'succeeded'), ('dispute', 'lost'))
          GROUP BY 1, 2) p
        FULL JOIN (
          SELECT merchant_id, asset, sum(posted) AS total FROM accounts
          WHERE code <> 'clearing' GROUP BY 1, 2) a
        USING (merchant_id, asset)
        WHERE coalesce(p.total, 0) <> coalesce(a.total, 0)""",
    "what the API moved, somebody asked for": """
        SELECT t.id FROM transfers t WHERE t.code ~ '^(wallet|hold)_' AND (
          SELECT count(*) FROM audit a WHERE a.merchant_id = t.merchant_id
            AND a.object_id = coalesce(t.hold_id, t.id)
            AND (a.action IN ('hold.post', 'hold.void', 'hold.expire')) = (t.hold_id IS NOT NULL)
        ) <> 1""",
    "rows of one merchant do not refer to another's": " UNION ALL ".join(
        f"SELECT '{table}.{column}', r.{column} FROM {table} r JOIN {other} o"
        f" ON o.id = r.{column} AND o.merchant_id <> r.merchant_id"
        for (table, column), other in REFERENCES.items()
    ),
    "a payment's totals are the fold of its objects": """
        SELECT p.id FROM payments p LEFT JOIN LATERAL (
          SELECT sum(o.amount) FILTER (WHERE (o.kind, o.state) = ('charge', 'authorized')
              AND NOT EXISTS (  -- nobody wants what a canceled try authorizes late
                SELECT FROM tries t WHERE t.merchant_id = o.merchant_id
                  AND t.payment_id = o.payment_id AND t.ordinal = o.ordinal
                  AND t.state = 'canceled')) AS authorized,
            sum(o.amount) FILTER (WHERE (o.kind, o.state) = ('charge', 'captured')) AS captured,
            sum(o.amount) FILTER (WHERE (o.kind, o.state) = ('refund', 'succeeded')) AS refunded,
            sum(o.amount) FILTER (WHERE o.kind = 'dispute' AND o.state <> 'won') AS disputed
          FROM processor_objects o LEFT JOIN processor_objects c  -- the charge that it is of
            ON c.merchant_id = o.merchant_id AND c.payment_id = o.payment_id
            AND c.connection_id = o.connection_id AND c.kind = 'charge'
            AND c.reference = CASE o.kind WHEN 'charge' THEN o.reference ELSE o.parent END
          WHERE o.merchant_id = p.merchant_id AND o.payment_id = p.id AND o.asset = p.asset
            AND coalesce(c.asset, p.asset) = p.asset
            AND (c.nominated IS NOT TRUE OR c.amount = p.amount)
        ) f ON true
        WHERE (p.authorized, p.captured, p.refunded, p.disputed) IS DISTINCT FROM
          (coalesce(f.authorized, 0), coalesce(f.captured, 0), coalesce(f.refunded, 0),
           coalesce(f.disputed, 0))""",
    "what only its payer says is for a payment, and is not what was asked, stands in suspense": """
        SELECT o.reference FROM processor_objects o
        JOIN payments p ON p.merchant_id = o.merchant_id AND p.id = o.payment_id
        WHERE o.nominated AND o.kind = 'charge' AND o.booked > 0
          AND (o.amount, o.asset) <> (p.amount, p.asset) AND o.booked_to <> 'suspense'""",
    "what processors did is booked, and where it stands": """
        SELECT payment_id, kind, reference FROM processor_objects
        WHERE booked <> CASE
            WHEN (kind, state) IN (('charge', 'captured'), ('refund', 'succeeded')) THEN amount
            WHEN kind = 'dispute' AND state <> 'won' THEN amount ELSE 0 END
          OR kind = 'dispute' AND booked_to IS DISTINCT FROM CASE
            WHEN amount = 0 OR state = 'won' THEN NULL
            WHEN state = 'lost' THEN 'clearing' ELSE 'disputed' END""",
    "refunds done and under way stay within what their charge captured": """
        SELECT r.payment_id, r.charge FROM refunds r LEFT JOIN processor_objects o
          ON o.merchant_id = r.merchant_id AND o.payment_id = r.payment_id
          AND o.connection_id = r.connection_id AND o.kind = 'charge' AND o.reference = r.charge
          AND o.state = 'captured' AND o.asset = r.asset
        WHERE r.status IN ('pending', 'succeeded')
        GROUP BY r.merchant_id, r.payment_id, r.connection_id, r.charge, o.amount
        HAVING sum(r.amount) > coalesce(o.amount, 0)""",
    "a refund stands as its object says": """
        SELECT r.id FROM refunds r LEFT JOIN processor_objects o
          ON o.merchant_id = r.merchant_id AND o.payment_id = r.payment_id
          AND o.connection_id = r.connection_id AND o.kind = 'refund' AND o.reference = r.reference
        WHERE r.reference IS NOT NULL AND r.status IS DISTINCT FROM o.state
          OR r.reference IS NULL AND r.status = 'succeeded'""",
    "a refund under way is a hold that is open, and the other way round": """
        SELECT coalesce(r.id, h.id) FROM (
          SELECT * FROM refunds WHERE hold_id IS NOT NULL OR (status = 'pending' AND EXISTS (
            SELECT FROM operations o WHERE o.merchant_id = refunds.merchant_id
              AND o.payment_id = refunds.payment_id AND o.id = refunds.id))) r
        FULL JOIN (
          SELECT h.* FROM holds h
          JOIN transfers t ON t.merchant_id = h.merchant_id AND t.id = h.id
          WHERE h.state = 'held' AND t.code = 'refund_reserved') h
          ON h.merchant_id = r.merchant_id AND h.id = r.hold_id
        WHERE (r.status, r.amount, r.asset) IS DISTINCT FROM ('pending', h.amount, h.asset)""",
    "a dispute stands as its object says": """
        SELECT coalesce(d.reference, o.reference) FROM disputes d
        FULL JOIN (SELECT * FROM processor_objects WHERE kind = 'dispute') o
          ON o.merchant_id = d.merchant_id AND o.payment_id = d.payment_id
          AND o.connection_id = d.connection_id AND o.reference = d.reference
        WHERE (d.status, d.amount, d.asset) IS DISTINCT FROM (o.state, o.amount, o.asset)""",
    "what is disputed is what open disputes claim": """
        SELECT merchant_id, asset FROM (
          SELECT merchant_id, asset, sum(amount) AS total FROM disputes
          WHERE status IN ('needs_response', 'under_review') GROUP BY 1, 2) d
        FULL JOIN (SELECT * FROM accounts WHERE code = 'disputed') a USING (merchant_id, asset)
        WHERE coalesce(d.total, 0) <> coalesce(a.posted, 0)""",
    "an order has what its payments brought and gave back": """
        SELECT r.id FROM orders r LEFT JOIN LATERAL (
          SELECT sum(p.credited) AS paid, sum(p.refunded) FILTER (WHERE p.credited > 0) AS refunded
          FROM payments p WHERE p.merchant_id = r.merchant_id AND p.order_id = r.id) f ON true
        WHERE (r.paid, r.refunded) IS DISTINCT FROM
          (coalesce(f.paid, 0), coalesce(f.refunded, 0))""",
    "nobody takes and lets go a charge at once, or twice": """
        SELECT payment_id, target FROM operations
        WHERE kind IN ('capture', 'void') AND state IN ('reserved', 'submitted', 'unknown')
        GROUP BY merchant_id, payment_id, connection_id, target HAVING count(*) > 1""",
    "a wish that was carried out was carried out once": """
        SELECT payment_id, target FROM operations
        WHERE kind IN ('capture', 'void') AND state = 'done'
        GROUP BY merchant_id, payment_id, connection_id, target HAVING count(*) > 1""",
    "a payment has one open try at most": """
        SELECT payment_id FROM tries WHERE state = 'open'
        GROUP BY merchant_id, payment_id HAVING count(*) > 1""",
    "an event has exactly its endpoints' deliveries": """
        SELECT v.id FROM events v WHERE
          (SELECT count(*) FROM deliveries d
           WHERE d.merchant_id = v.merchant_id AND d.event_id = v.id) <>
          (SELECT count(*) FROM endpoints e
           WHERE e.merchant_id = v.merchant_id AND e.created_at <= v.created_at
             AND v.type LIKE ANY (e.patterns)
             AND (v.type <> 'webhook.test' OR e.id = v.object_id)
             AND (e.provider IS NULL OR e.provider = v.data #>> '{metadata,providerId}')
             AND (e.state = 'enabled' OR e.updated_at > v.created_at))
    """,
    "a key has its payment": """
        SELECT k.key FROM idempotency_keys k LEFT JOIN payments p
          ON p.merchant_id = k.merchant_id AND p.id = k.object_id
        WHERE k.status_code = 201 AND k.body LIKE '{"id":"pay_%' AND p.id IS NULL""",
    "a key has its refund": """
        SELECT k.key FROM idempotency_keys k LEFT JOIN refunds r
          ON r.merchant_id = k.merchant_id AND r.id = k.object_id
        WHERE k.status_code = 201 AND k.body LIKE '{"id":"re_%' AND r.id IS NULL""",
    "a payment succeeded once": """
        SELECT merchant_id, object_id FROM events WHERE type = 'payment.succeeded'
        GROUP BY 1, 2 HAVING count(*) > 1""",
    "a processed callback passed its gate": """
        SELECT c.id FROM callbacks c LEFT JOIN seen_callbacks s
          ON s.merchant_id = c.merchant_id AND s.callback_id = c.id
        WHERE s.callback_id IS NULL AND c.hint IS NULL""",
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

"""What the sandbox remembers, in SQLite: a file that outlives restarts, or memory.

One connection, used by the event loop's thread alone; every statement takes microseconds, so
nothing here waits. A killed process loses nothing that was committed (WAL; a power cut may cost
the last moments, which is good enough for play money).
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tillgate.sandbox.faults import NO_FAULTS, Faults
from tillgate.sandbox.model import Attempt, Callback, Dispute, Later, Payment, Refund

Part = TypeVar("Part", Refund, Dispute)

FILE = "sandbox.sqlite3"
PAYMENTS_KEPT = 200_000
"""Older ones are forgotten, with all that hangs on them."""

FORGET_EVERY = 1000
CALLBACKS_SHOWN = 200
"""The most callbacks of one payment that a look at it reads."""

SCHEMA = """
pragma journal_mode = wal;
pragma synchronous = normal;
pragma wal_autocheckpoint = 4000;
create table if not exists payments (
  number integer primary key,
  reference text not null unique,
  transaction_id text not null unique,
  idempotency_key text unique,
  document text not null,
  faults text not null default '{}'
);
-- Values of metadata, so that a payment is found by the name that others gave it.
create table if not exists names (
  name text not null,
  payment integer not null,
  primary key (name, payment)
) without rowid;
create index if not exists names_by_payment on names (payment);
-- Refunds and disputes: what a payment has become in parts.
create table if not exists parts (
  reference text not null,
  kind text not null,
  name text not null,
  document text not null,
  primary key (reference, kind, name)
) without rowid;
-- What happens by itself, to a payment or (refund <> '') to one refund of it.
create table if not exists later (
  reference text not null,
  refund text not null,
  succeeds integer not null,
  amount integer,
  due_at real not null,
  primary key (reference, refund)
) without rowid;
create index if not exists later_due on later (due_at);
create table if not exists callbacks (
  number integer primary key,
  reference text not null,
  event_id text not null,
  event_type text not null,
  url text not null,
  body text not null,
  signing text not null,
  state text not null,
  due_at real not null,
  behind integer,
  attempts text not null,
  sending integer not null default 0
);
create index if not exists callbacks_by_reference on callbacks (reference);
create index if not exists callbacks_due on callbacks (due_at)
  where state = 'waiting' and sending = 0 and behind is null;
create index if not exists callbacks_behind on callbacks (behind) where behind is not null;
create table if not exists faults (
  only_row integer primary key check (only_row = 1),
  document text not null
);
"""


class Store:
    """Payments with their parts, callbacks and faults. Changes belong into a `step()`."""

    def __init__(self, folder: Path | None, payments_kept: int = PAYMENTS_KEPT) -> None:
        self._payments_kept = payments_kept
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE if folder else ":memory:", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(SCHEMA)
        # What was on its way when the last process died goes again.
        self._db.execute("update callbacks set sending = 0 where sending = 1")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def step(self) -> Generator[None, None, None]:
        """All of it or nothing."""
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise

    def add_payment(self, payment: Payment, idempotency_key: str | None) -> None:
        number = self._db.execute(
            "insert into payments (reference, transaction_id, idempotency_key, document)"
            " values (?, ?, ?, ?)",
            (payment.reference, payment.transaction_id, idempotency_key, _text(payment)),
        ).lastrowid
        names = {value for value in payment.metadata.values() if isinstance(value, str)}
        rows = [(name, number) for name in names]
        self._db.executemany("insert into names values (?, ?)", rows)
        if number and number % FORGET_EVERY == 0:
            self._forget(number - self._payments_kept)

    def keep_payment(self, payment: Payment) -> None:
        self._db.execute(
            "update payments set document = ? where reference = ?",
            (_text(payment), payment.reference),
        )

    def payment(self, reference: str) -> Payment | None:
        """By the sandbox's own reference, else by the TransactionId."""
        return self._payment(
            "select document from payments where reference = ?", reference
        ) or self._payment("select document from payments where transaction_id = ?", reference)

    def payment_named(self, name: str) -> Payment | None:
        """As `payment`, else the newest one that carries the name in its metadata."""
        return self.payment(name) or self._payment(
            "select document from payments"
            " where number = (select max(payment) from names where name = ?)",
            name,
        )

    def payment_of_key(self, idempotency_key: str) -> Payment | None:
        query = "select document from payments where idempotency_key = ?"
        return self._payment(query, idempotency_key)

    def newest(self, limit: int) -> list[Payment]:
        query = "select document from payments order by number desc limit ?"
        rows = self._db.execute(query, (limit,))
        return [msgspec.json.decode(row[0], type=Payment) for row in rows]

    def keep_refund(self, refund: Refund) -> None:
        self._keep_part(refund.reference, refund.refund_reference, refund)

    def refunds(self, reference: str) -> list[Refund]:
        """Those of a payment, oldest first."""
        return self._parts(reference, Refund)

    def keep_dispute(self, dispute: Dispute) -> None:
        self._keep_part(dispute.reference, dispute.dispute_reference, dispute)

    def disputes(self, reference: str) -> list[Dispute]:
        """Those of a payment, oldest first."""
        return self._parts(reference, Dispute)

    def add_later(self, later: Later) -> None:
        self._db.execute(
            "insert or replace into later values (?, ?, ?, ?, ?)",
            (later.reference, later.refund or "", later.succeeds, later.amount, later.due_at),
        )

    def drop_later(self, reference: str, refund: str | None) -> None:
        """Once it has happened, or something else instead."""
        self._db.execute(
            "delete from later where reference = ? and refund = ?", (reference, refund or "")
        )

    def due_later(self, now: float, limit: int) -> list[Later]:
        rows = self._db.execute(
            "select * from later where due_at <= ? order by due_at limit ?", (now, limit)
        ).fetchall()
        return [
            Later(row["reference"], row["refund"] or None, bool(row["succeeds"]), *row[3:])
            for row in rows
        ]

    def add_callback(self, callback: Callback) -> int:
        """Returns its number, by which another one can stand behind it."""
        number = self._db.execute(
            "insert into callbacks (reference, event_id, event_type, url, body, signing, state,"
            " due_at, behind, attempts) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                callback.reference,
                callback.event_id,
                callback.event_type,
                callback.url,
                callback.body,
                callback.signing,
                callback.state,
                callback.due_at,
                callback.behind,
                _text(callback.attempts),
            ),
        ).lastrowid
        return number or 0

    def callbacks_of(self, reference: str) -> list[Callback]:
        """The newest of a payment, oldest first."""
        rows = self._db.execute(
            "select * from callbacks where reference = ? order by number desc limit ?",
            (reference, CALLBACKS_SHOWN),
        ).fetchall()
        return [_callback(row) for row in reversed(rows)]

    def claim_callbacks(self, now: float, limit: int) -> list[Callback]:
        """Takes those that are due, the longest waiting first; `keep_attempt` gives them back."""
        rows = self._db.execute(
            "update callbacks set sending = 1 where number in (select number from callbacks"
            " where state = 'waiting' and sending = 0 and behind is null and due_at <= ?"
            " order by due_at, number limit ?) returning *",
            (now, limit),
        ).fetchall()
        return sorted(map(_callback, rows), key=lambda one: (one.due_at, one.number))

    def next_due_at(self) -> float | None:
        """When the next callback or anything else that happens by itself is due."""
        return self._db.execute(
            "select min(due_at) from (select min(due_at) as due_at from callbacks"
            " where state = 'waiting' and sending = 0 and behind is null"
            " union all select min(due_at) from later)"
        ).fetchone()[0]

    def keep_attempt(self, callback: Callback) -> None:
        """Writes what became of a claimed one, and lets go those that stood behind it."""
        self._db.execute(
            "update callbacks set state = ?, due_at = ?, attempts = ?, sending = 0"
            " where number = ?",
            (callback.state, callback.due_at, _text(callback.attempts), callback.number),
        )
        self._db.execute("update callbacks set behind = null where behind = ?", (callback.number,))

    def untried(self, reference: str) -> bool:
        """Whether a callback of the payment still waits for its first try."""
        row = self._db.execute(
            "select 1 from callbacks where reference = ? and state = 'waiting' and attempts = '[]'",
            (reference,),
        ).fetchone()
        return row is not None

    def faults(self) -> Faults:
        """Those for all payments."""
        row = self._db.execute("select document from faults").fetchone()
        return msgspec.json.decode(row[0], type=Faults) if row else NO_FAULTS

    def keep_faults(self, faults: Faults) -> None:
        self._db.execute("insert or replace into faults values (1, ?)", (_text(faults),))

    def own_faults(self, reference: str) -> Faults:
        """Those of one payment."""
        query = "select faults from payments where reference = ?"
        row = self._db.execute(query, (reference,)).fetchone()
        return msgspec.json.decode(row[0], type=Faults) if row else NO_FAULTS

    def keep_own_faults(self, reference: str, faults: Faults) -> None:
        self._db.execute(
            "update payments set faults = ? where reference = ?", (_text(faults), reference)
        )

    def _payment(self, query: str, value: str) -> Payment | None:
        row = self._db.execute(query, (value,)).fetchone()
        return msgspec.json.decode(row[0], type=Payment) if row else None

    def _keep_part(self, reference: str, name: str, part: Refund | Dispute) -> None:
        self._db.execute(
            "insert or replace into parts values (?, ?, ?, ?)",
            (reference, type(part).__name__, name, _text(part)),
        )

    def _parts(self, reference: str, kind: type[Part]) -> list[Part]:
        rows = self._db.execute(
            "select document from parts where reference = ? and kind = ? order by name",
            (reference, kind.__name__),
        )
        return [msgspec.json.decode(row[0], type=kind) for row in rows]

    def _forget(self, number: int) -> None:
        query = "select reference from payments where number = ?"
        row = self._db.execute(query, (number,)).fetchone()
        if row:
            self._db.execute("delete from payments where number <= ?", (number,))
            self._db.execute("delete from names where payment <= ?", (number,))
            # References are ordered by time, to the millisecond: near enough for what is so old.
            for table in ("parts", "later", "callbacks"):
                self._db.execute(f"delete from {table} where reference <= ?", tuple(row))  # noqa: S608  names of ours


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _callback(row: sqlite3.Row) -> Callback:
    values: dict[str, Any] = {name: row[name] for name in Callback.__struct_fields__}
    values["attempts"] = msgspec.json.decode(row["attempts"], type=tuple[Attempt, ...])
    return Callback(**values)

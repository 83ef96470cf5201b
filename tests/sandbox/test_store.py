"""What is remembered has a limit: the oldest payments go, with all that hangs on them."""

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from tillgate.kit import ids
from tillgate.sandbox import rules
from tillgate.sandbox.faults import NO_FAULTS
from tillgate.sandbox.model import Later, Payment, Refund
from tillgate.sandbox.store import FILE, FORGET_EVERY, Store

from .test_rules import PAID

TABLES = ("payments", "names", "parts", "later", "callbacks")


def refund_of(payment: Payment) -> Refund:
    return Refund(
        refund_id="r1",
        refund_reference="rfd_1",
        refund_status="pending",
        refund_amount=1,
        reference=payment.reference,
        transaction_id=payment.transaction_id,
        currency=payment.currency,
        opened_as="pending",
        updated_at=1,
    )


def counts(folder: Path) -> list[int]:
    database = sqlite3.connect(folder / FILE)
    found = [database.execute(f"select count(*) from {name}").fetchone()[0] for name in TABLES]
    database.close()
    return found


def test_the_oldest_payments_are_forgotten(tmp_path: Path) -> None:
    kept = 1500
    store = Store(tmp_path, kept)
    with store.step():
        for number in range(2 * FORGET_EVERY):
            payment = replace(
                PAID,
                reference=f"sbx_{number:06}",
                transaction_id=f"op_{number}",
                metadata={"payment": f"pay_{number}"},
            )
            store.add_payment(payment, None)
            store.keep_refund(refund_of(payment))
            store.add_later(Later(payment.reference, "rfd_1", True, None, 1))
            event_ids = iter([ids.show("evt", ids.mint())])
            for callback in rules.callbacks(
                payment, "payment.succeeded", event_ids, NO_FAULTS, now=1
            ):
                store.add_callback(callback)
    assert counts(tmp_path) == [kept] * 5
    assert store.payment("sbx_000499") is None
    assert store.payment_named("pay_500") is not None
    store.close()


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def add_twice() -> None:
        with store.step():
            store.add_payment(PAID, "key")
            store.add_payment(PAID, "key")

    with pytest.raises(sqlite3.IntegrityError):
        add_twice()
    assert counts(tmp_path) == [0] * 5
    with store.step():
        store.add_payment(PAID, "key")
    assert store.payment_of_key("key") == PAID
    store.close()

"""What is decided without any I/O: time tables, totals, what counts as an address."""

import msgspec
import pytest
from msgspec.structs import replace

from tillgate.sandbox import faults as spoiling
from tillgate.sandbox import rules
from tillgate.sandbox.faults import NO_FAULTS, Faults
from tillgate.sandbox.model import CancelWish, CaptureWish, Outcome, Payment, Refusal

PENDING = Payment(
    reference="sbx_1",
    transaction_id="op_1",
    amount=1250,
    currency="eur",
    callback_url="http://shop.example/c",
    success_url="http://shop.example/s",
    failure_url="http://shop.example/f",
    status="pending",
    created_at=1000,
    updated_at=1000,
)
PAID = replace(PENDING, status="success", captured=1250)
REFUSED: list[tuple[Outcome, int | None]] = [("approve", 1), ("decline", None)]


def test_retries_slow_down_and_end() -> None:
    waits = [rules.retry_after_s(tries) for tries in range(1, 21)]
    assert waits == [1, 2, 4, 8, 16, *[30] * 14, None]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:8000/checkout/pay_1?x=1#y", "http://127.0.0.1:8000"),
        ("https://SHOP.example", "https://shop.example"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://shop.example;x", None),
        ("https://shop.example /", None),
        ("https://a@shop.example/", None),
        ("https://münchen.example/", None),
        ("https:///path", None),
        ("shop.example", None),
        ("file:///etc/passwd", None),
    ],
)
def test_an_origin_is_what_a_policy_can_hold(url: str, origin: str | None) -> None:
    assert rules.origin(url) == origin


def test_finishing_twice_changes_nothing() -> None:
    done = rules.finish(PENDING, "approve", None, 1010)
    assert isinstance(done, Payment)
    assert (done.status, done.captured, done.updated_at) == ("success", 1250, 1010)
    assert rules.finish(done, "approve", None, 1020) is done
    assert rules.finish(done, "approve", 1250, 1020) is done
    for outcome, amount in REFUSED:
        assert isinstance(rules.finish(done, outcome, amount, 1020), Refusal)


def test_what_is_set_aside_is_captured_once_or_let_go() -> None:
    held = rules.finish(replace(PENDING, capture=False), "approve", None, 1010)
    assert isinstance(held, Payment)
    assert (held.status, held.authorized, held.captured) == ("authorized", 1250, 0)
    assert rules.finish(held, "approve", None, 1020) is held
    assert isinstance(rules.capture(held, CaptureWish("c1", 1251), 1020), Refusal)
    taken = rules.capture(held, CaptureWish("c1", 1000), 1020)
    assert isinstance(taken, Payment)
    assert (taken.status, taken.authorized, taken.captured) == ("success", 0, 1000)
    assert rules.capture(taken, CaptureWish("c1", 1000), 1030) is taken
    gone = rules.cancel(held, CancelWish("v1"), 1020)
    assert isinstance(gone, Payment)
    assert (gone.status, gone.authorized, gone.captured) == ("canceled", 0, 0)
    assert rules.cancel(gone, CancelWish("v1"), 1030) is gone
    refused = [
        rules.capture(taken, CaptureWish("c1", 999), 1030),
        rules.capture(taken, CaptureWish("c2", 1), 1030),
        rules.cancel(taken, CancelWish("c1"), 1030),
        rules.cancel(taken, CancelWish("v1"), 1030),
        rules.capture(gone, CaptureWish("v1", 1), 1030),
        rules.cancel(gone, CancelWish("v2"), 1030),
    ]
    assert [type(one) for one in refused] == [Refusal] * 6


def test_faults_are_spent() -> None:
    assert spoiling.spent(Faults(drop=True)) == Faults(drop=True)
    assert spoiling.spent(Faults(drop=True, times=2)) == Faults(drop=True, times=1)
    assert spoiling.spent(Faults(drop=True, times=1)) == NO_FAULTS
    assert spoiling.spent_by_call(Faults(fail_after_work=2)) == Faults(fail_after_work=1)
    assert spoiling.spent_by_call(Faults(fail_after_work=1)) == NO_FAULTS


@pytest.mark.parametrize("name", Faults.__struct_fields__)
def test_every_fault_spoils_calls_or_callbacks_or_refunds(name: str) -> None:
    value = {"duplicate": 2, "wrong_currency": "jpy", "refund_outcome": "fail"}.get(name, 1)
    faults = msgspec.convert({name: value}, Faults, strict=False)
    spoils = [
        spoiling.spoils_calls(faults),
        spoiling.spoils_callbacks(faults),
        spoiling.spoils_refunds(faults),
    ]
    assert sum(spoils) == (0 if name == "times" else 1)


def test_the_signature_is_reproduced() -> None:
    """A vector for those who write receivers: made with `openssl dgst -sha256 -hmac secret`."""
    ids = iter(["evt_1"])
    (callback,) = rules.callbacks(PAID, "payment.succeeded", ids, NO_FAULTS, 1)
    assert callback.body == (
        '{"EventId":"evt_1","EventType":"payment.succeeded","TransactionId":"op_1",'
        '"Reference":"sbx_1","Status":"success","Amount":1250,"Currency":"eur",'
        '"Timestamp":1000,"Metadata":{}}'
    )
    assert rules.signed_headers(callback, "secret", 1700000000) == {
        "X-Sandbox-Timestamp": "1700000000",
        "X-Sandbox-Signature": "e889cc6e1a14ddbcd32d12bcd8e05fa650c780f197266e8395e8fbaa1be61f46",
    }

"""What is decided without any I/O: time tables, totals, what counts as an address."""

import msgspec
import pytest
from msgspec.structs import replace

from tillgate.sandbox import rules
from tillgate.sandbox.model import NO_FAULTS, Faults, Outcome, Payment, RefundWish, Refusal

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


def test_refunds_stay_below_what_was_captured() -> None:
    paid = replace(PAID, captured=100)
    part = rules.refund(paid, RefundWish("r1", 60), 1010)
    assert isinstance(part, Payment)
    assert part.refunded == 60
    assert isinstance(rules.refund(part, RefundWish("r2", 41), 1020), Refusal)
    assert isinstance(rules.refund(PENDING, RefundWish("r1", 1), 1010), Refusal)


def test_faults_are_spent() -> None:
    assert rules.spent(Faults(drop=True)) == Faults(drop=True)
    assert rules.spent(Faults(drop=True, times=2)) == Faults(drop=True, times=1)
    assert rules.spent(Faults(drop=True, times=1)) == NO_FAULTS
    assert rules.spent_by_call(Faults(fail_after_work=2)) == Faults(fail_after_work=1)
    assert rules.spent_by_call(Faults(fail_after_work=1)) == NO_FAULTS


@pytest.mark.parametrize("name", Faults.__struct_fields__)
def test_every_fault_spoils_calls_or_callbacks(name: str) -> None:
    value = {"duplicate": 2, "wrong_currency": "jpy"}.get(name, 1)
    faults = msgspec.convert({name: value}, Faults, strict=False)
    spoils = (rules.spoils_calls(faults), rules.spoils_callbacks(faults))
    assert spoils in ([(False, False)] if name == "times" else [(True, False), (False, True)])


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

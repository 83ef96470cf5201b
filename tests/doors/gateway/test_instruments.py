"""What counts as an address for UPI and as a card, and how notes are kept. No I/O."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.doors.gateway import instruments, orders, shapes
from tillgate.doors.gateway.instruments import BAD_CARD, BAD_VPA, EXPIRED, NO_CARD, NO_METHOD
from tillgate.doors.gateway.words import Bad, refuse
from tillgate.kit.canonical import canonical
from tillgate.kit.refusal import CODES, Refused

NOW = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
CARD = {"number": "4111111111111111", "expiry_month": "12", "expiry_year": "2025", "cvv": "123"}


def told(**body: Any) -> Any:
    read = instruments.read(body, NOW)
    return read if isinstance(read, Bad) else read.told


@pytest.mark.parametrize("vpa", ["a@b", "user@paytm", "A.b_c-9@Bank9"])
def test_addresses(vpa: str) -> None:
    assert told(method="upi", vpa=vpa) == {"vpa": vpa}


@pytest.mark.parametrize(
    "vpa",
    ["", "user", "@b", "a@", "a@b@c", "a b@c", "a@b.c", "a@b\n", "ü@b", 5, None, "a" * 255 + "@b"],
)
def test_addresses_that_are_none(vpa: object) -> None:
    assert told(method="upi", vpa=vpa) == BAD_VPA


@pytest.mark.parametrize(
    ("number", "network"),
    [
        ("4111111111111111", "visa"), ("4222222222222", "visa"), ("5105105105105100", "mastercard"),
        ("5555555555554444", "mastercard"), ("378282246310005", "amex"),
        ("341111111111111", "amex"), ("6011111111111117", "rupay"), ("6521111111111117", "rupay"),
        ("8100000000000007", "rupay"), ("8900000000000009", "rupay"),
        ("2223003122003222", "unknown"), ("3566002020360505", "unknown"),
        ("9000000000000001", "unknown"), ("5600000000000003", "unknown"),
    ],
)  # fmt: skip
def test_networks(number: str, network: str) -> None:
    assert instruments.network(number) == network


@given(st.text(alphabet="0123456789", min_size=12, max_size=18))
def test_exactly_one_check_digit_fits(start: str) -> None:
    fitting = [digit for digit in "0123456789" if instruments.luhn(start + digit)]
    assert len(fitting) == 1


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, {"card_network": "visa", "card_last4": "1111"}),
        ({"number": " 4111-1111 1111-1111 "}, {"card_network": "visa", "card_last4": "1111"}),
        ({"number": 4111111111111111}, {"card_network": "visa", "card_last4": "1111"}),
        ({"number": "4111111111111112"}, BAD_CARD),
        ({"number": "411111111111"}, BAD_CARD),
        ({"number": "4" * 20}, BAD_CARD),
        ({"number": "٤١١١١١١١١١١١١١١١"}, BAD_CARD),
        ({"number": "0000000000000000"}, {"card_network": "unknown", "card_last4": "0000"}),
        ({"number": [4]}, NO_CARD),
        ({"number": None}, NO_CARD),
        ({"cvv": ""}, NO_CARD),
        ({"cvv": "12"}, BAD_CARD),
        ({"cvv": 123}, {"card_network": "visa", "card_last4": "1111"}),
        ({"expiry_month": "13"}, EXPIRED),
        ({"expiry_month": "0"}, EXPIRED),
        ({"expiry_month": "x"}, EXPIRED),
        ({"expiry_year": "x"}, EXPIRED),
        ({"expiry_year": "202"}, EXPIRED),
        ({"expiry_month": 2, "expiry_year": 24}, {"card_network": "visa", "card_last4": "1111"}),
        ({"expiry_month": "02", "expiry_year": "2024"}, {
            "card_network": "visa", "card_last4": "1111",
        }),
        ({"expiry_month": "01", "expiry_year": "2024"}, EXPIRED),
        ({"expiry_month": "12", "expiry_year": "2023"}, EXPIRED),
    ],
)  # fmt: skip
def test_cards(changes: dict[str, Any], wanted: object) -> None:
    assert told(method="card", card=CARD | changes) == wanted


def test_cards_in_flat_members() -> None:
    flat = {"card_number": "4111111111111111", "card_expiry": "12/25", "card_cvv": "123"}
    assert told(method="card", **flat) == {"card_network": "visa", "card_last4": "1111"}
    for changes, wanted in (
        ({"card_expiry": "01/24"}, EXPIRED),
        ({"card_expiry": "1224"}, NO_CARD),
    ):
        assert told(method="card", **(flat | changes)) == wanted
    assert told(method="card") == told(method="card", card="x") == NO_CARD


@pytest.mark.parametrize("method", [None, "", "cash", "UPI", 1, ["card"], {}])
def test_other_ways_to_pay(method: object) -> None:
    assert told(method=method) == NO_METHOD


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)


@given(st.dictionaries(texts, json_values, max_size=6))
def test_notes_come_back_as_javascript_would_read_them(notes: dict[str, Any]) -> None:
    kept = shapes.notes_as_metadata(notes)
    if isinstance(kept, str):
        assert kept.startswith("values of notes")
        return
    assert all(isinstance(text, str) for text in kept.values())
    back = {name: shapes.note(text) for name, text in kept.items()}
    assert canonical(back) == canonical(notes)


def test_metadata_of_others_that_only_looks_like_ours_is_text() -> None:
    for text in ("json:", "json:{", "json:nope", "json:1e999", f"json:{'[' * 90}{']' * 90}"):
        assert shapes.note(text) == text


def test_orders_understood() -> None:
    wanted = orders.understood({"amount": 100})
    assert isinstance(wanted, orders.Wanted)
    assert (wanted.money, wanted.receipt, wanted.notes) == ((100, "inr"), None, {})
    for receipt in ("a" * 256, "a\nb", 5):
        assert orders.understood({"amount": 100, "receipt": receipt}) != wanted
    for currency in ("", 5, "EURO"):
        assert (
            orders.understood({"amount": 100, "currency": currency}) == "currency is not supported"
        )


@pytest.mark.parametrize("code", CODES)
def test_every_refusal_has_the_gateways_words(code: str) -> None:
    answer = refuse(Refused(code, "Why."))
    said = msgspec.json.decode(answer.body)
    assert said.keys() == {"error"}
    known = {400, 401, 404, 405, 413, 429, 500, 503}
    assert answer.status in known
    names = {401: "AUTHENTICATION_ERROR", 404: "NOT_FOUND_ERROR", 500: "INTERNAL_SERVER_ERROR",
             503: "INTERNAL_SERVER_ERROR"}  # fmt: skip
    assert said["error"]["code"] == names.get(answer.status, "BAD_REQUEST_ERROR")
    assert (b"retry-after", b"1") in answer.headers or answer.status != 503

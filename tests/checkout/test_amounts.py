"""Amounts as a payer reads them. That browsers agree is shown in tests/browser/test_look.py."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.checkout.amounts import show_amount
from tillgate.checkout.words import languages
from tillgate.kit.money import AMOUNT_MAX_MINOR, ASSETS, Money


@pytest.mark.parametrize(
    ("money", "language", "text"),
    [
        (Money(1250, "eur"), "en", "€12.50"),
        (Money(1250, "eur"), "de", "12,50\u00a0€"),
        (Money(1250, "eur"), "es", "12,50\u00a0€"),
        (Money(1250, "eur"), "ar", "\u200f12.50\u00a0€"),
        (Money(5, "usd"), "en", "$0.05"),
        (Money(123_456_789, "usd"), "en", "$1,234,567.89"),
        (Money(123_456, "eur"), "es", "1234,56\u00a0€"),
        (Money(1_234_567, "eur"), "es", "12.345,67\u00a0€"),
        (Money(125_000, "jpy"), "en", "¥125,000"),
        (Money(125_000, "jpy"), "de", "125.000\u00a0¥"),
        (Money(1250, "kwd"), "en", "KWD\u00a01.250"),
        (Money(1250, "kwd"), "ar", "\u200f1.250\u00a0د.ك.\u200f"),
        (Money(150_000, "sbtc"), "de", "0,00150000\u00a0sBTC"),
        (Money(1, "sbtc"), "en", "sBTC\u00a00.00000001"),
    ],
)
def test_amounts_are_written_as_the_language_does(money: Money, language: str, text: str) -> None:
    assert show_amount(money, language).text == text


@given(
    minor=st.integers(min_value=0, max_value=AMOUNT_MAX_MINOR),
    asset=st.sampled_from(sorted(ASSETS)),
    language=st.sampled_from(sorted(languages())),
)
def test_no_digit_is_lost_or_made_up(minor: int, asset: str, language: str) -> None:
    how = languages()[language].amounts
    number = show_amount(Money(minor, asset), language).number
    read = Decimal(number.replace(how.group, "").replace(how.decimal, "."))
    assert read == Money(minor, asset).decimal
    assert len(number.partition(how.decimal)[2]) == ASSETS[asset]


def test_a_long_amount_is_set_smaller() -> None:
    assert show_amount(Money(AMOUNT_MAX_MINOR, "usd"), "en").narrow
    assert not show_amount(Money(1250, "usd"), "en").narrow

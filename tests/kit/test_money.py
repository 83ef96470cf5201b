"""Money is exact, and assets do not mix."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.kit.money import ASSETS, Money, find_asset, from_decimal


@given(st.integers(0, 2**53), st.sampled_from(sorted(ASSETS)))
def test_major_units_and_back(minor: int, asset: str) -> None:
    assert from_decimal(Money(minor, asset).decimal, asset) == Money(minor, asset)


def test_a_remainder_is_refused() -> None:
    assert from_decimal(Decimal("1.005"), "eur") is None
    assert from_decimal(Decimal("0.5"), "jpy") is None


def test_assets_do_not_mix() -> None:
    with pytest.raises(TypeError):
        _ = Money(1, "eur") + Money(1, "usd")
    with pytest.raises(TypeError):
        _ = Money(1, "eur") - Money(1, "usd")
    assert Money(3, "eur") - Money(1, "eur") + Money(5, "eur") == Money(7, "eur")


@pytest.mark.parametrize(("code", "asset"), [("EUR", "eur"), ("Jpy", "jpy"), ("sBTC", "sbtc")])
def test_codes_are_read_in_any_case(code: str, asset: str) -> None:
    assert find_asset(code) == asset


@pytest.mark.parametrize("code", ["", "xxx", "eur ", "euro", "€"])
def test_unknown_codes_are_none(code: str) -> None:
    assert find_asset(code) is None


def test_exponents_are_iso_4217s() -> None:
    known = {"usd": 2, "jpy": 0, "kwd": 3, "isk": 0, "clp": 0, "huf": 2, "sbtc": 8, "tnd": 3}
    assert {asset: ASSETS[asset] for asset in known} == known
    assert max(ASSETS.values()) == 8

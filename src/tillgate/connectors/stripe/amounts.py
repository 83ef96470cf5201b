"""Our minor units and Stripe's: the same but for a few currencies. Exact, or refused. Pure.

Source: docs.stripe.com/currencies, zero-decimal currencies and special cases.
"""

from tillgate.kit.money import ASSETS, Money, find_asset

WITH_HUNDREDTHS = frozenset(("isk", "ugx"))
"""No minor unit, and yet two decimals at Stripe, which must be 00."""

WITHOUT_HUNDREDTHS = frozenset(("mga",))
"""Two decimals in ISO 4217, none at Stripe."""

ASSETS_TAKEN = frozenset(ASSETS) - WITHOUT_HUNDREDTHS - {"sbtc"}
"""What every amount of can be told to Stripe exactly."""


def to_stripe(money: Money) -> int:
    """Raises LookupError for what cannot be told exactly: `ASSETS_TAKEN` says so before."""
    if money.asset in WITH_HUNDREDTHS:
        return money.minor * 100
    if money.asset not in WITHOUT_HUNDREDTHS:
        return money.minor
    whole, rest = divmod(money.minor, 100)
    if rest:
        raise LookupError(f"Stripe has no minor units of {money.asset}")
    return whole


def from_stripe(amount: int, currency: str) -> Money | None:
    """None: the currency is unknown, or a remainder would be lost."""
    asset = find_asset(currency)
    if asset is None:
        return None
    if asset in WITHOUT_HUNDREDTHS:
        return Money(amount * 100, asset)
    if asset not in WITH_HUNDREDTHS:
        return Money(amount, asset)
    whole, rest = divmod(amount, 100)
    return None if rest else Money(whole, asset)

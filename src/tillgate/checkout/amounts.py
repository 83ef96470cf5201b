"""Money as a payer reads it: with the grouping, decimal mark and symbol of a language, unrounded.

0 to 8 decimals: ¥1,250 · 12,50 € · KWD 1.250 · sBTC 0.00150000.
"""

from typing import NamedTuple

from tillgate.checkout.words import languages
from tillgate.kit.money import ASSETS, Money

NARROW_FROM_CHARS = 11
"""An amount as long as this is set smaller, so that it stays on one line of a small phone."""

_NO_BREAK = "\u00a0"
_RTL_MARK = "\u200f"


class Shown(NamedTuple):
    """An amount in the parts that are set in different sizes, in the order of reading."""

    lead: str
    """The symbol before the number, with the space after it; or the mark of a direction."""
    number: str
    tail: str
    """The symbol after the number, with the space before it."""

    @property
    def text(self) -> str:
        return self.lead + self.number + self.tail

    @property
    def narrow(self) -> bool:
        return len(self.text) >= NARROW_FROM_CHARS


def show_amount(money: Money, language: str) -> Shown:
    """`Money(1250, "eur")` is €12.50 in English and 12,50 € in German."""
    how = languages()[language].amounts
    exponent = ASSETS[money.asset]
    digits = str(money.minor).rjust(exponent + 1, "0")
    whole, fraction = digits[: len(digits) - exponent], digits[len(digits) - exponent :]
    if len(whole) >= how.group_from_digits:
        whole = f"{int(whole):,}".replace(",", how.group)
    number = f"{whole}{how.decimal}{fraction}" if fraction else whole
    symbol = how.symbols.get(money.asset, money.asset.upper())
    if how.symbol_first:
        # a symbol stands close, a word apart: €12.50 but CHF 12.50
        return Shown(symbol + (_NO_BREAK if symbol[-1].isalpha() else ""), number, "")
    if languages()[language].direction == "rtl":
        # as CLDR: the amount reads right to left, and a symbol in Arabic letters ends so too
        end = "" if symbol.isascii() or not symbol.endswith(".") else _RTL_MARK
        return Shown(_RTL_MARK, number, _NO_BREAK + symbol + end)
    return Shown("", number, _NO_BREAK + symbol)

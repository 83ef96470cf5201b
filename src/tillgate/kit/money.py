"""Money is one type: minor units and an asset. No float, no bare integer across a boundary."""

from decimal import Decimal
from typing import NamedTuple

# ISO 4217 (list one, active codes of countries), by exponent; and tokens.
_BY_EXPONENT = {
    0: ("bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf "),
    2: (
        "aed afn all amd aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd btn bwp byn bzd "
        "cad cdf chf cny cop crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip "
        "gmd gtq gyd hkd hnl htg huf idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd "
        "lsl mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab "
        "pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc "
        "syp szl thb tjs tmt top try ttd twd tzs uah usd uyu uzs ves wst xcd yer zar zmw zwg "
    ),
    3: ("bhd iqd jod kwd lyd omr tnd "),
    8: "sbtc",
}
ASSETS: dict[str, int] = {
    code: exponent for exponent, codes in _BY_EXPONENT.items() for code in codes.split()
}
"""Asset code, in lower case → exponent: USD 2, JPY 0, sBTC 8."""

AMOUNT_MAX_MINOR = 99_999_999_999
"""The most that one payment may ask, in minor units; far below 2^53, so JavaScript reads it."""


class Money(NamedTuple):
    """An amount in minor units of one asset."""

    minor: int
    asset: str

    def __add__(self, other: object) -> "Money":
        if not isinstance(other, Money) or other.asset != self.asset:
            raise TypeError(f"cannot add {other!r} to {self!r}")
        return Money(self.minor + other.minor, self.asset)

    def __sub__(self, other: object) -> "Money":
        if not isinstance(other, Money) or other.asset != self.asset:
            raise TypeError(f"cannot take {other!r} from {self!r}")
        return Money(self.minor - other.minor, self.asset)

    @property
    def decimal(self) -> Decimal:
        """In major units, exactly: `Money(1050, "usd").decimal` is 10.50."""
        return Decimal(self.minor).scaleb(-ASSETS[self.asset])


def from_decimal(amount: Decimal, asset: str) -> Money | None:
    """Major units to minor ones; None when a remainder would be lost."""
    scaled = amount.scaleb(ASSETS[asset])
    whole = scaled.to_integral_value()
    return Money(int(whole), asset) if whole == scaled else None


def find_asset(code: str) -> str | None:
    """The asset of a currency code written in any case, or None when there is none."""
    lowered = code.lower()
    return lowered if lowered in ASSETS else None

"""Which connections may carry a payment. Pure."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from tillgate.connectors.protocol import Connector
from tillgate.kit.money import Money


class Way(Protocol):
    """A connection, as far as routing looks at it."""

    @property
    def enabled(self) -> bool: ...
    @property
    def assets(self) -> frozenset[str] | None: ...
    @property
    def amount_min(self) -> int | None: ...
    @property
    def amount_max(self) -> int | None: ...
    @property
    def connector(self) -> Connector: ...


W = TypeVar("W", bound=Way)


def why_not(way: Way, money: Money, *, manual: bool) -> str | None:
    """Why a payment may not go this way, in words; None when it may."""
    able = way.connector.capabilities
    if not way.enabled:
        return "it is disabled"
    if not able.starts:
        return "nobody can be sent there"
    for assets in (way.assets, able.assets):
        if assets is not None and money.asset not in assets:
            return f"it does not take {money.asset}"
    if way.amount_min is not None and money.minor < way.amount_min:
        return f"it takes {way.amount_min} or more"
    if way.amount_max is not None and money.minor > way.amount_max:
        return f"it takes {way.amount_max} or less"
    if manual and not able.manual_capture:
        return "it cannot capture later"
    return None


def fitting(ways: Iterable[W], money: Money, *, manual: bool) -> Iterator[W]:
    """Those that may carry the payment, in their order."""
    return (way for way in ways if why_not(way, money, manual=manual) is None)

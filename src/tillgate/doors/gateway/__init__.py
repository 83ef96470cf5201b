"""The door `gateway`: orders, payments by UPI and card that a worker carries out, refunds, signed
webhooks; known by its headers `X-Api-Key` and `X-Api-Secret`. docs/doors/gateway.md shows it.
"""

from tillgate.doors.frame import Door, House, Route
from tillgate.doors.gateway.hooks import Hooks
from tillgate.doors.gateway.logs import Logs
from tillgate.doors.gateway.orders import Orders
from tillgate.doors.gateway.payments import Payments
from tillgate.doors.gateway.refunds import Refunds
from tillgate.doors.gateway.seed import prepare
from tillgate.doors.gateway.testing import testing
from tillgate.doors.gateway.words import refuse

__all__ = ["DOOR"]


def opened(house: House) -> tuple[Route, ...]:
    """Fixed addresses come before those with names in them."""
    return (
        *Orders(house).routes(),
        *Payments(house).routes(),
        *Refunds(house).routes(),
        *Hooks(house).routes(),
        *Logs(house).routes(),
        *testing(house).routes(),
    )


DOOR = Door("gateway", opened, refuse, prepare)

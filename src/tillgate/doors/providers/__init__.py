"""The providers' door: sites that sell a service through the merchant's checkout.

A provider asks for an order with its key and sends its payer to `/checkout`; what becomes of it is
told by webhooks of format `provider`.
"""

from tillgate.doors.frame import Door, House, Route
from tillgate.doors.providers.intents import Intents
from tillgate.doors.providers.offers import Services
from tillgate.doors.providers.pages import Pages
from tillgate.doors.providers.stripe import StripeEvents
from tillgate.doors.providers.texts import refuse

__all__ = ["DOOR"]


def _opened(house: House) -> tuple[Route, ...]:
    services, intents = Services(house), Intents(house)
    stripe = StripeEvents(house, services)
    pages = Pages(house, intents, stripe)
    return (*intents.routes, *stripe.routes, *services.routes, *pages.routes)


DOOR = Door("providers", _opened, refuse)

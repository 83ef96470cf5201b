"""A service that is sold at a unit price, and a provider: a site that sells one service."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from msgspec import Raw

from tillgate.kit.money import Money

PriceUnit = Literal["hour", "day", "month", "project", "one-time"]
ServiceStatus = Literal["draft", "published"]
ProviderStatus = Literal["active", "inactive"]


class Service(NamedTuple):
    """As it is stored; `price` in minor units of `asset`, for one. `metadata`: an object of texts.

    The columns of the statements that read one, in their order.
    """

    id: UUID
    title: str
    slug: str
    description: str | None
    price: int
    asset: str
    price_unit: str | None
    icon: str | None
    features: list[str]
    status: str
    stripe_buy_button_id: str | None
    metadata: Raw
    created_at: datetime
    updated_at: datetime

    @property
    def money(self) -> Money:
        """The price of one."""
        return Money(self.price, self.asset)


class Provider(NamedTuple):
    """As it is stored, without its key. Redirect URLs may hold `{orderId}`. `endpoint_id`,
    `endpoint_state` and `webhook_url` are those of the endpoint that is told of its payments; None
    where there is none. `last_used_at` is a minute late at most.

    The columns of the statements that read one, in their order.
    """

    id: UUID
    name: str
    slug: str
    service_id: UUID
    status: str
    use_stripe_checkout: bool
    success_redirect_url: str | None
    cancel_redirect_url: str | None
    description: str | None
    key_hint: str
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime
    endpoint_id: UUID | None
    endpoint_state: str | None
    webhook_url: str | None


class Selling(NamedTuple):
    """An active provider that has shown its key, and what it sells, for whom."""

    merchant_id: UUID
    livemode: bool
    provider: Provider
    service: Service

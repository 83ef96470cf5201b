"""`GET /api/v1/services`: what the default merchant sells, for everybody to read."""

from typing import Any, Literal
from uuid import UUID

from tillgate.catalog.model import Service
from tillgate.catalog.store import find_service, published, service_by_slug
from tillgate.connections.environment import Chosen, choose
from tillgate.doors.frame import Call, House, Route
from tillgate.doors.providers import texts
from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.recent import Recent
from tillgate.kit.refusal import RefusedError
from tillgate.webhooks.formats.provider import major

SERVICES_MAX = 100
"""How many the list shows."""

DEFAULT_KEPT_S = 10.0
"""How long it is believed who the default merchant is."""


class Services:
    """The handlers, and who the default merchant is."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._chosen: Recent[Literal["default"], Chosen] = Recent(self._choose, DEFAULT_KEPT_S, 1)
        self.routes = (
            Route("GET", "/api/v1/services", self.list),
            Route("GET", "/api/v1/services/{service}", self.one),
        )

    async def default(self) -> Chosen | None:
        """Whose services are shown; None where that is not clear."""
        return await self._chosen.get("default")

    async def list(self, call: Call) -> Answer:
        self._admit(call)
        merchant_id = await self._merchant()
        found = await published(self._house.pool, merchant_id, SERVICES_MAX) if merchant_id else []
        return texts.yes([shown(one) for one in found])

    async def one(self, call: Call) -> Answer:
        self._admit(call)
        merchant_id, named = await self._merchant(), call.names["service"]
        found = await self._find(merchant_id, named) if merchant_id else None
        if found is None or found.status != "published":
            return texts.NO_SERVICE
        return texts.yes(shown(found))

    async def _find(self, merchant_id: UUID, named: str) -> Service | None:
        service_id = ids.parse("svc", named)
        if service_id is not None:
            return await find_service(self._house.pool, merchant_id, service_id)
        return await service_by_slug(self._house.pool, merchant_id, named)

    def _admit(self, call: Call) -> None:
        refused = self._house.keeper.stranger(call.scope, call.told)
        if refused is not None:
            raise RefusedError(refused)

    async def _merchant(self) -> UUID | None:
        chosen = await self.default()
        return chosen.merchants[chosen.livemode] if chosen else None

    async def _choose(self, _name: Literal["default"]) -> Chosen | None:
        return await choose(self._house.pool, self._house.settings.default_merchant)


def shown(service: Service) -> dict[str, Any]:
    return {
        "id": ids.show("svc", service.id),
        "title": service.title,
        "description": service.description,
        "price": major(service.money),
        "priceUnit": service.price_unit,
        "icon": service.icon,
        "slug": service.slug,
        "features": service.features,
        "stripeBuyButtonId": service.stripe_buy_button_id,
    }

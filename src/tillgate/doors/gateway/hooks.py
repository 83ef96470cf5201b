"""Where a merchant's webhooks go: one endpoint of format `gateway`, under all the addresses that
the gateway's documents have for it."""

from typing import Any, NamedTuple
from uuid import UUID

from tillgate.audit.store import Origin
from tillgate.doors.frame import Call, House, Route
from tillgate.doors.gateway import seed, store
from tillgate.doors.gateway.callers import admitted
from tillgate.doors.gateway.store import Endpoint
from tillgate.doors.gateway.words import bad, given, ok
from tillgate.kit import crypto
from tillgate.kit.caller import Caller
from tillgate.kit.db import Connection
from tillgate.kit.http import Answer
from tillgate.kit.networks import vet_url
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.merchants.keys.store import sql as keys_sql
from tillgate.merchants.store import find_merchant
from tillgate.webhooks.commands import (
    NewEndpoint,
    create_endpoint,
    delete_endpoint,
    move_endpoint,
    renew_secret,
    send_test,
)
from tillgate.webhooks.formats import gateway
from tillgate.webhooks.store import find_endpoint, open_secrets

NO_URL = "Webhook URL not configured"
NOT_GIVEN = "webhook_url is required"
BAD_URL = "Invalid webhook URL format"
NOT_HTTPS = "Webhook URL must use HTTPS"
UPDATED = "Webhook configuration updated"
SCHEDULED = "Test webhook scheduled"


class Config(NamedTuple):
    """What a merchant has configured, or would sign with."""

    webhook_url: str | None
    webhook_secret: str


class Hooks(NamedTuple):
    """What the gateway does with the address of webhooks and their secret."""

    house: House

    def routes(self) -> tuple[Route, ...]:
        v1 = "/api/v1"
        return (
            Route("GET", f"{v1}/webhooks/config", self.show),
            Route("PUT", f"{v1}/webhooks/config", self.change),
            Route("POST", f"{v1}/webhooks/regenerate-secret", self.renew),
            Route("POST", f"{v1}/webhooks/secret/regenerate", self.renew),
            Route("POST", f"{v1}/webhooks/test", self.test),
            Route("GET", f"{v1}/merchant/config", self.show),
            Route("PATCH", f"{v1}/merchant/webhook", self.change),
            Route("POST", f"{v1}/merchant/webhook/regenerate", self.renew),
            Route("POST", f"{v1}/merchant/webhook/test", self.test),
            Route("GET", f"{v1}/merchants/me", self.me),
            Route("PUT", f"{v1}/merchants/me", self.change_me),
            Route("PUT", f"{v1}/merchants/me/webhook", self.change),
            Route("POST", f"{v1}/merchants/me/webhook/secret", self.renew),
            Route("POST", f"{v1}/merchants/webhook-config", self.change_simply),
            Route("POST", f"{v1}/merchants/regenerate-secret", self.renew),
            Route("PATCH", f"{v1}/test/merchant", self.change_test_merchant),
        )

    # ---- the addresses --------------------------------------------------------------------------

    async def show(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        return ok((await self._config(caller))._asdict())

    async def change(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        wrong = await self._set(caller, call)
        return wrong or ok((await self._config(caller))._asdict() | {"message": UPDATED})

    async def change_simply(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        return await self._set(caller, call) or ok({"success": True})

    async def change_test_merchant(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        wrong = await self._set(caller, call)
        url = (await self._config(caller)).webhook_url
        return wrong or ok({"status": "success", "webhook_url": url})

    async def me(self, call: Call) -> Answer:
        return ok(await self._me(await admitted(self.house, call), call))

    async def change_me(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        return await self._set(caller, call) or ok(await self._me(caller, call))

    async def renew(self, call: Call) -> Answer:
        """From now on every delivery is signed with the new secret, those that wait too."""
        caller = await admitted(self.house, call)
        known = await store.find_endpoint(self.house.pool, caller.merchant_id)
        found = (
            await find_endpoint(self.house.pool, caller.merchant_id, known.id)
            if known is not None
            else None
        )
        if found is None:
            return bad(NO_URL)
        secret = await renew_secret(
            self.house.pool, self.house.vault, caller.merchant_id, found, caller.actor, call.now,
            _origin(call),
        )  # fmt: skip
        return bad(NO_URL) if secret is None else ok({"webhook_secret": secret})

    async def test(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        found = await store.find_endpoint(self.house.pool, caller.merchant_id)
        sent = (
            await send_test(
                self.house.pool, caller.merchant_id, found.id, caller.actor, call.now, _origin(call)
            )
            if found is not None
            else None
        )
        if sent is None:
            return bad(NO_URL)
        shown = {"id": str(sent), "webhook_id": str(sent), "scheduled": True, "message": SCHEDULED}
        return ok(shown)

    # ---- what stands behind them ----------------------------------------------------------------

    async def _config(self, caller: Caller) -> Config:
        found = await store.find_endpoint(self.house.pool, caller.merchant_id)
        url = found.url if found is not None and found.here else None
        return Config(url, self._secret(caller.merchant_id, found))

    def _secret(self, merchant_id: UUID, found: Endpoint | None) -> str:
        """What signs, or will: before any endpoint there is one that follows from the merchant."""
        if found is not None:
            return open_secrets(self.house.vault, merchant_id, found.id, found.secrets)[0]
        if merchant_id == seed.MERCHANT_ID:
            return seed.WEBHOOK_SECRET
        master = self.house.settings.secrets[0]
        return gateway.secret_of(crypto.derive(master, f"gateway-webhooks/{merchant_id}"))

    async def _set(self, caller: Caller, call: Call) -> Answer | None:
        """What is wrong with the new address; None when it is taken. Null or empty: none."""
        body = given(call.json())
        if "webhook_url" not in body:
            return bad(NOT_GIVEN)
        url = body["webhook_url"] or None
        wrong = self._vet(url)
        if wrong is not None:
            return bad(wrong)
        async with self.house.pool.acquire() as connection, connection.transaction():
            # Changes of a merchant's come one after another, so that one endpoint is made.
            await connection.execute(keys_sql["lock_merchant"], caller.merchant_id)
            await self._point(connection, caller, call, url)
        return None

    async def _point(
        self, connection: Connection, caller: Caller, call: Call, url: str | None
    ) -> None:
        """An endpoint that was switched off, as it was gone, is replaced."""
        found = await store.find_endpoint(connection, caller.merchant_id)
        whose = connection, caller.merchant_id
        who = caller.actor, call.now, _origin(call)
        if found is not None and found.state == "enabled" and url is not None:
            policy = self.house.policy
            moved = await move_endpoint(connection, policy, caller.merchant_id, found.id, url, *who)
            if isinstance(moved, Refused):
                raise RefusedError(moved)
            return
        if found is not None and found.here:
            await delete_endpoint(*whose, found.id, *who)
        if url is not None:
            secret = self._secret(caller.merchant_id, found)
            wanted = NewEndpoint(url, ["*"], format="gateway", secret=secret)
            made = await create_endpoint(
                connection, self.house.vault, self.house.policy, caller.merchant_id,
                caller.actor, wanted, call.now, _origin(call),
            )  # fmt: skip
            if isinstance(made, Refused):
                raise RefusedError(made)

    def _vet(self, url: object) -> str | None:
        if url is None:
            return None
        if not isinstance(url, str) or "\0" in url:
            return BAD_URL
        if vet_url(url, self.house.policy) is None:
            return None
        over_http = vet_url(url, self.house.policy._replace(allow_http=True)) is None
        return NOT_HTTPS if over_http else BAD_URL

    async def _me(self, caller: Caller, call: Call) -> dict[str, Any]:
        merchant = await find_merchant(self.house.pool, caller.merchant_id)
        seeded = caller.merchant_id == seed.MERCHANT_ID
        return {
            "id": str(caller.merchant_id),
            "name": merchant.name if merchant else None,
            "email": self.house.settings.test_merchant_email if seeded else None,
            "api_key": call.headers.get("x-api-key"),
            **(await self._config(caller))._asdict(),
            "is_active": True,
        }


def _origin(call: Call) -> Origin:
    return Origin(call.ip, call.request_id)

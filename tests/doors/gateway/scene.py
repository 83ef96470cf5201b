"""A client of the gateway's, as its documents have it: two headers, and its own paths."""

from typing import Any, Self

import httpx

from tests.flows.stack import until

Body = dict[str, Any]

KEYS = {"X-Api-Key": "key_test_abc123", "X-Api-Secret": "secret_test_xyz789"}
MERCHANT = "550e8400-e29b-41d4-a716-446655440000"
SECRET = "whsec_test_abc123"

UPI: Body = {"method": "upi", "vpa": "user@paytm"}
NUMBER, CVV = "4111 1111 1111 1111", "737"
CARD: Body = {
    "method": "card",
    "card": {
        "number": NUMBER, "expiry_month": "12", "expiry_year": "2099", "cvv": CVV,
        "holder_name": "John Doe",
    },
}  # fmt: skip


class Shop:
    """A merchant of the gateway's, by default the seeded one."""

    def __init__(self, url: str, keys: dict[str, str] = KEYS) -> None:
        self.url = url
        self.api = httpx.AsyncClient(base_url=f"{url}/api/v1", headers=keys, timeout=20)
        self.anyone = httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=20)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.api.aclose()
        await self.anyone.aclose()

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, path: str, status: int = 200, verb: str = "POST", **body: Any) -> Body:
        answer = await self.api.request(verb, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def refused(self, path: str, verb: str = "POST", **body: Any) -> tuple[int, str, str]:
        """(status, code, description)."""
        return refusal(await self.api.request(verb, path, json=body))

    async def order(self, amount: int = 50000, **wanted: Any) -> Body:
        return await self.send("/orders", 201, amount=amount, **wanted)

    async def pay(self, order: Body, **how: Any) -> Body:
        return await self.send("/payments", 201, order_id=order["id"], **(how or UPI))

    async def payment_is(self, payment: Body, status: str) -> Body:
        path = f"/payments/{payment['id']}"
        return await until(lambda: self.get(path), lambda found: found["status"] == status)

    async def paid(self, amount: int = 50000) -> Body:
        return await self.payment_is(await self.pay(await self.order(amount)), "success")

    async def refund_is(self, refund: Body, status: str) -> Body:
        path = f"/refunds/{refund['id']}"
        return await until(lambda: self.get(path), lambda found: found["status"] == status)

    async def hooked(self, url: str | None) -> None:
        await self.send("/webhooks/config", verb="PUT", webhook_url=url)


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Exactly the gateway's envelope."""
    said = answer.json()
    assert list(said) == ["error"], said
    assert list(said["error"]) == ["code", "description"], said
    return answer.status_code, said["error"]["code"], said["error"]["description"]

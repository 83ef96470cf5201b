"""A merchant of its own with money moving back and forth: payments brought to where a story
begins, and what can be seen of them afterwards. No other story's money is in the way."""

from typing import Any

import httpx

from tests.flows.stack import Stack, until
from tests.flows.test_bad_input import error_of

Body = dict[str, Any]


class Trade(Stack):
    """Everything that the stories of captures, refunds, disputes and orders say again and again."""

    async def send(self, path: str, key: str | None = None, **body: Any) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.api.post(path, json=body, headers=headers)

    async def ask(self, path: str, status: int = 200, /, **body: Any) -> Body:
        """The object that was made or changed."""
        answer = await self.send(path, **body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def refused(self, path: str, **body: Any) -> tuple[int, str]:
        """(status, code) of a wish that is not granted."""
        answer = await self.send(path, **body)
        return answer.status_code, error_of(answer)["code"]

    async def get(self, path: str, **query: Any) -> Body:
        answer = await self.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # ---- payments where stories begin -----------------------------------------------------------

    async def started(self, **wanted: Any) -> Body:
        """A payment whose payer stands at the processor."""
        payment = await self.create(**wanted)
        await self.ask(f"/v1/payments/{payment['id']}/confirm")
        return payment

    async def authorized(self, amount: int = 1000, **wanted: Any) -> Body:
        payment = await self.started(amount=amount, capture_method="manual", **wanted)
        await self.approve(payment)
        return await self.until(payment["id"], "authorized")

    async def paid(self, amount: int = 1000, **wanted: Any) -> Body:
        payment = await self.started(amount=amount, **wanted)
        await self.approve(payment)
        return await self.until(payment["id"], "succeeded")

    async def approve(self, payment: Body, **how: Any) -> None:
        """The payer pays."""
        await self.control("POST", f"/payments/{payment['id']}/approve", how or None)

    async def there(self, payment: Body, deed: str, **body: Any) -> Body:
        """What somebody does at the processor, without us."""
        reference = (await self.at_processor(payment))["Reference"]
        url = f"{self.sandbox_url}/api/payments/{reference}/{deed}"
        key = {"Authorization": f"Bearer {self.ready['sandbox_secret']}"}
        answer = await self.anyone.post(url, json=body, headers=key)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def advance(self, by_s: int) -> None:
        """So much later; what fell due by then is done."""
        made = await self.ask("/v1/test_clocks", 201)
        path = f"/v1/test_clocks/{made['id']}"
        await self.ask(f"{path}/advance", by_s=by_s)
        await until(lambda: self.get(path), lambda shown: shown["status"] == "ready")

    # ---- what can be seen -----------------------------------------------------------------------

    async def at_processor(self, payment: Body) -> Body:
        return await self.control("GET", f"/payments/{payment['id']}")

    async def fault(self, payment: Body, **faults: Any) -> None:
        """What goes wrong at the processor, for this payment alone."""
        await self.control("PUT", f"/payments/{payment['id']}/faults", faults)

    async def refund(self, payment: Body, **wanted: Any) -> Body:
        return await self.ask("/v1/refunds", 201, payment=payment["id"], **wanted)

    async def refund_is(self, refund: Body, status: str) -> Body:
        path = f"/v1/refunds/{refund['id']}"
        return await until(lambda: self.get(path), lambda found: found["status"] == status)

    async def refunds(self, payment: Body, **query: Any) -> list[Body]:
        return (await self.get("/v1/refunds", payment=payment["id"], limit=100, **query))["data"]

    async def told(self, shown: Body) -> list[str]:
        """The types of the events about an object, in their order."""
        listed = (await self.get("/v1/events", limit=100))["data"]
        about = [e["type"] for e in listed if e["data"]["object"]["id"] == shown["id"]]
        return about[::-1]

    async def balance(self) -> dict[str, int]:
        """What stands where, in euro: the accounts that have anything."""
        told = await self.get("/v1/balance")
        names = [name for name in told if name not in {"object", "livemode"}]
        euros = {
            name: [e["amount"] for e in told[name] if e["currency"] == "eur"] for name in names
        }
        return {name: amount for name, amounts in euros.items() for amount in amounts if amount}


async def lease_over(db: Any, key: str) -> None:
    """Whoever opened this gate has had its time, and died."""
    done = await db.execute(
        "UPDATE idempotency_keys SET created_at = created_at - interval '1 minute'"
        " WHERE key = $1 AND state = 'open'",
        key,
    )
    assert done == "UPDATE 1"

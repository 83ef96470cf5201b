"""The guide of orders, typed: docs/guides/orders.md."""

import json
import re
from typing import Any

from tests.flows.stack import Stack
from tests.flows.typed import ROOT, commands_of, typed
from tillgate.kit import ids

TYPED = commands_of((ROOT / "docs/guides/orders.md").read_text())


async def test_the_guide_of_orders_says_what_happens(stack: Stack) -> None:
    mine = f"cart-{ids.token(8)}"

    async def told(pattern: str, order: str = "") -> dict[str, Any]:
        """What a shell answers to the command, typed for an order of this test's own."""
        [command] = [command for command in TYPED if re.search(pattern, command)]
        own = command.replace("http://127.0.0.1:8000", stack.url).replace("cart-10482", mine)
        quiet = own.replace("curl ", "curl --silent --fail-with-body ")
        said = await typed(quiet, {"SECRET_KEY": stack.ready["secret_key"], "ORDER": order})
        return json.loads(said)

    async def pay(pattern: str, order_id: str) -> tuple[str, int]:
        """The order's status, and what is left to be paid."""
        payment = await told(pattern, order_id)
        at_processor = await stack.send_payer(payment)
        await stack.anyone.post(at_processor.form("/approve"))
        await stack.until(payment["id"], "succeeded")
        now = await told(r'/orders/\$ORDER" \S+ \S+$', order_id)
        return now["status"], now["amount_due"]

    order = await told("Blue mug")
    assert (order["amount"], order["amount_due"]) == (2990, 2990)
    assert (await told(r"\?reference="))["data"] == [order]
    assert await pay("-ada", order["id"]) == ("partly_paid", 990)
    assert await pay("-ben", order["id"]) == ("paid", 0)
    assert (await told("kitchen", order["id"]))["metadata"] == {"table": "7"}
    body = {"currency": "eur", "lines": order["lines"]}
    other = (await stack.api.post("/v1/orders", json=body)).json()
    assert (await told("/cancel", other["id"]))["status"] == "canceled"

"""What the README tells a newcomer to type does what it says."""

import json
from typing import Any

from tests.flows.stack import Received, Stack
from tests.flows.typed import ROOT, commands_of, typed

README = commands_of((ROOT / "README.md").read_text())
PAY, SUBSCRIBE, BALANCE = (
    next(c for c in README if c.startswith("curl ") and place in c)
    for place in ("/v1/payments", "/v1/webhook_endpoints", "/v1/balance")
)
TYPED = {PAY, SUBSCRIBE, BALANCE}


async def answered(stack: Stack, command: str) -> Any:
    """What a shell answers when the command is pasted, with the key of this installation."""
    here = command.replace("http://127.0.0.1:8000", stack.url)
    quiet = here.replace("curl ", "curl --silent --fail-with-body ")
    return json.loads(await typed(quiet, {"SECRET_KEY": stack.ready["secret_key"]}))


async def test_the_quickstart_pays_and_notifies(stack: Stack, shop: Received) -> None:
    subscribe = SUBSCRIBE.replace("http://127.0.0.1:4242/webhooks", shop.url)
    endpoint = await answered(stack, subscribe)
    assert endpoint["secret"].startswith("whsec_")
    payment = await answered(stack, PAY)
    assert (payment["amount"], payment["description"]) == (1999, "Blue mug")
    again = await answered(stack, PAY)
    assert again["id"] == payment["id"]  # the same Idempotency-Key
    at_processor = await stack.send_payer(payment)
    await stack.anyone.post(at_processor.form("/approve"))
    await stack.until(payment["id"], "succeeded")
    assert (await answered(stack, BALANCE))["available"]
    told = await shop.wait_for(2, payment["id"])
    types = {json.loads(w.body)["type"] for w in told}
    assert types == {"payment.created", "payment.succeeded"}
    inbox = (await stack.anyone.get(f"{stack.ready['inbox_url']}/messages")).json()
    assert any(payment["id"] in message["body"] for message in inbox["messages"])

"""What the README tells a newcomer to type does what it says."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

from tests.flows.stack import Received, Stack

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CURLS = [block for block in BLOCKS if block.startswith("curl ")]


async def typed(stack: Stack, command: str) -> Any:
    """What a shell answers when the command is pasted, with the key of this installation."""
    here = command.replace("http://127.0.0.1:8000", stack.url)
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", here.replace("curl ", "curl --silent --fail-with-body "),
        env={**os.environ, "SECRET_KEY": stack.ready["secret_key"]},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    answer, _ = await shell.communicate()
    assert shell.returncode == 0, answer
    return json.loads(answer)


async def test_the_quickstart_pays_and_notifies(stack: Stack, shop: Received) -> None:
    pay, subscribe = CURLS
    endpoint = await typed(stack, subscribe.replace("http://127.0.0.1:4242/webhooks", shop.url))
    assert endpoint["secret"].startswith("whsec_")
    payment = await typed(stack, pay)
    assert (payment["amount"], payment["description"]) == (1999, "Blue mug")
    again = await typed(stack, pay)
    assert again["id"] == payment["id"]  # the same Idempotency-Key
    at_processor = await stack.send_payer(payment)
    await stack.anyone.post(at_processor.form("/approve"))
    await stack.until(payment["id"], "succeeded")
    balance = re.search(r"`(curl [^`]+/v1/balance[^`]+)`", README)
    assert balance is not None
    assert (await typed(stack, balance[1]))["available"]
    types = {json.loads(w.body)["type"] for w in await shop.wait_for(2)}
    assert types == {"payment.created", "payment.succeeded"}
    inbox = (await stack.anyone.get(f"{stack.ready['inbox_url']}/messages")).json()
    assert any(payment["id"] in message["body"] for message in inbox["messages"])

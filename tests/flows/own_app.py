"""A merchant's own payment app, as the preset `wallet_app` knows it; it also does as it is told:
refuses, breaks, keeps silent, forges."""

import hmac
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiohttp import web

KEY = "key-of-the-own-app"
SECRET = "signing-secret-of-the-own-app"

Body = dict[str, Any]


class OwnApp:
    """Takes payments at `url`; tells how they end when a test says so."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Body] = []
        self.answers: list[tuple[int, Body]] = []
        self.client = httpx.AsyncClient(timeout=20)

    async def take(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"error": "unauthorized"}, status=401)
        if request.method == "GET":
            return web.Response(status=405)
        wanted = json.loads(await request.read())
        self.asked.append(wanted)
        if self.answers:
            status, body = self.answers.pop(0)
            return web.json_response(body, status=status)
        return web.json_response({"redirectUrl": f"{self.url}/pay/{wanted['TransactionId']}"})

    async def tell(
        self, wanted: Body, status: str = "success", secret: str = SECRET, **outside: Any
    ) -> httpx.Response:
        """A callback about what was asked for; `outside` stands beside the signed payload."""
        told = {
            "TransactionId": wanted["TransactionId"],
            "Status": status,
            "Amount": wanted["Amount"],
            "Currency": wanted["Currency"],
            "Timestamp": int(time.time()),
        }
        payload = json.dumps(told)
        signature = hmac.digest(secret.encode(), payload.encode(), "sha256").hex()
        body = {
            "ProviderId": "own",
            "EventType": f"payment.{status}",
            **{name: told[name] for name in ("TransactionId", "Status", "Amount")},
            "ErrorMessage": None,
            "Payload": payload,
            "Signature": signature,
            **outside,
        }
        return await self.client.post(wanted["CallbackUrl"], json=body)


@asynccontextmanager
async def running() -> AsyncGenerator[OwnApp]:
    own = OwnApp()
    app = web.Application()
    app.router.add_route("*", "/payments", own.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    own.url = f"http://127.0.0.1:{runner.addresses[0][1]}/payments"
    yield own
    await own.client.aclose()
    await runner.cleanup()

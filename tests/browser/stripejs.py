"""js.stripe.com and api.stripe.com as browsers see them: small stand-ins, and the fake behind them.

The addresses are the real ones, so that a page's security policy is tried on what it is for.
"""

from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.async_api import Page, Route

from tests.fakes.stripe import FakeStripe

HERE = Path(__file__).parent
CARD_FRAME = """<!doctype html><html lang="en"><title>Card</title>
<style>body{margin:0;font:16px sans-serif}
input{box-sizing:border-box;width:100%;padding:12px}</style>
<label>Card number<input inputmode="numeric" autocomplete="cc-number"></label>
<script>
const query = new URLSearchParams(location.search);
document.body.style.color = query.get("colorText");
document.body.style.background = query.get("colorBackground");
const input = document.querySelector("input");
addEventListener("message", ({ ports }) => ports[0].postMessage(input.value));
</script></html>"""
BUTTON_FRAME = """<!doctype html><html lang="en"><title>Buy</title>
<style>body{margin:0}button{width:100%;height:44px}</style><button>Buy</button>
<script>document.querySelector("button").onclick = () => window.open(
  "https://buy.stripe.com/b?" + new URLSearchParams(location.search).get("client-reference-id"));
</script></html>"""
FILES = {
    "/v3/": ("text/javascript", (HERE / "stripe.js").read_text()),
    "/v3/buy-button.js": ("text/javascript", (HERE / "buy-button.js").read_text()),
    "/v3/elements-inner-payment.html": ("text/html", CARD_FRAME),
    "/v3/buy-button-app.html": ("text/html", BUTTON_FRAME),
}


async def stand_in(page: Page, fake: FakeStripe | None = None) -> Counter[str]:
    """Serves this page Stripe's scripts and frames, and its API from the fake. Answers what was
    asked for, by path."""
    asked: Counter[str] = Counter()

    async def serve(route: Route) -> None:
        path = urlsplit(route.request.url).path
        asked[path] += 1
        kind, text = FILES[path]
        await route.fulfill(body=text, content_type=kind)

    async def forward(route: Route) -> None:
        parts = urlsplit(route.request.url)
        asked[parts.path] += 1
        if fake is None:
            await route.abort()
            return
        url, query = f"{fake.url}{parts.path}", parts.query
        try:
            async with httpx.AsyncClient() as client:
                if route.request.method == "POST":
                    # not every browser shows what it posts: it is written into the address
                    answer = await client.post(url, data=parse_qs(query))
                else:
                    answer = await client.get(f"{url}?{query}")
        except httpx.TransportError:  # the test is over
            await route.abort()
            return
        # as Stripe's API does for its own scripts, wherever they run
        headers = {"access-control-allow-origin": "*", "content-type": "application/json"}
        await route.fulfill(status=answer.status_code, body=answer.text, headers=headers)

    await page.route("https://js.stripe.com/**", serve)
    await page.route("https://api.stripe.com/**", forward)
    return asked

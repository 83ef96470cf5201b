"""The guides of connecting an own app and of going live, typed: docs/guides/own-app.md and
going-live.md. The app is the one that stands in the guide, run as the guide says."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.flows.stack import Stack, until
from tests.flows.trade import Trade
from tests.flows.typed import FENCE, ROOT, commands_of, typed, typing
from tillgate.cli.ports import free_port
from tillgate.kit import clock
from tillgate.main.business import set_up_business
from tillgate.settings import Settings

GUIDE = (ROOT / "docs/guides/own-app.md").read_text()
GOING_LIVE = (ROOT / "docs/guides/going-live.md").read_text()
ELSEWHERE = {
    f"tillgate {what}"
    for what in ("dev", "doctor", "ledger check", "merchant create", "migrate", "serve", "worker")
}
"""Commands of other guides, which their tests type."""

TYPED = (commands_of(GUIDE) | commands_of(GOING_LIVE)) - ELSEWHERE
FENCES: dict[str, list[str]] = {}
for language, block in FENCE.findall(GUIDE):
    FENCES.setdefault(language, []).append(block)
RUN = next(command for command in TYPED if "app.py" in command)


def the(pattern: str) -> str:
    [command] = [command for command in TYPED if re.search(pattern, command)]
    return command


class Desk:
    """A shell in a folder, at an installation of this test's own."""

    def __init__(self, stack: Stack, folder: Path, dev_folder: Path, key: str) -> None:
        self.stack = stack
        self.folder = folder
        self.variables = {"SECRET_KEY": key, "LIVE_KEY": key, "PUBLIC_URL": stack.url}
        (folder / ".tillgate").symlink_to(dev_folder / "data")

    async def says(self, pattern: str, **variables: str) -> str:
        own = the(pattern).replace("http://127.0.0.1:8000", self.stack.url)
        quiet = own.replace("curl ", "curl --silent --fail-with-body ")
        return await typed(quiet, {**self.variables, **variables}, self.folder)

    async def refused(self, pattern: str, **variables: str) -> str:
        """What is said when the command ends with 1."""
        async with typing(the(pattern), {**self.variables, **variables}, self.folder) as shell:
            async with asyncio.timeout(60):
                said, _ = await shell.communicate()
        assert shell.returncode == 1
        return said.decode()

    async def told(self, pattern: str, **variables: str) -> Any:
        return json.loads(await self.says(pattern, **variables))


async def answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(url)).status_code == 405
        except httpx.TransportError:
            return False


async def test_the_guide_of_an_own_app_says_what_happens(
    trade: Trade, dev_folder: Path, folder: Path
) -> None:
    port = str(free_port())
    desk = Desk(trade, folder, dev_folder, trade.ready["secret_key"])
    (folder / "app.py").write_text(FENCES["python"][0])
    (folder / "connection.json").write_text(FENCES["json"][0].replace("9000", port))
    async with typing(RUN.replace("9000", port), folder=folder):
        assert await until(lambda: answers(f"http://127.0.0.1:{port}/payments"), bool)
        made = await desk.told(r"/v1/connections -u")
        assert made["name"] == "Own app"
        proved = await desk.told(r"curl .*/test", CONNECTION=made["id"])
        assert proved["ok"], proved
        payment = await desk.told("/v1/payments")
        assert payment["connection"] == made["id"]
        page = await trade.press(await trade.look(payment["checkout_url"]), "/pay")
        assert page.url.startswith(f"http://127.0.0.1:{port}/pay/op_")
        await trade.anyone.post(page.url)
        await trade.until(payment["id"], "succeeded")
        overlap = await desk.told("the-new-secret.*secret-that", CONNECTION=made["id"])
        assert len(overlap["credentials"]["signing_secrets"]) == 2
        rolled = await desk.told(r'"the-new-secret-of-the-app"\]', CONNECTION=made["id"])
        assert len(rolled["credentials"]["signing_secrets"]) == 1
        await _by_an_operator(desk, trade.ready["merchant"])


async def _by_an_operator(desk: Desk, merchant: str) -> None:
    given = json.loads((desk.folder / "connection.json").read_text())
    for name in ("settings", "credentials"):
        (desk.folder / f"{name}.json").write_text(json.dumps(given[name]))
    shown = await desk.says(r"connection create --merchant \$MERCHANT", MERCHANT=merchant)
    connection, secret = shown.split()[0], given["credentials"]["api_key"]
    assert connection.startswith("con_")
    assert f"{desk.stack.url}/callbacks/{connection}" in shown
    names = {"MERCHANT": merchant, "CONNECTION": connection}
    assert "Nothing is wrong." in await desk.says(r"connection test .* \$MERCHANT", **names)
    await desk.says("connection disable", **names)
    listed = await desk.says(r"connection list --merchant \$MERCHANT", **names)
    assert re.search(rf"{connection}\s+external\s+disabled\s+0\s+External\n", listed)
    assert secret not in listed + shown


async def test_settings_by_hand_are_taken(trade: Trade) -> None:
    settings = json.loads(FENCES["json"][1])
    credentials = {"api_key": "k", "signing_secrets": ["secret-of-the-app"]}
    made = await trade.ask(
        "/v1/connections", 201, connector="external", settings=settings, credentials=credentials
    )
    assert made["capabilities"]["look_up"] is True


async def test_the_check_list_can_be_done(
    stack: Stack, settings: Settings, dev_folder: Path, folder: Path
) -> None:
    connection = await asyncpg.connect(stack.database_url)
    business = await set_up_business(connection, settings, "Going live", clock.now())
    await connection.close()
    live = {"LIVE_MERCHANT": business.live_merchant}
    desk = Desk(stack, folder, dev_folder, "")
    key = (await desk.says("key create", **live)).split()[1]
    assert key.startswith("sk_live_")
    desk.variables["LIVE_KEY"] = key
    port = free_port()
    (folder / "credentials.json").write_text('{"api_key": "k"}')
    wanted = {"preset": "wallet_app", "base_url": f"http://127.0.0.1:{port}/payments"}
    (folder / "settings.json").write_text(json.dumps(wanted))
    said = await desk.refused(r"connection create .*LIVE", **live)
    assert "In live mode callbacks must be signed" in said
    (folder / "credentials.json").write_text('{"api_key": "k", "signing_secrets": ["12345678"]}')
    made = (await desk.says(r"connection create .*LIVE", **live)).split()[0]
    names = {**live, "CONNECTION": made}
    assert (await desk.refused(r"connection test .*LIVE", **names)).startswith("unreachable: ")
    assert made in await desk.says(r"connection list .*LIVE", **names)
    assert (await desk.told("webhook_endpoints"))["livemode"] is True
    assert (await desk.told("/v1/balance"))["livemode"] is True


async def test_credentials_are_typed_and_never_shown(
    trade: Trade, dev_folder: Path, folder: Path
) -> None:
    (folder / ".tillgate").symlink_to(dev_folder / "data")
    create = f"tillgate connection create --merchant {trade.ready['merchant']} --connector external"
    for typed_in, words in (
        ("hidden-secret", "must hold a JSON object"),
        ("[]", "must hold a JSON object"),
        ('{"api_key": "hidden-secret"}', "settings.callback"),
    ):
        async with typing(f"echo '{typed_in}' | {create}", folder=folder) as shell:
            async with asyncio.timeout(60):
                said, _ = await shell.communicate()
        assert shell.returncode == 1
        assert words in said.decode()
        assert "hidden-secret" not in said.decode()

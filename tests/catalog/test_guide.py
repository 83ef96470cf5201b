"""The guide of services and providers, typed as an operator does: docs/guides/providers.md."""

import json
import re
from pathlib import Path

from tests.catalog.test_services import lines_of, parsed
from tests.flows.trade import Trade
from tests.flows.typed import ROOT, commands_of, typed
from tillgate.catalog import store
from tillgate.kit import db

TYPED = commands_of((ROOT / "docs/guides/providers.md").read_text())


async def test_the_guide_of_providers_says_what_happens(trade: Trade, dev_folder: Path) -> None:
    variables = {"MERCHANT": trade.ready["merchant"]}

    async def told(beginning: str) -> str:
        [command] = [command for command in TYPED if command.startswith(f"tillgate {beginning}")]
        return await typed(f"{command} --data {dev_folder / 'data'}", variables)

    made = await told("service create")
    variables["SERVICE"] = made.split()[0]
    assert made.endswith("500 usd   published  premium-credits  Premium Credits\n")
    assert await told("service update") == made == await told("service list")
    service = await trade.get(f"/v1/services/{variables['SERVICE']}")
    assert service["features"] == ["Never expire"]
    assert service["stripe_buy_button_id"] == "buy_btn_1QxCredits"

    made = await told("provider create")
    variables["PROVIDER"] = made.split()[0]
    path = f"/v1/providers/{variables['PROVIDER']}"
    provider = await trade.get(path)
    assert provider["success_redirect_url"].endswith("?orderId={orderId}")
    [first, secret] = re.findall(r": (\S+)\n", made)
    assert secret.startswith("whsec_")
    [second] = re.findall(r"key: (\S+)\n", await told("provider roll"))
    pool = await db.open_pool(trade.database_url, 1)
    found = [await store.provider_by_key(pool, key) is not None for key in (first, second)]
    await pool.close()
    assert found == [False, True]
    inactive = await told("provider update")
    assert inactive.startswith(f"{variables['PROVIDER']}  inactive  provider_…{second[-4:]}")
    assert await told("provider list") == inactive
    assert (await trade.get(path))["status"] == "inactive"
    assert {line["actor"] for line in await lines_of(trade, variables["PROVIDER"])} == {"cli"}


async def test_an_operator_takes_away_what_is_not_wanted(trade: Trade, dev_folder: Path) -> None:
    at = f"--merchant {trade.ready['merchant']} --data {dev_folder / 'data'} --json"
    make = "tillgate service create --title A --price 100 --currency EUR --description B"
    service = json.loads(await typed(f"{make} --icon bell {at}"))
    assert await trade.get(f"/v1/services/{service['id']}") == service
    update = f"tillgate service update {service['id']} --description '' --status draft {at}"
    changed = json.loads(await typed(update))
    assert (changed["description"], changed["icon"], changed["status"]) == (None, "bell", "draft")
    sell = f"tillgate provider create --name C --service {service['id']} --stripe-checkout"
    provider = json.loads(await typed(f"{sell} --webhook-url https://c.example/h {at}"))
    assert (provider["use_stripe_checkout"], provider["livemode"]) == (True, False)
    assert parsed("we", provider["webhook_endpoint"])
    update = f"tillgate provider update {provider['id']} --no-stripe-checkout --webhook-url ''"
    changed = json.loads(await typed(f"{update} {at}"))
    assert (changed["use_stripe_checkout"], changed["webhook_url"]) == (False, None)
    assert (await trade.get("/v1/webhook_endpoints"))["data"] == []


async def test_what_is_wrong_is_told_in_words(trade: Trade, dev_folder: Path) -> None:
    own = trade.ready["merchant"]
    for command, merchant, words in (
        ("service create --title A --price 0 --currency usd", own, "price: "),
        ("service create --title A --price 1 --currency zzz", own, "currency: This currency is"),
        ("provider update prov_1 --status active", own, "provider: There is no provider prov_1."),
        ("provider list", "mer_1", "There is no merchant mer_1."),
    ):
        at = f"--merchant {merchant} --data {dev_folder / 'data'}"
        said = await typed(f"tillgate {command} {at} || echo is $?")
        assert said.startswith(words)
        assert said.endswith("is 1\n")
        assert "Traceback" not in said

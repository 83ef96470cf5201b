"""`tillgate service …` and `tillgate provider …`, as they can be typed; `catalog` does it."""
# ruff: noqa: PLC0415  each command imports its part when it runs

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tillgate.cli.options import Data, Json, Merchant

HERE = Path(".tillgate")

ServiceId = Annotated[str, typer.Argument(help="The service's id, `svc_…`.")]
ProviderId = Annotated[str, typer.Argument(help="The provider's id, `prov_…`.")]
Title = Annotated[str, typer.Option(help="What it is called.")]
Price = Annotated[int, typer.Option(help="Of one, in minor units: 500 is 5.00 with usd.")]
Currency = Annotated[str, typer.Option(help="ISO 4217 or sbtc.")]
NewTitle = Annotated[str | None, typer.Option("--title", help="Another title.")]
NewPrice = Annotated[int | None, typer.Option("--price", help="Another price of one.")]
NewCurrency = Annotated[str | None, typer.Option("--currency", help="Another currency.")]
Slug = Annotated[str | None, typer.Option(help="For URLs; else made of the title or name.")]
Text = Annotated[str | None, typer.Option("--description", help="A few words.")]
PriceUnit = Annotated[str | None, typer.Option(help="hour, day, month, project or one-time.")]
Icon = Annotated[str | None, typer.Option(help="The name of an icon, or its URL.")]
Features = Annotated[list[str] | None, typer.Option("--feature", help="A line; repeat it.")]
Sold = Annotated[str | None, typer.Option("--status", help="published or draft.")]
BuyButton = Annotated[str | None, typer.Option(help="The Buy Button at Stripe, `buy_btn_…`.")]
Name = Annotated[str, typer.Option(help="What it is called, as its payers see it.")]
NewName = Annotated[str | None, typer.Option("--name", help="Another name.")]
Service = Annotated[str, typer.Option(help="What it sells, `svc_…`.")]
NewService = Annotated[str | None, typer.Option("--service", help="What it sells, `svc_…`.")]
Webhook = Annotated[str | None, typer.Option(help="Where it is told of its payments.")]
Success = Annotated[
    str | None,
    typer.Option("--success-url", help="Where payers go on; {orderId} becomes the order's."),
]
Cancel = Annotated[str | None, typer.Option("--cancel-url", help="The same for who turns back.")]
Stripe = Annotated[
    bool | None,
    typer.Option("--stripe-checkout/--no-stripe-checkout", help="Pay by the Buy Button, or not."),
]
Selling = Annotated[str | None, typer.Option("--status", help="active or inactive.")]

service_app = typer.Typer(help="What a merchant sells.", no_args_is_help=True)
provider_app = typer.Typer(help="Sites that sell a merchant's services.", no_args_is_help=True)


@service_app.command("create")
def run_service_create(
    merchant: Merchant,
    title: Title,
    price: Price,
    currency: Currency,
    slug: Slug = None,
    description: Text = None,
    price_unit: PriceUnit = None,
    icon: Icon = None,
    feature: Features = None,
    status: Sold = None,
    buy_button: BuyButton = None,
    data: Data = HERE,
    json: Json = False,
) -> None:
    """Add a service, at the price of one."""
    from tillgate.cli.catalog import create_service, show_services

    said = {
        "title": title, "price": price, "currency": currency, "slug": slug,
        "description": description, "price_unit": price_unit, "icon": icon, "features": feature,
        "status": status, "stripe_buy_button_id": buy_button,
    }  # fmt: skip
    made = asyncio.run(create_service(merchant, said, os.environ, data))
    sys.stdout.write(show_services([made], as_json=json))


@service_app.command("list")
def run_service_list(merchant: Merchant, data: Data = HERE, json: Json = False) -> None:
    """List a merchant's newest services."""
    from tillgate.cli.catalog import read_services, show_services

    found = asyncio.run(read_services(merchant, os.environ, data))
    sys.stdout.write(show_services(found, as_json=json))


@service_app.command("update")
def run_service_update(
    service: ServiceId,
    merchant: Merchant,
    title: NewTitle = None,
    price: NewPrice = None,
    currency: NewCurrency = None,
    slug: Slug = None,
    description: Text = None,
    price_unit: PriceUnit = None,
    icon: Icon = None,
    feature: Features = None,
    status: Sold = None,
    buy_button: BuyButton = None,
    data: Data = HERE,
    json: Json = False,
) -> None:
    """Change a service. What is left out stays; an empty text takes it away."""
    from tillgate.cli.catalog import show_services, update_service

    said = {
        "title": title, "price": price, "currency": currency, "slug": slug,
        "description": description, "price_unit": price_unit, "icon": icon, "features": feature,
        "status": status, "stripe_buy_button_id": buy_button,
    }  # fmt: skip
    changed = asyncio.run(update_service(merchant, service, said, os.environ, data))
    sys.stdout.write(show_services([changed], as_json=json))


@provider_app.command("create")
def run_provider_create(
    merchant: Merchant,
    name: Name,
    service: Service,
    slug: Slug = None,
    webhook_url: Webhook = None,
    success_url: Success = None,
    cancel_url: Cancel = None,
    stripe_checkout: Stripe = None,
    status: Selling = None,
    description: Text = None,
    data: Data = HERE,
    json: Json = False,
) -> None:
    """Add a provider; prints its key, and what signs its webhooks, this once."""
    from tillgate.cli.catalog import create_provider, show_providers

    said = {
        "name": name, "service": service, "slug": slug, "webhook_url": webhook_url,
        "success_redirect_url": success_url, "cancel_redirect_url": cancel_url,
        "use_stripe_checkout": stripe_checkout, "status": status, "description": description,
    }  # fmt: skip
    made = asyncio.run(create_provider(merchant, said, os.environ, data))
    sys.stdout.write(show_providers([made], as_json=json))


@provider_app.command("list")
def run_provider_list(merchant: Merchant, data: Data = HERE, json: Json = False) -> None:
    """List a merchant's newest providers, without their keys."""
    from tillgate.cli.catalog import read_providers, show_providers

    found = asyncio.run(read_providers(merchant, os.environ, data))
    sys.stdout.write(show_providers(found, as_json=json))


@provider_app.command("update")
def run_provider_update(
    provider: ProviderId,
    merchant: Merchant,
    name: NewName = None,
    service: NewService = None,
    slug: Slug = None,
    webhook_url: Webhook = None,
    success_url: Success = None,
    cancel_url: Cancel = None,
    stripe_checkout: Stripe = None,
    status: Selling = None,
    description: Text = None,
    data: Data = HERE,
    json: Json = False,
) -> None:
    """Change a provider. What is left out stays; an empty text takes it away."""
    from tillgate.cli.catalog import show_providers, update_provider

    said = {
        "name": name, "service": service, "slug": slug, "webhook_url": webhook_url,
        "success_redirect_url": success_url, "cancel_redirect_url": cancel_url,
        "use_stripe_checkout": stripe_checkout, "status": status, "description": description,
    }  # fmt: skip
    changed = asyncio.run(update_provider(merchant, provider, said, os.environ, data))
    sys.stdout.write(show_providers([changed], as_json=json))


@provider_app.command("roll")
def run_provider_roll(
    provider: ProviderId, merchant: Merchant, data: Data = HERE, json: Json = False
) -> None:
    """Give a provider a new key, printed this once. The old one opens nothing from now on."""
    from tillgate.cli.catalog import roll, show_providers

    rolled = asyncio.run(roll(merchant, provider, os.environ, data))
    sys.stdout.write(show_providers([rolled], as_json=json))

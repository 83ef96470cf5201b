"""The program `tillgate`: what can be typed, and what it starts.

Each command imports its part when it runs, so that no process carries the weight of the others.
"""
# ruff: noqa: PLC0415  see above

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tillgate.cli.failure import Failure
from tillgate.cli.options import Data, Json, Merchant
from tillgate.cli.parent import watch_parent
from tillgate.cli.selling import provider_app, service_app

if TYPE_CHECKING:
    from tillgate.settings import Settings

HOST = "127.0.0.1"
PORT_MAX = 65535

ApiPort = Annotated[
    int, typer.Option("--port", min=0, max=PORT_MAX, envvar="PORT", help="Port; 0 for a free one.")
]
Port = Annotated[int, typer.Option(min=1, max=PORT_MAX, help="Port to listen on.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
SandboxData = Annotated[Path | None, typer.Option(help="Folder to remember payments in.")]
Name = Annotated[str, typer.Option(help="Name of the business, as payers see it.")]
KeyKind = Annotated[str, typer.Option(help="secret, publishable or restricted.")]
KeyName = Annotated[str | None, typer.Option("--name", help="A name to know the key by.")]
KeyScopes = Annotated[
    list[str] | None, typer.Option("--scope", help="What a restricted key may do; repeat it.")
]
KeyId = Annotated[str, typer.Argument(help="The key's id, `key_…`.")]
ConnectionId = Annotated[str, typer.Argument(help="The connection's id, `con_…`.")]
Connector = Annotated[str, typer.Option(help="What speaks to the processor: external, …")]
ConnectionName = Annotated[str | None, typer.Option("--name", help="A name to know it by.")]
Credentials = Annotated[
    str, typer.Option(help="A file with the credentials as a JSON object; - to type them.")
]
ConnectionSettings = Annotated[
    str | None, typer.Option("--settings", help="A file with the settings as a JSON object.")
]
Priority = Annotated[int, typer.Option(help="Higher ones are tried first.")]
CallbackId = Annotated[str, typer.Argument(help="The callback's id, `cb_…`.")]
CallbackState = Annotated[
    str | None, typer.Option(help="Only these: pending, processed, failed or refused.")
]
OneConnection = Annotated[str | None, typer.Option(help="Only those of this one, `con_…`.")]
OneMerchant = Annotated[str | None, typer.Option(help="Check only this merchant, `mer_…`.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with one that was interrupted.")]

app = typer.Typer(
    help="Tillgate, a payment gateway of your own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
merchant_app = typer.Typer(help="Merchants of this installation.", no_args_is_help=True)
app.add_typer(merchant_app, name="merchant")
key_app = typer.Typer(help="API keys of a merchant.", no_args_is_help=True)
app.add_typer(key_app, name="key")
connection_app = typer.Typer(help="A merchant's processors.", no_args_is_help=True)
app.add_typer(connection_app, name="connection")
app.add_typer(service_app, name="service")
app.add_typer(provider_app, name="provider")
callbacks_app = typer.Typer(help="Messages of a merchant's processors.", no_args_is_help=True)
app.add_typer(callbacks_app, name="callbacks")
ledger_app = typer.Typer(help="The books of this installation.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")


def main() -> None:
    """Runs the command line. What a person must hear goes to stderr, with status 1."""
    try:
        app()
    except (Failure, PermissionError) as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(1)


@app.command("dev")
def run_dev(port: ApiPort = 8000, data: Data = Path(".tillgate"), json: Json = False) -> None:
    """Run everything on this machine: database, API, worker, sandbox processor, webhook inbox."""
    from tillgate.cli.dev import develop
    from tillgate.cli.panel import announce, announce_json

    develop(port, data, announce_json if json else lambda ready: announce(ready, data))


@app.command("serve")
def run_serve(host: Host = HOST, port: ApiPort = 8000, data: Data = Path(".tillgate")) -> None:
    """Run the API on the database that DATABASE_URL names."""
    watch_parent()
    settings = _settings(data, f"http://{host}:{port}")
    from tillgate.main.gateway import serve

    serve(settings, host, port)


@app.command("worker")
def run_worker(data: Data = Path(".tillgate")) -> None:
    """Run what is due: webhooks, expiries, look-ups. As many at once as wanted."""
    watch_parent()
    settings = _settings(data, f"http://{HOST}:8000")
    from tillgate.main.worker import work

    work(settings)


@app.command("migrate")
def run_migrate() -> None:
    """Bring the database that DATABASE_URL names up to date; makes it when it is missing."""
    from tillgate.cli.migrate import migrate

    migrate(_required("DATABASE_URL"))
    sys.stdout.write("The database is up to date.\n")


@app.command("doctor")
def run_doctor(data: Data = Path(".tillgate"), json: Json = False) -> None:
    """Say what is wrong with a set-up, and how to mend it. Changes nothing; 1 if anything is.

    Of the database that DATABASE_URL names, or of the `tillgate dev` in --data.
    """
    from tillgate.cli.doctor import examine, healthy, show

    results = asyncio.run(examine(data.absolute(), os.environ))
    sys.stdout.write(show(results, as_json=json))
    raise typer.Exit(0 if healthy(results) else 1)


@app.command("sandbox")
def run_sandbox(port: Port = 8001, data: SandboxData = None) -> None:
    """Run the sandbox processor, which plays an external payment app. For developing."""
    watch_parent()
    from tillgate.sandbox.app import serve
    from tillgate.sandbox.settings import SettingsError, from_environment

    secret = _required("TILLGATE_SANDBOX_SECRET")
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        raise Failure(str(error)) from error
    serve(port, secret, data, settings)


@app.command("inbox")
def run_inbox(port: Port = 8002) -> None:
    """Run the webhook inbox, which plays a merchant's own server. For developing."""
    watch_parent()
    from tillgate.inbox.app import serve

    serve(port)


@merchant_app.command("create")
def run_merchant_create(name: Name, data: Data = Path(".tillgate"), json: Json = False) -> None:
    """Create a business with its merchants; prints the test merchant's keys, this once.

    In the database that DATABASE_URL names, or in that of the `tillgate dev` running in --data.
    """
    from tillgate.cli.merchant import create, show

    created = asyncio.run(create(name, os.environ, data))
    sys.stdout.write(show(created, as_json=json))


@key_app.command("create")
def run_key_create(
    merchant: Merchant,
    kind: KeyKind = "secret",
    name: KeyName = None,
    scope: KeyScopes = None,
    data: Data = Path(".tillgate"),
    json: Json = False,
) -> None:
    """Make a key; prints it, this once. So a live merchant gets its first one."""
    from tillgate.cli.keys import create, show_created

    made = asyncio.run(create(merchant, kind, name, scope or None, os.environ, data))
    sys.stdout.write(show_created(made, as_json=json))


@key_app.command("list")
def run_key_list(merchant: Merchant, data: Data = Path(".tillgate"), json: Json = False) -> None:
    """List a merchant's newest keys, without their texts."""
    from tillgate.cli.keys import read, show

    sys.stdout.write(show(asyncio.run(read(merchant, os.environ, data)), as_json=json))


@key_app.command("revoke")
def run_key_revoke(key: KeyId, merchant: Merchant, data: Data = Path(".tillgate")) -> None:
    """End a key for good, be it the last one."""
    from tillgate.cli.keys import revoke

    asyncio.run(revoke(merchant, key, os.environ, data))
    sys.stdout.write(f"{key} is revoked.\n")


@connection_app.command("create")
def run_connection_create(
    merchant: Merchant,
    connector: Connector,
    credentials: Credentials = "-",
    settings: ConnectionSettings = None,
    name: ConnectionName = None,
    priority: Priority = 0,
    data: Data = Path(".tillgate"),
    json: Json = False,
) -> None:
    """Connect a merchant to a processor. Credentials come from a file or stdin, and are sealed."""
    from tillgate.cli.connections import Wanted, create, show

    wanted = Wanted(connector, name, credentials, settings, priority)
    made = asyncio.run(create(merchant, wanted, os.environ, data))
    sys.stdout.write(show([made], as_json=json))


@connection_app.command("list")
def run_connection_list(
    merchant: Merchant, data: Data = Path(".tillgate"), json: Json = False
) -> None:
    """List a merchant's connections, without their credentials."""
    from tillgate.cli.connections import read, show

    sys.stdout.write(show(asyncio.run(read(merchant, os.environ, data)), as_json=json))


@connection_app.command("test")
def run_connection_test(
    connection: ConnectionId,
    merchant: Merchant,
    data: Data = Path(".tillgate"),
    json: Json = False,
) -> None:
    """Ask a processor whether it would take our wishes. Moves no money; 1 if anything is wrong."""
    from tillgate.cli.connections import prove, show_troubles

    troubles = asyncio.run(prove(merchant, connection, os.environ, data))
    sys.stdout.write(show_troubles(troubles, as_json=json))
    raise typer.Exit(1 if troubles else 0)


@connection_app.command("disable")
def run_connection_disable(
    connection: ConnectionId, merchant: Merchant, data: Data = Path(".tillgate")
) -> None:
    """Let no new payment go through a connection; those under way are carried to their end."""
    from tillgate.cli.connections import disable

    asyncio.run(disable(merchant, connection, os.environ, data))
    sys.stdout.write(f"{connection} is disabled.\n")


@callbacks_app.command("list")
def run_callbacks_list(
    merchant: Merchant,
    state: CallbackState = None,
    connection: OneConnection = None,
    data: Data = Path(".tillgate"),
    json: Json = False,
) -> None:
    """List a merchant's newest callbacks. Refused ones are listed only when asked for."""
    from tillgate.cli.callbacks import read, show

    found = asyncio.run(read(merchant, state, connection, os.environ, data))
    sys.stdout.write(show(found, as_json=json))


@callbacks_app.command("show")
def run_callbacks_show(
    callback: CallbackId, merchant: Merchant, data: Data = Path(".tillgate")
) -> None:
    """Show one callback as it came, as JSON."""
    from tillgate.cli.callbacks import read_one

    sys.stdout.write(asyncio.run(read_one(merchant, callback, os.environ, data)))


@callbacks_app.command("replay")
def run_callbacks_replay(
    callback: CallbackId, merchant: Merchant, data: Data = Path(".tillgate")
) -> None:
    """Have a callback tried again: a dead letter, or one that was applied. A worker does it."""
    from tillgate.cli.callbacks import replay_one

    asyncio.run(replay_one(merchant, callback, os.environ, data))
    sys.stdout.write(f"{callback} is tried again.\n")


@ledger_app.command("check")
def run_ledger_check(
    data: Data = Path(".tillgate"),
    merchant: OneMerchant = None,
    json: Json = False,
    resume: Resume = False,
) -> None:
    """Recompute every account from its transfers, and compare. Changes nothing.

    Of the database that DATABASE_URL names, or of the `tillgate dev` running in --data. The status
    is 0 when the books are right, 1 when they are not, 2 when they could not be checked.
    """
    from tillgate.cli.ledger import check

    status = check(data.absolute(), os.environ, merchant, resume=resume, as_json=json)
    raise typer.Exit(status)


def _settings(data: Path, address: str) -> "Settings":
    """From the environment. For a single machine two settings may be left out: the secret is then
    kept in the data folder, and the address is the one that is listened on."""
    from tillgate.cli.home import local_secret
    from tillgate.settings import SettingsError, from_environment

    environment = {"TILLGATE_PUBLIC_URL": address, **os.environ}
    if environment.get("DATABASE_URL") and not environment.get("TILLGATE_SECRET"):
        environment["TILLGATE_SECRET"] = local_secret(data)
        sys.stderr.write(
            f"TILLGATE_SECRET is not set: taking the one in {data}. "
            "Every process of an installation needs the same.\n"
        )
    try:
        return from_environment(environment)
    except SettingsError as error:
        raise Failure(str(error)) from error


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise Failure(f"{name} is not set.")
    return value

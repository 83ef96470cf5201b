"""What `tillgate dev` says when it is ready: to a person, or to a program."""

import sys
from pathlib import Path

import msgspec

LABEL_WIDTH = 13


class Ready(msgspec.Struct, frozen=True, tag="ready", tag_field="event"):
    """Addresses and keys. In JSON `"event":"ready"` stands in front."""

    url: str
    merchant: str
    secret_key: str
    publishable_key: str
    sandbox_url: str
    inbox_url: str
    database_url: str


def say(words: str) -> None:
    """Tells a person something on the way."""
    sys.stderr.write(words.rstrip() + "\n")
    sys.stderr.flush()


def announce_json(ready: Ready) -> None:
    """One line, and nothing else ever on stdout."""
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


def announce(ready: Ready, data: Path) -> None:
    """A page for a person. No frame around it, so that keys and the command can be copied."""
    # Imported here: it takes a while, and a program that reads JSON has no use for it.
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    page = Text("\n")
    page.append("  ▌▐ ", "bold blue").append("Tillgate is ready\n", "bold")
    for rows in _blocks(ready, data):
        page.append("\n")
        for label, value, remark in rows:
            page.append(f"  {label:<{LABEL_WIDTH}}", "dim").append(value)
            page.append(f"   {remark}\n" if remark else "\n", "dim")
    page.append("\n  Create a payment, then open its checkout_url and pay:\n\n", "bold")
    page.append(_command(ready))
    page.append("\n\n  Ctrl-C stops everything; nothing is lost.\n", "dim")
    Console(highlight=False).print(page, soft_wrap=True)


def _blocks(ready: Ready, data: Path) -> list[list[tuple[str, str, str]]]:
    return [
        [
            ("API", ready.url, "its reference stands at /docs"),
            ("Sandbox", ready.sandbox_url, "the processor: approves, declines, misbehaves"),
            ("Inbox", ready.inbox_url, "shows the webhooks that the merchant gets"),
        ],
        [
            ("Merchant", ready.merchant, ""),
            ("Secret key", ready.secret_key, ""),
            ("Publishable", ready.publishable_key, ""),
        ],
        [("Data, logs", str(data), ""), ("Database", ready.database_url, "")],
    ]


def _command(ready: Ready) -> str:
    return (
        f"curl {ready.url}/v1/payments \\\n"
        f"  -H 'Authorization: Bearer {ready.secret_key}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        '  -d \'{"amount": 1999, "currency": "eur", "description": "A first order"}\''
    )

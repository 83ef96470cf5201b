"""The connectors that there are: how each is configured, and what speaks for it.

A connector's module is small; what it needs of a processor's SDK it imports when it is used.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from tillgate.connectors import external, stripe
from tillgate.connectors.protocol import Capabilities, Connector
from tillgate.kit import body
from tillgate.kit.http import encode
from tillgate.kit.networks import Policy, vet_url
from tillgate.kit.outbound import Outbound
from tillgate.kit.refusal import Refused


class Kind(NamedTuple):
    """`connect` is told whether the merchant is a live one. `urls`: the addresses in its settings
    that somebody chose. `vet`: what types do not say."""

    settings: type[Struct]
    credentials: type[Struct]
    connect: Callable[[Raw, bytes, Outbound, bool], Connector]
    urls: Callable[[Any], Iterator[tuple[str, str]]]
    expand: Callable[[dict[str, Any]], dict[str, Any] | Refused]
    vet: Callable[[Any, Any, bool], Refused | None]
    able: Callable[[Raw], Capabilities]


class Configured(NamedTuple):
    """Settings and credentials that fit their connector, as they are stored."""

    settings: Raw
    credentials: bytes
    hints: Raw


KINDS: dict[str, Kind] = {
    "external": Kind(
        external.Settings,
        external.Credentials,
        external.connect,
        external.urls,
        external.expand,
        external.vet,
        external.able,
    ),
    "stripe": Kind(
        stripe.Settings,
        stripe.Credentials,
        stripe.connect,
        stripe.urls,
        stripe.expand,
        stripe.vet,
        stripe.able,
    ),
}


def configure(
    name: str,
    settings: dict[str, Any],
    credentials: dict[str, Any],
    policy: Policy,
    *,
    livemode: bool,
) -> Configured | Refused:
    """What is to be stored, or a refusal that names the member."""
    kind = KINDS.get(name)
    if kind is None:
        words = f"There is no such connector; known: {', '.join(KINDS)}."
        return Refused("parameter_invalid", words, "connector")
    expanded = kind.expand(settings)
    if isinstance(expanded, Refused):
        return expanded
    read = _read(kind.settings, expanded, "settings")
    if isinstance(read, Refused):
        return read
    secrets = _read(kind.credentials, credentials, "credentials")
    if isinstance(secrets, Refused):
        return secrets
    for member, url in kind.urls(read):
        refused = vet_url(url, policy)
        if refused is not None:
            return refused._replace(param=f"settings.{member}")
    return kind.vet(read, secrets, livemode) or Configured(
        Raw(encode(read)), encode(secrets), Raw(encode(hints(msgspec.to_builtins(secrets))))
    )


def _read(kind: type[Struct], given: dict[str, Any], param: str) -> Struct | Refused:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        refused = body.explain(str(error))
        name = f"{param}.{refused.param}" if refused.param else param
        return refused._replace(param=name)


SHOWN_CHARACTERS = 4
HIDDEN_MIN_CHARACTERS = 12
"""A secret that is shorter shows nothing of itself."""


def hints(secrets: dict[str, Any]) -> dict[str, Any]:
    """What a person may see of credentials: which there are, and how they end."""
    return {name: _hint(value) for name, value in secrets.items() if value not in (None, [])}


def _hint(value: Any) -> Any:
    if isinstance(value, list):
        return [_hint(one) for one in value]  # pyright: ignore[reportUnknownVariableType]  JSON
    text = str(value)
    head, underscore, _ = text.rpartition("_")
    begins = head + underscore if len(head) <= HIDDEN_MIN_CHARACTERS else ""
    long = len(text) - len(begins) >= HIDDEN_MIN_CHARACTERS
    return f"{begins}…{text[-SHOWN_CHARACTERS:]}" if long else "…"

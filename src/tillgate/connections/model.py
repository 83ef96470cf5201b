"""A connection as the API shows it, and what may be said of a new one."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from tillgate.kit.money import AMOUNT_MAX_MINOR

NAME_MAX_CHARACTERS = 100
PRIORITY_MAX = 1000
NETWORKS_MAX = 50
ASSETS_MAX = 200

Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX_CHARACTERS)]
Priority = Annotated[
    int, Meta(ge=-PRIORITY_MAX, le=PRIORITY_MAX, description="Higher ones are tried first.")
]
Minor = Annotated[int, Meta(ge=1, le=AMOUNT_MAX_MINOR, description="In minor units.")]
Currencies = Annotated[
    list[Annotated[str, Meta(min_length=3, max_length=5)]],
    Meta(min_length=1, max_length=ASSETS_MAX),
]
Networks = Annotated[
    list[Annotated[str, Meta(max_length=50)]], Meta(min_length=1, max_length=NETWORKS_MAX)
]
Status = Literal["enabled", "disabled"]
AmountPolicy = Literal["review", "accept"]
Object = dict[str, Any]


class Capability(Struct, frozen=True):
    """What can be asked of a connection."""

    manual_capture: bool
    partial_capture: bool
    cancel: bool
    refunds: bool
    partial_refunds: bool
    look_up: bool


class ConnectionObject(Struct, frozen=True, kw_only=True):
    """An account at a processor. Of `credentials` only hints are shown. `callback_url` is where its
    processor must send its messages."""

    id: str
    object: Literal["connection"] = "connection"
    connector: str
    name: str
    status: Status
    priority: int
    currencies: list[str] | None
    amount_min: int | None
    amount_max: int | None
    amount_policy: AmountPolicy
    allowed_networks: list[str] | None
    settings: Raw
    credentials: Raw
    capabilities: Capability
    callback_url: str
    created: int
    updated: int
    livemode: bool


class TroubleObject(Struct, frozen=True):
    """Something that is wrong, and how to mend it."""

    code: str
    message: str
    mend: str


class ConnectionTest(Struct, frozen=True, kw_only=True):
    """What a test of a connection has found; `ok`: nothing is wrong."""

    object: Literal["connection_test"] = "connection_test"
    connection: str
    ok: bool
    troubles: list[TroubleObject]

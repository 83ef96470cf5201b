"""What the document says of calls beyond their handlers: parameters, answers, what follows."""

from typing import Any

from tillgate.kit.metadata import KEY_MAX_CHARACTERS, VALUE_MAX_CHARACTERS
from tillgate.kit.money import ASSETS
from tillgate.payments.reading import EXPANDABLE, METADATA_FILTERS_MAX


def id_form(prefix: str) -> dict[str, Any]:
    """How our ids are written: 128 bits in base32."""
    return {"pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}


IDEMPOTENCY_KEY = {"type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["order-10482"]}
MOMENT = {"minimum": 0}

PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": ("The same key gives the same answer for 24 hours.", IDEMPOTENCY_KEY),
    "at": ("Unix seconds: as of then.", MOMENT),
    "callback": ("The callback's id, `cb_…`.", id_form("cb")),
    "clock": ("The test clock's id, `clock_…`.", id_form("clock")),
    "connection": ("The connection's id, `con_…`.", id_form("con")),
    "created[gt]": ("Unix seconds: after then.", MOMENT),
    "created[gte]": ("Unix seconds: since then.", MOMENT),
    "created[lt]": ("Unix seconds: before then.", MOMENT),
    "created[lte]": ("Unix seconds: until then, and then.", MOMENT),
    "currency": ("Only the wallet in this currency.", {"enum": sorted(ASSETS)}),
    "dispute": ("The dispute's id, `dp_…`.", id_form("dp")),
    "endpoint": ("The endpoint's id, `we_…`.", id_form("we")),
    "event": ("The event's id, `evt_…`.", id_form("evt")),
    "hold_id": ("The hold's id, `hold_…`.", id_form("hold")),
    "key": ("The key's id, `key_…`.", id_form("key")),
    "order": ("The order's id, `ord_…`.", id_form("ord")),
    "payment": ("The payment's id, `pay_…`.", id_form("pay")),
    "provider": ("The provider's id, `prov_…`.", id_form("prov")),
    "reference": ("Only those with this.", {"pattern": "^[ -~]*$"}),
    "refund": ("The refund's id, `re_…`.", id_form("re")),
    "service": ("The service's id, `svc_…`.", id_form("svc")),
    "status": ("Only those that have this status now.", {}),
    "user": ("Your name of the user.", {"pattern": "^[!-.0-~]+$", "examples": ["user-17"]}),
}
"""name → (what it means where the handler does not say; what its type leaves open)."""

METADATA = {
    "name": "metadata",
    "in": "query",
    "style": "deepObject",
    "explode": True,
    "required": False,
    "description": "`metadata[key]=value`: only those that have all of these.",
    "schema": {
        "type": "object",
        "maxProperties": METADATA_FILTERS_MAX,
        "propertyNames": {"pattern": f"^[A-Za-z0-9_-]{{1,{KEY_MAX_CHARACTERS}}}$"},
        "additionalProperties": {"type": "string", "maxLength": VALUE_MAX_CHARACTERS},
    },
}
"""The filter of payments whose names are open, which no handler can declare."""

EXPANDS = {
    "retrievePayment": list(EXPANDABLE),
    "listPayments": [f"data.{name}" for name in EXPANDABLE],
    "retrieveRefund": ["payment"],
    "listRefunds": ["data.payment"],
    "retrieveDispute": ["payment"],
    "listDisputes": ["data.payment"],
}
"""operation → what `expand[]` takes."""

CURSORS = {
    "listAudit": "aud",
    "listConnections": "con",
    "listCallbacks": "cb",
    "listDisputes": "dp",
    "listEvents": "evt",
    "listHolds": "hold",
    "listKeys": "key",
    "listOrders": "ord",
    "listPayments": "pay",
    "listProviders": "prov",
    "listRefunds": "re",
    "listServices": "svc",
    "listTestClocks": "clock",
    "listWebhookDeliveries": "del",
    "listWebhookEndpoints": "we",
    "retrieveStatement": "tr",
}
"""operation → the prefix of the ids in its list."""

LATER = dict.fromkeys(
    ("cancelPayment", "capturePayment", "confirmPayment", "resolvePayment"),
    "The wish is stored, and the processor has not said yet what became of it: the payment as it "
    "is now. An event tells the rest.",
)
"""operation → what 202 means."""

REFUSALS = {
    "400": "A parameter is missing, unknown or invalid; `param` names it.",
    "401": "The key is missing or unknown.",
    "402": "The processor said no, the wallet has too little, or its limits forbid it.",
    "403": "This key may not do that.",
    "404": "There is no such object.",
    "405": "This address does not take that method.",
    "409": "The state of the object, or another request with the same key, forbids it for now.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "429": "Too many requests; try again after `Retry-After`.",
    "503": "Overloaded, or the database is gone; try again after `Retry-After`.",
}
WRITES = ("409", "413", "415")
"""Refusals of what changes something."""

MONEY = frozenset((
    "cancelPayment", "capturePayment", "confirmPayment", "createHold", "createRefund",
    "creditWallet", "debitWallet", "postHold", "resolvePayment", "transferBetweenWallets",
))  # fmt: skip
"""Operations that can be refused with 402."""

LINKS: dict[str, tuple[dict[str, str], list[str]]] = {
    "createConnection": (
        {"connection": "id"}, ["retrieveConnection", "updateConnection", "testConnection"],
    ),
    "createHold": ({"user": "user", "hold_id": "id"}, ["retrieveHold", "postHold", "voidHold"]),
    "createKey": ({"key": "id"}, ["retrieveKey", "updateKey", "rollKey", "revokeKey"]),
    "createOrder": ({"order": "id"}, ["retrieveOrder", "updateOrder", "cancelOrder"]),
    "createPayment": (
        {"payment": "id"},
        ["retrievePayment", "updatePayment", "confirmPayment", "capturePayment", "cancelPayment",
         "resolvePayment", "retrievePaymentTimeline"],
    ),
    "createProvider": (
        {"provider": "id"}, ["retrieveProvider", "updateProvider", "rollProviderKey"],
    ),
    "createRefund": ({"refund": "id"}, ["retrieveRefund", "updateRefund", "cancelRefund"]),
    "createService": ({"service": "id"}, ["retrieveService", "updateService"]),
    "createTestClock": ({"clock": "id"}, ["advanceTestClock", "retrieveTestClock"]),
    "createWebhookEndpoint": (
        {"endpoint": "id"},
        ["retrieveWebhookEndpoint", "listWebhookDeliveries", "deleteWebhookEndpoint"],
    ),
    "listCallbacks": ({"callback": "data/0/id"}, ["retrieveCallback", "replayCallback"]),
    "listDisputes": ({"dispute": "data/0/id"}, ["retrieveDispute"]),
    "listEvents": ({"event": "data/0/id"}, ["retrieveEvent"]),
    "listHolds": ({"user": "data/0/user", "hold_id": "data/0/id"}, ["retrieveHold"]),
    "listKeys": ({"key": "data/0/id"}, ["retrieveKey"]),
    "listOrders": ({"order": "data/0/id"}, ["retrieveOrder"]),
    "listPayments": ({"payment": "data/0/id"}, ["retrievePayment"]),
    "listProviders": ({"provider": "data/0/id"}, ["retrieveProvider"]),
    "listRefunds": ({"refund": "data/0/id"}, ["retrieveRefund"]),
    "listServices": ({"service": "data/0/id"}, ["retrieveService"]),
    "listTestClocks": ({"clock": "data/0/id"}, ["advanceTestClock", "deleteTestClock"]),
    "listWebhookEndpoints": (
        {"endpoint": "data/0/id"},
        ["retrieveWebhookEndpoint", "listWebhookDeliveries"],
    ),
}  # fmt: skip
"""operation → ({parameter: where its answer holds it}, the operations that take these)."""

"""What the document says of shapes beyond their types: names, forms of strings, examples."""

from typing import Any

from tillgate.audit.api import AuditEntry
from tillgate.catalog.api import ServiceChangesIn, ServiceIn, ServiceObject
from tillgate.catalog.providers import KeyRollingIn, ProviderChangesIn, ProviderIn, ProviderObject
from tillgate.connections.api import ConnectionChangesIn, ConnectionIn
from tillgate.events.catalogue import TYPES
from tillgate.kit.http import ErrorBody
from tillgate.kit.money import ASSETS
from tillgate.kit.pages import ListOut
from tillgate.main.openapi.calls import id_form
from tillgate.merchants.keys.api import KeyChangeIn, KeyIn, RollIn
from tillgate.orders.api import OrderCancelingIn, OrderChangesIn, OrderIn
from tillgate.orders.model import OrderObject
from tillgate.payments.api import CreateIn
from tillgate.payments.shapes import DisputeObject, PaymentAnswer, RefundObject
from tillgate.payments.wishes import CancelIn, CaptureIn, ConfirmIn, ResolveIn, UpdateIn
from tillgate.refunds.api import RefundCancelingIn, RefundChangesIn, RefundIn
from tillgate.schedule.api import AdvanceIn, TestClockIn
from tillgate.timeline.api import TimelineEntry
from tillgate.wallets.api import (
    CurrencyIn,
    HoldIn,
    LimitsIn,
    MovementIn,
    Nothing,
    PostIn,
    TransferIn,
)
from tillgate.wallets.reading import StatementLine
from tillgate.webhooks.api import EndpointIn

EXACT = (
    AdvanceIn, AuditEntry, CancelIn, CaptureIn, ConfirmIn, ConnectionChangesIn, ConnectionIn,
    CreateIn, CurrencyIn, DisputeObject,
    EndpointIn, ErrorBody, HoldIn, KeyChangeIn, KeyIn, KeyRollingIn, LimitsIn,
    ListOut[StatementLine], ListOut[TimelineEntry], MovementIn, Nothing, OrderCancelingIn,
    OrderChangesIn, OrderIn, OrderObject, PaymentAnswer, PostIn, ProviderChangesIn, ProviderIn,
    ProviderObject, RefundCancelingIn, RefundChangesIn, RefundIn, RefundObject, ResolveIn, RollIn,
    ServiceChangesIn, ServiceIn, ServiceObject, TestClockIn, TransferIn, UpdateIn,
)  # fmt: skip
"""Types whose schema is msgspec's: Litestar forgets the limits inside lists and objects."""

NAMES = {
    "AdvanceIn": "ClockAdvance",
    "Amount": "Money",
    "CallbackObject": "Callback",
    "CancelIn": "PaymentCanceling",
    "CaptureIn": "PaymentCapture",
    "ConfirmIn": "PaymentConfirming",
    "ConnectionChangesIn": "ConnectionChanges",
    "ConnectionIn": "NewConnection",
    "ConnectionObject": "Connection",
    "CreateIn": "NewPayment",
    "CurrencyIn": "WalletChoice",
    "DisputeObject": "Dispute",
    "EndpointIn": "NewWebhookEndpoint",
    "ErrorBody": "Error",
    "EventObject": "Event",
    "HoldIn": "NewHold",
    "HoldObject": "Hold",
    "JobFigures": "Job",
    "KeyChangeIn": "KeyChange",
    "KeyIn": "NewKey",
    "KeyObject": "Key",
    "KeyRollingIn": "ProviderKeyRolling",
    "LimitsIn": "NewWalletLimits",
    "Line": "OrderLine",
    "MovementIn": "NewMovement",
    "Nothing": "HoldVoiding",
    "OrderCancelingIn": "OrderCanceling",
    "OrderChangesIn": "OrderChanges",
    "OrderIn": "NewOrder",
    "OrderObject": "Order",
    "PaymentAnswer": "Payment",
    "PaymentObject": "ExpandedPayment",
    "PostIn": "HoldPosting",
    "ProviderChangesIn": "ProviderChanges",
    "ProviderIn": "NewProvider",
    "ProviderObject": "Provider",
    "RefundCancelingIn": "RefundCanceling",
    "RefundChangesIn": "RefundChanges",
    "RefundIn": "NewRefund",
    "RefundObject": "Refund",
    "ReplayIn": "CallbackReplay",
    "ResolveIn": "PaymentResolving",
    "RollIn": "KeyRolling",
    "ServiceChangesIn": "ServiceChanges",
    "ServiceIn": "NewService",
    "ServiceObject": "Service",
    "TestClockIn": "NewTestClock",
    "TransferIn": "NewWalletTransfer",
    "TryObject": "Try",
    "UpdateIn": "PaymentChanges",
}
"""What our types are called outside, where that differs; `ListOut_….T_` is a list of T."""

Forms = dict[str, dict[str, Any]]

URL = r"^https?://[A-Za-z0-9.-]*[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?([/?#][!-\[\]-~]*)?$"
SLUG = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
GLOBS = ["*", "payment.*", *TYPES]

WALLET: Forms = {"currency": {"enum": sorted(ASSETS), "examples": ["eur"]}}
WORDS: Forms = {
    "reference": {"pattern": "^[ -~]*$", "examples": ["order-10482"]},
    "description": {"examples": ["Two blue mugs"]},
}
SOLD: Forms = {
    **WALLET,
    "title": {"pattern": "^[ -~]*$", "examples": ["Premium Credits"]},
    "price": {"examples": [500]},
    "slug": {"pattern": SLUG, "examples": ["premium-credits"]},
    "icon": {"examples": ["coins"]},
    "stripe_buy_button_id": {"pattern": "^buy_btn_[A-Za-z0-9]+$", "examples": ["buy_btn_1Qx"]},
}
SELLER: Forms = {
    "name": {"pattern": "^[ -~]*$", "examples": ["Bitloader"]},
    "slug": {"pattern": SLUG, "examples": ["bitloader"]},
    "service": id_form("svc"),
    "webhook_url": {"format": "uri", "examples": ["https://bitloader.example/webhooks"]},
    "success_redirect_url": {
        "pattern": URL,
        "examples": ["https://bitloader.example/success?orderId={orderId}"],
    },
    "cancel_redirect_url": {"pattern": URL, "examples": ["https://bitloader.example/cancelled"]},
}
KEPT: Forms = {"metadata": {"type": "object", "additionalProperties": {"type": "string"}}}
"""Metadata in answers: its text is passed on as it was stored."""

OBJECT = {"type": "object"}

FORMS: dict[str, Forms] = {
    "AuditEntry": {"before": OBJECT, "after": OBJECT},
    "CaptureIn": {"amount": {"examples": [700]}},
    "ConfirmIn": {
        "connection": id_form("con"),
        "return_url": {"pattern": URL, "examples": ["https://shop.example/orders/10482"]},
    },
    "ConnectionObject": {"settings": OBJECT, "credentials": OBJECT},
    "CreateIn": {
        "amount": {"examples": [1999]},
        "currency": WALLET["currency"],
        "success_url": {"pattern": URL, "examples": ["https://shop.example/thanks/{payment_id}"]},
        "cancel_url": {"pattern": URL, "examples": ["https://shop.example/cart"]},
        "wallet_user": {"pattern": "^[!-.0-~]+$", "examples": ["user-17"]},
        "connection": id_form("con"),
        "order": id_form("ord"),
    },
    "CurrencyIn": WALLET,
    "EndpointIn": {
        "url": {"format": "uri", "examples": ["https://shop.example/webhooks"]},
        "events": {"items": {"type": "string", "examples": GLOBS}},
    },
    "EventData": {"object": OBJECT},
    "HoldIn": WALLET | WORDS | {"amount": {"examples": [4000]}},
    "KeyIn": {"name": {"examples": ["Till 4"]}, "expires_at": {"minimum": 2_000_000_000}},
    "LimitsIn": WALLET | {"day_max": {"examples": [50_000]}},
    "Line": {
        "name": {"examples": ["Blue mug"]},
        "quantity": {"examples": [2]},
        "amount": {"examples": [1250]},
        "reference": {"examples": ["mug-blue"]},
    },
    "MovementIn": WALLET | WORDS | {"amount": {"examples": [10_000]}},
    "NextAction": {"details": OBJECT},
    "OrderChangesIn": WORDS,
    "OrderIn": WALLET | WORDS,
    "PaymentAnswer": KEPT,
    "PaymentObject": KEPT,
    "PostIn": {"amount": {"examples": [2500]}},
    "ProviderChangesIn": SELLER,
    "ProviderIn": SELLER,
    "RefundIn": {"payment": id_form("pay"), "amount": {"examples": [500]}},
    "RefundObject": KEPT,
    "ServiceChangesIn": SOLD,
    "ServiceIn": SOLD,
    "TimelineEntry": {"details": OBJECT},
    "TransferIn": {
        **WALLET,
        **WORDS,
        "amount": {"examples": [1500]},
        "from": {"pattern": "^[!-.0-~]+$", "examples": ["user-17"]},
        "to": {"pattern": "^[!-.0-~]+$", "examples": ["user-18"]},
    },
}
"""What the types leave open: the form that strings have. Some are narrower than what is taken."""

NEEDED = {"CreateIn": (("amount", "currency"), (("amount", "currency"), ("order",)))}
"""body → (members that are never null, of which sets of members one must be there)."""

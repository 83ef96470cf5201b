"""What Stripe's messages mean to us, and what is asked of Stripe: pure, no processor."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import stripe as sdk
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from tests.fakes import stripe_objects as make
from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, sign
from tests.fakes.stripe_objects import Thing
from tests.house.tree import ROOT
from tillgate.connectors import stripe
from tillgate.connectors.protocol import (
    Ask,
    CallbackRequest,
    Change,
    Hint,
    Intent,
    Observation,
    Operation,
    Pending,
    Unreadable,
)
from tillgate.connectors.stripe.amounts import ASSETS_TAKEN, from_stripe, to_stripe
from tillgate.connectors.stripe.client import API_VERSION
from tillgate.connectors.stripe.model import Method, vet
from tillgate.connectors.stripe.request import describe, with_reference
from tillgate.kit.money import Money
from tillgate.kit.outbound import Outbound

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
THEIRS: Any = sdk.WebhookSignature  # parts of it have no types
OURS = {"tillgate_operation": "op_1"}
NOBODY = Outbound.__new__(Outbound)
"""No call is made in this file, so that no socket is needed."""

INTENT = Intent(
    operation_id="op_1",
    payment_id="pay_1",
    money=Money(1050, "usd"),
    description="Blue mug",
    callback_url="https://pay.example/callbacks/con_1",
    return_url="https://pay.example/back",
    order_id="ord_1",
)


def connector(*secrets: str, key: str = SECRET_KEY, **settings: Any) -> stripe.Stripe:
    credentials = stripe.Credentials(key, PUBLISHABLE_KEY, list(secrets or (WEBHOOK_SECRET,)))
    livemode = credentials.livemode
    return stripe.Stripe(stripe.Settings(**settings), credentials, NOBODY, livemode=livemode)


def request(kind: str, thing: Thing, *, live: bool = False) -> CallbackRequest:
    told = make.event(kind, thing, None) | {"livemode": live}
    return CallbackRequest({}, json.dumps(told).encode())


def read(kind: str, thing: Thing, **settings: Any) -> list[Observation] | Ask | Unreadable:
    return connector(**settings).read(request(kind, thing))


def intent(**changes: Any) -> Thing:
    params = {"amount": 1050, "currency": "usd", "metadata": OURS}
    return make.payment_intent(params) | {"id": "pi_1"} | changes


def charge(**changes: Any) -> Thing:
    return make.charge(intent(), failed=None, captured=True) | changes


# ---- what is asked ---------------------------------------------------------------------------


def asked(wish: Intent | Change = INTENT, **settings: Any) -> Thing:
    return json.loads(bytes(connector(**settings).prepare(wish)))


def test_a_card_is_asked_for_with_all_that_names_it() -> None:
    assert asked(statement_descriptor="MUG SHOP") == {
        "call": "payment_intent",
        "params": {
            "amount": 1050,
            "currency": "usd",
            "payment_method_types": ["card"],
            "capture_method": "automatic",
            "metadata": {
                "tillgate_payment": "pay_1",
                "tillgate_operation": "op_1",
                "tillgate_order": "ord_1",
            },
            "description": "Blue mug",
            "statement_descriptor_suffix": "MUG SHOP",
        },
    }


def test_the_merchants_metadata_goes_along_as_far_as_there_is_room() -> None:
    theirs = {f"k{n}": "v" for n in range(50)} | {"tillgate_operation": "op_forged"}
    metadata = asked(INTENT._replace(metadata=theirs))["params"]["metadata"]
    assert len(metadata) == 50
    assert metadata["tillgate_operation"] == "op_1"
    assert metadata["k0"] == "v"


@pytest.mark.parametrize(
    ("metadata", "description"),
    [
        ({}, "Blue mug"),
        ({"serviceName": "Premium Credits"}, "Premium Credits | Direct"),
        (
            {"serviceName": "Premium Credits", "providerName": "Bitloader"},
            "Premium Credits | Direct (Bitloader)",
        ),
        (
            {"serviceName": "Premium Credits", "paymentLinkId": "plink_x", "providerName": "B"},
            "Premium Credits | PaymentLink: plink_x",
        ),
    ],
)
def test_descriptions_are_those_of_the_contract(metadata: dict[str, str], description: str) -> None:
    assert describe(metadata, "Blue mug") == description


def test_changes_are_asked_for_where_they_are_made() -> None:
    money = Money(300, "usd")
    assert asked(Change("capture", "op_2", "pi_1", money))["params"] == {"amount_to_capture": 300}
    assert asked(Change("void", "op_2", "pi_1", money))["call"] == "cancel"
    assert asked(Change("void", "op_2", "cs_1", money))["call"] == "expire"
    assert asked(Change("refund", "op_2", "pi_1", money))["params"] == {
        "payment_intent": "pi_1",
        "amount": 300,
        "metadata": {"tillgate_operation": "op_2"},
    }


async def test_buttons_and_links_begin_without_a_call() -> None:
    button = connector(method="buy_button", buy_button_id="buy_btn_1")
    began = await button.start(Operation("op_1", button.prepare(INTENT)))
    assert isinstance(began, Pending)
    assert (began.reference, began.redirect_url) == ("op_1", None)
    assert json.loads(bytes(began.way or b"")) == {
        "type": "stripe_buy_button",
        "buy_button_id": "buy_btn_1",
        "publishable_key": PUBLISHABLE_KEY,
        "client_reference_id": "op_1",
    }
    link = connector(method="payment_link", payment_link_url="https://buy.stripe.com/x?a=b")
    assert await link.start(Operation("op_1", link.prepare(INTENT))) == Pending(
        "op_1", "https://buy.stripe.com/x?a=b&client_reference_id=op_1"
    )


def test_a_link_keeps_what_it_has() -> None:
    linked = with_reference("https://buy.example/x?prefilled_email=a%40b.c#top", "op_1")
    assert linked == "https://buy.example/x?prefilled_email=a%40b.c&client_reference_id=op_1#top"


@pytest.mark.parametrize("asset", sorted(ASSETS_TAKEN))
def test_amounts_come_back_as_they_went(asset: str) -> None:
    money = Money(1200, asset)
    assert from_stripe(to_stripe(money), asset.upper()) == money


def test_currencies_that_stripe_counts_otherwise() -> None:
    assert to_stripe(Money(12, "isk")) == 1200
    assert to_stripe(Money(12, "jpy")) == 12
    assert from_stripe(1250, "ugx") is None
    assert from_stripe(12, "mga") == Money(1200, "mga")
    assert from_stripe(1, "zzz") is None
    with pytest.raises(LookupError):
        to_stripe(Money(1250, "mga"))


# ---- configuration ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "live", "param"),
    [
        ({}, False, None),
        ({}, True, "credentials.secret_key"),
        ({"method": "buy_button"}, False, None),
        ({"method": "payment_link"}, False, "settings.payment_link_url"),
    ],
)
def test_what_does_not_fit_is_named(
    settings: dict[str, Any], live: bool, param: str | None
) -> None:
    credentials = stripe.Credentials(SECRET_KEY, PUBLISHABLE_KEY)
    refused = vet(stripe.Settings(**settings), credentials, live)
    assert (refused.param if refused else None) == param


def test_cards_need_the_publishable_key_and_cash_app_takes_dollars_only() -> None:
    refused = vet(stripe.Settings(), stripe.Credentials(SECRET_KEY), livemode=False)
    assert refused is not None
    assert refused.param == "credentials.publishable_key"
    assert connector(method="cashapp").capabilities.assets == {"usd"}
    methods: tuple[Method, ...] = ("buy_button", "payment_link")
    for method in methods:
        able = connector(method=method).capabilities
        assert (able.manual_capture, able.void, able.refunds) == (False, False, True)


def test_stored_credentials_are_checked_as_they_are_read() -> None:
    with pytest.raises(msgspec.ValidationError):
        stripe.connect(Raw(b"{}"), b'{"secret_key":"pk_test_x"}', NOBODY, False)


# ---- signatures ------------------------------------------------------------------------------


def signed(body: bytes, header: str) -> CallbackRequest:
    return CallbackRequest({"stripe-signature": header}, body)


@given(st.binary(max_size=50).map(lambda raw: raw.hex().encode()), st.integers(-400, 400))
def test_our_verdicts_are_the_sdks(body: bytes, ago_s: int) -> None:
    now = datetime.now(UTC)
    stamp = int(now.timestamp()) - ago_s
    header = THEIRS.generate_signature_header(body.decode(), WEBHOOK_SECRET, timestamp=stamp)
    verdict = connector().verify(signed(body, header), now)
    assert verdict == ("genuine" if abs(now.timestamp() - stamp) <= 300 else "stale")
    ours = sign(body, WEBHOOK_SECRET, stamp)
    if ago_s < 290:  # the SDK looks at its own clock
        assert THEIRS.verify_header(body, ours, WEBHOOK_SECRET, 300)


def test_every_secret_and_every_signature_counts() -> None:
    at_s = int(NOW.timestamp())
    body = b"{}"
    right = sign(body, WEBHOOK_SECRET, at_s)
    mac = right.partition(",v1=")[2]
    header = f"t={at_s},v1=nonsense,v0={'0' * 64},v1={'0' * 64},v1={mac}"
    old_and_new = connector("whsec_new_secret", WEBHOOK_SECRET)
    assert old_and_new.verify(signed(body, header), NOW) == "genuine"
    assert connector("whsec_other_one").verify(signed(body, right), NOW) == "forged"
    assert connector().verify(signed(body, f"t={at_s},v0={mac}"), NOW) == "forged"
    assert connector().verify(signed(body, f"v1={mac}"), NOW) == "forged"
    assert connector().verify(signed(body, f"t=²,v1={mac}"), NOW) == "forged"
    later = NOW + timedelta(seconds=301)
    assert connector().verify(signed(body, right), later) == "stale"


def test_without_a_secret_nothing_is_genuine() -> None:
    none = stripe.Stripe(stripe.Settings(), stripe.Credentials(SECRET_KEY), NOBODY, livemode=False)
    for secret in ("", WEBHOOK_SECRET):
        header = sign(b"{}", secret, int(NOW.timestamp()))
        assert none.verify(signed(b"{}", header), NOW) == "forged"


# ---- events ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "changes", "state", "minor"),
    [
        ("requires_action", {}, "pending", 0),
        ("processing", {}, "processing", 0),
        ("requires_capture", {"amount_capturable": 1050}, "authorized", 1050),
        ("canceled", {}, "canceled", 0),
        ("succeeded", {"amount_received": 800}, "captured", 800),
    ],
)
def test_a_payment_intents_status(status: str, changes: Thing, state: str, minor: int) -> None:
    seen = read("payment_intent.succeeded", intent(status=status, **changes))
    assert seen == [Observation("pi_1", "op_1", state, minor, "usd")]  # pyright: ignore[reportArgumentType]  a state


def test_a_failure_says_why() -> None:
    error = {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}
    failed = intent(last_payment_error=error | {"message": "No.\0"})
    read_of_it = read("payment_intent.payment_failed", failed)
    seen = Observation("pi_1", "op_1", "failed", 0, "usd", "lost_card", "No.", payable=True)
    assert read_of_it == [seen]
    told = {"code": "card_declined", "message": "No."}
    of_its_charge = make.charge(intent(), failed=told, captured=False)
    for type_, reason, code in (
        ("issuer_declined", "lost_card", "lost_card"),
        ("issuer_declined", None, "card_declined"),
        ("blocked", "highest_risk_level", "fraudulent"),
        ("blocked", "low_probability_of_authorization", "card_declined"),
        ("invalid", None, "card_declined"),
    ):
        told = of_its_charge | {"outcome": {"type": type_, "reason": reason}}
        assert read("charge.failed", told) == [replace(seen, failure_code=code)]


def test_charges_are_told_by_their_payment_intent() -> None:
    captured = Observation("pi_1", "op_1", "captured", 1050, "usd")
    assert read("charge.succeeded", charge()) == [captured]
    held = charge(captured=False, amount_captured=0)
    assert read("charge.succeeded", held) == [
        Observation("pi_1", "op_1", "authorized", 1050, "usd")
    ]
    assert read("charge.refunded", charge()) == Ask("pi_1")
    assert read("charge.succeeded", charge(payment_intent=None)) == []


def test_what_does_not_say_how_much_is_looked_up() -> None:
    silent = {k: v for k, v in intent(status="succeeded").items() if k != "amount_received"}
    assert read("payment_intent.succeeded", silent) == Ask("pi_1")


def test_refunds_that_are_not_ours_are_looked_up() -> None:
    ours = make.refund(charge(), 300, {"tillgate_operation": "op_2"})
    assert read("refund.created", ours) == [
        Observation(ours["id"], "op_2", "succeeded", 300, "usd", kind="refund", parent="pi_1")
    ]
    assert read("refund.created", make.refund(charge(), 300, {})) == Ask("pi_1")


def test_disputes_are_newer_by_stripes_clock_and_inquiries_take_nothing() -> None:
    thing = make.dispute(charge(), 500, "under_review", 1_800_000_000)
    seen = read("charge.dispute.updated", thing)
    assert isinstance(seen, list)
    assert (seen[0].kind, seen[0].state, seen[0].parent) == ("dispute", "under_review", "pi_1")
    assert seen[0].revision > 1_700_000_000
    assert seen[0].evidence_due_at == datetime.fromtimestamp(1_800_000_000, UTC)
    inquiry = make.dispute(charge(), 500, "warning_needs_response", None)
    assert read("charge.dispute.created", inquiry) == []


def session(**changes: Any) -> Thing:
    price = {"currency": "usd", "unit_amount": 1050}
    params = {
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": "op_9",
        "metadata": OURS,
    }
    return make.session(params, "") | {"id": "cs_1", "payment_intent": "pi_1"} | changes


def test_a_checkout_session_waits_until_it_is_paid() -> None:
    kind = "checkout.session"
    paid = Observation("pi_1", "op_1", "captured", 1050, "usd")
    assert read(f"{kind}.completed", session(payment_status="paid")) == [paid]
    waits = Observation("pi_1", "op_1", "processing", 0, "usd")
    assert read(f"{kind}.completed", session(payment_status="unpaid")) == [waits]
    assert read(f"{kind}.async_payment_succeeded", session(payment_status="paid")) == [paid]
    failed = Observation("pi_1", "op_1", "failed", 0, "usd")
    assert read(f"{kind}.async_payment_failed", session()) == [failed]
    gone = Observation("cs_1", "op_1", "canceled", 0, "usd")
    assert read(f"{kind}.expired", session(payment_intent=None)) == [gone]


def test_what_a_payer_can_set_only_nominates() -> None:
    bought = session(payment_status="paid", metadata={}, payment_link="plink_1")
    settings: Thing = {"method": "buy_button", "buy_button_id": "buy_btn_1"}
    kind = "checkout.session.completed"
    assert read(kind, bought, **settings) == [
        Observation("pi_1", "op_9", "captured", 1050, "usd", nominated=True)
    ]
    # Money of another link, or of no link of ours, is not ours, whatever it says.
    assert read(kind, bought, **settings, payment_link_id="plink_2") == []
    assert len(list(read(kind, bought, **settings, payment_link_id="plink_1"))) == 1  # pyright: ignore[reportArgumentType]  a list
    assert read(kind, bought) == []
    nobodys = read(kind, bought | {"client_reference_id": None}, **settings)
    assert nobodys == [Observation("pi_1", None, "captured", 1050, "usd")]


def test_what_means_nothing_to_us_says_nothing() -> None:
    paid = intent(status="succeeded", amount_received=1050)
    assert read("payment_intent.created", paid) == []
    assert read("customer.created", {"id": "cus_1"}) == []
    assert read("payment_intent.succeeded", paid | {"metadata": {}}) == []
    assert read("payment_intent.succeeded", paid | {"status": "new_word"}) == []


def test_the_other_mode_never_counts() -> None:
    paid = intent(status="succeeded", amount_received=1050)
    live = connector(key="sk_live_1")
    assert live.read(request("payment_intent.succeeded", paid)) == []
    assert connector().read(request("payment_intent.succeeded", paid, live=True)) == []
    assert len(list(live.read(request("payment_intent.succeeded", paid, live=True)))) == 1  # pyright: ignore[reportArgumentType]  a list


def test_events_are_told_apart_by_their_ids() -> None:
    assert connector().peek(CallbackRequest({}, b'{"id":"evt_1"}')) == Hint("evt_1")
    for body in (b'{"id":"evt_1\\u0000"}', b'{"id":7}', b"{", b"[]"):
        assert connector().peek(CallbackRequest({}, body)).event_key.startswith("sha256:")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@given(
    st.sampled_from(stripe.EVENT_TYPES), st.dictionaries(st.sampled_from(sorted(charge())), JSON)
)
def test_strange_objects_never_raise(kind: str, changes: Thing) -> None:
    for thing in (intent(), charge(), session(), make.refund(charge(), 1, {})):
        assert isinstance(read(kind, thing | changes), list | Ask | Unreadable)


@given(st.binary(max_size=200))
def test_strange_bytes_never_raise(body: bytes) -> None:
    strange = CallbackRequest({"stripe-signature": body.decode("latin-1")}, body)
    assert connector().peek(strange).event_key
    assert connector().verify(strange, NOW) == "forged"
    assert isinstance(connector().read(strange), list | Unreadable)


def test_no_mutation_of_a_signed_event_is_genuine() -> None:
    chance = random.Random(6)
    paid = intent(status="succeeded", amount_received=1050)
    body = request("payment_intent.succeeded", paid).body
    header = sign(body, WEBHOOK_SECRET, int(NOW.timestamp())).encode()
    for _ in range(10_000):
        message = bytearray(header + body)
        for _ in range(chance.randint(1, 3)):
            message[chance.randrange(len(message))] = chance.randrange(256)
        head, tail = bytes(message[: len(header)]), bytes(message[len(header) :])
        mutated = signed(tail, head.decode("latin-1"))
        assert connector().verify(mutated, NOW) != "genuine" or tail == body
        assert isinstance(connector().read(mutated), list | Ask | Unreadable)


def test_the_guide_lists_the_events_that_we_read() -> None:
    guide = (ROOT / "docs/guides/stripe.md").read_text()
    listed = guide.partition("## Events\n\n```text\n")[2].partition("```")[0]
    assert tuple(listed.split()) == stripe.EVENT_TYPES
    assert API_VERSION in guide

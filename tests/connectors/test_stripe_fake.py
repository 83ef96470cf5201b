"""The fake Stripe, driven by Stripe's own SDK, and the judge of all that it says."""

from collections.abc import AsyncIterator
from inspect import get_annotations
from types import NoneType
from typing import Any, get_args

import httpx
import pytest
import stripe

from tests.fakes import stripe_objects as make
from tests.fakes.published.differences import ALWAYS, NEWER, SOMETIMES, WORDS
from tests.fakes.published.judge import problems
from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, FakeStripe
from tests.fakes.stripe_objects import Thing
from tests.sandbox.programs import Receiver

CARD: Any = {"amount": 1050, "currency": "usd", "payment_method_types": ["card"]}


class Wire(stripe.HTTPClient):
    """The SDK over another HTTP client than the product's."""

    name = "httpx of tests"

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  an untyped parameter of it
        self.client = httpx.AsyncClient()

    async def request_async(
        self, method: str, url: str, headers: Any, post_data: Any = None
    ) -> tuple[bytes, int, Any]:
        answer = await self.client.request(method, url, headers=headers, content=post_data)
        return answer.content, answer.status_code, answer.headers


@pytest.fixture
async def sdk(fake: FakeStripe) -> AsyncIterator[stripe.StripeClient]:
    wire = Wire()
    yield stripe.StripeClient(
        SECRET_KEY,
        base_addresses={"api": fake.url},  # pyright: ignore[reportArgumentType]  the rest has defaults
        http_client=wire,
        max_network_retries=0,
    )
    await wire.client.aclose()


async def events_of(fake: FakeStripe, receiver: Receiver) -> list[stripe.Event]:
    """What was delivered, verified by the SDK."""
    await fake.settled()
    found: list[stripe.Event] = []
    while receiver.waiting:
        got = await receiver.next()
        header = got.headers["stripe-signature"]
        found.append(stripe.Webhook.construct_event(got.body, header, WEBHOOK_SECRET))
    return found


async def test_a_card_from_intent_to_refund(
    sdk: stripe.StripeClient, fake: FakeStripe, receiver: Receiver
) -> None:
    intents = sdk.v1.payment_intents
    manual: Any = {**CARD, "capture_method": "manual"}
    intent = await intents.create_async(manual)
    assert intent.status == "requires_payment_method"
    confirmed = await intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (confirmed.status, confirmed.amount_capturable) == ("requires_capture", 1050)
    captured = await intents.capture_async(intent.id, {"amount_to_capture": 800})
    assert (captured.status, captured.amount_received) == ("succeeded", 800)
    found = await intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert isinstance(found.latest_charge, stripe.Charge)
    assert (found.latest_charge.amount_captured, found.latest_charge.amount_refunded) == (800, 250)
    refund = await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 300})
    listed = await sdk.v1.refunds.list_async({"payment_intent": intent.id})
    assert [one.amount for one in listed.data] == [300, 250]
    assert listed.data[0].id == refund.id
    assert {event.type for event in await events_of(fake, receiver)} == {
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
    }


async def test_what_stripe_refuses(sdk: stripe.StripeClient) -> None:
    intents = sdk.v1.payment_intents
    intent = await intents.create_async(CARD)
    with pytest.raises(stripe.CardError) as declined:
        await intents.confirm_async(intent.id, {"payment_method": "pm_card_chargeDeclined"})
    assert declined.value.code == "card_declined"
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await intents.retrieve_async("pi_none")
    assert missing.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError) as unexpected:
        await intents.capture_async(intent.id)
    assert unexpected.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.AuthenticationError):
        await intents.retrieve_async(intent.id, options={"api_key": "sk_test_wrong"})


async def test_idempotency_keys_are_stripes(sdk: stripe.StripeClient, fake: FakeStripe) -> None:
    intents = sdk.v1.payment_intents
    key: stripe.RequestOptions = {"idempotency_key": "once"}
    other: Any = {**CARD, "amount": 7}
    first = await intents.create_async(CARD, key)
    again = await intents.create_async(CARD, key)
    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await intents.create_async(other, key)
    fake.faults.append("500_after")
    for _ in range(2):  # an error after the work is kept, and given again
        with pytest.raises(stripe.APIError):
            await intents.create_async(CARD, {"idempotency_key": "broken"})
    assert len(fake.books.all("payment_intent", None)) == 2


async def test_cash_app_hands_over_to_its_app(
    sdk: stripe.StripeClient, fake: FakeStripe, receiver: Receiver
) -> None:
    wish: Any = {
        **CARD,
        "payment_method_types": ["cashapp"],
        "payment_method_data": {"type": "cashapp"},
        "confirm": True,
        "return_url": "https://shop.example/back",
    }
    intent = await sdk.v1.payment_intents.create_async(wish)
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    handle = intent.next_action.cashapp_handle_redirect_or_display_qr_code
    assert handle is not None
    assert handle.qr_code.image_url_svg.startswith(fake.url)
    fake.books.pay(intent.id)
    kinds = [event.type for event in await events_of(fake, receiver)]
    assert "payment_intent.requires_action" in kinds
    assert "payment_intent.succeeded" in kinds


async def test_checkout_and_disputes(
    sdk: stripe.StripeClient, fake: FakeStripe, receiver: Receiver
) -> None:
    price: Any = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Mug"}}
    session = await sdk.v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "line_items": [{"quantity": 2, "price_data": price}],
            "client_reference_id": "mine",
            "success_url": "https://shop.example/back",
        }
    )
    assert (session.amount_total, session.payment_status) == (1000, "unpaid")
    fake.books.pay_session(session.id)
    done = await sdk.v1.checkout.sessions.retrieve_async(session.id)
    assert (done.status, done.payment_status) == ("complete", "paid")
    intent = str(done.payment_intent)
    fake.books.decide_dispute(fake.books.dispute(intent, 400)["id"], "lost")
    disputes = await sdk.v1.disputes.list_async({"payment_intent": intent})
    assert [(one.amount, one.status) for one in disputes.data] == [(400, "lost")]
    assert (await sdk.v1.accounts.retrieve_current_async()).country == "US"
    kinds = [event.type for event in await events_of(fake, receiver)]
    assert {"checkout.session.completed", "charge.dispute.created"} <= set(kinds)


async def test_the_browser_may_confirm_with_the_intents_own_secret(
    sdk: stripe.StripeClient, fake: FakeStripe
) -> None:
    intent = await sdk.v1.payment_intents.create_async(CARD)
    async with httpx.AsyncClient(base_url=fake.url) as browser:
        path = f"/v1/payment_intents/{intent.id}/confirm"
        form = {"key": PUBLISHABLE_KEY, "payment_method": "pm_card_visa"}
        assert (await browser.post(path, data=form)).status_code == 401
        wrong = await browser.post(path, data={**form, "client_secret": "guessed"})
        assert wrong.status_code == 400
        right = await browser.post(path, data={**form, "client_secret": intent.client_secret or ""})
        assert right.json()["status"] == "succeeded"


# ---- the judge -------------------------------------------------------------------------------

INTENT = make.payment_intent(CARD)
CHARGE = make.charge(INTENT, failed=None, captured=True)
REFUND = make.refund(CHARGE, 1, {})
DISPUTE = make.dispute(CHARGE, 1, "won", None)
SESSION = make.session(
    {"line_items": [{"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 5}}]}, ""
)
ACCOUNT = make.account("US", {"card_payments": "active"}, charges_enabled=True)
EVENT = make.event("refund.created", REFUND, None)
LIST = make.page([REFUND], "/v1/refunds", has_more=False)
ERROR: Thing = {"error": make.error("card_error", "No.", "card_declined")}
EVERY = (INTENT, CHARGE, REFUND, DISPUTE, SESSION, ACCOUNT, EVENT, LIST, ERROR)


@pytest.mark.parametrize("thing", EVERY, ids=lambda thing: thing.get("object", "error"))
def test_the_judge_finds_nothing_wrong_with_what_is_right(thing: Thing) -> None:
    assert problems(thing) == []


@pytest.mark.parametrize("thing", EVERY, ids=lambda thing: thing.get("object", "error"))
def test_the_judge_sees_what_stripe_does_not_have(thing: Thing) -> None:
    [told] = problems(thing | {"total": 1})
    assert "'total' was unexpected" in told


@pytest.mark.parametrize(
    "thing", [INTENT, CHARGE, REFUND, DISPUTE, SESSION], ids=lambda thing: thing["object"]
)
def test_the_judge_misses_what_is_always_there_though_null(thing: Thing) -> None:
    for name in make.NULL[thing["object"]].split():
        rest = {one: value for one, value in thing.items() if one != name}
        assert problems(rest) == [f'{thing["object"]}: "{name}" is a required property']


@pytest.mark.parametrize(
    ("thing", "wrong"),
    [
        (REFUND, {"amount": "1"}),
        (REFUND, {"amount": None}),
        (REFUND, {"reason": "boredom"}),
        (REFUND, {"charge": {"id": "ch_1"}}),
        (REFUND, {"destination_details": {"type": "card"}}),
        (INTENT, {"status": "paid"}),
        (INTENT, {"latest_charge": CHARGE | {"paid": "yes"}}),
        (INTENT, {"next_action": {}}),
        (INTENT, {"last_payment_error": {"type": "bad_luck"}}),
        (CHARGE, {"billing_details": {"name": None}}),
        (DISPUTE, {"status": "undecided"}),
        (DISPUTE, {"intended_submission_method": "by_pigeon"}),
        (DISPUTE, {"evidence": {"enhanced_evidence": {}}}),
        (SESSION, {"custom_text": {}}),
        (ACCOUNT, {"capabilities": {"card_payments": "maybe"}}),
        (EVENT, {"type": "refund.regretted"}),
        (EVENT, {"data": {"object": REFUND | {"amount": 0.5}}}),
        (EVENT, {"data": {"object": {"object": "cow"}}}),
        (LIST, {"data": [REFUND | {"amount": True}]}),
        (LIST, {"data": [CHARGE]}),
        (LIST, {"url": "/v1/cows"}),
        (ERROR, {"error": {"type": "api_error", "code": None}}),
    ],
)  # fmt: skip
def test_the_judge_sees_what_is_wrong(thing: Thing, wrong: Thing) -> None:
    assert problems(thing | wrong) != []


async def test_who_stops_the_fake_hears_what_did_not_fit() -> None:
    fake = FakeStripe()
    await fake.start()
    fake.books.told("refund.created", REFUND | {"amount": None})
    fake.books.things["re_1"] = REFUND | {"currency": 1}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {SECRET_KEY}"}) as client:
        await client.get(f"{fake.url}/v1/refunds")
    assert [told.partition(":")[0] for told in fake.misfits] == [
        "refund.amount",
        "refunds.data.0.currency",
    ]
    with pytest.raises(AssertionError):
        await fake.stop()


SDK: dict[str, type] = {
    "account": stripe.Account,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "dispute": stripe.Dispute,
    "dispute_evidence_details": stripe.Dispute.EvidenceDetails,
    "payment_intent": stripe.PaymentIntent,
}


def test_the_differences_are_what_the_sdk_says() -> None:
    """Its classes are made for the very version that we name."""
    told = {kind: get_annotations(its) for kind, its in SDK.items()}
    for kind, members in NEWER.items():
        for name, schema in members.items():
            null = None in schema.get("enum", ()) or "null" in schema.get("type", ())
            assert may_be_null(told[kind][name]) == null, (kind, name)
            assert {*schema.get("enum", ())} - {None} <= words(told[kind][name])
    for kind, members in WORDS.items():
        assert all({*new} <= words(told[kind][name]) for name, new in members.items())
    assert not [1 for kind, names in ALWAYS.items() for n in names if may_be_null(told[kind][n])]
    assert all(may_be_null(told[kind][n]) for kind, names in SOMETIMES.items() for n in names)


def may_be_null(told: Any) -> bool:
    return NoneType in get_args(told)


def words(told: Any) -> set[str]:
    """A literal's, however deep it stands in what an annotation says."""
    inner = get_args(told)
    literal = {one for one in inner if isinstance(one, str)}
    return literal.union(*(words(one) for one in inner if not isinstance(one, str)))

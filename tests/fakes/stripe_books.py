"""What happens at the fake Stripe: its objects and how they change, without HTTP.

Every change tells its events, in Stripe's order. What Stripe would refuse raises `No`.
"""

from collections.abc import Callable
from copy import deepcopy

from tests.fakes import stripe_objects as make
from tests.fakes.stripe_objects import Thing
from tillgate.kit import clock

DECLINED = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "message": "Your card has insufficient funds.",
}
CANCELABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
QR_LIVES_S = 3600


class No(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status: int, message: str, code: str | None = None, **more: object) -> None:
        super().__init__(message)
        kind = "card_error" if status == 402 else "invalid_request_error"
        self.status = status
        self.error = make.error(kind, message, code) | more


class Books:
    """All objects of one account. `tell`: takes every event."""

    def __init__(self, tell: Callable[[str, Thing], None]) -> None:
        self.things: dict[str, Thing] = {}
        self.tell = tell
        self.cashapp = True
        self.refunds_wait = False
        self.url = ""

    def find(self, kind: str, id_: str) -> Thing:
        found = self.things.get(id_)
        if found is None or found["object"] != kind:
            raise No(404, f"No such {kind}: '{id_}'", "resource_missing", param="id")
        return found

    def all(self, kind: str, intent: str | None) -> list[Thing]:
        """The newest first."""
        every = [one for one in self.things.values() if one["object"] == kind]
        return [one for one in reversed(every) if intent in {None, one.get("payment_intent")}]

    # ---- payment intents ------------------------------------------------------------------------

    def create_intent(self, params: Thing) -> Thing:
        types = params.get("payment_method_types", ["card"])
        if "cashapp" in types and (not self.cashapp or params["currency"] != "usd"):
            raise No(
                400,
                "The payment method type provided: cashapp is invalid. Please ensure the provided"
                " type is activated in your dashboard.",
                "payment_intent_invalid_parameter",
                param="payment_method_types",
            )
        intent = self._keep(make.payment_intent(params))
        self.told("payment_intent.created", intent)
        if params.get("confirm"):
            self.confirm(intent["id"])
        return intent

    def confirm(self, id_: str, method: str = "pm_card_visa") -> Thing:
        """Cash App waits for its app; a card is asked for at once."""
        intent = self.find("payment_intent", id_)
        if intent["status"] not in CANCELABLE:
            raise self._unexpected(intent, "confirm")
        if intent["payment_method_types"] == ["cashapp"]:
            return self._ask_the_app(intent)
        if method == "pm_card_chargeDeclined":
            self.decline(id_)
            failed = intent["last_payment_error"]
            raise No(402, failed["message"], failed["code"], decline_code=failed["decline_code"])
        return self.pay(id_)

    def pay(self, id_: str) -> Thing:
        """The payer's bank agrees."""
        intent = self.find("payment_intent", id_)
        if intent["status"] not in {*CANCELABLE, "processing"}:
            raise self._unexpected(intent, "confirm")
        manual = intent["capture_method"] == "manual"
        intent.update(payment_method=make.mint("pm"))
        charge = self._keep(make.charge(intent, failed=None, captured=not manual))
        intent.update(latest_charge=charge["id"], next_action=None, last_payment_error=None)
        self.told("charge.succeeded", charge)
        if manual:
            intent.update(status="requires_capture", amount_capturable=intent["amount"])
            self.told("payment_intent.amount_capturable_updated", intent)
        else:
            intent.update(status="succeeded", amount_received=intent["amount"])
            self.told("payment_intent.succeeded", intent)
        return intent

    def process(self, id_: str) -> Thing:
        """The payer has agreed, and the money takes its time."""
        intent = self.find("payment_intent", id_)
        intent.update(status="processing", next_action=None)
        self.told("payment_intent.processing", intent)
        return intent

    def decline(self, id_: str) -> Thing:
        intent = self.find("payment_intent", id_)
        charge = self._keep(make.charge(intent, failed=DECLINED, captured=False))
        error = DECLINED | {"charge": charge["id"]}
        intent.update(status="requires_payment_method", next_action=None)
        intent.update(latest_charge=charge["id"], last_payment_error=error)
        self.told("charge.failed", charge)
        self.told("payment_intent.payment_failed", intent)
        return intent

    def capture(self, id_: str, amount: int | None) -> Thing:
        """What is left of an authorization is released, and listed as a refund."""
        intent = self.find("payment_intent", id_)
        if intent["status"] != "requires_capture":
            raise self._unexpected(intent, "capture")
        amount = int(intent["amount_capturable"] if amount is None else amount)
        if not 0 < amount <= intent["amount_capturable"]:
            raise No(400, "Amount to capture is too large.", "amount_too_large")
        charge = self.things[intent["latest_charge"]]
        charge.update(captured=True, amount_captured=amount, balance_transaction=make.mint("txn"))
        if rest := charge["amount"] - amount:
            self._keep(make.refund(charge, rest, {}))
            charge.update(amount_refunded=rest)
        intent.update(status="succeeded", amount_capturable=0, amount_received=amount)
        self.told("charge.captured", charge)
        self.told("payment_intent.succeeded", intent)
        return intent

    def cancel(self, id_: str) -> Thing:
        intent = self.find("payment_intent", id_)
        if intent["status"] not in {*CANCELABLE, "requires_capture"}:
            raise self._unexpected(intent, "cancel")
        held = intent["status"] == "requires_capture"
        intent.update(status="canceled", amount_capturable=0, next_action=None)
        intent.update(canceled_at=clock.unix_s())
        if held:
            charge = self.things[intent["latest_charge"]]
            self._keep(make.refund(charge, charge["amount"], {}))
            charge.update(amount_refunded=charge["amount"], refunded=True)
            self.told("charge.refunded", charge)
        self.told("payment_intent.canceled", intent)
        return intent

    # ---- refunds and disputes -------------------------------------------------------------------

    def refund(self, intent_id: str, amount: int | None, metadata: Thing) -> Thing:
        intent = self.find("payment_intent", intent_id)
        charge = self.things.get(intent["latest_charge"] or "")
        if charge is None or not charge["captured"]:
            raise No(400, "This PaymentIntent has no successful charge to refund.", None)
        left = charge["amount"] - charge["amount_refunded"]
        amount = int(left if amount is None else amount)
        if left == 0:
            raise No(400, "Charge has already been refunded.", "charge_already_refunded")
        if amount > left:
            raise No(400, f"Refund amount ({amount}) is greater than what is left ({left}).", None)
        status = "pending" if self.refunds_wait else "succeeded"
        refund = self._keep(make.refund(charge, amount, metadata, status))
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.told("refund.created", refund)
        self.told("charge.refunded", charge)
        return refund

    def settle_refund(self, id_: str, *, failed: bool = False) -> Thing:
        refund = self.find("refund", id_)
        refund["status"] = "failed" if failed else "succeeded"
        if failed:
            refund["failure_reason"] = "lost_or_stolen_card"
            charge = self.things[refund["charge"]]
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False
        self.told("refund.updated", refund)
        if failed:
            self.told("refund.failed", refund)
        return refund

    def dispute(
        self, intent_id: str, amount: int, status: str = "needs_response", due_in_s: int = 86_400
    ) -> Thing:
        charge = self.things[self.find("payment_intent", intent_id)["latest_charge"]]
        due_by = clock.unix_s() + due_in_s
        dispute = self._keep(make.dispute(charge, amount, status, due_by))
        charge["disputed"] = True
        self.told("charge.dispute.created", dispute)
        return dispute

    def decide_dispute(self, id_: str, status: str) -> Thing:
        dispute = self.find("dispute", id_)
        dispute["status"] = status
        self.told(f"charge.dispute.{'closed' if status in {'won', 'lost'} else 'updated'}", dispute)
        return dispute

    # ---- checkout -------------------------------------------------------------------------------

    def create_session(self, params: Thing) -> Thing:
        session = self._keep(make.session(params, self.url))
        session["_intent"] = params.get("payment_intent_data", {})
        return session

    def pay_session(self, id_: str, outcome: str = "paid") -> Thing:
        """`paid`, `unpaid` (the money takes its time), and after that `async_paid` or
        `async_failed`."""
        session = self.find("checkout.session", id_)
        intent = self.things.get(session["payment_intent"] or "") or self._intent_of(session)
        session.update(payment_intent=intent["id"], status="complete")
        if outcome in {"paid", "async_paid"}:
            self.pay(intent["id"])
            if intent["status"] == "succeeded":
                session["payment_status"] = "paid"
        elif outcome == "unpaid":
            self.process(intent["id"])
        else:
            self.decline(intent["id"])
        later = {"async_paid": "async_payment_succeeded", "async_failed": "async_payment_failed"}
        self.told(f"checkout.session.{later.get(outcome, 'completed')}", session)
        return session

    def pay_link(self, reference: str, amount: int, currency: str, link: str) -> Thing:
        """A payer buys through a Buy Button or Payment Link, with what the address said."""
        price = {"currency": currency, "unit_amount": amount}
        params = {
            "line_items": [{"quantity": 1, "price_data": price}],
            "client_reference_id": reference,
            "payment_link": link,
        }
        return self.pay_session(self.create_session(params)["id"])

    def expire_session(self, id_: str) -> Thing:
        session = self.find("checkout.session", id_)
        if session["status"] != "open":
            raise No(400, f"This Session is {session['status']}, not open.", None)
        session.update(status="expired", url=None)
        self.told("checkout.session.expired", session)
        return session

    # ---- inside ---------------------------------------------------------------------------------

    def told(self, kind: str, thing: Thing) -> None:
        self.tell(kind, shown(thing))

    def _intent_of(self, session: Thing) -> Thing:
        given = {"amount": session["amount_total"], "currency": session["currency"]}
        return self.create_intent(given | session["_intent"])

    def _ask_the_app(self, intent: Thing) -> Thing:
        place = f"{self.url}/cashapp/{intent['id']}"
        code = {
            "expires_at": clock.unix_s() + QR_LIVES_S,
            "image_url_png": f"{place}.png",
            "image_url_svg": f"{place}.svg",
        }
        kind = "cashapp_handle_redirect_or_display_qr_code"
        told = {"hosted_instructions_url": place, "mobile_auth_url": f"{place}/app"}
        intent["next_action"] = {"type": kind, kind: told | {"qr_code": code}}
        intent["status"] = "requires_action"
        self.told("payment_intent.requires_action", intent)
        return intent

    def _unexpected(self, intent: Thing, deed: str) -> No:
        words = f"You cannot {deed} this PaymentIntent because it has a status of"
        code = "payment_intent_unexpected_state"
        return No(400, f"{words} {intent['status']}.", code)

    def _keep(self, thing: Thing) -> Thing:
        self.things[thing["id"]] = thing
        return thing


def shown(thing: Thing) -> Thing:
    """A copy, as it is now, without what is kept beside it."""
    return {name: deepcopy(value) for name, value in thing.items() if not name.startswith("_")}

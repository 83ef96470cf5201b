"""What a caller of `create-payment-intent` asks for. Pure; amounts come in major units and are
decimals from the first digit on."""

from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from tillgate.doors.providers import texts
from tillgate.kit import body as bodies
from tillgate.kit.http import Answer
from tillgate.kit.money import AMOUNT_MAX_MINOR, Money
from tillgate.kit.refusal import Refused
from tillgate.orders.model import QUANTITY_MAX, REFERENCE_MAX_CHARACTERS

AMOUNT_MAX_CHARACTERS = 40
"""How long a written amount may be, that one looks at its digits."""


class Asked(NamedTuple):
    """`api_key` and the ids as they were given; None: not at all. `amount`: not vetted yet."""

    api_key: Any
    service_id: Any
    order_id: Any
    external_id: str | None
    amount: Any


def asked(body: bytes) -> Asked | Answer:
    said = bodies.decode(_object, body) if body.strip() else {}
    if isinstance(said, Refused):
        return texts.NO_BODY
    external_id = _external_id(said.get("externalId"))
    if isinstance(external_id, Answer):
        return external_id
    order_id = said.get("orderId") or said.get("clientOrderId")
    return Asked(
        said.get("apiKey"), said.get("serviceId"), order_id, external_id, said.get("amount")
    )


def quantity_for(amount: Any, price: Money) -> int | Answer:
    """How many that pays for; one, where no amount is named."""
    if amount is None:
        return 1
    wanted = _decimal(amount)
    if wanted is None or not 0 < wanted <= Decimal(AMOUNT_MAX_MINOR):
        return texts.BAD_AMOUNT
    if wanted < price.decimal:
        return texts.too_little(price)
    quantity, rest = divmod(wanted, price.decimal)
    if rest:
        return texts.not_multiple(str(wanted), price)
    within = quantity <= QUANTITY_MAX and int(quantity) * price.minor <= AMOUNT_MAX_MINOR
    return int(quantity) if within else texts.BAD_AMOUNT


def _decimal(amount: Any) -> Decimal | None:
    """A number, or a text that is one; None: neither."""
    if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal):
        return None
    if isinstance(amount, str) and not 0 < len(amount) <= AMOUNT_MAX_CHARACTERS:
        return None
    try:
        found = Decimal(amount)
    except InvalidOperation:
        return None
    return (
        found
        if found.is_finite() and len(found.as_tuple().digits) <= AMOUNT_MAX_CHARACTERS
        else None
    )


def _external_id(said: Any) -> str | Answer | None:
    """A number is taken for its digits, nothing and an empty text for none."""
    if said is None or said == "":
        return None
    text = str(said) if isinstance(said, int) and not isinstance(said, bool) else said
    if not isinstance(text, str) or not text.isprintable() or len(text) > REFERENCE_MAX_CHARACTERS:
        return texts.BAD_EXTERNAL_ID
    return text


def _exactly(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


_object = msgspec.json.Decoder(dict[str, Any], float_hook=_exactly)

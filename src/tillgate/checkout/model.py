"""What a checkout page shows: one frozen view, built by `api`, drawn by `pages`.

Nothing here knows how a payment is stored or what a page looks like.
"""

from datetime import datetime
from typing import Literal, get_args

import msgspec

from tillgate.checkout.ways import Way
from tillgate.kit.money import Money

State = Literal[
    "offer",
    "ready",
    "waiting",
    "processing",
    "authorized",
    "succeeded",
    "already_paid",
    "failed",
    "expired",
    "canceled",
    "review",
    "not_found",
    "unavailable",
]
"""What the payer can be told. `offer`: there is no payment yet, only something that can be bought.
`waiting`: sent to the processor, which has said nothing yet."""

STATES: tuple[State, ...] = get_args(State)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a page needs. `not_found` and `unavailable` may know nothing but their state."""

    state: State
    merchant_name: str | None = None
    livemode: bool = True
    amount: Money | None = None
    description: str | None = None
    things: tuple[tuple[str, int], ...] = ()
    """What is bought: names, and how many of each."""
    quantity_max: int = 1
    """Of an `offer`, how many the payer may take; `amount` is the price of one."""
    seller: str | None = None
    """Who sent the payer here, where that is not the merchant: a provider's name."""
    order_id: str | None = None
    """Shown beside the reference: `ord_…`."""
    payment_id: str | None = None
    """Shown to the payer as the reference: `pay_…`."""
    failure_code: str | None = None
    """The processor's code; the page shows our own words for it, never the processor's."""
    redirect_url: str | None = None
    """Where the payer goes from here: the success URL once it is paid or approved, else the
    cancel URL."""
    continue_url: str | None = None
    """The processor's page, while `waiting`."""
    way: Way | None = None
    """What this page itself shows the payer to pay with, while `waiting`."""
    way_number: int = 0
    """Of the try that the way is of: another try's way is another page."""
    expires_at: datetime | None = None
    pay_url: str = ""
    """Where the pay form posts to; answers with a redirect to the processor."""
    status_url: str = ""
    """Answers `{"state": …, "version": …}`, the truth."""
    live_url: str = ""
    """A stream of server-sent events `look` whose id is the version."""
    version: str = ""
    """Opaque; another one means that the page must be drawn again."""
    method: str | None = None
    """How the payer pays, where the page has a word for it: `card`, `cashapp`."""
    method_label: str | None = None
    """What else the payer pays with, as the payer knows it: `Sandbox`."""
    can_retry: bool = False
    """Whether a `failed` payment may be tried again."""
    query: str = ""
    """What the address of this page must keep beside its language: `serviceId=…&`."""
    brand_color: str | None = None
    """The merchant's colour, `#rrggbb` or `#rgb`; anything else is ignored."""

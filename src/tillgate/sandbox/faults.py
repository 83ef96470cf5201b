"""What goes wrong on purpose, and when it stops: values and pure rules."""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from tillgate.kit.money import AMOUNT_MAX_MINOR
from tillgate.sandbox.model import RefundOutcome

FAULT_DELAY_MAX_S = 3600


class Faults(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What goes wrong on purpose; the only list of faults, the panel's form is made of it.

    Set for all payments, or for one, whose own faults then stand instead of the general ones.
    Callbacks are marked when they are queued: a retry is wrong in the same way as the first try.
    """

    delay_s: Annotated[
        float,
        Meta(
            ge=0,
            le=FAULT_DELAY_MAX_S,
            title="Delay",
            description="Seconds that a callback waits before its first try.",
        ),
    ] = 0
    duplicate: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            title="Duplicate",
            description="How often each callback is sent altogether, at once, with one event id.",
        ),
    ] = 1
    reorder: Annotated[
        bool,
        Meta(
            title="Reorder",
            description="A callback payment.pending follows after payment.succeeded.",
        ),
    ] = False
    drop: Annotated[
        bool, Meta(title="Drop", description="Callbacks are never sent; look-ups tell the truth.")
    ] = False
    wrong_amount: Annotated[
        int,
        Meta(
            ge=-AMOUNT_MAX_MINOR,
            le=AMOUNT_MAX_MINOR,
            title="Wrong amount",
            description="Minor units added to what callbacks of success say; look-ups stay right.",
        ),
    ] = 0
    wrong_currency: Annotated[
        str,
        Meta(
            max_length=5,
            title="Wrong currency",
            description="The currency that callbacks say; look-ups stay right.",
        ),
    ] = ""
    bad_signature: Annotated[
        bool, Meta(title="Bad signature", description="Callbacks are signed with another secret.")
    ] = False
    stale_timestamp: Annotated[
        bool,
        Meta(
            title="Stale timestamp",
            description="Callbacks are signed properly, but as if an hour ago.",
        ),
    ] = False
    fail_after_work: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            title="Fail after work",
            description="The next so many API calls do their work and then answer 500.",
        ),
    ] = 0
    slow_answer_s: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            title="Slow answer",
            description="Seconds between the work of an API call and its answer.",
        ),
    ] = 0
    callback_before_answer: Annotated[
        bool,
        Meta(
            title="Callback before answer",
            description="A create approves by itself, a refund is quick: the callback is tried "
            "before the call is answered.",
        ),
    ] = False
    refund_delay_s: Annotated[
        float,
        Meta(
            ge=0,
            le=FAULT_DELAY_MAX_S,
            title="Refund delay",
            description="Seconds that a refund stays pending.",
        ),
    ] = 0
    refund_outcome: Annotated[
        RefundOutcome,
        Meta(title="Refund outcome", description="What becomes of a refund."),
    ] = "succeed"
    times: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            title="Times",
            description="The faults vanish after they met so many callbacks, calls and refunds; "
            "0: never.",
        ),
    ] = 0


NO_FAULTS = Faults()


def spoils_callbacks(faults: Faults) -> bool:
    """Whether any fault touches callbacks (the others touch API calls or refunds)."""
    return replace(faults, **_CALL_FAULTS, **_REFUND_FAULTS, times=0) != NO_FAULTS


def spoils_calls(faults: Faults) -> bool:
    """Whether any fault touches API calls."""
    return any(getattr(faults, name) != usual for name, usual in _CALL_FAULTS.items())


def spoils_refunds(faults: Faults) -> bool:
    """Whether any fault touches what becomes of refunds."""
    return any(getattr(faults, name) != usual for name, usual in _REFUND_FAULTS.items())


def spent(faults: Faults) -> Faults:
    """The faults after one more callback, call or refund that they spoiled."""
    if faults.times == 1:
        return NO_FAULTS
    return replace(faults, times=max(0, faults.times - 1))


def spent_by_call(faults: Faults) -> Faults:
    """As `spent`, with one failing answer fewer to give."""
    return spent(replace(faults, fail_after_work=max(0, faults.fail_after_work - 1)))


def _usual(*names: str) -> dict[str, object]:
    return {name: getattr(NO_FAULTS, name) for name in names}


_CALL_FAULTS = _usual("fail_after_work", "slow_answer_s", "callback_before_answer")
_REFUND_FAULTS = _usual("refund_delay_s", "refund_outcome")

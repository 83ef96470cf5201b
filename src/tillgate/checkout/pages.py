"""Draws a checkout page. Pure: from the same view, language, nonce and time, the same text.

What the page does in the browser is in `browser/src/checkout.ts`; all of it works without too.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tillgate.checkout import assets, rules, ways
from tillgate.checkout.amounts import show_amount
from tillgate.checkout.model import State, View
from tillgate.checkout.words import choose_language, languages, say

__all__ = ["choose_language", "render"]

NOSCRIPT_REFRESH_S = 3
RETURN_AFTER_S = 5
"""How long a payer sees that the payment succeeded before going back to the merchant."""

ANNOUNCED_LEFT_S = (180, 60, 30)
"""When a screen reader is told how much time is left to pay."""


class Look(NamedTuple):
    """What sets a state apart at a glance; its words are in the catalogue."""

    tone: str = "plain"
    icon: str = ""
    payable: bool = False
    refreshes: bool = False


_LOOKS: dict[State, Look] = {
    "offer": Look(),
    "ready": Look(payable=True),
    "waiting": Look("busy", "away", payable=True, refreshes=True),
    "processing": Look("busy", "dots", refreshes=True),
    "authorized": Look("ok", "check"),
    "succeeded": Look("ok", "check"),
    "already_paid": Look("ok", "check"),
    "failed": Look("bad", "cross", payable=True),
    "expired": Look("warn", "clock"),
    "canceled": Look("quiet", "minus"),
    "review": Look("warn", "eye", refreshes=True),
    "not_found": Look("quiet", "question"),
    "unavailable": Look("quiet", "dots", refreshes=True),
}


_OURS = Look(payable=True, refreshes=True)
"""The look of a page that shows the way to pay itself."""

CASH_APP, STRIPE = "Cash App Pay", "Stripe"
"""Names, the same in every language."""


class Deadline(NamedTuple):
    """A time left, in words; `announced` are the words for ANNOUNCED_LEFT_S."""

    at_ms: int
    at: datetime
    left: str
    announced: tuple[tuple[int, str], ...]


def render(view: View, language: str, nonce: str, now: datetime) -> str:
    """The whole HTML document. `language` is what `choose_language` answered, `nonce` is the one of
    the answer's content security policy, `now` is the server's time, which countdowns go by.

    Raises assets.AssetsMissing when the browser part has not been built.
    """
    look = _OURS if view.way else _LOOKS[view.state]
    method = _method(view, language)
    speak = _speaker(view, language, method)
    return (
        _environment()
        .get_template("page.html")
        .render(
            view=view,
            look=look,
            method=method,
            payable=_payable(view),
            language=language,
            direction=languages()[language].direction,
            languages={code: each.name for code, each in languages().items()},
            nonce=nonce,
            now_ms=_unix_ms(now),
            amount=view.amount and show_amount(view.amount, language),
            sentence=_sentence(view, speak),
            brand=rules.brand(view.brand_color),
            deadline=_deadline(view, language, now),
            **_way(view, language, now),
            continue_url=rules.linkable(view.continue_url),
            redirect_url=rules.linkable(view.redirect_url),
            refresh_s=NOSCRIPT_REFRESH_S,
            return_after_s=RETURN_AFTER_S,
            asset=assets.url,
            say=speak,
        )
    )


def _method(view: View, language: str) -> str | None:
    """What the payer pays with, in the payer's words."""
    match view.method:
        case "card":
            return say(language, "word.card")
        case "cashapp":
            return CASH_APP
        case "buy_button":
            return STRIPE
        case _:
            return view.method_label


def _speaker(view: View, language: str, method: str | None) -> Callable[..., str]:
    """`say` in one language that knows the names and the amount which sentences are about. Payers
    that a provider has sent read its own words where it has some."""
    known = {
        "merchant": view.merchant_name or say(language, "word.merchant"),
        "method": method or say(language, "word.method"),
        "amount": show_amount(view.amount, language).text if view.amount else "",
        "seller": view.seller or "",
    }

    def speak(key: str, **values: str | int) -> str:
        own = f"provider.{key}"
        has_own = view.seller is not None and own in languages()[language].words
        return say(language, own if has_own else key, **known, **values)

    return speak


def _way(view: View, language: str, now: datetime) -> dict[str, Any]:
    """What is drawn of the way to pay that this page shows itself, if it shows one."""
    way = view.way
    over = ways.expired(way, now)
    until = ways.expiry(way)
    return {
        "way": way,
        "way_id": f"{way.kind}-{view.way_number}{'-over' if over else ''}" if way else "",
        "over": over,
        "code_deadline": until and _left(until, language, now),
        "failures": rules.failures(),
        "linkable": rules.linkable,
    }


def _sentence(view: View, speak: Callable[..., str]) -> str:
    match view.state:
        case "offer" | "ready":
            return ""
        case "waiting" if view.way is not None:
            return ""
        case "failed":
            return speak(f"failure.{rules.failure_words(view.failure_code)}")
        case _:
            return speak(f"text.{view.state}")


def _payable(view: View) -> bool:
    return _LOOKS[view.state].payable and (view.state != "failed" or view.can_retry)


def _deadline(view: View, language: str, now: datetime) -> Deadline | None:
    if view.expires_at is None or not _payable(view):
        return None
    return _left(view.expires_at, language, now)


def _left(until: datetime, language: str, now: datetime) -> Deadline:
    left_s = max(0.0, (until - now).total_seconds())
    return Deadline(
        _unix_ms(until),
        until,
        _duration(left_s, language),
        tuple(
            (at_s, say(language, "say.left", time=_duration(at_s, language)))
            for at_s in ANNOUNCED_LEFT_S
        ),
    )


def _duration(seconds: float, language: str) -> str:
    """The largest unit of which there are two, rounded down: nobody is promised too much time."""
    for unit, size_s, from_s in (
        ("days", 86_400, 172_800),
        ("hours", 3_600, 7_200),
        ("minutes", 60, 60),
    ):
        if seconds >= from_s:
            return say(language, f"unit.{unit}", n=floor(seconds / size_s))
    return say(language, "unit.seconds", n=floor(seconds))


def _unix_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

"""Which connections may carry a payment, and what is shown of their credentials."""

from typing import Any, NamedTuple

import pytest

from tillgate.connections.kinds import hints
from tillgate.connections.rules import fitting, why_not
from tillgate.connectors.protocol import Capabilities
from tillgate.kit.money import Money


class Spoken(NamedTuple):
    capabilities: Capabilities


class Way(NamedTuple):
    """As much of a connection as routing looks at."""

    connector: Any = Spoken(Capabilities(manual_capture=False, looks=True))
    enabled: bool = True
    assets: frozenset[str] | None = None
    amount_min: int | None = None
    amount_max: int | None = None


EURO = Money(1000, "eur")
USD_ONLY = Spoken(Capabilities(True, looks=True, assets=frozenset(("usd",))))


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (Way(), None),
        (Way(enabled=False), "disabled"),
        (Way(assets=frozenset(("usd",))), "eur"),
        (Way(assets=frozenset(("usd", "eur"))), None),
        (Way(connector=USD_ONLY), "eur"),
        (Way(amount_min=1000, amount_max=1000), None),
        (Way(amount_min=1001), "1001 or more"),
        (Way(amount_max=999), "999 or less"),
    ],
)
def test_why_a_payment_may_not_go_this_way(way: Way, words: str | None) -> None:
    said = why_not(way, EURO, manual=False)
    assert (words is None) == (said is None)
    assert words is None or words in (said or "")


def test_who_cannot_capture_later_is_not_asked_to() -> None:
    assert why_not(Way(), EURO, manual=True) is not None
    assert why_not(Way(connector=USD_ONLY), Money(5, "usd"), manual=True) is None


def test_those_that_fit_keep_their_order() -> None:
    ways = [Way(amount_max=5), Way(amount_min=1), Way(), Way(enabled=False)]
    assert list(fitting(ways, EURO, manual=False)) == ways[1:3]


@pytest.mark.parametrize(
    ("secret", "hint"),
    [
        ("sk_test_51HxAbCdEfGhIjKl", "sk_test_…IjKl"),
        ("whsec_abcdefghijklmnop", "whsec_…mnop"),
        ("a-long-secret-without-a-prefix", "…efix"),
        ("a_very_long_prefix_that_is_part_of_it", "…f_it"),
        ("whsec_short", "…"),
        ("short", "…"),
        ("", "…"),
    ],
)
def test_a_hint_shows_what_kind_and_how_it_ends(secret: str, hint: str) -> None:
    assert hints({"a": secret, "b": [secret], "c": None, "d": []}) == {"a": hint, "b": [hint]}

"""No key makes another that may do more, or lasts longer, than itself."""

from datetime import UTC, datetime, timedelta
from itertools import chain, combinations

import pytest

from tillgate.kit import ids
from tillgate.kit.caller import Caller, needed_scope
from tillgate.merchants.keys import rules
from tillgate.merchants.keys.model import OPERATOR, Key, Rights

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SCOPES = ["payments:read", "payments:write", "payments:*", "events:read"]
SETS = [list(few) for few in chain.from_iterable(combinations(SCOPES, n) for n in (1, 2, 3, 4))]
WISHES = ["payments:read", "payments:write", "events:read", "events:write"]


def caller(kind: str, scopes: list[str] | None) -> Caller:
    return Caller(ids.mint(), ids.mint(), False, rules.granted(kind, scopes), "key_x")


def test_a_maker_could_do_itself_whatever_its_key_can() -> None:
    refused = 0
    for own in SETS:
        for given in SETS:
            maker, made = caller("restricted", own), caller("restricted", given)
            more = any(made.may(wish) and not maker.may(wish) for wish in WISHES)
            rights = Rights(rules.granted("restricted", own))
            assert (rules.beyond(rights, "restricted", given) is not None) == more, (own, given)
            refused += more
    assert 0 < refused < len(SETS) ** 2


@pytest.mark.parametrize("kind", ["secret", "publishable"])
def test_only_the_mighty_have_power_over_keys_without_scopes(kind: str) -> None:
    every = Rights(rules.granted("restricted", [f"{scope}:*" for scope in ("keys", "payments")]))
    assert rules.beyond(every, kind, None) is not None
    assert rules.beyond(OPERATOR, kind, None) is None


def test_no_key_outlives_its_maker() -> None:
    until = Rights(None, NOW)
    assert rules.outlives(until, None) is not None
    assert rules.outlives(until, NOW + timedelta(seconds=1)) is not None
    assert rules.outlives(until, NOW) is None
    assert rules.outlives(OPERATOR, None) is None


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/payments/pay_1", "payments:read"),
        ("HEAD", "/v1/payments", "payments:read"),
        ("POST", "/v1/wallets/ada/holds/hold_1/post", "wallets:write"),
        ("DELETE", "/v1/webhook_endpoints/we_1", "webhook_endpoints:write"),
        ("GET", "/v1//payments", ":read"),
    ],
)
def test_a_route_needs_its_first_word(method: str, path: str, scope: str) -> None:
    assert needed_scope(path, method) == scope


def test_a_key_ends_once() -> None:
    key = Key(ids.mint(), "secret", None, "sk_test_…abcd", None, NOW, expires_at=NOW)
    assert key.status(NOW - timedelta(seconds=1)) == "active"
    assert key.status(NOW) == "expired"
    assert key._replace(revoked_at=NOW).status(NOW) == "revoked"

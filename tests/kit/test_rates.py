"""A limit grants its rate, whatever the rhythm; and whose address counts."""

from ipaddress import ip_network
from random import Random

import pytest

from tillgate.kit.networks import Network
from tillgate.kit.proxies import client_address, subscriber
from tillgate.kit.rates import BUCKETS_MAX, WINDOW_S, Limit


def test_a_window_at_once_then_the_rate() -> None:
    limit: Limit[str] = Limit("reads", 2)
    turns = [limit.take("a", 100.0) for _ in range(2 * WINDOW_S + 1)]
    assert [turn.granted for turn in turns] == [True] * 2 * WINDOW_S + [False]
    assert [turn.remaining for turn in turns[:3]] == [19, 18, 17]
    assert (turns[-1].wait_s, turns[-1].full_in_s) == (1, WINDOW_S)
    assert limit.take("b", 100.0).granted
    assert limit.take("a", 100.5).granted
    assert not limit.take("a", 100.6).granted
    assert limit.take("a", 200.0).remaining == 2 * WINDOW_S - 1


@pytest.mark.parametrize("per_s", [1, 3, 500])
def test_no_rhythm_gets_more_than_the_rate(per_s: int) -> None:
    """And who waits as long as he is told is granted."""
    chance, limit, now_s, granted = Random(per_s), Limit[str]("reads", per_s), 1000.0, 0
    start_s = now_s
    for _ in range(20_000):
        now_s += chance.choice([0.0, 0.0, 0.001, 1 / per_s])
        turn = limit.take("a", now_s)
        granted += turn.granted
        assert granted <= (now_s - start_s + WINDOW_S) * per_s + 1
        if not turn.granted:
            now_s += turn.wait_s
            assert limit.take("a", now_s).granted
            granted += 1


def test_headers_are_the_drafts() -> None:
    limit: Limit[str] = Limit("writes", 500)
    assert limit.policy == b'"writes";q=5000;w=10'
    assert limit.told(limit.take("a", 0.0)) == b'"writes";r=4999;t=1'


def test_memory_is_bounded() -> None:
    limit: Limit[int] = Limit("reads", 1)
    for number in range(BUCKETS_MAX + 10):
        limit.take(number, 0.0)
    assert limit.take(BUCKETS_MAX + 9, 0.0).remaining == WINDOW_S - 2
    assert limit.take(0, 0.0).remaining == WINDOW_S - 1


OURS: list[Network] = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("203.0.113.9", [b"198.51.100.1"], "203.0.113.9"),  # nobody we know says so
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"6.6.6.6, 198.51.100.1"], "198.51.100.1"),  # the left is made up
        ("10.0.0.1", [b"6.6.6.6", b"198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", [b"198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [b"nonsense, 10.0.0.3"], "10.0.0.3"),
        ("::ffff:10.0.0.1", [b"2001:db8::7"], "2001:db8::7"),
        ("fd00::1", [b"2001:db8::7"], "2001:db8::7"),
    ],
)
def test_only_our_proxies_are_believed(peer: str, said: list[bytes], client: str) -> None:
    assert client_address(peer, said, OURS) == client


def test_an_ipv6_network_is_one() -> None:
    assert subscriber("2001:db8:1:2:3::4") == subscriber("2001:db8:1:2::9")
    assert subscriber("2001:db8:1:2::9") != subscriber("2001:db8:1:3::9")
    assert subscriber("::ffff:192.0.2.1") == subscriber("192.0.2.1") == "192.0.2.1"

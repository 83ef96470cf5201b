"""Whose request it is when proxies of ours stand in front: pure, from what they say."""

from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address

from tillgate.kit.networks import Network

SUBSCRIBER_BITS = 64
"""Of an IPv6 address: whoever has one has all that begin so."""


def client_address(peer: str, forwarded_for: Iterable[bytes], trusted: Iterable[Network]) -> str:
    """The nearest address that is no trusted proxy. `forwarded_for`: the lines `X-Forwarded-For`
    in their order. Each proxy has added whom it saw at the end, so only what a trusted one added
    is believed; reading ends at what is no address."""
    networks = tuple(trusted)
    hops = [hop.strip() for hop in b",".join(forwarded_for).decode("latin-1").split(",")]
    address = peer
    while hops and _inside(address, networks) and _is_address(hops[-1]):
        address = hops.pop()
    return address


def subscriber(address: str) -> str:
    """Who is limited: an IPv4 address, or the network of an IPv6 one."""
    if ":" not in address:
        return address
    parsed = ip_address(address)
    assert isinstance(parsed, IPv6Address)  # noqa: S101  it has a colon
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, SUBSCRIBER_BITS), strict=False))


def _inside(address: str, networks: tuple[Network, ...]) -> bool:
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

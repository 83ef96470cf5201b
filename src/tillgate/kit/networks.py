"""Which addresses may be dialled when somebody else chose them: pure, nothing is resolved here.

Sources: the IANA special-purpose address registries (RFC 6890), and the addresses at which the
clouds serve a machine's own credentials.
"""

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple

from yarl import URL

from tillgate.kit.refusal import Refused

URL_MAX_LENGTH = 2048
NOT_PUBLIC = "The URL points to an address that is not public."

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Policy(NamedTuple):
    """What an installation allows beyond public addresses over https."""

    allow_http: bool = False  # http to anywhere that may be dialled
    allow_loopback: bool = False  # this machine, over http too: for developing
    allow_networks: tuple[Network, ...] = ()  # a self-hoster's own, like 10.1.0.0/16


def refusal(address: Address, policy: Policy) -> str | None:
    """Why this address may not be dialled, as the name of its network; None when it may.

    An IPv4 address inside an IPv6 one (mapped, or behind NAT64) is judged as itself. Nothing
    in `NEVER` is allowed by any policy.
    """
    if isinstance(address, IPv6Address):
        address = _embedded(address) or address
    never = _find(address, NEVER)
    if never is not None:
        return never
    if any(address in network for network in policy.allow_networks):
        return None
    if address.is_loopback:
        return None if policy.allow_loopback else "loopback"
    if isinstance(address, IPv4Address):
        return _find(address, REFUSED)
    if address not in PUBLIC_IPV6:
        return "reserved"
    return "ISATAP" if address.packed[8:12] in ISATAP else _find(address, REFUSED)


def vet_url(url: str, policy: Policy) -> Refused | None:
    """What can be said of a URL without resolving it: `url_refused`, or None."""
    problem = _problem(url, policy)
    return Refused("url_refused", problem, "url") if problem else None


def _problem(text: str, policy: Policy) -> str | None:
    """Why a URL is refused before anything is resolved, in words for the merchant."""
    if len(text) > URL_MAX_LENGTH:
        return f"The URL is longer than {URL_MAX_LENGTH} characters."
    if not text.isprintable() or " " in text or "\\" in text:
        return "The URL has characters that a URL cannot have."
    try:
        url = URL(text)
        host, _ = url.raw_host, url.port
    except ValueError:
        return "This is not a URL."
    if not host or url.scheme not in ("http", "https"):
        return "The URL must begin with https:// and name a host."
    if url.raw_user is not None or url.raw_password is not None:
        return "The URL must not hold a user name or a password."
    return _host_problem(host, policy, over_http=url.scheme == "http")


def _host_problem(host: str, policy: Policy, *, over_http: bool) -> str | None:
    name = host.rstrip(".").lower()
    local = name == "localhost" or name.endswith(".localhost")
    try:
        address = ip_address("127.0.0.1" if local else host)
    except ValueError:
        address = None
        if NUMERIC.fullmatch(name.rpartition(".")[2]):
            return "The URL must name a host, or an address in its usual form."
    if address is not None and refusal(address, policy):
        return NOT_PUBLIC
    own = address is not None and address.is_loopback and policy.allow_loopback
    if over_http and not policy.allow_http and not own:
        return "The URL must begin with https://."
    return None


NUMERIC = re.compile("[0-9]+|0x[0-9a-f]*")
"""The end of a host that systems read as an IPv4 address: 2130706433, 127.1, 0x7f.1."""


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(address.packed[12:])
    return address.ipv4_mapped


def _find(address: Address, networks: tuple[tuple[str, Network], ...]) -> str | None:
    return next((name for name, network in networks if address in network), None)


def _named(**networks: str) -> tuple[tuple[str, Network], ...]:
    return tuple(
        (name.replace("_", " "), ip_network(network))
        for name, several in networks.items()
        for network in several.split()
    )


NEVER = _named(
    unspecified="0.0.0.0/8 ::/128",
    link_local="169.254.0.0/16 fe80::/10",
    # AWS and most others are link-local; these are Alibaba, Oracle, Azure, AWS and Google.
    metadata="100.100.100.200/32 192.0.0.192/32 168.63.129.16/32 fd00:ec2::/32 fd20:ce::/32",
    multicast="224.0.0.0/4 ff00::/8",
    broadcast="255.255.255.255/32",
)
REFUSED = _named(
    private="10.0.0.0/8 172.16.0.0/12 192.168.0.0/16",
    carrier_NAT="100.64.0.0/10",
    protocol_assignments="192.0.0.0/24 2001::/23",  # Teredo, ORCHID and benchmarking are in there
    documentation="192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20",
    **{"6to4": "192.88.99.0/24 2002::/16"},
    benchmarking="198.18.0.0/15",
    reserved="240.0.0.0/4",
)
PUBLIC_IPV6 = IPv6Network("2000::/3")
"""All that is routed in public; unique-local, site-local, IPv4-compatible, SRv6… lie outside."""

NAT64 = IPv6Network("64:ff9b::/96")
ISATAP = bytes.fromhex("00005efe"), bytes.fromhex("02005efe")

"""Which addresses and URLs may be used when a merchant chose them."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tillgate.kit.networks import Policy, refusal, vet_url

STRICT = Policy()

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255",
    "172.32.0.0", "192.0.1.255", "192.167.255.255", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "11.0.0.0", "2606:4700:4700::1111", "2a00:1450:4001::200e", "2003::",
    "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
]  # fmt: skip

REFUSED = {
    "unspecified": "0.0.0.0 0.1.2.3 :: ::ffff:0.0.0.0",
    "link local": "169.254.0.1 169.254.169.254 169.254.170.2 fe80::1 febf::1 fe80::1%eth0",
    "metadata": (
        "100.100.100.200 192.0.0.192 168.63.129.16 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 "
        "::ffff:168.63.129.16 64:ff9b::168.63.129.16"
    ),
    "multicast": "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
    "broadcast": "255.255.255.255",
    "loopback": "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1 64:ff9b::127.0.0.1",
    "private": (
        "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 "
        "::ffff:10.0.0.1 ::ffff:c0a8:1 64:ff9b::a00:1 64:ff9b::192.168.1.1"
    ),
    "carrier NAT": "100.64.0.0 100.127.255.255 ::ffff:100.64.1.1",
    "protocol assignments": "192.0.0.1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:20::1",
    "documentation": "192.0.2.1 198.51.100.7 203.0.113.9 2001:db8::1 3fff::1",
    "6to4": "192.88.99.1 2002:a00:1:: 2002:7f00:1::1 2002:808:808::1",
    "benchmarking": "198.18.0.1 198.19.255.255",
    "reserved": (
        "240.0.0.1 255.255.255.254 fc00::1 fd12:3456::1 fec0::1 100::1 5f00::1 4000:: ::2 "
        "::10.0.0.1 ::ffff:0:10.0.0.1 64:ff9b:1::10.0.0.1 1::"
    ),
    "ISATAP": "2606:4700::5efe:a00:1 2606:4700::200:5efe:10.0.0.1",
}
ROWS = [(address, name) for name, several in REFUSED.items() for address in several.split()]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_dialled(address: str) -> None:
    assert refusal(ip_address(address), STRICT) is None


@pytest.mark.parametrize(("address", "name"), ROWS)
def test_all_others_are_refused_by_the_name_of_their_network(address: str, name: str) -> None:
    assert refusal(ip_address(address), STRICT) == name


@given(st.ip_addresses())
@example(ip_address("192.0.0.9"))
@example(ip_address("2001:1::1"))
def test_nothing_passes_that_the_standard_library_calls_special(
    address: IPv4Address | IPv6Address,
) -> None:
    if refusal(address, STRICT) is None:
        inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        assert (inner or address).is_global
        assert not address.is_multicast


def forms_of(address: IPv4Address) -> list[IPv6Address]:
    number = int(address)
    mapped, nat64, translated, compatible = "::ffff:0:0", "64:ff9b::", "::ffff:0:0:0", "::"
    isatap = "2606:4700::5efe:0:0", "2a00::200:5efe:0:0"
    prefixes = mapped, nat64, translated, compatible, *isatap
    forms = [IPv6Address(int(IPv6Address(prefix)) | number) for prefix in prefixes]
    sixtofour = IPv6Address(0x2002 << 112 | number << 80 | 1)
    teredo = IPv6Address(0x20010000 << 96 | 0x01010101 << 64 | ~number & 0xFFFFFFFF)
    return [*forms, sixtofour, teredo]


v4_networks = [ip_network(n) for n in ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8",
               "100.64.0.0/10", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4")]  # fmt: skip


@given(st.sampled_from(v4_networks).flatmap(lambda n: st.ip_addresses(v=4, network=str(n))))
def test_a_refused_address_is_refused_in_every_ipv6_form(address: IPv4Address) -> None:
    assert refusal(address, STRICT)
    for form in forms_of(address):
        assert refusal(form, STRICT), form


def test_a_self_hoster_allows_networks_of_their_own() -> None:
    policy = Policy(allow_networks=(ip_network("10.1.0.0/16"), ip_network("fd12::/32")))

    assert refusal(ip_address("10.1.2.3"), policy) is None
    assert refusal(ip_address("::ffff:10.1.2.3"), policy) is None
    assert refusal(ip_address("fd12::5"), policy) is None
    assert refusal(ip_address("10.2.0.1"), policy) == "private"
    assert refusal(ip_address("fd13::5"), policy) == "reserved"


def test_developing_allows_this_machine_and_nothing_else() -> None:
    policy = Policy(allow_loopback=True)

    for address, name in ROWS:
        allowed = refusal(ip_address(address), policy) is None
        assert allowed == (name == "loopback"), address


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "0.0.0.1",
     "::", "224.0.0.1", "::ffff:169.254.169.254"],
)  # fmt: skip
def test_no_policy_opens_what_is_never_allowed(address: str) -> None:
    everything = Policy(
        allow_http=True,
        allow_loopback=True,
        allow_networks=(ip_network("0.0.0.0/0"), ip_network("::/0")),
    )

    assert refusal(ip_address("192.168.0.1"), everything) is None
    assert refusal(ip_address(address), everything)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "https://example.com:8443/hooks?a=b#c", "https://exämple.com/ü",
        "https://8.8.8.8/", "https://[2606:4700:4700::1111]/x", "HTTPS://EXAMPLE.COM/",
    ],
)  # fmt: skip
def test_good_urls_pass(url: str) -> None:
    assert vet_url(url, STRICT) is None


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "https://", "https:///path", "ftp://example.com",
        "javascript:alert(1)", "file:///etc/passwd", "http://example.com", "https://[::1",
        "https://example.com:99999", "https://exa mple.com", "https://example.com/\n", "https://\0",
        "https://user@example.com", "https://user:password@example.com", "https://:@example.com",
        "https://example.com\\@10.0.0.1/", "https://example.com@169.254.169.254/",
        "https://10.0.0.1", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254",
        "https://[fe80::1%25eth0]/", "https://127.1", "https://2130706433", "https://0x7f.1",
        "https://0177.0.0.1", "https://①②⑦.0.0.1/", "https://127。0。0。1/", "https://localhost",
        "https://api.localhost/", "https://LOCALHOST./", "https://example.com/" + "x" * 2048,
    ],
)  # fmt: skip
def test_bad_urls_are_refused(url: str) -> None:
    refused = vet_url(url, STRICT)

    assert refused is not None
    assert (refused.code, refused.param) == ("url_refused", "url")


@pytest.mark.parametrize(
    ("url", "policy", "passes"),
    [
        ("http://example.com", Policy(allow_http=True), True),
        ("http://10.0.0.1", Policy(allow_http=True), False),
        ("http://localhost:3000/hook", Policy(allow_loopback=True), True),
        ("http://127.0.0.1:3000/hook", Policy(allow_loopback=True), True),
        ("http://[::1]:3000/hook", Policy(allow_loopback=True), True),
        ("https://127.0.0.1/hook", Policy(allow_loopback=True), True),
        ("http://example.com", Policy(allow_loopback=True), False),
        ("http://169.254.169.254", Policy(allow_loopback=True), False),
        ("http://10.1.0.1", Policy(allow_networks=(ip_network("10.0.0.0/8"),)), False),
        ("https://10.1.0.1", Policy(allow_networks=(ip_network("10.0.0.0/8"),)), True),
    ],
)
def test_what_each_policy_adds(url: str, policy: Policy, passes: bool) -> None:
    assert (vet_url(url, policy) is None) is passes

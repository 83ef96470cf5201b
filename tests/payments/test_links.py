"""A client secret opens one payment, and cannot be made up."""

from tillgate.kit import ids
from tillgate.payments.links import PayerLinks

OURS = PayerLinks(("ours",), "https://pay.example")


def test_our_secret_names_its_payment() -> None:
    place = ids.mint(), ids.mint()
    links = OURS.of(*place)
    assert OURS.read(links.client_secret) == place
    assert links.checkout_url == f"https://pay.example/checkout/{links.client_secret}"


def test_a_changed_secret_names_nothing() -> None:
    secret = OURS.of(ids.mint(), ids.mint()).client_secret
    for place in range(len(secret)):
        changed = secret[:place] + ("0" if secret[place] != "0" else "1") + secret[place + 1 :]
        assert OURS.read(changed) is None
    for text in ("", "pay_", "_secret_", secret[:-1], secret + "0", "é" * 90):
        assert OURS.read(text) is None


def test_former_secrets_are_still_accepted() -> None:
    place = ids.mint(), ids.mint()
    rotated = PayerLinks(("next", "ours"), "https://pay.example")
    assert rotated.read(OURS.of(*place).client_secret) == place
    assert OURS.read(rotated.of(*place).client_secret) is None

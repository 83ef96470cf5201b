"""The payer's capability: who holds a payment's client secret may open its checkout, no more.

It is derived, so nothing of it is stored: the ids of merchant and payment, and a MAC over both.
"""

from uuid import UUID

from tillgate.kit import crypto, ids
from tillgate.payments.shapes import Links

MAC_BYTES = 16


class PayerLinks:
    """Makes and reads client secrets. The first secret signs, every one is accepted."""

    def __init__(self, secrets: tuple[str, ...], public_url: str) -> None:
        self._keys = [crypto.derive(secret, "client-secret") for secret in secrets]
        self.public_url = public_url

    def of(self, merchant_id: UUID, payment_id: UUID) -> Links:
        secret = self._secret(self._keys[0], merchant_id, payment_id)
        return Links(self.checkout_url(secret), secret)

    def checkout_url(self, client_secret: str) -> str:
        return f"{self.public_url}/checkout/{client_secret}"

    def read(self, client_secret: str) -> tuple[UUID, UUID] | None:
        """(merchant, payment) of a client secret that we made, or None."""
        name, middle, rest = client_secret.partition("_secret_")
        payment_id = ids.parse("pay", name)
        merchant_id = ids.parse("", "_" + rest[: ids.LENGTH])
        if not middle or payment_id is None or merchant_id is None:
            return None
        given = client_secret.encode()
        made = [self._secret(key, merchant_id, payment_id).encode() for key in self._keys]
        if not any([crypto.same(given, one) for one in made]):  # noqa: C419  all are compared
            return None
        return merchant_id, payment_id

    def _secret(self, key: bytes, merchant_id: UUID, payment_id: UUID) -> str:
        mac = crypto.mac(key, merchant_id.bytes + payment_id.bytes)[:MAC_BYTES]
        place = ids.show("", merchant_id)[1:] + ids.show("", UUID(bytes=mac))[1:]
        return f"{ids.show('pay', payment_id)}_secret_{place}"

"""Format `standard`: the whole event, signed as Standard Webhooks 1.0 (standardwebhooks.com)."""

import base64
from collections.abc import Sequence

from tillgate.kit import crypto, ids
from tillgate.kit.http import encode
from tillgate.webhooks.formats.model import Format
from tillgate.webhooks.model import Claim, EventBody, EventData, Request

SCHEDULE_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Standard Webhooks' own table."""

TIMEOUT_S = 10.0
SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix of all secrets, in public


def request_of(claim: Claim, secrets: Sequence[str]) -> Request:
    """The event's id is the message's id, the same for every attempt; the timestamp is the
    claim's."""
    body = encode(
        EventBody(
            id=ids.show("evt", claim.event_id),
            object="event",
            type=claim.type,
            created=int(claim.created_at.timestamp()),
            api_version=claim.api_version,
            livemode=claim.livemode,
            data=EventData(claim.data),
        )
    )
    return Request(headers(claim) | signed(claim, secrets, body), body)


def headers(claim: Claim) -> dict[str, str]:
    """What every format sends: which message, when, and the how-manieth attempt."""
    return {
        "content-type": "application/json",
        "webhook-id": ids.show("evt", claim.event_id),
        "webhook-timestamp": str(int(claim.claimed_at.timestamp())),
        "tillgate-attempt": str(claim.attempts - claim.attempts_before + 1),
    }


def signed(claim: Claim, secrets: Sequence[str], body: bytes) -> dict[str, str]:
    """The signature of these very bytes."""
    event_id, timestamp_s = ids.show("evt", claim.event_id), int(claim.claimed_at.timestamp())
    return {"webhook-signature": sign(secrets, event_id, timestamp_s, body)}


def sign(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,<base64>` for each secret, separated by spaces: a receiver accepts any of them."""
    text = f"{message_id}.{timestamp_s}.".encode() + body
    macs = [crypto.mac(_key_of(secret), text) for secret in secrets]
    return " ".join(["v1," + base64.b64encode(mac).decode() for mac in macs])


def secret_of(chance: bytes) -> str:
    return SECRET_PREFIX + base64.b64encode(chance).decode()


def _key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)


FORMAT = Format(request_of, secret_of, SCHEDULE_S, TIMEOUT_S)

"""What is sent, signed how, tried again when; which events an endpoint wants. All of it pure."""

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

from tillgate.kit import crypto, ids
from tillgate.kit.http import encode
from tillgate.webhooks.model import Claim, EventBody, EventData, Request, Verdict

SCHEDULE_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The delay before each attempt, counted from the one before; Standard Webhooks' own table."""

JITTER = 0.2
"""How far a delay may be stretched or shortened, so that retries do not come in waves."""

RETRY_AFTER_MAX_S = 86_400
"""The longest `Retry-After` that is obeyed."""

OBEY_RETRY_AFTER = frozenset((429, 503))
GONE = 410

SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix of all secrets, in public
SECRET_BYTES = 32


# ---- which events


def matches(glob: str, text: str) -> bool:
    """The same question as LIKE's, answered here, in linear time."""
    first, *others = glob.split("*")
    if not others:
        return glob == text
    last = others.pop()
    if not text.startswith(first) or len(text) < len(first) + len(last):
        return False
    middle = text[len(first) : len(text) - len(last)]
    for part in filter(None, others):
        _, found, middle = middle.partition(part)
        if not found:
            return False
    return text.endswith(last)


def unknown(globs: Iterable[str], types: Iterable[str]) -> str | None:
    """The first glob that matches no type of event, or None."""
    known = list(types)
    return next((g for g in globs if not any(matches(g, kind) for kind in known)), None)


# ---- what is sent


def request_of(claim: Claim, secrets: Sequence[str]) -> Request:
    """The HTTP request of format `standard` (https://www.standardwebhooks.com, version 1.0).

    The event's id is the message's id, the same for every attempt; the timestamp is the claim's.
    """
    event_id = ids.show("evt", claim.event_id)
    timestamp_s = int(claim.claimed_at.timestamp())
    body = encode(
        EventBody(
            id=event_id,
            object="event",
            type=claim.type,
            created=int(claim.created_at.timestamp()),
            api_version=claim.api_version,
            livemode=claim.livemode,
            data=EventData(claim.data),
        )
    )
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": sign(secrets, event_id, timestamp_s, body),
        "tillgate-attempt": str(claim.attempts + 1),
    }
    return Request(headers, body)


def sign(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,<base64>` for each secret, separated by spaces: a receiver accepts any of them."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    macs = [crypto.mac(_key_of(secret), signed) for secret in secrets]
    return " ".join(["v1," + base64.b64encode(mac).decode() for mac in macs])


def secret_of(chance: bytes) -> str:
    """The text form of a new secret, from SECRET_BYTES of chance."""
    return SECRET_PREFIX + base64.b64encode(chance).decode()


def _key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)


# ---- what an answer means


def judge(
    attempt: int, status: int | None, retry_after: str | None, chance: float, now: datetime
) -> Verdict:
    """What follows from an attempt (the first is 1) that was answered with `status`, or not at all.

    Any 2xx is delivered. 410 says that the endpoint is gone for good; the delivery waits, for the
    endpoint may be enabled again. `chance` is at least 0 and below 1.
    """
    if succeeded(status):
        return Verdict("delivered")
    disable = status == GONE
    if attempt >= len(SCHEDULE_S):
        return Verdict("dead", disable=disable)
    wait_s = SCHEDULE_S[attempt] * (1 - JITTER + 2 * JITTER * chance)
    if status in OBEY_RETRY_AFTER and retry_after is not None:
        wait_s = max(wait_s, min(_seconds(retry_after, now), RETRY_AFTER_MAX_S))
    return Verdict("due", wait_s, disable)


def succeeded(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def _seconds(retry_after: str, now: datetime) -> float:
    """`Retry-After` in seconds (RFC 9110, section 10.2.3); 0 for what is neither form of it."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return (aware - now).total_seconds()


# ---- ids


def show_delivery(event_id: UUID, endpoint_id: UUID) -> str:
    """A delivery is known by its event and its endpoint: `del_`, then both."""
    return ids.show("del", event_id) + ids.show("", endpoint_id)[1:]


def parse_delivery(endpoint_id: UUID, text: str) -> UUID | None:
    """The event of a delivery to this endpoint, or None when it is no such delivery's id."""
    head, tail = text[: -ids.LENGTH], text[-ids.LENGTH :]
    same = ids.parse("del", f"del_{tail}") == endpoint_id
    return ids.parse("del", head) if same else None

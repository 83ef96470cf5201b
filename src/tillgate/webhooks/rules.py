"""Which events an endpoint wants; what an answer means, and when it is tried again. Pure.

What is sent and how it is signed is in `formats`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

from tillgate.kit import ids
from tillgate.kit.globs import like
from tillgate.webhooks.formats import Format
from tillgate.webhooks.model import Verdict

JITTER = 0.2
"""How far a delay may be stretched or shortened, so that retries do not come in waves."""

RETRY_AFTER_MAX_S = 86_400
"""The longest `Retry-After` that is obeyed."""

OBEY_RETRY_AFTER = frozenset((429, 503))
GONE = 410

SECRET_BYTES = 32
"""Of chance, that a new secret is made of."""


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


def patterns(globs: Iterable[str], names: Mapping[str, str] | None) -> list[str]:
    """The same globs for LIKE; of a format that tells some types only, these types themselves."""
    if names is None:
        return [like(glob) for glob in globs]
    wanted = list(globs)
    return [like(kind) for kind in names if any(matches(glob, kind) for glob in wanted)]


# ---- what an answer means


def judge(
    form: Format,
    attempt: int,
    status: int | None,
    retry_after: str | None,
    chance: float,
    now: datetime,
) -> Verdict:
    """What follows from an attempt (the first is 1) that was answered with `status`, or not at all.

    Any 2xx is delivered. 410 says that the endpoint is gone for good; the delivery waits, for the
    endpoint may be enabled again. To an exact format, whose receivers do not know these words of
    HTTP, all else is one failure. `chance` is at least 0 and below 1.
    """
    if succeeded(status):
        return Verdict("delivered")
    disable = status == GONE and not form.exact
    if attempt >= len(form.schedule_s):
        return Verdict("dead", disable=disable)
    wait_s = float(form.schedule_s[attempt])
    if form.exact:
        return Verdict("due", wait_s)
    wait_s *= 1 - JITTER + 2 * JITTER * chance
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

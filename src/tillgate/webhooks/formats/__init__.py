"""What a delivery looks like on the wire: one frozen record for each format.

An endpoint names its format; the pipeline around it is the same for all.
"""

from tillgate.webhooks.formats import gateway, provider, standard
from tillgate.webhooks.formats.model import Format, Wire

__all__ = ["FORMATS", "Format", "Wire", "known"]

FORMATS: dict[Wire, Format] = {
    "standard": standard.FORMAT,
    "gateway": gateway.FORMAT,
    "provider": provider.FORMAT,
}


def known(*, short_retries: bool) -> dict[Wire, Format]:
    """All formats; with `short_retries` the one of the gateway tries again within a minute."""
    if not short_retries:
        return FORMATS
    return {**FORMATS, "gateway": gateway.FORMAT._replace(schedule_s=gateway.SHORT_SCHEDULE_S)}

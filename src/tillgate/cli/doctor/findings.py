"""What a check of `tillgate doctor` says."""

from typing import Literal, NamedTuple

State = Literal["ok", "warning", "wrong", "skipped"]

NAMED_MAX = 3
"""How many of a kind a message names before it only counts the rest."""


class Said(NamedTuple):
    """What a check found, without any secret. `mend`: the command or setting that mends it."""

    state: State
    message: str
    mend: str | None = None


def ok(message: str) -> Said:
    return Said("ok", message)


def warning(message: str, mend: str) -> Said:
    return Said("warning", message, mend)


def wrong(message: str, mend: str) -> Said:
    return Said("wrong", message, mend)


def skipped(message: str) -> Said:
    return Said("skipped", message)


def named(names: list[str]) -> str:
    """`a, b, c and 4 more`."""
    rest = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {rest} more" if rest > 0 else "")


def reason(error: Exception) -> str:
    """An error's words, without a path twice."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error).rstrip(".")

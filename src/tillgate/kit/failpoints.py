"""Failpoints: named places at which a test can kill, stop, delay or fail this process.

Off unless the process starts with TILLGATE_DEV=1 and TILLGATE_FAILPOINTS, a list of
`name=action` or `name=action@n` (at the n-th time only, else every time), separated by commas.
Actions: `kill` (as kill -9), `stop` (SIGSTOP), `raise`, and `delay:0.2`, in seconds.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import NamedTuple

VARIABLE = "TILLGATE_FAILPOINTS"
DELAY_MAX_S = 60.0

NAMES = (
    "engine.before_commit",
    "engine.after_commit",
    "callback.before_run",
    "callback.after_run",
    "start.before_run",
    "start.before_call",
    "start.after_call",
    "start.after_run",
    "operation.before_submit",
    "operation.before_call",
    "operation.after_call",
    "operation.after_run",
    "sender.before_claim",
    "sender.before_call",
    "sender.after_call",
    "sender.before_record",
    "sender.after_record",
    "look.before_call",
    "look.after_call",
    "look.after_run",
    "retry.before_run",
    "retry.after_run",
)
"""All there are: before and after each commit and each call. `run` is one pass of the engine."""


class FailpointRaised(Exception):
    """What `raise` raises: a bug, as far as anybody knows."""


class Armed(NamedTuple):
    """What happens at a place; `at`: at which passing, 0 for each."""

    action: str
    delay_s: float
    at: int


def read(environ: Mapping[str, str]) -> dict[str, Armed]:
    """What is armed, by name. Raises ValueError for what does not exist."""
    text = environ.get(VARIABLE, "")
    if not text or environ.get("TILLGATE_DEV") not in {"1", "true"}:
        return {}
    return dict(_read_one(part.strip()) for part in text.split(","))


def _read_one(text: str) -> tuple[str, Armed]:
    name, _, what = text.partition("=")
    does, _, at = what.partition("@")
    action, _, delay = does.partition(":")
    delay_s = float(delay) if delay else 0.0
    known = name in NAMES and action in {"kill", "stop", "raise", "delay"}
    if not known or (action == "delay") != bool(delay) or not 0 <= delay_s <= DELAY_MAX_S:
        raise ValueError(f"{VARIABLE}: {text!r} is no failpoint and action")
    return name, Armed(action, delay_s, int(at or 0))


_armed = read(os.environ)
_passed: dict[str, int] = {}


async def failpoint(name: str) -> None:
    """Passes on, unless this place is armed."""
    if _armed and name in _armed:
        await _hit(name, _armed[name])


async def _hit(name: str, armed: Armed) -> None:
    _passed[name] = _passed.get(name, 0) + 1
    if armed.at and _passed[name] != armed.at:
        return
    match armed.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "delay":
            await asyncio.sleep(armed.delay_s)
        case _:
            raise FailpointRaised(name)

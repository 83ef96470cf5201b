"""A window of time in which operations are counted: the same for ours and for floors."""

import asyncio
from bisect import bisect_left
from statistics import quantiles
from typing import NamedTuple

from msgspec import Struct

from bench import machine


class Done(NamedTuple):
    """Operations in the order in which they ended, in seconds of the wall clock.

    `took_s` is empty when nobody waits for the single operation.
    """

    ended_s: list[float]
    took_s: list[float]


class Run(Struct, frozen=True):
    """What one window saw. CPU is that of one operation, in microseconds: of the programs that
    are measured (or drive a floor), of PostgreSQL, and of this process, where clients and receiver
    live. `elsewhere`: cores that strangers used."""

    operations: int
    per_s: float
    p50_ms: float | None
    p99_ms: float | None
    programs_us: float
    postgres_us: float
    bench_us: float
    elsewhere: float


class Window(NamedTuple):
    warm_s: float
    window_s: float


class Watched(NamedTuple):
    before: machine.Reading
    after: machine.Reading


class UsedUp(Exception):
    """The work that was prepared may have ended before the window did: prepare more of it."""


async def watch(postgres: int, warm_s: float, window_s: float) -> Watched:
    """Waits `warm_s` and then for the window, and reads the machine at both of its ends."""
    await asyncio.sleep(warm_s)
    before = machine.read(postgres)
    await asyncio.sleep(window_s)
    return Watched(before, machine.read(postgres))


def evaluate(watched: Watched, done: Done) -> Run:
    """What ended between the two readings, and what it cost."""
    before, after = watched
    first = bisect_left(done.ended_s, before.at_s)
    last = bisect_left(done.ended_s, after.at_s)
    operations, seconds = last - first, after.at_s - before.at_s
    p50_ms, p99_ms = _percentiles(done.took_s[first:last])
    spent = machine.Reading(*(b - a for a, b in zip(before, after, strict=True)))
    bench_s = spent.all_ours_s - spent.programs_s - spent.postgres_s
    programs_us, postgres_us, bench_us = (
        round(max(cpu_s, 0) / max(operations, 1) * 1e6, 1)
        for cpu_s in (spent.programs_s, spent.postgres_s, bench_s)
    )
    return Run(
        operations,
        round(operations / seconds, 1),
        p50_ms,
        p99_ms,
        programs_us,
        postgres_us,
        bench_us,
        round(max(spent.machine_s - spent.all_ours_s, 0) / seconds, 2),
    )


def _percentiles(took_s: list[float]) -> tuple[float, float] | tuple[None, None]:
    """The 50th and the 99th in milliseconds."""
    if len(took_s) < 2:
        return None, None
    cuts = quantiles(took_s, n=100, method="inclusive")
    return round(cuts[49] * 1000, 3), round(cuts[98] * 1000, 3)

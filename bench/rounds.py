"""What is measured, and the rounds: in each of them every measure runs once, beside its floor."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from bench import deliveries, groups, payments, starts, transfers
from bench.ground import Fill, Ground, opened
from bench.groups import Groups
from bench.machine import Machine, Memory, describe
from bench.window import Run, Window
from tillgate.kit import clock

WARM_S = 1.0
"""How long a run goes on before it counts: connections are made, plans and pages are loaded."""

Take = Callable[[Ground, Window], Awaitable[Run]]


class Speed(NamedTuple):
    """A measure of operations per second, and its floor."""

    ours: Take
    floor: Take
    template: str | None = None
    fill: Callable[[int], Fill] | None = None
    prepared_per_s: int = 0


class Pair(Struct, frozen=True):
    """The runs of one measure, a round after the other."""

    ours: list[Run]
    floor: list[Run]


class Start(Struct, frozen=True):
    first_s: float
    later_s: float


class Results(Struct, frozen=True):
    """All that a benchmark has found; what was not asked for is empty."""

    date: str
    machine: Machine
    rounds: int
    seconds: float
    speeds: dict[str, Pair]
    starts: list[Start]
    memory: list[Memory]
    groups: dict[str, Groups]


def _deliveries(spread: deliveries.Spread) -> Speed:
    return Speed(
        partial(deliveries.deliver, spread=spread),
        partial(deliveries.deliver_floor, spread=spread),
        spread.template,
        partial(deliveries.due, spread=spread),
        deliveries.PREPARED_PER_S,
    )


def _callbacks(processor: payments.Processor) -> Speed:
    return Speed(
        partial(payments.callback, processor=processor),
        partial(payments.callback_floor, processor=processor),
        processor.template,
        partial(payments.started, processor=processor),
        payments.PREPARED_PER_S,
    )


def _transfers(pairs: transfers.Pairs) -> Speed:
    return Speed(
        partial(transfers.transfer, pairs=pairs), partial(transfers.transfer_floor, pairs=pairs)
    )


SPEEDS: dict[str, Speed] = {
    "create": Speed(payments.create, payments.create_floor),
    "lone": Speed(partial(payments.create, clients=1), partial(payments.create_floor, clients=1)),
    "callback": Speed(payments.callback, payments.callback_floor),
    "callback-stripe": _callbacks(payments.STRIPE),
    "transfer": _transfers(transfers.SPREAD),
    "transfer-hot": _transfers(transfers.HOT),
    "transfer-http": Speed(transfers.transfer_http, transfers.transfer_floor),
    "deliver": _deliveries(deliveries.MANY),
    "deliver-one": _deliveries(deliveries.ONE),
}

NAMES = (*SPEEDS, "start", "memory", "groups")
"""As `--only` takes them."""


async def take(rounds: int, seconds: float, only: Sequence[str] = NAMES) -> Results:
    """Runs it all, and says on stderr how far it is."""
    results = Results(
        clock.now().date().isoformat(), describe(), rounds, seconds,
        {name: Pair([], []) for name in SPEEDS if name in only}, [], [], {},
    )  # fmt: skip
    async with opened() as ground:
        window = Window(WARM_S, seconds)
        await _prepare(ground, window, results)
        for number in range(1, rounds + 1):
            for name in results.speeds:
                await _pair(ground, window, name, results.speeds[name], number)
            if "start" in only:
                results.starts.append(Start(*await starts.start()))
                _say(f"{number}: start {results.starts[-1]}")
            if "memory" in only:
                results.memory.append(await starts.rest(ground))
                _say(f"{number}: {results.memory[-1]}")
        if "groups" in only:
            results.groups["create"] = await groups.of_creations(ground)
            results.groups["lone"] = await groups.of_creations(ground, clients=1)
            results.groups["callback"] = await groups.of_callbacks(ground)
            results.groups["transfer"] = await groups.of_transfers(ground)
    return results


async def _prepare(ground: Ground, window: Window, results: Results) -> None:
    """Templates of the work to be done. That of callbacks is also where floors learn what to
    write."""
    count = max(int(payments.PREPARED_PER_S * sum(window)), groups.COMMANDS)
    _say("preparing")
    await ground.template(payments.STARTED, payments.started(count))
    await ground.template(transfers.FUNDED, transfers.fund)
    for name in results.speeds:
        speed = SPEEDS[name]
        if speed.template is not None and speed.fill is not None:
            count = int(speed.prepared_per_s * sum(window))
            await ground.template(speed.template, speed.fill(count))


async def _pair(ground: Ground, window: Window, name: str, pair: Pair, number: int) -> None:
    """Both sides; the one that comes first changes from round to round."""
    sides = [("ours", SPEEDS[name].ours, pair.ours), ("floor", SPEEDS[name].floor, pair.floor)]
    for side, measure, runs in sides[:: 1 if number % 2 else -1]:
        runs.append(await measure(ground, window))
        _say(f"{number}: {name} {side} {runs[-1].per_s:,.0f}/s")


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()

"""The benchmark itself: every measure yields a figure, and a wrong answer never counts.

How fast anything is, is not tested here.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat
from pathlib import Path

import msgspec
import pytest
from bench.ground import FRESH, Ground, WrongRows, opened
from bench.load import Load, WrongAnswer, once
from bench.receiver import Receiver
from bench.rounds import NAMES, Pair, Results, Start, take
from bench.window import Done, Run, Watched, evaluate
from bench.wire import whole_bytes

from bench import machine, report

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"


async def test_every_measure_yields_a_figure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`take` itself raises when what was answered and what stands in the database differ."""
    results = await take(rounds=1, seconds=0.5)
    assert {*results.speeds, "start", "memory", "groups"} == {*NAMES}
    for name, pair in results.speeds.items():
        for run in (*pair.ours, *pair.floor):
            check_run(run, timed=not name.startswith("deliver"))
    assert 0 < results.memory[0].pss_mb <= results.memory[0].rss_mb
    assert 0 < results.starts[0].later_s < results.starts[0].first_s
    assert results.groups["lone"].commands_per_group == 1
    assert results.groups["create"].commands_per_group > 1
    assert results.groups["callback"].statements_per_group > 1
    assert results.groups["transfer"].commands_per_group > 1
    check_report(results, folder, capsys)


def check_run(run: Run, *, timed: bool) -> None:
    assert run.operations > 0
    assert run.per_s > 0
    # CPU is counted in ticks of ten milliseconds: in so short a run one of the two may show none
    assert run.programs_us + run.postgres_us > 0
    if timed:
        assert 0 < (run.p50_ms or 0) <= (run.p99_ms or 0)


def check_report(results: Results, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = report.judge(results)
    assert [verdict.title for verdict in verdicts] == [bar.title for bar in report.BARS.values()]
    kept = msgspec.json.decode(report.keep(results, folder).read_bytes(), type=report.Report)
    assert kept == report.Report(verdicts, results)
    report.show(results)
    shown = capsys.readouterr().out
    assert shown.count("met") == len(verdicts)
    assert all(title in shown for title in report.TITLES.values())


def test_a_bar_is_met_or_not() -> None:
    fast, slow = (Run(1, per_s, 1, 1, 1, 1, 1, 0) for per_s in (100.0, 50.0))
    for starts, met in (([Start(7, 2)], [False, True]), ([Start(6, 3)], [True, True])):
        results = Results("", machine.describe(), 1, 1, {}, starts, [], {})
        assert [verdict.met for verdict in report.judge(results)] == met
    for pair, value in (((fast, slow), 2.0), ((slow, fast), 0.5)):
        speeds = {"create": Pair([pair[0]], [pair[1]])}
        results = Results("", machine.describe(), 1, 1, speeds, [], [], {})
        [verdict] = report.judge(results)
        assert (verdict.value, verdict.met) == (value, value >= 0.8)


def test_a_hot_wallet_is_measured_by_our_own_transfers() -> None:
    fast, slow = (Run(1, per_s, 1, 1, 1, 1, 1, 0) for per_s in (100.0, 60.0))
    speeds = {"transfer": Pair([fast], [slow]), "transfer-hot": Pair([slow], [slow])}
    results = Results("", machine.describe(), 1, 1, speeds, [], [], {})
    found = [(verdict.value, verdict.met) for verdict in report.judge(results)]
    assert found == [(1.67, False), (0.6, False)]


# ---- windows


def test_a_window_counts_what_ended_in_it() -> None:
    watched = Watched(
        machine.Reading(10.0, 1.0, 2.0, 4.0, 5.0), machine.Reading(12.0, 2.0, 2.5, 6.0, 8.0)
    )
    done = Done([9.0, 10.5, 11.0, 11.9, 13.0], [9.0, 0.001, 0.002, 0.003, 9.0])
    run = evaluate(watched, done)
    assert (run.operations, run.per_s, run.p50_ms) == (3, 1.5, 2.0)
    assert (run.programs_us, run.postgres_us, run.bench_us) == (333333.3, 166666.7, 166666.7)
    assert run.elsewhere == 0.5
    assert evaluate(watched, Done([10.5, 11.0], [])).p50_ms is None


# ---- clients and receiver


@asynccontextmanager
async def answering(*pieces: bytes) -> AsyncGenerator[int]:
    """A server that answers each request with these pieces, one write after the other; its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_client_waits_for_the_whole_answer() -> None:
    async with (
        answering(b"HTTP/1.1 201 Created\r\ncontent-le", b"ngth: 4\r\n\r\nab", b"cd") as port,
        Load(port, 2, repeat(REQUEST, 10), 201) as load,
    ):
        await load.finished()
    assert len(load.done.ended_s) == len(load.done.took_s) == 10
    assert all(took_s > 0 for took_s in load.done.took_s)


async def test_another_status_is_an_error() -> None:
    async with answering(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n") as port:
        with pytest.raises(WrongAnswer, match="503"):
            await once(port, iter([REQUEST]), 201)


async def test_a_lost_connection_is_an_error() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        with pytest.raises(WrongAnswer, match="lost"):
            await once(server.sockets[0].getsockname()[1], iter([REQUEST]), 201)


async def test_the_receiver_counts_requests_and_answers_each() -> None:
    async with Receiver() as receiver:
        await once(receiver.port, iter([REQUEST, REQUEST + REQUEST]), 200, 2)
        await receiver.first()
        assert receiver.last_request == REQUEST
        assert len(receiver.done.ended_s) == 3
        receiver.forget()
        assert receiver.done == Done([], [])


def test_a_message_ends_where_its_length_says() -> None:
    assert whole_bytes(REQUEST) == len(REQUEST)
    assert whole_bytes(REQUEST + b"POST") == len(REQUEST)
    assert [whole_bytes(REQUEST[:end]) for end in range(len(REQUEST))] == [0] * len(REQUEST)


# ---- the machine


def test_cpu_is_told_apart() -> None:
    before = machine.read(postgres=1)
    until_s = time.process_time() + 0.1
    while time.process_time() < until_s:
        pass
    after = machine.read(postgres=1)
    assert after.all_ours_s - before.all_ours_s >= 0.08
    assert after.machine_s - before.machine_s >= 0.08
    assert after.at_s > before.at_s


# ---- the ground


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    async with opened() as ground:
        yield ground


async def test_a_wrong_database_does_not_count(ground: Ground) -> None:
    with pytest.raises(AssertionError, match="books balance"):
        async with ground.copy(FRESH) as database, ground.connected(database) as connection:
            await connection.execute(
                "SET session_replication_role = replica;"  # no triggers
                "INSERT INTO accounts (merchant_id, owner, code, asset, id, posted, created_at)"
                " SELECT id, 'x', 'available', 'eur', id, 5, now() FROM merchants LIMIT 1"
            )
    async with ground.copy(FRESH) as database:
        await ground.expect(database, "SELECT count(*) FROM merchants", 2)
        with pytest.raises(WrongRows, match="3 were acknowledged, 2 stand"):
            await ground.expect(database, "SELECT count(*) FROM merchants", 3)

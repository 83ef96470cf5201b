"""Refunds on two engines at once and taken back, and the gate of a wish that a processor must hear
first. No worker is here."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
from litestar import Response
from msgspec import Raw, Struct
from msgspec.structs import replace

from tests.engine.test_engine import Shop, fetch, running
from tests.faults.site import eventually
from tests.faults.test_engines import PATIENT, WAITING
from tests.invariants import check_invariants
from tillgate.connectors.protocol import Capabilities
from tillgate.engine.command import Outcome, Refused
from tillgate.engine.writer import Engine
from tillgate.idempotency.api import Clerk, Finished
from tillgate.idempotency.commands import Resumed
from tillgate.idempotency.model import UnderWay
from tillgate.idempotency.store import Gates
from tillgate.kit import db, ids
from tillgate.kit.crypto import Vault
from tillgate.kit.http import Answer
from tillgate.payments.operations import Submit
from tillgate.refunds.commands import CancelRefund, CreateRefund

PAYMENTS = 12


class Nothing(Struct, frozen=True):
    """A body without a word."""


async def captured(shop: Shop, engine: Engine) -> UUID:
    """A payment that has brought 1000."""
    command, operation_id = shop.create(), ids.mint()
    await engine.run(command)
    await engine.run(shop.start(command.id, operation_id))
    await engine.run(shop.callback(f"evt {operation_id}", operation_id))
    return command.id


def refund(shop: Shop, payment_id: UUID) -> CreateRefund:
    return CreateRefund(shop.owner, ids.mint(), payment_id, 600, None, Raw(b"{}"))


async def test_two_engines_refund_no_more_than_came(database: str) -> None:
    shop = Shop()
    async with running(database) as one, running(database) as two:
        payments = [await captured(shop, one) for _ in range(PAYMENTS)]
        wishes = [
            (engine, refund(shop, payment)) for payment in payments for engine in (one, two, one)
        ]
        decided = await asyncio.gather(*(engine.run(wish) for engine, wish in wishes))
    refused = [one for one in decided if isinstance(one, Refused)]
    assert sum(isinstance(one, Outcome) for one in decided) == PAYMENTS
    assert {one.code for one in refused} == {"amount_too_large"}
    assert len(await fetch(database, "SELECT 1 FROM refunds")) == PAYMENTS
    await check_invariants(database)


async def test_a_refund_counts_what_a_stranger_has_just_set_aside(database: str) -> None:
    """Who waits for the payment sums up what is there then, not what was there before."""
    shop = Shop()
    async with running(database, PATIENT._replace(lock_timeout_ms=50_000)) as engine:
        payment_id = await captured(shop, engine)
        stranger = await asyncpg.connect(database)
        transaction = stranger.transaction()
        await transaction.start()
        await stranger.execute("UPDATE payments SET version = version + 1")
        await stranger.execute(SET_ASIDE)
        run = asyncio.create_task(engine.run(refund(shop, payment_id)))
        await eventually(lambda: fetch(database, WAITING))
        await transaction.commit()
        await stranger.close()
        decided = await run
    assert isinstance(decided, Refused)
    assert decided.code == "amount_too_large"


SET_ASIDE = """
INSERT INTO refunds
SELECT merchant_id, payment_id, gen_random_uuid(), connection_id, reference, 600, asset, 'pending',
  NULL, '{}', 'merchant', NULL, NULL, NULL, NULL, now(), now()
FROM processor_objects"""


async def test_a_refund_is_taken_back_before_the_processor_has_it(database: str) -> None:
    """No worker runs here: the wish stays reserved until it is canceled, and is not sent then."""
    shop, able = Shop(), Capabilities(manual_capture=True, looks=True, refunds=True)
    async with running(database) as engine:
        payment_id = await captured(shop, engine)
        first, second = refund(shop, payment_id), refund(shop, payment_id)
        await engine.run(first)
        assert isinstance(await engine.run(second), Refused)
        cancel = CancelRefund(shop.owner, ids.mint(), payment_id, first.id)
        decided = await engine.run(cancel)
        assert isinstance(decided, Outcome)
        assert b'"status":"canceled"' in decided.answer.body
        again = await engine.run(replace(cancel, id=ids.mint()))
        assert isinstance(again, Refused)
        assert again.code == "refund_state"
        place = shop.owner, payment_id
        submit = Submit(*place, first.id, able, lambda _: Raw(b"{}"), ids.mint())
        sent = await engine.run(submit)
        assert isinstance(sent, Outcome)
        assert sent.answer is None
        await engine.run(second)
        sent = await engine.run(replace(submit, operation_id=second.id, id=ids.mint()))
        assert isinstance(sent, Outcome)
        assert sent.answer is not None
        late = await engine.run(CancelRefund(shop.owner, ids.mint(), payment_id, second.id))
        assert isinstance(late, Refused)
    told = await fetch(
        database, "SELECT type FROM events WHERE object_id = $1 ORDER BY id", first.id
    )
    assert [row["type"] for row in told] == ["refund.created", "refund.canceled"]
    await check_invariants(database)


async def test_the_answer_that_a_call_brought_is_kept_for_its_key(database: str) -> None:
    shop, calls = Shop(), list[UnderWay | Resumed]()

    async def finish(said: UnderWay | Resumed) -> Finished:
        calls.append(said)
        return Finished(Answer(201, b'{"call":%d}' % len(calls)), final=True)

    pool = await db.open_pool(database, 1)
    gates = Gates(pool, Vault((b"v" * 32,)), b"d" * 32)
    async with running(database) as engine:
        payment_id = await captured(shop, engine)
        answers: list[Response[Any]] = []
        for _ in range(2):
            wish = refund(shop, payment_id)
            clerk = Clerk(engine, gates, "key", "req_test")
            answers.append(await clerk.carry_out("/refunds", Nothing(), wish.id, wish, finish))
    await pool.close()
    assert [bytes(answer.content) for answer in answers] == [b'{"call":1}'] * 2
    assert [answer.status_code for answer in answers] == [201, 201]
    assert "idempotent-replayed" in answers[1].headers
    assert len(calls) == 1

"""What every connector must do, told with each one's processor: one wish is one deed, whatever is
lost on the way, and callbacks say what look-ups say.
"""

import asyncio

import pytest

from tests.sandbox.programs import free_port
from tillgate.connectors.protocol import (
    Absent,
    CallbackRequest,
    Capabilities,
    Done,
    Found,
    Observation,
    Pending,
    Rejected,
    Unknown,
)
from tillgate.kit import clock

from .desks import AMOUNT, Desk, timeless


def states(observations: tuple[Observation, ...]) -> list[tuple[str, str, int]]:
    return [(seen.kind, seen.state, seen.amount_minor) for seen in observations]


def test_it_says_what_can_be_asked_of_it(desk: Desk) -> None:
    able = desk.connector.capabilities
    assert able._replace(assets=None, method=None, told_methods=False) == Capabilities(
        manual_capture=True,
        looks=True,
        partial_capture=True,
        void=True,
        refunds=True,
        partial_refunds=True,
        resend_window_s=86_400,
    )


async def test_what_is_approved_is_captured(desk: Desk) -> None:
    wanted = desk.intent()
    answered = await desk.start(wanted)()
    assert isinstance(answered, Pending)
    await desk.processor.approve(answered.reference)
    paid = await desk.heard("charge", "captured")
    assert (paid.reference, paid.ours) == (answered.reference, wanted.operation_id)
    assert (paid.amount_minor, paid.asset, paid.nominated) == (AMOUNT, "usd", False)
    assert await desk.looked(answered.reference) == (paid,)


async def test_a_part_of_what_is_set_aside_is_captured(desk: Desk) -> None:
    reference = await desk.started(capture=False)
    await desk.processor.approve(reference)
    held = await desk.heard("charge", "authorized")
    assert held.amount_minor == AMOUNT
    assert await desk.looked(reference) == (held,)

    wish = desk.wish("capture", reference, 800)
    done = await desk.connector.act(wish)
    captured = await desk.heard("charge", "captured")
    assert captured.amount_minor == 800
    assert done == Done((captured,))
    assert await desk.connector.act(wish) == done
    assert await desk.looked(reference) == (captured,)
    assert isinstance(await desk.do("capture", reference, 250), Rejected)


@pytest.mark.parametrize("approved", [True, False])
async def test_what_is_not_captured_is_let_go(desk: Desk, approved: bool) -> None:
    reference = await (desk.paid(capture=False) if approved else desk.started(capture=False))
    wish = desk.wish("void", reference)
    done = await desk.connector.act(wish)
    gone = await desk.heard("charge", "canceled")
    assert gone.amount_minor == 0
    assert done == await desk.connector.act(wish) == Done((gone,))
    assert await desk.looked(reference) == (gone,)
    assert isinstance(await desk.do("capture", reference), Rejected)


async def test_what_is_captured_cannot_be_let_go(desk: Desk) -> None:
    assert isinstance(await desk.do("void", await desk.paid()), Rejected)


async def test_a_refund_is_done_at_once_and_may_fail_afterwards(desk: Desk) -> None:
    reference = await desk.paid()
    wish = desk.wish("refund", reference, 300)
    done = await desk.connector.act(wish)
    given = await desk.heard("refund", "succeeded")
    assert (given.ours, given.parent, given.amount_minor) == (wish.id, reference, 300)
    assert done == Done((given,))

    await desk.processor.fail_refund(given)
    failed = await desk.heard("refund", "failed")
    assert (failed.reference, failed.amount_minor) == (given.reference, 300)
    assert failed.failure_code is not None
    assert (await desk.looked(reference))[1:] == (failed,)
    # The money is there again, and can be given back by another wish.
    assert isinstance(await desk.do("refund", reference), Done)


@pytest.mark.parametrize(("outcome", "state"), [("succeed", "succeeded"), ("fail", "failed")])
async def test_a_refund_that_takes_its_time(desk: Desk, outcome: str, state: str) -> None:
    reference = await desk.paid()
    await desk.processor.slow_refunds(reference, outcome)
    wish = desk.wish("refund", reference)
    done = await desk.connector.act(wish)
    assert isinstance(done, Done)
    assert states(done.observations) == [("refund", "pending", AMOUNT)]
    assert await desk.connector.act(wish) == done
    await desk.processor.settle_refund(done.observations[0], outcome)
    ended = await desk.heard("refund", "succeeded" if state == "succeeded" else "failed")
    assert ended.amount_minor == AMOUNT
    assert (await desk.looked(reference))[1:] == (ended,)


async def test_parallel_resends_with_one_id_do_one_thing(desk: Desk) -> None:
    reference = await desk.paid()
    wish = desk.wish("refund", reference, 300)
    answers = await asyncio.gather(*(desk.connector.act(wish) for _ in range(10)))
    assert set(answers) == {answers[0]}
    assert states(await desk.looked(reference))[1:] == [("refund", "succeeded", 300)]

    others = await asyncio.gather(*(desk.do("refund", reference, 300) for _ in range(5)))
    assert sorted(type(one).__name__ for one in others) == ["Done"] * 2 + ["Rejected"] * 3


async def test_an_answer_of_500_leaves_the_outcome_to_a_look(desk: Desk) -> None:
    reference = await desk.paid(capture=False)
    await desk.processor.answer_500(reference)
    wish = desk.wish("capture", reference, 500)
    assert isinstance(await desk.connector.act(wish), Unknown)
    assert states(await desk.looked(reference)) == [("charge", "captured", 500)]
    # Asked again, it is done, or the same error is answered again; never is it done twice.
    assert isinstance(await desk.connector.act(wish), Done | Unknown)
    assert states(await desk.looked(reference)) == [("charge", "captured", 500)]


async def test_a_lost_answer_comes_again_when_asked_again(desk: Desk) -> None:
    reference = await desk.paid()
    await desk.processor.answer_late(reference)
    wish = desk.wish("refund", reference, 300)
    asked = asyncio.ensure_future(desk.connector.act(wish))
    given = await desk.heard("refund", "succeeded")  # so the work is done
    asked.cancel()
    assert await desk.connector.act(wish) == Done((given,))
    assert (await desk.looked(reference))[1:] == (given,)


async def test_a_start_that_is_sent_again_begins_nothing_new(desk: Desk) -> None:
    start = desk.start(desk.intent())
    answers = [await start() for _ in range(3)]
    assert answers == [answers[0]] * 3


async def test_a_dispute_goes_its_way(desk: Desk) -> None:
    reference = await desk.paid()
    await desk.processor.dispute(reference, 500)
    opened = await desk.heard("dispute", "needs_response")
    assert (opened.parent, opened.reason, opened.amount_minor) == (reference, "fraudulent", 500)
    assert opened.evidence_due_at is not None
    assert opened.evidence_due_at > clock.now()

    revisions = [opened.revision]
    for state in ("under_review", "lost", "won"):
        await desk.processor.move_dispute(opened, state)
        told = await desk.heard("dispute", state)
        looked = (await desk.looked(reference))[1:]
        assert tuple(map(timeless, looked)) == (timeless(told),)
        assert told.reference == opened.reference
        revisions.append(told.revision)
    assert revisions == sorted(revisions)


async def test_money_that_settles_later(desk: Desk) -> None:
    reference = await desk.started()
    await desk.processor.process(reference)
    assert (await desk.heard("charge", "processing")).amount_minor == 0
    await desk.processor.arrive(reference)
    captured = await desk.heard("charge", "captured")
    assert await desk.looked(reference) == (captured,)


async def test_refusals_of_the_payer_read_alike(desk: Desk) -> None:
    reference = await desk.started()
    await desk.processor.decline(reference)
    refused = await desk.heard("charge", "failed")
    looked = await desk.looked(reference)
    assert states(looked) == states((refused,)) == [("charge", "failed", 0)]
    assert refused.failure_code
    assert refused.failure_message == looked[0].failure_message


async def test_who_waits_for_the_payer_is_told_how_to_go_on(desk: Desk) -> None:
    wanted = desk.intent()
    pending = await desk.start(wanted)()
    assert isinstance(pending, Pending)
    for reference in (pending.reference, wanted.operation_id):
        found = await desk.connector.look(reference)
        assert isinstance(found, Found)
        assert found.pending == pending
    await desk.processor.approve(pending.reference)
    found = await desk.connector.look(pending.reference)
    assert isinstance(found, Found)
    assert found.pending is None


async def test_what_was_never_there_is_absent_or_unknown(desk: Desk) -> None:
    reference = await desk.started()
    never = reference[:-8] + "00000000"
    assert await desk.connector.look(never) == Absent()
    refused = await desk.do("capture", never)
    assert isinstance(refused, Rejected)


async def test_where_nobody_listens_nothing_was_done(desk: Desk) -> None:
    nobody = desk.processor.elsewhere(f"http://127.0.0.1:{free_port()}")
    refused = await nobody.act(desk.wish("refund", await desk.started()))
    assert isinstance(refused, Rejected)
    assert refused.code == "processor_unreachable"


async def test_what_is_changed_on_the_way_is_forged(desk: Desk) -> None:
    await desk.paid()
    reference = await desk.started()
    await desk.processor.approve(reference)
    received = await desk.receiver.next()
    genuine = CallbackRequest(received.headers, received.body)
    now = clock.now()
    assert desk.connector.verify(genuine, now) == "genuine"
    for body in (received.body + b" ", received.body.replace(b"1050", b"1051"), b""):
        assert desk.connector.verify(genuine._replace(body=body), now) == "forged"
    assert desk.connector.verify(genuine._replace(headers={}), now) == "forged"
    assert desk.connector.verify(genuine, now.replace(year=now.year + 1)) == "stale"
    assert desk.connector.peek(genuine) == desk.connector.peek(genuine._replace(headers={}))

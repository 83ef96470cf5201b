"""What every connector must do, told with the sandbox: one wish is one deed, whatever is lost on
the way, and callbacks say what look-ups say.
"""

import asyncio

import pytest

from tests.sandbox.programs import free_port
from tillgate.connectors.external import Credentials, External, sandbox_settings
from tillgate.connectors.protocol import (
    Absent,
    Capabilities,
    Done,
    Found,
    Observation,
    Operation,
    Pending,
    Rejected,
    Unknown,
)
from tillgate.kit.outbound import Outbound

from .conftest import CREDENTIALS, Shop


def states(observations: tuple[Observation, ...]) -> list[tuple[str, str, int]]:
    return [(seen.kind, seen.state, seen.amount_minor) for seen in observations]


def test_it_says_what_can_be_asked_of_it(shop: Shop) -> None:
    assert shop.connector.capabilities == Capabilities(
        manual_capture=True,
        looks=True,
        partial_capture=True,
        void=True,
        refunds=True,
        partial_refunds=True,
        resend_window_s=86_400,
    )


async def test_a_part_of_what_is_set_aside_is_captured(shop: Shop) -> None:
    reference = await shop.started(capture=False)
    await shop.sandbox.act(reference, "approve")
    held = await shop.heard()
    assert states((held,)) == [("charge", "authorized", 1050)]
    assert await shop.looked(reference) == (held,)

    wish = shop.wish("capture", reference, 800)
    done = await shop.connector.act(wish)
    captured = await shop.heard()
    assert states((captured,)) == [("charge", "captured", 800)]
    assert done == Done((captured,))
    assert await shop.connector.act(wish) == done
    assert await shop.looked(reference) == (captured,)
    refused = await shop.do("capture", reference, 250)
    assert isinstance(refused, Rejected)
    assert refused.code == "not_authorized"


@pytest.mark.parametrize("approved", [True, False])
async def test_what_is_not_captured_is_let_go(shop: Shop, approved: bool) -> None:
    reference = await (shop.paid(capture=False) if approved else shop.started(capture=False))
    wish = shop.wish("void", reference)
    done = await shop.connector.act(wish)
    gone = await shop.heard()
    assert states((gone,)) == [("charge", "canceled", 0)]
    assert done == await shop.connector.act(wish) == Done((gone,))
    assert await shop.looked(reference) == (gone,)
    assert isinstance(await shop.do("capture", reference), Rejected)


async def test_what_is_captured_cannot_be_let_go(shop: Shop) -> None:
    refused = await shop.do("void", await shop.paid())
    assert isinstance(refused, Rejected)
    assert refused.code == "finished"


async def test_a_refund_is_done_at_once_and_may_fail_afterwards(shop: Shop) -> None:
    reference = await shop.paid()
    wish = shop.wish("refund", reference, 300)
    done = await shop.connector.act(wish)
    given = await shop.heard()
    assert states((given,)) == [("refund", "succeeded", 300)]
    assert (given.ours, given.parent) == (wish.id, reference)
    assert done == Done((given,))

    await shop.sandbox.act(reference, f"refunds/{wish.id}/fail")
    failed = await shop.heard()
    assert states((failed,)) == [("refund", "failed", 300)]
    assert (failed.reference, failed.failure_code) == (given.reference, "refund_failed")
    assert (await shop.looked(reference))[1:] == (failed,)
    # The money is there again, and can be given back by another wish.
    assert isinstance(await shop.do("refund", reference, 1050), Done)


@pytest.mark.parametrize(("outcome", "state"), [("succeed", "succeeded"), ("fail", "failed")])
async def test_a_refund_that_takes_its_time(shop: Shop, outcome: str, state: str) -> None:
    reference = await shop.paid()
    await shop.sandbox.faults(reference, refund_delay_s=0.05, refund_outcome=outcome, times=1)
    wish = shop.wish("refund", reference)
    done = await shop.connector.act(wish)
    told = await shop.heard_both()
    assert states((told["pending"], told[state])) == [
        ("refund", "pending", 1050),
        ("refund", state, 1050),
    ]
    assert await shop.connector.act(wish) == done == Done((told["pending"],))
    assert (await shop.looked(reference))[1:] == (told[state],)


async def test_parallel_resends_with_one_id_do_one_thing(shop: Shop) -> None:
    reference = await shop.paid()
    wish = shop.wish("refund", reference, 300)
    answers = await asyncio.gather(*(shop.connector.act(wish) for _ in range(10)))
    assert set(answers) == {answers[0]}
    assert len(await shop.looked(reference)) == 2
    assert (await shop.sandbox.look(reference))["Refunded"] == 300

    others = await asyncio.gather(*(shop.do("refund", reference, 300) for _ in range(5)))
    assert sorted(type(one).__name__ for one in others) == ["Done"] * 2 + ["Rejected"] * 3


async def test_an_answer_of_500_leaves_the_outcome_to_a_look(shop: Shop) -> None:
    reference = await shop.paid(capture=False)
    await shop.sandbox.faults(reference, fail_after_work=1)
    wish = shop.wish("capture", reference, 500)
    assert isinstance(await shop.connector.act(wish), Unknown)
    assert states(await shop.looked(reference)) == [("charge", "captured", 500)]
    assert isinstance(await shop.connector.act(wish), Done)


async def test_a_lost_answer_comes_again_when_asked_again(shop: Shop) -> None:
    reference = await shop.paid()
    await shop.sandbox.faults(reference, slow_answer_s=60, times=1)
    wish = shop.wish("refund", reference, 300)
    asked = asyncio.ensure_future(shop.connector.act(wish))
    given = await shop.heard()  # so the work is done
    asked.cancel()
    assert await shop.connector.act(wish) == Done((given,))
    assert (await shop.looked(reference))[1:] == (given,)


async def test_a_dispute_goes_its_way(shop: Shop) -> None:
    reference = await shop.paid()
    acted = await shop.sandbox.act(reference, "disputes", amount=500, evidence_due_in_s=60)
    opened = await shop.heard()
    assert states((opened,)) == [("dispute", "needs_response", 500)]
    assert (opened.parent, opened.reason) == (reference, "fraudulent")
    assert opened.evidence_due_at is not None
    assert opened.evidence_due_at.timestamp() == acted["Disputes"][0]["EvidenceDueAt"]

    told = [opened]
    for deed in ("review", "lose", "reinstate"):
        await shop.sandbox.act(reference, f"disputes/{opened.reference}/{deed}")
        told.append(await shop.heard())
        assert (await shop.looked(reference))[1:] == (told[-1],)
    assert [seen.state for seen in told] == ["needs_response", "under_review", "lost", "won"]
    assert [seen.revision for seen in told] == [1, 2, 3, 4]
    assert {seen.reference for seen in told} == {opened.reference}


async def test_money_that_settles_later(shop: Shop) -> None:
    reference = await shop.started()
    await shop.sandbox.act(reference, "approve", method="bank_transfer")
    told = await shop.heard_both()
    assert states((told["processing"], told["captured"])) == [
        ("charge", "processing", 0),
        ("charge", "captured", 1050),
    ]
    assert await shop.looked(reference) == (told["captured"],)


async def test_without_a_payers_page_it_is_done_or_under_way(
    shop: Shop, outbound: Outbound
) -> None:
    """Some payments need no page: the answer to the start is an observation then."""
    wanted = shop.intent()
    settings = sandbox_settings(shop.sandbox.url)
    settings.request["Method"] = "upi"
    direct = External(settings, CREDENTIALS, outbound)
    operation = Operation(wanted.operation_id, direct.prepare(wanted))
    done = await direct.start(operation)
    told = await shop.heard_both()
    assert done == await direct.start(operation) == Done((told["processing"],))
    assert told["captured"].amount_minor == 1050


async def test_refusals_of_the_payer_read_alike(shop: Shop) -> None:
    reference = await shop.started()
    await shop.sandbox.act(reference, "decline")
    refused = await shop.heard()
    assert (refused.state, refused.failure_code) == ("failed", "card_declined")
    assert await shop.looked(reference) == (refused,)


async def test_who_waits_for_the_payer_is_told_how_to_go_on(shop: Shop) -> None:
    wanted = shop.intent()
    operation = Operation(wanted.operation_id, shop.connector.prepare(wanted))
    pending = await shop.connector.start(operation)
    found = await shop.connector.look(wanted.operation_id)
    assert isinstance(found, Found)
    assert isinstance(pending, Pending)
    assert found.pending == pending
    await shop.sandbox.act(pending.reference, "approve")
    found = await shop.connector.look(wanted.operation_id)
    assert isinstance(found, Found)
    assert found.pending is None


async def test_what_was_never_there_is_absent(shop: Shop) -> None:
    assert await shop.connector.look("op_" + "0" * 26) == Absent()
    refused = await shop.do("capture", "sbx_none")
    assert isinstance(refused, Rejected)
    assert refused.code == "not_found"


async def test_where_nobody_listens_nothing_was_done(shop: Shop, outbound: Outbound) -> None:
    gone = sandbox_settings(f"http://127.0.0.1:{free_port()}")
    nobody = External(gone, Credentials(api_key="", signing_secrets=[]), outbound)
    refused = await nobody.act(shop.wish("refund", "sbx_1"))
    assert isinstance(refused, Rejected)
    assert refused.code == "processor_unreachable"

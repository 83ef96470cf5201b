"""What the engine runs on refunds: create one, change what it says, cancel it in time."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Raw
from msgspec.structs import replace

from tillgate.audit.model import Owned, line
from tillgate.engine.command import Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.idempotency.model import UnderWay
from tillgate.kit import ids
from tillgate.kit.http import Answer, encode
from tillgate.kit.metadata import merged
from tillgate.payments.apply import conclude
from tillgate.payments.case import open_case, with_refunds
from tillgate.payments.commands import NO_PAYMENT
from tillgate.payments.refunding import choose, set_aside
from tillgate.payments.shapes import show_refund

NO_REFUND = Refused("not_found", "There is no such refund.", "refund")


class CreateRefund(Owned, frozen=True):
    """Sets money aside and has the processor give it back. `id` names refund and operation;
    `minor` None: all that is left. `at_once`: the request itself sends it then, else a worker."""

    id: UUID
    payment_id: UUID
    minor: int | None
    reason: str | None
    metadata: Raw
    at_once: bool = True

    def reads(self) -> Iterable[Ref]:
        return with_refunds(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(self.id)
        case = open_case(world, self.owner, self.payment_id, following, now)
        if isinstance(case, Need):
            return case
        if case is None:
            return NO_PAYMENT
        case.at_once = self.at_once
        chosen = choose(case, self.minor)
        if isinstance(chosen, Refused):
            return chosen
        stopped = set_aside(case, self.id, *chosen, self.reason, self.metadata)
        if stopped is not None:
            return stopped
        after = {
            "payment": ids.show("pay", self.payment_id), "amount": chosen[1],
            "currency": chosen[0].asset, "reason": self.reason,
        }  # fmt: skip
        case.more.append(line(self.owner, "refund.create", self.id, following, now, after=after))
        return Outcome(UnderWay((self.id,)), case.rows())


class UpdateRefund(Owned, frozen=True):
    """Says something else about a refund. The answer is the refund."""

    id: UUID
    payment_id: UUID
    refund_id: UUID
    metadata: Mapping[str, str | None]

    def reads(self) -> Iterable[Ref]:
        return with_refunds(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(self.id)
        case = open_case(world, self.owner, self.payment_id, following, now)
        if isinstance(case, Need):
            return case
        refund = case.refunds.get(self.refund_id) if case is not None else None
        if case is None or refund is None:
            return NO_REFUND
        metadata = merged(refund.metadata, self.metadata)
        if isinstance(metadata, Refused):
            return metadata
        changed = replace(refund, metadata=metadata)
        if changed != refund:
            changed = replace(changed, updated_at=now)
            case.keep(changed)
            case.more.append(
                line(
                    self.owner, "refund.update", refund.id, following, now,
                    before={"metadata": refund.metadata}, after={"metadata": metadata},
                )
            )  # fmt: skip
        shown = encode(show_refund(changed, livemode=self.owner.livemode))
        return Outcome(Answer(200, shown), case.rows())


class CancelRefund(Owned, frozen=True):
    """Takes a refund back that the processor has not been asked for yet. The answer is the
    refund."""

    id: UUID
    payment_id: UUID
    refund_id: UUID

    def reads(self) -> Iterable[Ref]:
        return with_refunds(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(self.id)
        case = open_case(world, self.owner, self.payment_id, following, now)
        if isinstance(case, Need):
            return case
        refund = case.refunds.get(self.refund_id) if case is not None else None
        if case is None or refund is None:
            return NO_REFUND
        operation = case.operations.get(refund.id)
        if refund.status != "pending":
            return Refused("refund_state", f"This refund is {refund.status} already.", "refund")
        if operation is None or operation.state != "reserved" or operation.submissions:
            words = "The processor has this refund already: it cannot be taken back."
            return Refused("refund_state", words, "refund")
        case.keep(
            replace(operation, state="rejected", error="canceled", due_at=None, updated_at=now)
        )
        canceled = replace(refund, status="canceled", updated_at=now)
        case.keep(canceled)
        need = conclude(case)
        if need is not None:
            return need
        case.more.append(line(self.owner, "refund.cancel", refund.id, following, now))
        shown = encode(show_refund(canceled, livemode=self.owner.livemode))
        return Outcome(Answer(200, shown), case.rows())

"""Who calls, and what is decided for them."""

from tillgate.audit.model import Owner
from tillgate.doors.frame import Call, House
from tillgate.engine.command import Command, Outcome
from tillgate.kit.caller import Caller
from tillgate.kit.http import Answer
from tillgate.kit.refusal import Refused, RefusedError


async def admitted(house: House, call: Call) -> Caller:
    """The caller whose two keys stand in the headers. Raises RefusedError."""
    key, secret = call.headers.get("x-api-key"), call.headers.get("x-api-secret")
    caller = await house.keeper.pair(call.scope, key, secret, call.told)
    if isinstance(caller, Refused):
        raise RefusedError(caller)
    return caller


def let_in(house: House, call: Call) -> None:
    """Somebody without a key. Raises RefusedError when they come too often."""
    refused = house.keeper.stranger(call.scope, call.told)
    if refused is not None:
        raise RefusedError(refused)


def owner_of(caller: Caller, call: Call) -> Owner:
    return Owner(caller.merchant_id, caller.livemode, caller.actor, call.ip, call.request_id)


async def decided(house: House, command: Command) -> Answer:
    """What the engine answers to a command that answers so. Raises RefusedError."""
    outcome = await house.engine.run(command)
    if not isinstance(outcome, Outcome):
        raise RefusedError(outcome)
    return outcome.answer

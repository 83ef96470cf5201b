"""What a wallet grants. Pure: accounts and limits in, refusals and limits out.

Limits bind wishes alone: a deposit that arrives and a charge that is taken back are facts.
"""

from datetime import UTC, date, datetime

from msgspec.structs import replace

from tillgate.kit.money import Money
from tillgate.kit.refusal import Refused
from tillgate.ledger.model import Account
from tillgate.ledger.rules import disposable
from tillgate.wallets.model import WalletLimit


def why_not_taken(
    account: Account, limit: WalletLimit | None, money: Money, now: datetime
) -> Refused | None:
    """Why so much cannot leave this wallet; None when it can."""
    if account.frozen:
        return Refused("wallet_frozen", "The wallet is frozen; nothing can be taken from it.")
    if limit is not None:
        if limit.debit_max is not None and money.minor > limit.debit_max:
            return _beyond(f"At most {limit.debit_max} may leave this wallet at once.")
        if limit.day_max is not None and _spent(limit, now) + money.minor > limit.day_max:
            left = max(limit.day_max - _spent(limit, now), 0)
            return _beyond(f"At most {limit.day_max} a day may leave this wallet; {left} are left.")
    free = disposable(account)
    if free is not None and free < money.minor:
        return Refused("insufficient_funds", f"The wallet has {free} to dispose of.", "amount")
    return None


def why_not_given(account: Account, limit: WalletLimit | None, money: Money) -> Refused | None:
    """Why so much cannot enter this wallet; None when it can."""
    if limit is None or limit.balance_max is None:
        return None
    if account.posted + money.minor > limit.balance_max:
        return _beyond(f"This wallet may hold {limit.balance_max} at most.")
    return None


def spend(limit: WalletLimit, amount: int, now: datetime) -> WalletLimit:
    """The limit after so much has left the wallet. A new day (UTC) begins with nothing spent."""
    return replace(
        limit, day=max(limit.day, _day(now)), spent=_spent(limit, now) + amount, updated_at=now
    )


def give_back(limit: WalletLimit, amount: int, held_at: datetime, now: datetime) -> WalletLimit:
    """After a hold released so much: it counts no more, if it counted today. What was held before
    there was a limit never did."""
    if held_at <= limit.created_at or not limit.day == _day(held_at) == _day(now):
        return limit
    return replace(limit, spent=max(limit.spent - amount, 0), updated_at=now)


def _spent(limit: WalletLimit, now: datetime) -> int:
    """On the later of both days: another machine's clock may be past midnight already."""
    return limit.spent if limit.day >= _day(now) else 0


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _beyond(message: str) -> Refused:
    return Refused("limit_exceeded", message, "amount")

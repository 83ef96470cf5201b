"""Bookings balance, versions rise by one, and what cannot balance is refused."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, AccountKey, Transfer, available, suspense, wallet
from tillgate.ledger.rules import Book, Fact

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MERCHANT = UUID(int=7)
KEYS = [available(MERCHANT, "eur"), suspense(MERCHANT, "eur"), wallet(MERCHANT, "u", "eur")]


def opened(*keys: AccountKey) -> Book:
    book = Book(ids.series(UUID(int=1)), NOW)
    for key in keys:
        book.take(key, None)
    return book


MOVES = st.lists(
    st.tuples(st.permutations(range(3)), st.integers(1, 10**11)), min_size=1, max_size=12
)


@given(MOVES)
def test_everything_booked_balances(moves: list[tuple[list[int], int]]) -> None:
    book = opened(*KEYS)
    for number, ((debit, credit, _), amount) in enumerate(moves):
        book.post(KEYS[debit], KEYS[credit], Money(amount, "eur"), Fact("test", f"c{number}", None))
    rows = book.rows()
    accounts = {row.id: row for row in rows if isinstance(row, Account)}
    transfers = [row for row in rows if isinstance(row, Transfer)]
    assert sum(account.posted for account in accounts.values()) == 0
    for account in accounts.values():
        touched = sorted(
            [(t.debit_version, t.debit_after) for t in transfers if t.debit_id == account.id]
            + [(t.credit_version, t.credit_after) for t in transfers if t.credit_id == account.id]
        )
        assert [version for version, _ in touched] == list(range(1, account.version + 1))
        assert touched[-1][1] == account.posted


@pytest.mark.parametrize("money", [Money(0, "eur"), Money(-5, "eur"), Money(5, "usd")])
def test_what_cannot_balance_is_a_bug(money: Money) -> None:
    book = opened(*KEYS)
    with pytest.raises(ValueError, match="cannot book"):
        book.post(KEYS[0], KEYS[1], money, Fact("test", "c", None))


def test_accounts_that_were_only_looked_at_are_not_written() -> None:
    book = opened(*KEYS)
    assert book.rows() == ()
    book.post(KEYS[0], KEYS[1], Money(5, "eur"), Fact("test", "c", None))
    owners = [row.code for row in book.rows() if isinstance(row, Account)]
    assert sorted(owners) == ["available", "suspense"]

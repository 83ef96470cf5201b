"""Bookings balance, versions rise by one, and what cannot balance is refused."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from tests.ledger.books import fold
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import (
    Account,
    AccountKey,
    Hold,
    Transfer,
    available,
    clearing,
    receivable,
    suspense,
    wallet,
)
from tillgate.ledger.rules import Book, Fact, Overdrawn, digest_of, disposable, keys_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MERCHANT = UUID(int=7)
KEYS = [available(MERCHANT, "eur"), suspense(MERCHANT, "eur"), clearing(MERCHANT, "con_1", "eur")]


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


# ---- wishes and facts -----------------------------------------------------------------------

ANN, OWN = wallet(MERCHANT, "ann", "eur"), available(MERCHANT, "eur")
OWED = receivable(MERCHANT, "eur")


def funded(amount: int) -> Book:
    book = opened(ANN, OWN, OWED)
    book.pay(OWN, ANN, euros(amount), fact("funded"))
    return book


def euros(amount: int) -> Money:
    return Money(amount, "eur")


def fact(cause: str) -> Fact:
    return Fact("test", cause, None)


def transfers_of(book: Book) -> list[Transfer]:
    return [row for row in book.rows() if isinstance(row, Transfer)]


def hold_of(transfer: Transfer) -> Hold:
    return Hold(
        MERCHANT, transfer.id, ANN.owner, ANN.code, OWN.owner, OWN.code, "eur", transfer.amount,
        0, "held", None, None, transfer.expires_at, NOW, NOW,
    )  # fmt: skip


@given(st.integers(1, 500), st.integers(0, 500), st.integers(1, 1000), st.booleans())
def test_a_fact_books_whole_whatever_the_floor(
    amount: int, held: int, taken: int, frozen: bool
) -> None:
    """As much as the wallet can bear is the wallet's, the rest is owed; never more, never less."""
    book = funded(amount)
    if 0 < held <= amount:
        book.hold(ANN, OWN, euros(held), fact("held"), None)
    book.take(ANN, replace(book.see(ANN), frozen=frozen))
    free = disposable(book.see(ANN))
    assert free is not None
    assert free == (0 if frozen else amount - (held if held <= amount else 0))
    before = book.see(OWN).posted
    book.post(ANN, OWN, euros(taken), fact("taken"))
    borne = min(free, taken)
    assert book.see(ANN).posted == amount - borne
    assert book.see(OWED).posted == -(taken - borne)
    assert book.see(OWN).posted == before + taken
    causes = [one.cause for one in transfers_of(book)]
    assert ("taken" in causes, "taken:receivable" in causes) == (borne > 0, borne < taken)
    assert keys_of(ANN, OWN) == (ANN, OWN, OWED)


def test_a_fact_between_accounts_without_floors_needs_no_other() -> None:
    assert keys_of(OWN, ANN) == (OWN, ANN)


@pytest.mark.parametrize("amount", [101, 0, -1])
def test_a_wish_beyond_the_floor_is_a_bug(amount: int) -> None:
    book = funded(100)
    with pytest.raises(Overdrawn):
        book.pay(ANN, OWN, euros(amount), fact("c"))
    with pytest.raises(Overdrawn):
        book.hold(ANN, OWN, euros(amount), fact("c"), None)
    assert len(transfers_of(book)) == 1


def test_nothing_is_paid_or_held_from_a_frozen_account() -> None:
    book = funded(100)
    book.take(ANN, replace(book.see(ANN), frozen=True))
    with pytest.raises(Overdrawn):
        book.pay(ANN, OWN, euros(1), fact("c"))
    book.pay(OWN, ANN, euros(1), fact("in"))


@given(st.integers(1, 1000), st.data())
def test_a_hold_moves_nothing_until_it_is_posted(amount: int, data: st.DataObject) -> None:
    book = funded(1000)
    expires_at = NOW + timedelta(hours=1)
    placed = book.hold(ANN, OWN, euros(amount), fact("held"), expires_at)
    assert (placed.kind, placed.expires_at) == ("hold", expires_at)
    assert (book.see(ANN).posted, book.see(ANN).held_out) == (1000, amount)
    assert (book.see(OWN).posted, book.see(OWN).held_in) == (-1000, amount)
    posted = data.draw(st.integers(0, amount))
    ended = book.settle(hold_of(placed), posted, fact("ended"))
    assert (ended.kind, ended.hold_id) == ("post" if posted else "void", placed.id)
    assert (book.see(ANN).posted, book.see(ANN).held_out) == (1000 - posted, 0)
    assert (book.see(OWN).posted, book.see(OWN).held_in) == (posted - 1000, 0)
    folded = fold(transfers_of(book))
    assert folded[book.see(ANN).id][:2] == (3, 1000 - posted)


@pytest.mark.parametrize(
    ("state", "amount"), [("held", 51), ("held", -1), ("posted", 1), ("voided", 0), ("expired", 0)]
)
def test_a_hold_cannot_end_twice_or_for_more(state: str, amount: int) -> None:
    book = funded(100)
    placed = book.hold(ANN, OWN, euros(50), fact("held"), None)
    with pytest.raises(ValueError, match="cannot settle"):
        book.settle(replace(hold_of(placed), state=state), amount, fact("ended"))


def test_times_rise_with_versions_even_when_a_clock_steps_back() -> None:
    book, later = opened(OWN), NOW + timedelta(seconds=5)
    moved = replace(opened(ANN).see(ANN), id=UUID(int=9), moved_at=later)
    book.take(ANN, moved)
    transfer = book.pay(OWN, ANN, euros(1), fact("c"))
    assert (transfer.created_at, transfer.effective_at) == (later, NOW)
    assert book.see(OWN).moved_at == later


def test_the_digest_tells_what_was_moved_from_where_to_where() -> None:
    book = funded(100)
    one = book.pay(ANN, OWN, euros(5), Fact("test", "c", "r"), Raw(b'{"description":"x"}'))
    assert one.digest == digest_of(one)
    for change in (
        {"amount": 6}, {"debit_id": one.credit_id}, {"credit_id": one.debit_id}, {"kind": "hold"},
        {"asset": "usd"}, {"hold_id": one.id}, {"code": "x"}, {"cause": "x"}, {"ref": "x"},
        {"meta": None},
    ):  # fmt: skip
        assert digest_of(replace(one, **change)) != one.digest, change

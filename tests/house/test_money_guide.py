"""docs/guides/money.md says what the code books: its table; its example, which is booked here."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from uuid import UUID

from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.catalogue import MOVEMENTS
from tillgate.ledger.model import (
    AccountKey,
    Hold,
    Transfer,
    available,
    clearing,
    disputed,
    receivable,
    suspense,
    wallet,
)
from tillgate.ledger.rules import Book, Fact, keys_of
from tillgate.wallets.commands import ENDS, Kind

from .tree import ROOT, SOURCE, bare, files, rows

GUIDE = "docs/guides/money.md"
ENDINGS: dict[str, list[str]] = {"wallet_": list(get_args(Kind)), "hold_": list(ENDS.values())}
"""How codes go on that an f-string makes."""

CODE = re.compile(r"[a-z]+(_[a-z]*)+")
LINE = re.compile(
    r"^([a-z]+_[a-z_]+) +(\d+)\b\D.*?((?: +-?\d+)+)(?: +(\d+) left to spend)?$", re.MULTILINE
)
"""A movement of the example: code, amount, the balances after it, and what is left of u-17's."""

MERCHANT = UUID(int=7)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
AVAILABLE, SUSPENSE = available(MERCHANT, "eur"), suspense(MERCHANT, "eur")
CLEARING, OWED = clearing(MERCHANT, "con_1", "eur"), receivable(MERCHANT, "eur")
U17, U18 = (wallet(MERCHANT, user, "eur") for user in ("u-17", "u-18"))
DISPUTED = disputed(MERCHANT, "eur")
COLUMNS = (CLEARING, SUSPENSE, AVAILABLE, U17, U18)
GOING_BACK = (CLEARING, SUSPENSE, AVAILABLE, DISPUTED)

CALLS = {"Fact": 0, "Post": 3, "_back": 4}
"""Where those that book, or plan to, are told the code."""


def test_the_table_is_the_catalogue() -> None:
    assert {bare(code): tuple(cells) for code, *cells in rows(GUIDE)} == MOVEMENTS


def test_the_catalogue_is_what_the_code_books() -> None:
    used = {code for path in files(SOURCE, ".py") for code in codes_of(path)}
    assert used == set(MOVEMENTS)


def codes_of(path: Path) -> Iterator[str]:
    """The codes of a module's facts: the first argument of each `Fact(…)`. Where that is a name,
    what its function writes that looks like a code."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        parameters = {one.arg for one in function.args.args}
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or ast.unparse(call.func) not in CALLS:
                continue
            said = call.args[CALLS[ast.unparse(call.func)]]
            if ast.unparse(said).partition(".")[0] in parameters:
                continue  # its callers say it
            place = function if isinstance(said, ast.Name) else said
            found = [*codes_in(place)]
            assert found, f"{path}:{call.lineno}: which codes?"
            yield from found


def codes_in(place: ast.AST) -> Iterator[str]:
    for node in ast.walk(place):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and CODE.fullmatch(text):
            yield from [text + ending for ending in ENDINGS[text]] if text[-1] == "_" else [text]


def test_the_examples_are_what_is_booked() -> None:
    first, second = re.findall(r"```text\n(.*?)```", (ROOT / GUIDE).read_text(), re.DOTALL)
    told = booked(first, COLUMNS, U17) | booked(second, GOING_BACK, AVAILABLE)
    assert told | {"hold_expired"} == set(MOVEMENTS)


def booked(example: str, columns: tuple[AccountKey, ...], spender: AccountKey) -> set[str]:
    """The codes of an example, once each line was booked and the balances are those it says."""
    book = Book(ids.series(UUID(int=1)), NOW)
    for key in {*columns, U17, U18, DISPUTED, OWED}:
        book.take(key, None)
    transfers: list[Transfer] = []
    told = LINE.findall(example)
    for number, (code, amount, balances, left) in enumerate(told):
        move(book, transfers, code, int(amount), number)
        posted = [book.see(key).posted for key in columns]
        assert [one for one in posted if one] == [int(b) for b in balances.split() if int(b)], code
        of = book.see(spender)
        assert not left or of.posted - of.held_out == int(left), code
    if OWED in columns or U18 in columns:
        beyond(book)
    return {code for code, *_ in told}


FACTS = {
    "payment_in_review": (CLEARING, SUSPENSE),
    "review_resolved": (SUSPENSE, AVAILABLE),
    "refund_returned": (CLEARING, AVAILABLE),
    "refund_moved": (AVAILABLE, SUSPENSE),
    "dispute_opened": (AVAILABLE, DISPUTED),
    "dispute_won": (DISPUTED, AVAILABLE),
    "dispute_lost": (DISPUTED, CLEARING),
    "dispute_reopened": (CLEARING, DISPUTED),
    "dispute_reinstated": (CLEARING, AVAILABLE),
}
WISHES = {
    "wallet_credit": (AVAILABLE, U17),
    "wallet_transfer": (U17, U18),
    "wallet_debit": (U17, AVAILABLE),
}
HOLDS = {"wallet_hold": (U17, AVAILABLE), "refund_reserved": (AVAILABLE, CLEARING)}


def move(book: Book, transfers: list[Transfer], code: str, amount: int, number: int) -> None:
    """Books as the code does; the second capture is a deposit of u-17's."""
    fact, money = Fact(code, f"cause {number}", None), Money(amount, "eur")
    if code == "payment_captured":
        book.post(CLEARING, U17 if number else AVAILABLE, money, fact)
    elif code in FACTS:
        book.post(*FACTS[code], money, fact)
    elif code in WISHES:
        book.pay(*WISHES[code], money, fact)
    elif code in HOLDS:
        transfers.append(book.hold(*HOLDS[code], money, fact, None))
    else:
        whole = transfers[-1].amount
        ends = code in ("hold_posted", "refund_succeeded")
        between = HOLDS["refund_reserved" if "refund" in code else "wallet_hold"]
        book.settle(held(transfers[-1].id, whole, *between), amount if ends else 0, fact)


def held(hold_id: UUID, amount: int, debit: AccountKey, credit: AccountKey) -> Hold:
    return Hold(
        MERCHANT, hold_id, debit.owner, debit.code, credit.owner, credit.code, "eur", amount, 0,
        "held", None, None, None, NOW, NOW,
    )  # fmt: skip


def beyond(book: Book) -> None:
    """The fact beyond a floor: 2000 of u-18, who has 1500."""
    debit, credit, books = keys_of(U18, CLEARING)
    assert books == OWED
    transfers = len(book.rows())
    book.post(debit, credit, Money(2000, "eur"), Fact("taken_back", "cause x", None))
    assert len(book.rows()) == transfers + 2 + 1  # two transfers, and the account that is new to it
    assert (book.see(U18).posted, book.see(OWED).posted) == (0, -500)

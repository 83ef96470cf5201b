"""A creation's answer is put together from text; it is the same as what a read answers."""

import pytest

from tests.payments.rows import pending
from tillgate.kit.http import encode
from tillgate.payments.shapes import Links, answer, answer_text, render

LINKS = Links("http://127.0.0.1/checkout/x", "x")


@pytest.mark.parametrize("status", ["pending", "failed", "succeeded"])
def test_both_ways_say_the_same(status: str) -> None:
    payment = pending(status=status)
    text = answer_text(payment, render(payment, livemode=True), LINKS)
    assert text == encode(answer(payment, LINKS, livemode=True))

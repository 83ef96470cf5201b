"""Two users with wallets, for every story that asks."""

import pytest

from tests.flows.purse import Purse
from tests.flows.stack import Stack


@pytest.fixture
def purse(stack: Stack) -> Purse:
    return Purse(stack)


@pytest.fixture
def other(stack: Stack) -> Purse:
    return Purse(stack)

"""Two merchants of their own, as the stories of tests/flows have them."""

from tests.flows.conftest import settings, stranger, trade

__all__ = ["settings", "stranger", "trade"]

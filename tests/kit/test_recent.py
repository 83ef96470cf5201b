"""One reading for all who ask at once; nothing is believed for too long, or after a failure."""

import asyncio

import pytest

from tillgate.kit.recent import Recent


class Shelf:
    """What is read, how often, and a gate that readers wait at."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {"a": 1, "b": 2, "c": 3}
        self.read: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.broken = False

    async def find(self, key: str) -> int | None:
        self.read.append(key)
        await self.open.wait()
        if self.broken:
            raise ConnectionError(key)
        return self.values.get(key)


async def test_all_who_ask_at_once_wait_for_one_reading() -> None:
    shelf = Shelf()
    shelf.open.clear()
    recent = Recent(shelf.find, kept_s=60, max_kept=10)
    asking = [asyncio.create_task(recent.get("a")) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    shelf.open.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert found[1:] == [1] * 49
    assert await recent.get("a") == 1
    assert shelf.read == ["a"]


async def test_a_value_is_read_again_after_its_time() -> None:
    shelf = Shelf()
    recent = Recent(shelf.find, kept_s=0, max_kept=10)
    assert await recent.get("a") == 1
    shelf.values["a"] = 5
    assert await recent.get("a") == 5


async def test_neither_failures_nor_gaps_are_kept() -> None:
    shelf = Shelf()
    recent = Recent(shelf.find, kept_s=60, max_kept=10)
    shelf.broken = True
    asking = [recent.get("a") for _ in range(3)]
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(one) for one in found} == {ConnectionError}
    with pytest.raises(ConnectionError):
        await recent.get("a")
    shelf.broken = False
    assert await recent.get("a") == 1
    assert await recent.get("x") is None
    shelf.values["x"] = 9
    assert await recent.get("x") == 9


async def test_the_oldest_goes_when_it_is_full() -> None:
    shelf = Shelf()
    recent = Recent(shelf.find, kept_s=60, max_kept=2)
    for key in "abcab":
        await recent.get(key)
    assert shelf.read == list("abcab")
    await recent.get("b")
    assert shelf.read == list("abcab")


async def test_what_is_forgotten_is_read_again_and_still_known() -> None:
    shelf = Shelf()
    recent = Recent(shelf.find, kept_s=60, max_kept=2)
    await recent.get("a")
    shelf.values["a"] = 7
    recent.forget()
    assert (recent.knows("a"), recent.knows("x")) == (True, False)
    assert await recent.get("a") == 7
    del shelf.values["a"]
    recent.forget()
    assert await recent.get("a") is None
    assert not recent.knows("a")


async def test_what_was_being_read_while_all_was_forgotten_is_not_believed() -> None:
    shelf = Shelf()
    shelf.open.clear()
    recent = Recent(shelf.find, kept_s=60, max_kept=2)
    early = asyncio.create_task(recent.get("a"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert shelf.read == ["a"]
    recent.forget()
    late = asyncio.create_task(recent.get("a"))
    shelf.open.set()
    assert (await early, await late) == (1, 1)
    assert shelf.read == ["a", "a"]

"""What processors say, on the running stack: hints, dead letters, foreign addresses, forgeries."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.stack import Stack, until
from tests.flows.test_bad_input import error_of
from tests.flows.trade import Body, Trade
from tests.flows.typed import typing
from tillgate.callbacks.commands import RETRIES
from tillgate.callbacks.jobs import BATCH
from tillgate.cli import callbacks as cli
from tillgate.cli.failure import Failure
from tillgate.kit import clock, ids
from tillgate.payments.store import LOOK_EVERY, look_soon

Db = Any


class Teller:
    """The processor of a merchant's one connection, as far as it speaks by itself."""

    def __init__(self, trade: Trade, db: Db, connection: Body) -> None:
        self.trade, self.db, self.connection = trade, db, connection["id"]
        self.path = f"/v1/connections/{self.connection}"
        self.url = f"{trade.url}/callbacks/{self.connection}"
        self._told = 0

    def message(self, reference: str, **more: Any) -> bytes:
        self._told += 1
        said = {"EventId": f"evt-{self._told}", "Reference": reference, "Status": "success"}
        return json.dumps({**said, "Amount": 1000, "Currency": "eur", **more}).encode()

    async def tell(self, body: bytes, secret: str | None = None) -> httpx.Response:
        stamp = b"%d" % clock.unix_s()
        key = (secret or self.trade.ready["sandbox_secret"]).encode()
        mac = hmac.new(key, stamp + b"." + body, hashlib.sha256).hexdigest()
        headers = {"X-Sandbox-Timestamp": stamp.decode(), "X-Sandbox-Signature": mac}
        return await self.trade.anyone.post(self.url, content=body, headers=headers)

    async def change(self, **wanted: Any) -> None:
        await self.trade.ask(self.path, **wanted)

    async def hints_only(self) -> None:
        preset = {"preset": "sandbox", "base_url": self.trade.sandbox_url, "hints_only": True}
        await self.change(settings=preset)

    async def listed(self, **query: Any) -> list[Body]:
        return (await self.trade.get("/v1/callbacks", **query))["data"]

    async def one(self, **query: Any) -> Body:
        """The only one, as soon as it is there."""
        [found] = await until(lambda: self.listed(**query), lambda now: len(now) == 1)
        return found

    async def becomes(self, callback: Body, state: str) -> Body:
        path = f"/v1/callbacks/{callback['id']}"
        return await until(lambda: self.trade.get(path), lambda now: now["state"] == state)

    async def knows(self, payment: Body, reference: str) -> None:
        """The processor's name of the payment is recorded, as its answer would have it."""
        await self.db.execute(
            "INSERT INTO payment_references (merchant_id, connection_id, reference, payment_id)"
            " VALUES ($1, $2, $3, $4)",
            ids.parse("mer", self.trade.ready["merchant"]), ids.parse("con", self.connection),
            reference, ids.parse("pay", payment["id"]),
        )  # fmt: skip

    async def last_try(self, callback: Body) -> None:
        """All tries but one are behind it, and that one is due."""
        done = await self.db.execute(
            "UPDATE callbacks SET attempts = $2, due_at = now()"
            " WHERE id = $1 AND state = 'pending'",
            ids.parse("cb", callback["id"]), len(RETRIES),
        )  # fmt: skip
        assert done == "UPDATE 1"

    async def looks(self) -> int:
        """How many of this connection's charges were looked up because of messages."""
        return await self.db.fetchval(
            "SELECT count(looked_at) FROM callbacks WHERE connection_id = $1",
            ids.parse("con", self.connection),
        )


@pytest.fixture
async def teller(trade: Trade, db: Db) -> Teller:
    [connection] = (await trade.get("/v1/connections"))["data"]
    return Teller(trade, db, connection)


async def test_a_hint_is_looked_up_and_what_is_found_is_booked(teller: Teller) -> None:
    """More messages than a worker claims at once, with a wrong amount: a look or two for all of
    them, and the amount that these found."""
    await teller.hints_only()
    payment = await teller.trade.started(amount=1000)
    await teller.trade.fault(payment, wrong_amount=-1, duplicate=BATCH + 10)
    await teller.trade.approve(payment)
    paid = await teller.trade.until(payment["id"], "succeeded")
    assert paid["amount_captured"] == 1000
    told = await until(
        lambda: teller.listed(payment=payment["id"], limit=100),
        lambda now: len(now) == BATCH + 10 and {one["state"] for one in now} == {"processed"},
    )
    assert {one["hint"] for one in told} == {
        (await teller.trade.at_processor(payment))["Reference"]
    }
    assert "applied" in {one["effect"] for one in told}
    assert 1 <= await teller.looks() <= 2  # those that came while the first was under way
    assert await teller.trade.balance() == {"available": 1000}


async def test_a_hint_at_nothing_is_tried_again_and_becomes_a_dead_letter(teller: Teller) -> None:
    await teller.hints_only()
    assert (await teller.tell(teller.message("sbx_nothing"))).status_code == 200
    waiting = await until(teller.one, lambda now: now["effect"] == "absent")
    assert (waiting["state"], waiting["attempts"]) == ("pending", 1)
    assert waiting["next_attempt"] > waiting["created"]
    await teller.db.execute("UPDATE callbacks SET looked_at = NULL WHERE hint = 'sbx_nothing'")
    await teller.last_try(waiting)
    dead = await teller.becomes(waiting, "failed")
    assert (dead["effect"], dead["next_attempt"]) == ("absent", None)


async def test_a_dead_letter_is_replayed_and_books_once(teller: Teller) -> None:
    trade = teller.trade
    assert (await teller.tell(teller.message("sbx_later"))).status_code == 200
    dead = await teller.one(state="pending")
    assert (dead["effect"], dead["payment"]) == ("unmatched", None)
    await teller.last_try(dead)
    await teller.becomes(dead, "failed")
    assert [one["id"] for one in await teller.listed(state="failed")] == [dead["id"]]

    payment = await trade.create(amount=1000)
    await teller.knows(payment, "sbx_later")
    path = f"/v1/callbacks/{dead['id']}/replay"
    first, again = [await trade.send(path, key="replay") for _ in range(2)]
    assert (first.status_code, again.content) == (200, first.content)
    assert first.json()["state"] == "pending"
    done = await teller.becomes(dead, "processed")
    assert (done["effect"], done["payment"]) == ("applied", payment["id"])
    assert (await trade.payment(payment["id"]))["status"] == "succeeded"
    assert await trade.balance() == {"available": 1000}

    await trade.ask(path)
    done = await teller.becomes(dead, "processed")
    assert done["effect"] == "nothing_new"
    assert await trade.balance() == {"available": 1000}
    lines = (await trade.get("/v1/audit", target=dead["id"]))["data"]
    assert [line["action"] for line in lines] == ["callback.replay"] * 2
    assert [line["before"]["state"] for line in lines] == ["processed", "failed"]


async def test_a_callback_that_overtakes_our_own_answer_waits_for_it(teller: Teller) -> None:
    payment = await teller.trade.create(amount=1000)
    await teller.tell(teller.message("sbx_overtaking"))
    early = await teller.one(state="pending")
    await teller.knows(payment, "sbx_overtaking")
    applied = await teller.becomes(early, "processed")
    assert (applied["effect"], applied["payment"]) == ("applied", payment["id"])
    assert (await teller.trade.payment(payment["id"]))["amount_captured"] == 1000


async def test_messages_from_elsewhere_are_refused(teller: Teller) -> None:
    await teller.change(allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    refused = await teller.tell(teller.message("sbx_elsewhere"))
    assert (refused.status_code, error_of(refused)["code"]) == (403, "address_refused")
    assert await teller.listed() == []
    kept = await teller.one(state="refused")
    assert (kept["verdict"], kept["address"]) == ("address", "127.0.0.1")
    await teller.change(allowed_networks=["192.0.2.0/24", "127.0.0.0/8"])
    assert (await teller.tell(teller.message("sbx_elsewhere"))).status_code == 200


async def test_refused_messages_can_be_looked_at_and_never_replayed(teller: Teller) -> None:
    trade, body = teller.trade, teller.message("sbx_forged")
    deep = b'{"a":' * 40 + b"1" + b"}" * 40
    for content, secret, code in (
        (body, "another secret", "callback_forged"),
        (deep, None, "parameter_invalid"),
        (b"\xff\xfe", "another secret", "callback_forged"),
        (b"[]", None, "parameter_invalid"),
    ):
        answer = await teller.tell(content, secret)
        assert (answer.status_code, error_of(answer)["code"]) == (400, code)
    assert await teller.listed() == []
    refused = await until(
        lambda: teller.listed(state="refused", connection=teller.connection),
        lambda now: len(now) == 4,
    )
    assert {one["id"] for one in await teller.listed(state="refused", limit=2)} < {
        one["id"] for one in refused
    }
    whole = [await trade.get(f"/v1/callbacks/{one['id']}") for one in refused]
    told = {(one["body"], one["body_encoding"], one["verdict"]) for one in whole}
    assert told == {
        (body.decode(), "utf-8", "forged"), (deep.decode(), "utf-8", "unreadable"),
        ("//4=", "base64", "forged"), ("[]", "utf-8", "unreadable"),
    }  # fmt: skip
    assert all(len(one["headers"]["x-sandbox-signature"]) == 64 for one in whole)
    status, code = await trade.refused(f"/v1/callbacks/{refused[0]['id']}/replay")
    assert (status, code) == (409, "callback_state")


async def test_another_merchants_messages_are_not_there(teller: Teller, stack: Stack) -> None:
    await teller.tell(teller.message("sbx_foreign"))
    own = await teller.one(connection=teller.connection)
    for method, path in (("GET", ""), ("POST", "/replay")):
        answer = await stack.api.request(method, f"/v1/callbacks/{own['id']}{path}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    for query in ({"connection": teller.connection}, {"limit": 100}):
        found = (await stack.api.get("/v1/callbacks", params=query)).json()["data"]
        assert own["id"] not in {one["id"] for one in found}
    assert (await teller.one())["state"] == "pending"  # nobody has touched it


async def test_a_payment_that_is_watched_is_looked_up_soon_and_not_all_the_time(
    trade: Trade, db: Db
) -> None:
    """As when its payer comes back from the processor."""
    payment = await trade.started(amount=1000)
    place = ids.parse("mer", trade.ready["merchant"]), ids.parse("pay", payment["id"])

    async def due_in() -> float:
        return await db.fetchval(
            "SELECT extract(epoch FROM due_at - now())::float FROM operations"
            " WHERE merchant_id = $1 AND payment_id = $2",
            *place,
        )

    assert await due_in() > LOOK_EVERY.total_seconds()
    merchant_id, payment_id = place
    assert merchant_id is not None
    assert payment_id is not None
    await look_soon(db, merchant_id, payment_id)
    soon = await due_in()
    assert soon <= LOOK_EVERY.total_seconds()
    await look_soon(db, merchant_id, payment_id)
    assert await due_in() <= soon
    await db.execute(
        "UPDATE operations SET due_at = now() + interval '1 hour' WHERE payment_id = $1", payment_id
    )
    await look_soon(db, merchant_id, payment_id)  # asked for a moment ago
    assert 1 < await due_in() <= LOOK_EVERY.total_seconds()


async def test_lists_go_on_where_they_end(teller: Teller) -> None:
    for number in range(5):
        await teller.tell(teller.message(f"sbx_{number}"))
    everything = [one["id"] for one in await teller.listed()]
    assert (len(everything), everything) == (5, sorted(everything, reverse=True))
    first = await teller.trade.get("/v1/callbacks", limit=2)
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (everything[:2], True)
    rest = await teller.listed(starting_after=everything[1])
    assert [one["id"] for one in rest] == everything[2:]
    back = await teller.listed(ending_before=everything[3], limit=2)
    assert [one["id"] for one in back] == everything[1:3]
    odd: list[Mapping[str, str]] = [{"state": "odd"}, {"payment": "x"}, {"starting_after": "x"}]
    for query in odd:
        assert (await teller.trade.api.get("/v1/callbacks", params=query)).status_code == 400


async def test_an_operator_lists_shows_and_replays(teller: Teller, dev_folder: Path) -> None:
    merchant, data = teller.trade.ready["merchant"], dev_folder / "data"
    await teller.tell(teller.message("sbx_of_operator"))
    [shown] = await cli.read(merchant, "pending", teller.connection, {}, data)
    assert cli.show([shown], as_json=False).split()[2:5] == [shown.id, "pending", "unmatched"]
    assert json.loads(cli.show([shown], as_json=True)) == await teller.one()
    whole = json.loads(await cli.read_one(merchant, shown.id, {}, data))
    assert whole == await teller.trade.get(f"/v1/callbacks/{shown.id}")
    command = f"tillgate callbacks replay {shown.id} --merchant {merchant} --data {data}"
    async with typing(command) as process:
        assert await process.wait() == 0
    lines = (await teller.trade.get("/v1/audit", target=shown.id))["data"]
    assert [(line["actor"], line["action"]) for line in lines] == [("cli", "callback.replay")]
    nobody = ids.show("cb", ids.mint())
    for wrong in (
        cli.read(merchant, "odd", None, {}, data),
        cli.read(merchant, None, "con_x", {}, data),
        cli.read_one(merchant, nobody, {}, data),
        cli.replay_one(merchant, nobody, {}, data),
        cli.read(ids.show("mer", ids.mint()), None, None, {}, data),
    ):
        with pytest.raises(Failure):
            await wrong

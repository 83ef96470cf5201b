"""The inbox keeps what is posted, lists it, waits for it, and misbehaves when asked to."""

import asyncio
import re
from datetime import datetime
from html import unescape

import pytest

from .conftest import InboxProcess

STOP_MAX_S = 2
"""A quarter of a second alone; more on a machine that is busy with other tests."""

EVENT = '{"id":"evt_1","type":"payment.succeeded","data":{"object":{"note":"<b>Größe</b>"}}}'
SIGNED = {
    "webhook-id": "evt_1",
    "webhook-timestamp": "1795269400",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    "content-type": "application/json",
}


def visible(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.split("<body>", 1)[1])).split())


async def test_a_message_is_kept_as_it_came(inbox: InboxProcess) -> None:
    answer = await inbox.client.post("/any/path", content=EVENT.encode(), headers=SIGNED)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    (message,) = await inbox.messages()
    assert (message["path"], message["body"]) == ("/any/path", EVENT)
    headers = message["headers"]
    assert isinstance(headers, dict)
    assert {name: headers[name] for name in SIGNED} == SIGNED
    received_at = message["received_at"]
    assert isinstance(received_at, str)
    assert datetime.fromisoformat(received_at).tzinfo is not None
    as_json = await inbox.client.get("/", headers={"Accept": "application/json"})
    assert as_json.json() == {"messages": [message]}
    assert (await inbox.client.delete("/messages")).json() == {"messages": []}
    assert await inbox.messages() == []


async def test_paging_skips_none(inbox: InboxProcess) -> None:
    for number in range(5):
        await inbox.client.post("/", content=str(number))
    bodies = [message["body"] for message in await inbox.messages()]
    assert bodies == ["0", "1", "2", "3", "4"]
    seen: list[object] = []
    after: object = (await inbox.messages())[0]["id"]
    while page := await inbox.messages(f"?limit=2&after={after}"):
        seen += [message["body"] for message in page]
        after = page[-1]["id"]
    assert seen == ["1", "2", "3", "4"]
    assert [one["body"] for one in await inbox.messages("?limit=2")] == ["3", "4"]
    assert len(await inbox.messages("?after=msg_of_another_run")) == 5
    for odd in ("?limit=x", "?limit=0", "?limit=nan", "?limit=inf", "?limit=-1", "?wait_s=nan"):
        assert await inbox.messages(odd)


async def test_the_newest_500_are_kept(inbox: InboxProcess) -> None:
    for first in range(0, 510, 51):
        wave = [inbox.client.post("/", content=str(first + i)) for i in range(51)]
        await asyncio.gather(*wave)
    messages = await inbox.messages()
    assert len(messages) == 500
    # The requests of a wave race each other; whole waves keep their order.
    assert {int(str(one["body"])) // 51 for one in messages[-51:]} == {9}
    assert {int(str(one["body"])) // 51 for one in messages[:41]} == {0}


async def test_a_look_waits_for_news(inbox: InboxProcess) -> None:
    await inbox.client.post("/", content="old")
    (old,) = await inbox.messages()
    assert await inbox.messages("?wait_s=5") == [old]  # news already
    waiting = asyncio.ensure_future(inbox.messages(f"?wait_s=10&after={old['id']}"))
    other = asyncio.ensure_future(inbox.messages(f"?wait_s=0.3&after={old['id']}"))
    assert await other == []
    assert not waiting.done()
    await inbox.client.post("/", content="new")
    assert [one["body"] for one in await waiting] == ["new"]


async def test_it_fails_when_asked_to_and_keeps_the_message(inbox: InboxProcess) -> None:
    for code in (204, 301, 400, 410, 503):
        assert (await inbox.client.post(f"/fail/{code}")).status_code == code
    for other in ("/fail/99", "/fail/600", "/fail/x", "/fail", "/fail/500/x", "/slow/x"):
        assert (await inbox.client.post(other)).status_code == 200
    assert len(await inbox.messages()) == 11


async def test_it_is_slow_when_asked_to(inbox: InboxProcess) -> None:
    loop = asyncio.get_running_loop()
    asked_at_s = loop.time()
    slow = asyncio.ensure_future(inbox.client.post("/slow/0.5", content="x"))
    assert len(await inbox.messages("?wait_s=5")) == 1  # kept at once
    assert not slow.done()
    assert (await slow).status_code == 200
    assert loop.time() - asked_at_s >= 0.5


async def test_limits_and_unknown_things(inbox: InboxProcess) -> None:
    limit = 256 * 1024
    assert (await inbox.client.post("/", content=b"x" * limit)).status_code == 200
    assert (await inbox.client.post("/", content=b"x" * (limit + 1))).status_code == 413
    assert (await inbox.client.post("/", content=b"\xff\x00")).status_code == 200
    assert len(await inbox.messages()) == 2
    assert (await inbox.client.get("/nowhere")).status_code == 404
    assert (await inbox.client.put("/messages")).status_code == 404
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await inbox.client.post("/", headers=foreign)).status_code == 403
    assert (await inbox.client.delete("/messages", headers=foreign)).status_code == 403
    assert len(await inbox.messages()) == 2


async def test_the_page_shows_what_came(inbox: InboxProcess) -> None:
    empty = await inbox.client.get("/")
    assert "No webhook has arrived yet." in visible(empty.text)
    assert "It does not verify signatures" in visible(empty.text)
    await inbox.client.post("/first", content="no json")
    await inbox.client.post("/webhooks", content=EVENT.encode(), headers=SIGNED)
    page = await inbox.client.get("/")
    words = visible(page.text)
    assert words.index("payment.succeeded") < words.index("not a JSON object")
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert f"{name} {SIGNED[name]}" in words
    assert '"note": "<b>Größe</b>"' in words
    assert "<b>" not in page.text
    policy = page.headers["content-security-policy"]
    (nonce,) = set(re.findall(r'nonce="([a-z0-9]+)"', page.text))
    assert policy.startswith("default-src 'none';")
    assert policy.count(f"'nonce-{nonce}'") == 2
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "body", ["[1]", "null", '"text"', "{", "", '{"type":1}', '{"a":"\\ud800"}', "[" * 5000]
)
async def test_the_page_shows_any_body(inbox: InboxProcess, body: str) -> None:
    await inbox.client.post("/", content=body)
    page = await inbox.client.get("/")
    assert page.status_code == 200
    assert body[:100] in unescape(page.text) or body == '{"type":1}'
    assert (await inbox.messages())[0]["body"] == body


async def test_it_stops_soon_whoever_waits(own_inbox: InboxProcess) -> None:
    inbox = own_inbox
    slow = asyncio.ensure_future(inbox.client.post("/slow/30"))
    (message,) = await inbox.messages("?wait_s=5")
    waiting = asyncio.ensure_future(inbox.messages(f"?wait_s=30&after={message['id']}"))
    # Answered on another connection after both others were sent.
    assert await inbox.messages(f"?wait_s=0.2&after={message['id']}") == []
    asked_at_s = asyncio.get_running_loop().time()
    inbox.process.terminate()
    assert (await slow).status_code == 200
    assert await waiting == []
    assert await inbox.stop() == 0
    assert asyncio.get_running_loop().time() - asked_at_s < STOP_MAX_S


async def test_a_taken_port_ends_the_start(inbox: InboxProcess) -> None:
    second = InboxProcess()
    await second.start(inbox.port)  # the first one answers there
    assert await second.process.wait() == 3
    await second.client.aclose()

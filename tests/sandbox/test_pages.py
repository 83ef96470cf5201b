"""The pages, driven by plain HTTP as a browser without scripts would."""

import re
from html import unescape

import pytest

from .programs import Receiver, SandboxProcess


def visible(html: str) -> str:
    """The words of a page, without tags."""
    body = html.split("<body>", 1)[1]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def forms(html: str) -> list[str]:
    return re.findall(r'<form[^>]* method="post" action="([^"]+)"', html)


async def test_the_pay_page_shows_what_is_paid(sandbox: SandboxProcess, receiver: Receiver) -> None:
    reference = await sandbox.create(receiver, Amount=123456, Description="Tea & <b>cake</b>")
    answer = await sandbox.client.get(f"/pay/{reference}")
    words = visible(answer.text)
    assert answer.status_code == 200
    assert "Sandbox – no real money" in words
    assert "1,234.56 EUR" in words
    assert "Tea & <b>cake</b>" in words
    assert "<b>cake" not in answer.text
    deeds = ("approve", "transfer", "decline", "abandon")
    assert forms(answer.text) == [f"/pay/{reference}/{deed}" for deed in deeds]


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "1,250 JPY"), ("kwd", "1.250 KWD")])
async def test_amounts_have_their_currencys_digits(
    sandbox: SandboxProcess, receiver: Receiver, currency: str, shown: str
) -> None:
    reference = await sandbox.create(receiver, Currency=currency)
    assert shown in visible((await sandbox.client.get(f"/pay/{reference}")).text)


async def test_pages_are_guarded(sandbox: SandboxProcess, receiver: Receiver) -> None:
    reference = await sandbox.create(
        receiver, SuccessUrl="https://Shop.example:8443/a?b", FailureUrl="http://[::1]:80/"
    )
    answer = await sandbox.client.get(f"/pay/{reference}")
    nonce = re.findall(r'<style nonce="([a-z0-9]{20,})">', answer.text)
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'nonce-{nonce[0]}'; img-src data:; "
        "form-action 'self' https://shop.example:8443 http://[::1]:80; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    again = await sandbox.client.get(f"/pay/{reference}")
    assert nonce[0] not in again.text


@pytest.mark.parametrize(
    ("deed", "target", "status", "told"),
    [
        ("approve", "success", "success", "payment.succeeded"),
        ("decline", "failure", "failed", "payment.failed"),
    ],
)
async def test_a_payer_decides(
    sandbox: SandboxProcess, receiver: Receiver, deed: str, target: str, status: str, told: str
) -> None:
    reference = await sandbox.create(receiver)
    for _ in range(2):  # a double click ends at the same page and tells once
        answer = await sandbox.client.post(f"/pay/{reference}/{deed}")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{receiver.url}/{target}"
    assert (await receiver.next()).event["EventType"] == told
    assert (await sandbox.look(reference))["Status"] == status
    assert len(await sandbox.callbacks(reference)) == 1


async def test_abandoning_tells_nobody(sandbox: SandboxProcess, receiver: Receiver) -> None:
    reference = await sandbox.create(receiver)
    answer = await sandbox.client.post(f"/pay/{reference}/abandon")
    assert answer.headers["location"] == f"{receiver.url}/failure"
    assert (await sandbox.look(reference))["Status"] == "pending"
    assert await sandbox.callbacks(reference) == []
    # The payer may come back and pay after all.
    answer = await sandbox.client.post(f"/pay/{reference}/approve")
    assert answer.headers["location"] == f"{receiver.url}/success"


@pytest.mark.parametrize(
    ("done", "words", "target"),
    [("approve", "already paid", "success"), ("decline", "was declined", "failure")],
)
async def test_a_finished_payment_says_so(
    sandbox: SandboxProcess, receiver: Receiver, done: str, words: str, target: str
) -> None:
    reference = await sandbox.create(receiver)
    await sandbox.act(reference, done)
    other = {"approve": "decline", "decline": "approve"}[done]
    for method, path, status in (
        ("GET", f"/pay/{reference}", 200),
        ("POST", f"/pay/{reference}/{other}", 409),
        ("POST", f"/pay/{reference}/abandon", 409),
    ):
        answer = await sandbox.client.request(method, path)
        assert answer.status_code == status
        assert words in visible(answer.text)
        assert f'href="{receiver.url}/{target}"' in answer.text
        assert forms(answer.text) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/pay/none"), ("POST", "/pay/none/approve"), ("GET", "/nowhere"), ("POST", "/")],
)
async def test_an_unknown_page(sandbox: SandboxProcess, method: str, path: str) -> None:
    answer = await sandbox.client.request(method, path)
    assert answer.status_code == 404
    assert "There is nothing here" in visible(answer.text)


async def test_the_panel_lists_and_finishes_payments(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    reference = await sandbox.create(receiver, Description="Panel tea")
    page = await sandbox.client.get("/")
    assert "Panel tea" in visible(page.text)
    approve = f"/panel/payments/{reference}/approve"
    assert approve in forms(page.text)

    answer = await sandbox.client.post(approve)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    await receiver.next()
    await sandbox.act(reference, "approve")  # waits until the try was written
    page = await sandbox.client.get("/")
    assert approve not in forms(page.text)
    assert "payment.succeeded → 200" in visible(page.text)

    await sandbox.client.post(f"/panel/payments/{reference}/resend")
    await receiver.next()
    declined = await sandbox.create(receiver)
    await sandbox.client.post(f"/panel/payments/{declined}/decline")
    assert (await sandbox.look(declined))["Status"] == "failed"


async def test_the_panel_offers_what_can_be_done(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    reference = await sandbox.create(receiver, Capture=False)
    at = f"/panel/payments/{reference}/"

    async def offered() -> list[str]:
        page = await sandbox.client.get("/")
        return [path.removeprefix(at) for path in forms(page.text) if path.startswith(at)]

    async def press(deed: str) -> None:
        assert deed in await offered()
        assert (await sandbox.client.post(at + deed)).status_code == 303

    assert await offered() == ["approve", "transfer", "decline", "cancel"]
    await press("transfer")
    assert await offered() == ["approve", "decline", "resend"]
    await press("approve")
    assert await offered() == ["capture", "cancel", "resend"]
    await press("capture")
    await sandbox.faults(reference, refund_delay_s=600, times=1)
    _, refund = await sandbox.call(reference, "refunds", RefundId="r1", Amount=100)
    await press("disputes")
    (dispute,) = (await sandbox.look(reference))["Disputes"]
    words = visible((await sandbox.client.get("/")).text)
    assert "refund of 1.00: pending" in words
    assert "dispute of 12.50, fraudulent: needs response" in words
    await press(f"refunds/{refund['RefundReference']}/succeed")
    await press(f"refunds/{refund['RefundReference']}/fail")
    for deed in ("review", "lose", "reinstate"):
        await press(f"disputes/{dispute['DisputeReference']}/{deed}")
    assert await offered() == ["resend"]
    looked = await sandbox.look(reference)
    assert (looked["Status"], looked["Captured"], looked["Refunded"]) == ("success", 1250, 0)
    assert looked["Disputes"][0]["DisputeStatus"] == "won"
    assert (await sandbox.client.post(at + "nothing")).status_code == 404


async def test_the_panel_sets_and_resets_faults(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    form = {"delay_s": "0.5", "duplicate": "2", "drop": "true", "wrong_amount": "-100", "times": ""}
    answer = await sandbox.client.post("/panel/faults", data=form)
    assert answer.status_code == 303
    wanted = {"delay_s": 0.5, "duplicate": 2, "drop": True, "wrong_amount": -100}
    assert (await sandbox.client.get("/control/faults")).json() == wanted
    page = await sandbox.client.get("/")
    assert "Faults in force: delay_s = 0.5, duplicate = 2, drop, wrong_amount = -100" in visible(
        page.text
    )
    names = set(re.findall(r'<input [^>]*name="([a-z_]+)"', page.text))
    assert names == {
        *("delay_s", "duplicate", "reorder", "drop", "wrong_amount", "wrong_currency"),
        *("bad_signature", "stale_timestamp", "fail_after_work", "slow_answer_s"),
        *("callback_before_answer", "refund_delay_s", "times"),
    }
    for bad in ({"delay_s": "soon"}, {"delay_s": "nan"}, {"delay_s": "inf"}, {"times": "-1"}):
        answer = await sandbox.client.post("/panel/faults", data=bad)
        assert answer.status_code == 400
        assert "Not set:" in visible(answer.text)
    assert (await sandbox.client.get("/control/faults")).json() == wanted
    await sandbox.client.post("/panel/faults/reset")
    assert (await sandbox.client.get("/control/faults")).json() == {}


async def test_pages_of_other_sites_cannot_press_buttons(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    reference = await sandbox.create(receiver)
    for path in (f"/pay/{reference}/approve", f"/control/payments/{reference}/approve"):
        answer = await sandbox.client.post(path, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
    assert (await sandbox.look(reference))["Status"] == "pending"
    same = {"Sec-Fetch-Site": "same-origin"}
    answer = await sandbox.client.post(f"/pay/{reference}/approve", headers=same)
    assert answer.status_code == 303


async def test_a_taken_port_ends_the_start(sandbox: SandboxProcess) -> None:
    second = SandboxProcess(sandbox.port, None)
    await second.start()  # the first one listens there
    assert await second.process.wait() == 3
    await second.client.aclose()

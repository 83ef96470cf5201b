"""Where webhooks go: one address under many addresses; their logs; once more."""

import asyncio
import hashlib
import hmac
import json
import re
from typing import Any
from uuid import uuid4

import pytest

from tests.doors.gateway.scene import KEYS, MERCHANT, SECRET, Body, Shop
from tests.flows.stack import Received, until

NO_URL = (400, "BAD_REQUEST_ERROR", "Webhook URL not configured")

SETTING = {
    ("PUT", "/webhooks/config"): {"webhook_url", "webhook_secret", "message"},
    ("PATCH", "/merchant/webhook"): {"webhook_url", "webhook_secret", "message"},
    ("PUT", "/merchants/me/webhook"): {"webhook_url", "webhook_secret", "message"},
    ("PUT", "/merchants/me"): {
        "id", "name", "email", "api_key", "webhook_url", "webhook_secret", "is_active",
    },
    ("POST", "/merchants/webhook-config"): {"success"},
    ("PATCH", "/test/merchant"): {"status", "webhook_url"},
}  # fmt: skip
"""Each family's way to set the address, and what it answers."""

RENEWING = (
    "/webhooks/regenerate-secret", "/webhooks/secret/regenerate", "/merchant/webhook/regenerate",
    "/merchants/me/webhook/secret", "/merchants/regenerate-secret",
)  # fmt: skip
TESTING = ("/webhooks/test", "/merchant/webhook/test")
SHOWING = ("/webhooks/config", "/merchant/config", "/merchants/me")


@pytest.mark.parametrize(("verb", "path"), SETTING)
async def test_every_family_sets_the_same_address(
    till: Shop, shop: Received, verb: str, path: str
) -> None:
    answer = await till.send(path, verb=verb, webhook_url=shop.url)
    assert answer.keys() == SETTING[verb, path]
    for other in SHOWING:
        shown = await till.get(other)
        assert (shown["webhook_url"], shown["webhook_secret"]) == (shop.url, SECRET)


async def test_what_the_merchant_is(till: Shop, stranger: Shop) -> None:
    assert await till.get("/merchants/me") == {
        "id": MERCHANT, "name": "Test Merchant", "email": "test@example.com",
        "api_key": KEYS["X-Api-Key"], "webhook_url": None, "webhook_secret": SECRET,
        "is_active": True,
    }  # fmt: skip
    other = await stranger.get("/merchants/me")
    assert (other["name"], other["email"]) == ("Demo", None)
    assert re.fullmatch("whsec_[0-9a-f]{32}", other["webhook_secret"])


async def test_a_secret_that_was_never_used_is_the_same_each_time(stranger: Shop) -> None:
    shown = [(await stranger.get("/webhooks/config"))["webhook_secret"] for _ in range(2)]
    assert shown[0] == shown[1] != SECRET


@pytest.mark.parametrize("path", RENEWING)
async def test_a_new_secret_signs_from_now_on(stranger: Shop, shop: Received, path: str) -> None:
    await stranger.hooked(shop.url)
    before = (await stranger.get("/webhooks/config"))["webhook_secret"]
    secret = (await stranger.send(path))["webhook_secret"]
    assert secret != before
    assert (await stranger.get("/merchants/me"))["webhook_secret"] == secret
    await stranger.send("/webhooks/test")
    [told] = await shop.wait_for(1)
    signature = hmac.new(secret.encode(), told.body, hashlib.sha256).hexdigest()
    assert told.headers["x-webhook-signature"] == signature


async def test_the_secret_outlives_its_address(stranger: Shop, shop: Received) -> None:
    await stranger.hooked(shop.url)
    secret = (await stranger.send("/webhooks/regenerate-secret"))["webhook_secret"]
    await stranger.hooked(None)
    assert (await stranger.get("/webhooks/config")) == {
        "webhook_url": None, "webhook_secret": secret,
    }  # fmt: skip
    assert await stranger.refused("/webhooks/regenerate-secret") == NO_URL
    await stranger.hooked(shop.url)
    assert (await stranger.get("/webhooks/config"))["webhook_secret"] == secret


async def test_addresses_that_are_none(till: Shop) -> None:
    wrongs: list[tuple[Body, str]] = [
        ({}, "webhook_url is required"),
        ({"webhook_url": 5}, "Invalid webhook URL format"),
        ({"webhook_url": "nowhere"}, "Invalid webhook URL format"),
        ({"webhook_url": "https://user:word@shop.example/"}, "Invalid webhook URL format"),
        ({"webhook_url": "http://shop.example/hooks"}, "Webhook URL must use HTTPS"),
        ({"webhook_url": "http://169.254.169.254/latest"}, "Invalid webhook URL format"),
    ]
    for verb, path in SETTING:
        for body, text in wrongs:
            answer = await till.refused(path, verb, **body)
            assert answer == (400, "BAD_REQUEST_ERROR", text), (path, body)


async def test_many_who_set_it_at_once_make_one(
    till: Shop, gateway_db: Any, shop: Received
) -> None:
    await asyncio.gather(*(till.hooked(f"{shop.url}/{n}") for n in range(8)))
    open_ones = "SELECT count(*) FROM endpoints WHERE merchant_id = $1 AND state <> 'deleted'"
    assert await gateway_db.fetchval(open_ones, MERCHANT) == 1


async def test_without_an_address_nothing_is_kept_for_one(till: Shop) -> None:
    before = (await till.get("/webhooks"))["total"]
    await till.paid()
    assert (await till.get("/webhooks"))["total"] == before
    for path in TESTING:
        assert await till.refused(path) == NO_URL


@pytest.mark.parametrize("path", TESTING)
async def test_a_test_goes_to_this_address_alone(till: Shop, shop: Received, path: str) -> None:
    await till.hooked(shop.url)
    sent = await till.send(path)
    assert sent["scheduled"] is True
    assert sent["id"] == sent["webhook_id"]
    [told] = await shop.wait_for(1)
    assert json.loads(told.body)["event"] == "webhook.test"
    log = await until(lambda: newest(till), lambda found: found["status"] == "success")
    assert (log["id"], log["event"], log["attempts"]) == (sent["id"], "webhook.test", 1)


async def newest(till: Shop) -> Body:
    return (await till.get("/webhooks", limit=1))["data"][0]


async def test_a_delivery_that_failed_is_tried_again_by_hand(till: Shop, shop: Received) -> None:
    shop.answers = [500]
    await till.hooked(shop.url)
    sent = await till.send("/webhooks/test")
    log = await until(lambda: newest(till), lambda found: found["attempts"] == 1)
    assert (log["status"], log["response_code"]) == ("pending", 500)
    assert log["last_attempt_at"] is not None
    again = await till.send(f"/webhooks/{sent['id']}/retry")
    assert again == {
        "id": sent["id"], "status": "pending", "message": "Webhook retry scheduled",
    }  # fmt: skip
    log = await until(lambda: newest(till), lambda found: found["status"] == "success")
    assert (log["attempts"], log["response_code"]) == (1, 200)
    assert len({webhook.body for webhook in await shop.wait_for(2)}) == 1


async def test_what_was_delivered_can_be_sent_once_more(till: Shop, shop: Received) -> None:
    await till.hooked(shop.url)
    sent = await till.send("/webhooks/test")
    await until(lambda: newest(till), lambda found: found["status"] == "success")
    await till.send(f"/webhooks/{sent['id'].upper()}/retry")
    assert len(await shop.wait_for(2)) == 2


async def test_logs_that_are_none(till: Shop) -> None:
    for name in ("x", str(uuid4()), uuid4().hex, f"{{{uuid4()}}}"):
        refused = await till.refused(f"/webhooks/{name}/retry")
        assert refused == (404, "NOT_FOUND_ERROR", "Webhook log not found")


async def test_a_log_outlives_its_address_and_goes_nowhere(till: Shop, shop: Received) -> None:
    await till.hooked(shop.url)
    sent = await till.send("/webhooks/test")
    await until(lambda: newest(till), lambda found: found["status"] == "success")
    await till.hooked(None)
    assert (await newest(till))["id"] == sent["id"]
    assert await till.refused(f"/webhooks/{sent['id']}/retry") == NO_URL


async def test_an_address_that_is_gone_can_be_set_anew(till: Shop, shop: Received) -> None:
    """An endpoint may have been switched off meanwhile."""
    await till.hooked(shop.url)
    shop.answers = [410]
    await till.send("/webhooks/test")
    await shop.wait_for(1)
    await till.hooked(shop.url)
    await till.send("/webhooks/test")
    await shop.wait_for(2)


async def test_logs_are_shown_in_pages(till: Shop, shop: Received) -> None:
    await till.hooked(shop.url)
    sent = [(await till.send("/webhooks/test"))["id"] for _ in range(3)]
    whole = await till.get("/webhooks")
    assert (whole["limit"], whole["offset"]) == (10, 0)
    assert [one["id"] for one in whole["data"][:3]] == sent[::-1]
    part = await till.get("/webhooks", limit=1, offset=1)
    assert [one["id"] for one in part["data"]] == [sent[1]]
    assert part["total"] == whole["total"]
    assert (await till.get("/webhooks", limit=100000))["limit"] == 100

"""What a process is made of, opened in order and closed in the other."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from tillgate.audit.model import AuditLine
from tillgate.callbacks.model import Callback, SeenCallback
from tillgate.callbacks.store import Tally
from tillgate.connections.store import Connections
from tillgate.engine.session import Schema
from tillgate.engine.writer import Engine
from tillgate.events.live import Announcer, Listener, News
from tillgate.events.model import Event
from tillgate.idempotency.model import IdempotencyKey
from tillgate.kit import crypto, db
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Pool
from tillgate.kit.outbound import Outbound, Policy
from tillgate.ledger.model import Account, Hold, Transfer
from tillgate.merchants.keys.store import Keys
from tillgate.orders.model import Order, ProviderOrder
from tillgate.payments.links import PayerLinks
from tillgate.payments.model import (
    Dispute,
    OperationRow,
    Payment,
    PaymentReference,
    ProcessorObject,
    Refund,
    Try,
)
from tillgate.settings import Settings
from tillgate.wallets.model import WalletLimit
from tillgate.webhooks.store import sql as webhooks_sql

LOCK_ORDER: tuple[type[Struct], ...] = (
    Callback,
    PaymentReference,
    ProviderOrder,
    Order,
    Payment,
    Try,
    OperationRow,
    ProcessorObject,
    Refund,
    Dispute,
    Hold,
    IdempotencyKey,
    SeenCallback,
    Event,
    AuditLine,
    Account,
    WalletLimit,
    Transfer,
)
"""The one order in which rows are locked: cold tables first, hot ones last."""

SCHEMA = Schema(LOCK_ORDER, {Event: webhooks_sql["fan_out"]})


def _subject(event: Event) -> UUID | None:
    """Whose news an event is. What has just been created has nobody waiting for it yet."""
    return None if event.type.endswith(".created") else event.object_id


def _named(reference: PaymentReference) -> UUID:
    """A try began, or the processor gave it a name: its payer's page has changed."""
    return reference.payment_id


NEWS: News = {Event: _subject, PaymentReference: _named}


class Parts(NamedTuple):
    """What both API and worker stand on."""

    settings: Settings
    pool: Pool
    engine: Engine
    announcer: Announcer
    listener: Listener
    vault: Vault
    policy: Policy
    outbound: Outbound
    connections: Connections
    keys: Keys
    links: PayerLinks
    tally: Tally
    prepared: asyncio.Event  # what the environment and the doors ask for is there


def vault_of(settings: Settings) -> Vault:
    return Vault(tuple(crypto.derive(secret, "vault") for secret in settings.secrets))


def digest_key_of(settings: Settings) -> bytes:
    """What the wishes behind idempotency keys are digested with."""
    return crypto.derive(settings.secrets[0], "idempotency")


def policy_of(settings: Settings) -> Policy:
    return Policy(allow_loopback=settings.dev, allow_networks=settings.allowed_networks)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Parts]:
    """Opens everything without waiting for the database: until it answers, wishes get 503."""
    pool = await db.open_pool(settings.database_url, settings.readers)
    vault = vault_of(settings)
    policy = policy_of(settings)
    announcer = Announcer(settings.database_url, NEWS)
    listener = Listener(settings.database_url)
    async with Outbound(policy) as outbound:
        parts = Parts(
            settings=settings,
            pool=pool,
            engine=Engine(settings.database_url, SCHEMA, announcer.committed),
            announcer=announcer,
            listener=listener,
            vault=vault,
            policy=policy,
            outbound=outbound,
            connections=Connections(pool, vault, outbound),
            keys=Keys(pool, listener),
            links=PayerLinks(settings.secrets, settings.public_url),
            tally=Tally(pool),
            prepared=asyncio.Event(),
        )
        await parts.engine.start()
        announcer.start()
        parts.listener.start()
        parts.tally.start()
        parts.keys.start()
        try:
            yield parts
        finally:
            await parts.engine.stop()
            await parts.tally.stop()
            await parts.keys.stop()
            await parts.listener.stop()
            await announcer.stop()
            pool.terminate()

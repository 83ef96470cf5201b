"""How many commands share a transaction, and how many statements that takes: counted in the log
that PostgreSQL keeps when told to, in short runs of their own, as the log costs time."""

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from itertools import islice

from msgspec import Struct

from bench.ground import FRESH, Ground
from bench.load import Load
from bench.payments import CLIENTS, STARTED, callbacks, creations
from bench.transfers import FUNDED, SPREAD, transfers

ENGINE = "] tillgate engine LOG:  "
"""How a line begins that the engine's connection has caused, after time and process."""

WRITE = re.compile(r"execute [^:]+: WITH (?!RECURSIVE )")
"""How PostgreSQL logs the one statement that writes a group."""

COMMANDS = 2000
ALONE = 200


class Groups(Struct, frozen=True):
    """Averages of one run. A statement is one round trip, BEGIN and COMMIT among them."""

    commands_per_group: float
    statements_per_group: float
    rolled_back: int


async def of_creations(ground: Ground, clients: int = CLIENTS) -> Groups:
    count = COMMANDS if clients > 1 else ALONE
    async with _logged(ground, FRESH) as database:
        requests = creations(ground.merchant.secret_key)
        return await _count(ground, database, clients, requests, 201, count)


async def of_callbacks(ground: Ground) -> Groups:
    async with _logged(ground, STARTED) as database:
        async with ground.connected(database) as connection:
            requests = await callbacks(connection)
        return await _count(ground, database, CLIENTS, requests, 200, COMMANDS)


async def of_transfers(ground: Ground) -> Groups:
    async with _logged(ground, FUNDED) as database:
        requests = transfers(ground.merchant.secret_key, SPREAD)
        return await _count(ground, database, CLIENTS, requests, 201, COMMANDS)


@asynccontextmanager
async def _logged(ground: Ground, template: str) -> AsyncGenerator[str]:
    async with ground.copy(template) as database:
        async with ground.connected(database) as connection:
            await connection.execute(f"ALTER DATABASE {database} SET log_statement = 'all'")
            await connection.execute(f"ALTER DATABASE {database} SET log_parameter_max_length = 0")
        yield database


async def _count(
    ground: Ground, database: str, clients: int, requests: Iterator[bytes], status: int, count: int
) -> Groups:
    log = ground.folder / "postgres" / "postgres.log"
    async with ground.api(database) as port:
        start = log.stat().st_size
        async with Load(port, clients, islice(requests, count), status) as load:
            await load.finished()
        with log.open("rb") as file:
            file.seek(start)
            said = [line.partition(ENGINE)[2] for line in file.read().decode().splitlines()]
    statements = [line for line in said if line]
    groups = sum(WRITE.match(line) is not None for line in statements)
    return Groups(
        round(count / groups, 1),
        round(len(statements) / groups, 2),
        statements.count("statement: ROLLBACK"),
    )

"""A commit whose answer was lost with its connection, and how the database is asked about it."""

from collections.abc import Sequence

import asyncpg

from tillgate.engine.command import Result
from tillgate.engine.session import Backend, Rows, Session


class Uncertain(Exception):
    """The connection of `backend` died while it committed.

    `transaction` is its id, for `pg_xact_status`; None when one statement was the whole
    transaction: no id is known before its answer.
    """

    def __init__(
        self, backend: Backend, transaction: str | None, results: Sequence[Result], inserted: Rows
    ) -> None:
        super().__init__(transaction)
        self.backend = backend
        self.transaction = transaction
        self.results = results
        self.inserted = inserted

    async def committed(self, session: Session) -> bool | None:
        """Asks a new connection; None while it may still be in progress.

        Without an id, the transaction is over when its backend is. A crash may forget one so
        wholly that its id is given out again, so a row of the group must be there too.
        """
        if self.transaction is not None:
            status = await _status(session, self.transaction)
            if status != "committed":
                return None if status == "in progress" else False
        else:
            await session.connection.execute("SET ROLE NONE")  # only its own user may end it
            if await session.connection.fetch(END, *self.backend):
                return None
        if not self.inserted:
            return True
        return await session.exists(next(iter(self.inserted.values()))[0])


END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2"


async def _status(session: Session, transaction: str) -> str | None:
    try:
        return await session.connection.fetchval(
            "SELECT pg_xact_status($1::text::xid8)", transaction
        )
    except asyncpg.InvalidParameterValueError:  # a number of the future: forgotten by a crash
        return None

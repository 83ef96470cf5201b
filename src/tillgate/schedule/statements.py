"""The SQL that follows from the list of due tables: figures, whether all is done, advancing."""

from tillgate.kit.db import beside
from tillgate.schedule.model import TABLES, DueTable

sql = beside(__file__)

COUNT_MAX = 10_000
"""Where counting ends: more than that is much, whatever it is."""


def figures(due: DueTable) -> str:
    """For the merchant $1: (due, waiting, under lease, failed, since when the oldest is due)."""
    moment = _moment(due)
    overdue = f"{_open(due)} AND {due.column} <= {moment}"
    oldest = (
        f"(SELECT extract(epoch FROM {moment} - {due.column})::bigint FROM {due.table} "
        f"WHERE merchant_id = $1 AND {overdue} ORDER BY {due.column} LIMIT 1)"
    )
    parts = [
        _count(due, overdue),
        _count(due, f"{_open(due)} AND {due.column} > {moment}"),
        _count(due, f"{_open(due)} AND {due.leased}") if due.leased else "NULL::bigint",
        _count(due, due.failed) if due.failed else "NULL::bigint",
        oldest,
    ]
    return "SELECT " + ", ".join(parts)


def advance(due: DueTable) -> str:
    """Lets $2 pass for the rows of the merchant $1 that are not due yet, locked in the order of
    their keys, as the engine locks them. What is under lease is left in the hands that have it."""
    columns = (due.column, *due.along)
    later = " OR ".join(f"{column} > {_moment(due)}" for column in columns)
    free = f" AND NOT ({due.leased})" if due.leased else ""
    moved = ", ".join(f"{column} = t.{column} - $2::interval" for column in columns)
    same = " AND ".join(f"t.{column} = k.{column}" for column in due.key.split(", "))
    return (
        f"WITH k AS MATERIALIZED (SELECT {due.key} FROM {due.table} "
        f"WHERE merchant_id = $1 AND {due.moved or _open(due)} AND ({later}){free} "
        f"ORDER BY {due.key} FOR NO KEY UPDATE) "
        f"UPDATE {due.table} t SET {moved} FROM k WHERE {same}"
    )


def _busy() -> str:
    """Whether anything of the merchant $1 is due, or under lease."""
    asked = [
        f"EXISTS (SELECT FROM {due.table} WHERE merchant_id = $1 AND {_open(due)} "
        f"AND ({due.column} <= {_moment(due)}{f' OR {due.leased}' if due.leased else ''}))"
        for due in TABLES
        if not due.housekeeping
    ]
    return "SELECT " + " OR ".join(asked)


def _count(due: DueTable, condition: str) -> str:
    return (
        f"(SELECT count(*) FROM (SELECT FROM {due.table} "
        f"WHERE merchant_id = $1 AND {condition} LIMIT {COUNT_MAX}) c)"
    )


def _open(due: DueTable) -> str:
    return due.open.format_map(sql)


def _moment(due: DueTable) -> str:
    """What `column` has reached when its row is due."""
    return f"now() - interval '{due.after_s} seconds'" if due.after_s else "now()"


FIGURES = {due.job: figures(due) for due in TABLES}
ADVANCE = [advance(due) for due in TABLES]
BUSY = _busy()

"""The SQL that the engine generates: loading rows by key, and writing a whole group at once."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from tillgate.engine.table import Table, table_of


class Write(NamedTuple):
    """One table's share of a group: rows to insert, or rows to update."""

    row: type[Struct]
    insert: bool


def load(table: Table, key_columns: int, *, lock: bool) -> str:
    """All rows for arrays of keys (or of the first columns of keys), locked in the order of keys.

    Without a lock every row begins with the database's clock, and keys without a row answer one
    row of NULLs behind it, so that the clock comes even from an empty table.
    """
    columns = ", ".join(f"t.{column}" for column in table.columns)
    key = table.key[:key_columns]
    arrays = ", ".join(f"${i}::{table.types[c]}[]" for i, c in enumerate(key, 1))
    keys = f"unnest({arrays}) AS k ({', '.join(key)})"
    on = f"USING ({', '.join(key)})"
    if lock:
        order = ", ".join(f"t.{column}" for column in table.key)
        return (
            f"SELECT {columns} FROM {keys} JOIN {table.name} t {on} "
            f"ORDER BY {order} FOR NO KEY UPDATE OF t"
        )
    return f"SELECT clock_timestamp(), {columns} FROM {keys} LEFT JOIN {table.name} t {on}"


def write(parts: list[Write], fan_out: Mapping[type[Struct], str]) -> str:
    """All that a group changes, as one statement; answers the transaction's id, then counts.

    Each table's rows come as one JSON parameter: a third of the driver's cost of an array a column.
    Inserts are sorted by key, so that two groups with the same unique keys wait in one order.
    """
    steps: list[str] = []
    for number, part in enumerate(parts, 1):
        table = table_of(part.row)
        new = f"{table.name}_{'new' if part.insert else 'changed'}"
        steps.append(f"{new} AS MATERIALIZED ({_rows(table, number, part)})")
        steps.append(_insert(table, new) if part.insert else _update(table, new))
        steps += _fanned_out(part, new, fan_out)
    return _answering(steps, parts)


def write_one(parts: list[Write], fan_out: Mapping[type[Struct], str]) -> str:
    """The same for one row in each table. Every value is a parameter (see `columns`), which takes
    PostgreSQL two thirds of the time: a lone client waits for that."""
    steps: list[str] = []
    before = 0
    for part in parts:
        table, wanted = table_of(part.row), columns(part)
        values = {c: f"${n}::{table.types[c]}" for n, c in enumerate(wanted, before + 1)}
        before += len(wanted)
        told = "*" if part.row in fan_out else "1"
        insert = _insert_one(table, values, told)
        steps.append(insert if part.insert else _update_one(table, values))
        steps += _fanned_out(part, _step(part), fan_out)
    return _answering(steps, parts)


def columns(part: Write) -> tuple[str, ...]:
    """What is written: every column of a new row; of a changed one, its key and what may change."""
    table = table_of(part.row)
    return table.columns if part.insert else table.key + table.mutable


def _fanned_out(part: Write, new: str, fan_out: Mapping[type[Struct], str]) -> list[str]:
    if not part.insert or part.row not in fan_out:
        return []
    return [f"{table_of(part.row).name}_fan_out AS ({fan_out[part.row].format(new=new)})"]


def _answering(steps: list[str], parts: list[Write]) -> str:
    counts = ", ".join(f"(SELECT count(*) FROM {_step(part)})" for part in parts)
    return f"WITH {', '.join(steps)} SELECT pg_current_xact_id()::text, {counts}"


def _step(part: Write) -> str:
    return f"{table_of(part.row).name}_{'inserted' if part.insert else 'updated'}"


def _rows(table: Table, number: int, part: Write) -> str:
    wanted = columns(part)
    names = ", ".join(
        f"decode({c}, 'base64') AS {c}" if table.types[c] == "bytea" else c for c in wanted
    )
    types = ", ".join(
        f"{c} {'text' if table.types[c] == 'bytea' else table.types[c]}" for c in wanted
    )
    return f"SELECT {names} FROM json_to_recordset(${number}::json) AS u ({types})"


def _insert(table: Table, new: str) -> str:
    columns, order = ", ".join(table.columns), ", ".join(table.key)
    return (
        f"{table.name}_inserted AS (INSERT INTO {table.name} ({columns}) "
        f"SELECT {columns} FROM {new} ORDER BY {order} RETURNING 1)"
    )


def _update(table: Table, new: str) -> str:
    values = ", ".join(f"{column} = v.{column}" for column in table.mutable)
    same = " AND ".join(f"t.{column} = v.{column}" for column in table.key)
    return (
        f"{table.name}_updated AS (UPDATE {table.name} t SET {values} "
        f"FROM {new} v WHERE {same} RETURNING 1)"
    )


def _insert_one(table: Table, values: Mapping[str, str], told: str) -> str:
    return (
        f"{table.name}_inserted AS (INSERT INTO {table.name} ({', '.join(values)}) "
        f"VALUES ({', '.join(values.values())}) RETURNING {told})"
    )


def _update_one(table: Table, values: Mapping[str, str]) -> str:
    changes = ", ".join(f"{column} = {values[column]}" for column in table.mutable)
    same = " AND ".join(f"{column} = {values[column]}" for column in table.key)
    return f"{table.name}_updated AS (UPDATE {table.name} SET {changes} WHERE {same} RETURNING 1)"

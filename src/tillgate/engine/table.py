"""Tables as the engine knows them: a frozen struct is a row, its fields are the columns."""

from collections.abc import Callable
from datetime import date, datetime
from operator import attrgetter
from typing import Annotated, Any, TypeVar, get_type_hints
from uuid import UUID

from msgspec import Raw, Struct

Bigint = Annotated[int, "bigint"]
Integer = Annotated[int, "integer"]
Smallint = Annotated[int, "smallint"]
Text = Annotated[str, "text"]
Bool = Annotated[bool, "boolean"]
Id = Annotated[UUID, "uuid"]
Time = Annotated[datetime, "timestamptz"]
Day = Annotated[date, "date"]
Json = Annotated[Raw, "json"]
Bytes = Annotated[bytes, "bytea"]
OptionalBigint = Annotated[int | None, "bigint"]
OptionalInteger = Annotated[int | None, "integer"]
OptionalText = Annotated[str | None, "text"]
OptionalId = Annotated[UUID | None, "uuid"]
OptionalTime = Annotated[datetime | None, "timestamptz"]
OptionalJson = Annotated[Raw | None, "json"]

R = TypeVar("R", bound=Struct)


class Table:
    """name: in SQL. key: the primary key, the merchant first. mutable: the columns that an update
    writes; none: rows are only inserted. root: the row type whose lock guards these rows; its key
    is the beginning of theirs.
    """

    def __init__(
        self, row: type[Struct], name: str, key: str, mutable: str, root: type[Struct] | None
    ) -> None:
        hints = get_type_hints(row, include_extras=True)
        self.row = row
        self.name = name
        self.columns = row.__struct_fields__
        self.types: dict[str, str] = {c: hints[c].__metadata__[0] for c in self.columns}
        self.key = tuple(key.split())
        self.mutable = tuple(mutable.split())
        self.root = root
        if len(self.key) < 2 or not {*self.key, *self.mutable} <= {*self.columns}:
            raise TypeError(f"{name}: key and mutable must name columns, two at least in the key")
        self.key_of: Callable[[Struct], tuple[Any, ...]] = attrgetter(*self.key)


_TABLES: dict[type[Struct], Table] = {}


def table(
    name: str, key: str, mutable: str = "", root: type[Struct] | None = None
) -> Callable[[type[R]], type[R]]:
    """Declares a frozen struct as the row of a table: see `Table`."""

    def declare(row: type[R]) -> type[R]:
        _TABLES[row] = Table(row, name, key, mutable, root)
        return row

    return declare


def table_of(row: type[Struct]) -> Table:
    return _TABLES[row]

"""`tillgate doctor`: what is wrong with a set-up, and how to mend it.

It looks, and changes nothing. Here: which checks there are, in which order, and how they are told.
The checks are functions: in `setup` and `machine`, and of the database in `server`, `rights` and
`content`.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import asyncpg
import msgspec

from tillgate.cli.doctor import content, machine, rights, server, setup
from tillgate.cli.doctor.findings import Said, State, skipped, warning, wrong
from tillgate.cli.doctor.server import Database
from tillgate.cli.doctor.setup import Setup

CHECK_MAX_S = 10
"""How long one check may take; most take milliseconds."""

BECAUSE = "because of: "
NAME_WIDTH = 21
STATE_WIDTH = 9

T = TypeVar("T")


class Check(NamedTuple, Generic[T]):
    """`needs`: what must not be wrong for this one to make sense."""

    name: str
    look: Callable[[T], Said | Awaitable[Said]]
    needs: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True):
    """One check as it is told."""

    name: str
    state: State
    message: str
    mend: str | None


OF_MACHINE: tuple[Check[Setup], ...] = (
    Check("python", machine.python),
    Check("settings", setup.settings),
    Check("unknown settings", setup.unknown_settings),
    Check("secret", setup.secret),
    Check("browser assets", machine.browser_assets),
    Check("data folder", machine.data_folder),
    Check("data files", machine.data_files, ("data folder",)),
    Check("disk space", machine.disk_space),
    Check("dev", machine.dev, ("data folder",)),
    Check("postgresql programs", machine.postgresql_programs, ("data folder",)),
    Check("migration program", machine.migration_program),
    Check("port", machine.port),
    Check("public address", machine.public_address),
)

IN_IT = ("migrations", "rights")
OF_DATABASE: tuple[Check[Database], ...] = (
    Check("version", server.version),
    Check("writable", server.writable),
    Check("encoding", server.encoding),
    Check("durability", server.durability),
    Check("connection limit", server.connection_limit),
    Check("clocks", server.clocks),
    Check("migrations", content.migrations, ("version",)),
    Check("rights", rights.rights, ("migrations",)),
    Check("sealed values", content.sealed, (*IN_IT, "secret")),
    Check("live merchants", content.live, IN_IT),
    Check("processors", content.processors, IN_IT),
    Check("work", content.work, IN_IT),
    Check("callbacks", content.callbacks, IN_IT),
    Check("webhook endpoints", content.endpoints, IN_IT),
)


async def examine(data: Path, environ: Mapping[str, str]) -> list[Result]:
    """Every check, in order, each within CHECK_MAX_S. `data` is absolute."""
    patient = setup.setup_in(data, environ)
    results: list[Result] = []
    for of_machine in OF_MACHINE:
        results.append(await _result(of_machine, patient, results))
    reached, database = await _reach(patient)
    results.append(Result("database", *reached))
    try:
        for of_database in OF_DATABASE:
            results.append(await _result(of_database, database, results))
    finally:
        if database is not None:
            database.connection.terminate()
    return results


async def _reach(patient: Setup) -> tuple[Said, Database | None]:
    """Bounded too: by what connecting and two statements may take."""
    if patient.settings.database_url:
        return await server.reach(patient.settings, patient.embedded)
    if patient.embedded:
        return skipped(
            f"DATABASE_URL is not set, and no `tillgate dev` runs in {patient.data}"
        ), None
    return skipped(f"{BECAUSE}settings"), None


async def _result(check: Check[T], subject: T | None, done: list[Result]) -> Result:
    because = _because(check.needs, done)
    if because is not None or subject is None:
        said = skipped(because or f"{BECAUSE}database")
    else:
        said = await _said(check, subject)
    return Result(check.name, *said)


def _because(needs: tuple[str, ...], done: list[Result]) -> str | None:
    """What is at the root of it, when something that is needed is wrong or lacked its own need."""
    for result in done:
        if result.name in needs and result.state == "wrong":
            return BECAUSE + result.name
        if result.name in needs and result.message.startswith(BECAUSE):
            return result.message
    return None


async def _said(check: Check[T], subject: T) -> Said:
    """What the world does to a check is a finding too."""
    try:
        async with asyncio.timeout(CHECK_MAX_S):
            said = check.look(subject)
            return await said if inspect.isawaitable(said) else said
    except TimeoutError:  # of ours, or of a statement: no proof that anything is wrong
        return warning("This could not be looked at in time.", "Ask again when less is going on.")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return wrong(f"This could not be looked at: {error}.", "Mend what stands above, ask again.")


def show(results: list[Result], *, as_json: bool) -> str:
    """What is printed: a line of JSON, or lines for a person."""
    if as_json:
        return msgspec.json.encode({"ok": healthy(results), "checks": results}).decode() + "\n"
    return "".join(map(_line, results)) + _sum(results)


def healthy(results: list[Result]) -> bool:
    """A warning is not a wrong."""
    return all(result.state != "wrong" for result in results)


def _line(result: Result) -> str:
    state = "WRONG" if result.state == "wrong" else result.state
    line = f"{state:<{STATE_WIDTH}}{result.name:<{NAME_WIDTH}}{result.message}\n"
    return line + (
        f"{'':<{STATE_WIDTH}}{'mend:':<{NAME_WIDTH}}{result.mend}\n" if result.mend else ""
    )


def _sum(results: list[Result]) -> str:
    states = [result.state for result in results]
    warnings = f"{states.count('warning')} to think about" if "warning" in states else ""
    if healthy(results):
        return f"\nNothing is wrong{'; ' if warnings else ''}{warnings}.\n"
    return f"\n{states.count('wrong')} wrong{', ' if warnings else ''}{warnings}.\n"

"""What processes use, from Linux's /proc: CPU of the benchmark's children, and their memory."""

import os
import platform
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Reading(NamedTuple):
    """CPU seconds used until `at_s`, by whom."""

    at_s: float
    programs_s: float  # our children but PostgreSQL: what is measured, or what drives a floor
    postgres_s: float
    all_ours_s: float  # this process, its children and theirs, those that have ended too
    machine_s: float  # everybody


class Memory(Struct, frozen=True):
    """Of some processes together. RSS counts what they share once for each of them, PSS once."""

    rss_mb: float
    pss_mb: float


class Machine(Struct, frozen=True):
    """Where figures were taken."""

    system: str
    processor: str
    cores: int
    memory_gb: float
    python: str


class Process(NamedTuple):
    pid: int
    parent: int
    own_s: float
    reaped_s: float  # used by children that have ended


def read(postgres: int) -> Reading:
    """`postgres` is the postmaster, a child of this process."""
    processes = {process.pid: process for process in _processes()}
    us = os.getpid()
    programs_s = sum(_tree_s(processes, pid) for pid in _children(processes, us) if pid != postgres)
    return Reading(
        time.time(),
        programs_s,
        _tree_s(processes, postgres),
        _tree_s(processes, us),
        _machine_s(),
    )


def memory_of_programs(postgres: int) -> Memory:
    """Of all our children but PostgreSQL, with theirs."""
    processes = {process.pid: process for process in _processes()}
    roots = [pid for pid in _children(processes, os.getpid()) if pid != postgres]
    rollups = [_rollup(pid) for root in roots for pid in _tree(processes, root)]
    return Memory(
        round(sum(r["Rss"] for r in rollups) / 1024, 1),
        round(sum(r["Pss"] for r in rollups) / 1024, 1),
    )


def describe() -> Machine:
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        platform.platform(terse=True),
        cpu[1] if cpu else platform.machine(),
        len(os.sched_getaffinity(0)),
        round(memory_bytes / (1 << 30), 1),
        platform.python_version(),
    )


def _processes() -> Iterator[Process]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            text = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # The name, in parentheses, may hold anything. proc(5): the parent's pid is the 4th field,
        # the times are the 14th to the 17th.
        fields = text.rpartition(")")[2].split()
        ticks = [int(field) / TICKS_PER_S for field in fields[11:15]]
        yield Process(int(folder.name), int(fields[1]), ticks[0] + ticks[1], ticks[2] + ticks[3])


def _children(processes: dict[int, Process], parent: int) -> list[int]:
    return [process.pid for process in processes.values() if process.parent == parent]


def _tree(processes: dict[int, Process], root: int) -> list[int]:
    return [root, *(pid for c in _children(processes, root) for pid in _tree(processes, c))]


def _tree_s(processes: dict[int, Process], root: int) -> float:
    found = [processes[pid] for pid in _tree(processes, root) if pid in processes]
    return sum(process.own_s + process.reaped_s for process in found)


def _machine_s() -> float:
    """All but idle and waiting for disks, which are the 4th and the 5th figure."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    ticks = [int(figure) for figure in first]
    return (sum(ticks) - ticks[3] - ticks[4]) / TICKS_PER_S


def _rollup(pid: int) -> dict[str, int]:
    """Figures in kB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(kb) for name, kb in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}

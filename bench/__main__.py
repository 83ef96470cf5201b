"""`python -m bench`: measures, shows a table, and keeps what it found when it measured all."""

import argparse
import sys

import uvloop

from bench import report
from bench.rounds import NAMES, take


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured")
    parser.add_argument("--seconds", type=float, default=5, help="how long a run counts")
    parser.add_argument("--only", default=",".join(NAMES), help="some of: %(default)s")
    wanted = parser.parse_args()
    only: list[str] = wanted.only.split(",")
    if unknown := set(only) - set(NAMES):
        parser.error(f"there is no measure {', '.join(sorted(unknown))}")
    if sys.platform != "linux":
        parser.error("CPU and memory are read from Linux's /proc")
    results = uvloop.run(take(wanted.rounds, wanted.seconds, only))
    report.show(results)
    if set(only) == set(NAMES):
        print(f"Kept in {report.keep(results)}")


if __name__ == "__main__":
    main()

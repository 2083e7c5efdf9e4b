"""A long run by hand: python -m tests.chaos --seconds 600 --messages 150000 --seed 7."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from .plan import make_plan
from .report import figures
from .scene import play
from .verdict import failures

A_SECOND = 220  # messages, unless told otherwise


def main() -> int:
    wanted = _arguments()
    plan = make_plan(seed=wanted.seed, seconds=wanted.seconds, messages=wanted.messages)
    home = Path(tempfile.mkdtemp(prefix="clarion-chaos-"))
    print(f"seed {plan.seed}; logs in {home}", flush=True)
    evidence = asyncio.run(play(plan, home))
    print(figures(evidence))
    wrong = failures(evidence)
    for words in wrong:
        print(f"WRONG {words}")
    if not wrong:
        shutil.rmtree(home)
        print("all is well")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long clients send")
    parser.add_argument("--messages", type=int, help=f"default: {A_SECOND} a second")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    wanted = parser.parse_args()
    wanted.messages = wanted.messages or int(wanted.seconds * A_SECOND)
    return wanted


if __name__ == "__main__":
    sys.exit(main())

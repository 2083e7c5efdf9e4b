"""`python -m bench`: run figures, print the table."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType

from bench import bulk, callbacks, intake, kannel, machine, personal, receipts, sends, table
from bench.clarion import LAYOUTS, Clarion
from bench.frame import Bench, Gateway, Plan, Sample
from bench.kannel import Kannel
from bench.ports import free_port
from bench.smsc import smsc

FIGURES: dict[str, ModuleType] = {
    "intake": intake,
    "sends": sends,
    "receipts": receipts,
    "callbacks": callbacks,
    "bulk": bulk,
    "personal": personal,
}
DEFAULT_LAYOUT = "one"


def main() -> None:
    options = _options()
    plan = Plan(messages=options.messages, connections=options.connections, bulk=options.bulk)
    print("\n".join(machine.facts()), flush=True)
    samples: list[Sample] = []
    for _ in range(options.repeat):
        for name in options.figures:
            for sample in _run(FIGURES[name], plan, options):
                samples.append(sample)
                print(table.line(sample), flush=True)
    print(table.report(samples))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--messages", type=int, default=Plan().messages, help="a figure and run")
    parser.add_argument("--bulk", type=int, default=Plan().bulk, help="recipients of `bulk`")
    parser.add_argument("--connections", type=int, default=Plan().connections, help="of HTTP")
    parser.add_argument("--repeat", type=int, default=1, help="runs; the median is shown")
    parser.add_argument(
        "--layout", action="append", choices=list(LAYOUTS), help="processes of Clarion; repeatable"
    )
    parser.add_argument("--no-kannel", action="store_true", help="without the baseline")
    parser.add_argument(
        "--statements", action="store_true", help="what each SQL statement costs the server"
    )
    options = parser.parse_args()
    options.figures = options.figures or list(FIGURES)
    unknown = set(options.figures) - set(FIGURES)
    if unknown:
        parser.error(f"no figure {', '.join(sorted(unknown))}: there are {', '.join(FIGURES)}")
    options.layout = options.layout or [DEFAULT_LAYOUT]
    return options


def _run(figure: ModuleType, plan: Plan, options: argparse.Namespace) -> Iterator[Sample]:
    if kannel.installed() and not options.no_kannel and figure not in (bulk, personal):
        yield _sample(figure, plan, partial(Kannel, receipts=figure.RECEIPTS))
    for layout in options.layout:
        make = partial(
            Clarion,
            layout=layout,
            statements=options.statements,
            callbacks=hasattr(figure, "CALLBACKS"),
        )
        yield _sample(figure, plan, partial(make, receipts=figure.RECEIPTS))


def _sample(figure: ModuleType, plan: Plan, make: Callable[..., Gateway]) -> Sample:
    """One figure of a gateway that has just been started."""
    with smsc() if figure.SMSC_THERE else nullcontext() as peer, _home() as home:
        gateway = make(home, smsc_port=peer.port if peer else free_port())
        try:
            gateway.start()
            bench = Bench(gateway, peer)
            bench.warm_up(plan, receipts=figure.RECEIPTS)
            sample: Sample = figure.run(bench, plan)
            for line in gateway.details(sample.messages):
                print(f"    {line}", flush=True)
            return sample
        finally:
            gateway.stop()


@contextmanager
def _home() -> Iterator[Path]:
    """A directory for one run; it stays when the run fails."""
    home = Path(tempfile.mkdtemp(prefix="clarion-bench-"))
    try:
        yield home
    except BaseException:
        print(f"What the processes said is in {home}", file=sys.stderr)
        raise
    shutil.rmtree(home)


if __name__ == "__main__":
    main()

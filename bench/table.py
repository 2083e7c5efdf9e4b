"""The report: one block a figure, systems side by side, and the ratio of their rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.frame import Sample

PARTS = ("gateway", "postgresql", "smsc", "generator", "sink")


def report(samples: Iterable[Sample]) -> str:
    """All samples; of repeated ones the run with the median rate."""
    figures: dict[str, dict[str, list[Sample]]] = {}
    for sample in samples:
        figures.setdefault(sample.figure, {}).setdefault(sample.gateway, []).append(sample)
    return "\n".join(
        _figure(title, [_median(runs) for runs in systems.values()])
        for title, systems in figures.items()
    )


def line(sample: Sample) -> str:
    """One run, as it ends."""
    return f"{sample.figure:40} {sample.gateway:18} {sample.rate:8,.0f}/s  {_details(sample)}"


def _median(runs: Sequence[Sample]) -> Sample:
    return sorted(runs, key=lambda run: run.rate)[(len(runs) - 1) // 2]


def _figure(title: str, samples: Sequence[Sample]) -> str:
    columns = "".join(f"{part:>12}" for part in (*PARTS, "all"))
    rows = [
        f"\n{title}",
        f"  {'':18} {'':8} {'HTTP ms':>15}   CPU microseconds a message",
        f"  {'':18} {'msg/s':>8} {'p50':>7} {'p99':>7} {columns}   MiB",
    ]
    rows += [_row(sample) for sample in samples]
    baseline = next((s for s in samples if s.gateway == "kannel"), None)
    if baseline is not None:
        rows += [_ratio(s, baseline) for s in samples if s is not baseline]
    return "\n".join(rows)


def _row(sample: Sample) -> str:
    micros = sample.micros()
    micros["all"] = sum(micros.values())
    load = sample.load
    http = f"{load.p50_ms:7.1f} {load.p99_ms:7.1f}" if load else f"{'':15}"
    cpu = "".join(f"{micros[p]:12.0f}" if p in micros else f"{'':12}" for p in (*PARTS, "all"))
    memory = " + ".join(
        f"{sample.cost.memory[p]:.0f}" for p in PARTS[:2] if p in sample.cost.memory
    )
    return f"  {sample.gateway:18} {sample.rate:8,.0f} {http} {cpu}   {memory}"


def _ratio(sample: Sample, baseline: Sample) -> str:
    """By rate; and by CPU, which other work on the machine disturbs less."""
    cpu = sum(baseline.micros().values()) / sum(sample.micros().values())
    rate = sample.rate / baseline.rate
    return f"  {sample.gateway} / {baseline.gateway}: {rate:.2f} by rate, {cpu:.2f} by CPU"


def _details(sample: Sample) -> str:
    micros = " ".join(f"{name} {us:.0f}" for name, us in sample.micros().items())
    words = [f"us/msg: {micros}"]
    if sample.load is not None:
        load = sample.load
        accepted = load.requests / load.seconds
        words.append(f"HTTP {accepted:,.0f}/s p50 {load.p50_ms:.1f} p99 {load.p99_ms:.1f} ms")
    for name, (p50, p99) in sample.latencies.items():
        words.append(f"{name} p50 {p50:,.0f} p99 {p99:,.0f} ms")
    words.append(f"others' CPU {sample.cost.others / sample.cost.seconds:.2f} cores")
    return "; ".join(words)

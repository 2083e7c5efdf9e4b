"""The message that every gateway sends: one GSM 03.38 fragment, a different number each time."""

from bench.load import SLOT

SENDER = "12125550100"
TO = f"+49171{SLOT}"
TEXT = f"Hello, this is message number {SLOT} of the benchmark"

"""How the same values look on different wires.

The live form is what published clients of the SCG API read: an envelope around lists, dates as
epoch milliseconds, the attribute names of the SDKs. The reference form follows the printed
reference: plain arrays with paging headers, dates in ISO 8601, the reference's attribute names.
The form of events is the ESS reference's: lists under a name of their own beside `paged-result`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clarion.kit.dates import to_epoch_ms, to_iso, to_short_iso


@dataclass(frozen=True)
class WireForm:
    """What differs between two spellings of one API."""

    name: str
    envelope: bool  # lists as {"list", "total", "offset", "limit"}; else arrays and headers
    epoch_dates: bool  # dates as integers; else ISO 8601
    reference_names: bool  # attribute names as the reference prints them
    paged_result: bool = False  # lists as {"paged-result", "next-page-uri", <their name>}

    def date(self, at: datetime) -> int | str:
        """A date on this wire."""
        if self.epoch_dates:
            return to_epoch_ms(at)
        return to_short_iso(at) if self.paged_result else to_iso(at)


LIVE = WireForm("live", envelope=True, epoch_dates=True, reference_names=False)
REFERENCE = WireForm("reference", envelope=False, epoch_dates=False, reference_names=True)
PLAIN = WireForm("plain", envelope=True, epoch_dates=False, reference_names=False)
EVENTS = WireForm(
    "events", envelope=False, epoch_dates=False, reference_names=False, paged_result=True
)
FORMS = (LIVE, REFERENCE, PLAIN, EVENTS)

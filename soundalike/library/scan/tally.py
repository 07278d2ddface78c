"""What a scan did, while it does it."""

from __future__ import annotations

from dataclasses import dataclass, field

from soundalike.library.scan_records import Failure, ScanReport

__all__ = ["Tally"]


@dataclass
class Tally:
    """Counts of files; see ``ScanReport``."""

    analysed: int = 0
    reanalysed: int = 0
    retagged: int = 0
    unchanged: int = 0
    moved: int = 0
    copied: int = 0
    returned: int = 0
    missing: int = 0
    removed: int = 0
    still_failing: int = 0
    fast: int = 0
    failed: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def report(self, *, ignored: int, elapsed_s: float, interrupted: bool) -> ScanReport:
        counts = {**vars(self), "failed": tuple(self.failed), "notes": tuple(self.notes)}
        return ScanReport(**counts, ignored=ignored, elapsed_s=elapsed_s, interrupted=interrupted)

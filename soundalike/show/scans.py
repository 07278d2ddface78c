"""What a scan did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundalike.library import ScanReport

__all__ = ["scan_words"]


def scan_words(report: ScanReport) -> str:
    """``12 analysed, 3 moved, 0 failed``: what came about, and always the two that answer "did it
    do anything, did it go well?"."""
    counts = {
        "analysed": report.analysed,
        "re-analysed": report.reanalysed,
        "of them heard in passages only": report.fast,
        "retagged": report.retagged,
        "unchanged": report.unchanged,
        "moved": report.moved,
        "copied": report.copied,
        "returned": report.returned,
        "missing": report.missing,
        "removed": report.removed,
        "failed": len(report.failed),
        "still failing": report.still_failing,
        "not audio": report.ignored,
    }
    return ", ".join(
        f"{count:,} {name}"
        for name, count in counts.items()
        if count or name in ("analysed", "failed")
    )

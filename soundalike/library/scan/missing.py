"""The end of a scan: which of the known files are no more."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set

from soundalike.errors import printable
from soundalike.files import is_gone
from soundalike.library.scan.tally import Tally
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import Walk

__all__ = ["mark_missing"]

# Rows in one query, well under the number of parameters that a statement may have.
_BATCH = 500
# More than half of a folder gone at once, and not just a handful: worth a word.
_MANY_MISSING = 20


def mark_missing(transactions: Transactions, walk: Walk, seen: Set[int], tally: Tally) -> None:
    """Mark the tracks below the roots of a walk whose files are gone.

    Parameters
    ----------
    walk : that came to its end.
    seen : ids of the tracks that it came by.
    tally : gets the count, and notes about what looks like an unmounted disk.
    """
    files = [root for root in walk.roots if not os.path.isdir(root)]
    for start in range(0, len(files), _BATCH):
        with transactions.reading() as store:
            known = store.known(files[start : start + _BATCH])
        found = [(track.track_id, path) for path, track in known.items()]
        tally.missing += _mark_gone(transactions, walk, seen, found)
    for root in walk.roots + walk.followed:
        if not os.path.isdir(root):
            continue
        if root in walk.empty_roots:
            with transactions.reading() as store:
                count = store.count_present_below(root)
            if count:
                tally.notes.append(
                    f"{printable(root)} is empty, but the library has {count} tracks there. "
                    f"Is its disk mounted? None was marked as missing."
                )
            continue
        present, missing = _mark_below(transactions, walk, seen, root)
        tally.missing += missing
        if missing >= _MANY_MISSING and 2 * missing > present:
            tally.notes.append(
                f"{missing} of the {present} tracks below {printable(root)} are missing; "
                f"if the files return, their analyses are used again."
            )


def _mark_below(
    transactions: Transactions, walk: Walk, seen: Set[int], root: str
) -> tuple[int, int]:
    """How many tracks below a folder there were, and how many of them are missing now."""
    with transactions.reading() as store:
        if [root] == walk.roots and not walk.followed and store.are_all_below(root, seen):
            # As nearly always: then nobody needs to look at each of them.
            return len(seen), 0
        present = store.present_below(root)
    unseen = [track_id for track_id in present if track_id not in seen]
    missing = 0
    for start in range(0, len(unseen), _BATCH):
        with transactions.reading() as store:
            paths = store.paths(unseen[start : start + _BATCH])
        page = [(track_id, os.fsdecode(path)) for track_id, path in sorted(paths.items())]
        missing += _mark_gone(transactions, walk, seen, page)
    return len(present), missing


def _mark_gone(
    transactions: Transactions, walk: Walk, seen: Set[int], files: Sequence[tuple[int, str]]
) -> int:
    """Mark those of some tracks as missing whose files are gone; how many."""
    # A file that the walk left out may still be there: hidden now, or in a folder that cannot be
    # read.
    gone = [
        track_id
        for track_id, path in files
        if track_id not in seen and (is_gone(path) or walk.has_other_name(path))
    ]
    if gone:
        with transactions.writing() as store:
            store.mark_missing(gone)
    return len(gone)

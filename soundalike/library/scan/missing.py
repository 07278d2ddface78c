"""The end of a scan: which of the known files are no more."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set

from soundalike.errors import printable
from soundalike.files import file_is_gone
from soundalike.library.scan.excludes import MARK
from soundalike.library.scan.tally import Tally
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import Walk, is_folder

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
    tally : gets the counts, and notes about what looks like an unmounted disk.

    Tracks that are there, but are left out by now, are no longer in the library.
    """
    removed: list[str] = []
    files = [root for root in walk.roots if not is_folder(root)]
    for start in range(0, len(files), _BATCH):
        with transactions.reading() as store:
            known = store.known(files[start : start + _BATCH])
        found = [(track.track_id, path) for path, track in known.items()]
        tally.missing += _mark_gone(transactions, walk, seen, found)
    for root in walk.roots + walk.followed:
        if not is_folder(root):
            continue
        if root in walk.empty_roots:
            with transactions.reading() as store:
                count = store.count_present_below(root)
            if count:
                tracks = "1 track" if count == 1 else f"{count:,} tracks"
                tally.notes.append(
                    f"{printable(root)} is empty, but the library has {tracks} there. "
                    f"Is its disk mounted? None was marked as missing."
                )
            continue
        present, missing = _mark_below(transactions, walk, seen, root, removed)
        tally.missing += missing
        if missing >= _MANY_MISSING and 2 * missing > present:
            tally.notes.append(
                f"{missing} of the {present} tracks below {printable(root)} are missing; "
                f"if the files return, their analyses are used again."
            )
    tally.removed += len(removed)
    if removed:
        more = f" and {len(removed) - 1:,} more" if len(removed) > 1 else ""
        tally.notes.append(
            f"No longer in the library, as excluded, in a recycle bin, or in a folder with a file "
            f"{MARK}: {printable(removed[0])}{more}"
        )


def _mark_below(
    transactions: Transactions, walk: Walk, seen: Set[int], root: str, removed: list[str]
) -> tuple[int, int]:
    """How many tracks below a folder there were, and how many of them are missing now.

    The paths of those that are left out by now are added to ``removed``.
    """
    with transactions.reading() as store:
        if [root] == walk.roots and not walk.followed and store.are_all_below(root, seen):
            # As nearly always: then nobody needs to look at each of them.
            present, unseen = len(seen), []
        else:
            there = store.present_below(root)
            present = len(there)
            unseen = [track_id for track_id in there if track_id not in seen]
        away = store.missing_below(root)
    missing = 0
    for start in range(0, len(away), _BATCH):
        with transactions.reading() as store:
            paths = store.paths(away[start : start + _BATCH])
        _remove_excluded(transactions, walk, list(paths.items()), removed)
    for start in range(0, len(unseen), _BATCH):
        with transactions.reading() as store:
            paths = store.paths(unseen[start : start + _BATCH])
        page = _remove_excluded(transactions, walk, sorted(paths.items()), removed)
        missing += _mark_gone(transactions, walk, seen, page)
    return present, missing


def _remove_excluded(
    transactions: Transactions, walk: Walk, files: Sequence[tuple[int, bytes]], removed: list[str]
) -> list[tuple[int, str]]:
    """Remove those of some tracks that are left out by now; the others."""
    rest, out = [], []
    for track_id, encoded in files:
        path = os.fsdecode(encoded)
        if walk.excludes.has(path):
            out.append(track_id)
            removed.append(path)
        else:
            rest.append((track_id, path))
    if out:
        with transactions.writing() as store:
            store.remove(out)
    return rest


def _mark_gone(
    transactions: Transactions, walk: Walk, seen: Set[int], files: Sequence[tuple[int, str]]
) -> int:
    """Mark those of some tracks as missing whose files are gone; how many."""
    # A file that the walk left out may still be there: hidden now, or in a folder that cannot be
    # read.
    gone = {
        track_id: path
        for track_id, path in files
        if track_id not in seen
        and not walk.is_unlisted(path)
        and (file_is_gone(path) or walk.has_other_name(path))
    }
    if not gone:
        return 0
    with transactions.writing() as store:
        # A scan of another folder may have found it there meanwhile, and given it that path.
        paths = store.paths(list(gone))
        still = [each for each, path in gone.items() if paths.get(each) == os.fsencode(path)]
        store.mark_missing(still)
    return len(still)

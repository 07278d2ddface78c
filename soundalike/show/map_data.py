"""The map of a library for other programs: as a document for JSON, and as a table for CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from soundalike.errors import printable
from soundalike.library.records import Track
from soundalike.recommend.clusters import Group
from soundalike.recommend.map import LibraryMap

__all__ = ["clusters_document", "group_document", "map_document", "map_table"]

_COLUMNS = (
    "track_id",
    "x",
    "y",
    "group",
    "group_name",
    "membership",
    "trust",
    "is_new",
    "artist",
    "title",
    "album",
    "path",
)


def map_document(
    found: LibraryMap, groups: Sequence[Group], tracks: Sequence[Track]
) -> dict[str, Any]:
    """All of a map by name.

    Parameters
    ----------
    groups : of the map.
    tracks : in its order.
    """
    ids = found.track_ids.tolist()
    points = []
    for point, near in zip(_points(found, groups, tracks), found.nearest.tolist(), strict=True):
        points.append({**point, "nearest": [ids[row] for row in near if row >= 0]})
    return {
        "model": found.model,
        "fidelity": asdict(found.fidelity),
        "kept": float(found.trust.mean()),
        "groups": [group_document(group) for group in groups],
        "points": points,
    }


def clusters_document(found: LibraryMap, groups: Sequence[Group]) -> dict[str, Any]:
    """The groups of a map, without its points."""
    return {
        "model": found.model,
        "tracks": len(found),
        "unclear": int(found.is_unclear.sum()),
        "groups": [group_document(group) for group in groups],
    }


def group_document(group: Group) -> dict[str, Any]:
    """A group by name; of its typical tracks what tells which they are."""
    document = {name: getattr(group, name) for name in Group.__dataclass_fields__}
    document["typical"] = [
        {
            "track_id": track.track_id,
            "artist": track.artist,
            "title": track.title,
            "path": track.path,
        }
        for track in group.typical
    ]
    for name in ("words", "rare", "genres"):
        document[name] = [{**asdict(each), "lift": each.lift} for each in document[name]]
    return document


def map_table(found: LibraryMap, groups: Sequence[Group], tracks: Sequence[Track]) -> str:
    """A line of CSV for each track, under a line with the names of the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for point in _points(found, groups, tracks):
        writer.writerow({**point, "path": printable(point["path"])})
    return text.getvalue()


def _points(
    found: LibraryMap, groups: Sequence[Group], tracks: Sequence[Track]
) -> list[dict[str, Any]]:
    names = {group.number: group.name for group in groups}
    columns = zip(
        tracks,
        found.places.tolist(),
        (found.groups + 1).tolist(),
        found.memberships.tolist(),
        found.trust.tolist(),
        found.is_new.tolist(),
        strict=True,
    )
    return [
        {
            "track_id": track.track_id,
            "x": round(x, 4),
            "y": round(y, 4),
            "group": number,
            "group_name": names[number],
            "membership": round(membership, 3),
            "trust": round(trust, 3),
            "is_new": is_new,
            "artist": track.artist,
            "title": track.title,
            "album": track.album,
            "path": track.path,
        }
        for track, (x, y), number, membership, trust, is_new in columns
    ]

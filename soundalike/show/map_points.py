"""The points of a map as bytes, for a page that draws 100,000 of them.

All numbers are little-endian. A header of 24 bytes:

====== ======= ====================================================================
offset type    what
====== ======= ====================================================================
0      4 bytes ``SMAP``
4      uint16  the version of this layout, 1
6      uint16  how long the header is, 24: the columns begin there
8      uint32  n, how many points there are
12     uint32  how many groups
16     uint32  the state of the map: labels with the same one are of the same points
20     uint32  0
====== ======= ====================================================================

Then the columns, each of n numbers, one after the other; each begins at a multiple of its size:

1. float32 x, 2. float32 y: one unit apart, nearness on the map is a half;
3. int32 track_id;
4. float32 trust: the share of the track's nearest by sound that are among its nearest here;
5. float32 membership: how much of what is near to it is in its group;
6. int16 group: its place in ``groups``, the largest 0;
7. uint8 flags: 1, it was placed after the map was made; 2, it belongs to no group clearly.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from soundalike.errors import LibraryError
from soundalike.recommend.map import LibraryMap

__all__ = ["LAYOUT_VERSION", "MAGIC", "map_points"]

MAGIC: Final = b"SMAP"
LAYOUT_VERSION: Final = 1

_HEADER: Final = struct.Struct("<4sHHIIII")
_IS_NEW, _IS_UNCLEAR = 1, 2


def map_points(found: LibraryMap, state: int) -> bytes:
    """The header and columns of a map, in the order of its tracks.

    Parameters
    ----------
    state : of the map, 0 to 2**32 - 1.

    Raises
    ------
    LibraryError : an id or a group is greater than there is room for.
    """
    if found.track_ids.max(initial=0) >= 2**31 or found.n_groups >= 2**15:
        raise LibraryError("the map has ids or groups that are too large for its points")
    header = _HEADER.pack(MAGIC, LAYOUT_VERSION, _HEADER.size, len(found), found.n_groups, state, 0)
    flags = _IS_NEW * found.is_new + _IS_UNCLEAR * found.is_unclear
    columns = (
        found.places[:, 0].astype("<f4"),
        found.places[:, 1].astype("<f4"),
        found.track_ids.astype("<i4"),
        found.trust.astype("<f4"),
        found.memberships.astype("<f4"),
        found.groups.astype("<i2"),
        np.asarray(flags, np.uint8),
    )
    return b"".join((header, *(column.tobytes() for column in columns)))

"""Sets of rows that are joined pair by pair."""

from __future__ import annotations

__all__ = ["RowSets"]


class RowSets:
    """Rows 0 to n - 1, each in a set of its own to begin with.

    Parameters
    ----------
    n : rows.
    """

    def __init__(self, n: int) -> None:
        self._parents = list(range(n))

    def of(self, row: int) -> int:
        """The lowest row of its set."""
        parents = self._parents
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    def join(self, one: int, other: int) -> None:
        """Make one set of those of two rows."""
        low, high = sorted((self.of(one), self.of(other)))
        self._parents[high] = low

    def all(self) -> list[list[int]]:
        """The sets, each ascending, by their first rows."""
        members: dict[int, list[int]] = {}
        for row in range(len(self._parents)):
            members.setdefault(self.of(row), []).append(row)
        return list(members.values())

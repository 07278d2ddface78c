"""Which models were the default, one after another, so that each replaces the ones before it.

A new version of soundalike may have a new default model, with a new name or a new version. It
replaces the earlier defaults: a scan re-analyses what they analysed. A model that somebody chose
by name replaces nothing; its analyses stay beside the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from soundalike.models import (
    DEFAULT_MODEL,
    FORMER_DEFAULTS,
    ModelInfo,
    builtin_models,
    find_model,
)

if TYPE_CHECKING:
    from soundalike.facets import Facets

__all__ = ["EmbeddingSpace", "Lineage", "default_lineage"]


class EmbeddingSpace(Protocol):
    """What the library must know about a model to read its analyses; it need not be installed."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def id(self) -> str: ...

    @property
    def embedding_dim(self) -> int: ...

    @property
    def layout(self) -> Facets: ...


@dataclass(frozen=True)
class Lineage:
    """The newest of a line of models, and those that it replaces.

    Attributes
    ----------
    current : analyses new tracks, and re-analyses what its predecessors analysed.
    former : names of the predecessors, oldest first; older versions of ``current`` also count,
        without being listed.
    installed : predecessors that can still analyse.
    """

    current: ModelInfo
    former: tuple[str, ...] = ()
    installed: tuple[ModelInfo, ...] = ()

    def age(self, name: str, version: str) -> tuple[object, ...] | None:
        """Sort key within the line, oldest first; None for a model that is not in it.

        A version newer than the current one, left by a newer soundalike, is not in the line.
        """
        if name in self.former:
            return (self.former.index(name), *_order(version))
        if name == self.current.name and _order(version) <= _order(self.current.version):
            return (len(self.former), *_order(version))
        return None


def default_lineage() -> Lineage:
    """The line that ends with the default model of this soundalike.

    Raises
    ------
    ModelError : the default model is not installed.
    """
    current = find_model(DEFAULT_MODEL)
    line = Lineage(current, FORMER_DEFAULTS)
    older = (
        model
        for model in builtin_models()
        if model.id != current.id
        and line.age(model.name, model.version) is not None
        and model.path.is_file()
    )
    return Lineage(current, FORMER_DEFAULTS, tuple(older))


def _order(version: str) -> tuple[tuple[int, ...], str]:
    """``10`` comes after ``9``, ``1.10`` after ``1.9``."""
    return tuple(int(number) for number in re.findall(r"\d+", version)), version

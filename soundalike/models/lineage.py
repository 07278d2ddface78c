"""Which models followed one another as the default, so that one takes the place of another.

An upgrade of soundalike may bring a new default model, under a new name or with a new version. It
is the successor of the defaults before it: a scan re-analyses what they analysed. Any other model
that somebody chose by its name is nobody's successor, and its analyses stay beside these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from soundalike.models import (
    DEFAULT_MODEL,
    FORMER_DEFAULTS,
    ModelInfo,
    builtin_models,
    find_model,
)

__all__ = ["EmbeddingSpace", "Lineage", "default_lineage"]


class EmbeddingSpace(Protocol):
    """What the library has to know of a model to read what it left; it need not be installed."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def id(self) -> str: ...

    @property
    def embedding_dim(self) -> int: ...


@dataclass(frozen=True)
class Lineage:
    """The newest of a line of models, and those whose place it takes.

    Attributes
    ----------
    current : analyses what is new, and again what its predecessors analysed.
    former : names of the predecessors, oldest first; older versions of ``current`` are among
        them without being named.
    installed : predecessors that can still analyse.
    """

    current: ModelInfo
    former: tuple[str, ...] = ()
    installed: tuple[ModelInfo, ...] = ()

    def age(self, name: str, version: str) -> tuple[object, ...] | None:
        """Orders the models of the line, the oldest first; None for one that is not in it.

        A version newer than the current one, as a newer soundalike leaves it, is not in the line.
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

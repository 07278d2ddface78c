"""``--taste/--no-taste``: whether a listener's taste counts, for every command that ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import note
from soundalike.cli.views import weight_words

if TYPE_CHECKING:
    from soundalike.library import Library, TasteUse
    from soundalike.similarity.taste import Taste

__all__ = ["asked_taste", "note_taste", "taste_option"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def taste_option(command: Decorated) -> Decorated:
    """``--taste/--no-taste`` as ``use_taste``: None where neither is given."""
    return click.option(
        "--taste/--no-taste",
        "use_taste",
        default=None,
        help="Go by your taste. Default: where `soundalike taste` says that it is in use.",
    )(command)


def asked_taste(library: Library, use_taste: bool | None) -> Taste | None:
    """The taste that is in use, unless it is to be left out."""
    from soundalike.recommend.taste_use import taste_in_use

    return None if use_taste is False else taste_in_use(library)


def note_taste(
    use: TasteUse | None, use_taste: bool | None, weights: Mapping[str, float] | None = None
) -> None:
    """What of a taste had a say in what is shown; or that none had, if it was asked for.

    Parameters
    ----------
    weights : the share of each facet, told where it is the taste's.
    """
    if use is not None:
        parts = {
            "its weights": use.weights,
            "a finer metric": use.metric,
            "what you like": use.liking,
        }
        words = ", ".join(name for name, is_used in parts.items() if is_used)
        note(f"by your taste ({words}); --no-taste leaves it out")
        if use.weights and weights is not None:
            note(f"weights: {weight_words(weights)}")
    elif use_taste:
        note("No taste is in use: `soundalike taste` says why. This is as the model has it.")

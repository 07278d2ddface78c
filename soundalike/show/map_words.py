"""What is said of a map and its groups, in words that the commands and the page share."""

from __future__ import annotations

from collections.abc import Iterable

from soundalike.recommend.clusters import Group
from soundalike.recommend.map import LibraryMap
from soundalike.recommend.traits import Trait
from soundalike.show.amounts import show_count, show_percent

__all__ = ["axes_words", "group_facts", "kept_words", "new_words", "trait_words", "unclear_words"]

# From here on the tracks of a group are called alike in a facet.
_CLOSE = 0.2


def kept_words(found: LibraryMap) -> str:
    """How far a map can be believed."""
    kept = float(found.trust.mean())
    k = min(found.fidelity.k, max(len(found) - 1, 0))
    if k == 0:
        return "there is nothing to compare it with"
    return (
        f"of the {k} tracks that sound most like one, {show_percent(kept)} are among the {k} "
        f"nearest here"
    )


def axes_words(found: LibraryMap) -> str:
    """The figures when it was made, beside those of the plainest map."""
    figures = found.fidelity
    text = (
        f"When the map was made: {show_percent(figures.kept)} of the {figures.k} nearest kept, by "
        f"the two main axes (PCA) {show_percent(figures.kept_by_axes)}"
    )
    if figures.trustworthiness is None or figures.trustworthiness_by_axes is None:
        return text
    return (
        f"{text}; trustworthiness {figures.trustworthiness:.3f}, by the two main axes "
        f"{figures.trustworthiness_by_axes:.3f}"
    )


def new_words(found: LibraryMap) -> str:
    """How many tracks came after the map was made; empty where none did."""
    n_new = int(found.is_new.sum())
    if not n_new:
        return ""
    were = "was" if n_new == 1 else "were"
    return (
        f"{show_count(n_new, 'track')} {were} placed amid the others after the map was made, and "
        f"nothing else moved"
    )


def unclear_words(found: LibraryMap) -> str:
    """How many tracks are between the groups."""
    n_unclear = int(found.is_unclear.sum())
    if not n_unclear:
        return "every track belongs clearly to one"
    belong = "belongs" if n_unclear == 1 else "belong"
    share = show_percent(n_unclear / len(found))
    return f"{n_unclear:,} ({share}) {belong} clearly to none"


def trait_words(traits: Iterable[Trait]) -> str:
    """``piano 57 % (15 % of the library), folk ...``."""
    return ", ".join(
        f"{each.name} {show_percent(each.share)} (library {show_percent(each.in_library)})"
        for each in traits
    )


def group_facts(group: Group) -> list[tuple[str, str]]:
    """What sets a group apart, as named fields; those that say nothing are left out."""
    close = [name for name, value in group.closeness.items() if value >= _CLOSE]
    tempo = ""
    if group.tempo_bpm is not None:
        low, high = (round(each) for each in group.tempo_bpm)
        tempo = f"{low} BPM" if low == high else f"{low} to {high} BPM"
    facts = [
        ("typical", "; ".join(f"{track.name} (#{track.track_id})" for track in group.typical)),
        ("words", trait_words(group.words)),
        ("hardly any", ", ".join(each.name for each in group.rare)),
        ("genres", trait_words(group.genres)),
        ("tempo", tempo),
        ("alike in", ", ".join(close)),
        ("artists", ", ".join(f"{each.artist} {each.tracks:,}" for each in group.artists)),
    ]
    if group.unclear:
        facts.append(("unclear", show_count(group.unclear, "track")))
    return [(name, value) for name, value in facts if value]

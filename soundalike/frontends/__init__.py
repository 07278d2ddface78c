"""From samples to what a model takes: the frontends, by the names that models give them.

``dsp`` has what all are made of, ``log_mel`` the frontend of our own models without facets,
``streams`` of those with facets (``onset``, ``chroma`` and ``decimate`` are parts of it),
``musicnn`` and ``yamnet`` those of these models, ``resampled`` what they share; ``decoded`` leads
from a file to the frames of any of them, ``spread`` from a few passages of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from soundalike.errors import ModelError

if TYPE_CHECKING:
    from soundalike.frontends.decoded import Stream
    from soundalike.frontends.log_mel import Excerpts

__all__ = ["Frontend", "find_frontend"]


@dataclass(frozen=True)
class Frontend:
    """From samples to what a model takes.

    Attributes
    ----------
    n_mels : bands of the spectrogram, which is (n_mels, n_frames).
    frame_s : seconds from frame to frame.
    excerpt_s : seconds that one input of the model lasts.
    stream : makes a stream for a sample rate in Hz.
    excerpts : cuts what the stream makes into inputs of the model; takes a spectrogram as well,
        where the stream makes more.
    descriptors : the inputs of the model beside the frames, and how many numbers an excerpt has in
        each.
    has_chroma : whether what the stream makes has chroma, of which fingerprints are made.
    """

    n_mels: int
    frame_s: float
    excerpt_s: float
    stream: Callable[[int], Stream[Any]]
    excerpts: Callable[[Any], Excerpts]
    descriptors: Mapping[str, int] = field(default_factory=dict)
    has_chroma: bool = False


@cache
def _frontends() -> dict[str, Frontend]:
    # Here: descriptors, of which streams are made, import those of this package; and who looks up
    # a constant of one frontend need not load all.
    from soundalike.frontends import log_mel, musicnn, streams, yamnet

    return {
        "log-mel-128": Frontend(
            log_mel.N_MELS,
            log_mel.FRAME_S,
            log_mel.EXCERPT_S,
            log_mel.LogMelStream,
            log_mel.excerpts,
        ),
        "facets-1": Frontend(
            log_mel.N_MELS,
            log_mel.FRAME_S,
            log_mel.EXCERPT_S,
            streams.FacetStream,
            streams.facet_excerpts,
            streams.DESCRIPTORS,
            has_chroma=True,
        ),
        "musicnn-96": Frontend(
            musicnn.N_MELS,
            musicnn.FRAME_S,
            musicnn.PATCH_S,
            musicnn.PatchStream,
            musicnn.patches,
        ),
        "yamnet-64": Frontend(
            yamnet.N_MELS,
            yamnet.FRAME_S,
            yamnet.PATCH_S,
            yamnet.PatchStream,
            yamnet.patches,
        ),
    }


def find_frontend(name: str) -> Frontend:
    """The frontend that a model asks for by its name.

    Raises
    ------
    ModelError : there is none of this name; the message lists those that there are.
    """
    known = _frontends()
    if name not in known:
        raise ModelError(
            f"the model needs the frontend {name!r}; this version has {', '.join(known)}"
        )
    return known[name]

"""What the product's embedding and genres are made of: blocks of values an excerpt.

The facet "sound" is made of blocks of what the network gives: the trunk's features, what its heads
say in the teachers' place, statistics. Each is centred on reference tracks and scaled so that its
mean squared length is 1, or its weight squared; together they are projected onto their principal
axes. Of lessons only the whole is scaled, since their axes have the size that they are to have; of
all else each value is standardised. The other facets are made of the frontend's descriptors, each
value standardised, likewise. How far a facet's axes are made equal in size is its evening: 0
leaves them, 1 would be whitening, which amplifies noise. All of this is a matrix and an offset for
each facet in the exported model.

The genres may come from a logistic regression on such blocks instead of the network's own head,
which has seen its training tracks so often that it knows them by heart: a heavily penalised linear
one on what the teachers' heads predict has less to remember them by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from soundalike.errors import InvalidArgument
from soundalike.facets import SOUND, Facet, Facets
from soundalike.frontends.log_mel import excerpts
from soundalike.frontends.streams import DESCRIPTORS
from soundalike.research.augment import AugmentConfig, record_again
from soundalike.research.distill.lessons import LESSONS, TAUGHT
from soundalike.research.distill.statistics import STATISTICS, Statistics
from soundalike.research.networks import Output, Student

__all__ = [
    "ANOTHER_CHAIN",
    "BLOCKS",
    "Blocks",
    "GenreHead",
    "Projected",
    "Projection",
    "ProjectionConfig",
    "excerpt_values",
    "fit_genre_head",
    "fit_projection",
    "track_means",
]

BLOCKS: Final = ("trunk", *TAUGHT, *STATISTICS)
"""What the facet "sound" and the genres may be made of: lessons go by their names."""

# A value that hardly varies over the reference tracks says nothing, and would be noise once scaled.
_DEAD: Final = 1e-4
_AS_A_WHOLE: Final = frozenset(lesson.name for lesson in LESSONS)

ANOTHER_CHAIN: Final = AugmentConfig(
    edge=0.2, lowpass=0.4, lowpass_from=0.4, tilt_db=4.0, floor=0.2, noise=0.3
)
"""How copies of the training tracks are recorded again."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ProjectionConfig:
    """What an embedding is made of.

    Attributes
    ----------
    blocks : of the facet "sound", names among :data:`BLOCKS`.
    weights : one for each block; empty for 1 each.
    dims : principal axes that are kept of them, where there are no facets; 0 for all values as they
        are.
    genre_blocks : inputs of a logistic regression for the genres; empty for the network's head.
    genre_strength : of that regression, the inverse of its L2 penalty (scikit-learn's ``C``).
    genre_copies : how often it sees each training track besides, recorded again.
    facets : name, weight, number of values and evening (0 to 1) of each facet, "sound" among them;
        empty for an embedding that is not made of facets.

    Raises
    ------
    InvalidArgument : an unknown block or facet, or weights that do not fit.
    """

    blocks: tuple[str, ...] = ("trunk",)
    weights: tuple[float, ...] = ()
    dims: int = 0
    genre_blocks: tuple[str, ...] = ()
    genre_strength: float = 0.003
    genre_copies: int = 0
    facets: tuple[tuple[str, float, int, float], ...] = ()

    def __post_init__(self) -> None:
        for names in (self.blocks, self.genre_blocks or self.blocks):
            if set(names) - set(BLOCKS) or not names or len(set(names)) != len(names):
                raise InvalidArgument(
                    f"blocks must be some of {', '.join(BLOCKS)}, each once, not "
                    f"{', '.join(names) or 'none'}"
                )
        if not self.genre_strength > 0:
            raise InvalidArgument(f"genre_strength must be above 0, not {self.genre_strength}")
        if self.genre_copies < 0:
            raise InvalidArgument(f"genre_copies must be 0 or more, not {self.genre_copies}")
        if self.weights and len(self.weights) != len(self.blocks):
            raise InvalidArgument(f"{len(self.weights)} weights for {len(self.blocks)} blocks")
        if not all(weight > 0 for weight in self.weights):
            raise InvalidArgument(f"weights must be above 0, not {self.weights}")
        if self.dims < 0:
            raise InvalidArgument(f"dims must be 0 or more, not {self.dims}")
        self._check_facets()

    def _check_facets(self) -> None:
        if not self.facets:
            return
        if self.dims:
            raise InvalidArgument(
                f"dims is what the facet {SOUND} says of its size: leave out the one or the other"
            )
        names = [name for name, *_ in self.facets]
        known = (SOUND, *DESCRIPTORS)
        if set(names) - set(known) or SOUND not in names or len(set(names)) != len(names):
            raise InvalidArgument(
                f"facets must be {SOUND} and some of {', '.join(DESCRIPTORS)}, each once, not "
                f"{', '.join(names)}"
            )
        for name, weight, size, evening in self.facets:
            if not weight > 0 or size < 1 or not 0 <= evening <= 1:
                raise InvalidArgument(
                    f"the facet {name} needs a weight above 0, one value or more and an evening "
                    f"of 0 to 1, not {weight}, {size} and {evening}"
                )

    @property
    def all_blocks(self) -> tuple[str, ...]:
        """What embedding and genres need, each once."""
        return tuple(dict.fromkeys((*self.blocks, *self.genre_blocks)))

    @property
    def layout(self) -> Facets | None:
        """The facets with their weights as shares; None without facets."""
        if not self.facets:
            return None
        total = sum(weight for _, weight, *_ in self.facets)
        return Facets(
            tuple(Facet(name, size, weight / total) for name, weight, size, _ in self.facets)
        )


@dataclass(frozen=True)
class Projection:
    """An embedding is ``matrix @ values + offset``.

    Attributes
    ----------
    matrix : float32 (D, n_values), over the blocks end to end.
    offset : float32 (D,); the mean embedding of the reference tracks is 0.
    """

    matrix: Floats
    offset: Floats

    def __call__(self, values: npt.NDArray[np.floating]) -> Floats:
        """Embeddings (n, D) of values (n, n_values)."""
        found: Floats = (values @ self.matrix.T + self.offset).astype(np.float32)
        return found


def fit_projection(
    blocks: Mapping[str, Floats],
    names: Sequence[str],
    weights: Sequence[float] = (),
    dims: int = 0,
    evening: float = 0.0,
) -> Projection:
    """Fit the matrix.

    Parameters
    ----------
    blocks : for each of the names the values (n_tracks, n_values) of reference tracks, each the
        mean over a track's excerpts.
    weights : one for each name; none for 1 each.
    dims : principal axes that are kept; 0 for all values as they are.
    evening : each axis is divided by its deviation, relative to that of all, to this power; only
        with ``dims``.

    Raises
    ------
    InvalidArgument : fewer tracks or values than ``dims``, or tracks that do not differ.
    """
    centres, scales = [], []
    for name, weight in zip(names, weights or (1.0,) * len(names), strict=True):
        values = blocks[name].astype(np.float64)
        spread = values.std(axis=0)
        alive = spread > _DEAD
        if not alive.any():
            raise InvalidArgument(f"{name} is the same for all {len(values)} reference tracks")
        if name in _AS_A_WHOLE:
            spread = np.full_like(spread, np.sqrt((spread**2).mean()))
        # Standardised, the mean squared length is the number of values.
        scale = np.where(alive, weight / np.where(alive, spread, 1.0), 0.0) / np.sqrt(alive.sum())
        centres.append(values.mean(axis=0))
        scales.append(scale)
    centre, scale = np.concatenate(centres), np.concatenate(scales)
    matrix = np.diag(scale)
    if dims:
        joined = np.concatenate([blocks[name] for name in names], axis=1)
        scaled = (joined - centre) * scale
        if dims > min(scaled.shape):
            raise InvalidArgument(
                f"dims must be {min(scaled.shape)} at most ({scaled.shape[0]} reference tracks, "
                f"{scaled.shape[1]} values), not {dims}"
            )
        _, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
        # An axis along which tracks do not differ must not be blown up.
        sizes = np.maximum(sizes[:dims], _DEAD * sizes[0])
        even = (sizes / np.sqrt(np.mean(sizes**2))) ** -evening
        matrix = even[:, None] * axes[:dims] * scale
    return Projection(matrix.astype(np.float32), (-matrix @ centre).astype(np.float32))


class Blocks(nn.Module):
    """A network's logits, and the blocks of its excerpts.

    Raises
    ------
    InvalidArgument : a lesson from a network that learned none.
    """

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        if set(TAUGHT) & set(names) and not isinstance(network, Student):
            raise InvalidArgument(f"only the network student has the blocks {', '.join(TAUGHT)}")
        self.network = network
        self.names = tuple(names)
        self.statistics = Statistics() if set(names) & set(STATISTICS) else None

    def forward(self, log_mel: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """log_mel (n, 128, 128) in dB -> logits (n, n_labels), blocks (n, n_values) by name."""
        output = self.network(log_mel)
        found: dict[str, Tensor] = {"trunk": output.embedding}
        if isinstance(self.network, Student):
            found |= self.network.lessons(output.embedding)
        if self.statistics is not None:
            found |= self.statistics(log_mel)
        return output.logits, {name: found[name] for name in self.names}


@dataclass(frozen=True)
class GenreHead:
    """Logits are ``matrix @ values + offset``.

    Attributes
    ----------
    blocks : whose values, end to end.
    matrix : float32 (n_labels, n_values).
    offset : float32 (n_labels,).
    """

    blocks: tuple[str, ...]
    matrix: Floats
    offset: Floats


def fit_genre_head(
    blocks: Mapping[str, Floats], labels: npt.NDArray[np.integer], config: ProjectionConfig
) -> GenreHead:
    """Multinomial logistic regression with an L2 penalty on standardised values.

    Parameters
    ----------
    blocks : for each name in ``config.genre_blocks`` the values (n_excerpts, n_values).
    labels : (n_excerpts,); each label has to occur.
    """
    values = np.concatenate([blocks[name] for name in config.genre_blocks], axis=1)
    values = values.astype(np.float64)
    centre, spread = values.mean(axis=0), values.std(axis=0)
    scale = np.where(spread > _DEAD, 1.0 / np.maximum(spread, _DEAD), 0.0)
    fitted = LogisticRegression(C=config.genre_strength, max_iter=2000)
    fitted.fit((values - centre) * scale, labels)
    matrix = fitted.coef_ * scale
    return GenreHead(
        config.genre_blocks,
        matrix.astype(np.float32),
        (fitted.intercept_ - matrix @ centre).astype(np.float32),
    )


class _Linear(nn.Module):
    """``values @ matrix.T + offset``, fixed."""

    def __init__(self, matrix: Floats, offset: Floats) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.from_numpy(matrix))
        self.register_buffer("offset", torch.from_numpy(offset))
        self.matrix: Tensor
        self.offset: Tensor

    def forward(self, values: Tensor) -> Tensor:
        return values @ self.matrix.T + self.offset


class Projected(nn.Module):
    """A network whose embedding is a projection of its blocks: what is exported.

    Parameters
    ----------
    network : that has the blocks.
    config : which blocks, and which facets in which order.
    projections : for each facet its projection; "sound" alone without facets.
    head : tells the genres, in place of the network's own.
    words : positions of the words that are told, in a third output, as logits; empty for none.
    """

    def __init__(
        self,
        network: nn.Module,
        config: ProjectionConfig,
        projections: Mapping[str, Projection],
        head: GenreHead | None = None,
        words: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self._parts = (network, config, projections, head)
        self.names = config.blocks
        self.head_names = head.blocks if head else ()
        self.words = list(words)
        needed = (*self.names, *self.head_names, *(("words",) if words else ()))
        self.blocks = Blocks(network, tuple(dict.fromkeys(needed)))
        self.order = tuple(name for name, *_ in config.facets) or (SOUND,)
        self.projections = nn.ModuleDict(
            {name: _Linear(each.matrix, each.offset) for name, each in projections.items()}
        )
        self.head = _Linear(head.matrix, head.offset) if head else None

    @property
    def descriptors(self) -> tuple[str, ...]:
        """What is taken beside the log-mel excerpts, in the order of the arguments."""
        return tuple(name for name in DESCRIPTORS if name in self.order)

    def forward(self, log_mel: Tensor, *descriptors: Tensor) -> tuple[Tensor, ...]:
        """log_mel (n, 128, 128) in dB, and the descriptors (n, size) in their order, to logits
        (n, n_labels), embedding (n, D), and words (n, n_words)."""
        logits, found = self.blocks(log_mel)
        heard = self.heard(logits, found)
        parts = {
            name: self.projections[name](values)
            for name, values in zip(self.descriptors, descriptors, strict=True)
        } | {SOUND: heard.embedding}
        output = (heard.logits, torch.cat([parts[name] for name in self.order], dim=1))
        return (*output, found["words"][:, self.words]) if self.words else output

    def heard(self, logits: Tensor, found: Mapping[str, Tensor]) -> Output:
        """Logits, and the facet "sound", of the network's logits and blocks."""
        if self.head is not None:
            logits = self.head(_joined(found, self.head_names))
        return Output(logits, self.projections[SOUND](_joined(found, self.names)))

    def telling(self, words: Sequence[int]) -> Projected:
        """The same with words."""
        return Projected(*self._parts, words)

    def of_sound(self) -> nn.Module:
        """The same for log-mel excerpts alone: logits, and the facet "sound"."""
        return _OfSound(self)


class _OfSound(nn.Module):
    def __init__(self, projected: Projected) -> None:
        super().__init__()
        self.projected = projected

    def forward(self, log_mel: Tensor) -> Output:
        logits, found = self.projected.blocks(log_mel)
        return self.projected.heard(logits, found)


def _joined(blocks: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    return torch.cat([blocks[name] for name in names], dim=1)


def excerpt_values(
    network: nn.Module,
    names: Sequence[str],
    tracks: Iterable[Floats],
    copy: int = 0,
) -> list[dict[str, Floats]]:
    """The blocks of the excerpts of each track: float32 (n_excerpts, n_values), by name.

    Parameters
    ----------
    tracks : log-mel frames (128, n_frames), dB, cut as the product does.
    copy : 0 for the music as it is; any other number records it again, each in its own way.
    """
    blocks = Blocks(network, names).eval()
    values = []
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(copy)
        for track in tracks:
            heard = torch.from_numpy(excerpts(track).frames)
            _, found = blocks(record_again(heard, ANOTHER_CHAIN) if copy else heard)
            values.append({name: each.numpy() for name, each in found.items()})
    return values


def track_means(values: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Each block's mean over the excerpts of each track: float32 (n_tracks, n_values), by name."""
    return {name: np.stack([track[name].mean(axis=0) for track in values]) for name in values[0]}

"""What the product's embedding and genres are made of: blocks of values an excerpt.

Each block (the trunk's features, the embedding that the teacher's head predicts, statistics) is
standardised over reference tracks and scaled so that its mean squared length is 1, or its weight
squared; together they are projected onto their principal axes. All of this is one matrix and one
offset in the exported model. There is no whitening: it would amplify noise.

The genres may come from a logistic regression on such blocks instead of the network's own head,
which has seen its training tracks so often that it knows them by heart: a heavily penalised linear
one on what the teacher's head predicts has less to remember them by.
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
from soundalike.frontends.log_mel import excerpts
from soundalike.research.distill.statistics import STATISTICS, Statistics
from soundalike.research.distill.teacher import LESSONS
from soundalike.research.networks import Output, Student

__all__ = [
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

BLOCKS: Final = ("trunk", "teacher", "lessons", *STATISTICS)
"""``teacher`` is the teacher's embedding as predicted, ``lessons`` all of its outputs."""

# A value that hardly varies over the reference tracks says nothing, and would be noise once scaled.
_DEAD: Final = 1e-4

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ProjectionConfig:
    """What an embedding is made of.

    Attributes
    ----------
    blocks : names among :data:`BLOCKS`.
    weights : one for each block; empty for 1 each.
    dims : principal axes that are kept; 0 for all values as they are.
    genre_blocks : inputs of a logistic regression for the genres; empty for the network's head.
    genre_strength : of that regression, the inverse of its L2 penalty (scikit-learn's ``C``).

    Raises
    ------
    InvalidArgument : an unknown block, or weights that do not fit.
    """

    blocks: tuple[str, ...] = ("trunk",)
    weights: tuple[float, ...] = ()
    dims: int = 0
    genre_blocks: tuple[str, ...] = ()
    genre_strength: float = 0.003

    def __post_init__(self) -> None:
        for names in (self.blocks, self.genre_blocks or self.blocks):
            if set(names) - set(BLOCKS) or not names or len(set(names)) != len(names):
                raise InvalidArgument(
                    f"blocks must be some of {', '.join(BLOCKS)}, each once, not "
                    f"{', '.join(names) or 'none'}"
                )
        if not self.genre_strength > 0:
            raise InvalidArgument(f"genre_strength must be above 0, not {self.genre_strength}")
        if self.weights and len(self.weights) != len(self.blocks):
            raise InvalidArgument(f"{len(self.weights)} weights for {len(self.blocks)} blocks")
        if not all(weight > 0 for weight in self.weights):
            raise InvalidArgument(f"weights must be above 0, not {self.weights}")
        if self.dims < 0:
            raise InvalidArgument(f"dims must be 0 or more, not {self.dims}")

    @property
    def all_blocks(self) -> tuple[str, ...]:
        """What embedding and genres need, each once."""
        return tuple(dict.fromkeys((*self.blocks, *self.genre_blocks)))


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


def fit_projection(blocks: Mapping[str, Floats], config: ProjectionConfig) -> Projection:
    """Fit the matrix.

    Parameters
    ----------
    blocks : for each name in ``config.blocks`` the values (n_tracks, n_values) of reference tracks,
        each the mean over a track's excerpts.

    Raises
    ------
    InvalidArgument : fewer tracks or values than ``dims``, or tracks that do not differ.
    """
    centres, scales = [], []
    for name, weight in zip(
        config.blocks, config.weights or (1.0,) * len(config.blocks), strict=True
    ):
        values = blocks[name].astype(np.float64)
        spread = values.std(axis=0)
        alive = spread > _DEAD
        if not alive.any():
            raise InvalidArgument(f"{name} is the same for all {len(values)} reference tracks")
        # Standardised, the mean squared length is the number of values.
        scale = np.where(alive, weight / np.where(alive, spread, 1.0), 0.0) / np.sqrt(alive.sum())
        centres.append(values.mean(axis=0))
        scales.append(scale)
    centre, scale = np.concatenate(centres), np.concatenate(scales)
    matrix = np.diag(scale)
    if config.dims:
        joined = np.concatenate([blocks[name] for name in config.blocks], axis=1)
        scaled = (joined - centre) * scale
        if config.dims > min(scaled.shape):
            raise InvalidArgument(
                f"dims must be {min(scaled.shape)} at most ({scaled.shape[0]} reference tracks, "
                f"{scaled.shape[1]} values), not {config.dims}"
            )
        _, _, axes = np.linalg.svd(scaled, full_matrices=False)
        matrix = axes[: config.dims] * scale
    return Projection(matrix.astype(np.float32), (-matrix @ centre).astype(np.float32))


class Blocks(nn.Module):
    """A network's logits, and the blocks of its excerpts end to end.

    Raises
    ------
    InvalidArgument : a block of the teacher from a network that has none.
    """

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        if {"teacher", "lessons"} & set(names) and not isinstance(network, Student):
            raise InvalidArgument("only the network student has the blocks teacher and lessons")
        self.network = network
        self.names = tuple(names)
        self.statistics = Statistics() if set(names) & set(STATISTICS) else None

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, 128, 128) in dB -> logits (n, n_labels), values (n, n_values)."""
        logits, found = self.apart(log_mel)
        return Output(logits, torch.cat(list(found.values()), dim=1))

    def apart(self, log_mel: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The same with the blocks apart, by name, in the order that was asked for."""
        output = self.network(log_mel)
        found: dict[str, Tensor] = {"trunk": output.embedding}
        if {"teacher", "lessons"} & set(self.names):
            assert isinstance(self.network, Student)
            found["lessons"] = self.network.teacher(output.embedding)
            found["teacher"] = found["lessons"][:, : LESSONS[0].size]
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


class Projected(nn.Module):
    """A network whose embedding is a projection of its blocks: what is exported.

    Parameters
    ----------
    network : that has the blocks.
    names : of the blocks that are projected.
    head : tells the genres, in place of the network's own.
    """

    def __init__(
        self,
        network: nn.Module,
        names: Sequence[str],
        projection: Projection,
        head: GenreHead | None = None,
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        self.head_names = head.blocks if head else ()
        self.blocks = Blocks(network, tuple(dict.fromkeys((*self.names, *self.head_names))))
        self.register_buffer("matrix", torch.from_numpy(projection.matrix))
        self.register_buffer("offset", torch.from_numpy(projection.offset))
        self.matrix: Tensor
        self.offset: Tensor
        if head is not None:
            self.register_buffer("head_matrix", torch.from_numpy(head.matrix))
            self.register_buffer("head_offset", torch.from_numpy(head.offset))
            self.head_matrix: Tensor
            self.head_offset: Tensor

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, 128, 128) in dB -> logits (n, n_labels), embedding (n, D)."""
        logits, found = self.blocks.apart(log_mel)
        values = torch.cat([found[name] for name in self.names], dim=1)
        if self.head_names:
            of_head = torch.cat([found[name] for name in self.head_names], dim=1)
            logits = of_head @ self.head_matrix.T + self.head_offset
        return Output(logits, values @ self.matrix.T + self.offset)


def excerpt_values(
    network: nn.Module, names: Sequence[str], tracks: Iterable[Floats]
) -> list[dict[str, Floats]]:
    """The blocks of the excerpts of each track: float32 (n_excerpts, n_values), by name.

    Parameters
    ----------
    tracks : log-mel frames (128, n_frames), dB, cut as the product does.
    """
    blocks = Blocks(network, names).eval()
    values = []
    with torch.inference_mode():
        for track in tracks:
            _, found = blocks.apart(torch.from_numpy(excerpts(track).frames))
            values.append({name: each.numpy() for name, each in found.items()})
    return values


def track_means(values: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Each block's mean over the excerpts of each track: float32 (n_tracks, n_values), by name."""
    return {name: np.stack([track[name].mean(axis=0) for track in values]) for name in values[0]}

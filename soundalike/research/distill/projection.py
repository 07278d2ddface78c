"""What the product's embedding is made of: blocks of values, scaled alike, on fewer axes.

Each block (the trunk's features, the embedding that the teacher's head foretells, statistics) is
standardised over reference tracks and scaled so that its mean squared length is 1, or its weight
squared; end to end they are turned onto their principal axes. All of that is one matrix and one
offset, which the exported model carries. Whitening is left out: it would blow up noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from soundalike.errors import InvalidArgument
from soundalike.frontend import excerpts
from soundalike.research.distill.statistics import STATISTICS, Statistics
from soundalike.research.distill.teacher import LESSONS
from soundalike.research.networks import Listener, Output

__all__ = [
    "BLOCKS",
    "Blocks",
    "Projected",
    "Projection",
    "ProjectionConfig",
    "fit_projection",
    "reference_means",
]

BLOCKS: Final = ("trunk", "teacher", "lessons", *STATISTICS)
"""``teacher`` is the teacher's embedding as foretold, ``lessons`` all of its outputs."""

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

    Raises
    ------
    InvalidArgument : an unknown block, or weights that do not fit.
    """

    blocks: tuple[str, ...] = ("trunk",)
    weights: tuple[float, ...] = ()
    dims: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.blocks) - set(BLOCKS)
        if unknown or not self.blocks or len(set(self.blocks)) != len(self.blocks):
            raise InvalidArgument(
                f"blocks must be some of {', '.join(BLOCKS)}, each once, not "
                f"{', '.join(self.blocks) or 'none'}"
            )
        if self.weights and len(self.weights) != len(self.blocks):
            raise InvalidArgument(f"{len(self.weights)} weights for {len(self.blocks)} blocks")
        if not all(weight > 0 for weight in self.weights):
            raise InvalidArgument(f"weights must be above 0, not {self.weights}")
        if self.dims < 0:
            raise InvalidArgument(f"dims must be 0 or more, not {self.dims}")


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
        if {"teacher", "lessons"} & set(names) and not isinstance(network, Listener):
            raise InvalidArgument("only the network listener has the blocks teacher and lessons")
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
            assert isinstance(self.network, Listener)
            found["lessons"] = self.network.teacher(output.embedding)
            found["teacher"] = found["lessons"][:, : LESSONS[0].size]
        if self.statistics is not None:
            found |= self.statistics(log_mel)
        return output.logits, {name: found[name] for name in self.names}


class Projected(nn.Module):
    """A network whose embedding is a projection of its blocks: what is exported."""

    def __init__(self, blocks: Blocks, projection: Projection) -> None:
        super().__init__()
        self.blocks = blocks
        self.register_buffer("matrix", torch.from_numpy(projection.matrix))
        self.register_buffer("offset", torch.from_numpy(projection.offset))
        self.matrix: Tensor
        self.offset: Tensor

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, 128, 128) in dB -> logits (n, n_labels), embedding (n, D)."""
        output = self.blocks(log_mel)
        return Output(output.logits, output.embedding @ self.matrix.T + self.offset)


def reference_means(
    network: nn.Module, names: Sequence[str], tracks: Iterable[Floats]
) -> dict[str, Floats]:
    """Each block's mean over the excerpts of each track: float32 (n_tracks, n_values), by name.

    Parameters
    ----------
    tracks : log-mel frames (128, n_frames), dB, cut as the product does.
    """
    blocks = Blocks(network, names).eval()
    means: dict[str, list[Floats]] = {name: [] for name in names}
    with torch.inference_mode():
        for track in tracks:
            _, found = blocks.apart(torch.from_numpy(excerpts(track).frames))
            for name, values in found.items():
                means[name].append(values.mean(dim=0).numpy())
    return {name: np.stack(values) for name, values in means.items()}

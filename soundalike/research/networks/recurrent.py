"""Networks that read an excerpt frame by frame: what the source paper left as future work."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from soundalike.errors import InvalidArgument
from soundalike.research.networks.base import Output, normalise, wide
from soundalike.research.networks.shared import BatchNorm2d, Dropout

__all__ = ["CnnLstm", "Gru", "Lstm", "Rnn"]

POOLS = ("mean", "last")
_FORMER_NAME = re.compile(r"recurrent\.([a-z_]+)_l(\d+)")


def _check_pool(pool: str) -> None:
    if pool not in POOLS:
        raise InvalidArgument(f"pool must be one of {', '.join(POOLS)}, not {pool!r}")


def _pool(states: Tensor, pool: str) -> Tensor:
    """(n, n_steps, hidden) -> (n, hidden)."""
    return states.mean(dim=1) if pool == "mean" else states[:, -1]


def _full_precision_on_cpu(x: Tensor) -> AbstractContextManager[object]:
    """On a CPU bfloat16 makes recurrence several times slower, not faster."""
    return torch.autocast("cpu", enabled=False) if x.device.type == "cpu" else nullcontext()


def _layers_of_one(_network: nn.Module, weights: dict[str, Any], prefix: str, *_: object) -> None:
    """Weights that were saved while all layers were one module get their present names."""
    for name in [name for name in weights if name.startswith(f"{prefix}recurrent.")]:
        former = _FORMER_NAME.fullmatch(name.removeprefix(prefix))
        if former:
            kind, layer = former.groups()
            weights[f"{prefix}recurrent.{layer}.{kind}_l0"] = weights.pop(name)


class _Recurrent(nn.Module):
    """Stacked recurrent layers over the frames, and one linear layer on their states.

    Parameters
    ----------
    n_labels : classes.
    n_mels : bands of a frame, the input of each step.
    hidden : size of the state, which is that of the embedding; 0 takes the size that gives each
        kind of cell about as many parameters as the resnet has.
    layers : recurrent layers on top of each other.
    pool : "mean" of the last layer's states over the excerpt, or its "last" state.
    dropout : between the layers and before the logits.
    """

    cell: ClassVar[Callable[..., nn.Module]]
    options: ClassVar[dict[str, Any]] = {}
    usual_hidden: ClassVar[int]

    def __init__(
        self,
        n_labels: int = 10,
        n_mels: int = 128,
        hidden: int = 0,
        layers: int = 2,
        pool: str = "mean",
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        _check_pool(pool)
        self.pool = pool
        if layers < 1:
            raise InvalidArgument(f"layers must be 1 or more, not {layers}")
        hidden = hidden or self.usual_hidden
        # One by one, since torch draws the dropout between the layers of one for a whole batch.
        self.recurrent = nn.ModuleList(
            self.cell(n_mels if layer == 0 else hidden, hidden, batch_first=True, **self.options)
            for layer in range(layers)
        )
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(hidden, n_labels)
        self.register_load_state_dict_pre_hook(_layers_of_one)  # type: ignore[no-untyped-call]

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, n_mels, n_frames) in dB -> logits (n, n_labels), embedding (n, hidden)."""
        states = normalise(log_mel).transpose(1, 2)  # (n, n_frames, n_mels)
        with _full_precision_on_cpu(states):
            for number, layer in enumerate(self.recurrent):
                # (n, n_frames, hidden)
                states, _ = layer(self.dropout(states) if number else states)
        embedding = _pool(states, self.pool)
        return Output(self.head(self.dropout(embedding)), embedding)


class Rnn(_Recurrent):
    """Elman's network (1990): the next state is tanh of the input and the state before."""

    cell = nn.RNN
    usual_hidden = 452
    options: ClassVar[dict[str, Any]] = {"nonlinearity": "tanh"}


class Lstm(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of 2000)."""

    cell = nn.LSTM
    usual_hidden = 216


class Gru(_Recurrent):
    """Gated recurrent unit (Cho et al. 2014): as LSTM, with two gates and no cell of its own."""

    cell = nn.GRU
    usual_hidden = 252


class CnnLstm(nn.Module):
    """Three convolutions shorten and thicken the frames; an LSTM reads what they give.

    Each convolution is 3 x 3 with batch normalisation. The poolings (2, 2), (4, 2) and (4, 2) leave
    4 bands and an eighth of the frames: 16 steps of 0.6 s for an excerpt of 128 frames.

    Parameters
    ----------
    n_labels : classes.
    n_mels : bands, a multiple of 32.
    channels : of the three convolutions.
    hidden : size of the LSTM's state, which is that of the embedding.
    pool : "mean" of the states over the excerpt, or the "last" state.
    dropout : after the convolutions and before the logits.
    """

    def __init__(
        self,
        n_labels: int = 10,
        n_mels: int = 128,
        channels: tuple[int, ...] = (16, 32, 64),
        hidden: int = 292,
        pool: str = "mean",
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        _check_pool(pool)
        if len(channels) != 3 or n_mels % 32:
            raise InvalidArgument(
                f"cnn-lstm has 3 convolutions over a multiple of 32 bands, "
                f"not {len(channels)} over {n_mels}"
            )
        self.pool = pool
        layers: list[nn.Module] = []
        inputs = 1
        for width, window in zip(channels, ((2, 2), (4, 2), (4, 2)), strict=True):
            layers += [
                nn.Conv2d(inputs, width, 3, padding=1, bias=False),
                BatchNorm2d(width),
                nn.ReLU(),
                nn.MaxPool2d(window),
            ]
            inputs = width
        self.convolutions = nn.Sequential(*layers)
        self.lstm = nn.LSTM(inputs * (n_mels // 32), hidden, batch_first=True)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(hidden, n_labels)

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, n_mels, n_frames) in dB -> logits (n, n_labels), embedding (n, hidden)."""
        x = self.convolutions(normalise(log_mel)[:, None])  # (n, channels[2], mel/32, frame/8)
        steps = self.dropout(x.permute(0, 3, 1, 2).flatten(2))  # (n, frame/8, channels * mel/32)
        with _full_precision_on_cpu(steps):
            states, _ = self.lstm(wide(steps))
        embedding = _pool(states, self.pool)
        return Output(self.head(self.dropout(embedding)), embedding)

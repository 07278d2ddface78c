"""Networks in plain PyTorch: excerpts in, logits and embedding out.

Those for music take dB values of any scale, float32 (n, n_mels, n_frames), and normalise every
excerpt to zero mean and unit variance themselves, so that loudness and the floor of the recording
drop out in training and in the exported model alike. ``cifar-cnn`` takes images. Adding a network
is one class and one line in :data:`NETWORKS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import nn

from soundalike.errors import InvalidArgument
from soundalike.research.networks.base import Output, normalise, wide
from soundalike.research.networks.paper import CifarCnn, PaperCnn
from soundalike.research.networks.recurrent import CnnLstm, Gru, Lstm, Rnn
from soundalike.research.networks.resnet import ResNet
from soundalike.research.networks.student import Student

__all__ = [
    "NETWORKS",
    "CifarCnn",
    "CnnLstm",
    "Gru",
    "Lstm",
    "Output",
    "PaperCnn",
    "ResNet",
    "Rnn",
    "Student",
    "build",
    "normalise",
    "parameter_count",
    "wide",
]

NETWORKS: Final[dict[str, type[nn.Module]]] = {
    "cifar-cnn": CifarCnn,
    "cnn-lstm": CnnLstm,
    "gru": Gru,
    "lstm": Lstm,
    "paper-cnn": PaperCnn,
    "resnet": ResNet,
    "rnn": Rnn,
    "student": Student,
}


def build(name: str, options: Mapping[str, object] | None = None) -> nn.Module:
    """The network of that name with those options.

    Raises
    ------
    InvalidArgument : no such network, or an option it doesn't take.
    """
    if name not in NETWORKS:
        raise InvalidArgument(f"unknown network {name!r}; available: {', '.join(sorted(NETWORKS))}")
    # JSON has no tuples.
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in (options or {}).items()}
    try:
        return NETWORKS[name](**given)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"network {name}: {error}") from error


def parameter_count(network: nn.Module) -> int:
    """Trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters())

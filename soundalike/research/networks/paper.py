"""The two CNNs of the source paper: one on log-mel segments, one on CIFAR-10 images."""

from __future__ import annotations

from torch import Tensor, nn

from soundalike.errors import InvalidArgument
from soundalike.research.networks.base import Output, normalise
from soundalike.research.networks.shared import Dropout

__all__ = ["CifarCnn", "PaperCnn"]


def _start(module: nn.Module) -> None:
    """He et al. 2015: without it ten plain layers in a row hardly pass a gradient on."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)


def _linear_layers(inputs: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers)


class PaperCnn(nn.Module):
    """Five convolution + max-pool layers with dropout, flattened into five linear layers.

    Each convolution is 3 x 3 and keeps the size, each pooling halves both axes, so that an excerpt
    of 128 bands by 38 frames becomes 4 by 1. The sizes of the layers are ours.

    Parameters
    ----------
    n_labels : classes.
    n_mels, n_frames : size of an excerpt; the linear layers fit no other. At least 32 each.
    channels : of the five convolutions.
    hidden : widths of the first four linear layers; the last of them is the embedding.
    dropout : after each pooling.
    """

    def __init__(
        self,
        n_labels: int = 10,
        n_mels: int = 128,
        n_frames: int = 128,
        channels: tuple[int, ...] = (16, 32, 64, 128, 128),
        hidden: tuple[int, ...] = (192, 96, 64, 32),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if len(channels) != 5 or len(hidden) != 4:
            raise InvalidArgument(
                f"paper-cnn has 5 convolutions and 4 hidden linear layers, "
                f"not {len(channels)} and {len(hidden)}"
            )
        if min(n_mels, n_frames) < 32:
            raise InvalidArgument(f"five poolings need 32 by 32, not {n_mels} by {n_frames}")
        self.n_mels, self.n_frames = n_mels, n_frames
        layers: list[nn.Module] = []
        inputs = 1
        for width in channels:
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            layers.append(Dropout(dropout))
            inputs = width
        self.convolutions = nn.Sequential(*layers)
        self.linears = _linear_layers(inputs * (n_mels // 32) * (n_frames // 32), hidden)
        self.head = nn.Linear(hidden[-1], n_labels)
        self.apply(_start)

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, n_mels, n_frames) in dB -> logits (n, n_labels), embedding (n, hidden[3])."""
        if log_mel.shape[1:] != (self.n_mels, self.n_frames):
            raise InvalidArgument(
                f"this paper-cnn takes {self.n_mels} bands by {self.n_frames} frames, "
                f"not {log_mel.shape[1]} by {log_mel.shape[2]}"
            )
        x = self.convolutions(normalise(log_mel)[:, None])  # (n, channels[4], mel/32, frame/32)
        embedding = self.linears(x.flatten(1))
        return Output(self.head(embedding), embedding)


class CifarCnn(nn.Module):
    """Two convolution + max-pool layers and four linear layers, for images of 32 by 32 pixels.

    Parameters
    ----------
    n_labels : classes.
    channels : of the two convolutions, 5 x 5 without padding: 32 -> 28 -> 14 -> 10 -> 5 pixels.
    hidden : widths of the first three linear layers; the last of them is the embedding.
    dropout : before each linear layer.
    """

    def __init__(
        self,
        n_labels: int = 10,
        channels: tuple[int, ...] = (32, 64),
        hidden: tuple[int, ...] = (256, 128, 64),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(channels) != 2 or len(hidden) != 3:
            raise InvalidArgument(
                f"cifar-cnn has 2 convolutions and 3 hidden linear layers, "
                f"not {len(channels)} and {len(hidden)}"
            )
        first, second = channels
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, first, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.dropout = Dropout(dropout)
        self.linears = _linear_layers(second * 5 * 5, hidden)
        self.head = nn.Linear(hidden[-1], n_labels)
        self.apply(_start)

    def forward(self, images: Tensor) -> Output:
        """images (n, 3, 32, 32), 0 to 1 -> logits (n, n_labels), embedding (n, hidden[2])."""
        if images.shape[1:] != (3, 32, 32):
            raise InvalidArgument(
                f"cifar-cnn takes images (n, 3, 32, 32), not {tuple(images.shape)}"
            )
        # Mean and deviation of CIFAR-10's training pixels, all channels alike.
        x = self.convolutions((images - 0.473) / 0.251)  # (n, channels[1], 5, 5)
        embedding = self.linears(self.dropout(x.flatten(1)))
        return Output(self.head(embedding), embedding)

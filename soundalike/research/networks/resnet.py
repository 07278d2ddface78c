"""The network that the product ships: a small residual CNN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from soundalike.errors import InvalidArgument
from soundalike.research.networks.base import Output, normalise
from soundalike.research.networks.shared import BatchNorm1d, BatchNorm2d, Dropout, kept

__all__ = ["ResNet"]


class _Scale(nn.Module):
    """Squeeze-and-excitation (Hu et al. 2018): channels weighed by what the excerpt holds."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // 8)
        self.excite = nn.Linear(channels // 8, channels)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.excite(torch.relu(self.squeeze(x.mean(dim=(2, 3)))))
        return x * torch.sigmoid(weight)[:, :, None, None]


class _Block(nn.Module):
    """Two 3 x 3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int, drop_path: float, se: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = BatchNorm2d(outputs)
        self.scale = _Scale(outputs) if se else nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                # What hangs over the edge must not count, in ONNX Runtime as in torch.
                nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)
                if stride != 1
                else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                BatchNorm2d(outputs),
            )
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.scale(self.bn2(self.conv2(y)))
        if self.training and self.drop_path > 0:
            # Stochastic depth (Huang et al. 2016): some excerpts skip the block.
            stays = kept((len(x), 1, 1, 1), 1 - self.drop_path, x.device)
            y = y * (stays / (1 - self.drop_path)).to(y.dtype)
        return torch.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    """Residual CNN with a stem of stride 2; each further stage halves both axes.

    Parameters
    ----------
    n_labels : classes.
    bands : the lowest mel bands, which it sees. The others (above 10 kHz) hold the edge of the
        anti-alias filter in audio that was resampled to 22,050 Hz and music in other audio.
    relative : give the stem, as one more channel, each band less its mean over time, which no
        equaliser changes.
    widths : channels of each stage.
    blocks : residual blocks of each stage.
    frequency : give the stem the mel band's position as a second channel, since a pattern means
        different things at different pitches and convolutions alone can't tell.
    se : squeeze-and-excitation in each block.
    embedding_dim : size of the layer before the logits; 0 takes the pooled channels themselves.
    pool : "mean", or "mean+max" over time (both mean over mel bands).
    dropout : before the last layer.
    drop_path : of the last block; earlier ones rise to it linearly.
    """

    def __init__(
        self,
        n_labels: int = 10,
        bands: int = 120,
        relative: bool = False,
        widths: tuple[int, ...] = (16, 32, 64, 128),
        blocks: tuple[int, ...] = (1, 1, 2, 2),
        frequency: bool = True,
        se: bool = False,
        embedding_dim: int = 0,
        pool: str = "mean",
        dropout: float = 0.3,
        drop_path: float = 0.1,
        stem_kernel: int = 5,
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks):
            raise InvalidArgument(f"{len(widths)} widths but {len(blocks)} numbers of blocks")
        if pool not in ("mean", "mean+max"):
            raise InvalidArgument(f"pool must be mean or mean+max, not {pool!r}")
        self.bands = bands
        self.relative = relative
        self.frequency = frequency
        self.pool = pool
        stem_kernel = int(stem_kernel)
        self.stem = nn.Sequential(
            nn.Conv2d(
                1 + frequency + relative, widths[0], stem_kernel, 2, stem_kernel // 2, bias=False
            ),
            BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        layers: list[nn.Module] = []
        inputs, total = widths[0], sum(blocks)
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                rate = drop_path * (len(layers) + 1) / total
                layers.append(_Block(inputs, width, stride, rate, se))
                inputs = width
        self.blocks = nn.Sequential(*layers)
        pooled = inputs * (2 if pool == "mean+max" else 1)
        self.project: nn.Module = nn.Identity()
        if embedding_dim:
            self.project = nn.Sequential(
                Dropout(dropout),
                nn.Linear(pooled, embedding_dim),
                BatchNorm1d(embedding_dim),
                nn.ReLU(),
            )
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(embedding_dim or pooled, n_labels)

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, n_mels, n_frames) in dB -> logits (n, n_labels), embedding (n, D)."""
        x = normalise(log_mel[:, : self.bands])[:, None]  # (n, 1, mel, frame)
        channels = [x]
        if self.relative:
            channels.append(x - x.mean(dim=3, keepdim=True))
        if self.frequency:
            position = torch.linspace(-1.0, 1.0, x.shape[2], dtype=x.dtype, device=x.device)
            channels.append(position[None, None, :, None].expand_as(x))
        x = torch.cat(channels, dim=1)
        x = self.blocks(self.stem(x))  # (n, C, mel / 16, frame / 16)
        bands = x.mean(dim=2)  # (n, C, frame / 16)
        pooled = bands.mean(dim=2)
        if self.pool == "mean+max":
            pooled = torch.cat([pooled, bands.amax(dim=2)], dim=1)
        embedding = self.project(pooled)
        return Output(self.head(self.dropout(embedding)), embedding)

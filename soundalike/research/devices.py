"""On what a network is trained: a process for each GPU, or several on the CPU."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import torch

from soundalike.errors import InvalidArgument

__all__ = ["DEVICES_HELP", "Devices", "find_devices"]

DEVICES_HELP: Final = (
    "N processes, each on a GPU of its own, or all on the CPU where there is no GPU; auto: every "
    "GPU; cuda:0,1: those GPUs; cpu:N: N processes on the CPU"
)
_FORM: Final = re.compile(r"(?P<auto>auto)|(?P<n>-?\d+)|cpu(?::(?P<cpus>-?\d+))?|(?P<cuda>cuda.*)")
_GPUS: Final = re.compile(r"cuda:(\d+(?:,\d+)*)")


@dataclass(frozen=True)
class Devices:
    """What trains: a process for each name, in the order of their numbers.

    Attributes
    ----------
    names : as torch calls them, such as ("cuda:0", "cuda:1") or ("cpu", "cpu").
    """

    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        """For people, such as "2 processes on the CPU"."""
        kind = "the CPU" if self.names[0] == "cpu" else ", ".join(self.names)
        return f"{len(self)} processes on {kind}" if len(self) > 1 else kind


def find_devices(asked: str = "1") -> Devices:
    """The devices that somebody asks for.

    Parameters
    ----------
    asked : as :data:`DEVICES_HELP` says it.

    Raises
    ------
    InvalidArgument : it is none of these, or there are not as many GPUs.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    form = _FORM.fullmatch(asked.strip())
    if form is None:
        raise InvalidArgument(f"devices {asked!r}: {DEVICES_HELP}")
    if form["cuda"]:
        return _named(asked, form["cuda"], gpus)
    if form["auto"]:
        count, on_gpus = max(1, gpus), bool(gpus)
    elif form["n"]:
        count, on_gpus = int(form["n"]), bool(gpus)
    else:
        count, on_gpus = int(form["cpus"] or 1), False
    if count < 1:
        raise InvalidArgument(f"devices {asked!r}: at least one process must train, not {count}")
    if not on_gpus:
        return Devices(("cpu",) * count)
    if count > gpus:
        raise InvalidArgument(
            f"devices {asked!r}: this machine has {gpus} GPU{'s' if gpus > 1 else ''}; "
            f"cpu:{count} trains on the CPU"
        )
    return Devices(tuple(f"cuda:{number}" for number in range(count)))


def _named(asked: str, text: str, gpus: int) -> Devices:
    """The GPUs of a list such as "cuda:0,1"."""
    form = _GPUS.fullmatch(text)
    if form is None:
        raise InvalidArgument(f"devices {asked!r}: write cuda:0,1 for the first two GPUs")
    numbers = [int(number) for number in form[1].split(",")]
    if not gpus:
        raise InvalidArgument(
            f"devices {asked!r}: torch finds no GPU here; cpu:{len(numbers)} trains on the CPU"
        )
    missing = [number for number in numbers if number >= gpus]
    if missing:
        raise InvalidArgument(
            f"devices {asked!r}: there is no GPU {missing[0]}; this machine has those from 0 to "
            f"{gpus - 1}"
        )
    if len(set(numbers)) < len(numbers):
        raise InvalidArgument(f"devices {asked!r}: one GPU is named twice")
    return Devices(tuple(f"cuda:{number}" for number in numbers))

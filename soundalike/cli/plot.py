"""``soundalike plot``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import note
from soundalike.cli.params import ExampleCommand, ExampleGroup, library_option, to_time
from soundalike.cli.progress import decoding
from soundalike.cli.tracks import files_meant
from soundalike.errors import printable

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["plot"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@click.group(
    cls=ExampleGroup,
    examples=(
        ("soundalike plot waveform piece.flac -o wave.png", "each channel over time"),
        ("soundalike plot spectrogram piece.flac -o power.png", "power in decibels"),
        ("soundalike plot mel piece.flac -o mel.png --n-mels 64", "64 mel bands in decibels"),
    ),
)
def plot() -> None:
    """Draw the waveform or spectrogram of a track.

    TRACK is an audio file, the id of a track in the library, or words from its artist and title.

    Needs matplotlib: pip install 'soundalike[plots]'.
    """


_decibel_option = click.option(
    "--k",
    type=float,
    default=1.0,
    show_default=True,
    help="The power k that is 0 dB, in 10 log10(P / k).",
)


def _shared(command: Decorated) -> Decorated:
    """The track to draw, the part of it, and where the picture goes."""
    for decorate in (
        click.option(
            "--sample-rate",
            type=click.Choice(["22050", "44100"]),
            default="22050",
            show_default=True,
            help="Sample rate in Hz; the picture shows frequencies up to half of it.",
        ),
        click.option("--end", "end_s", type=to_time, metavar="TIME", help="Where to end."),
        click.option(
            "--start",
            "start_s",
            type=to_time,
            default="0",
            metavar="TIME",
            help="Where to start: 70, 1:10 or 1:02:03.5.",
        ),
        click.option(
            "-o",
            "--output",
            required=True,
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="PICTURE",
            help="The picture to write: .png, .svg, .pdf, .jpg or .webp.",
        ),
        library_option,
        click.argument("track", nargs=-1, required=True, metavar="TRACK"),
    ):
        command = decorate(command)
    return command


@plot.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike plot waveform piece.flac -o wave.png", "the whole track"),
        ("soundalike plot waveform piece.flac -o wave.png --start 1:10 --end 1:12", "two seconds"),
    ),
)
@_shared
def waveform(
    track: tuple[str, ...],
    output: Path,
    start_s: float,
    end_s: float | None,
    library: str | None,
    sample_rate: str,
) -> None:
    """Draw the waveform of each channel."""
    from soundalike.show.plots import plot_waveform

    file = _file(track, library, output)
    with _sound(file, sample_rate, start_s, end_s, mono=False) as (sound, rate):
        picture = plot_waveform(sound, rate, title=file.name)
    _save(picture, output)


@plot.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike plot spectrogram piece.flac -o power.png", "the whole track"),
        ("soundalike plot spectrogram piece.flac -o power.png --sample-rate 44100", "up to 22 kHz"),
        ("soundalike plot spectrogram piece.flac -o power.png --k 0.001", "30 dB brighter"),
    ),
)
@_shared
@_decibel_option
def spectrogram(
    track: tuple[str, ...],
    output: Path,
    start_s: float,
    end_s: float | None,
    library: str | None,
    sample_rate: str,
    k: float,
) -> None:
    """Draw the power spectrogram in decibels, 10 log10(P / k)."""
    from soundalike.show.plots import plot_spectrogram

    file = _file(track, library, output)
    with _sound(file, sample_rate, start_s, end_s) as (sound, rate):
        picture = plot_spectrogram(sound, rate, k=k, title=file.name)
    _save(picture, output)


@plot.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike plot mel piece.flac -o mel.png", "128 bands, as the model sees them"),
        ("soundalike plot mel piece.flac -o mel.png --n-mels 64 --end 30", "the first 30 seconds"),
    ),
)
@_shared
@click.option("--n-mels", type=int, default=128, show_default=True, help="How many mel bands.")
@_decibel_option
def mel(
    track: tuple[str, ...],
    output: Path,
    start_s: float,
    end_s: float | None,
    library: str | None,
    sample_rate: str,
    n_mels: int,
    k: float,
) -> None:
    """Draw the mel spectrogram in decibels, 10 log10(P / k)."""
    from soundalike.show.plots import plot_mel

    file = _file(track, library, output)
    with _sound(file, sample_rate, start_s, end_s) as (sound, rate):
        picture = plot_mel(sound, rate, n_mels=n_mels, k=k, title=file.name)
    _save(picture, output)


def _file(track: tuple[str, ...], library: str | None, output: Path) -> Path:
    """The one file that is meant, once it is known that the picture can be kept."""
    from soundalike.show.plots import check_picture

    check_picture(output)
    # Words of one title come as several arguments.
    return files_meant([" ".join(track)], library)[0]


@contextmanager
def _sound(
    file: Path, sample_rate: str, start_s: float, end_s: float | None, *, mono: bool = True
) -> Iterator[tuple[Iterator[NDArray[np.float32]], int]]:
    """The blocks of a file and their sample rate."""
    from soundalike.audio import AudioReader, resampled

    with (
        AudioReader(file, mono=mono, start_s=start_s, end_s=end_s) as reader,
        decoding(f"decoding {printable(file.name)}"),
    ):
        yield resampled(reader, int(sample_rate)), int(sample_rate)
    for remark in reader.notes:
        note(f"note: {remark}")


def _save(picture: Figure, output: Path) -> None:
    from soundalike.show.plots import save

    save(picture, output)
    note(f"picture: {printable(output)}")

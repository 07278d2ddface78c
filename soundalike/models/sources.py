"""Where the models come from that are known by name, and how each becomes an ONNX file.

Nothing that is downloaded is run or trusted by its name: a wheel has a SHA-256, and so have the
weights in a file of which several are published.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import DataError, InvalidArgument, ModelError, OutputError, printable
from soundalike.files import why
from soundalike.models.download import Progress, Remote, fetch

__all__ = ["SOURCES", "Given", "Say", "WeightsFile", "Wheel", "converted"]

Say = Callable[[str], None]
"""Called with the current step, in words."""


@dataclass(frozen=True)
class Wheel:
    """A package on the Python package index whose weights are converted.

    Attributes
    ----------
    requirement : what pip is asked for.
    sha256 : of the wheel.
    size_bytes : of the wheel.
    """

    requirement: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights that the user has, or names the URL of.

    Attributes
    ----------
    form : what sort of file it is.
    published : where it is published, in words.
    limit_bytes : more than any such file has.
    """

    form: str
    published: str
    limit_bytes: int


SOURCES: Mapping[str, Wheel | WeightsFile] = {
    "musicnn": Wheel(
        requirement="musicnn==0.1.0",
        sha256="f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
        size_bytes=29_292_476,
    ),
    "yamnet": WeightsFile(
        form="TensorFlow Lite file",
        published="Kaggle Models, under google/yamnet",
        limit_bytes=32_000_000,
    ),
}
"""What ``soundalike models pull NAME`` converts each model from."""


@dataclass(frozen=True)
class Given:
    """What the user has said of where a model is.

    Attributes
    ----------
    wheel, file : on this machine.
    url : http or https.
    """

    wheel: Path | None = None
    file: Path | None = None
    url: str | None = None

    def check(self, name: str) -> None:
        """Refuse what does not fit the model of this name.

        Raises
        ------
        InvalidArgument : an option that is for another sort of model, or none where one is needed.
        """
        source = SOURCES[name]
        if isinstance(source, Wheel):
            if self.file is not None or self.url is not None:
                raise InvalidArgument(
                    f"{name} comes in a wheel, which pip downloads: give --wheel FILE, or neither "
                    "--file nor --url"
                )
            return
        if self.wheel is not None:
            raise InvalidArgument(f"{name} comes as a {source.form}: --file FILE, not --wheel")
        if (self.file is None) == (self.url is None):
            raise InvalidArgument(
                f"{name} comes as a {source.form}: name one with --file FILE or with --url URL. "
                f"Published at {source.published}"
            )

    def repeat(self, name: str) -> str:
        """What ``soundalike models pull`` is asked for to get the model again."""
        if self.url is not None:
            return f"{name} --url {self.url}"
        return f"{name} --file FILE" if self.file is not None else name


def converted(
    name: str,
    given: Given,
    folder: Path,
    *,
    say: Say,
    show_pip: bool = False,
    progress: Progress | None = None,
) -> bytes:
    """The ONNX file of a model.

    Parameters
    ----------
    name : one of :data:`SOURCES`.
    given : what :meth:`Given.check` has let pass.
    folder : where an interrupted download stays.
    say : called with each step.
    show_pip : let pip write its progress to standard error.
    progress : called with the number of bytes of a download by URL.

    Raises
    ------
    MissingExtra : the packages that convert it are not installed.
    ModelError : no pip, no network or no such file; a wrong checksum; damaged weights.
    """
    source = SOURCES[name]
    if isinstance(source, Wheel):
        return _musicnn(source, given.wheel, say, show_pip=show_pip)
    return _yamnet(name, source, given, folder, say, progress)


def _musicnn(source: Wheel, wheel: Path | None, say: Say, *, show_pip: bool) -> bytes:
    # Before a long download: this is what needs the extra.
    from soundalike.models import musicnn

    with tempfile.TemporaryDirectory(prefix="soundalike-") as folder:
        if wheel is None:
            say(f"pip downloads {source.requirement} ({source.size_bytes / 1e6:.0f} MB)")
            wheel = _download(source, Path(folder), show_pip=show_pip)
            _check_wheel(wheel, source, is_ours=True)
        else:
            _check_wheel(wheel, source, is_ours=False)
        say("reading and converting the weights")
        return musicnn.to_onnx(musicnn.read_wheel(wheel))


def _yamnet(
    name: str,
    source: WeightsFile,
    given: Given,
    folder: Path,
    say: Say,
    progress: Progress | None,
) -> bytes:
    from soundalike.models import yamnet

    content, place = _content_of(name, source, given, folder, progress)
    say("reading and converting the weights")
    try:
        layers = yamnet.read_weights(content)
        found = yamnet.weights_sha256(layers)
        if found != yamnet.WEIGHTS_SHA256:
            raise ModelError(
                f"the sha256 of its weights is {found}, not {yamnet.WEIGHTS_SHA256}: this is "
                "another file of YAMNet's, or a damaged one"
            )
    except ModelError as error:
        raise ModelError(f"{place}: {error}; nothing was installed") from error
    return yamnet.to_onnx(layers)


def _content_of(
    name: str, source: WeightsFile, given: Given, folder: Path, progress: Progress | None
) -> tuple[bytes, str]:
    """What the file holds, and its place as messages name it."""
    if given.file is not None:
        place = printable(given.file)
        try:
            if given.file.stat().st_size > source.limit_bytes:
                raise ModelError(
                    f"{place}: {given.file.stat().st_size:,} bytes: no {source.form} of {name}"
                )
            return given.file.read_bytes(), place
        except OSError as error:
            raise ModelError(f"{place}: {why(error)}") from error
    assert given.url is not None
    # The checksum of the weights says more than one of the file.
    remote = Remote(
        given.url,
        f"{name}-{hashlib.sha256(given.url.encode()).hexdigest()[:16]}.download",
        limit_bytes=source.limit_bytes,
        checked_later=True,
    )
    try:
        path = fetch(remote, folder, progress=progress)
        try:
            return path.read_bytes(), given.url
        finally:
            path.unlink()
    except (DataError, OutputError, OSError) as error:
        raise ModelError(str(error)) from error


def _download(source: Wheel, folder: Path, *, show_pip: bool) -> Path:
    """Have pip download the wheel; it is only unpacked, never installed, never run."""
    by_hand = (
        f"Or get it elsewhere (pip download --no-deps {source.requirement}), and name the file: "
        "--wheel FILE"
    )
    if importlib.util.find_spec("pip") is None:
        raise ModelError(f"{sys.executable} has no pip: {sys.executable} -m ensurepip. {by_hand}")
    words = ["download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    ran = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--dest", str(folder), source.requirement],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if show_pip else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = sorted(folder.glob("*.whl"))
    if ran.returncode != 0 or len(wheels) != 1:
        reasons = [line for line in ran.stderr.splitlines() if line.startswith("ERROR:")]
        reason = " ".join(reasons or ran.stderr.split("\n")[-3:]).strip()
        raise ModelError(
            f"pip could not download {source.requirement}: {reason or 'it gave no reason'}. "
            f"Is there a network, and does pip's index have it? {by_hand}"
        )
    return wheels[0]


def _check_wheel(wheel: Path, source: Wheel, *, is_ours: bool) -> None:
    """Check the SHA-256; a file of ours with a wrong one is deleted."""
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{printable(wheel)}: {why(error)}") from error
    if found == source.sha256:
        return
    problem = f"its sha256 is {found}, not {source.sha256}"
    if is_ours:
        wheel.unlink()
        raise ModelError(
            f"{wheel.name}: {problem}. It was deleted, and nothing was "
            f"installed: pip's index has another file under the name {source.requirement}"
        )
    raise ModelError(f"{printable(wheel)}: {problem}; nothing was installed")

"""The data sets: where each comes from, on what terms, and whether a copy is complete."""

from __future__ import annotations

import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.files import why, write_file
from soundalike.models.download import Progress, Remote, fetch
from soundalike.research.datasets import cifar10, gtzan, gtzan_faults, own
from soundalike.research.datasets.frames import (
    SPLIT_FILE,
    STORE_FILE,
    read_split,
    read_store,
    some,
)
from soundalike.research.datasets.leaks import find_repeats, leaks_of
from soundalike.research.datasets.places import cache_folder, data_root
from soundalike.research.datasets.prepare import gtzan_files
from soundalike.show.amounts import show_count

__all__ = ["DATA_SETS", "DataCheck", "DataSet", "Got", "check", "find_data_set", "get", "home"]

_ARTIST_FOLDS: Final = (
    "https://raw.githubusercontent.com/julianofoleiss/gtzan_sturm_filter_3folds_stratified/"
    "48aa11abb34e4ad4e263d201f582001170fdddc4/"
)
_FILTERED: Final = (
    "https://raw.githubusercontent.com/jordipons/sklearn-audio-transfer-learning/"
    "066fc6a292bd5f8f4b494d6a17271276ea1e173b/data/index/GTZAN/"
)
_GTZAN_AUDIO: Final = Remote(
    "https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz",
    "genres.tar.gz",
    sha256="b28cc067ff6199bd826f5d1a6931458586d64acae7f44b2e882b7a97af057531",
)
_MEMBER = re.compile(rf"({'|'.join(gtzan.GENRES)})\.\d{{5}}\.(au|wav)")
_MEMBER_LIMIT_BYTES: Final = 16 << 20  # tracks have 1.3 MB


@dataclass(frozen=True)
class Part:
    """Files that are fetched together.

    Attributes
    ----------
    description : what they are, and how large.
    folder : where they go under the data set's folder, "" for the folder itself.
    """

    description: str
    remotes: tuple[Remote, ...]
    folder: str = ""


@dataclass(frozen=True)
class DataSet:
    """A data set as this program knows it.

    Attributes
    ----------
    name : what it is called on the command line.
    title, description : for people.
    citation : what to cite.
    licence : what may be done with it.
    layouts : what its folders and files look like.
    parts : what can be fetched, by name; the first ``n_default`` unless asked otherwise.
    """

    name: str
    title: str
    description: str
    citation: str
    licence: str
    layouts: tuple[str, ...]
    parts: dict[str, Part]
    n_default: int = 0


DATA_SETS: Final = (
    DataSet(
        "gtzan",
        "GTZAN genre collection",
        "1,000 tracks of 30 s in ten genres",
        f"{gtzan.CITATION}. Its faults: B. L. Sturm, The GTZAN dataset, arXiv 1306.1461, 2013. The "
        "filtered split: C. Kereliuk, B. L. Sturm and J. Larsen, Deep learning and music "
        "adversaries, "
        "arXiv 1507.04761, 2015. Artist ids: J. H. Foleis and T. F. Tavares, Texture selection for "
        "automatic music genre classification, Applied Soft Computing 89, 2020",
        gtzan.LICENCE,
        (
            "genres/blues/blues.00000.au, genres_original/blues/blues.00000.wav, or without "
            "folders",
            f"{STORE_FILE} with splits/train_filtered.txt and so on",
        ),
        {
            "splits": Part(
                "the filtered split and artist ids, 50 kB",
                (
                    Remote(
                        _FILTERED + "train_filtered.txt",
                        "train_filtered.txt",
                        sha256="9c072084333ddd41b5726137a19fb468738b03734b765711b15250ce19d67c78",
                    ),
                    Remote(
                        _FILTERED + "valid_filtered.txt",
                        "valid_filtered.txt",
                        sha256="c0293b0440c5f932107c5919efcf6409d274f82cb550f3e913a38750096f72aa",
                    ),
                    Remote(
                        _FILTERED + "test_filtered.txt",
                        "test_filtered.txt",
                        sha256="51599fef0db28080669a215c3ac8816994440223d5945de53ed69ed96de9b155",
                    ),
                    Remote(
                        _ARTIST_FOLDS + "f1_evaluate_groups.txt",
                        "f1_evaluate_groups.txt",
                        sha256="acac0b6971156b3e6e119c0fe2fbfe5575cce40390463da7433223685379cd48",
                    ),
                    Remote(
                        _ARTIST_FOLDS + "f2_evaluate_groups.txt",
                        "f2_evaluate_groups.txt",
                        sha256="94c62d472987fbc68ba2a1c149f32726f6b333e2a5219c181b6964e9d59184e6",
                    ),
                    Remote(
                        _ARTIST_FOLDS + "f3_evaluate_groups.txt",
                        "f3_evaluate_groups.txt",
                        sha256="83d725b069dd3d52527ceeca266396c23b297d521200691282a3ef1e66273a43",
                    ),
                ),
                "splits",
            ),
            "audio": Part("all tracks, 1.2 GB", (_GTZAN_AUDIO,)),
        },
        2,
    ),
    DataSet(
        "cifar10",
        "CIFAR-10",
        "60,000 pictures of 32 by 32 in ten classes",
        cifar10.CITATION,
        cifar10.LICENCE,
        (
            "cifar-10-binary.tar.gz or cifar-10-python.tar.gz, packed or unpacked",
            "a zip or folder with train/<class>/NNNN.jpg and test/<class>/NNNN.jpg",
            "an npz with train_images, train_labels, test_images, test_labels",
        ),
        {
            "binary": Part("the binary archive, 170 MB", (cifar10.BINARY,)),
            "python": Part("the Python archive, 170 MB; one of them is enough", (cifar10.PYTHON,)),
        },
        1,
    ),
    DataSet(
        "folder",
        "your own folders",
        "any music, one folder per label",
        own.CITATION,
        own.LICENCE,
        (own.LAYOUT, f"{STORE_FILE} with {SPLIT_FILE}"),
        {},
    ),
    DataSet(
        "library",
        "your own library",
        "the tracks of a library, by their genre tags",
        own.CITATION,
        own.LICENCE,
        ("a library that `soundalike scan` made", f"{STORE_FILE} with {SPLIT_FILE}"),
        {},
    ),
)


def find_data_set(name: str) -> DataSet:
    """The data set of this name.

    Raises
    ------
    InvalidArgument : unknown; the message lists the available ones.
    """
    for data_set in DATA_SETS:
        if data_set.name == name:
            return data_set
    names = ", ".join(data_set.name for data_set in DATA_SETS)
    raise InvalidArgument(f"unknown data set {name!r}; available: {names}")


def home(name: str) -> Path:
    """The default folder of a data set; ``SOUNDALIKE_DATA`` moves them all."""
    return data_root() / find_data_set(name).name


@dataclass(frozen=True)
class Got:
    """What was fetched.

    Attributes
    ----------
    folder : of the data set.
    files : the files, checked; those that were there already are among them.
    unpacked : how many tracks were unpacked from them.
    """

    folder: Path
    files: tuple[Path, ...]
    unpacked: int


def get(
    name: str,
    folder: Path | None = None,
    *,
    parts: Collection[str] = (),
    progress: Callable[[str], Progress] | None = None,
) -> Got:
    """Download a data set from where it is published, check it, and unpack it if necessary.

    Parameters
    ----------
    folder : where to; by default :func:`home`.
    parts : names among the data set's parts; by default what is needed.
    progress : called with the name of each file, gives the callback for its bytes.

    Raises
    ------
    DataError : no network, or a wrong checksum; the message says how to get the file by hand.
    OutputError : a file cannot be written, or the disk is full.
    InvalidArgument : an unknown data set or part, or one that cannot be fetched.
    """
    data_set = find_data_set(name)
    if not data_set.parts:
        raise InvalidArgument(f"{name} is {data_set.title}: there is nothing to download")
    unknown = [part for part in parts if part not in data_set.parts]
    if unknown:
        raise InvalidArgument(
            f"{name} has no part {unknown[0]!r}; it has {', '.join(data_set.parts)}"
        )
    root = folder or home(name)
    files: list[Path] = []
    unpacked = 0
    for part in parts or list(data_set.parts)[: data_set.n_default]:
        for remote in data_set.parts[part].remotes:
            report = progress(remote.file_name) if progress else None
            files.append(fetch(remote, root / data_set.parts[part].folder, progress=report))
        if (name, part) == ("gtzan", "audio"):
            unpacked = unpack_gtzan(files[-1], root / "genres")
    return Got(root, tuple(files), unpacked)


def unpack_gtzan(archive: Path, folder: Path) -> int:
    """Unpack the tracks into ``folder/<genre>/`` and say how many there are.

    Only regular files that are named like a track are taken. Their path comes from that name, not
    from the archive, so no path in the archive can lead elsewhere.

    Raises
    ------
    DataError : the archive is damaged or holds no track.
    OutputError : a track cannot be written, or the disk is full.
    """
    n_tracks = 0
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                match = _MEMBER.fullmatch(PurePosixPath(member.name).name)
                if match is None or not member.isfile() or member.size > _MEMBER_LIMIT_BYTES:
                    continue
                file = tar.extractfile(member)
                assert file is not None  # isfile
                target = folder / match[1] / match[0]
                write_file(target, file.read(), parents=True)
                n_tracks += 1
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"{printable(archive)}: cannot be unpacked ({why(error)})") from error
    if not n_tracks:
        raise DataError(f"{printable(archive)}: no track of GTZAN in it")
    return n_tracks


@dataclass(frozen=True)
class DataCheck:
    """Whether a copy of a data set is complete.

    Attributes
    ----------
    name : of the data set.
    folder : that was checked.
    found : what is there.
    problems : what is missing or broken, by name.
    notes : known faults and other things to know.
    """

    name: str
    folder: Path
    found: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def check(name: str, folder: Path | None = None) -> DataCheck:
    """Look at a data set's folder and say what is there, missing or broken.

    Raises
    ------
    InvalidArgument : no such data set.
    """
    data_set = find_data_set(name)
    root = folder or home(name)
    if not root.exists():
        return DataCheck(name, root, (), (f"{printable(root)}: no such folder",), ())
    if data_set.name == "gtzan":
        return _check_gtzan(root)
    if data_set.name == "cifar10":
        return _check_cifar10(root)
    return _check_own(name, root)


def _check_gtzan(root: Path) -> DataCheck:
    found: list[str] = []
    problems: list[str] = []
    notes: list[str] = []
    if (root / "gtzan" / STORE_FILE).is_file():
        root = root / "gtzan"
    has_store = (root / STORE_FILE).is_file()
    if has_store:
        try:
            store = read_store(root / STORE_FILE)
        except DataError as error:
            problems.append(str(error))
        else:
            counts = Counter(track.split("/")[0] for track in store.tracks)
            found.append(
                f"{STORE_FILE}: {show_count(len(store.tracks), 'track')}, "
                f"{show_count(len(counts), 'genre')}"
            )
            known = {f"{g}/{g}.{n:05d}" for g in gtzan.GENRES for n in range(100)}
            missing = sorted(known - set(store.tracks) - set(gtzan.FAULTS))
            if missing:
                problems.append(f"{STORE_FILE}: {len(missing)} tracks missing: {some(missing, 20)}")
            strange = sorted(set(store.tracks) - known)
            if strange:
                problems.append(f"{STORE_FILE}: not tracks of GTZAN: {some(strange, 20)}")
            repeats = find_repeats(store.log_mel, store.tracks)
            notes.append(f"{len(repeats)} pairs of tracks are the same recording, by their frames")
        try:
            data = gtzan.load(root, skip_missing=True)
        except DataError as error:
            problems.append(str(error))
        else:
            sizes = ", ".join(f"{side} {len(rows)}" for side, rows in data.splits.items())
            found.append(f"splits/: {sizes}")
            unknown = int((data.artists < 0).sum())
            notes.append(f"the artists of {unknown} of {len(data.tracks)} tracks are unknown")
            leaks = leaks_of(data)
            notes += [f"on both sides of the split: {leak}" for leak in leaks]
    try:
        files = gtzan_files(root)
    except DataError as error:
        if not has_store:
            problems.append(str(error))
    else:
        found.append(f"audio: {show_count(len(files.paths), 'track')}")
        missing = [track for track in files.missing if track not in gtzan.FAULTS]
        # Beside a store the audio is spare, and a part of it is no fault.
        (notes if has_store else problems).extend(
            [f"audio: {len(missing)} tracks missing: {some(missing, 20)}"] if missing else []
        )
        notes += files.notes
    notes += [f"{track}: {fault}" for track, fault in gtzan.FAULTS.items()]
    notes.append(f"{len(gtzan_faults.REPEATS)} groups of tracks are known to be the same recording")
    return DataCheck("gtzan", root, tuple(found), tuple(problems), tuple(notes))


def _check_cifar10(root: Path) -> DataCheck:
    try:
        path = cifar10.find(root) if root.is_dir() else root
        data = cifar10.load(path, cache=cache_folder(), allow_partial=True)
    except DataError as error:
        return DataCheck("cifar10", root, (), (str(error),), ())
    lacking = cifar10.lacking(data)
    notes = [*data.notes]
    problems: list[str] = []
    if lacking:
        (notes if path.suffix == ".npz" else problems).append(f"{path.name}: {lacking}")
    found = f"{path.name}: {len(data.train_labels)} training, {len(data.test_labels)} test images"
    if _is_named(path, (cifar10.BINARY, cifar10.PYTHON)) and not lacking:
        notes.append("as published, by its checksum")
    return DataCheck("cifar10", root, (found,), tuple(problems), tuple(notes))


def _check_own(name: str, root: Path) -> DataCheck:
    if not (root / STORE_FILE).is_file():
        if name == "library":
            problem = (
                f"{printable(root)}: no {STORE_FILE}; `soundalike data prepare library` makes one"
            )
            return DataCheck(name, root, (), (problem,), ())
        return _check_label_folders(root)
    try:
        store = read_store(root / STORE_FILE)
        counts = Counter(store.labels or ())
        split = read_split(root / SPLIT_FILE)
        own.load(root)
    except DataError as error:
        return DataCheck(name, root, (), (str(error),), ())
    labels = ", ".join(f"{label} {count}" for label, count in sorted(counts.items()))
    sides = ", ".join(f"{side} {len(names)}" for side, names in split.sides().items())
    unknown = (store.artists or ()).count("")
    notes = (f"the artist of {unknown} tracks is unknown",) if unknown else ()
    found = (
        f"{STORE_FILE}: {show_count(len(store.tracks), 'track')}: {labels}",
        f"{SPLIT_FILE}: {sides}",
    )
    return DataCheck(name, root, found, (), notes)


def _check_label_folders(root: Path) -> DataCheck:
    try:
        tracks = own.tracks_of_folder(root)
    except DataError as error:
        return DataCheck("folder", root, (), (str(error),), ())
    counts = Counter(track.label for track in tracks)
    refused = own.unsplittable_labels(tracks)
    problems = tuple(f"{label}: {reason}" for label, reason in sorted(refused.items()))
    found = tuple(
        f"{label}: {show_count(count, 'track')}" for label, count in sorted(counts.items())
    )
    return DataCheck("folder", root, found, problems, ())


def _is_named(path: Path, remotes: Sequence[Remote]) -> bool:
    from soundalike.models.download import checksum_problem

    return any(
        path.name == remote.file_name and checksum_problem(path, remote) is None
        for remote in remotes
    )

"""Game soundtracks under free licences, from Debian: real music with real labels.

python -m benchmarks.soundtracks DIR [PACKAGE ...]     needs apt-get and dpkg (Debian, Ubuntu)

Downloads the packages (by default the eleven of the set development, 1.6 GB), unpacks them under
DIR, and lists the music that lasts at least 30 s in DIR/manifest.json. Nothing is installed, and
what is there already is not fetched again. Each package's copyright file says which licence its
music is under.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundalike.audio import probe, read_tags
from soundalike.errors import AudioError, DataError, InvalidArgument, SoundalikeError
from soundalike.files import why, write_file

__all__ = [
    "DEVELOPMENT_PACKAGES",
    "HELD_OUT_PACKAGES",
    "LARGE_PACKAGES",
    "MORE_PACKAGES",
    "PACKAGE_SETS",
    "VALIDATION_PACKAGES",
    "Track",
    "clean_composer",
    "fetch",
    "find_packages",
    "read_manifest",
    "write_manifest",
]

DEVELOPMENT_PACKAGES = (
    "wesnoth-1.16-music",
    "nexuiz-music",
    "fretsonfire-songs-muldjord",
    "warmux-data",
    "widelands-data",
    "freedroidrpg-data",
    "singularity-music",
    "hyperrogue-music",
    "fretsonfire-songs-sectoid",
    "supertux-data",
    "naev-data",
)
"""Models are trained on them. The last five were held out until `soundalike@1` was measured."""

MORE_PACKAGES = (
    "wizznic-data",
    "lordsawar-data",
    "noiz2sa-data",
    "neverball-common",
    "plee-the-bear-data",
    "amoebax-data",
    "mrrescue",
    "tumiki-fighters-data",
    "zaz-data",
    "scorched3d-data",
    "lugaru-data",
    "freeorion-data",
    "hex-a-hop-data",
    "lincity-ng-data",
    "pathological",
    "powermanga-data",
    "gigalomania-data",
    "gamine-data",
    "blockattack",
    "tuxmath-data",
    "angrydd",
    "pax-britannica-data",
    "renpy-demo",
    "mazeofgalious-data",
    "brainparty-data",
    "tuxtype-data",
    "hannah-data",
    "orbital-eunuchs-sniper-data",
    "funnyboat",
    "pink-pony-data",
    "glob2-data",
    "caveexpress-data",
    "abe-data",
    "freeciv-data",
    "alienblaster-data",
    "raincat-data",
    "tuxfootball",
    "bumprace-data",
    "freedroid-data",
    "mu-cade-data",
    "parsec47-data",
    "torus-trooper-data",
    "a7xpg-data",
    "gunroar-data",
    "titanion-data",
    "rrootage-data",
)
"""Small soundtracks, to train on as well."""

LARGE_PACKAGES = ("0ad-data",)
"""To train on as well; 1.4 GB for one soundtrack."""

VALIDATION_PACKAGES = (
    "marsshooter-data",
    "unknown-horizons",
    "starfighter-data",
    "freecol",
    "freedink-data",
    "wordwarvi-sound",
    "adonthell-data",
    "fillets-ng-data",
    "miceamaze",
)
"""To choose by, between models and settings; none is trained on."""

HELD_OUT_PACKAGES = (
    "davegnukem-data",
    "enigma-data",
    "openclonk-data",
    "xmoto-data",
    "ardentryst",
    "btanks-data",
    "holotz-castle-data",
    "trackballs-data",
)
"""Kept out of all training, choosing and trying. Measured once, when a model is final."""

PACKAGE_SETS: dict[str, tuple[str, ...]] = {
    "development": DEVELOPMENT_PACKAGES,
    "more": MORE_PACKAGES,
    "more-validate": VALIDATION_PACKAGES,
    "held-out": HELD_OUT_PACKAGES,
    "large": LARGE_PACKAGES,
    "all": (
        *DEVELOPMENT_PACKAGES,
        *MORE_PACKAGES,
        *LARGE_PACKAGES,
        *VALIDATION_PACKAGES,
        *HELD_OUT_PACKAGES,
    ),
    # Soundtracks that are packages of their own, without the rest of a game: a quick download.
    "small": (
        "wesnoth-1.16-music",
        "nexuiz-music",
        "singularity-music",
        "hyperrogue-music",
        "fretsonfire-songs-muldjord",
        "fretsonfire-songs-sectoid",
    ),
}
"""Names for groups of packages, as the command lines take them."""

MANIFEST = "manifest.json"
MIN_TRACK_S = 30.0

_AUDIO_SUFFIXES = {".ogg", ".oga", ".mp3", ".flac", ".opus", ".m4a", ".wav"}
# Zip archives in which games keep their data.
_PACK_SUFFIXES = {".pk3", ".pk4", ".zip", ".data", ".love", ".jar"}
# By package, parts of the paths of what lasts long enough, but is no music.
_NO_MUSIC = {
    "0ad-data": ("audio/ambient/",),
    "caveexpress-data": ("sounds/cave",),
    "freecol": ("resources/video/", "sounds/ambient/"),
    "lugaru-data": ("Sounds/DesertAmbient", "Sounds/Wind"),
    "plee-the-bear-data": ("sound/weather/",),
    "scorched3d-data": ("data/wav/misc/",),
    "unknown-horizons": ("audio/sounds/",),
}

_NO_NAME = {"", "-", "?", "???", "n/a", "none", "unknown", "various artists"}
# One person under several names; the first of each is kept.
_SAME_COMPOSER = {
    "gerd (elysis) raudenbusch": "elysis",
    "www.elysis.de": "elysis",
    "klaus halfmann aka hasi50": "klaus halfmann",
    "http://zhaymusic.com/": "joseph g. toscano (zhaytee)",
}


@dataclass(frozen=True)
class Track:
    """A line of the manifest.

    Attributes
    ----------
    path : the file, under the folder of the manifest.
    package : whose soundtrack it belongs to.
    duration_s : seconds.
    artist, title : from the tags, empty where there is none.
    """

    path: Path
    package: str
    duration_s: float
    artist: str = ""
    title: str = ""

    @property
    def composer(self) -> str | None:
        """Who made it, spelled in one way; None where the tags don't say."""
        return clean_composer(self.artist)


def clean_composer(artist: str) -> str | None:
    """One spelling for one composer: the first of several, case and blanks apart.

    >>> clean_composer("Braden  Walters;Braden Walters and friends")
    'braden walters'
    >>> clean_composer("www.elysis.de")
    'elysis'
    >>> clean_composer("Unknown") is None
    True
    """
    name = " ".join(artist.split(";")[0].casefold().split())
    return None if name in _NO_NAME else _SAME_COMPOSER.get(name, name)


def find_packages(names: str, others: Collection[str] = ()) -> tuple[str, ...]:
    """The packages of a set, such as ``more``, or those named.

    Parameters
    ----------
    names : a set, or packages with commas between.
    others : packages that there are besides, such as those of a manifest of one's own.

    Raises
    ------
    InvalidArgument : none of the packages.
    """
    if names in PACKAGE_SETS:
        return PACKAGE_SETS[names]
    packages = tuple(dict.fromkeys(name.strip() for name in names.split(",")))
    for package in packages:
        if package not in PACKAGE_SETS["all"] and package not in others:
            raise InvalidArgument(
                f"{package!r} is none of the soundtracks: {', '.join(PACKAGE_SETS['all'])}; "
                f"nor a set of them: {', '.join(PACKAGE_SETS)}"
            )
    return packages


def read_manifest(folder: Path) -> tuple[Track, ...]:
    """What :func:`write_manifest` wrote, in its order.

    Raises
    ------
    DataError : no manifest there, or it is damaged.
    """
    path = folder / MANIFEST
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        tracks = tuple(
            Track(
                path=folder / row["path"],
                package=row["package"],
                duration_s=float(row["seconds"]),
                artist=row["artist"],
                title=row["title"],
            )
            for row in rows
        )
    except OSError as error:
        raise DataError(
            f"{path}: {why(error)}; `python -m benchmarks.soundtracks {folder}` fetches the "
            f"music and writes it"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: damaged ({error}); `python -m benchmarks.soundtracks {folder}` writes it anew"
        ) from error
    if not tracks:
        raise DataError(f"{path}: lists no tracks; fetch some into another folder")
    return tracks


def fetch(folder: Path, packages: Sequence[str]) -> None:
    """Download and unpack packages that are not there yet; an interrupted one starts again.

    Raises
    ------
    DataError : a tool is missing, or a download fails; the message says why.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise DataError(f"{tool} is not here: the soundtracks come as Debian packages")
    archives = folder / "deb"
    archives.mkdir(parents=True, exist_ok=True)
    for number, package in enumerate(packages, 1):
        if (folder / package).is_dir():
            continue
        print(f"{number} of {len(packages)}: {package}", file=sys.stderr)
        if not list(archives.glob(f"{package}_*.deb")):
            _call(["apt-get", "download", "-qq", package], archives)
        # Renamed when complete: a folder with the package's name holds all of it.
        partial = folder / f"{package}.part"
        shutil.rmtree(partial, ignore_errors=True)
        archive = max(archives.glob(f"{package}_*.deb"))
        _call(["dpkg", "-x", str(archive.absolute()), str(partial.absolute())], archives)
        for pack in sorted(partial.rglob("*")):
            if pack.suffix.lower() in _PACK_SUFFIXES and zipfile.is_zipfile(pack):
                with zipfile.ZipFile(pack) as opened:
                    audio = [name for name in opened.namelist() if _is_audio(Path(name))]
                    opened.extractall(pack.with_suffix(".d"), audio)
        partial.rename(folder / package)


def _call(command: list[str], folder: Path) -> None:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"]
        raise DataError(f"{' '.join(command)}: {said[-1]}; `apt-get update` may help")


def write_manifest(folder: Path) -> tuple[Track, ...]:
    """List the music of at least 30 s of all the packages that are unpacked in the folder.

    A file that cannot be opened is named on standard error and left out.
    """
    rows = []
    for package in PACKAGE_SETS["all"]:
        for path in _audio_files(folder / package):
            if any(part in path.as_posix() for part in _NO_MUSIC.get(package, ())):
                continue
            try:
                duration_s, tags = probe(path).duration_s, read_tags(path)
            except AudioError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            if duration_s is not None and duration_s >= MIN_TRACK_S:
                rows.append(
                    {
                        "path": path.relative_to(folder).as_posix(),
                        "package": package,
                        "seconds": round(duration_s, 2),
                        "artist": tags.artist or "",
                        "album": tags.album or "",
                        "title": tags.title or "",
                    }
                )
    write_file(folder / MANIFEST, json.dumps(rows, indent=1))
    return read_manifest(folder)


def _audio_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if _is_audio(path) and path.is_file() and not path.is_symlink():
            yield path


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in _AUDIO_SUFFIXES


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to put them")
    parser.add_argument(
        "packages",
        nargs="*",
        default=["development"],
        help=f"packages, or sets of them: {', '.join(PACKAGE_SETS)}",
    )
    options = parser.parse_args(arguments)
    try:
        packages = [name for names in options.packages for name in find_packages(names)]
        fetch(options.folder, packages)
        tracks = write_manifest(options.folder)
    except SoundalikeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    hours = sum(track.duration_s for track in tracks) / 3600
    n_packages = len({track.package for track in tracks})
    print(f"{len(tracks)} tracks, {hours:.1f} h, {n_packages} soundtracks in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The main jobs in one go: scan, ask what sounds alike, compare two tracks, make a playlist.

At the end it says how to open the page, on which all of it can be heard and seen.

    python examples/demo.py [MUSIC]

MUSIC is a folder with audio files; its library is the one that `soundalike` uses by default, so
that the analysis is not done twice. Without it, forty pieces by eight invented bands are composed
under build/demo: five pieces a band, so that the neighbours of a piece can be checked.

Each command is printed before it runs; it can be typed again as it stands.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from compose import make_all

import soundalike

HOME = Path("build") / "demo"
QUERY = "Neon Harbour"  # a band whose sound is easy to tell


def soundalike_command(*words: str) -> int:
    """Run ``soundalike`` as a user would; its exit code."""
    executable = Path(sys.executable).with_name("soundalike")
    print(f"\n$ {shlex.join(['soundalike', *words])}", flush=True)
    return subprocess.run([str(executable), *words], check=False).returncode


def page_command(library: Path | None) -> str:
    """What opens the page over a library, by default the usual one, from the folder one is in."""
    executable = Path(sys.executable).with_name("soundalike")
    if executable.is_relative_to(Path.cwd()):
        executable = executable.relative_to(Path.cwd())
    words = [str(executable), "serve", "--open"]
    return shlex.join(words if library is None else [*words, "--library", str(library)])


def compose_music(folder: Path) -> None:
    """Render the composed pieces, unless they are there already."""
    finished = folder.with_suffix(".complete")
    if finished.exists():
        return
    print("Composing and rendering forty pieces by eight bands ...", flush=True)
    for piece in make_all(folder):
        if piece.score.track_number == 1:
            print(f"  {piece.score.band.name}: {piece.score.band.genre}", flush=True)
    finished.touch()


def main() -> int:
    """Run the demonstration; 1 if there was nothing to show."""
    parser = argparse.ArgumentParser(description="Scan a folder and show what sounds alike.")
    parser.add_argument("music", nargs="?", type=Path, help="a folder (default: composed music)")
    music = parser.parse_args().music
    own_library = None
    if music is None:
        music = HOME / "music"
        compose_music(music)
        own_library = HOME / "library.db"
        os.environ["SOUNDALIKE_LIBRARY"] = str(own_library)
        print(f"\n$ export SOUNDALIKE_LIBRARY={own_library}")
    # A file that fails is listed and makes the exit code 1; the others are there all the same.
    soundalike_command("scan", str(music))

    with soundalike.Library() as library:
        tracks = [track for track in library.tracks() if track.status == "analysed"]
        inside = [track for track in tracks if track.path.is_relative_to(music.resolve())]
        if len(inside) < 2:
            print(f"{music}: two tracks are needed to compare, {len(inside)} could be analysed")
            return 1
        query = next((track for track in inside if track.artist == QUERY), inside[0])
        nearest = library.similar(query.path, k=1).matches[0].track
        farthest = library.similar(query.path, k=len(tracks)).matches[-1].track
    soundalike_command("similar", str(query.track_id), "-k", "8")
    if query.artist == QUERY:
        print(f"(The right answer: the other four pieces by {QUERY} come first.)", flush=True)
    picture = HOME / "compare.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    words = [str(query.track_id), str(nearest.track_id), "--plot", str(picture)]
    soundalike_command("compare", *words)
    here = str(query.track_id)
    mix = str(HOME / "mix.m3u8")
    # The composed pieces last less than a minute, which a playlist passes over unless it is told.
    short = ("--min-length", "0")
    rules = ("--tracks", "10", "--artist-gap", "1", *short)
    soundalike_command("playlist", here, *rules, "--out", mix)
    # From one end of what there is to the other, in small steps.
    soundalike_command("path", here, str(farthest.track_id), "--steps", "8", *short)
    code = soundalike_command("info")
    print("\nNow hear it, look at the map and build playlists, on a page in your browser:")
    print(f"\n$ {page_command(own_library)}")
    return code


if __name__ == "__main__":
    sys.exit(main())

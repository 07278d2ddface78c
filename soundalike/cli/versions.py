"""``soundalike versions``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.missing import note_missing
from soundalike.cli.output import Column, note, print_json, print_table
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.playlist import PlaylistTarget, playlist_options
from soundalike.cli.progress import decoding, work_progress
from soundalike.cli.rows import PATH_CELL, paths_option, track_cells, track_columns
from soundalike.cli.views import note_upgrade
from soundalike.show.amounts import COPY_WORDS, show_count, show_percent
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import Track, Version, VersionGroup, VersionKind, VersionsResult

__all__ = ["versions"]

_KINDS: tuple[VersionKind, ...] = ("copy", "audio", "near", "version")
# A tempo that differs by less is the same to a listener, and to what can be measured.
_SAME_TEMPO = 0.005
# So much of the shorter track is all of it.
_ALL = 0.97
# Half a second is the step of a fingerprint.
_SAME_PLACE_S = 1.0

_TO_ADD = "To add those that are missing: soundalike scan --full"


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike versions", "all pieces that are there several times, in whatever version"),
        ("soundalike versions so what", "the versions of one track"),
        ("soundalike versions ~/Downloads/piece.mp3", "of a file that is not in the library"),
        ("soundalike versions --kind version", "only live ones, covers, remixes and the like"),
        ("soundalike versions --kind near --paths", "other encodings and cuts, with their files"),
        ("soundalike versions 17 --m3u versions.m3u8", "as a playlist"),
    ),
)
@click.argument("track", nargs=-1, metavar="[TRACK]", shell_complete=complete_track)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="Only these: copy, the same bytes; audio, the same audio with other tags; near, the same "
    "recording in another encoding, mastering or cut; version, another recording of the piece. Can "
    "be repeated.",
)
@playlist_options
@paths_option
@model_option
@library_option
@json_option
def versions(
    track: tuple[str, ...],
    kinds: tuple[VersionKind, ...],
    m3u: str | None,
    relative: bool,
    base: tuple[str, str] | None,
    paths: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """List the tracks that hold the same music.

    Exact copies, the same audio under other tags, near-duplicates (another encoding or mastering,
    an edit, a cut intro), and other versions: live, covered, remixed, sketched, in another key or
    at another tempo. With TRACK only those of this one.

    The best copy of each piece comes first: one that is not cut, then a lossless file, then the
    higher bit rate, more tags, the shorter path. Of the others the table says what they are to it:
    how much of the shorter one has its place in the longer, key and tempo, and by how much the
    music begins later or earlier.

    It is a judgement by ear of a machine, which hears harmony in time: pieces over the same chords
    may be taken for versions of each other, and covers that change the chords are not found. On
    recordings of which it was known, 98 of 100 encodings and cuts were found, and of versions 100
    of 100 that were made of the same sound, and 90 of 100 that were played anew. Of 21 versions
    that were found in 2,075 soundtracks, 2 were none and 2 are open. docs/results.md has more.

    To compare all tracks takes a while the first time (a minute or two for thousands); what is
    found is kept, and later only what is new is compared. From then on `similar`, playlists, paths
    and radios have one version of a piece; with --versions show all may come.
    """
    from soundalike.library import Library

    playlist = PlaylistTarget(m3u, relative, as_json, base=base)
    chosen = kinds or _KINDS
    query = " ".join(track)
    with Library(library, model=model, create=False) as opened:
        if query:
            with decoding(f"looking for versions of {query}"):
                result = opened.versions(query, kinds=chosen)
        else:
            with work_progress("tracks") as show:
                result = opened.versions(
                    kinds=chosen, progress=lambda done, total: show("comparing", done, total)
                )
        upgrade = opened.upgrade()
    note_upgrade(upgrade)
    if result.query is not None:
        note_missing(result.query.track)
    if as_json:
        print_json(result)
    elif not (playlist.is_standard_output and result.groups):
        _print(result, paths=paths)
    playlist.write(_listed(result.groups))


def _listed(groups: Sequence[VersionGroup]) -> list[Track]:
    """Each track once, group by group."""
    found: dict[int, Track] = {}
    for group in groups:
        first = group.best if group.of is None else group.of
        for track in (first, *(each.track for each in group.others)):
            found.setdefault(track.track_id, track)
    return list(found.values())


def _print(result: VersionsResult, *, paths: bool) -> None:
    if not result.groups:
        what = "There is no other version of it." if result.query else "No piece is there twice."
        note(what)
    else:
        _print_table(result, paths=paths)
    _note_fingerprints(result)


def _print_table(result: VersionsResult, *, paths: bool) -> None:
    rows = []
    for group in result.groups:
        if group.of is not None:
            first = ["this", "", ""] if result.query else ["best", "", group.reason]
            rows.append([*first, *track_cells(group.of)])
        for each in group.others:
            is_best = result.query is not None and each.track == group.best
            cells = [COPY_WORDS[each.kind], f"{each.similarity:.3f}", _lies(each)]
            rows.append([*cells[:2], f"{cells[2]}; best" if is_best else cells[2]])
            rows[-1] += track_cells(each.track)
    path_cell = 3 + PATH_CELL
    print_table(
        [
            Column(""),
            Column("similarity", justify="right", drop=3),
            Column("how it lies to the first", min_width=16, drop=4),
            *track_columns(paths=paths),
        ],
        [[cell for n, cell in enumerate(row) if n != path_cell or paths] for row in rows],
    )
    n_others = sum(len(group.others) for group in result.groups)
    if result.query is None:
        pieces = show_count(len(result.groups), "piece")
        note(f"{pieces} with {show_count(n_others, 'other file')} beside the best")
    else:
        (group,) = result.groups
        reason = f" ({group.reason})" if group.reason else ""
        note(f"best of these: #{group.best.track_id} {group.best.name}{reason}")


def _note_fingerprints(result: VersionsResult) -> None:
    """Say what could not be looked for."""
    if not result.has_fingerprints:
        note(
            f"{result.model} keeps no fingerprints: other cuts and versions are not found with it."
        )
    elif result.without_fingerprint and result.query is not None:
        note("It has no fingerprint: cuts and versions of it are not found. " + _TO_ADD)
    elif result.without_fingerprint:
        number = show_count(result.without_fingerprint, "track")
        has = "has" if result.without_fingerprint == 1 else "have"
        note(f"{number} {has} no fingerprint: cuts and versions of them are not found. " + _TO_ADD)


def _lies(version: Version) -> str:
    """``62 % of it, 2 semitones higher, 8 % faster, 12 s later``."""
    lies = version.alignment
    if lies is None:
        return ""
    found = []
    if lies.share < _ALL:
        found.append(f"{show_percent(lies.share)} of the shorter")
    if lies.semitones:
        way = "higher" if lies.semitones > 0 else "lower"
        found.append(f"{show_count(abs(lies.semitones), 'semitone')} {way}")
    if abs(lies.tempo_ratio - 1) >= _SAME_TEMPO:
        way = "faster" if lies.tempo_ratio > 1 else "slower"
        found.append(f"{100 * abs(lies.tempo_ratio - 1):.0f} % {way}")
    if abs(lies.offset_s) >= _SAME_PLACE_S:
        way = "later" if lies.offset_s > 0 else "earlier"
        found.append(f"{show_time(abs(lies.offset_s))} {way}")
    return ", ".join(found) or "throughout"

"""``soundalike info``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.output import note, print_fields, print_json
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.views import (
    genre_words,
    music_words,
    note_upgrade,
    weight_words,
)
from soundalike.errors import printable
from soundalike.show.amounts import show_bytes, show_count, show_percent
from soundalike.show.documents import analysis_document, to_json
from soundalike.show.times import show_hours, show_moment, show_time

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library import LibraryInfo, Track

__all__ = ["info"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike info", "the library: tracks, hours, model, location"),
        ("soundalike info 17", "one track, by its id"),
        ("soundalike info miles davis so what --json", "one track, by words, as JSON"),
    ),
)
@click.argument("track", nargs=-1, metavar="[TRACK]", shell_complete=complete_track)
@model_option
@library_option
@json_option
def info(track: tuple[str, ...], model: str | None, library: str | None, as_json: bool) -> None:
    """Show what is in the library, or what is known about a track.

    TRACK is a file, the id of a track, or words from its artist and title.
    """
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        if track:
            found = opened.track(" ".join(track))
            analysis = opened.analysis(found.track_id) if found.status == "analysed" else None
            note_upgrade(opened.upgrade())
            if as_json:
                known = analysis_document(analysis) if analysis else None
                print_json(to_json(found) | {"analysis": known})
            else:
                _print_track(found, analysis)
            return
        facts = opened.info()
    if as_json:
        print_json(facts)
    else:
        _print_library(facts)


def _print_library(facts: LibraryInfo) -> None:
    fields = [("tracks", f"{facts.tracks:,}")]
    counts = {
        "analysed": facts.analysed,
        "failed": facts.failed,
        "pending": facts.pending,
        "missing": facts.missing,
        "unlike known music": facts.unfamiliar,
        "heard in passages only": facts.fast,
    }
    fields += [("  " + name, f"{count:,}") for name, count in counts.items() if count]
    fields.append(("music", show_hours(facts.duration_s)))
    fields.append(("model", f"{facts.model}: {_tracks(facts, facts.model)}"))
    fields += [
        ("  also analysed with", f"{other.model}: {_tracks(facts, other.model)}")
        for other in facts.models
        if other.model != facts.model
    ]
    if len(facts.facets) > 1:
        fields.append(("  compares", weight_words(facts.facets)))
    if facts.upgrade is not None:
        done, remaining = facts.upgrade.done, facts.upgrade.remaining
        fields.append(
            (
                "upgrade",
                f"to {facts.upgrade.model}: {done:,} of {show_count(done + remaining, 'track')} "
                f"re-analysed, {remaining:,} to go",
            )
        )
    for folder in facts.folders:
        held = f"{show_count(folder.tracks, 'track')}, scanned {show_moment(folder.scanned_at)}"
        fields += [
            ("folder", f"{printable(folder.path)}: {held}"),
            ("  without", ", ".join(folder.excludes)),
            ("  pattern", folder.pattern or ""),
            ("  tags in", folder.tag_encoding or ""),
        ]
    size = f", {show_bytes(facts.size_bytes)}" if facts.size_bytes is not None else ""
    fields.append(("database", f"{printable(facts.location)}{size}"))
    print_fields(fields)
    note_upgrade(facts.upgrade)
    if not (facts.tracks or facts.missing):
        note("The library is empty. To fill it: soundalike scan FOLDER")
    if facts.failed:
        note("To see why files failed: soundalike failures")
    if facts.fast:
        note("To analyse as a whole what was scanned with --fast: soundalike scan")
    if facts.missing:
        note("To see what is missing, and since when: soundalike missing")


def _print_track(track: Track, analysis: Analysis | None) -> None:
    sound = [
        f"{track.sample_rate:,} Hz" if track.sample_rate else "",
        {1: "mono", 2: "stereo"}.get(track.channels or 0, f"{track.channels} channels")
        if track.channels
        else "",
        track.codec or "",
    ]
    heard = "tags heard" if analysis and analysis.kind == "tags" else "genre heard"
    genres = (
        ", ".join(
            f"{label} {show_percent(share)}" for label, share in list(analysis.genres.items())[:3]
        )
        if analysis and analysis.kind == "genres"
        else ""
    )
    print_fields(
        [
            ("id", str(track.track_id)),
            ("file", printable(track.path)),
            ("status", track.absence or track.status),
            ("title", track.title or ""),
            ("artist", track.artist or ""),
            ("album", track.album or ""),
            ("year", str(track.year or "")),
            ("genre tag", track.genre or ""),
            ("length", show_time(track.duration_s) if track.duration_s is not None else ""),
            ("sound", ", ".join(filter(None, sound))),
            (heard, genre_words(analysis) if analysis else ""),
            ("", genres),
            *(music_words(analysis) if analysis else ()),
            ("model", analysis.model if analysis else ""),
            *(("note", remark) for remark in (analysis.notes if analysis else ())),
        ]
    )
    if track.status == "failed":
        note("To see why, and what to do: soundalike failures")


def _tracks(facts: LibraryInfo, model: str) -> str:
    count = sum(each.tracks for each in facts.models if each.model == model)
    return show_count(count, "track")

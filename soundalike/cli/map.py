"""``soundalike map``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import echo, json_text, note, print_json
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.progress import work_progress
from soundalike.cli.views import note_not_searched, note_upgrade
from soundalike.errors import InvalidArgument, printable
from soundalike.files import check_writable, write_file
from soundalike.show.amounts import show_count, show_percent

if TYPE_CHECKING:
    from soundalike.library.heard import Heard
    from soundalike.recommend.clusters import Group
    from soundalike.recommend.map import LibraryMap

__all__ = ["again_option", "groups_option", "map_command", "mapped"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_TEXTS = (".html", ".json", ".csv")
# So many tracks take a few seconds.
_QUICK = 5000
# A map that so many tracks had no part in shows others than the library has now.
_MANY_NEW = 0.2


def groups_option(command: Decorated) -> Decorated:
    """``--groups``: how many."""
    return click.option(
        "--groups",
        "n_groups",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many groups. Default: as many as there are, at most 24.",
    )(command)


def again_option(command: Decorated) -> Decorated:
    """``--again``: make the map anew."""
    return click.option(
        "--again",
        is_flag=True,
        help="Make the map and its groups anew, of all tracks there are now.",
    )(command)


@click.command(
    "map",
    cls=ExampleCommand,
    examples=(
        ("soundalike map --out map.html", "a page to move about in, with a search"),
        ("soundalike map --out map.png --out map.csv", "a picture, and a table for other programs"),
        ("soundalike map --again --out map.html", "drawn anew, of all tracks there are now"),
    ),
)
@click.option(
    "-o",
    "--out",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What to write: .html for a page, .json or .csv for other programs, or a picture (.png, "
    ".svg, .pdf, .jpg or .webp). Can be given several times.",
)
@groups_option
@again_option
@click.option(
    "--seed",
    type=int,
    metavar="N",
    help="Random seed of a map that is made; of one that is there with --again. Default: 0.",
)
@model_option
@library_option
@json_option
def map_command(
    out: tuple[Path, ...],
    n_groups: int | None,
    again: bool,
    seed: int | None,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Draw a map on which tracks that sound alike lie close.

    Two dimensions are too few for all neighbours to stay neighbours: it says how many do, of the
    whole and of each track. The page shows which tracks really sound most like the one you choose.

    The map is kept beside the library. New tracks are placed amid those that sound like them, and
    nothing else moves, until --again.

    A picture needs matplotlib: pip install 'soundalike[plots]'.
    """
    for path in out:
        _check(path)
    heard, found, groups = mapped(library, model, n_groups=n_groups, again=again, seed=seed)
    for path in out:
        _write(path, heard, found, groups)
        note(f"map: {printable(path)}")
    if as_json:
        from soundalike.show.map_data import map_document

        print_json(map_document(found, groups, heard.tracks))
    elif not out:
        _print(found, groups)


def mapped(
    library: str | None,
    model: str | None,
    *,
    n_groups: int | None = None,
    again: bool = False,
    seed: int | None = None,
) -> tuple[Heard, LibraryMap, tuple[Group, ...]]:
    """A library, its map, and the groups on it, with progress where that takes long."""
    from soundalike.library import Library
    from soundalike.library.heard import heard_in
    from soundalike.recommend.clusters import groups_of
    from soundalike.recommend.map import map_of

    with Library(library, model=model, create=False) as opened:
        note_upgrade(opened.upgrade())
        with opened.view() as view:
            heard = heard_in(view)
        with work_progress() as progress:
            found = map_of(
                heard.index,
                opened.beside,
                n_groups=n_groups,
                again=again,
                seed=seed or 0,
                progress=progress if len(heard.index) > _QUICK else None,
            )
        note_not_searched(heard.index.counts["pending"], found.model, "placed")
    if found.was_there and seed is not None:
        note(
            f"The map is the one that was made before, so --seed {seed} had no say; to make it "
            f"anew with it: soundalike map --again --seed {seed}"
        )
    if found.is_new.mean() > _MANY_NEW:
        note(
            f"{show_percent(float(found.is_new.mean()))} of the tracks are new since the map was "
            f"made; to make it anew, of all of them: soundalike map --again"
        )
    return heard, found, groups_of(heard, found)


def _check(path: Path) -> None:
    """That it can be written, before minutes of work for it."""
    if path.suffix.lower() in _TEXTS:
        check_writable(path)
    else:
        from soundalike.show.drawing import check_picture

        try:
            check_picture(path)
        except InvalidArgument as error:
            raise InvalidArgument(f"{error}, .html, .json or .csv") from None


def _write(path: Path, heard: Heard, found: LibraryMap, groups: tuple[Group, ...]) -> None:
    suffix = path.suffix.lower()
    if suffix == ".html":
        from soundalike.show.map_page import map_page

        write_file(path, map_page(found, groups, heard.tracks))
    elif suffix == ".json":
        from soundalike.show.map_data import map_document

        write_file(path, json_text(map_document(found, groups, heard.tracks), indent=1) + "\n")
    elif suffix == ".csv":
        from soundalike.show.map_data import map_table

        write_file(path, map_table(found, groups, heard.tracks))
    else:
        from soundalike.show.drawing import save
        from soundalike.show.map_picture import plot_map

        save(plot_map(found, groups), path)


def _print(found: LibraryMap, groups: tuple[Group, ...]) -> None:
    from soundalike.show.map_words import axes_words, kept_words, new_words, unclear_words

    echo(f"{show_count(len(found), 'track')} in {show_count(len(groups), 'group')}")
    for line in (unclear_words(found), kept_words(found), axes_words(found), new_words(found)):
        if line:
            echo(f"{line[0].upper()}{line[1:]}.")
    note("To see it: soundalike map --out map.html")

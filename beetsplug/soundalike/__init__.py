"""The beets plugin: ``beet soundalike``, and what an import and a move mean for the library.

It parses, asks ``soundalike.integrations.beets`` and prints. That is loaded only when it is needed,
so that other commands of beets start as fast as before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from beets import ui
from beets.dbcore import types
from beets.plugins import BeetsPlugin
from beets.ui import UserError  # type: ignore[attr-defined]  # not in its __all__
from confuse import ConfigError

from beetsplug.soundalike.options import (
    Commands,
    choice_options,
    command,
    jobs_option,
    length_options,
    limits_of,
    playlist_options,
    pretend_option,
    scan_options,
    similar_options,
)
from soundalike.errors import SoundalikeError, printable, with_place

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Item
    from beets.library import Library as BeetsLibrary

    from soundalike.integrations.beets import Found, ItemScan
    from soundalike.library import Library

# Of each list that could be long, so many lines; the library keeps all.
_SHOWN = 20
_MOVES: tuple[
    Literal["item_moved", "item_copied", "item_linked", "item_hardlinked", "item_reflinked"], ...
] = ("item_moved", "item_copied", "item_linked", "item_hardlinked", "item_reflinked")


class SoundalikePlugin(BeetsPlugin):
    """See ``docs/integrations/beets.md``."""

    item_types: ClassVar[dict[str, types.Type]] = {
        "sa_genre": types.STRING,
        "sa_genre_confidence": types.Float(digits=3),
        "sa_unsure": types.BOOLEAN,
        "sa_bpm": types.Float(digits=1),
        "sa_key": types.STRING,
        "sa_model": types.STRING,
        "sa_similarity": types.Float(digits=3),
    }

    def __init__(self) -> None:
        super().__init__()
        self.config.add({"library": None, "model": None, "auto": True, "jobs": None})
        self._imported: list[int] = []
        self._moves: list[tuple[bytes, bytes]] = []
        self._removed: list[bytes] = []
        self.register_listener("import_task_files", self._note_imported)
        self.register_listener("import", self._analyse_imported)
        for event in _MOVES:
            self.register_listener(event, self._note_move)
        self.register_listener("item_removed", self._note_removed)
        self.register_listener("cli_exit", self._follow)

    def commands(self) -> list[ui.Subcommand]:
        return [
            Commands(
                command(
                    "scan",
                    self._scan,
                    "[QUERY]",
                    "Analyse the items that match, all without a query, unless the library of "
                    "soundalike knows them, and write what it hears as attributes.",
                    pretend_option,
                    jobs_option,
                    scan_options,
                ),
                command(
                    "write",
                    self._write,
                    "[QUERY]",
                    "Write the attributes of the items anew, from what is analysed.",
                    pretend_option,
                ),
                command(
                    "similar",
                    self._similar,
                    "QUERY",
                    "List the items that sound most like those that match.",
                    similar_options,
                    choice_options,
                    playlist_options("--playlist"),
                    pretend_option,
                    ui.CommonOptionsParser.add_path_option,
                    ui.CommonOptionsParser.add_format_option,
                ),
                command(
                    "playlist",
                    self._playlist,
                    "QUERY",
                    "Make a playlist of what sounds like the items that match, in a smooth order.",
                    length_options,
                    choice_options,
                    playlist_options("--out"),
                    pretend_option,
                    ui.CommonOptionsParser.add_path_option,
                    ui.CommonOptionsParser.add_format_option,
                ),
            )
        ]

    # The commands

    def _scan(self, lib: BeetsLibrary, options: Any, query: list[str]) -> None:
        from soundalike.integrations.beets import preview

        items = _items(lib, query)
        if options.pretend:
            with self._library_or_none() as library:
                found = preview(library, items)
            ui.print_(
                f"{found.new:,} items to read, and to analyse where their content is not known; "
                f"{found.known:,} known, {found.gone:,} without a file"
            )
            return
        with self._library(create=True) as library:
            done = self._scan_items(
                library,
                items,
                jobs=self._jobs() if options.jobs is None else options.jobs,
                retry=options.retry,
                fast=options.fast,
            )
            self._write_attributes(library, items)
        if done.report.interrupted:
            raise UserError("interrupted; nothing is lost: run the same command again to go on")
        n_failed = len(done.report.failed) + len(done.gone)
        if n_failed:
            self._fail_at_exit(f"{n_failed:,} of {len(items):,} items could not be analysed")

    def _write(self, lib: BeetsLibrary, options: Any, query: list[str]) -> None:
        from soundalike.integrations.beets import analysed_ids

        items = _items(lib, query)
        with self._library() as library:
            analysed_ids(library, items)  # where there are none, that is told
            self._write_attributes(library, items, pretend=options.pretend)

    def _similar(self, lib: BeetsLibrary, options: Any, query: list[str]) -> None:
        from soundalike.integrations.beets import similar_items

        _check_file(options)
        seeds = _seeds(lib, query)
        with self._library() as library:
            found = similar_items(
                library,
                seeds,
                _items(lib, options.within),
                options.limit,
                limits=limits_of(options),
                other_albums=options.not_same_album,
                use_taste=not options.no_taste,
            )
        self._put(found, options)

    def _playlist(self, lib: BeetsLibrary, options: Any, query: list[str]) -> None:
        from soundalike.integrations.beets import playlist_of
        from soundalike.recommend.wishes import Wishes

        _check_file(options)
        seeds = _seeds(lib, query)
        wishes = Wishes(
            tracks=options.tracks,
            minutes=options.minutes,
            limits=limits_of(options),
            surprise=options.surprise,
            random_seed=options.seed,
            with_seeds=options.with_seeds,
        )
        with self._library() as library:
            found = playlist_of(
                library,
                seeds,
                wishes,
                within=_items(lib, options.within),
                without=_items(lib, options.without) if options.without else (),
                other_albums=options.not_same_album,
                use_taste=not options.no_taste,
            )
        self._put(found, options)

    def _put(self, found: Sequence[Found], options: Any) -> None:
        """Print an answer, and write it where that is asked for."""
        from soundalike.integrations.beets import SIMILARITY, write_items

        for each in found:
            if each.similarity is not None:
                each.item[SIMILARITY] = each.similarity
            ui.print_(format(each.item))
        if not found:
            # A playlist that is there stays as it is.
            raise UserError("nothing was found: nothing else that may come is analysed")
        if options.file is None or options.pretend:
            return
        items = [each.item for each in found]
        left_out = write_items(options.file, options.name, items, relative=options.relative)
        for lost in left_out:
            self._log.warning("{}", f"not in {options.file}: {lost.reason}")
        self._log.info("{}", f"{len(items) - len(left_out):,} tracks in {options.file}")

    # What happens in beets

    def _note_imported(self, session: ImportSession, task: ImportTask) -> None:
        self._imported += [item.id for item in task.imported_items() if item.id is not None]

    def _analyse_imported(self, lib: BeetsLibrary, paths: list[bytes]) -> None:
        """When all files are where they stay: analyse them together, in several processes."""
        ids, self._imported = self._imported, []
        if not ids:
            return
        with self._no_harm("what was imported is not analysed"):
            if not self.config["auto"].get(bool):
                return
            items = [item for item in map(lib.get_item, dict.fromkeys(ids)) if item is not None]
            with self._library(create=True) as library:
                self._follow_in(library)
                self._scan_items(library, items, jobs=self._jobs())
                self._write_attributes(library, items)

    def _note_move(self, item: Item, source: bytes, destination: bytes) -> None:
        self._moves.append((source, destination))

    def _note_removed(self, item: Item) -> None:
        self._removed.append(item.path)

    def _follow(self, lib: BeetsLibrary) -> None:
        if not self._moves and not self._removed:
            return
        missed = "the library of soundalike does not know yet what was moved"
        with self._no_harm(missed), self._library_or_none() as library:
            if library is not None:
                self._follow_in(library)

    def _follow_in(self, library: Library) -> None:
        from soundalike.integrations.beets import follow
        from soundalike.show.scans import scan_words

        moves, self._moves = self._moves, []
        removed, self._removed = self._removed, []
        report = follow(library, moves, removed)
        if report is not None:
            self._log.info("{}", f"followed what beets moved: {scan_words(report)}")

    @contextmanager
    def _no_harm(self, what: str) -> Iterator[None]:
        """Whatever goes wrong here, beets goes on: its import or move is done."""
        later = "`beet soundalike scan` does it later"
        try:
            yield
        except (SoundalikeError, UserError, ConfigError) as error:
            self._log.warning("{}", f"{what}: {error}. {later}")
        except Exception as error:
            self._log.warning("{}", f"{what}: {type(error).__name__}: {with_place(error)}. {later}")

    # What several of them do

    def _scan_items(
        self, library: Library, items: Sequence[Item], *, jobs: int | None, **options: Any
    ) -> ItemScan:
        from soundalike.cli.progress import scan_progress
        from soundalike.integrations.beets import scan_items
        from soundalike.show.scans import scan_words

        with scan_progress() as progress:
            done = scan_items(library, items, jobs=jobs, progress=progress, **options)
        self._log.info("{}", scan_words(done.report))
        for note in done.report.notes:
            self._log.info("{}", note)
        reasons = [
            f"{printable(failure.path)}: {failure.reason} ({failure.advice})"
            for failure in done.report.failed
        ]
        reasons += [
            f"{printable(os.fsdecode(item.path))}: there is no such file (`beet update` removes it "
            f"from beets)"
            for item in done.gone
        ]
        for reason in reasons[:_SHOWN]:
            self._log.warning("{}", reason)
        if len(reasons) > _SHOWN:
            more = len(reasons) - _SHOWN
            self._log.warning("{}", f"... and {more:,} more: `soundalike failures` lists them")
        return done

    def _write_attributes(
        self, library: Library, items: Sequence[Item], *, pretend: bool = False
    ) -> None:
        from soundalike.integrations.beets import write_attributes

        changes = write_attributes(library, items, dry_run=pretend)
        if pretend:
            for each in changes:
                said = ", ".join(f"{name}={value}" for name, value in each.now.items())
                ui.print_(f"{each.item}: {said}")
        would = "would change" if pretend else "changed"
        self._log.info("{}", f"the attributes of {len(changes):,} of {len(items):,} items {would}")

    def _jobs(self) -> int | None:
        return None if self.config["jobs"].get() is None else self.config["jobs"].get(int)

    @contextmanager
    def _library(self, *, create: bool = False) -> Iterator[Library]:
        """The library of soundalike, closed at the end."""
        from soundalike.library import Library

        model = self.config["model"].get()
        if not create and not self._is_there():
            raise UserError(
                "there is no library of soundalike yet: `beet soundalike scan` makes it"
            )
        with Library(self._place(), model=model, create=create) as library:
            yield library

    @contextmanager
    def _library_or_none(self) -> Iterator[Library | None]:
        """The same; None where there is none yet."""
        with self._library() if self._is_there() else nullcontext() as library:
            yield library

    def _place(self) -> str | None:
        """Where the library is; None for that of the command `soundalike`."""
        named = self.config["library"].get()
        if named is None or (isinstance(named, str) and "://" in named):
            return named
        return self.config["library"].as_filename()

    def _is_there(self) -> bool:
        from soundalike.library.location import default_location

        place = self._place() or os.environ.get("SOUNDALIKE_LIBRARY") or str(default_location())
        return "://" in place or os.path.exists(place)

    def _fail_at_exit(self, message: str) -> None:
        """Exit with 1, but only when other plugins have done what they do at the end."""

        def fail(lib: BeetsLibrary) -> None:
            raise UserError(message)

        self.register_listener("cli_exit", fail)


def _items(lib: BeetsLibrary, query: Sequence[str] | str) -> list[Item]:
    """The items of a query, as `beet ls` has it; all where it is empty."""
    items = list(lib.items(query))
    if items:
        return items
    if not query:
        raise UserError("the beets library is empty: import music first, with `beet import FOLDER`")
    words = query if isinstance(query, str) else " ".join(query)
    raise UserError(f"no item matches {words!r}: `beet ls` shows what a query matches")


def _check_file(options: Any) -> None:
    """Before the work is done, whether a playlist can be written where it is to go."""
    from soundalike.cli.params import check_output
    from soundalike.playlists import format_of

    if options.file is not None and not options.pretend:
        format_of(options.file)
        check_output(options.file, "a playlist")


def _seeds(lib: BeetsLibrary, query: list[str]) -> list[Item]:
    if not query:
        raise UserError("name what it is to sound like, as for `beet ls`: artist:Debussy clair")
    return _items(lib, query)

"""What a listener tells a library: the part of it that keeps judgements and plays."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from soundalike.arguments import number
from soundalike.errors import InvalidArgument, LibraryError, TrackNotFound, printable
from soundalike.library.checks import seed_queries
from soundalike.library.storage.schema import contents, tastes
from soundalike.library.taste_stamp import NOTHING, stamp_of

if TYPE_CHECKING:
    from soundalike.library.judgements import Piece
    from soundalike.library.listens import ListenFile
    from soundalike.library.lookup import Asked
    from soundalike.library.reader import Reader
    from soundalike.library.snapshot import Query
    from soundalike.library.storage.database import Database
    from soundalike.library.taste_records import (
        Evidence,
        FittedTaste,
        Judgement,
        JudgementKind,
        ListenImport,
        TasteCounts,
    )
    from soundalike.library.view import View

__all__ = ["Judging"]


class Judging:
    """Judgements and plays of a :class:`.Library`.

    They belong to the music, by the hash of its file and of its audio: a file that is retagged,
    moved or copied keeps them. They stay when a file is gone or its track is forgotten, do not
    count then, and count again when it comes back; ``undo_judgement`` and ``reset_taste`` delete
    them.
    """

    _database: Database
    _reader: Reader

    def like(self, *queries: Query) -> tuple[Judgement, ...]:
        """Note that these tracks are liked; a folder stands for all its tracks.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for ``Library.track``; or a file that is not in the
            library.
        InvalidArgument : no track, or a passage: a judgement is of whole tracks.
        LibraryError : the database cannot be written.
        """
        return self._judge("like", queries)

    def dislike(self, *queries: Query) -> tuple[Judgement, ...]:
        """Note that these tracks are disliked; see :meth:`like`."""
        return self._judge("dislike", queries)

    def alike(self, a: Query, b: Query) -> Judgement:
        """Note that two tracks are alike; raises as :meth:`like`, or where both are one track."""
        return self._judge("alike", (a, b), together=True)[0]

    def unlike(self, a: Query, b: Query) -> Judgement:
        """Note that two tracks are not alike; see :meth:`alike`."""
        return self._judge("unlike", (a, b), together=True)[0]

    def odd_one(self, a: Query, b: Query, odd: Query) -> Judgement:
        """Note that of three tracks the last is the odd one: the other two are more alike than
        either is to it; see :meth:`alike`."""
        return self._judge("oddone", (a, b, odd), together=True)[0]

    def judgements(self) -> tuple[Judgement, ...]:
        """All judgements, the oldest first. Of several about the same tracks the last counts."""
        from soundalike.library.judgements import read_judgements

        with self._reader.snapshot() as snapshot:
            return read_judgements(snapshot)

    def undo_judgement(self, judgement_id: int | None = None) -> Judgement:
        """Take a judgement back: by its number, or the last that was made.

        Raises
        ------
        TrackNotFound : there is no such judgement.
        """
        from soundalike.library.judgements import drop_judgement

        before = self.judgements()
        if judgement_id is None and before:
            judgement_id = max(each.judgement_id for each in before)
        with self._database.write() as connection:
            drop_judgement(connection, judgement_id)
        return next(each for each in before if each.judgement_id == judgement_id)

    def import_listens(self, listens: str | os.PathLike[str] | ListenFile) -> ListenImport:
        """Note when tracks were played, and how much of them was heard.

        Tracks are found by path, by the MusicBrainz id of the recording in their tags, or by artist
        and title. What is known already is not noted again.

        Parameters
        ----------
        listens : a file, CSV or JSON of ListenBrainz, of which ``library.listens`` says what is in
            them; or what was read already.

        Raises
        ------
        UnreadableFile : it cannot be read.
        InvalidArgument : it is neither.
        LibraryError : the database cannot be written.
        """
        from soundalike.library.listen_import import import_listens

        return import_listens(self._database, self._reader.snapshot, listens)

    def note_play(
        self,
        query: Query,
        *,
        played_at_s: float,
        share: float | None = None,
        is_skipped: bool = False,
        source: str,
    ) -> None:
        """Note that a track was played.

        Parameters
        ----------
        played_at_s : when it began, in seconds since 1970; a second play in the same second is not
            noted.
        share : how much of it was heard, 0 to 1; None where that is not known.
        is_skipped : speaks against it.
        source : who says so.

        Raises
        ------
        As :meth:`like`; or the share is out of range.
        """
        from soundalike.library.judgements import add_pieces, add_plays

        if share is not None:
            share = number("share", share, least=0, most=1)
        played_at_s = number("played_at_s", played_at_s, least=0)
        with self._reader.view() as view:
            about = _pieces(view, _asked(view, seed_queries([query])[0], together=True))
        with self._database.write() as connection:
            (piece_id,) = add_pieces(connection, about)
            row = {
                "piece_id": piece_id,
                "played_at": float(math.floor(played_at_s)),
                "share": share,
                "is_skipped": is_skipped,
                "source": source,
            }
            add_plays(connection, [row])

    def taste_counts(self) -> TasteCounts:
        """How many judgements and plays there are."""
        from soundalike.library.judgements import count_taste

        with self._database.read() as connection:
            return count_taste(connection)

    def has_taste(self) -> bool:
        """Whether there are any judgements or plays."""
        with self._database.read() as connection:
            return stamp_of(connection) != NOTHING

    def reset_taste(self) -> TasteCounts:
        """Delete all judgements and plays; what was deleted."""
        from soundalike.library.judgements import count_taste, drop_all

        with self._database.write() as connection:
            found = count_taste(connection)
            drop_all(connection)
        return found

    def taste_evidence(self) -> Evidence:
        """What a taste can be fitted to.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        from soundalike.library.evidence import read_evidence

        with self._reader.view() as view:
            return read_evidence(view)

    def kept_taste(self) -> FittedTaste | None:
        """What was fitted to these very judgements and plays, for the model that answers."""
        from soundalike.library.taste_records import FittedTaste

        with self._reader.view() as view:
            connection = view.snapshot.connection
            row = connection.execute(
                select(tastes).where(
                    tastes.c.model == view.model, tastes.c.stamp == stamp_of(connection)
                )
            ).one_or_none()
            if row is None:
                return None
            return FittedTaste(row.fitted, row.fitted_at, row.n_tracks, len(view))

    def keep_taste(self, evidence: Evidence, fitted: Any) -> None:
        """Keep what was fitted, in the place of what was; a failure is no harm."""
        values = {
            "model": evidence.model,
            "stamp": evidence.stamp,
            "n_tracks": len(evidence.index),
            "fitted_at": time.time(),
            "fitted": fitted,
        }
        with suppress(LibraryError), self._database.write() as connection:
            connection.execute(delete(tastes).where(tastes.c.model == evidence.model))
            connection.execute(insert(tastes).values(**values))

    def _judge(
        self, kind: JudgementKind, queries: Sequence[Query], *, together: bool = False
    ) -> tuple[Judgement, ...]:
        """Judgements of each track, or one of all of them."""
        from soundalike.library.judgements import add_judgement, add_pieces

        with self._reader.view() as view:
            asked = [
                part
                for each in seed_queries(list(queries))
                for part in _asked(view, each, together)
            ]
            about = _pieces(view, asked)
        if together:
            _check_different(asked, about)
        now = time.time()
        with self._database.write() as connection:
            ids = add_pieces(connection, about)
            groups = [ids] if together else [[each] for each in dict.fromkeys(ids)]
            made = {add_judgement(connection, kind, each, now) for each in groups}
        return tuple(each for each in self.judgements() if each.judgement_id in made)


def _asked(view: View, query: Any, together: bool) -> list[Asked]:
    found = view.asked(query)
    if together and len(found) > 1:
        raise InvalidArgument(
            f"{query.query} is a folder of {len(found):,} tracks: name one of them"
        )
    for each in found:
        if not each.is_whole:
            raise InvalidArgument(
                f"{query.query!r} is a passage: a judgement is of whole tracks, so name the track"
            )
        if each.found.content_id is None:
            raise TrackNotFound(
                f"{printable(each.found.path)}: the library does not know what is in it; scan its "
                f"folder first"
            )
    return found


def _pieces(view: View, asked: Sequence[Asked]) -> list[Piece]:
    from soundalike.library.judgements import Piece

    ids = sorted({each.found.content_id for each in asked if each.found.content_id is not None})
    digests: dict[int, tuple[bytes, bytes | None]] = {}
    for start in range(0, len(ids), 500):
        some = select(contents.c.id, contents.c.digest, contents.c.audio_digest).where(
            contents.c.id.in_(ids[start : start + 500])
        )
        digests |= {
            row.id: (row.digest, row.audio_digest) for row in view.snapshot.connection.execute(some)
        }
    return [
        Piece(*digests[each.found.content_id], each.found.name)
        for each in asked
        if each.found.content_id is not None
    ]


def _check_different(asked: Sequence[Asked], about: Sequence[Piece]) -> None:
    """
    Raises
    ------
    InvalidArgument : two of the tracks are one, or hold the same audio.
    """
    for place, (one, piece) in enumerate(zip(asked, about, strict=True)):
        for other, its in zip(asked[:place], about[:place], strict=True):
            if piece.digest == its.digest or (
                piece.audio_digest is not None and piece.audio_digest == its.audio_digest
            ):
                same = "" if one.found.path == other.found.path else " hold the same audio"
                raise InvalidArgument(
                    f"{other.found.name} and {one.found.name}{same or ' are one track'}: name "
                    f"different tracks"
                )

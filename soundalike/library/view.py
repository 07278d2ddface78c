"""What recommendations read: one state of a library, within one transaction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from soundalike.errors import (
    InvalidArgument,
    LibraryError,
    ModelMismatch,
    TrackNotFound,
    printable,
)
from soundalike.library.artists import artist_sets
from soundalike.library.filters import barred_by, genres_of
from soundalike.library.limits import NO_LIMITS, Limits
from soundalike.library.lookup import Asked, SeedQuery, find, find_part, has_id
from soundalike.library.scan.walk import is_folder
from soundalike.library.similar_records import Heard, Seed
from soundalike.library.snapshot import Found, Query, Snapshot
from soundalike.library.storage.schema import below, tracks
from soundalike.remote import check_url
from soundalike.similarity.best import best_first
from soundalike.similarity.recording import Music
from soundalike.similarity.select import Barred, CopiesOf, Selection, select
from soundalike.urls import url_of

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.facets import Facets
    from soundalike.library.index import Index
    from soundalike.library.pieces import PiecesOfRows
    from soundalike.library.records import Track
    from soundalike.library.word_records import KnownGenre
    from soundalike.models.lineage import EmbeddingSpace
    from soundalike.similarity.codes import Estimates
    from soundalike.similarity.distribution import PairDistribution
    from soundalike.similarity.duplicates import Recordings
    from soundalike.similarity.versions import Rows, Versions

__all__ = ["View", "heard_from", "music_heard"]


# Rows among which cuts and versions are looked for, by how many are wanted, and at least.
_POOL, _LEAST_POOL = 8, 256


class View:
    """One state of a library, as the model that answers sees it: :meth:`.Library.view`.

    A row is the place of a track in :attr:`index`. Whatever reads names, tags or excerpts works
    only while the transaction lasts; the index stays as it is.

    Parameters
    ----------
    snapshot : in a transaction.
    index : of that state.
    was_chosen : whether somebody asked for the model by name; see ``Snapshot.stored``.

    Attributes
    ----------
    index : embeddings, ids, artist and album codes, and lengths of all tracks that can be found.
    recordings : which rows hold the same recording, and are as long.
    versions : which hold the same music: other cuts and other versions.
    pieces : the same, as far as it was found and kept by ``Library.versions``; None for nothing.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        index: Index,
        *,
        was_chosen: bool = True,
        pieces: PiecesOfRows | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.index = index
        self.pieces = pieces
        self._was_chosen = was_chosen
        self.recordings: Recordings = index.recordings(snapshot)
        self.versions: Versions = index.versions(snapshot)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def space(self) -> EmbeddingSpace:
        """The model that answers."""
        return self.snapshot.space

    @property
    def model(self) -> str:
        """Its ``name@version``."""
        return self.space.id

    @property
    def layout(self) -> Facets:
        """What its embeddings are made of."""
        return self.space.layout

    @property
    def excerpt_s(self) -> float:
        """How long an excerpt lasts, in seconds."""
        return self.snapshot.excerpt_s

    @property
    def distribution(self) -> PairDistribution:
        """How alike the library's pairs of tracks are; ``index.weighed`` under other weights."""
        return self.index.distribution

    # What is known of rows

    def tracks(self, rows: Sequence[int]) -> list[Track]:
        """The tracks of some rows, in their order."""
        ids = self.index.track_ids[np.asarray(rows, np.intp)].tolist()
        by_id = self.snapshot.tracks_by_id(list(dict.fromkeys(ids)))
        return [by_id[track_id] for track_id in ids]

    def excerpts(self, rows: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """The embeddings of the excerpts of some rows by row, (n_excerpts, D), unit length; rows of
        which none are stored, or damaged ones, are left out."""
        ids = {int(self.index.track_ids[row]): int(row) for row in rows}
        found = self.snapshot.excerpts_of(list(ids))
        return {ids[track_id]: excerpts for track_id, excerpts in found.items()}

    def excerpt_starts_s(self, rows: Sequence[int]) -> dict[int, NDArray[np.float64]]:
        """When the excerpts of some rows begin, by row: (n_excerpts,), seconds."""
        ids = {int(self.index.track_ids[row]): int(row) for row in rows}
        found = self.snapshot.excerpt_starts_of(list(ids))
        return {ids[track_id]: starts_s for track_id, starts_s in found.items()}

    def artists(self, rows: Sequence[int]) -> list[frozenset[int]]:
        """The artists of some rows, as numbers, several for a collaboration; empty where unknown.
        Those of one artist alone are ``index.artist_codes``."""
        return artist_sets(self.index, self.snapshot, rows)

    # What limits leave

    def barred(self, limits: Limits) -> Barred:
        """The rows that limits bar whatever else is chosen: by place, tags, length and id.

        ``allowed`` is the mask (n,) of the others, ``counts`` has how many each limit bars.

        Raises
        ------
        InvalidArgument : no track has a genre, or lies in a folder, that alone is allowed.
        """
        return barred_by(self.index, self.snapshot, limits)

    def genres(self) -> tuple[KnownGenre, ...]:
        """The genres of the tags, which limits may name; those of most tracks first."""
        return genres_of(self.index, self.snapshot)

    def select(
        self,
        scores: NDArray[np.floating],
        k: int,
        limits: Limits = NO_LIMITS,
        *,
        exclude: Sequence[int] = (),
        before: Sequence[int] = (),
        cosines: NDArray[np.floating] | None = None,
        estimates: Estimates | None = None,
    ) -> Selection:
        """The rows with the highest scores that limits allow; see ``similarity.select``.

        Parameters
        ----------
        scores : (n,), one for each row of the index; minus infinity for what is no candidate.
        exclude : rows that must not come out, such as the seeds and their copies.
        before : rows that stand before in the list; they count for the limits.
        limits : without ``limits.versions`` one of the copies, cuts and known versions of a piece
            comes, and stands for all.
        cosines : (n,), of the rows with one embedding by the model's own metric, where they are
            known: copies are found in less time. The scores of one seed are such.
        estimates : of the scores, where these are only nearly right yet: as many are looked at as
            the answer needs, and those of what is chosen are exact.

        Raises
        ------
        InvalidArgument : limits that leave nothing; the message says which takes most.
        """
        copies_of: CopiesOf | None = None
        if not limits.versions:
            # What is known of all need not be looked for.
            is_known = self.pieces is not None and self.pieces.is_whole
            if estimates is not None and not is_known:
                estimates.settle_best(self.pool_size(k))
            pool = () if is_known else self.pool(scores, k)
            copies_of = partial(self.copies_of, among=pool, cosines=cosines)
        return select(
            scores,
            k,
            exclude=exclude,
            before=before,
            barred=self.barred(limits),
            artists_of=self.artists,
            artist_groups=self.index.artist_codes,
            max_per_artist=limits.max_per_artist,
            artist_gap=limits.artist_gap,
            album_codes=self.index.album_codes,
            max_per_album=limits.max_per_album,
            copies_of=copies_of,
            versions_of=None if limits.versions else self.versions_of,
            estimates=estimates,
        )

    def pool(self, scores: NDArray[np.floating], k: int) -> NDArray[np.intp]:
        """The rows among which cuts and versions of what may stand in a list of k are looked for:
        those with the highest scores, ascending. What is not among them does not come anyway."""
        return np.sort(best_first(scores, self.pool_size(k)))

    @staticmethod
    def pool_size(k: int) -> int:
        """Rows of :meth:`pool`, where there are as many."""
        return max(_LEAST_POOL, _POOL * k)

    def copies_of(
        self,
        rows: Sequence[int],
        among: Rows = (),
        cosines: NDArray[np.floating] | None = None,
    ) -> list[list[int]]:
        """For each of some rows the others that hold its recording, ascending: copies as long as
        it, and other cuts that are known, of all rows; others of some. ``cosines`` as for
        :meth:`select`."""
        found = []
        cuts = self.versions.near(rows, among) if len(among) else [[]] * len(rows)
        copies = self.recordings.copies_of(rows, cosines)
        for row, own, others in zip(rows, copies, cuts, strict=True):
            known = [] if self.pieces is None else self.pieces.recording(row)
            own = sorted({*own, *known}) if known else own
            found.append(self._with_audio([*own, *others], row) if others else own)
        return found

    def versions_of(self, rows: Sequence[int]) -> list[list[int]]:
        """For each of some rows the others that are known to hold the same music in another
        recording, ascending: what ``Library.versions`` has found and kept."""
        return [[] if self.pieces is None else self.pieces.versions(row) for row in rows]

    def same_music(
        self, rows: Sequence[int], cosines: NDArray[np.floating] | None = None
    ) -> list[list[int]]:
        """For each of some rows its copies, and what is known to be a cut or version of it;
        ``cosines`` as for :meth:`select`."""
        both = zip(self.copies_of(rows, (), cosines), self.versions_of(rows), strict=True)
        return [sorted({*copies, *versions}) for copies, versions in both]

    def cuts_of(self, heard: Heard, among: Rows) -> list[int]:
        """Those of some rows that hold another cut of what was heard, ascending; of a passage
        none."""
        if not heard.seed.is_whole:
            return []
        row = self.row_of(heard)
        if row is not None:
            (cuts,) = self.versions.near([row], among)
            return self._with_audio(cuts, row) if cuts else []
        found = self.versions.near_other(heard.embedding, music_heard(heard), among)
        return self._with_audio(found) if found else []

    def _with_audio(self, rows: Sequence[int], without: int | None = None) -> list[int]:
        """Some rows and those that have the audio of one of them, ascending."""
        audio_ids = self.index.audio_ids[np.asarray(rows, np.intp)].tolist()
        return [row for row in self.index.by_audio.having(audio_ids) if row != without]

    # What queries mean

    def find(self, query: Query) -> Found:
        """The track that a query means, or the file that the library does not have.

        Raises
        ------
        TrackNotFound, AmbiguousTrack, InvalidArgument : as ``Library.track``, but not for a path.
        """
        return find(self.snapshot, query)

    def row_of(self, what: Found | Heard) -> int | None:
        """The row of a track; None for what a search cannot find."""
        return self.index.row_of(what.track.track_id) if what.track is not None else None

    def asked(self, asking: SeedQuery) -> list[Asked]:
        """What a seed means: a track, a file, a passage (``TRACK@1:10-1:40``), or all tracks of a
        folder that can be found, by path.

        What is a folder says :meth:`folder_of`.

        Raises
        ------
        TrackNotFound : no track matches, or none of the library lies in the folder.
        AmbiguousTrack, InvalidArgument : as :meth:`find`; or a passage that cannot be read, is
            given twice, or is one of a folder.
        """
        folder = self.folder_of(asking.query)
        if folder is None:
            return [find_part(self.snapshot, asking)]
        if asking.start_s is not None or asking.end_s is not None:
            raise InvalidArgument(f"{printable(folder)} is a folder: a passage is one of a track")
        found = [
            Found(track, track.path, int(self.index.content_ids[row]))
            for track in self.snapshot.where(below(tracks.c.path, folder))
            if (row := self.index.row_of(track.track_id)) is not None
        ]
        if not found:
            raise TrackNotFound(f"{printable(folder)}: no track of the library lies there")
        found.sort(key=lambda each: os.fsencode(each.path))
        return [Asked(each) for each in found]

    def folder_of(self, query: Query) -> str | None:
        """The folder that a query means, without symbolic links; None for anything else.

        A path that is a folder on the disk is one; and, also while its disk is away, one that
        tracks of the library lie in. A bare name (no separator, no dot before it) may be words or
        an id as well: it is a folder only where that has tracks, and no track has such an id.

        Raises
        ------
        InvalidArgument : an address that may not be shown.
        """
        if not isinstance(query, (str, os.PathLike)):
            return None
        url = url_of(query)
        if url is not None:
            check_url(url)
            return url if is_folder(url) else None
        try:
            path = Path(os.path.expanduser(os.fspath(query)))
            if path.is_file():
                return None
            folder = os.path.realpath(path)
            is_bare = isinstance(query, str) and os.sep not in query and query[:1] != "."
            if path.is_dir():
                if not is_bare:
                    return folder
            elif is_bare:
                return None
        except (ValueError, OSError):  # a null character in it, or longer than a name can be
            return None
        if is_bare and has_id(self.snapshot, os.fspath(query)):
            return None
        one = sa.select(tracks.c.id).where(below(tracks.c.path, folder)).limit(1)
        return None if self.snapshot.connection.scalar(one) is None else folder

    def heard(
        self, asked: Asked, *, with_excerpts: bool = True, with_analysis: bool = False
    ) -> Heard | None:
        """What is stored of a seed; None for what has to be analysed, such as a passage.

        Parameters
        ----------
        with_excerpts : False where they need not be read.
        with_analysis : True where all is wanted that the model says.

        Raises
        ------
        ModelMismatch : it is analysed, but not with the model that was asked for.
        LibraryError : what is stored is damaged.
        """
        if asked.heard is not None:
            self.check(asked.heard)
            return asked.heard
        if not asked.is_whole:
            return None
        found = asked.found
        row = self.row_of(found)
        if row is None or with_analysis:
            analysis = self.stored(found)
            return None if analysis is None else heard_from(asked, analysis)
        nothing = Music(0.0, np.zeros((0, self.layout.size), np.float32))
        track_id = int(self.index.track_ids[row])
        stored = self.snapshot.music_of([track_id]) if with_excerpts else {}
        music = stored.get(track_id, nothing)
        return Heard(
            seed=Seed(found.track, found.path),
            content_id=found.content_id,
            model=self.model,
            embedding=self.index.pick([row])[0],
            excerpts=music.excerpts,
            starts_s=music.starts_s,
            duration_s=float(self.index.durations_s[row]),
            is_unfamiliar=self.snapshot.is_unfamiliar(found.content_id),
            fingerprint=music.fingerprint,
        )

    def stored(self, found: Found, *, is_needed: bool = True) -> Analysis | None:
        """What is stored of a whole track. Where it is not needed, it can do without."""
        with suppress(*() if is_needed else (LibraryError,)):
            return self.snapshot.stored(found, was_chosen=self._was_chosen and is_needed)
        return None

    def own_rows(self, heard: Heard) -> tuple[int | None, list[int]]:
        """The row of a seed, if it has one, and those of its copies, ascending."""
        row = self.row_of(heard)
        if row is not None:
            return row, self.recordings.copies_of([row])[0]
        own: set[int] = set()
        if heard.content_id is not None:
            own.update(np.flatnonzero(self.index.content_ids == heard.content_id).tolist())
        if own:
            own.update(self.recordings.copies_of([min(own)])[0])
            return None, sorted(own)
        whole: Heard | Analysis | None = heard
        if not heard.seed.is_whole:
            found = Found(heard.track, heard.path, heard.content_id)
            whole = self.stored(found, is_needed=False)
        if whole is None:
            return None, []
        music = music_heard(whole) if isinstance(whole, Heard) else Music.of(whole)
        return None, self.recordings.copies_of_other(whole.embedding, music)

    def check(self, *heard: Heard) -> None:
        """
        Raises
        ------
        ModelMismatch : one of these was heard by another model than the one that answers here.
        """
        for each in heard:
            if each.model != self.model:
                raise ModelMismatch(
                    f"{each.name} was heard by {each.model}, the library answers with "
                    f"{self.model}: hear it again (Library.hear)"
                )


def music_heard(heard: Heard) -> Music:
    """What was heard, as it is compared with other recordings."""
    return Music(heard.duration_s, heard.excerpts, heard.starts_s, heard.fingerprint)


def heard_from(asked: Asked, analysis: Analysis) -> Heard:
    """An analysis as what was heard."""
    found = asked.found
    return Heard(
        seed=Seed(found.track, found.path, asked.start_s, asked.end_s),
        content_id=found.content_id,
        model=analysis.model,
        embedding=analysis.embedding,
        excerpts=analysis.excerpt_embeddings,
        starts_s=analysis.excerpt_starts_s + (asked.start_s or 0.0),
        duration_s=analysis.duration_s,
        is_unfamiliar=analysis.unfamiliar,
        analysis=analysis,
        fingerprint=analysis.fingerprint,
    )

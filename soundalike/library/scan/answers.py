"""What a scan does with the answers of its workers, and what it asks them next."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from soundalike.errors import DecoderCrashed
from soundalike.files import file_is_gone
from soundalike.library.scan.folders import KnownFolder, encoding_of
from soundalike.library.scan.look import Seen
from soundalike.library.scan.store import KnownTrack, Store
from soundalike.library.scan.tally import Tally
from soundalike.library.scan.transactions import Transactions
from soundalike.models import ModelKey
from soundalike.workers.jobs import (
    Analysed,
    AnalyseJob,
    Crashed,
    Digested,
    Failed,
    Job,
    Outcome,
    Pool,
    Tagged,
    TagsJob,
)

__all__ = ["Answers", "Waiting"]

# Thousands of empty files have the same content.
_MOST_TWINS = 200

# How a file whose content turned out to be known got there.
Origin = Literal["unchanged", "moved", "copied", "reanalysed", "retagged"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file whose content has to be analysed."""

    track_id: int
    found: Digested
    origin: Origin


class Answers:
    """Takes in what the workers found out.

    Parameters
    ----------
    model : that the scan analyses with.
    remembered : the folders, which say how tags are to be read.
    retry : what failed before in the same state is not left alone.
    adds_fingerprints : what is analysed, but has no fingerprint, is analysed again.
    fast : only some passages of a file are heard.

    Attributes
    ----------
    done : files that this part of the scan is done with.
    tagged : contents whose tags were read.
    waiting : by hash, the contents that are being analysed, and the other files that have them.
    suspects, on_trial : jobs over which a worker died, and the one of them that is tried again.
    """

    def __init__(
        self,
        session: Transactions,
        model: ModelKey,
        seen: Seen,
        counts: Tally,
        remembered: Mapping[str, KnownFolder],
        *,
        retry: bool,
        adds_fingerprints: bool = False,
        fast: bool = False,
    ) -> None:
        self._session = session
        self._model = model
        self._seen = seen
        self._counts = counts
        self._remembered = remembered
        self._retry = retry
        self._adds_fingerprints = adds_fingerprints
        self._fast = fast
        self.done = 0
        self.tagged: set[int] = set()
        self.waiting: dict[bytes, list[Waiting]] = {}
        # By hash of the audio alone, what is being analysed, and a file of each other content.
        self._same_audio: dict[bytes, list[Waiting]] = {}
        # By content, the tracks that the walk did not come by; None until they are asked for.
        self._elsewhere: dict[int, list[int]] | None = None
        self.suspects: deque[Job] = deque()
        self.on_trial: Job | None = None

    def take_in(self, pool: Pool | None, outcomes: Sequence[Outcome]) -> None:
        """Store them in one transaction; without a pool, nothing is asked next."""
        with self._session.writing() as store:
            for outcome in outcomes:
                if isinstance(outcome, Crashed) and outcome.job != self.on_trial:
                    self.suspects.append(outcome.job)
                elif isinstance(outcome, Digested):
                    self._identify(store, pool, outcome)
                elif isinstance(outcome, Analysed):
                    self._keep(store, pool, outcome)
                elif isinstance(outcome, Tagged):
                    self._keep_tags(store, pool, outcome)
                elif isinstance(outcome, (Failed, Crashed)):
                    self._give_up(store, pool, outcome)

    def _identify(self, store: Store, pool: Pool | None, found: Digested) -> None:
        """A file was read: is its content known, and does it have to be analysed?"""
        job = found.job
        track = self._current(store, job)
        if track is None:
            return
        content = store.content(found.digest)
        origin: Origin = "unchanged" if track.content_id == content.content_id else "copied"
        audio, twins = found.audio_digest, []
        if audio is not None:
            if audio != content.audio_digest:
                store.set_audio(content.content_id, audio)
            if not (content.is_analysed or content.is_outdated):
                twins = store.same_audio(content.content_id, audio)
        if track.content_id is None:
            old = self._gone_twin(store, track, [content.content_id, *twins])
            if old is not None:
                store.move(old, track)
                self._seen.tracks.discard(track.track_id)
                self._seen.tracks.add(old.track_id)
                track, origin = replace(old, path=track.path), "moved"
        if track.content_id != content.content_id:
            # Whatever failed was another content, or could not be read.
            store.drop_failure(track.track_id)
            track = replace(track, is_failed=False, retry_at=None)
        store.set_content(track, content, found.stamp)
        is_bare = self._adds_fingerprints and content.is_analysed and not content.has_fingerprint
        if is_bare:
            # What is known of it holds until it is analysed again.
            store.drop_failure(track.track_id)
            self._wait_for(pool, Waiting(track.track_id, found, origin))
        elif content.is_analysed:
            store.drop_failure(track.track_id)
            self.count(track.track_id, origin)
        elif track.is_failed and track.retry_at is None and not self._retry:
            self._counts.still_failing += 1
            self.done += 1
        elif content.is_outdated:
            # What the older model says of it holds until its turn comes.
            store.drop_failure(track.track_id)
            self._seen.outdated.append(track.track_id)
            self.count(track.track_id, origin)
        elif found.digest in self.waiting:
            self.waiting[found.digest].append(Waiting(track.track_id, found, origin))
        else:
            self.waiting[found.digest] = []
            file = Waiting(track.track_id, found, origin)
            if twins:
                self._submit(pool, self.tags_job(file.track_id, found))
            elif audio is not None and audio in self._same_audio:
                self._same_audio[audio].append(file)
            else:
                if audio is not None:
                    self._same_audio[audio] = []
                self._submit(pool, self.analyse_job(file))

    def _wait_for(self, pool: Pool | None, file: Waiting) -> None:
        """Have the content of a file analysed, whatever others sound the same."""
        others = self.waiting.get(file.found.digest)
        if others is not None:
            others.append(file)
        else:
            self.waiting[file.found.digest] = []
            self._submit(pool, self.analyse_job(file))

    def _keep(self, store: Store, pool: Pool | None, outcome: Analysed) -> None:
        job = outcome.job
        ids = (self._session.model_ids[model.id] for model in job.models)
        content_id = store.content(job.digest).content_id
        self.tagged.add(content_id)
        store.put_analyses(content_id, outcome.facts, dict(zip(ids, outcome.analyses, strict=True)))
        store.drop_failure(job.track_id)
        self.done += 1
        if job.is_again:
            self._counts.reanalysed += 1
        else:
            self._counts.analysed += 1
        self._counts.fast += outcome.analyses[0].is_fast
        self._share(store, job.digest)
        if outcome.audio_digest is not None:
            store.set_audio(content_id, outcome.audio_digest)
            # What other models said of the same sound under other tags.
            store.share_analyses(content_id, outcome.audio_digest)
            for file in self._same_audio.pop(outcome.audio_digest, ()):
                self._submit(pool, self.tags_job(file.track_id, file.found))

    def _keep_tags(self, store: Store, pool: Pool | None, outcome: Tagged) -> None:
        job = outcome.job
        content = store.content(job.digest)
        if job.is_again:
            self.done += 1
            if content.tags != outcome.facts.tags:
                store.put_facts(content.content_id, outcome.facts)
                self._counts.retagged += 1
            return
        if job.audio_digest is not None:
            store.share_analyses(content.content_id, job.audio_digest)
        self.tagged.add(content.content_id)
        store.put_facts(content.content_id, outcome.facts)
        store.drop_failure(job.track_id)
        self.count(job.track_id, "retagged")
        if store.content(job.digest).is_outdated:
            # Only an older model has analysed it under its former tags.
            self._seen.outdated.append(job.track_id)
            self._seen.outdated.extend(file.track_id for file in self.waiting[job.digest])
        self._share(store, job.digest)

    def _gone_twin(
        self, store: Store, track: KnownTrack, contents: Sequence[int]
    ) -> KnownTrack | None:
        """A track with the same content whose file is gone: the same file under its old name.

        Parameters
        ----------
        contents : that of the new track, and those with the same audio under other tags.
        """
        if self._elsewhere is None:
            # Only what the walk did not come by can be gone. Once for all files: asked one by
            # one, thousands of copies of a content are each compared with all the others.
            self._elsewhere = store.by_content(without=self._seen.tracks)
        elsewhere = (each for one in contents for each in self._elsewhere.get(one, ()))
        found = [each for each in elsewhere if each not in self._seen.tracks]
        twins = [
            twin
            for twin in store.known_ids(found[:_MOST_TWINS])
            # Another scan may have read it anew since.
            if twin.content_id in contents and file_is_gone(twin.path)
        ]
        if self._session.is_shared:
            # What another machine has scanned was never here.
            twins = [twin for twin in twins if store.is_of_this_machine(twin.path)]
        name, folder = os.path.basename(track.path), os.path.dirname(track.path)
        # Of several, the one whose tags are the same, that was moved keeping its name, or renamed
        # in its folder.
        return min(
            twins,
            key=lambda twin: (
                twin.content_id != contents[0],
                os.path.basename(twin.path) != name,
                os.path.dirname(twin.path) != folder,
                twin.track_id,
            ),
            default=None,
        )

    def _current(self, store: Store, job: Job) -> KnownTrack | None:
        """The track of a job; None when its file has moved on to another track meanwhile."""
        track = store.known_id(job.track_id)
        if track is not None and os.fsencode(track.path) == job.path:
            return track
        self.done += 1
        return None

    @staticmethod
    def _submit(pool: Pool | None, job: Job) -> None:
        if pool is not None:
            pool.submit(job)

    def analyse_job(self, file: Waiting) -> AnalyseJob:
        found, is_again = file.found, file.origin == "reanalysed"
        models = (self._model,) if is_again else self._session.models
        return AnalyseJob(
            file.track_id,
            found.job.path,
            found.stamp,
            found.digest,
            models,
            is_again,
            found.audio_digest,
            self._encoding(found),
            self._fast,
        )

    def tags_job(self, track_id: int, found: Digested, *, is_again: bool = False) -> TagsJob:
        return TagsJob(
            track_id,
            found.job.path,
            found.stamp,
            found.digest,
            is_again,
            found.audio_digest,
            self._encoding(found),
        )

    def _encoding(self, found: Digested) -> str | None:
        return encoding_of(os.fsdecode(found.job.path), self._remembered)

    def _share(self, store: Store, digest: bytes) -> None:
        """A content is analysed: so are the other files that have it."""
        for file in self.waiting.pop(digest):
            store.drop_failure(file.track_id)
            self.count(file.track_id, file.origin)

    def _give_up(self, store: Store, pool: Pool | None, outcome: Failed | Crashed) -> None:
        job = outcome.job
        if isinstance(job, TagsJob) and job.is_again:
            # What is known of it holds; a file that is gone is found out to be missing.
            self.done += 1
            return
        if isinstance(job, (AnalyseJob, TagsJob)):
            self._pass_on(pool, job)
        track = self._current(store, job)
        if track is None:
            return
        self.done += 1
        if isinstance(outcome, Crashed):
            kind, advice = DecoderCrashed.__name__, DecoderCrashed.advice
        else:
            kind, advice = outcome.kind, outcome.advice
            if outcome.stamp is not None:
                store.set_stamp(track.track_id, outcome.stamp)
        failure = store.put_failure(
            track.track_id,
            kind=kind,
            reason=outcome.reason,
            advice=advice,
            in_analysis=isinstance(job, AnalyseJob),
        )
        self._counts.failed.append(failure)

    def _pass_on(self, pool: Pool | None, job: AnalyseJob | TagsJob) -> None:
        """The next file with this content has its own chance, as this one may have vanished; then
        one with the same audio."""
        others = self.waiting[job.digest]
        if others:
            file = others.pop(0)
            again = isinstance(job, TagsJob)
            next_job = self.tags_job(file.track_id, file.found) if again else self.analyse_job(file)
            self._submit(pool, next_job)
            return
        del self.waiting[job.digest]
        if isinstance(job, AnalyseJob) and job.audio_digest in self._same_audio:
            like = self._same_audio[job.audio_digest]
            if like:
                self._submit(pool, self.analyse_job(like.pop(0)))
            else:
                del self._same_audio[job.audio_digest]

    def count(self, track_id: int, origin: Origin) -> None:
        self.done += 1
        if origin == "unchanged" and track_id in self._seen.returned:
            self._counts.returned += 1
        else:
            setattr(self._counts, origin, getattr(self._counts, origin) + 1)

"""From a file, a waveform or a spectrogram to what soundalike knows of a track."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soundalike.analysis import FAST, Analysis, genre_sets, sigmoid, softmax, temper
from soundalike.descriptors.fingerprint import fingerprint
from soundalike.descriptors.key import CALIBRATION as KEY_CALIBRATION
from soundalike.descriptors.key import estimate_key
from soundalike.descriptors.tempo import CALIBRATION as TEMPO_CALIBRATION
from soundalike.descriptors.tempo import estimate_tempo
from soundalike.errors import InvalidArgument, ModelError, SilentAudio, TooShort
from soundalike.frontends import find_frontend
from soundalike.frontends.decoded import frames_of_file
from soundalike.frontends.dsp import check_numbers, check_waveform
from soundalike.frontends.spread import SpreadFrames, frames_of_spread
from soundalike.frontends.streams import FacetFrames
from soundalike.models import DEFAULT_MODEL, ModelInfo, ModelKey, find_by_key, find_model
from soundalike.models.contract import (
    DISTANCE,
    EMBEDDING,
    INPUT,
    KEY,
    LOGITS,
    TEMPO,
    WORDS,
    Calibration,
    Familiarity,
    ModelMetadata,
    check_outputs,
    device_of,
    input_sizes,
    open_session,
    output_sizes,
    read_calibration,
    read_properties,
    run,
)

__all__ = ["MIN_DURATION_S", "Analyzer"]

MIN_DURATION_S = 0.5

FloatArray = NDArray[np.float32]


class Analyzer:
    """A loaded model with all that leads to it.

    Parameters
    ----------
    model : name of an installed model, ``name@version`` for a certain version; or its key.
    threads : threads that the model may use. A scan runs one process a core instead.
    on_gpu : run the model on a GPU by CUDA, where ONNX Runtime can, else on the CPU.

    Attributes
    ----------
    device : that the model runs on, "cpu" or "cuda".

    Raises
    ------
    ModelError : unknown or damaged model.

    Examples
    --------
    >>> analysis = Analyzer().from_file("piece.flac")          # doctest: +SKIP
    >>> analysis.genre, round(analysis.confidence, 2)          # doctest: +SKIP
    ('classical', 0.93)
    """

    def __init__(
        self,
        model: str | ModelInfo | ModelKey = DEFAULT_MODEL,
        *,
        threads: int = 1,
        on_gpu: bool = False,
    ) -> None:
        if threads < 1:
            raise InvalidArgument(f"threads must be at least 1, not {threads}")
        if isinstance(model, ModelKey):
            model = find_by_key(model)
        self.model = model if isinstance(model, ModelInfo) else find_model(model)
        self._frontend = find_frontend(self.model.frontend)
        try:
            self._session = open_session(self.model.verify(), threads=threads, on_gpu=on_gpu)
            self.device = device_of(self._session)
            properties = read_properties(self._session)
            metadata = ModelMetadata.from_metadata(properties)
            self._check(metadata)
            check_outputs(self._session, metadata)
            self._inputs = self._checked_inputs()
            if self.model.kind == "genres":
                self._calibration = Calibration.from_metadata(properties)
            self._familiarity: Familiarity | None = None
            if DISTANCE in output_sizes(self._session):
                self._familiarity = Familiarity.from_metadata(properties)
            self._tempo = read_calibration(properties, TEMPO, TEMPO_CALIBRATION)
            self._key = read_calibration(properties, KEY, KEY_CALIBRATION)
        except ModelError:
            raise
        # ONNX Runtime has no common error class of its own, and raises RuntimeError or its kin.
        except Exception as error:
            raise ModelError(f"{self.model.path} is not a soundalike model: {error}") from error

    def _check(self, found: ModelMetadata) -> None:
        expected = self.model.metadata
        differing = [
            f"{name} {getattr(found, name)!r}, not {getattr(expected, name)!r}"
            for name in ("name", "version", "labels", "kind", "frontend", "facets", "words")
            if getattr(found, name) != getattr(expected, name)
        ]
        if differing:
            raise ModelError(f"{self.model.path} says of itself: {'; '.join(differing)}")

    def _checked_inputs(self) -> dict[str, int]:
        """The model's inputs beside the frames, and their sizes, as the frontend makes them."""
        wanted = {name: size for name, size in input_sizes(self._session).items() if name != INPUT}
        made = self._frontend.descriptors
        for name, size in wanted.items():
            if made.get(name) != size:
                raise ModelError(
                    f"{self.model.path} takes {size} numbers as {name!r}; the frontend "
                    f"{self.model.frontend} of this version makes {made.get(name, 'none')}"
                )
        return wanted

    def from_file(
        self,
        path: str | os.PathLike[str],
        *,
        start_s: float = 0.0,
        end_s: float | None = None,
        fast: bool = False,
    ) -> Analysis:
        """Analyse a file, or the passage of it between two times.

        Parameters
        ----------
        path : any audio file that FFmpeg decodes.
        start_s, end_s : seconds; by default the whole track.
        fast : hear a few passages spread over the track instead of all of it. A short track, and
            one in which they cannot be reached reliably, is heard as a whole all the same;
            :attr:`Analysis.is_fast` tells. There is no fingerprint then.

        Raises
        ------
        AudioError : the file cannot be analysed; the class and the message say why.
        InvalidArgument : times that are not in the track; or a passage is to be heard fast.
        """
        if fast:
            if start_s != 0.0 or end_s is not None:
                raise InvalidArgument("fast goes with whole tracks only, not with start_s or end_s")
            spread = frames_of_spread(path, self._frontend.stream, self._frontend.excerpt_s)
            if spread is not None:
                return self._analyse_spread(spread)
        made = frames_of_file(path, self._frontend.stream, start_s=start_s, end_s=end_s)
        if made.duration_s < MIN_DURATION_S:
            raise TooShort(
                path,
                f"only {made.duration_s:.2f} s of sound; at least {MIN_DURATION_S} s are needed",
            )
        if made.is_silent:
            raise SilentAudio(path, f"silent: {made.duration_s:.1f} s that never reach -80 dBFS")
        return self._analyse(made.values, made.duration_s, made.notes)

    def from_waveform(self, waveform: ArrayLike, sample_rate: int) -> Analysis:
        """Analyse mono audio in memory.

        Parameters
        ----------
        waveform : (n_samples,), full scale at 1: an array, or what becomes one.
        sample_rate : Hz, any whole number.

        Raises
        ------
        InvalidArgument : not mono, shorter than half a second, silent, or not of finite numbers.
        """
        samples = check_waveform(waveform, sample_rate)
        stream = self._frontend.stream(sample_rate)
        stream.push(samples)
        duration_s = stream.n_samples / sample_rate
        if duration_s < MIN_DURATION_S:
            raise InvalidArgument(
                f"the waveform lasts {duration_s:.2f} s, {MIN_DURATION_S} s are needed"
            )
        if stream.is_silent:
            raise InvalidArgument("the waveform is silent: it never reaches -80 dBFS")
        return self._analyse(stream.finish(), duration_s, ())

    def from_log_mel(self, log_mel_db: ArrayLike) -> Analysis:
        """Analyse a spectrogram made by :func:`soundalike.log_mel`.

        It does not tell rhythm and harmony: a model with facets gives blocks of zeros for those
        (which add nothing to a similarity), no tempo and no key.

        Parameters
        ----------
        log_mel_db : float (128, n_frames), decibels, one frame every 77.6 ms. For a model with
            another frontend, a spectrogram of that one.

        Raises
        ------
        InvalidArgument : another shape, or not all finite numbers.
        """
        n_mels, frames = self._frontend.n_mels, check_numbers(log_mel_db, "log_mel")
        if frames.ndim != 2 or frames.shape[0] != n_mels or frames.shape[1] == 0:
            raise InvalidArgument(
                f"log_mel must have the shape ({n_mels}, n_frames), not {frames.shape}"
            )
        return self._analyse(frames, frames.shape[1] * self._frontend.frame_s, ())

    def _analyse_spread(self, spread: SpreadFrames[Any]) -> Analysis:
        """Of what a few passages of a track are."""
        made, n_passages = spread.decoded, len(spread.starts_s)
        heard_s = n_passages * spread.passage_s
        note = (
            f"{FAST}{n_passages} passages of {spread.passage_s:.1f} s were heard, "
            f"{heard_s / made.duration_s:.0%} of the track"
        )
        frames = made.values
        if isinstance(frames, FacetFrames):
            frames = frames.spliced(n_passages)
        analysis = self._analyse(frames, made.duration_s, (note, *made.notes), n_passages)
        starts_s = spread.in_track(analysis.excerpt_starts_s)
        return replace(analysis, excerpt_starts_s=starts_s)

    def _analyse(
        self, frames: Any, duration_s: float, notes: tuple[str, ...], n_passages: int = 1
    ) -> Analysis:
        """Of what the frontend's stream made, or of a spectrogram.

        Parameters
        ----------
        n_passages : of one length, that the frames are of.
        """
        cut = self._frontend.excerpts(frames)
        n_excerpts, layout = len(cut.frames), self.model.layout
        unknown = [name for name in self._inputs if name not in cut.descriptors]
        inputs = {INPUT: cut.frames}
        for name, size in self._inputs.items():
            inputs[name] = (
                np.zeros((n_excerpts, size), np.float32)
                if name in unknown
                else cut.descriptors[name]
            )
        wanted = [LOGITS, EMBEDDING]
        wanted += [DISTANCE] if self._familiarity is not None else []
        wanted += [WORDS] if self.model.words else []
        outputs = dict(zip(wanted, self._run(inputs, wanted), strict=True))
        logits, embeddings = outputs[LOGITS], outputs[EMBEDDING]
        for name in unknown:
            if name in layout.names:
                embeddings[:, layout.slices[name]] = 0.0
        excerpt_embeddings = layout.normalise(embeddings)
        genre_set: tuple[str, ...] = ()
        if self.model.kind == "tags":
            excerpt_probabilities = sigmoid(logits)
            probabilities = excerpt_probabilities.mean(axis=0)
            # The plain mean is how others pool this embedding, so that figures can be compared.
            pooled = embeddings.mean(axis=0)
        else:
            excerpt_probabilities = softmax(logits)
            # The mean of the excerpts' probabilities, tempered.
            probabilities = temper(
                excerpt_probabilities.mean(axis=0), self._calibration.temperature
            )
            members = genre_sets(probabilities, self._calibration.genre_set_quantile)
            order = np.argsort(-probabilities, kind="stable")
            genre_set = tuple(self.model.labels[i] for i in order if members[i])
            pooled = excerpt_embeddings.mean(axis=0)
        more: dict[str, Any] = {}
        if self._familiarity is not None:
            more["familiarity"] = self._familiarity.share(float(outputs[DISTANCE].mean()))
        if self.model.words:
            more["word_probabilities"] = sigmoid(outputs[WORDS]).mean(axis=0)
        if isinstance(frames, FacetFrames):
            more |= self._tempo_of(frames, n_passages) | self._key_of(frames)
            if n_passages == 1:
                more["fingerprint"] = fingerprint(frames.chroma)
        return Analysis(
            model=self.model.id,
            duration_s=duration_s,
            labels=self.model.labels,
            probabilities=probabilities,
            embedding=layout.normalise(pooled),
            excerpt_embeddings=excerpt_embeddings,
            excerpt_probabilities=excerpt_probabilities,
            excerpt_starts_s=cut.starts_s,
            genre_set=genre_set,
            notes=notes,
            kind=self.model.kind,
            excerpt_s=self._frontend.excerpt_s,
            facets=self.model.facets,
            vocabulary=self.model.words,
            **more,
        )

    def _run(
        self, inputs: Mapping[str, FloatArray], outputs: Sequence[str]
    ) -> tuple[FloatArray, ...]:
        return run(self._session, inputs, outputs)

    def _tempo_of(self, frames: FacetFrames, n_passages: int) -> dict[str, Any]:
        """What an analysis says of the tempo."""
        found = None
        if self._tempo is not None:
            found = estimate_tempo(frames.onset, self._tempo, n_passages=n_passages)
        if found is None:
            return {}
        if found.unsure:
            return {"tempo_confidence": found.confidence}
        return {
            "tempo_bpm": found.bpm,
            "tempo_confidence": found.confidence,
            "tempo_alternatives": found.alternatives,
        }

    def _key_of(self, frames: FacetFrames) -> dict[str, Any]:
        """What an analysis says of the key."""
        found = None if self._key is None else estimate_key(frames.chroma, self._key)
        if found is None:
            return {}
        key = found.name if found.is_sure else None
        return {"key": key, "key_confidence": found.confidence}

"""From a file, a waveform or a spectrogram to what soundalike knows of a track."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from soundalike.audio import AudioReader
from soundalike.errors import InvalidArgument, ModelError, SilentAudio, TooShort
from soundalike.frontend import EXCERPT_S
from soundalike.frontends import frontend_of
from soundalike.models import DEFAULT_MODEL, ModelInfo, find_model

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MIN_DURATION_S", "SILENCE_PEAK", "Analysis", "Analyzer"]

SILENCE_PEAK = 1e-4  # -80 dBFS; dither alone stays under it
MIN_DURATION_S = 0.5

# Excerpts in one run of the model: enough to keep it busy, little enough to bound the memory.
_BATCH_EXCERPTS = 16
# A genre set of more labels than this tells a listener little.
_UNSURE_ABOVE = 3

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Analysis:
    """What a model says of one track.

    Attributes
    ----------
    model : ``name@version``; embeddings of different models cannot be compared.
    duration_s : seconds that were analysed.
    labels : the genres, or the tags, that the model knows.
    probabilities : float32 (n_labels,), calibrated, sum 1. Of tags: activations, each 0 to 1 by
        itself, the mean over the excerpts; several tags may hold, so they sum to anything.
    embedding : float32 (embedding_dim,), unit length; the mean direction of the excerpts.
    excerpt_embeddings : float32 (n_excerpts, embedding_dim), unit length.
    excerpt_probabilities : float32 (n_excerpts, n_labels), sum 1 but for tags.
    excerpt_starts_s : float64 (n_excerpts,), seconds.
    genre_set : the labels that hold the right one for 90 % of tracks like those of the
        calibration set (split conformal prediction), the most probable first. Empty for tags.
    notes : what a listener should know, such as that the file is truncated.
    kind : ``genres``, of which one is right, or ``tags``, of which any number may be.
    excerpt_s : seconds that an excerpt lasts.
    """

    model: str
    duration_s: float
    labels: tuple[str, ...]
    probabilities: FloatArray
    embedding: FloatArray
    excerpt_embeddings: FloatArray
    excerpt_probabilities: FloatArray
    excerpt_starts_s: NDArray[np.float64]
    genre_set: tuple[str, ...]
    notes: tuple[str, ...] = ()
    kind: str = "genres"
    excerpt_s: float = EXCERPT_S

    @property
    def genre(self) -> str:
        """The most probable label; of tags, the one with the highest activation."""
        return self.labels[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The calibrated probability of :attr:`genre`, 0 to 1; of a tag, its activation."""
        return float(self.probabilities.max())

    @property
    def genres(self) -> dict[str, float]:
        """Probability (of tags: activation) by label, the highest first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return {self.labels[i]: float(self.probabilities[i]) for i in order}

    @property
    def unsure(self) -> bool:
        """Whether the model cannot tell: no label has half the probability, or many are left.

        Never of tags: they do not compete, and nothing calibrates them.
        """
        if self.kind == "tags":
            return False
        return self.confidence < 0.5 or len(self.genre_set) > _UNSURE_ABOVE


class Analyzer:
    """A loaded model with all that leads to it.

    Parameters
    ----------
    model : name of an installed model, ``name@version`` for a certain version.
    threads : threads that the model may use. A scan runs one process a core instead.

    Raises
    ------
    ModelError : unknown or damaged model.

    Examples
    --------
    >>> analysis = Analyzer().from_file("piece.flac")          # doctest: +SKIP
    >>> analysis.genre, round(analysis.confidence, 2)          # doctest: +SKIP
    ('classical', 0.93)
    """

    def __init__(self, model: str | ModelInfo = DEFAULT_MODEL, *, threads: int = 1) -> None:
        if threads < 1:
            raise InvalidArgument(f"threads must be at least 1, not {threads}")
        self.model = model if isinstance(model, ModelInfo) else find_model(model)
        self._frontend = frontend_of(self.model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                self.model.verify(), options, providers=["CPUExecutionProvider"]
            )
            metadata = self._session.get_modelmeta().custom_metadata_map
            self._check(metadata)
            if self.model.kind == "genres":
                self._temperature = float(metadata["temperature"])
                self._genre_set_quantile = float(metadata["genre_set_quantile"])
        except ModelError:
            raise
        # ONNX Runtime has no common error class of its own, and raises RuntimeError or its kin.
        except Exception as error:
            raise ModelError(f"{self.model.path} is no model of soundalike's: {error}") from error

    def _check(self, metadata: Mapping[str, str]) -> None:
        found = (
            metadata["name"],
            metadata["version"],
            tuple(json.loads(metadata["labels"])),
            metadata.get("kind", "genres"),
            metadata.get("frontend", "log-mel-128"),
        )
        model = self.model
        expected = (model.name, model.version, model.labels, model.kind, model.frontend)
        if found != expected:
            raise ModelError(f"{self.model.path} says that it is {found}, not {expected}")

    def from_file(
        self,
        path: str | os.PathLike[str],
        *,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> Analysis:
        """Analyse a file, or the passage of it between two times.

        Parameters
        ----------
        path : any audio file that FFmpeg decodes.
        start_s, end_s : seconds; by default the whole track.

        Raises
        ------
        AudioError : the file cannot be analysed; the class and the message say why.
        InvalidArgument : times that are not in the track.
        """
        with AudioReader(path, start_s=start_s, end_s=end_s) as reader:
            stream = self._frontend.stream(reader.sample_rate)
            for block in reader:
                stream.push(block)
            notes = tuple(reader.notes)
        duration_s = stream.n_samples / stream.sample_rate
        if duration_s < MIN_DURATION_S:
            raise TooShort(path, f"{duration_s:.2f} s of sound, {MIN_DURATION_S} s are needed")
        if stream.peak < SILENCE_PEAK:
            raise SilentAudio(path, f"silent: {duration_s:.1f} s that never reach -80 dBFS")
        return self._analyse(stream.finish(), duration_s, notes)

    def from_waveform(self, waveform: NDArray[np.floating], sample_rate: int) -> Analysis:
        """Analyse mono audio in memory.

        Parameters
        ----------
        waveform : float (n_samples,), full scale at 1.
        sample_rate : Hz, any.

        Raises
        ------
        InvalidArgument : not mono, shorter than half a second, silent, or not finite.
        """
        if not np.isfinite(waveform).all():
            raise InvalidArgument("the waveform holds NaN or infinite samples")
        stream = self._frontend.stream(sample_rate)
        stream.push(waveform)
        duration_s = stream.n_samples / sample_rate
        if duration_s < MIN_DURATION_S:
            raise InvalidArgument(
                f"the waveform lasts {duration_s:.2f} s, {MIN_DURATION_S} s are needed"
            )
        if stream.peak < SILENCE_PEAK:
            raise InvalidArgument("the waveform is silent: it never reaches -80 dBFS")
        return self._analyse(stream.finish(), duration_s, ())

    def from_log_mel(self, log_mel_db: NDArray[np.floating]) -> Analysis:
        """Analyse a spectrogram made by :func:`soundalike.log_mel`.

        Parameters
        ----------
        log_mel_db : float (128, n_frames), decibels, one frame every 77.6 ms. For a model with
            another frontend, a spectrogram of that one.
        """
        n_mels = self._frontend.n_mels
        if log_mel_db.ndim != 2 or log_mel_db.shape[0] != n_mels or log_mel_db.shape[1] == 0:
            raise InvalidArgument(
                f"log_mel must have the shape ({n_mels}, n_frames), not {log_mel_db.shape}"
            )
        return self._analyse(log_mel_db, log_mel_db.shape[1] * self._frontend.frame_s, ())

    def _analyse(
        self, log_mel_db: NDArray[np.floating], duration_s: float, notes: tuple[str, ...]
    ) -> Analysis:
        cut = self._frontend.excerpts(log_mel_db)
        logits, embeddings = self._run(cut.frames)
        excerpt_embeddings = _unit(embeddings)
        genre_set: tuple[str, ...] = ()
        if self.model.kind == "tags":
            excerpt_probabilities = _sigmoid(logits)
            probabilities = excerpt_probabilities.mean(axis=0)
            # The plain mean is how others pool this embedding, so that figures can be compared.
            pooled = embeddings.mean(axis=0)
        else:
            excerpt_probabilities = _softmax(logits)
            probabilities = self._calibrated(excerpt_probabilities)
            genre_set = self._genre_set(probabilities)
            pooled = excerpt_embeddings.mean(axis=0)
        return Analysis(
            model=self.model.id,
            duration_s=duration_s,
            labels=self.model.labels,
            probabilities=probabilities,
            embedding=_unit(pooled),
            excerpt_embeddings=excerpt_embeddings,
            excerpt_probabilities=excerpt_probabilities,
            excerpt_starts_s=cut.starts_s,
            genre_set=genre_set,
            notes=notes,
            kind=self.model.kind,
            excerpt_s=self._frontend.excerpt_s,
        )

    def _calibrated(self, excerpt_probabilities: FloatArray) -> FloatArray:
        """The track's probabilities: the mean of its excerpts', tempered."""
        mean = np.maximum(excerpt_probabilities.mean(axis=0), 1e-12)
        return _softmax(np.log(mean) / self._temperature)

    def _genre_set(self, probabilities: FloatArray) -> tuple[str, ...]:
        order = np.argsort(-probabilities, kind="stable")
        # The most probable label always belongs to the set: an empty one says nothing.
        return tuple(
            self.model.labels[i]
            for rank, i in enumerate(order)
            if rank == 0 or probabilities[i] >= 1.0 - self._genre_set_quantile
        )

    def _run(self, frames: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Logits (n_excerpts, n_labels) and embeddings (n_excerpts, embedding_dim)."""
        parts = [
            self._session.run(
                ["logits", "embedding"], {"log_mel": frames[start : start + _BATCH_EXCERPTS]}
            )
            for start in range(0, len(frames), _BATCH_EXCERPTS)
        ]
        logits, embeddings = (np.concatenate(outputs) for outputs in zip(*parts, strict=True))
        return cast("FloatArray", logits), cast("FloatArray", embeddings)


def _softmax(logits: FloatArray) -> FloatArray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return cast("FloatArray", (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32))


def _sigmoid(logits: FloatArray) -> FloatArray:
    # As a tangent it cannot overflow.
    return cast("FloatArray", (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32))


def _unit(embeddings: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return cast("FloatArray", (embeddings / np.maximum(lengths, 1e-12)).astype(np.float32))

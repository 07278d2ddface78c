"""The key of a track, from its chroma, and how sure that is.

Each of the 24 keys has a profile: how strong every pitch class is in it, in the treble and in the
bass (Krumhansl, "Cognitive foundations of musical pitch", 1990). The score of a key is the product
of its profile with the track's mean chroma; the softmax of the scores is a probability of each key.
The profiles were fitted to annotated music, but little, starting from those that Albrecht and
Shanahan counted in scores ("The use of large corpora to train a new type of key-finding algorithm",
Music Perception 31(1), 2013): ``soundalike.research.key``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.chroma import N_BINS, PITCH_CLASSES

__all__ = [
    "CALIBRATION",
    "N_EVIDENCE",
    "Key",
    "KeyCalibration",
    "estimate_key",
    "evidence",
    "key_features",
    "key_scores",
]

FloatArray = NDArray[np.float32]
Floats = NDArray[np.float64]

N_EVIDENCE: Final = 2
# A mean chroma that differs from pitch class to pitch class by this share is of no key at all, but
# of noise.
_FLAT: Final = 0.1


@dataclass(frozen=True)
class KeyCalibration:
    """What is fitted to annotated music.

    Attributes
    ----------
    major, minor : (N_BINS,), the profiles on the tonic C: treble from C to B, then bass.
    minor_offset : what is added to the scores of minor keys.
    confidence : (1 + N_EVIDENCE,), offset and slopes of a logistic regression from :func:`evidence`
        to whether the key is right.
    least : below this confidence the answer is that nobody can tell.

    Raises
    ------
    InvalidArgument : other numbers of values.
    """

    major: tuple[float, ...]
    minor: tuple[float, ...]
    minor_offset: float
    confidence: tuple[float, ...]
    least: float = 0.5

    def __post_init__(self) -> None:
        lengths = (len(self.major), len(self.minor), len(self.confidence))
        if lengths != (N_BINS, N_BINS, 1 + N_EVIDENCE):
            raise InvalidArgument(
                f"a key calibration has two profiles of {N_BINS} values and {1 + N_EVIDENCE} "
                f"values for the confidence, not {lengths[0]}, {lengths[1]} and {lengths[2]}"
            )


CALIBRATION: Final = KeyCalibration(
    major=(
        *(4.92, -2.67, 0.63, -2.7, 2.13, 0.33, -2.04, 3.92, -2.43, 0.58, -3.06, 0.38),
        *(1.13, -0.61, -0.19, -0.95, 0.91, 0.23, -0.65, 1.22, -0.95, 0.22, -0.65, 0.3),
    ),
    minor=(
        *(4.71, -2.33, 0.16, 2.02, -1.7, 0.7, -2.35, 3.56, -0.85, -1.72, -0.77, -1.42),
        *(1.48, -1.02, -0.21, 0.79, -0.7, -0.5, -0.34, 1.29, -0.6, -0.22, -0.05, 0.07),
    ),
    minor_offset=1.53,
    confidence=(0.089, 1.329, 0.153),
)
"""Fitted to the tracks of GTZAN's training and validation splits whose key is known."""


@dataclass(frozen=True)
class Key:
    """A key and how sure it is.

    Attributes
    ----------
    name : such as "A minor" or "Eb major".
    confidence : the probability, 0 to 1, that it is right.
    is_sure : whether that is enough to tell it.
    """

    name: str
    confidence: float
    is_sure: bool


def estimate_key(chroma: FloatArray, calibration: KeyCalibration = CALIBRATION) -> Key | None:
    """The key of a track.

    Parameters
    ----------
    chroma : float32 (N_BINS, n_frames) of :class:`soundalike.frontends.chroma.ChromaStream`, of all
        the track.

    Returns
    -------
    None where nothing sounds.
    """
    if not chroma.any():
        return None
    features = key_features(chroma)
    scores = key_scores(features, calibration)
    offset, *slopes = calibration.confidence
    odds = offset + float(evidence(features, scores) @ np.asarray(slopes))
    confidence = 1.0 / (1.0 + math.exp(-max(min(odds, 50.0), -50.0)))
    mode, tonic = divmod(int(scores.argmax()), 12)
    name = f"{PITCH_CLASSES[tonic]} {('major', 'minor')[mode]}"
    return Key(name, confidence, confidence >= calibration.least)


def key_features(chroma: FloatArray) -> Floats:
    """The mean chroma of treble and bass, each about its mean and of unit length at most.

    Parameters
    ----------
    chroma : float32 (N_BINS, n_frames).

    Returns
    -------
    float64 (N_BINS,). Nearly 0 where all pitch classes are equally strong.
    """
    # Squared, so that what is strong for a while counts more than what is weak all the time.
    level = np.sqrt(np.square(chroma, dtype=np.float64).mean(axis=1)).reshape(2, 12)
    mean = level.mean(axis=1, keepdims=True)
    centred = level - mean
    length = np.sqrt(np.square(centred).sum(axis=1, keepdims=True))
    flat = _FLAT * math.sqrt(12.0) * mean
    features: Floats = (centred / (length + flat + 1e-9)).ravel()
    return features


def key_scores(features: Floats, calibration: KeyCalibration) -> Floats:
    """A score of each key: float64 (24,), C major to B major, then C minor to B minor."""
    tonics = np.arange(12)
    turned = features.reshape(2, 12)[:, (tonics[:, None] + tonics) % 12]
    rows = turned.transpose(1, 0, 2).reshape(12, N_BINS)
    minor = rows @ np.asarray(calibration.minor) + calibration.minor_offset
    return np.concatenate([rows @ np.asarray(calibration.major), minor])


def evidence(features: Floats, scores: Floats) -> Floats:
    """What speaks for the best key being right: float64 (N_EVIDENCE,).

    The log odds that the softmax of the scores gives it, and how far the chroma is from flat.
    """
    others = np.delete(scores - scores.max(), scores.argmax())
    return np.array([-np.log(np.exp(others).sum()), np.sqrt(np.square(features).sum())])

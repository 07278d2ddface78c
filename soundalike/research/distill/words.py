"""The words that a model learns, and what of its teachers' outputs each is learned from.

Two teachers name what they hear: ``yamnet`` with the 521 classes of AudioSet (Gemmeke et al. 2017)
and ``musicnn`` with the 50 most frequent tags of the Million Song Dataset (Pons and Serra 2019).
:data:`TAUGHT_WORDS` picks what a listener may ask for, about 170 classes of the one and all tags of
the other, and puts together what means the same. :func:`word_targets` turns the teachers'
probabilities into one target a word.

Neither teacher is calibrated from class to class: of songs ``yamnet`` gives "Singing" a probability
of 0.01, of other music 0.001. So each class has a *cut*, from which on the teacher is taken to say
yes: what one track in ten of the training music reaches, but at least 0.01 and at most 0.2. Where
both teachers know a word it is what one track in ten reaches together. The cuts are in
``word_cuts.json``; ``python -m benchmarks.words --cuts`` makes them.

The teachers are the reference for all of this. Whether they are right was looked at for singing
alone: 29 of the 170 tracks for validation are songs from UltraStar and JamendoLyrics. The target of
"singing" tells them from the rest with an area under the ROC curve of 0.965, and its cut is set so
that the teachers say yes of 24 of them, and of 3 of the rest, which have singing in them as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument

__all__ = [
    "MUSICNN",
    "TAUGHT_WORDS",
    "YAMNET",
    "Cuts",
    "TaughtWord",
    "kept_cuts",
    "teachers_say",
    "word_cuts",
    "word_targets",
]

Floats = NDArray[np.float32]
YAMNET: Final = "yamnet"
MUSICNN: Final = "musicnn"

_AGAINST: Final = "-"
_USUAL: Final = 0.1  # share of the training music of which a teacher says yes
_LEAST_CUT, _MOST_CUT = 0.01, 0.2
# Probabilities are kept this far from 0 and 1, so that one teacher's "never" does not decide alone.
_LEAST: Final = 1e-3


@dataclass(frozen=True)
class Cuts:
    """Where the teachers begin to say yes.

    Attributes
    ----------
    classes : teacher -> class, with its minus where it has one -> probability.
    words : word -> what is taken off its log odds besides; 0 for most words of one teacher.
    """

    classes: dict[str, dict[str, float]]
    words: dict[str, float]


@dataclass(frozen=True)
class TaughtWord:
    """A word, and the outputs of the teachers that mean it.

    Attributes
    ----------
    word : as a listener writes it, lower case.
    group : "instrument", "voice", "style", "mood" or "other".
    yamnet, musicnn : names of the teacher's classes; none where it has no such class. A minus
        before a name means that the class speaks against the word.
    shift : of the cut, in log odds, where it is known better than from the teachers.
    """

    word: str
    group: str
    yamnet: tuple[str, ...] = ()
    musicnn: tuple[str, ...] = ()
    shift: float | None = None

    @property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """Teacher -> its classes; without the teachers that have none."""
        every = {YAMNET: self.yamnet, MUSICNN: self.musicnn}
        return {teacher: classes for teacher, classes in every.items() if classes}


def _group(
    group: str, *words: tuple[str, Sequence[str]] | tuple[str, Sequence[str], Sequence[str]]
) -> tuple[TaughtWord, ...]:
    """Words of a group, each with its classes of yamnet and, where it has some, of musicnn."""
    return tuple(
        TaughtWord(each[0], group, tuple(each[1]), tuple(each[2]) if len(each) == 3 else ())
        for each in words
    )


TAUGHT_WORDS: Final = (
    *_group(
        "instrument",
        ("guitar", ["Guitar"], ["guitar"]),
        ("acoustic guitar", ["Acoustic guitar"]),
        ("electric guitar", ["Electric guitar"]),
        ("bass guitar", ["Bass guitar"]),
        ("steel guitar", ["Steel guitar, slide guitar"]),
        ("banjo", ["Banjo"]),
        ("mandolin", ["Mandolin"]),
        ("ukulele", ["Ukulele"]),
        ("sitar", ["Sitar"]),
        ("zither", ["Zither"]),
        ("harp", ["Harp"]),
        ("keyboard", ["Keyboard (musical)"]),
        ("piano", ["Piano"]),
        ("electric piano", ["Electric piano"]),
        ("harpsichord", ["Harpsichord"]),
        ("organ", ["Organ", "Electronic organ", "Hammond organ"]),
        ("synthesizer", ["Synthesizer"]),
        ("theremin", ["Theremin"]),
        ("drums", ["Drum kit", "Drum", "Snare drum", "Bass drum"]),
        ("drum machine", ["Drum machine"]),
        ("cymbals", ["Cymbal", "Hi-hat"]),
        ("percussion", ["Percussion"]),
        ("timpani", ["Timpani"]),
        ("tabla", ["Tabla"]),
        ("tambourine", ["Tambourine"]),
        ("maracas", ["Maraca", "Rattle (instrument)"]),
        ("gong", ["Gong"]),
        ("bells", ["Bell", "Church bell", "Tubular bells", "Chime"]),
        ("sleigh bells", ["Jingle bell"]),
        ("wind chimes", ["Wind chime"]),
        ("marimba", ["Mallet percussion", "Marimba, xylophone"]),
        ("vibraphone", ["Vibraphone"]),
        ("glockenspiel", ["Glockenspiel"]),
        ("steel drums", ["Steelpan"]),
        ("singing bowl", ["Singing bowl"]),
        ("orchestra", ["Orchestra"]),
        ("strings", ["Bowed string instrument", "String section"]),
        ("violin", ["Violin, fiddle"]),
        ("cello", ["Cello"]),
        ("double bass", ["Double bass"]),
        ("pizzicato", ["Pizzicato"]),
        ("brass", ["Brass instrument"]),
        ("french horn", ["French horn"]),
        ("trumpet", ["Trumpet"]),
        ("trombone", ["Trombone"]),
        ("woodwind", ["Wind instrument, woodwind instrument"]),
        ("flute", ["Flute"]),
        ("clarinet", ["Clarinet"]),
        ("saxophone", ["Saxophone"]),
        ("harmonica", ["Harmonica"]),
        ("accordion", ["Accordion"]),
        ("bagpipes", ["Bagpipes"]),
        ("didgeridoo", ["Didgeridoo"]),
        ("scratching", ["Scratching (performance technique)"]),
    ),
    TaughtWord(
        "singing", "voice", yamnet=("Singing", "Song"), musicnn=("-instrumental",), shift=-1.0
    ),
    *_group(
        "voice",
        ("female vocals", [], ["female vocalists", "female vocalist"]),
        ("male vocals", [], ["male vocalists"]),
        ("choir", ["Choir"]),
        ("a cappella", ["A capella"]),
        ("chant", ["Chant", "Mantra"]),
        ("children singing", ["Child singing"]),
        ("synthetic singing", ["Synthetic singing"]),
        ("rapping", ["Rapping"]),
        ("beatboxing", ["Beatboxing"]),
        ("humming", ["Humming"]),
        ("whistling", ["Whistling"]),
        ("yodeling", ["Yodeling"]),
        ("screaming", ["Screaming", "Shout", "Yell"]),
        ("speech", ["Speech", "Narration, monologue", "Conversation"]),
        ("instrumental", ["-Singing"], ["instrumental"]),
    ),
    *_group(
        "style",
        ("pop", ["Pop music"], ["pop"]),
        ("indie pop", [], ["indie pop"]),
        ("rock", ["Rock music"], ["rock"]),
        ("alternative rock", [], ["alternative rock", "alternative"]),
        ("classic rock", [], ["classic rock"]),
        ("hard rock", [], ["hard rock"]),
        ("indie rock", [], ["indie rock"]),
        ("progressive rock", ["Progressive rock"], ["Progressive rock"]),
        ("psychedelic rock", ["Psychedelic rock"]),
        ("rock and roll", ["Rock and roll"]),
        ("grunge", ["Grunge"]),
        ("punk", ["Punk rock"], ["punk"]),
        ("metal", ["Heavy metal"], ["metal", "heavy metal"]),
        ("indie", ["Independent music"], ["indie"]),
        ("hip hop", ["Hip hop music"], ["Hip-Hop"]),
        ("rhythm and blues", ["Rhythm and blues"], ["rnb"]),
        ("soul", ["Soul music"], ["soul"]),
        ("funk", ["Funk"], ["funk"]),
        ("disco", ["Disco"]),
        ("gospel", ["Gospel music", "Christian music"]),
        ("blues", ["Blues"], ["blues"]),
        ("jazz", ["Jazz"], ["jazz"]),
        ("swing", ["Swing music"]),
        ("country", ["Country"], ["country"]),
        ("bluegrass", ["Bluegrass"]),
        ("folk", ["Folk music"], ["folk"]),
        ("traditional", ["Traditional music"]),
        ("reggae", ["Reggae"]),
        ("ska", ["Ska"]),
        ("latin", ["Music of Latin America"]),
        ("salsa", ["Salsa music"]),
        ("flamenco", ["Flamenco"]),
        ("african", ["Music of Africa", "Afrobeat"]),
        ("middle eastern", ["Middle Eastern music"]),
        ("asian", ["Music of Asia"]),
        ("indian", ["Carnatic music", "Music of Bollywood"]),
        ("classical", ["Classical music"]),
        ("opera", ["Opera"]),
        ("electronic", ["Electronic music"], ["electronic"]),
        ("electronica", ["Electronica"], ["electronica"]),
        ("electro", [], ["electro"]),
        ("house", ["House music"], ["House"]),
        ("techno", ["Techno"]),
        ("trance", ["Trance music"]),
        ("dubstep", ["Dubstep"]),
        ("drum and bass", ["Drum and bass"]),
        ("dance", ["Dance music", "Electronic dance music"], ["dance"]),
        ("ambient", ["Ambient music"], ["ambient"]),
        ("new age", ["New-age music"]),
        ("acoustic", [], ["acoustic"]),
        ("experimental", [], ["experimental"]),
        ("easy listening", [], ["easy listening"]),
        ("oldies", [], ["oldies"]),
        ("60s", [], ["60s"]),
        ("70s", [], ["70s"]),
        ("80s", [], ["80s"]),
        ("90s", [], ["90s"]),
        ("00s", [], ["00s"]),
        ("background music", ["Background music"]),
        ("theme music", ["Theme music"]),
        ("jingle", ["Jingle (music)"]),
        ("soundtrack", ["Soundtrack music"]),
        ("video game music", ["Video game music"]),
        ("children's music", ["Music for children"]),
        ("lullaby", ["Lullaby"]),
        ("christmas", ["Christmas music"]),
        ("wedding", ["Wedding music"]),
    ),
    *_group(
        "mood",
        ("happy", ["Happy music"], ["happy"]),
        ("sad", ["Sad music"], ["sad"]),
        ("tender", ["Tender music"]),
        ("exciting", ["Exciting music"]),
        ("angry", ["Angry music"]),
        ("scary", ["Scary music"]),
        ("mellow", [], ["Mellow"]),
        ("chill", [], ["chill", "chillout"]),
        ("beautiful", [], ["beautiful"]),
        ("sexy", [], ["sexy"]),
        ("catchy", [], ["catchy"]),
        ("party", [], ["party"]),
    ),
    *_group(
        "other",
        ("applause", ["Applause", "Clapping", "Cheering"]),
        ("crowd", ["Crowd", "Chatter", "Hubbub, speech noise, speech babble"]),
        ("laughter", ["Laughter"]),
        ("birds", ["Bird", "Bird vocalization, bird call, bird song", "Chirp, tweet"]),
        ("rain", ["Rain", "Raindrop", "Rain on surface"]),
        ("thunder", ["Thunder", "Thunderstorm"]),
        ("wind", ["Wind"]),
        ("water", ["Water", "Stream", "Ocean", "Waves, surf"]),
        ("explosion", ["Explosion", "Gunshot, gunfire"]),
        ("sound effect", ["Sound effect"]),
        ("noise", ["Noise", "Static", "White noise", "Pink noise"]),
        ("silence", ["Silence"]),
    ),
)
"""The words, group after group, in the order of the targets."""


def word_targets(
    outputs: Mapping[str, NDArray[np.floating]],
    labels: Mapping[str, Sequence[str]],
    words: Sequence[TaughtWord] = TAUGHT_WORDS,
    cuts: Cuts | None = None,
) -> Floats:
    """What a model is to say of each word, from what its teachers say.

    Each class is compared with its cut, in log odds. Of a teacher's classes that mean the word the
    one that is farthest above counts; teachers are averaged. So 0 lies where the teachers begin to
    say yes, however low their probabilities are.

    Parameters
    ----------
    outputs : teacher -> probabilities (n, n_classes) of n segments, or means over n tracks.
    labels : teacher -> the names of its classes, in order.
    words : in the order in which they are wanted.
    cuts : by default :func:`kept_cuts`.

    Returns
    -------
    float32 (n, n_words): logits; the sigmoid is the target probability.

    Raises
    ------
    InvalidArgument : a teacher, or a class of it, that a word needs is missing.
    """
    used = kept_cuts() if cuts is None else cuts
    columns = [_evidence(word, outputs, labels, used) - used.words[word.word] for word in words]
    return np.stack(columns, axis=1).astype(np.float32)


def word_cuts(
    outputs: Mapping[str, NDArray[np.floating]],
    labels: Mapping[str, Sequence[str]],
    words: Sequence[TaughtWord] = TAUGHT_WORDS,
) -> Cuts:
    """Where the teachers begin to say yes.

    Parameters
    ----------
    outputs : teacher -> probabilities (n_tracks, n_classes) of the training music, means over each
        track.
    labels, words : as for :func:`word_targets`; it raises the same.
    """
    classes: dict[str, dict[str, float]] = {}
    for word in words:
        for teacher, names in word.sources.items():
            for name in names:
                share = _USUAL if name.startswith(_AGAINST) else 1 - _USUAL
                reached = np.quantile(_of_class(name, teacher, word, outputs, labels), share)
                cut = round(float(np.clip(reached, _LEAST_CUT, _MOST_CUT)), 4)
                classes.setdefault(teacher, {})[name] = cut
    cuts = Cuts(classes, {})
    for word in words:
        # Two teachers seldom reach their cuts at once.
        usual = np.quantile(_evidence(word, outputs, labels, cuts), 1 - _USUAL)
        shift = min(0.0, float(usual)) if len(word.sources) > 1 else 0.0
        cuts.words[word.word] = round(shift if word.shift is None else word.shift, 3)
    return cuts


@cache
def kept_cuts() -> Cuts:
    """Those of the training music, which all figures about words rest on."""
    found = json.loads(Path(__file__).with_name("word_cuts.json").read_bytes())
    return Cuts(found["classes"], found["words"])


def teachers_say(targets: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether the teachers say yes, from the targets of whole tracks."""
    return targets >= 0


def _evidence(
    word: TaughtWord,
    outputs: Mapping[str, NDArray[np.floating]],
    labels: Mapping[str, Sequence[str]],
    cuts: Cuts,
) -> Floats:
    """How far the teachers are above the cuts of a word's classes, in log odds, (n,)."""
    of_teachers = []
    for teacher, names in word.sources.items():
        above = []
        for name in names:
            odds = _log_odds(_of_class(name, teacher, word, outputs, labels))
            over = odds - _log_odds(np.asarray(cuts.classes[teacher][name]))
            above.append(-over if name.startswith(_AGAINST) else over)
        of_teachers.append(np.max(above, axis=0))
    return np.asarray(np.mean(of_teachers, axis=0), dtype=np.float32)


def _of_class(
    name: str,
    teacher: str,
    word: TaughtWord,
    outputs: Mapping[str, NDArray[np.floating]],
    labels: Mapping[str, Sequence[str]],
) -> NDArray[np.floating]:
    """The probabilities of a class, (n,)."""
    if teacher not in outputs or teacher not in labels:
        raise InvalidArgument(f"{word.word!r} is learned from {teacher}: its outputs are missing")
    plain = name.removeprefix(_AGAINST)
    if plain not in labels[teacher]:
        raise InvalidArgument(f"{word.word!r}: {teacher} has no class {plain!r}")
    return outputs[teacher][:, list(labels[teacher]).index(plain)]


def _log_odds(probabilities: NDArray[np.floating]) -> Floats:
    kept = np.clip(probabilities.astype(np.float32), _LEAST, 1 - _LEAST)
    return np.asarray(np.log(kept) - np.log1p(-kept), dtype=np.float32)

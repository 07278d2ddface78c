"""Is a listener's taste found out? ``python -m benchmarks.taste LIBRARY``, on simulated listeners.

The tracks are those of a scanned library that are at least 30 s long and like music that the model
knows, each recording once. A listener says which of three random tracks is the odd one, by a metric
of their own, and gives another answer one time in ten:

- *sound*, *rhythm*, *harmony*: 80 % of the similarity is this facet's;
- *finer*: the model's weights, but along two random directions of each facet, among its first ten
  principal axes, differences count fifteen times;
- *the model's*: agrees with the model. Here a taste should stay off; once more asked after every
  ten answers, where it counts if it was ever on.

Then likes: a listener likes what is near to three random tracks and far from three others, the best
eighth of the library, and names some of these, one time in ten a random track; or just any tracks.

And lists: playlists and radios of 25 tracks from random tracks that were not judged, with what is
fitted and without. For *rhythm* and *harmony*, how many other tracks those of a list go before by
the listener's own similarity to the seed; for likes, how many of a list are liked and were not
named. Beside it, the model's similarity to the seed: what is given up for it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facets
from soundalike.library import Filter, Library
from soundalike.library.taste_records import Evidence
from soundalike.recommend.answers import principal_axes
from soundalike.recommend.defaults import PLAYLIST_LIMITS
from soundalike.recommend.playlist import make_playlist
from soundalike.recommend.station import start_radio
from soundalike.recommend.taste import fit_taste
from soundalike.similarity.taste import Metric, Stretch

Rows = NDArray[np.intp]
Floats = NDArray[np.float32]

JUDGEMENTS = (10, 30, 100, 300)
LIKES = (5, 10, 30, 100)
LISTED, LIST_JUDGEMENTS, LIST_LIKES, SEEDS = 25, (30, 100), (10, 30), 5
WRONG = 0.1
SHORTEST_S = 30.0
UNSEEN = 1000
DIRECTIONS, AMONG, GAIN = 2, 10, 14.0


@dataclass(frozen=True)
class Tracks:
    """What listeners hear.

    Attributes
    ----------
    evidence : of the library, without any judgement; all tracks are among its pieces.
    embeddings : float32 (n, D).
    """

    evidence: Evidence
    embeddings: Floats

    @property
    def layout(self) -> Facets:
        return self.evidence.layout


def read(place: str) -> Tracks:
    """The tracks of a library."""
    with Library(place, create=False) as library, library.view() as view:
        index = view.index
        copies = view.recordings.copies_of(range(len(index)))
        chosen = [
            row
            for row in range(len(index))
            if index.durations_s[row] >= SHORTEST_S
            and min(copies[row], default=row) >= row
            and not view.snapshot.is_unfamiliar(int(index.content_ids[row]))
        ]
    with Library(place, create=False) as library:
        evidence = library.taste_evidence()
    rows = np.array(chosen, np.intp)
    # What is no music would be told from what is liked, whatever that is.
    index = replace(index, **{name: column[rows] for name, column in index.columns().items()})
    evidence = replace(
        evidence,
        index=index,
        embeddings=index.embeddings,
        artists=index.artist_codes,
        index_rows=np.arange(len(rows)),
    )
    return Tracks(evidence, evidence.embeddings)


def one_facet(tracks: Tracks, name: str) -> Metric:
    """80 % for one facet, the others as they stand to each other."""
    defaults = tracks.layout.weights()
    rest = 1 - defaults[name]
    others = {other: 0.2 * weight / rest for other, weight in defaults.items() if other != name}
    return Metric(tracks.layout, others | {name: 0.8})


def finer(tracks: Tracks, generator: np.random.Generator) -> Metric:
    """Random directions that count for more."""
    stretches = {}
    for facet in tracks.layout:
        block = tracks.embeddings[:, tracks.layout.slices[facet.name]]
        alone = Facets.one(facet.size)
        axes = principal_axes(block, alone)[0][:AMONG]
        turned, _ = np.linalg.qr(generator.normal(size=(len(axes), DIRECTIONS)))
        stretches[facet.name] = Stretch(
            (turned.T @ axes).astype(np.float32), np.full(DIRECTIONS, GAIN, np.float32)
        )
    return Metric(tracks.layout, tracks.layout.weights(), stretches)


def answers(metric: Metric, tracks: Tracks, n: int, generator: np.random.Generator) -> Rows:
    """Random triplets (n, 3) whose last is called the odd one."""
    shuffled = np.argsort(generator.random((n, len(tracks.embeddings))), axis=1)[:, :3]
    return said(metric, tracks, shuffled, generator)


def said(metric: Metric, tracks: Tracks, trios: Rows, generator: np.random.Generator) -> Rows:
    """Trios (n, 3), turned so that the last is the one that is called odd."""
    n = len(trios)
    first = alikes(metric, tracks, trios).argmax(axis=1)
    is_wrong = generator.random(n) < WRONG
    first = np.where(is_wrong, (first + generator.integers(1, 3, n)) % 3, first)
    orders = np.array([[0, 1, 2], [0, 2, 1], [1, 2, 0]])
    return np.take_along_axis(trios, orders[first], axis=1)


def alikes(metric: Metric, tracks: Tracks, triplets: Rows) -> Floats:
    """How alike the first two, the outer two and the last two of each are, (n, 3)."""
    moved = metric.transform(tracks.embeddings)[triplets]
    pairs = ((0, 1), (0, 2), (1, 2))
    return np.stack([np.einsum("ij,ij->i", moved[:, a], moved[:, b]) for a, b in pairs], axis=1)


def right(metric: Metric, tracks: Tracks, triplets: Rows) -> float:
    """The share of answers that a metric predicts."""
    return float(np.mean(alikes(metric, tracks, triplets).argmax(axis=1) == 0))


def judge(
    tracks: Tracks, own: Callable[[np.random.Generator], Metric], n: int, draw: int
) -> tuple[float, ...]:
    """One listener: whether weights and finer metric are used, and the shares of unseen answers
    that the model, what is used, and the listener's own metric predict."""
    generator = np.random.default_rng([n, draw])
    metric = own(generator)
    seen = answers(metric, tracks, n, generator)
    unseen = answers(metric, tracks, UNSEEN, generator)
    report = fit_taste(replace(tracks.evidence, triplets=seen), now=time.time())
    model = Metric(tracks.layout, tracks.layout.weights())
    used = report.taste.metric or model
    trials = (report.trial("weights"), report.trial("metric"))
    return (
        *(float(trial is not None and trial.is_used) for trial in trials),
        *(right(each, tracks, unseen) for each in (model, used, metric)),
    )


def ever(tracks: Tracks, n: int, draw: int, *, every: int = 10) -> tuple[float, float]:
    """Whether weights and finer metric of one who agrees with the model are ever used."""
    generator = np.random.default_rng([n, draw])
    model = Metric(tracks.layout, tracks.layout.weights())
    seen = answers(model, tracks, n, generator)
    used = {"weights": False, "metric": False}
    for number in range(every, n + 1, every):
        report = fit_taste(replace(tracks.evidence, triplets=seen[:number]), now=time.time())
        for trial in report.trials:
            used[trial.level] |= trial.is_used
    return float(used["weights"]), float(used["metric"])


def like(tracks: Tracks, *, is_random: bool, n: int, draw: int) -> tuple[float, ...]:
    """One listener: whether the liking is used, and how often what is liked and was not named goes
    before other tracks by what is fitted (a half where it is off)."""
    all_tracks, in_all = tracks.embeddings, len(tracks.embeddings)
    liked, named = liked_and_named(tracks, is_random, n, np.random.default_rng([n, draw]))
    liking = fit_taste(with_likes(tracks, named), now=time.time()).taste.liking
    if liking is None:
        return 0.0, 0.5
    left = np.setdiff1d(np.arange(in_all), named)
    found, is_liked = liking.of(all_tracks[left]), np.isin(left, liked)
    return 1.0, float(np.mean(found[is_liked][:, None] > found[~is_liked][None]))


def liked_and_named(
    tracks: Tracks, is_random: bool, n: int, generator: np.random.Generator
) -> tuple[Rows, Rows]:
    """What a listener likes, and what they say that they like."""
    all_tracks, in_all = tracks.embeddings, len(tracks.embeddings)
    near, far = (all_tracks[generator.integers(0, in_all, 3)].sum(axis=0) for _ in range(2))
    scores = all_tracks @ (near - far)
    if is_random:
        scores = generator.random(in_all)
    liked = np.argsort(-scores)[: in_all // 8]
    named = generator.choice(liked, min(n, len(liked)), replace=False)
    slips = generator.integers(0, in_all, len(named))
    return liked, np.unique(np.where(generator.random(len(named)) < WRONG, slips, named))


def with_likes(tracks: Tracks, named: Rows) -> Evidence:
    """What is known of somebody who named what they like."""
    return replace(tracks.evidence, opinions=named, liked=np.ones(len(named), np.bool_))


def lists(
    library: Library, tracks: Tracks, name: str, n: int, draw: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """One listener: of playlists, and of radios, how far they go by the listener's own ranking
    without a taste and with it, and the model's similarity to the seed likewise.

    Parameters
    ----------
    name : a facet, or "likes".
    """
    generator = np.random.default_rng([n, draw])
    liked = named = np.zeros(0, np.intp)
    if name == "likes":
        liked, named = liked_and_named(tracks, False, n, generator)
        evidence, metric = with_likes(tracks, named), None
    else:
        metric = one_facet(tracks, name)
        named = answers(metric, tracks, n, generator)
        evidence = replace(tracks.evidence, triplets=named)
    taste = fit_taste(evidence, now=time.time()).taste
    left = np.setdiff1d(np.arange(len(tracks.embeddings)), named)
    ids = tracks.evidence.index.track_ids
    row_of = {int(track_id): row for row, track_id in enumerate(ids)}
    limits = replace(PLAYLIST_LIMITS, only=Filter(track_ids=frozenset(row_of)))
    radio_limits = replace(limits, max_per_artist=None, max_per_album=None)
    found = []
    for seed in generator.choice(left, SEEDS, replace=False).tolist():
        own = tracks.embeddings if metric is None else metric.transform(tracks.embeddings)
        places = np.argsort(np.argsort(own @ own[seed])) / len(own)
        for used in (None, taste):
            made = make_playlist(
                library, int(ids[seed]), tracks=LISTED, limits=limits, order="similar", taste=used
            )
            part = start_radio(
                library, int(ids[seed]), tracks=LISTED, limits=radio_limits, taste=used
            )
            for items in (made.items, part.items):
                rows = [row_of[each.track.track_id] for each in items]
                if metric is None:
                    rows = [row for row in rows if row not in named]
                    followed = float(np.isin(rows, liked).mean())
                else:
                    followed = float(places[rows].mean())
                alike = float((tracks.embeddings[rows] @ tracks.embeddings[seed]).mean())
                found.append((followed, alike))
    # Seeds, without and with, playlist and radio, followed and alike.
    means = np.array(found).reshape(SEEDS, 2, 2, 2).mean(axis=0)
    playlist, radio = ((*means[:, kind, 0], *means[:, kind, 1]) for kind in (0, 1))
    return playlist, radio


def list_lines(place: str, tracks: Tracks, draws: int) -> Iterator[str]:
    """The table of lists, as Markdown."""
    yield (
        "| listener | told | playlist, without | with | radio, without | with "
        "| model's similarity: playlist, without | with | radio, without | with |"
    )
    yield "| --- " * 10 + "|"
    asked = [(name, n) for name in ("rhythm", "harmony") for n in LIST_JUDGEMENTS]
    with Library(place, create=False) as library:
        for name, n in (*asked, *(("likes", n) for n in LIST_LIKES)):
            found = np.array([lists(library, tracks, name, n, draw) for draw in range(draws)])
            playlist, radio = found.mean(axis=0)
            shares = (*playlist[:2], *radio[:2])
            alike = (*playlist[2:], *radio[2:])
            cells = [f"{100 * each:.0f} %" for each in shares] + [f"{each:.2f}" for each in alike]
            yield f"| {name} | {n} | {' | '.join(cells)} |"


def lines(tracks: Tracks, draws: int) -> Iterator[str]:
    """The tables of answers and likes, as Markdown."""
    model = Metric(tracks.layout, tracks.layout.weights())
    listeners: dict[str, Callable[[np.random.Generator], Metric]] = {
        name: lambda _, name=name: one_facet(tracks, name)  # type: ignore[misc]
        for name in (tracks.layout.names if len(tracks.layout) > 1 else ())
    }
    listeners["finer"] = lambda generator: finer(tracks, generator)
    listeners["the model's"] = lambda _: model
    yield "| listener | judgements | weights used | finer metric used | model | in use | own |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, own in listeners.items():
        for n in JUDGEMENTS:
            found = [judge(tracks, own, n, draw) for draw in range(draws)]
            yield _row(name, n, np.mean(found, axis=0).tolist())
    asked = [ever(tracks, 100, draw) for draw in range(draws)]
    yield _row("the model's, asked ten times", 100, np.mean(asked, axis=0).tolist())
    yield ""
    yield "| likes | tracks named | used | unseen liked tracks before others |"
    yield "| --- | --- | --- | --- |"
    for name, is_random in (("near some tracks", False), ("any", True)):
        for n in LIKES:
            found = [like(tracks, is_random=is_random, n=n, draw=draw) for draw in range(draws)]
            yield _row(name, n, np.mean(found, axis=0).tolist())


def _row(name: str, n: int, shares: Sequence[float]) -> str:
    return f"| {name} | {n} | " + " | ".join(f"{100 * share:.0f} %" for share in shares) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", help="a scanned library")
    parser.add_argument("--draws", type=int, default=20, help="listeners for each line")
    parser.add_argument("--lists", action="store_true", help="only the table of lists")
    options = parser.parse_args()
    tracks = read(options.library)
    print(f"{len(tracks.embeddings)} tracks, {options.draws} listeners a line", flush=True)
    if not options.lists:
        for line in lines(tracks, options.draws):
            print(line, flush=True)
        print()
    for line in list_lines(options.library, tracks, options.draws):
        print(line, flush=True)


if __name__ == "__main__":
    main()

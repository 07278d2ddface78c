"""A new default model: the library answers at every moment, and ends up like one made afresh."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    LOG,
    OnePool,
    contents_of,
    fake_analysis,
    fake_model,
    open_library,
    open_upgraded,
    write_track,
)

from soundalike.errors import ModelMismatch
from soundalike.library import Library, ScanProgress
from soundalike.library.reader import Reader
from soundalike.models import DEFAULT_MODEL, ModelInfo
from soundalike.models.lineage import Lineage, default_lineage

TEXTS = {f"{folder}/{number}.wav": f"{folder} {number}" for folder in "ab" for number in range(4)}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for name, text in TEXTS.items():
        write_track(tmp_path / "music" / name, text)
    return tmp_path / "music"


@pytest.fixture
def old(tmp_path: Path, music: Path) -> None:
    """A library that the first version analysed."""
    with open_upgraded(tmp_path, "1") as library:
        library.scan([music])


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    path = tmp_path / "log"
    monkeypatch.setenv(LOG, str(path))

    def analysed() -> Counter[str]:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return Counter(lines)

    return analysed


def models_of(library: Library) -> dict[str, int]:
    return {each.model: each.tracks for each in library.info().models}


def stop_after(done: int) -> Callable[[ScanProgress], None]:
    """Ctrl-C as soon as so many tracks are re-analysed."""

    def stop(progress: ScanProgress) -> None:
        if progress.phase == "re-analysing" and progress.done >= done:
            raise KeyboardInterrupt

    return stop


@pytest.mark.usefixtures("old")
def test_the_old_model_answers_until_the_new_one_has_all_tracks(
    tmp_path: Path, music: Path, log: Callable[[], Counter[str]]
) -> None:
    with open_upgraded(tmp_path, "2", pool=OnePool) as library:
        before = library.similar(music / "a/0.wav")
        state = library.upgrade()
        assert state is not None
        assert (state.model, state.former, state.query_model) == ("fake@2", ("fake@1",), "fake@1")
        assert (state.done, state.remaining, before.searched) == (0, 8, 7)
        for done in (1, 4):
            report = library.scan([music], progress=stop_after(done))
            assert report.interrupted
            state = library.upgrade()
            assert state is not None
            assert (state.done, state.remaining, state.query_model) == (done, 8 - done, "fake@1")
            assert models_of(library) == {"fake@1": 8, "fake@2": done}
            after = library.similar(music / "a/0.wav")
            assert (after.model, after.searched, after.not_searched) == ("fake@1", 7, 0)
            assert after.matches == before.matches
            assert library.info().analysed == 8
            assert library.compare(1, 2).a_analysis.model == "fake@1"
        report = library.scan([music])
        assert (report.analysed, report.reanalysed, report.unchanged) == (0, 4, 8)
        assert report.notes[-1].startswith("All tracks are analysed with fake@2")
        assert library.upgrade() is None
        assert models_of(library) == {"fake@2": 8}
        assert library.similar(music / "a/0.wav").model == "fake@2"
        assert log() == Counter(TEXTS.values())  # each once, whatever was interrupted
        report = library.scan([music])
        assert (report.reanalysed, report.unchanged, report.notes) == (0, 8, ())
        assert library.analysis(1).notes == ("text: a 0",)
        expected = fake_analysis("a 0", fake_model("2")).embedding
        assert np.abs(library.analysis(1).embedding - expected).max() < 1e-3


@pytest.mark.usefixtures("old")
def test_progress_counts_the_whole_upgrade_and_says_for_which_model(
    tmp_path: Path, music: Path
) -> None:
    write_track(music / "new.wav", "new file")
    steps: list[ScanProgress] = []
    with open_upgraded(tmp_path, "2", pool=OnePool) as library:
        library.scan([music], progress=stop_after(3))
        library.scan([music], progress=steps.append)
    again = [step for step in steps if step.phase == "re-analysing"]
    assert [(step.done, step.total) for step in again] == [(n, 8) for n in range(3, 9)]
    assert {step.model for step in again} == {"fake@2"}
    assert again[-1].left_s == 0
    assert again[1].left_s is not None
    assert again[1].left_s > 0


@pytest.mark.usefixtures("old")
def test_new_and_changed_files_come_first_and_are_found_at_once(
    tmp_path: Path, music: Path, log: Callable[[], Counter[str]]
) -> None:
    write_track(music / "z/new.wav", "fresh")
    write_track(music / "a/3.wav", "changed")
    with open_upgraded(tmp_path, "2", older=["1"], pool=OnePool) as library:
        # The two are done by then.
        report = library.scan([music], progress=stop_after(3))
        assert (report.analysed, report.reanalysed) == (2, 1)
        # By both models: the old one answers.
        assert log() == Counter({"fresh": 2, "changed": 2, "a 0": 1})
        found = library.similar(music / "z/new.wav", k=20)
        assert (found.model, found.searched, found.not_searched) == ("fake@1", 8, 0)
        assert music / "a/3.wav" in {match.track.path for match in found.matches}
        library.scan([music])
        assert models_of(library) == {"fake@2": 9}


@pytest.mark.usefixtures("old")
def test_without_the_old_model_new_files_wait_for_the_end_of_the_upgrade(
    tmp_path: Path, music: Path
) -> None:
    write_track(music / "z/new.wav", "fresh")
    stranger = write_track(tmp_path / "stranger.wav", "stranger")
    with open_upgraded(tmp_path, "2", pool=OnePool) as library:
        library.scan([music], progress=stop_after(1))
        found = library.similar(music / "a/0.wav")
        assert (found.model, found.searched, found.not_searched) == ("fake@1", 7, 1)
        for query in (music / "z/new.wav", stranger):
            with pytest.raises(ModelMismatch, match=r"fake@1, .* not installed any more.*fake@2"):
                library.similar(query)
        with pytest.raises(ModelMismatch, match=r"not installed any more"):
            library.similar(music / "a/0.wav", start_s=1.0)
        library.scan([music])
        assert library.similar(stranger).searched == 9
        assert library.similar(music / "z/new.wav").searched == 8
    with open_upgraded(tmp_path, "3", older=["1", "2"], pool=OnePool) as library:
        assert library.similar(stranger).model == "fake@2"  # analysed by it for this


@pytest.mark.usefixtures("old")
def test_an_upgrade_goes_on_without_naming_folders(tmp_path: Path, music: Path) -> None:
    with open_upgraded(tmp_path, "2") as library:
        report = library.scan([music / "a"])
        assert report.reanalysed == 4
        assert report.notes == (
            "4 tracks are still to be re-analysed for fake@2; until then the answers come from "
            "fake@1.",
        )
        write_track(music / "b/new.wav", "not asked for")
        (music / "b/3.wav").rename(tmp_path / "3.wav")
        report = library.reanalyse()
        assert (report.reanalysed, report.missing) == (3, 0)
        assert report.notes[-1].startswith("1 of the files are missing")
        assert library.similar(1).searched == 7  # what is away is not lost
        (tmp_path / "3.wav").rename(music / "b/3.wav")
        assert library.reanalyse().reanalysed == 1
        assert models_of(library) == {"fake@2": 8}
        assert library.reanalyse().reanalysed == 0


@pytest.mark.usefixtures("old")
def test_a_disk_that_is_away_keeps_the_old_answers_until_it_is_known_to_be_gone(
    tmp_path: Path, music: Path
) -> None:
    (music / "b").rename(tmp_path / "away")
    with open_upgraded(tmp_path, "2") as library:
        library.scan([music / "a"])
        assert library.similar(1).model == "fake@1"
        library.scan([music])  # now its files are missing
        found = library.similar(1)
        assert (found.model, found.searched, found.not_searched) == ("fake@2", 3, 0)
        (tmp_path / "away").rename(music / "b")
        report = library.scan([music])
        assert (report.unchanged, report.analysed) == (4, 4)
        assert library.similar(1).searched == 7
        assert contents_of(library) == contents_of_a_new_library(tmp_path / "fresh", music, "2")


def contents_of_a_new_library(
    home: Path, music: Path, version: str
) -> Counter[tuple[str, str, str | None]]:
    home.mkdir()
    with open_upgraded(home, version) as library:
        library.scan([music])
        return contents_of(library)


@pytest.mark.usefixtures("old")
def test_what_the_new_model_cannot_analyse_is_listed_and_answers_to_the_end(
    tmp_path: Path, music: Path
) -> None:
    write_track(music / "0.wav", "since 2")
    with open_upgraded(tmp_path, "1", pool=OnePool) as library:
        library.scan([music])
        library.scan([music])
    with open_upgraded(tmp_path, "2", pool=OnePool) as library:
        report = library.scan([music], progress=stop_after(2))
        (failure,) = report.failed
        assert failure.path == music / "0.wav"
        found = library.similar(music / "0.wav", k=20)
        assert (found.model, found.searched) == ("fake@1", 8)
        assert library.track(music / "0.wav").status == "analysed"
        report = library.scan([music])
        assert (report.still_failing, report.failed) == (1, ())
        # It fails for good, so the others need not wait.
        assert library.similar(music / "a/0.wav").searched == 7
        assert library.track(music / "0.wav").status == "failed"
        assert (library.info().failed, library.info().analysed) == (1, 8)


@pytest.mark.usefixtures("old")
def test_a_failure_that_may_pass_keeps_the_old_answers(
    tmp_path: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.library.scan.failing._FIRST_RETRY_S", {"SilentAudio": 0.0})
    write_track(music / "0.wav", "since 2")
    with open_upgraded(tmp_path, "1") as library:
        library.scan([music])
    with open_upgraded(tmp_path, "2") as library:
        for attempt in (1, 2):
            assert library.scan([music]).failed[0].attempts == attempt
            assert library.similar(music / "0.wav").model == "fake@1"
        assert library.scan([music]).failed[0].attempts == 3
        assert library.similar(1).model == "fake@2"  # not for ever


@pytest.mark.usefixtures("old")
def test_copies_moves_and_touched_files_share_one_re_analysis(
    tmp_path: Path, music: Path, log: Callable[[], Counter[str]]
) -> None:
    with open_upgraded(tmp_path, "1") as library:
        shutil.copy(music / "a/0.wav", music / "copy.wav")
        library.scan([music])
        log()
    (music / "b/0.wav").rename(music / "moved.wav")
    (music / "b/1.wav").touch()
    with open_upgraded(tmp_path, "2") as library:
        report = library.scan([music])
        assert (report.moved, report.unchanged, report.reanalysed) == (1, 8, 9)
        assert log() == Counter(TEXTS.values())
        assert models_of(library) == {"fake@2": 9}


@pytest.mark.usefixtures("old")
def test_versions_that_were_never_finished_give_way_together(tmp_path: Path, music: Path) -> None:
    with open_upgraded(tmp_path, "2", pool=OnePool) as library:
        library.scan([music], progress=stop_after(3))
    with open_upgraded(tmp_path, "10", pool=OnePool) as library:
        state = library.upgrade()
        assert state is not None
        assert (state.former, state.query_model) == (("fake@1", "fake@2"), "fake@1")
        library.scan([music], progress=stop_after(3))
        assert library.similar(1).searched == 7
        library.scan([music])
        assert models_of(library) == {"fake@10": 8}


@pytest.mark.usefixtures("old")
def test_a_chosen_model_is_no_upgrade_and_stays(tmp_path: Path, music: Path) -> None:
    place = tmp_path / "library.db"
    other = fake_model("7", name="musicnn")
    with Library(place, model=other, analyzer="fakes:FakeAnalyzer") as library:
        report = library.scan([music])
        assert (report.analysed, report.reanalysed) == (8, 0)
        assert library.upgrade() is None
        assert library.similar(1).model == "musicnn@7"
    with open_upgraded(tmp_path, "2") as library:
        assert library.scan([music]).reanalysed == 8
        assert models_of(library) == {"fake@2": 8, "musicnn@7": 8}
    with Library(place, model=other, analyzer="fakes:FakeAnalyzer") as library:
        assert library.scan([music]).unchanged == 8
        assert library.similar(1).searched == 7
    # One version that was named is no upgrade either.
    with open_library(tmp_path, version="3") as library:
        library.scan([music])
        assert set(models_of(library)) == {"fake@2", "fake@3", "musicnn@7"}


def test_a_chosen_model_that_fails_takes_nothing_from_the_others(
    tmp_path: Path, music: Path
) -> None:
    write_track(music / "0.wav", "since 2")
    with open_library(tmp_path) as library:
        library.scan([music])
        with open_library(tmp_path, version="2") as other:
            assert len(other.scan([music]).failed) == 1
            assert other.info().failed == 1
        assert library.info().failed == 0
        assert library.similar(music / "0.wav").searched == 8


@pytest.mark.usefixtures("old")
def test_a_new_name_can_take_the_place_of_an_old_one(tmp_path: Path, music: Path) -> None:
    successor = Lineage(fake_model("0.1", name="successor"), former=("ancient", "fake"))
    with Library(
        tmp_path / "library.db", model=successor, analyzer="fakes:FakeAnalyzer"
    ) as library:
        assert library.similar(1).model == "fake@1"
        library.scan([music])
        assert models_of(library) == {"successor@0.1": 8}


@pytest.mark.usefixtures("old")
def test_an_older_soundalike_leaves_the_newer_analyses_alone(tmp_path: Path, music: Path) -> None:
    with open_upgraded(tmp_path, "2") as library:
        library.scan([music])
    with open_upgraded(tmp_path, "1") as library:
        with pytest.raises(ModelMismatch, match=r"fake@2.*fake@1"):
            library.similar(1)
        assert library.scan([music]).analysed == 8
        assert models_of(library) == {"fake@1": 8, "fake@2": 8}
    with open_upgraded(tmp_path, "2") as library:
        assert library.similar(1).model == "fake@2"
        library.scan([music])
        assert models_of(library) == {"fake@2": 8}


def test_ages() -> None:
    lineage = Lineage(fake_model("10"), former=("ancient", "middle"))
    ids = [("ancient", "2"), ("middle", "1"), ("fake", "9"), ("fake", "9.1"), ("fake", "10")]
    ages = [lineage.age(*each) for each in ids]
    assert None not in ages
    assert ages == sorted(ages, key=lambda age: age or ())
    assert lineage.age("fake", "11") is None
    assert lineage.age("stranger", "1") is None


def test_the_default_line_ends_with_the_default_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lineage = default_lineage()
    assert lineage.current.name == DEFAULT_MODEL
    current = fake_model("2", name=DEFAULT_MODEL)
    former = fake_model("1", name="former")
    there, gone = tmp_path / "there.onnx", tmp_path / "gone.onnx"
    there.touch()

    def at(model: ModelInfo, path: Path) -> ModelInfo:
        return ModelInfo(**{**vars(model), "path": path})

    installed = (
        at(current, there),
        at(former, there),
        at(fake_model("0", name="former"), gone),
        at(fake_model("1", name="stranger"), there),
    )
    module = "soundalike.models.lineage"
    monkeypatch.setattr(f"{module}.FORMER_DEFAULTS", ("former",))
    monkeypatch.setattr(f"{module}.builtin_models", lambda: installed)
    monkeypatch.setattr(f"{module}.find_model", lambda name: current)
    assert [model.id for model in default_lineage().installed] == ["former@1"]


@pytest.mark.usefixtures("old")
def test_an_answer_is_about_one_model_though_the_library_changes_meanwhile(
    tmp_path: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a file is analysed for a query, a scan finishes and drops what the query began with."""
    stranger = write_track(tmp_path / "stranger.wav", "stranger")
    with open_upgraded(tmp_path, "2", older=["1"]) as library:
        expected = library.similar(stranger)
        assert expected.model == "fake@1"
    with open_upgraded(tmp_path, "2", older=["1"]) as library:
        analyse = Reader._analyse

        def scan_meanwhile(self: Reader, *arguments: object) -> object:
            with open_upgraded(tmp_path, "2") as other:
                assert other.scan([music]).reanalysed == 8
            return analyse(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Reader, "_analyse", scan_meanwhile)
        found = library.similar(stranger)
        assert found.model == "fake@1"
        same = [(m.track.track_id, m.similarity) for m in found.matches]
        assert same == [(m.track.track_id, m.similarity) for m in expected.matches]
        monkeypatch.setattr(Reader, "_analyse", analyse)
        assert library.similar(stranger).model == "fake@2"

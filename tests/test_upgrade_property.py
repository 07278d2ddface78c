"""Whenever versions change and scans are interrupted, nothing that answered stops answering."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from fakes import OnePool, contents_of, open_upgraded, text_of, write_track
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from soundalike.library import ScanProgress

NAMES = [f"{number}.wav" for number in range(6)]


class Upgrades(RuleBasedStateMachine):
    """New versions come, files are added and changed; scans are stopped anywhere, or finish."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.music = self.home / "music"
        self.version = 1
        self.texts = 0
        self.patch = pytest.MonkeyPatch()
        for name in NAMES[:4]:
            self.write(name)
        self.scan(None, True)

    def teardown(self) -> None:
        self.scan(None, True)
        self.patch.undo()
        shutil.rmtree(self.home)

    def write(self, name: str) -> None:
        self.texts += 1
        write_track(self.music / name, f"text {self.texts}")

    @precondition(lambda self: self.version < 6)
    @rule()
    def upgrade(self) -> None:
        self.version += 1

    @rule(name=st.sampled_from(NAMES), is_again=st.booleans())
    def add_or_change(self, name: str, is_again: bool) -> None:
        if is_again and (self.music / NAMES[0]).exists():
            shutil.copy(self.music / NAMES[0], self.music / f"copy of {name}")
        else:
            self.write(name)

    @rule(steps=st.integers(0, 12), is_installed=st.booleans())
    def stop_a_scan(self, steps: int, is_installed: bool) -> None:
        self.scan(steps, is_installed)

    @rule(is_installed=st.booleans())
    def finish_a_scan(self, is_installed: bool) -> None:
        self.scan(None, is_installed)

    def scan(self, steps: int | None, is_installed: bool) -> None:
        """Scan, and stop after so many steps; look at the answers at each of them."""
        older = [str(each) for each in range(1, self.version)] if is_installed else []
        taken = 0

        def look(progress: ScanProgress) -> None:
            nonlocal taken, answering
            now = self.answering(older)
            # A changed file is another file; of the others none is lost.
            assert {path for path in answering if text_at_scan[path] == answering[path]} <= set(now)
            answering = now
            taken += 1
            if steps is not None and taken > steps:
                raise KeyboardInterrupt

        answering = self.answering(older)
        text_at_scan = {path: text_of(path) for path in self.music.iterdir()}
        with open_upgraded(self.home, str(self.version), older=older, pool=OnePool) as library:
            report = library.scan([self.music], progress=look)
        if report.interrupted:
            return
        with open_upgraded(self.home, str(self.version), pool=OnePool) as library:
            assert library.upgrade() is None
            models = {each.model: each.tracks for each in library.info().models}
            assert models == {f"fake@{self.version}": len(text_at_scan)}
            home = Path(tempfile.mkdtemp(dir=self.home))
            with open_upgraded(home, str(self.version), pool=OnePool) as fresh:
                fresh.scan([self.music])
                assert contents_of(library) == contents_of(fresh)

    def answering(self, older: list[str]) -> dict[Path, str]:
        """What can be found now, all by one model, and of which content that is."""
        with open_upgraded(self.home, str(self.version), older=older, pool=OnePool) as library:
            tracks = library.tracks("analysed")
            analyses = {track.path: library.analysis(track.track_id) for track in tracks}
            models = {analysis.model for analysis in analyses.values()}
            assert len(models) <= 1
            if tracks:
                result = library.similar(tracks[0].track_id, k=100)
                assert {result.model} == models
                assert len(result.matches) + len(result.copies) + sum(
                    len(each.copies) for each in result.matches
                ) + 1 == len(tracks)
            return {path: one.notes[0].removeprefix("text: ") for path, one in analyses.items()}


JOURNEYS = settings(
    max_examples=3,
    stateful_step_count=7,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


class TestUpgrades(Upgrades.TestCase):
    settings = JOURNEYS


@pytest.mark.slow
class TestUpgradesLonger(Upgrades.TestCase):
    settings = settings(JOURNEYS, max_examples=20)

"""A desk: calls on files from many threads, in processes that may die."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_files import chord, write_wav

from soundalike import Analyzer, Library, errors
from soundalike.errors import Busy, DecoderCrashed, UnsupportedAudio
from soundalike.models import find_model
from soundalike.models.lineage import default_lineage
from soundalike.workers.calls import Call
from soundalike.workers.desk import Desk, DeskAnalyzer
from soundalike.workers.jobs import Setup

MODEL = default_lineage().current
SETUP = Setup("soundalike.analyzer:Analyzer", MODEL.key)


def name_of(path: str, load: Any) -> tuple[str, int]:
    return os.path.basename(path), os.getpid()


def nap(path: str, load: Any, seconds: float) -> str:
    time.sleep(seconds)
    return path


def die(path: str, load: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill(path: str, load: Any, size: int) -> int:
    return len(bytearray(size))


def call(path: Path, function: Any, *arguments: Any) -> Call:
    return Call(path, f"{__name__}:{function.__name__}", arguments)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_wav(tmp_path / "chord.wav", chord(22_050, 3.0), 22_050)
    return tmp_path / "chord.wav"


def test_one_process_does_one_call_after_the_other(file: Path) -> None:
    desk = Desk(SETUP)
    try:
        first, second = (desk.call(call(file, name_of)) for _ in range(2))
    finally:
        desk.close()
    assert first == second
    assert first[0] == "chord.wav"
    assert first[1] != os.getpid()


def test_what_dies_harms_nothing_but_its_own_call(file: Path) -> None:
    desk = Desk(SETUP)
    try:
        with pytest.raises(DecoderCrashed, match="killed by SIGKILL"):
            desk.call(call(file, die))
        assert desk.call(call(file, name_of))[0] == "chord.wav"
    finally:
        desk.close()


def test_what_takes_too_long_is_given_up(file: Path) -> None:
    desk = Desk(SETUP, most_s=8.0)
    try:
        with pytest.raises(DecoderCrashed, match="took longer than 8 s"):
            desk.call(call(file, nap, 60.0))
        assert desk.call(call(file, name_of))[0] == "chord.wav"
    finally:
        desk.close()


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux limits memory so")
def test_what_takes_too_much_memory_is_an_error_of_its_own(file: Path) -> None:
    desk = Desk(Setup(SETUP.analyzer, SETUP.model, most_memory=2**31))
    try:
        assert desk.call(call(file, fill, 2**20)) == 2**20
        with pytest.raises(DecoderCrashed, match="takes more memory than a worker may have"):
            desk.call(call(file, fill, 2**32))
        assert desk.call(call(file, fill, 2**20)) == 2**20
    finally:
        desk.close()


def test_too_many_are_refused_and_closing_ends_what_is_in_work(file: Path) -> None:
    desk = Desk(SETUP, most_waiting=1)
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            desk.call(call(file, nap, 60.0))
        except errors.SoundalikeError as error:
            raised.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while desk.waiting < 1:
        time.sleep(0.01)
    with pytest.raises(Busy, match="2 files are being analysed") as caught:
        desk.call(call(file, name_of))
    assert caught.value.retry_after_s > 0
    desk.close()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert len(raised) == 2
    with pytest.raises(Busy, match="the program ends"):
        desk.call(call(file, name_of))


def test_an_analysis_at_a_desk_is_that_of_the_analyzer(file: Path) -> None:
    desk = Desk(SETUP)
    try:
        found = DeskAnalyzer(desk, find_model("soundalike").key).from_file(file)
        (file.parent / "none.wav").write_bytes(b"no audio at all" * 100)
        with pytest.raises(UnsupportedAudio):
            DeskAnalyzer(desk, MODEL.key).from_file(file.parent / "none.wav")
    finally:
        desk.close()
    here = Analyzer().from_file(file)
    np.testing.assert_allclose(found.embedding, here.embedding, atol=1e-5)


def test_a_library_asks_what_it_is_given_and_what_was_heard_is_a_query(
    file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(3):
        sound = draw.standard_normal(22_050 * 3).astype(np.float32) / 4
        write_wav(folder / f"{number}.wav", sound, 22_050)
    desk = Desk(SETUP)
    try:
        with Library(
            tmp_path / "library.db", make_analyzer=lambda model: DeskAnalyzer(desk, model)
        ) as library:
            library.scan([folder])
            heard = library.hear(file, with_analysis=True)
            direct = library.similar(file)
            desk.close()
            file.unlink()
            # Neither the file nor anything that could analyse it is needed any more.
            again = library.similar(heard)
            assert [each.track for each in again.matches] == [each.track for each in direct.matches]
            assert again.seeds[0].name == "chord.wav"
            assert library.compare(heard, "0.wav").similarity == pytest.approx(
                again.matches[0].similarity
                if again.matches[0].track.path.name == "0.wav"
                else next(m.similarity for m in again.matches if m.track.path.name == "0.wav"),
                abs=1e-3,
            )
            with pytest.raises(errors.InvalidArgument, match="was heard before"):
                library.similar(heard, start_s=1.0)
    finally:
        desk.close()

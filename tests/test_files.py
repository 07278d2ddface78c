"""Whole files: all of the new content or the old one, and never anything left beside it."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

import pytest

from soundalike.errors import OutputError
from soundalike.files import content_digest, output_folder, replaced_at_once, why, write_file

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files or modes")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert write_file(path, "ä\udcff") == path
    assert path.read_bytes() == b"\xc3\xa4\\udcff"
    write_file(str(path), b"\x00")
    assert path.read_bytes() == b"\x00"
    assert names(tmp_path) == ["a.txt"]


def test_until_it_is_complete_the_old_one_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replaced_at_once(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(errno.EIO, "Oh")])
def test_what_fails_halfway_leaves_the_old_one(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    wanted = OutputError if isinstance(error, OSError) else type(error)

    def fail() -> None:
        with replaced_at_once(path) as file:
            file.write(b"ne")
            raise error

    with pytest.raises(wanted):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@POSIX
def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """The operating system itself refuses to write more than 1,500 bytes to any file."""
    import resource

    path = tmp_path / "report.html"
    path.write_text("old")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, usual[1]))
        with pytest.raises(OutputError, match=r"report\.html: cannot be written \(file too large"):
            write_file(path, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["report.html"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"full: .*\(no space left on device\); make room"):
        write_file(tmp_path / "full", "new")
    assert names(tmp_path) == ["full"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    contents = [letter * 200_000 for letter in "abcd"]
    ready = threading.Barrier(len(contents))

    def write(content: str) -> None:
        with replaced_at_once(path) as file:
            file.write(content[:100_000].encode())
            ready.wait()
            file.write(content[100_000:].encode())

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in contents
    assert names(tmp_path) == ["a.txt"]


@POSIX
def test_a_new_file_has_the_usual_mode_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write_file(tmp_path / "a.txt", "new")
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o604)
        write_file(path, "newer")
    finally:
        os.umask(before)
    assert path.read_text() == "newer"
    assert path.stat().st_mode & 0o777 == 0o604


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real.txt", tmp_path / "link.txt"
    try:
        link.symlink_to(real)
    except OSError as error:  # Windows without the privilege
        pytest.skip(f"no symbolic links here: {error}")
    for content in ("first", "second"):  # at first it leads nowhere
        write_file(link, content)
        assert link.is_symlink()
        assert real.read_text() == content
    assert names(tmp_path / "folder") == ["real.txt"]


@POSIX
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, "through")
    reader.join()
    assert read == [b"through"]
    assert pipe.is_fifo()


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_file(path, "new")
    assert path.read_text() == "new"


def test_folders_are_made_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    with pytest.raises(OutputError, match=r"c\.txt: cannot be written \(no such file or directory"):
        write_file(path, "new")
    assert names(tmp_path) == []
    write_file(path, "new", parents=True)
    assert path.read_text() == "new"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=r"folder: cannot be written .*choose another one"):
        write_file(tmp_path / "folder", "new")
    assert names(tmp_path) == ["folder"]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="choose another one"):
            output_folder(path)


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    assert output_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert names(tmp_path / "a" / "b") == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "/music/A.mp3"), "permission denied"),
        (OSError("Not a regular file"), "not a regular file"),
        (OSError(), "oserror"),
        (ValueError("embedded null byte"), "embedded null byte"),
    ],
)
def test_the_words_of_an_error(error: Exception, words: str) -> None:
    assert why(error) == words


@POSIX
def test_a_pipe_has_no_content(tmp_path: Path) -> None:
    """Nobody may ever write to it, which is no reason to wait for ever."""
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(OSError, match="not a regular file"):
        content_digest(str(tmp_path / "pipe.wav"))

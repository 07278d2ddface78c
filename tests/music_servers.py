"""Music servers to link to: supysonic, and one that answers whatever a test wants."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import answering
import httpx
from answering import Answer
from servers import free_port

USER, PASSWORD = "listener", "pass word&ü"

_CONFIG = """
[base]
database_uri = sqlite:///{folder}/supysonic.db
[webapp]
cache_dir = {folder}/cache
mount_webui = off
[daemon]
socket = {folder}/supysonic.sock
"""
_SERVE = """
import sys
from supysonic.config import IniConfig
from supysonic.web import create_application
create_application(IniConfig([sys.argv[1]])).run("127.0.0.1", int(sys.argv[2]))
"""


@contextmanager
def supysonic(folder: Path, music: Path) -> Iterator[str]:
    """A real server that plays from a folder; yields its address."""
    folder.mkdir(exist_ok=True)
    config = folder / "supysonic.conf"
    config.write_text(_CONFIG.format(folder=folder), encoding="utf-8")
    for arguments in (
        ["user", "add", USER, "-p", PASSWORD],
        ["folder", "add", "music", str(music)],
    ):
        _manage(folder, *arguments)
    rescan(folder)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(config), str(port)],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def rescan(folder: Path) -> None:
    """Have the server of a folder look through its music again."""
    _manage(folder, "folder", "scan", "--foreground")


def _manage(folder: Path, *arguments: str) -> None:
    home = {**os.environ, "HOME": str(folder)}
    command = [sys.executable, "-m", "supysonic.cli", *arguments]
    ran = subprocess.run(command, cwd=folder, env=home, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, "supysonic has ended"
        assert time.monotonic() < until, "supysonic does not start"
        try:
            httpx.get(f"http://127.0.0.1:{port}/rest/ping")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


Asked = dict[str, list[str]]
Says = Callable[[str, Asked], Any]
"""What is answered to an endpoint and its parameters: an answer without what is around it, or a
status, a content type and a body."""


@contextmanager
def told(says: Says) -> Iterator[tuple[str, list[tuple[str, Asked]]]]:
    """A server that answers what it is told; yields its address and what it was asked."""
    asked: list[tuple[str, Asked]] = []

    def answer(_: str, endpoint: str, parameters: Asked) -> Any:
        asked.append((endpoint, parameters))
        return says(endpoint, parameters)

    with _listening(answer) as address:
        yield address, asked


@contextmanager
def _listening(answers: Callable[[str, str, Asked], Any]) -> Iterator[str]:
    """A server; what it answers to a method, an endpoint and parameters is as for ``Says``."""

    def says(request: answering.Asked) -> Answer | None:
        query = request.query
        if request.method == "POST":
            query = parse_qs(request.body.decode("utf-8"), keep_blank_values=True)
        answer = answers(request.method, request.path.removeprefix("/rest/"), query)
        if answer is None:  # it has died
            return None
        if isinstance(answer, dict):
            whole = {"status": "ok", "version": "1.16.1", **answer}
            return Answer.of_json({"subsonic-response": whole})
        status, kind, body = answer
        name = "Location" if 300 <= status < 400 else "Content-Type"
        return Answer(
            body if isinstance(body, bytes) else body.encode("utf-8"), status, {name: kind}
        )

    with answering.answering(says) as address:
        yield address


def passes_on(address: str, instead: Says) -> Says:
    """Says what another server says, unless ``instead`` says something else than None."""

    def says(endpoint: str, parameters: Asked) -> Any:
        found = instead(endpoint, parameters)
        if found is not None:
            return found
        # To read the certificates of authorities takes longer than all the rest.
        answer = httpx.post(f"{address}/rest/{endpoint}", data=parameters, verify=False)
        kind = answer.headers["content-type"]
        if "json" in kind:
            return answer.json()["subsonic-response"]
        return answer.status_code, kind, answer.content

    return says


class OpenSubsonic:
    """A small server with what supysonic lacks: forms, API keys, play counts, dates of plays.

    It answers in the forms that the OpenSubsonic documentation has.

    Attributes
    ----------
    songs, playlists : what it has, by id; a playlist is its entry of ``getPlaylists`` with a list
        of ids under "ids".
    files : what is downloaded, by the song's id; an answer as for ``Says``, or bytes.
    asked : method, endpoint and parameters of each request.
    """

    KEY = "key-of-the-listener"

    def __init__(self, songs: list[dict[str, Any]], *, forms: bool = True) -> None:
        self.songs = {str(song["id"]): song for song in songs}
        self.playlists: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Any] = {}
        self.asked: list[tuple[str, str, Asked]] = []
        self._forms = forms
        self._made = 0

    @contextmanager
    def running(self) -> Iterator[str]:
        """Yields its address."""
        with _listening(self._answer) as address:
            yield address

    def _answer(self, method: str, endpoint: str, asked: Asked) -> Any:
        self.asked.append((method, endpoint, asked))
        about = {"type": "navidrome", "serverVersion": "0.58.0", "openSubsonic": True}
        if endpoint == "getOpenSubsonicExtensions":
            names = ["apiKeyAuthentication", *(["formPost"] if self._forms else [])]
            listed = [{"name": name, "versions": [1]} for name in names]
            return {**about, "openSubsonicExtensions": listed}
        if asked.get("apiKey") != [self.KEY]:
            return refusal(44, "Invalid API key")
        found = getattr(self, f"_{endpoint}", None)
        answer = {} if endpoint == "ping" else found(asked) if found else refusal(0, "unknown")
        return {**about, **answer} if isinstance(answer, dict) else answer

    def _tokenInfo(self, _: Asked) -> Any:
        return {"tokenInfo": {"username": USER}}

    def _search3(self, asked: Asked) -> Any:
        start, n = int(asked["songOffset"][0]), int(asked["songCount"][0])
        return {"searchResult3": {"song": list(self.songs.values())[start : start + n]}}

    def _getStarred2(self, _: Asked) -> Any:
        return {"starred2": {"song": [song for song in self.songs.values() if "starred" in song]}}

    def _getSong(self, asked: Asked) -> Any:
        song = self.songs.get(asked["id"][0])
        return refusal(70, "data not found") if song is None else {"song": song}

    def _download(self, asked: Asked) -> Any:
        found = self.files.get(asked["id"][0], refusal(70, "data not found"))
        return (200, "audio/flac", found) if isinstance(found, bytes) else found

    def _stream(self, asked: Asked) -> Any:
        assert asked["format"] == ["raw"]
        return self._download({"id": [f"played {asked['id'][0]}"]})

    def _getPlaylists(self, _: Asked) -> Any:
        listed = [
            {key: value for key, value in each.items() if key != "ids"}
            for each in self.playlists.values()
        ]
        return {"playlists": {"playlist": listed}}

    def _getPlaylist(self, asked: Asked) -> Any:
        found = self.playlists.get(asked["id"][0])
        if found is None:
            return refusal(70, "data not found")
        entries = [self.songs[each] for each in found["ids"] if each in self.songs]
        return {"playlist": {**found, "entry": entries}}

    def _createPlaylist(self, asked: Asked) -> Any:
        if "playlistId" in asked:
            return self._replacePlaylist(asked)
        self._made += 1
        made = {"id": f"pl-{self._made}", "name": asked["name"][0], "owner": USER, "public": False}
        self.playlists[f"pl-{self._made}"] = {**made, "ids": list(asked.get("songId", []))}
        return self._getPlaylist({"id": [f"pl-{self._made}"]})

    def _replacePlaylist(self, asked: Asked) -> Any:
        found = self.playlists.get(asked["playlistId"][0])
        if found is None:
            return refusal(70, "data not found")
        found["ids"] = list(asked.get("songId", []))
        return self._getPlaylist({"id": asked["playlistId"]})

    def _updatePlaylist(self, asked: Asked) -> Any:
        found = self.playlists.get(asked["playlistId"][0])
        if found is None:
            return refusal(70, "data not found")
        found["ids"] += asked.get("songIdToAdd", [])
        for name in ("name", "comment"):
            if name in asked:
                found[name] = asked[name][0]
        if "public" in asked:
            found["public"] = asked["public"] == ["true"]
        return {}

    def _deletePlaylist(self, asked: Asked) -> Any:
        gone = self.playlists.pop(asked["id"][0], None)
        return refusal(70, "data not found") if gone is None else {}


def refusal(code: int, message: str, version: str = "1.16.1") -> dict[str, Any]:
    """What a server says that refuses."""
    return {"status": "failed", "version": version, "error": {"code": code, "message": message}}

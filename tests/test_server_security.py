"""Who may ask: sites, hosts, bodies, methods."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from servers import Music, client_of

from soundalike.server.answers import download
from soundalike.server.security import is_local
from soundalike.server.settings import Settings
from soundalike.server.tokens import hash_of, new_token

PLAYER = "https://player.example.org"


@pytest.fixture(scope="module")
def token() -> str:
    return new_token()


@pytest.fixture(scope="module")
def shared(composed: Music, token: str) -> Iterator[httpx.Client]:
    """A server with a token that lets the pages of a player ask."""
    settings = Settings(library=str(composed.library), token_hash=hash_of(token), origins=(PLAYER,))
    with client_of(settings) as client:
        yield client


def raw(client: httpx.Client, request: bytes) -> bytes:
    """What comes back for bytes that no client library would send."""
    place = urlsplit(str(client.base_url))
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        connection.sendall(request)
        found = b""
        while chunk := connection.recv(65536):
            found += chunk
            if b"\r\n\r\n" in found:
                break
    return found


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example#127.0.0.1",
        "evil.example/127.0.0.1",
        "evil@127.0.0.1",
        "[::1",
        "127.0.0.1:port",
        "",
    ],
)
def test_a_host_that_is_not_ours_is_refused(client: httpx.Client, host: str) -> None:
    answer = raw(client, f"GET /api/v1/library HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert status_of(answer) in (400, 403)


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "evil.example"]])
def test_one_host_is_named(client: httpx.Client, hosts: list[str]) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    answer = raw(client, f"GET /api/v1/library HTTP/1.0\r\n{lines}\r\n".encode())
    assert status_of(answer) in (400, 403)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://[",
        "http://",
        "evil",
        "file://",
        "http://127.0.0.1.evil.example",
        "http://localhost:1",
        "chrome-extension://abc",
    ],
)
def test_an_origin_that_is_not_ours_is_refused(client: httpx.Client, origin: str) -> None:
    answer = client.post("/api/v1/scan", json={}, headers={"origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("site", "mode", "path", "status"),
    [
        ("same-origin", "cors", "/api/v1/library", 200),
        ("none", "navigate", "/api/v1/library", 200),
        # Another port of this host may be anybody's.
        ("same-site", "no-cors", "/api/v1/library", 403),
        ("cross-site", "no-cors", "/api/v1/library", 403),
        ("cross-site", "navigate", "/api/v1/library", 403),
        ("cross-site", "navigate", "/rest/createPlaylist", 403),
        ("cross-site", "navigate", "/metrics", 403),
        # A link may open the page.
        ("cross-site", "navigate", "/somewhere", 404),
    ],
)
def test_what_browsers_say_of_the_site_counts(
    client: httpx.Client, site: str, mode: str, path: str, status: int
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    assert client.get(path, headers=headers).status_code == status


def test_an_allowed_origin_is_told_before_it_asks(shared: httpx.Client, token: str) -> None:
    asks = {
        "origin": PLAYER,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "cors",
    }
    answer = shared.options("/api/v1/similar", headers=asks)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PLAYER
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "Origin" in answer.headers["vary"]
    # A cookie of the page's own would let a player in that was never given the token.
    assert "access-control-allow-credentials" not in answer.headers
    headers = {"origin": PLAYER, "authorization": f"Bearer {token}"}
    found = shared.get("/api/v1/library", headers=headers)
    assert found.status_code == 200
    assert found.headers["access-control-allow-origin"] == PLAYER
    assert found.headers["cross-origin-resource-policy"] == "cross-origin"
    # Why it was refused, it may read as well.
    assert shared.get("/api/v1/library", headers={"origin": PLAYER}).status_code == 401
    elsewhere = shared.options("/api/v1/similar", headers=asks | {"origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    assert "access-control-allow-origin" not in elsewhere.headers
    assert "Origin" in shared.get("/api/v1/health").headers["vary"]


def test_a_preflight_of_others_opens_nothing(client: httpx.Client) -> None:
    asks = {"origin": PLAYER, "access-control-request-method": "POST"}
    assert client.options("/api/v1/similar", headers=asks).status_code == 403


def test_a_body_without_a_length_ends_where_it_gets_too_long(client: httpx.Client) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"seeds": "'
        for _ in range(40):
            yield b"x" * 100_000
        yield b'"}'

    headers = {"content-type": "application/json"}
    answer = client.post("/api/v1/similar", content=body(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "default-src" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("length", ["3000000", "99999999999999999999999999", "-1", "1e3", "²"])
def test_a_length_that_is_none_or_too_long_is_refused(client: httpx.Client, length: str) -> None:
    text = f"POST /api/v1/similar HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
    assert status_of(raw(client, text.encode("latin-1"))) in (400, 413)


def test_who_stops_sending_is_let_go(composed: Music, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soundalike.server.security._MOST_PAUSE_S", 0.3)
    with client_of(Settings(library=str(composed.library))) as client:
        text = "POST /api/v1/similar HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"
        answer = raw(client, text.encode())
        assert status_of(answer) == 408
        assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "body",
    [
        {"seeds": [{"track_id": 1}], **{f"name{n}": 1 for n in range(100_000)}},
        {"seeds": [{"track_id": 1, **{f"name{n}": 1 for n in range(100_000)}}]},
        {"seeds": [{"track_id": 1}], "weights": {f"name{n}": "" for n in range(100_000)}},
        {"seeds": [{"track_id": 1}], "limits": {"only": {"track_ids": [""] * 400_000}}},
        {"seeds": [{}] * 500},
    ],
)
def test_what_is_wrong_is_told_once_and_in_short(client: httpx.Client, body: object) -> None:
    """What is wrong with each of 100,000 values would keep everybody waiting for seconds."""
    answer = client.post("/api/v1/similar", json=body)
    assert answer.status_code == 422
    assert len(answer.content) < 2_000


@contextmanager
def held(client: httpx.Client, request: str, n: int) -> Iterator[list[socket.socket]]:
    """Requests of many clients, that do not end."""
    place = urlsplit(str(client.base_url))
    with ExitStack() as stack:
        found = [
            stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=30))
            for _ in range(n)
        ]
        for each in found:
            each.sendall(request.encode())
        yield found


def test_neither_listeners_nor_strangers_take_all_places(composed: Music) -> None:
    token = new_token()
    settings = Settings(library=str(composed.library), most_asked=9, token_hash=hash_of(token))
    mine = {"Authorization": f"Bearer {token}"}
    events = (
        f"GET /api/v1/scan/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    )
    slow = "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{"
    with client_of(settings) as client, held(client, events, 9), held(client, slow, 9):
        until = time.monotonic() + 20
        while client.post("/api/v1/session", json={"token": token}).status_code != 503:
            assert time.monotonic() < until
        refused = client.get("/api/v1/scan/events", headers=mine)
        assert "3 requests for events are being answered" in refused.json()["detail"]
        assert client.get("/api/v1/library", headers=mine).status_code == 200


def test_who_sends_too_little_is_let_go(composed: Music, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then would hold a place for ever."""
    monkeypatch.setattr("soundalike.server.security._MOST_PAUSE_S", 0.5)
    slow = "POST /api/v1/find HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n{"
    with (
        client_of(Settings(library=str(composed.library))) as client,
        held(client, slow, 1) as (connection,),
    ):
        connection.settimeout(0.1)
        found = b""
        until = time.monotonic() + 20
        while not found:
            assert time.monotonic() < until
            connection.sendall(b" ")
            with suppress(TimeoutError):
                found = connection.recv(1000)
        assert status_of(found) == 408


@pytest.mark.parametrize(
    "text",
    ["", "GET /api/v1/hea", "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api"],
)
def test_who_asks_for_nothing_is_let_go(
    composed: Music, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("soundalike.server.running._ASKS_WITHIN_S", 0.5)
    with (
        client_of(Settings(library=str(composed.library))) as client,
        held(client, text, 1) as (connection,),
    ):
        found = b""
        while part := connection.recv(1000):
            found += part
        assert (b"200 OK" in found) is text.endswith("GET /api")


def test_head_has_the_headers_of_get_and_ends(client: httpx.Client) -> None:
    got, head = client.get("/api/v1/library"), client.head("/api/v1/library")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]
    assert "default-src" in head.headers["content-security-policy"]
    assert client.head("/api/v1/tracks/999999").status_code == 404
    # What would go on for ever.
    events = client.head("/api/v1/scan/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert client.head("/api/v1/library", headers={"host": "evil.example"}).status_code == 403
    # The connection goes on: nothing of a body was left on it.
    assert client.get("/api/v1/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    "path",
    ["//api/v1/library", "/api/v1/../v1/library", "/static/../api/v1/library", "/API/v1/library"],
)
def test_no_spelling_of_a_path_gets_around_the_token(shared: httpx.Client, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = raw(shared, request.encode())
    assert status_of(answer) in (401, 404)
    assert b"schema_version" not in answer


@pytest.mark.parametrize(
    ("authorization", "cookie"),
    [
        ("Bearer", ""),
        ("Basic abc", ""),
        ("Bearer x", "soundalike_token="),
        ("", 'soundalike_token="\\777"'),
        ("", "soundalike_token"),
        ("", "=;=;\x7f"),
    ],
)
def test_no_token_is_no_token(shared: httpx.Client, authorization: str, cookie: str) -> None:
    headers = {"authorization": authorization, "cookie": cookie}
    assert shared.get("/api/v1/library", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "name",
    [
        "plain.m3u8",
        'quoted "name".m3u8',
        "line\r\nSet-Cookie: a=b.m3u8",
        "üñï/日本.m3u8",
        "back\\slash; filename=evil.exe",
        "\udcff.m3u8",
        "",
        ".",
    ],
)
def test_a_name_of_a_download_is_only_a_name(name: str) -> None:
    value = download(name)["Content-Disposition"]
    value.encode("ascii")
    assert "\r" not in value
    assert "\n" not in value
    assert value.startswith("attachment; filename=")
    # Two names, and nothing after them.
    plain, _, encoded = value.removeprefix('attachment; filename="').partition('"')
    assert "\\" not in plain
    assert plain
    assert encoded.startswith("; filename*=UTF-8''")
    assert not set(encoded.removeprefix("; filename*=UTF-8''")) & set('";\\/ ,')


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_what_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert is_local(host) is expected


def test_numbers_beyond_all_bounds_are_no_fault(client: httpx.Client) -> None:
    for text in ("1e999", "-1", "9" * 400, "1.5", "true", "null", '"12"', "[]"):
        body = f'{{"seeds": [{{"track_id": {text}}}]}}'
        answer = client.post(
            "/api/v1/similar", content=body, headers={"content-type": "application/json"}
        )
        assert 400 <= answer.status_code < 500, text
        assert json.loads(answer.content)["detail"]

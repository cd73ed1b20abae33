import os
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.forge.conftest import client, github
from tests.forge.server import Fault, Forge
from toolkit.cache import Cache
from toolkit.errors import ToolkitError, UnreachableError, UsageError
from toolkit.forge.client import Client, NotFoundError
from toolkit.forge.github import GitHub, connect
from toolkit.model import Server

SECRET = "ghp_0123456789abcdefSECRET"  # noqa: S105 - a token of nobody


def test_second_download_of_an_unchanged_file_has_no_body_unless_the_first_is_damaged(
    forge: Forge, tmp_path: Path
) -> None:
    first = github(forge, tmp_path)
    assert first.raw("master", "file", most=100) == b"content\n"
    assert github(forge, tmp_path).raw("master", "file", most=100) == b"content\n"
    assert [request.status for request in forge.requests] == [200, 304]
    (kept,) = [
        path for path in (tmp_path / "cache" / "answers").rglob("*") if path.is_file()
    ]
    content = bytearray(kept.read_bytes())
    content[content.index(b"content\n")] ^= 1
    kept.write_bytes(content)
    assert github(forge, tmp_path).raw("master", "file", most=100) == b"content\n"
    assert "if-none-match" not in forge.requests[2].headers


def test_all_pages_are_read(forge: Forge, tmp_path: Path) -> None:
    for number in range(5):
        forge.git("branch", f"release-{number}")
    forge.page = 2
    assert list(github(forge, tmp_path).branches("release-")) == [
        f"release-{number}" for number in range(5)
    ]
    assert len(forge.requests) == 3


@pytest.mark.parametrize(
    ("place", "fact"),
    [
        (
            "{api}/repos/NixOS/nixpkgs/git/matching-refs/heads/x",
            "the server keeps sending further pages",
        ),
        ("https://localhost.invalid/x", "another server"),
        ("http://[::1", "is not a URL"),
        ("http://127.0.0.1:99999999/x", "is not a URL"),
    ],
)
def test_next_page_that_there_cannot_be_is_an_error(
    forge: Forge, tmp_path: Path, place: str, fact: str
) -> None:
    forge.headers["Link"] = f'<{place.format(api=forge.api)}>; rel="next"'
    with pytest.raises(ToolkitError, match=fact):
        github(forge, tmp_path).branches("x")


def _raw(github: GitHub) -> object:
    return github.raw("master", "file", most=1 << 20)


def _branches(github: GitHub) -> object:
    return github.branches("master")


def _pull(github: GitHub) -> object:
    return github.pull(1)


@pytest.mark.parametrize(
    ("ask", "fault", "kind", "words", "times"),
    [
        (
            _pull,
            Fault(status=404, body=b'{"message": "Not Found"}'),
            NotFoundError,
            "not found",
            1,
        ),
        (
            _pull,
            Fault(status=410, body=b'{"message": "This was deleted"}'),
            ToolkitError,
            "410: This was deleted",
            1,
        ),
        (
            _pull,
            Fault(status=401, body=b'{"message": "Bad credentials"}'),
            ToolkitError,
            "refuses the token from GITHUB_TOKEN: Bad cred",
            1,
        ),
        (
            _pull,
            Fault(status=403, body=b'{"message": "Not accessible"}'),
            ToolkitError,
            "Not accessible",
            1,
        ),
        (_pull, Fault(status=418, body=b"{}"), UnreachableError, "HTTP status 418", 1),
        (_raw, Fault(status=500), UnreachableError, "HTTP status 500: Server Error", 3),
        (
            _raw,
            Fault(status=200, body=b"x" * (3 << 20)),
            ToolkitError,
            "is larger than the limit of 1 MiB",
            1,
        ),
        (
            _branches,
            Fault(status=200, body=b"[{"),
            ToolkitError,
            "is not JSON, or is incomplete",
            3,
        ),
        (
            _branches,
            Fault(status=200, body=b'[{"ref": 1}]'),
            ToolkitError,
            r"got `int` - at `\$\[0\]\.ref`",
            1,
        ),
        *(
            (
                _raw,
                Fault(status=302, headers={"Location": place}),
                UnreachableError,
                ".",
                1,
            )
            for place in (
                "http://[::1",
                "//[",
                "http://x:99999999/",
                f"http://{'a' * 300}.invalid/",
                "http://[v]/",
            )
        ),
    ],
)
def test_failed_request_gives_one_line_with_the_reason(  # noqa: PLR0913, PLR0917 - a row
    forge: Forge,
    tmp_path: Path,
    ask: Callable[[GitHub], object],
    fault: Fault,
    kind: type[ToolkitError],
    words: str,
    times: int,
) -> None:
    forge.faults["NixOS"] = [fault] * 9
    with pytest.raises(kind, match=words) as caught:
        ask(github(forge, tmp_path, token=SECRET))
    assert "\n" not in caught.value.message
    assert len(forge.requests) == times


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(status=502), Fault(status=503)],
        [Fault(status=200, headers={"ETag": '"x"'}, body=b"cont", cut=True)],
    ],
)
def test_server_error_and_a_body_that_was_cut_off_are_tried_again(
    forge: Forge, tmp_path: Path, faults: list[Fault]
) -> None:
    forge.faults["/raw/"] = [*faults]
    assert github(forge, tmp_path).raw("master", "file", most=100) == b"content\n"
    assert [request.status for request in forge.requests] == [
        *(fault.status for fault in faults),
        200,
    ]


def test_json_that_was_cut_off_is_tried_again_and_not_kept(
    forge: Forge, tmp_path: Path
) -> None:
    forge.faults["/matching-refs/"] = [
        Fault(status=200, headers={"ETag": '"x"'}, body=b'[{"ref": "refs/he')
    ]
    assert list(github(forge, tmp_path).branches("master")) == ["master"]
    assert "if-none-match" not in forge.requests[1].headers


def test_silence_ends_with_the_time_out_of_an_answer_with_its_repetitions(
    forge: Forge, tmp_path: Path
) -> None:
    forge.faults["/raw/"] = [Fault(status=200, slow=2.0) for _ in range(9)]
    began = time.monotonic()
    with pytest.raises(
        UnreachableError, match=r"the answer was not complete within 0\.2 s"
    ):
        github(forge, tmp_path, timeout=0.2).raw("master", "file", most=100)
    assert time.monotonic() - began < 2
    forge.faults["/raw/"] = [Fault(status=500, slow=0.2) for _ in range(9)]
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        github(forge, tmp_path, timeout=0.5).raw("master", "file", most=100)
    assert time.monotonic() - began < 0.8


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_header_that_trickles_ends_with_the_time_out(
    tmp_path: Path, beginning: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, suppress(OSError):

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(
                        target=trickle, args=(connection,), daemon=True
                    ).start()

        def trickle(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                connection.recv(65536)
                connection.sendall(beginning)
                while True:
                    connection.sendall(b"0")
                    time.sleep(0.05)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = Client(
            api_url=url, raw_url=url, token=None, cache=Cache(tmp_path), timeout=0.5
        )
        began = time.monotonic()
        with pytest.raises(
            UnreachableError, match=r"the answer was not complete within 0\.[45]\d* s"
        ):
            client.raw("file", most=100)
        assert time.monotonic() - began < 10
        # Else it might accept what another test's server, which gets the same number,
        # is sent.
        server.shutdown(socket.SHUT_RDWR)
        serving.join()


def test_server_that_is_not_there_is_asked_once(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    nobody = Client(
        api_url=url, raw_url=url, token=None, cache=Cache(tmp_path / "cache")
    )
    with pytest.raises(
        UnreachableError, match=r"127\.0\.0\.1:9: cannot be reached"
    ) as first:
        nobody.raw("a/b/master/file", most=100)
    with pytest.raises(UnreachableError) as second:
        nobody.json("repos/a/b", dict)
    assert second.value is first.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_with_a_body_of_any_form_is_followed(
    forge: Forge, tmp_path: Path, status: int
) -> None:
    target = {"Location": "/raw/NixOS/nixpkgs/master/file"}
    forge.faults["/old/"] = [
        Fault(status=status, headers=target, body=b""),
        Fault(status=status, headers=target, body=b"<html>" + b"moved " * 20_000),
        Fault(
            status=status,
            headers={**target, "Content-Encoding": "gzip"},
            body=b"\x1f\x8b no gzip",
        ),
        Fault(status=status, headers=target, chunked=True),
        Fault(status=status, headers=target, body=b"x" * 100, trickle=1.0),
        Fault(status=status, headers=target, cut=True),
    ]
    began = time.monotonic()
    for _ in range(6):
        assert client(forge, tmp_path).raw("old/master/file", most=100) == b"content\n"
    assert time.monotonic() - began < 3


def test_repository_that_was_renamed_is_found_by_its_old_name(
    forge: Forge, tmp_path: Path
) -> None:
    moved = GitHub(client(forge, tmp_path), forge.old_name)
    assert moved.branches("master") == ["master"]
    assert moved.raw("master", "file", most=100) == b"content\n"
    assert {request.status for request in forge.asked(forge.old_name)} == {301}


def test_redirects_away_from_https_or_in_a_circle_end(
    forge: Forge, tmp_path: Path
) -> None:
    forge.faults["/old/"] = [
        Fault(status=302, headers={"Location": "ftp://localhost.invalid/"}),
        Fault(status=302),
    ]
    for _ in range(2):
        with pytest.raises(
            UnreachableError, match="redirects to the same address or away from https"
        ):
            client(forge, tmp_path).raw("old/master/file", most=100)
    forge.faults["/a"] = [
        Fault(status=302, headers={"Location": "/raw/b"}) for _ in range(9)
    ]
    forge.faults["/b"] = [
        Fault(status=302, headers={"Location": "/raw/a"}) for _ in range(9)
    ]
    with pytest.raises(UnreachableError, match="redirects more than 5 times"):
        client(forge, tmp_path).raw("a", most=100)


def test_token_does_not_follow_a_redirect_to_another_server(
    forge: Forge, tmp_path: Path
) -> None:
    other = forge.url.replace("127.0.0.1", "localhost")
    forge.faults["/old/"] = [
        Fault(
            status=302, headers={"Location": f"{other}/raw/NixOS/nixpkgs/master/file"}
        )
    ]
    assert (
        client(forge, tmp_path, token=SECRET).raw("old/master/file", most=100)
        == b"content\n"
    )
    assert "authorization" in forge.requests[0].headers
    assert "authorization" not in forge.requests[1].headers


def test_rate_limit_names_the_time_to_come_back(forge: Forge, tmp_path: Path) -> None:
    limit = {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(time.time() + 600)),
        "X-RateLimit-Limit": "60",
    }
    forge.faults["/pulls/"] = [Fault(status=403, headers=limit)]
    with pytest.raises(ToolkitError) as caught:
        github(forge, tmp_path).pull(1)
    back = re.search(
        r"rate limit is reached; try again at (\S+ \S+) ", caught.value.message
    )
    assert back is not None
    assert time.mktime(time.strptime(back[1], "%Y-%m-%d %H:%M:%S")) == pytest.approx(
        time.time() + 600, abs=5
    )
    assert caught.value.hint is not None
    assert "GITHUB_TOKEN" in caught.value.hint


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, headers={"Retry-After": "60"}),
        Fault(
            status=403, body=b'{"message": "You have exceeded a secondary rate limit"}'
        ),
    ],
)
def test_after_a_rate_limit_nothing_more_is_sent(
    forge: Forge, tmp_path: Path, fault: Fault
) -> None:
    forge.faults["/pulls/"] = [fault]
    asked = github(forge, tmp_path)
    for _ in range(3):
        with pytest.raises(ToolkitError, match="rate limit is reached"):
            asked.pull(1)
    assert len(forge.requests) == 1


def test_token_is_sent_and_kept_nowhere_not_even_from_a_good_answer(
    forge: Forge, tmp_path: Path
) -> None:
    github(forge, tmp_path, token=SECRET).branches("master")
    github(forge, tmp_path, token=SECRET).branches("master")
    assert [request.headers["authorization"] for request in forge.requests] == [
        f"Bearer {SECRET}"
    ] * 2
    assert [request.status for request in forge.requests] == [200, 304]
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(SECRET.encode() in path.read_bytes() for path in kept)
    (forge.repository / "file").write_text(f"x{SECRET}x")
    forge.git("commit", "--quiet", "--all", "--message=second")
    assert (
        github(forge, tmp_path, token=SECRET).raw("master", "file", most=100)
        == b"x(the token)x"
    )
    assert not any(
        SECRET.encode() in p.read_bytes()
        for p in (tmp_path / "cache").rglob("*")
        if p.is_file()
    )


def test_token_is_in_no_error_and_no_repr(forge: Forge, tmp_path: Path) -> None:
    forge.faults["/pulls/"] = [
        Fault(status=401, body=b'{"message": "Bad credentials"}')
    ]
    asked = client(forge, tmp_path, token=SECRET)
    with pytest.raises(ToolkitError) as caught:
        asked.json("repos/a/b/pulls/1", dict)
    assert SECRET not in f"{caught.value!r} {caught.value.message} {vars(asked)}"


@pytest.mark.parametrize("status", [401, 403, 404, 410, 422, 500])
def test_token_that_the_server_says_back_is_told_to_nobody(
    forge: Forge, tmp_path: Path, status: int
) -> None:
    written = f'"No such token: {SECRET}; No commit found"'
    for message in (written, written.replace("ghp", "\\u0067hp")):
        forge.faults["/pulls/1"] = [
            Fault(status=status, body=f'{{"message": {message}}}'.encode())
        ] * 3
        with pytest.raises(ToolkitError) as caught:
            github(forge, tmp_path, token=SECRET).pull(1)
        assert (
            SECRET not in f"{caught.value!r} {caught.value.message} {caught.value.hint}"
        )


def test_netrc_is_not_read(
    forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = Path(os.environ["HOME"]) / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    github(forge, tmp_path).branches("master")
    assert "authorization" not in forge.requests[0].headers


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost",
        "localhost",
        "https://",
        "https://user:hidden@localhost",
        "https://localhost?x=1",
        "http://[::1",
        "https://x:port",
    ],
)
def test_url_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="--api-url") as caught:
        connect(Server(api_url=url))
    assert "hidden" not in caught.value.message


def test_unwritable_cache_is_no_failure(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert github(forge, tmp_path).raw("master", "file", most=100) == b"content\n"

"""Fetching from a server on this machine: checksum, resumption, lock, and what is said when it fails."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from pathlib import Path

import pytest

from flori.core.errors import UserError
from flori.data.download import content_hash, fetch
from flori.data.sources import place

BODY = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(BODY).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves BODY, with ranges; breaks off after `most` bytes while there are breaks left."""

    breaks = 0
    asked: list[str | None] = []  # noqa: RUF012

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(BODY):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        if Server.breaks:
            Server.breaks -= 1
            self.wfile.write(BODY[start : start + 300_000])
            self.wfile.flush()
            self.connection.close()
        else:
            self.wfile.write(BODY[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def url():
    Server.breaks, Server.asked = 0, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/file"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_once(url, tmp_path: Path):
    for _ in range(2):
        assert fetch(url, tmp_path / "set" / "file", SHA256).read_bytes() == BODY
    assert Server.asked == [None]
    assert not (tmp_path / "set" / "file.part").exists()


def test_a_broken_connection_is_gone_on_with(url, tmp_path: Path):
    Server.breaks = 1
    with pytest.raises(UserError, match=r"could not be fetched.*FLORI_DATA"):
        try:
            fetch(url, tmp_path / "file", SHA256)
        except UserError as problem:
            raise UserError(str(problem).replace("\n", " ")) from None
    have = (tmp_path / "file.part").stat().st_size
    assert 0 < have < len(BODY)
    assert fetch(url, tmp_path / "file", SHA256).read_bytes() == BODY
    assert Server.asked == [None, f"bytes={have}-"]


def test_a_whole_part_that_was_not_renamed_is_taken(url, tmp_path: Path):
    (tmp_path / "file.part").write_bytes(BODY)
    assert fetch(url, tmp_path / "file", SHA256).read_bytes() == BODY


def test_a_wrong_file_is_refused_and_not_kept(url, tmp_path: Path):
    with pytest.raises(UserError, match="SHA-256"):
        fetch(url, tmp_path / "file", "0" * 64)
    assert not (tmp_path / "file").exists() and not (tmp_path / "file.part").exists()


def test_two_at_once_fetch_it_once(url, tmp_path: Path):
    threads = [threading.Thread(target=fetch, args=(url, tmp_path / "file", SHA256)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Server.asked == [None] and (tmp_path / "file").read_bytes() == BODY


def test_no_server_says_where_the_file_belongs(tmp_path: Path):
    with pytest.raises(UserError, match="put it at"):
        fetch("http://127.0.0.1:9/file", tmp_path / "file", SHA256)


def test_the_hash_is_of_what_is_inside(tmp_path: Path):
    (tmp_path / "plain").write_bytes(BODY)
    for level in (1, 9):
        (tmp_path / f"{level}.gz").write_bytes(gzip.compress(BODY, level))
        assert content_hash(tmp_path / f"{level}.gz") == content_hash(tmp_path / "plain") == SHA256


def test_what_a_download_that_failed_left_is_no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("FLORI_DATA", str(tmp_path / "sets"))
    folder = tmp_path / "sets" / "tiny-shakespeare"
    folder.mkdir(parents=True)
    for name in ("input.txt.lock", "input.txt.part"):
        (folder / name).touch()
    assert place("tiny-shakespeare") == Path("tiny-shakespeare")
    (folder / "input.txt").touch()
    assert place("tiny-shakespeare") == folder

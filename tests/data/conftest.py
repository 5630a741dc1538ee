"""A small web server with bad manners, for the tests of downloads."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Manners:
    """What the server does; ``asked`` collects the paths and ranges of all requests."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.cuts: list[int] = []  # after so many bytes the n-th answer breaks off
        self.ranges = True
        self.status: list[int] = []  # of the first answers, before it behaves
        self.length: int | None = None  # announced instead of the truth; -1 announces nothing
        self.redirect = ""
        self.wrong_range = False
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""


@contextmanager
def serve(body: bytes) -> Iterator[Manners]:
    """Serve ``body`` at every path."""
    manners = Manners(body)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            manners.asked.append((self.path, wanted))
            if manners.status:
                status = manners.status.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if manners.redirect:
                self.send_response(302)
                self.send_header("Location", manners.redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and manners.ranges else 0
            whole = len(manners.body)
            if start and start >= whole:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{whole}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            part = manners.body[start:]
            self.send_response(206 if start else 200)
            if start:
                shown = start + 1 if manners.wrong_range else start
                self.send_header("Content-Range", f"bytes {shown}-{whole - 1}/{whole}")
            if manners.length != -1:
                self.send_header("Content-Length", str(len(part) if manners.length is None else manners.length))
            self.end_headers()
            if manners.cuts:
                part = part[: manners.cuts.pop(0)]
            self.wfile.write(part)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    manners.url = f"http://127.0.0.1:{server.server_address[1]}/file.bin"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield manners
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> object:
    """The server as a context manager: ``with serving(body) as server: ...``."""
    monkeypatch.setenv("no_proxy", "*")
    return serve

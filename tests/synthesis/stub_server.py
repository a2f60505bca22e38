"""A server on this machine that answers as a test tells it to; for everything that talks HTTP."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclasses.dataclass(frozen=True)
class Reply:
    """One answer."""

    body: Any = ""
    """Bytes, text, or what becomes JSON."""
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    delay: float = 0.0
    """Seconds of silence before it."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


def chat(content: Any, tokens: tuple[int, int] = (100, 20), finish: str = "stop", **message: Any) -> Reply:
    """A chat completion with this content: a text, or what becomes JSON."""
    text = content if isinstance(content, str) or content is None else json.dumps(content, ensure_ascii=False)
    return Reply(
        {
            "id": "stub",
            "object": "chat.completion",
            "created": 0,
            "model": "stub",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": text, **message},
                }
            ],
            "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)},
        }
    )


def failure(status: int, message: str = "as told", code: str | None = None, **headers: str) -> Reply:
    """An error in the form of OpenAI's; names of headers with _ for -."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"message": message, "code": code, "type": "stub"}}, status, told)


class StubServer:
    """Answers the script's replies one after the other, then what `responder` makes of a request.

    A reply may be a function of the request. `requests` holds what came in.
    """

    def __init__(self) -> None:
        self.script: list[Reply | Callable[[Request], Reply]] = []
        self.responder: Callable[[Request], Reply] = lambda request: failure(404, f"{request.path}: nothing to say")
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = stub._answer(Request(self.command, self.path, headers, body))
                if reply.delay:
                    stub._closing.wait(reply.delay)
                content, kind = reply.body, "application/json"
                if isinstance(content, str):
                    content, kind = content.encode(), "text/plain"
                elif not isinstance(content, bytes):
                    content = json.dumps(content).encode()
                # The client may have lost its patience.
                with contextlib.suppress(OSError):
                    self.send_response(reply.status)
                    for name, value in {"content-type": kind, **reply.headers}.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            next_one = self.script.pop(0) if self.script else self.responder
        return next_one(request) if callable(next_one) else next_one

    @property
    def address(self) -> str:
        """``http://127.0.0.1:<port>``"""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        """What an `EndpointConfig` takes."""
        return f"{self.address}/v1"

    def close(self) -> None:
        """Stop answering: the port is closed."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def stub_server() -> Iterator[StubServer]:
    """A server for one test."""
    server = StubServer()
    try:
        yield server
    finally:
        server.close()

"""Motions from a server, which is a stub on this machine."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.generators.http import HttpConfig, HttpGenerator, _retry_after
from athena_wbc.synthesis.generators.mdm.features import placed_start
from athena_wbc.synthesis.generators.registry import make_generator
from athena_wbc.synthesis.human_features import body_axes
from athena_wbc.synthesis.motion import JOINT_NAMES, PELVIS
from athena_wbc.synthesis.prompt import Prompt
from tests.synthesis.generators.toys import toy_motion

PROMPTS = [Prompt(text=f"a person jumps {count} times") for count in range(3)]
Answer = tuple[int, dict[str, str], bytes]


def motions_of(asked: dict) -> dict[str, np.ndarray]:
    """What the stub knows: another toy for each prompt and seed."""
    return {
        prompt["id"]: toy_motion("squat", asked["seed"] + len(prompt["text"]), asked["frames"])
        for prompt in asked["prompts"]
    }


def as_json(asked: dict, **more) -> Answer:
    """A right answer."""
    motions = [{"id": name, "positions": array.tolist()} for name, array in motions_of(asked).items()]
    return 200, {"Content-Type": "application/json"}, json.dumps({"motions": motions, **more}).encode()


def as_npz(asked: dict, **more) -> Answer:
    """A right answer as npz."""
    stream = io.BytesIO()
    np.savez(stream, **motions_of(asked), **more)
    return 200, {"Content-Type": "application/octet-stream"}, stream.getvalue()


class Stub:
    """A server whose answers a test gives one by one; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Callable[[dict], Answer]] = [as_json]
        self.requests: list[tuple[str, dict, dict]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = json.loads(body)
                stub.requests.append((self.path, dict(self.headers), asked))
                give = stub.answers.pop(0) if len(stub.answers) > 1 else stub.answers[0]
                status, headers, data = give(asked)
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                stub.requests.append((self.path, dict(self.headers), {"method": "GET"}))
                self.send_error(405)

            def log_message(self, *args) -> None:
                """Be silent."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request, client_address) -> None:
                """Be silent about clients that leave."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/generate"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A running stub."""
    made = Stub()
    yield made
    made.server.shutdown()
    made.server.server_close()


def failing(status: int, **headers: str) -> Callable[[dict], Answer]:
    """An answer with an error."""
    return lambda asked: (status, {key.replace("_", "-"): value for key, value in headers.items()}, b"busy\nnow")


def generator(stub: Stub, **options) -> tuple[HttpGenerator, list[float]]:
    """A generator, and the waits that it would have made."""
    waits: list[float] = []
    return HttpGenerator(HttpConfig(url=stub.url, timeout=5.0, **options), waits.append), waits


def test_motions_come_as_json_in_batches(stub: Stub) -> None:
    made, waits = generator(stub, batch=2, licence="theirs")
    motions = made.generate(PROMPTS, 20, seed=4)
    assert [motion.prompt_id for motion in motions] == [prompt.id for prompt in PROMPTS] and waits == []
    assert [len(asked["prompts"]) for _, _, asked in stub.requests] == [2, 1]
    path, headers, asked = stub.requests[0]
    assert path == "/generate" and headers["Content-Type"] == "application/json" and "Authorization" not in headers
    assert asked["frames"] == 20 and asked["seed"] == 4
    assert asked["prompts"][1] == {"id": PROMPTS[1].id, "text": PROMPTS[1].text}
    wanted = placed_start(toy_motion("squat", 4 + len(PROMPTS[2].text), 20))
    assert np.allclose(motions[2].positions, wanted, atol=1e-12)
    assert motions[0].is_learned and motions[0].licence == "theirs" and motions[0].generator == "http"
    assert len(motions[0].provenance["answer_sha256"]) == 64


def test_motions_come_as_npz(stub: Stub) -> None:
    stub.answers = [lambda asked: as_npz(asked, fps=np.array(40.0), up=np.array("z"))]
    made, _ = generator(stub, learned=False)
    (motion,) = made.generate(PROMPTS[:1], 20, seed=0)
    # Twenty frames at 40 fps last 0.475 s: ten frames at 20 fps, every second of the server's.
    assert motion.num_frames == 10 and not motion.is_learned
    assert np.allclose(motion.positions, placed_start(toy_motion("squat", len(PROMPTS[0].text), 20)[::2]), atol=1e-9)


def test_y_up_is_turned(stub: Stub) -> None:
    stub.answers = [lambda asked: as_json(asked, up="y")]
    (motion,) = generator(stub)[0].generate(PROMPTS[:1], 8, seed=0)
    wanted = placed_start(toy_motion("squat", len(PROMPTS[0].text), 8)[..., (2, 0, 1)])
    assert np.allclose(motion.positions, wanted, atol=1e-12)


def test_answers_begin_over_the_origin_and_face_x(stub: Stub) -> None:
    away = toy_motion("squat", 1, 20) @ np.array(((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))) + (
        3.0,
        -2.0,
        0.5,
    )
    stub.answers = [_one(away.tolist())]
    (motion,) = generator(stub)[0].generate(PROMPTS[:1], 20, seed=0)
    assert np.allclose(motion.positions[0, PELVIS, :2], 0.0, atol=1e-9)
    assert np.allclose(body_axes(motion.positions[:1])[0, :2, 1], (0.0, 1.0), atol=0.05)
    assert np.allclose(motion.positions[..., 2], away[..., 2])


def test_resampling_does_not_shorten_what_swings(stub: Stub) -> None:
    body = np.repeat(toy_motion("squat", 1, 2)[:1], 31, axis=0)
    shoulder, elbow, wrist = (JOINT_NAMES.index(f"left_{part}") for part in ("shoulder", "elbow", "wrist"))
    angle = np.arange(31) / 3.0
    swing = np.stack((np.cos(angle), 0.0 * angle, np.sin(angle)), axis=1)
    body[:, elbow], body[:, wrist] = body[:, shoulder] + 0.3 * swing, body[:, shoulder] + 0.6 * swing
    stub.answers = [_one(body.tolist(), fps=12.0)]
    (motion,) = generator(stub)[0].generate(PROMPTS[:1], 40, seed=0)
    lengths = np.linalg.norm(motion.positions[:, wrist] - motion.positions[:, elbow], axis=1)
    assert motion.num_frames == 40 and np.allclose(lengths, 0.3, atol=1e-9)


def test_what_may_pass_is_tried_again(stub: Stub) -> None:
    stub.answers = [
        failing(429, Retry_After="7"),
        failing(503),
        failing(500),
        failing(429, Retry_After="9999"),
        as_json,
    ]
    made, waits = generator(stub, backoff=0.5)
    assert len(made.generate(PROMPTS[:1], 20, seed=0)) == 1
    # The server's wish goes before the doubling wait, and is not followed for hours.
    assert waits == [7.0, 1.0, 2.0, 60.0]


def test_tries_are_bounded(stub: Stub) -> None:
    stub.answers = [failing(503)]
    made, waits = generator(stub, retries=2)
    with pytest.raises(AthenaError, match=r"^http: http://127.0.0.1:\d+/generate: answers 503 \(busy now\), 3 times"):
        made.generate(PROMPTS[:1], 20, seed=0)
    assert len(stub.requests) == 3 and waits == [1.0, 2.0]


@pytest.mark.parametrize(("status", "remedy"), [(400, "check url"), (401, "token_variable"), (404, "check url")])
def test_refusals_are_final(stub: Stub, status: int, remedy: str) -> None:
    stub.answers = [failing(status)]
    made, waits = generator(stub)
    with pytest.raises(AthenaError, match=rf"answers {status} \(busy now\); .*{remedy}"):
        made.generate(PROMPTS[:1], 20, seed=0)
    assert len(stub.requests) == 1 and waits == []


def test_redirects_are_not_followed(stub: Stub) -> None:
    stub.answers = [failing(302, Location="/other")]
    with pytest.raises(AthenaError, match=r"answers 302 .*redirects to"):
        generator(stub)[0].generate(PROMPTS[:1], 20, seed=0)
    assert len(stub.requests) == 1


def test_silence_and_absence(stub: Stub) -> None:
    released = threading.Event()

    def slow(asked: dict) -> Answer:
        released.wait(10.0)
        return as_json(asked)

    stub.answers = [slow]
    made = HttpGenerator(HttpConfig(url=stub.url, timeout=0.1, retries=1), lambda seconds: None)
    with pytest.raises(AthenaError, match=r"was silent for 0.1 s, 2 times"):
        made.generate(PROMPTS[:1], 20, seed=0)
    released.set()
    stub.server.shutdown()
    stub.server.server_close()
    with pytest.raises(AthenaError, match=r"cannot be reached .*2 times; check that it runs"):
        made.generate(PROMPTS[:1], 20, seed=0)


def test_a_connection_that_breaks_is_tried_again(stub: Stub) -> None:
    stub.answers = [
        lambda asked: (200, {"Content-Type": "application/json", "Content-Length": "999999"}, b"{"),
        as_json,
    ]
    made, waits = generator(stub)
    assert len(made.generate(PROMPTS[:1], 20, seed=0)) == 1 and len(waits) == 1


def test_a_large_answer_is_not_read(stub: Stub) -> None:
    with pytest.raises(AthenaError, match=r"larger than 0.01 MiB; lower batch"):
        generator(stub, most_megabytes=0.01)[0].generate(PROMPTS, 40, seed=0)


def test_the_token_comes_from_the_environment(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATHENA_TEST_TOKEN", raising=False)
    with pytest.raises(AthenaError, match="variable ATHENA_TEST_TOKEN is not set"):
        generator(stub, token_variable="ATHENA_TEST_TOKEN")
    monkeypatch.setenv("ATHENA_TEST_TOKEN", "s3cret")
    made, _ = generator(stub, token_variable="ATHENA_TEST_TOKEN")
    (motion,) = made.generate(PROMPTS[:1], 20, seed=0)
    assert stub.requests[-1][1]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in json.dumps(dict(motion.provenance))


def _json(value) -> Callable[[dict], Answer]:
    return lambda asked: (200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _one(positions, **more) -> Callable[[dict], Answer]:
    return lambda asked: _json({"motions": [{"id": asked["prompts"][0]["id"], "positions": positions}], **more})(asked)


STILL = np.zeros((3, 22, 3)).tolist()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda asked: (200, {"Content-Type": "application/json"}, b"{broken"), "is no valid JSON"),
        (lambda asked: (200, {"Content-Type": "text/html"}, b"<html>"), "is 'text/html'; JSON"),
        (lambda asked: (200, {"Content-Type": "application/octet-stream"}, b"PK\x03\x04broken"), "the answer: "),
        (_json([]), "has no list 'motions'"),
        (_json({"motions": [3]}), "has no list 'motions'"),
        (_json({"motions": [{"id": "a"}]}), "no 'id' or no 'positions'"),
        (_json({"motions": []}), "lacks 1 of 1 prompts"),
        (_one([[1, 2], [3]]), "positions are no frames of 22 joints"),
        (_one("many"), "positions are no frames of 22 joints"),
        (_one(np.zeros((3, 21, 3)).tolist()), r"have the shape \(3, 21, 3\)"),
        (_one(STILL[:1]), r"have the shape \(1, 22, 3\)"),
        (_one(np.full((3, 22, 3), 1700.0).tolist()), "metres are expected"),
        (_one(np.full((3, 22, 3), float("nan")).tolist()), "not finite"),
        (_one(STILL, fps="fast"), "fps: is 'fast'"),
        (_one(STILL, fps=0), "fps: is '0'"),
        (_one(STILL, fps=500), "too short for two frames"),
        (_one(STILL, up="w"), "up: is 'w', z or y"),
    ],
)
def test_broken_answers_are_one_line(stub: Stub, answer: Callable[[dict], Answer], message: str) -> None:
    stub.answers = [answer]
    with pytest.raises(AthenaError, match=message) as caught:
        generator(stub)[0].generate(PROMPTS[:1], 20, seed=0)
    assert str(caught.value).startswith("http: http://127.0.0.1") and "/tmp" not in str(caught.value)


def test_settings_are_checked() -> None:
    for url in ("", "ftp://a/b", "no address", "http://", "http://a:port/", "http://[a/", "http://me:pw@a/"):
        with pytest.raises(AthenaError, match=r"^here: url: "):
            make_generator("http", {"url": url}, "here")
    with pytest.raises(AthenaError, match=r"^here: retries: must be from 0 to 20, is -1"):
        make_generator("http", {"url": "http://a/b", "retries": -1}, "here")


def test_secrets_of_an_address_are_not_shown() -> None:
    for url in ("http://me:s3cret@host/a", "http://s3cret@host/a", "me:s3cret@host/a"):
        with pytest.raises(
            AthenaError, match=r"^here: url: (holds a user or a password; .*token_variable|is no)"
        ) as caught:
            make_generator("http", {"url": url}, "here")
        assert "s3cret" not in str(caught.value)


def test_a_token_is_in_no_message(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AthenaError, match="token_variable: takes the NAME") as caught:
        make_generator("http", {"url": stub.url, "token_variable": "sk-s3cret"}, "here")
    assert "s3cret" not in str(caught.value)
    for token in ("s3cret\ninjected: yes", "s3cret\u20ac", "s3cret two"):
        monkeypatch.setenv("ATHENA_TEST_TOKEN", token)
        with pytest.raises(AthenaError, match="variable ATHENA_TEST_TOKEN holds no token") as caught:
            generator(stub, token_variable="ATHENA_TEST_TOKEN")
        assert "s3cret" not in str(caught.value)
    assert stub.requests == []
    monkeypatch.setenv("ATHENA_TEST_TOKEN", "s3cret")
    made, _ = generator(stub, token_variable="ATHENA_TEST_TOKEN")
    stub.answers = [lambda asked: (401, {}, b"s3cret is unknown")]
    with pytest.raises(AthenaError, match=r"answers 401 \(\*\*\* is unknown\)"):
        made.generate(PROMPTS[:1], 20, seed=0)


def test_dates_to_wait_for() -> None:
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    assert 25.0 < _retry_after({"Retry-After": later}) <= 30.0
    assert _retry_after({"Retry-After": "soon"}) is None
    assert _retry_after({"Retry-After": "inf"}) is None
    assert _retry_after({}) is None

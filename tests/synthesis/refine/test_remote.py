"""The adapter to a remote model: what it sends, what it takes, and what it refuses, against a server of the test's."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.generators.registry import make_generator
from athena_wbc.synthesis.motion import PELVIS
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Generator
from athena_wbc.synthesis.refine.remote import RemoteConfig, RemoteIrg
from tests.synthesis.figure import moved, standing
from tests.synthesis.stub_server import Reply, StubServer

PROMPT = Prompt("The person kicks.")
WALK = moved(standing(4), np.arange(12.0).reshape(4, 3) / 20.0)
# z up, facing x, to y up, facing z
Y_UP = WALK[..., [1, 2, 0]]
ANSWER = {
    "protocol": 1,
    "up": "y",
    "fps": 20,
    "motions": [standing(4).tolist(), Y_UP.tolist()],
    "assessments": [
        {"text": "the leg stays down", "score": 40, "needs_refinement": True},
        {"text": "good [/assess]", "score": None, "needs_refinement": False},
    ],
    "final": 1,
}


def client(server: StubServer, **settings) -> RemoteIrg:
    pauses: list[float] = []
    config = RemoteConfig(**{"url": f"{server.address}/irg", "timeout_s": 5.0, "licence": "mine"} | settings)
    made = RemoteIrg(config, "irg", pauses.append)
    made.pauses = pauses
    return made


def changed(key: str, value) -> dict:
    answer = copy.deepcopy(ANSWER)
    *path, last = key.split(".")
    place = answer
    for part in path:
        place = place[int(part) if part.isdigit() else part]
    place[int(last) if last.isdigit() else last] = value
    return answer


def test_the_chosen_motion_comes_back_z_up(stub_server: StubServer):
    stub_server.script = [Reply(ANSWER)]
    irg = client(stub_server)
    assert isinstance(irg, Generator)
    (motion,) = irg.generate([PROMPT], 4, 7)
    assert np.allclose(motion.positions, WALK - WALK[0, PELVIS] * (1.0, 1.0, 0.0))
    assert (motion.prompt_id, motion.is_learned, motion.seed, motion.licence) == (PROMPT.id, True, 7, "mine")
    assert motion.provenance["round"] == motion.provenance["final"] == 2
    (request,) = stub_server.requests
    assert request.json == {
        "protocol": 1, "prompt": "The person kicks.", "frames": 4, "fps": 20.0, "seed": 7, "max_rounds": 5,
    }  # fmt: skip


def test_all_motions_and_what_was_said_are_kept(stub_server: StubServer):
    stub_server.script = [Reply(ANSWER)]
    answer = client(stub_server).ask(PROMPT, 4, 0)
    assert len(answer.motions) == 2
    assert answer.motion is answer.motions[1]
    tags = [step.tag for step in answer.transcript.steps]
    assert tags == ["plan", "analyze", "plan", *["generate", "plan", "assess", "plan"] * 2]
    said = [step.text for step in answer.transcript.steps if step.tag == "assess"]
    assert said == ["the leg stays down Score 40.0.", "good [/assess]"]
    assert "Keep motion 2" in answer.transcript.steps[-1].text


def test_a_server_that_is_busy_or_broken_is_asked_again(stub_server: StubServer):
    stub_server.script = [Reply("", 503), Reply("{", 200), Reply(ANSWER)]
    irg = client(stub_server)
    assert irg.generate([PROMPT], 4, 0)[0].num_frames == 4
    assert irg.pauses == [1.0, 2.0]


def test_patience_has_an_end(stub_server: StubServer):
    stub_server.script = [Reply("", 429)] * 3
    with pytest.raises(AthenaError, match=r"irg: http://.*/irg: answered with HTTP 429, 3 times; start the service"):
        client(stub_server).generate([PROMPT], 4, 0)
    assert len(stub_server.requests) == 3
    stub_server.script = [Reply(ANSWER, delay=5.0)]
    with pytest.raises(AthenaError, match="no answer in time, 1 times"):
        client(stub_server, timeout_s=0.2, retries=0).generate([PROMPT], 4, 0)


def test_a_server_that_is_down():
    with pytest.raises(AthenaError, match=r"cannot be reached \(.*\), 2 times"):
        RemoteIrg(RemoteConfig(url="http://127.0.0.1:9/irg", retries=1), "irg", lambda _: None).generate([PROMPT], 4, 0)


@pytest.mark.parametrize("status", [302, 401, 404])
def test_a_refusal_is_not_asked_again(stub_server: StubServer, status: int):
    stub_server.script = [Reply("", status, {"location": "http://127.0.0.1:9/"})]
    with pytest.raises(AthenaError, match=f"HTTP {status}; check url and key"):
        client(stub_server).generate([PROMPT], 4, 0)
    assert len(stub_server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ([], "not an object"),
        (changed("protocol", 2), "protocol: must be 1"),
        (changed("up", "x"), "up: must be"),
        (changed("fps", True), "fps: must be"),
        (changed("fps", 0), "fps: must be"),
        (changed("motions", []), "motions: must be a list"),
        (changed("motions.0", [[1, 2], [3]]), r"motions\[0\]: must"),
        (changed("motions.1", np.zeros((4, 21, 3)).tolist()), r"motions\[1\]: must have the shape"),
        (changed("motions.0.0.0.0", 1e9), r"motions\[0\]: has coordinates"),
        (changed("motions.0.0.0.0", float("nan")), r"motions\[0\]: has coordinates"),
        (changed("assessments", [{}]), "assessments: must be a list of 2"),
        (changed("assessments.0.text", 3), r"assessments\[0\]\.text"),
        (changed("assessments.0.score", 101), r"assessments\[0\]\.score"),
        (changed("assessments.1.needs_refinement", "no"), r"assessments\[1\]\.needs_refinement"),
        (changed("final", 2), "final: must be an index into 2 motions"),
        (changed("final", True), "final: must be an index"),
    ],
)
def test_an_answer_of_another_form_is_refused_by_key(stub_server: StubServer, answer, key: str):
    stub_server.script = [Reply(answer)]
    with pytest.raises(AthenaError, match=key):
        client(stub_server).generate([PROMPT], 4, 0)


def test_the_key_is_sent_and_never_told(stub_server: StubServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOY_IRG_KEY", "geheim")
    stub_server.script = [Reply(ANSWER), Reply("", 401)]
    irg = client(stub_server, api_key_env="TOY_IRG_KEY")
    irg.generate([PROMPT], 4, 0)
    assert stub_server.requests[0].headers["authorization"] == "Bearer geheim"
    with pytest.raises(AthenaError) as caught:
        irg.generate([PROMPT], 4, 0)
    assert "geheim" not in str(caught.value) + repr(irg)
    monkeypatch.delenv("TOY_IRG_KEY")
    with pytest.raises(AthenaError, match="TOY_IRG_KEY is not set"):
        client(stub_server, api_key_env="TOY_IRG_KEY")
    monkeypatch.setenv("TOY_IRG_KEY", "s3cret\ninjected: yes")
    with pytest.raises(AthenaError, match="api_key_env: the environment variable TOY_IRG_KEY holds no token") as caught:
        client(stub_server, api_key_env="TOY_IRG_KEY")
    assert "s3cret" not in str(caught.value)


def test_a_query_is_sent_and_never_told(stub_server: StubServer):
    stub_server.script = [Reply(ANSWER), Reply("", 401)]
    irg = client(stub_server, url=f"{stub_server.address}/irg?token=geheim")
    (motion,) = irg.generate([PROMPT], 4, 0)
    assert stub_server.requests[0].path == "/irg?token=geheim"
    with pytest.raises(AthenaError, match="/irg: answered with HTTP 401") as caught:
        irg.generate([PROMPT], 4, 0)
    assert "geheim" not in str(caught.value) + str(motion.provenance)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"url": "file:///etc/hosts"}, "url"),
        ({"url": "http://me:secret@host/irg"}, "url"),
        ({"url": "http://[bad/irg"}, "url"),
        ({"url": "http://host:abc/irg"}, "url"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"backoff_s": -1.0}, "backoff_s"),
        ({"retries": -1}, "retries"),
        ({"rounds": 6}, "rounds"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, key: str):
    with pytest.raises(AthenaError, match=f"irg: {key}: ") as caught:
        RemoteIrg(RemoteConfig(**settings), "irg")
    assert "secret" not in str(caught.value)


def test_it_is_a_generator_by_name():
    made = make_generator("irg", {"retries": 0}, "run.yaml")
    assert isinstance(made, RemoteIrg)
    assert made.config.retries == 0
    with pytest.raises(AthenaError, match=r"run\.yaml.*url: 'ftp://host' is no address"):
        make_generator("irg", {"url": "ftp://host"}, "run.yaml")

"""A user's own IRG-MotionLLM, or any other model that refines what it shows, behind HTTP.

The model, its weights and its code stay with the user, under their own licences; this is the caller's side of the small
protocol that docs/synthesis_scheduler.md describes. One POST for each prompt::

    {"protocol": 1, "prompt": "...", "frames": 120, "fps": 20, "seed": 0, "max_rounds": 5}

    {"protocol": 1, "up": "y", "fps": 20, "motions": [[[[x, y, z], ... 22], ... frames], ...],
     "assessments": [{"text": "...", "score": 0-100 or null, "needs_refinement": true}, ...], "final": 1}
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from athena_wbc.address import check_address, public_address
from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.motion import FPS, JOINTS, PELVIS, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.refine.config import MOST_ROUNDS
from athena_wbc.synthesis.refine.interleaved import GOOD, LIMIT
from athena_wbc.synthesis.refine.transcript import Step, Transcript
from athena_wbc.synthesis.tokens import token_of

PROTOCOL = 1
MOST_BYTES = 64 * 1024 * 1024
"""Of an answer: five motions of 200 frames as text are a tenth of it."""
MOST_FRAMES = 10_000
_BUSY = (408, 425, 429)
_TO_Z_UP = {"y": (2, 0, 1), "z": (0, 1, 2)}
"""Axes of a person who faces +z with y up (HumanML3D), or +x with z up, as forwards, left, up."""


@dataclasses.dataclass
class RemoteConfig:
    """Settings of the adapter."""

    url: str = "http://127.0.0.1:8010/irg"
    """Where the service answers POST requests."""
    timeout_s: float = 120.0
    """For one answer, s."""
    retries: int = 2
    """Further attempts after a timeout, a broken connection, or a server that is busy or fails."""
    backoff_s: float = 1.0
    """Pause before the first of them, s; it doubles each time."""
    api_key_env: str = ""
    """Environment variable with a key that is sent as a bearer token; empty for a service without keys."""
    rounds: int = 5
    """Motions that the service may make for one prompt, 1 to 5."""
    licence: str = ""
    """Licence of the motions that the service makes, for their record."""


def check_remote_config(config: RemoteConfig, where: str) -> None:
    """Refuse settings that cannot work; the message begins with `where` and the key."""
    check_address(
        config.url, f"{where}: url", "http://127.0.0.1:8010/irg", "put a key into the variable of api_key_env"
    )
    if not config.timeout_s > 0.0 or not config.backoff_s >= 0.0:
        raise AthenaError(f"{where}: {'backoff_s' if config.timeout_s > 0.0 else 'timeout_s'}: must be a time, in s")
    if not 0 <= config.retries <= 10:
        raise AthenaError(f"{where}: retries: must be from 0 to 10, is {config.retries}")
    if not 1 <= config.rounds <= MOST_ROUNDS:
        raise AthenaError(f"{where}: rounds: must be from 1 to {MOST_ROUNDS}, is {config.rounds}")


@dataclasses.dataclass(frozen=True, eq=False)
class RemoteAnswer:
    """What the service made of one prompt."""

    motions: tuple[SyntheticMotion, ...]
    """In the order in which they were made."""
    final: int
    """Index of the one that the service chose."""
    transcript: Transcript

    @property
    def motion(self) -> SyntheticMotion:
        """The one that the service chose."""
        return self.motions[self.final]


class _FailedError(Exception):
    """An attempt failed in a way that another one may not."""


class RemoteIrg:
    """A generator whose motions a remote model has refined itself. Threads may ask at the same time."""

    name = "irg"
    is_learned = True

    def __init__(
        self,
        config: RemoteConfig | None = None,
        where: str = "generator irg",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read the key; connect to nothing yet.

        Args:
            config: address and patience.
            where: beginning of error messages.
            sleep: how to wait.

        Raises:
            AthenaError: settings that cannot work, or a key that is missing.
        """
        self.config = config or RemoteConfig()
        self._where = where
        self._sleep = sleep
        check_remote_config(self.config, where)
        self._key = ""
        if self.config.api_key_env:
            self._key = token_of(self.config.api_key_env, f"{where}: api_key_env")

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        """The motion that the service chose, for each prompt."""
        return [self.ask(prompt, frames, seed).motion for prompt in prompts]

    def ask(self, prompt: Prompt, frames: int, seed: int) -> RemoteAnswer:
        """All motions for one prompt, with what the service said of them.

        Args:
            prompt: of which the text alone is sent.
            frames: at 20 fps.
            seed: of the service's draws.

        Raises:
            AthenaError: no answer after all attempts, or one that is none of the protocol's.
        """
        question = {
            "protocol": PROTOCOL,
            "prompt": prompt.text,
            "frames": frames,
            "fps": FPS,
            "seed": seed,
            "max_rounds": self.config.rounds,
        }
        body, cause = json.dumps(question, ensure_ascii=False).encode(), ""
        for attempt in range(self.config.retries + 1):
            if attempt:
                self._sleep(self.config.backoff_s * 2.0 ** (attempt - 1))
            try:
                return self._read(self._post(body), prompt, seed)
            except _FailedError as error:
                cause = str(error)
        raise self._error(f"{cause}, {self.config.retries + 1} times; start the service, or raise timeout_s or retries")

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self.config.url, body, headers, method="POST")
        try:
            with _OPENER.open(request, timeout=self.config.timeout_s) as reply:
                content = reply.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _BUSY or error.code >= 500:
                raise _FailedError(f"answered with HTTP {error.code}") from None
            raise self._error(
                f"answered with HTTP {error.code}; check url and key, and the service's own log"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            told = "no answer in time" if isinstance(reason, TimeoutError) else f"cannot be reached ({reason})"
            raise _FailedError(told) from None
        if len(content) > MOST_BYTES:
            raise self._error(f"answered with more than {MOST_BYTES // 1024**2} MiB; ask for fewer frames or rounds")
        return content

    def _read(self, content: bytes, prompt: Prompt, seed: int) -> RemoteAnswer:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            raise _FailedError("answered with something that is not JSON") from None
        if not isinstance(answer, Mapping):
            raise self._error("the answer is not an object; see docs/synthesis_scheduler.md for the protocol")
        if answer.get("protocol") != PROTOCOL:
            raise self._fault("protocol", f"must be {PROTOCOL}, is {_short(answer.get('protocol'))}")
        if answer.get("up") not in _TO_Z_UP:
            raise self._fault("up", f"must be 'y' or 'z', is {_short(answer.get('up'))}")
        fps = answer.get("fps")
        if not _is_number(fps) or not 1.0 <= fps <= 240.0:
            raise self._fault("fps", f"must be a number from 1 to 240, is {_short(fps)}")
        given = answer.get("motions")
        if not isinstance(given, list) or not 1 <= len(given) <= MOST_ROUNDS:
            raise self._fault("motions", f"must be a list of 1 to {MOST_ROUNDS} motions")
        positions = [self._positions(motion, f"motions[{i}]", answer["up"]) for i, motion in enumerate(given)]
        assessments = self._assessments(answer.get("assessments"), len(given))
        final = answer.get("final")
        if not isinstance(final, int) or isinstance(final, bool) or not 0 <= final < len(given):
            raise self._fault("final", f"must be an index into {len(given)} motions, is {_short(final)}")
        url = public_address(self.config.url)
        motions = tuple(
            SyntheticMotion(
                prompt_id=prompt.id,
                positions=each,
                generator=self.name,
                is_learned=True,
                seed=seed,
                fps=float(fps),
                provenance={"url": url, "round": i + 1, "final": final + 1, "assessment": assessments[i]},
                licence=self.config.licence,
            )
            for i, each in enumerate(positions)
        )
        return RemoteAnswer(motions, final, _transcript(prompt, motions, assessments, final, self.config.rounds))

    def _positions(self, given: Any, key: str, up: str) -> np.ndarray:
        try:
            values = np.array(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise self._fault(key, "must hold numbers: frames of 22 joints of 3 coordinates") from None
        if values.ndim != 3 or values.shape[1:] != (JOINTS, 3) or not 2 <= len(values) <= MOST_FRAMES:
            raise self._fault(key, f"must have the shape (frames, {JOINTS}, 3), has {values.shape}")
        if not np.isfinite(values).all() or np.abs(values).max() > 1e3:
            raise self._fault(key, "has coordinates that are not finite or beyond 1000 m")
        values = values[..., _TO_Z_UP[up]]
        return values - values[0, PELVIS] * (1.0, 1.0, 0.0)

    def _assessments(self, given: Any, count: int) -> list[dict[str, Any]]:
        if not isinstance(given, list) or len(given) != count or not all(isinstance(each, Mapping) for each in given):
            raise self._fault("assessments", f"must be a list of {count} objects, one for each motion")
        read = []
        for i, each in enumerate(given):
            text, score, needs = each.get("text"), each.get("score"), each.get("needs_refinement")
            if not isinstance(text, str):
                raise self._fault(f"assessments[{i}].text", "must be a text")
            if score is not None and (not _is_number(score) or not 0.0 <= score <= 100.0):
                raise self._fault(f"assessments[{i}].score", f"must be from 0 to 100 or null, is {_short(score)}")
            if not isinstance(needs, bool):
                raise self._fault(f"assessments[{i}].needs_refinement", "must be true or false")
            read.append({"text": text, "score": score, "needs_refinement": needs})
        return read

    def _fault(self, key: str, what: str) -> AthenaError:
        return self._error(f"answer: {key}: {what}; see docs/synthesis_scheduler.md for the protocol")

    def _error(self, what: str) -> AthenaError:
        return AthenaError(f"{self._where}: {public_address(self.config.url)}: {what}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key to another address."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _transcript(
    prompt: Prompt,
    motions: Sequence[SyntheticMotion],
    assessments: Sequence[Mapping[str, Any]],
    final: int,
    rounds: int,
) -> Transcript:
    """What the service did, as steps of a transcript of this library."""
    steps = [
        Step("plan", f"Show '{prompt.text}' in at most {rounds} motions of a remote model."),
        Step("analyze", "Left to the remote model.", data={"prompt": prompt.as_dict()}),
        Step("plan", "Take over its motions and assessments; nobody else looked at them."),
    ]
    for number, (motion, said) in enumerate(zip(motions, assessments, strict=True), start=1):
        is_last = number == len(motions)
        score = "" if said["score"] is None else f" Score {said['score']:.1f}."
        follows = "The remote model refines it."
        if is_last:
            follows = f"Stop: {LIMIT if said['needs_refinement'] else GOOD}. Keep motion {final + 1}."
        steps += [
            Step(
                "generate",
                f"Motion {number}: {motion.num_frames} frames at {motion.fps:g} fps, seed {motion.seed}.",
                number,
                {"digest": motion.digest, "frames": motion.num_frames, "seed": motion.seed},
            ),
            Step("plan", "The remote model assesses it.", number),
            Step("assess", f"{said['text']}{score}", number, dict(said)),
            Step("plan", follows, number),
        ]
    return Transcript(tuple(steps))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 40 else told[:37] + "..."

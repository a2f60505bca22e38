"""The generator `http`: asks a server of the user's for motions.

The request is a POST of JSON ``{"prompts": [{"id", "text"}, ...], "frames", "seed"}``. The answer is JSON
``{"motions": [{"id", "positions"}, ...], "fps", "up"}`` with positions as frames of 22 joints of three numbers, or an
npz archive with an array (T, 22, 3) for each prompt's id; ``fps`` (20) and ``up`` (z) are optional in both.
"""

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import http.client
import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.address import check_address, public_address
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.safe_npz import Npz
from athena_wbc.synthesis.generators.mdm.features import placed_start
from athena_wbc.synthesis.human_features import joints_at_rate
from athena_wbc.synthesis.motion import FPS, JOINTS, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.tokens import check_variable, token_of

LONGEST_WAIT = 60.0
"""Seconds that one wait between tries takes at most, whatever the server asks for."""

LARGEST_POSITION = 1000.0
"""m; positions beyond it are in another unit, or nonsense."""

_UP = {"z": (0, 1, 2), "y": (2, 0, 1)}
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


@dataclasses.dataclass
class HttpConfig:
    """Settings of `http`."""

    url: str = ""
    """Address that takes the request, http or https."""
    timeout: float = 120.0
    """Seconds that the server may be silent."""
    retries: int = 4
    """Further tries after a failure that may pass: no connection, silence, too many requests, a server's fault."""
    backoff: float = 1.0
    """Seconds before the second try, twice as many before each further one; a server's Retry-After goes before it."""
    batch: int = 16
    """Prompts of a request."""
    most_megabytes: float = 64.0
    """Largest answer that is read."""
    token_variable: str = ""
    """Environment variable with a token, sent as ``Authorization: Bearer``; empty: none is sent."""
    learned: bool = True
    """Whether a learned model makes the motions; it is written into their records."""
    licence: str = ""
    """Licence of the motions, written into their records."""


class HttpGenerator:
    """Motions from a server. That a motion does not depend on the others of its request is the server's promise.

    Args:
        sleep: called with the seconds to wait before another try.

    Raises:
        AthenaError: a setting that cannot be, or a token that is missing.
    """

    name = "http"

    def __init__(self, config: HttpConfig, sleep: Callable[[float], None] = time.sleep) -> None:
        _check(config)
        self.config = config
        self.is_learned = config.learned
        self._sleep = sleep
        self._headers()  # so that a missing token is known before there is anything to lose

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        """The server's motions, resampled to 20 fps, cut at `frames`, and begun over the origin, facing x.

        Raises:
            AthenaError: the server does not answer, refuses, or answers with something else.
        """
        if frames < 2:
            raise AthenaError(f"frames: must be 2 or more, is {frames}")
        motions = []
        for start in range(0, len(prompts), self.config.batch):
            part = prompts[start : start + self.config.batch]
            wanted = [{"id": prompt.id, "text": prompt.text} for prompt in part]
            kind, data = self._post(json.dumps({"prompts": wanted, "frames": frames, "seed": seed}).encode())
            answers = self._read(kind, data, [prompt.id for prompt in part])
            told = {"url": public_address(self.config.url), "answer_sha256": hashlib.sha256(data).hexdigest()}
            motions += [
                SyntheticMotion(
                    prompt_id=prompt.id,
                    positions=placed_start(answers[prompt.id][:frames]),
                    generator=self.name,
                    is_learned=self.is_learned,
                    seed=seed,
                    provenance=told,
                    licence=self.config.licence,
                )
                for prompt in part
            ]
        return motions

    def _post(self, body: bytes) -> tuple[str, bytes]:
        """Content type and bytes of the answer, after as many tries as it takes and is allowed."""
        where = f"http: {public_address(self.config.url)}"
        headers = self._headers()
        request = urllib.request.Request(self.config.url, data=body, headers=headers, method="POST")
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        opener = urllib.request.build_opener(_NoRedirects)
        for attempt in range(self.config.retries + 1):
            asked: float | None = None
            try:
                with opener.open(request, timeout=self.config.timeout) as answer:
                    return answer.headers.get_content_type(), self._limited(answer, where)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in _AGAIN:
                        raise AthenaError(
                            f"{where}: answers {error.code} {_said(error, token)}; {_remedy(error.code)}"
                        ) from None
                    reason, asked = f"answers {error.code} {_said(error, token)}", _retry_after(error.headers)
            except TimeoutError:
                reason = f"was silent for {self.config.timeout:g} s"
            except (OSError, http.client.HTTPException) as error:
                cause = getattr(error, "reason", error)
                silent = isinstance(cause, TimeoutError)
                reason = f"was silent for {self.config.timeout:g} s" if silent else f"cannot be reached ({cause})"
            if attempt < self.config.retries:
                wait = self.config.backoff * 2.0**attempt if asked is None else asked
                self._sleep(min(max(wait, 0.0), LONGEST_WAIT))
        raise AthenaError(
            f"{where}: {reason}, {self.config.retries + 1} times; check that it runs, or raise timeout or retries"
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json, application/x-npz"}
        if self.config.token_variable:
            headers["Authorization"] = f"Bearer {token_of(self.config.token_variable, 'http: token_variable')}"
        return headers

    def _limited(self, answer: Any, where: str) -> bytes:
        most = int(self.config.most_megabytes * 2**20)
        data = answer.read(most + 1)
        if len(data) > most:
            raise AthenaError(
                f"{where}: the answer is larger than {self.config.most_megabytes:g} MiB; lower batch or raise "
                "most_megabytes"
            )
        if answer.length:  # a read of so many bytes at most does not mind that the connection broke before
            raise http.client.IncompleteRead(data, answer.length)
        return data

    def _read(self, kind: str, data: bytes, names: Sequence[str]) -> Mapping[str, np.ndarray]:
        where = f"http: {public_address(self.config.url)}: the answer"
        if kind == "application/json":
            arrays, fps, up = _from_json(data, where)
        elif data[:4] == b"PK\x03\x04":
            arrays, fps, up = _from_npz(data, where, names)
        else:
            raise AthenaError(f"{where} is '{kind[:40]}'; JSON (application/json) or an npz archive is expected")
        if up not in _UP:
            raise AthenaError(f"{where}: up: is '{str(up)[:20]}', z or y is expected")
        if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 1.0 <= fps <= 1000.0:
            raise AthenaError(f"{where}: fps: is '{str(fps)[:20]}', a number from 1 to 1000 is expected")
        missing = [name for name in names if name not in arrays]
        if missing:
            raise AthenaError(f"{where} lacks {len(missing)} of {len(names)} prompts, the first is {missing[0]}")
        return {name: _positions(f"{where}: {name}", arrays[name], up, float(fps)) for name in names}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without its body and with the token: it is refused instead."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Do not follow; the answer becomes an error with its code."""
        return None


def _check(config: HttpConfig) -> None:
    check_address(
        config.url, "url", "http://127.0.0.1:8000/generate", "put a token into the variable of token_variable"
    )
    if config.token_variable:
        check_variable(config.token_variable, "token_variable")
    for key, least, most in (
        ("timeout", 0.01, 3600.0),
        ("retries", 0, 20),
        ("backoff", 0.0, LONGEST_WAIT),
        ("batch", 1, 1000),
        ("most_megabytes", 0.001, 4096.0),
    ):
        if not least <= getattr(config, key) <= most:
            raise AthenaError(f"{key}: must be from {least:g} to {most:g}, is {getattr(config, key):g}")


def _said(error: urllib.error.HTTPError, token: str) -> str:
    """The first words of a refusal, without the token."""
    try:
        text = error.read(400).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        text = ""
    text = text.replace(token, "***") if token else text
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return f"({words[:120]})" if words else f"({error.reason})"


def _remedy(code: int) -> str:
    if code in (401, 403):
        return "set token_variable to the environment variable with a valid token"
    if 300 <= code < 400:
        return "give the address that it redirects to as url"
    return "check url and the server's log"


def _retry_after(headers: Any) -> float | None:
    """Seconds that the server asks to wait, from a number or a date; None where it asks for nothing readable."""
    value = (headers.get("Retry-After") or "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return seconds if np.isfinite(seconds) else None


def _from_json(data: bytes, where: str) -> tuple[dict[str, Any], Any, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise AthenaError(f"{where} is no valid JSON; check the server's log") from None
    motions = content.get("motions") if isinstance(content, dict) else None
    if not isinstance(motions, list) or not all(isinstance(motion, dict) for motion in motions):
        raise AthenaError(f"{where} has no list 'motions'; each is {{id, positions}}")
    arrays = {}
    for motion in motions:
        if not isinstance(motion.get("id"), str) or "positions" not in motion:
            raise AthenaError(f"{where}: motions: one has no 'id' or no 'positions'")
        try:
            arrays[motion["id"]] = np.array(motion["positions"], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise AthenaError(
                f"{where}: {motion['id'][:40]}: positions are no frames of {JOINTS} joints of three numbers"
            ) from None
    return arrays, content.get("fps", FPS), content.get("up", "z")


def _from_npz(data: bytes, where: str, names: Sequence[str]) -> tuple[dict[str, Any], Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.npz"
        path.write_bytes(data)
        try:
            archive = Npz(path)
            arrays = {name: archive[name] for name in names if name in archive}
            fps = archive["fps"].reshape(-1).tolist()[0] if "fps" in archive else FPS
            up = str(archive["up"].reshape(-1).tolist()[0]) if "up" in archive else "z"
        except AthenaError as error:
            raise AthenaError(str(error).replace(str(path), where)) from None
        except IndexError:
            raise AthenaError(f"{where}: fps or up is an empty array") from None
    return arrays, fps, up


def _positions(where: str, array: np.ndarray, up: str, fps: float) -> np.ndarray:
    if array.ndim != 3 or array.shape[1:] != (JOINTS, 3) or len(array) < 2 or array.dtype.kind not in "fiu":
        raise AthenaError(
            f"{where}: positions have the shape {array.shape}; (two or more frames, {JOINTS}, 3) is needed"
        )
    positions = array.astype(np.float64)
    if not (np.abs(positions) < LARGEST_POSITION).all():
        raise AthenaError(f"{where}: positions are not finite, or beyond {LARGEST_POSITION:g} m; metres are expected")
    positions = positions[..., _UP[up]]
    lasts = (len(positions) - 1) / fps
    if lasts * FPS < 1.0 - 1e-6:
        raise AthenaError(f"{where}: lasts {lasts:.3f} s, too short for two frames at {FPS:g} fps")
    return joints_at_rate(positions, fps, FPS)

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from athena_wbc import __version__, cli
from athena_wbc.errors import AthenaError
from athena_wbc.threads import prepare_threads


def refused(arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command line that is a mistake, and return the one line that it prints."""
    assert cli.main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("athena: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("trian", "unknown 'trian'; did you mean 'train'?"),
        ("motions inf builtin", "athena motions: unknown 'inf'; did you mean 'info'?"),
        ("bench envs", "athena bench: unknown 'envs'; did you mean 'env'?"),
        ("robots", "arguments are required: action; see athena robots --help"),
        ("train", "arguments are required: --out; see athena train --help"),
        (
            "train --out x --num_env 5",
            "option: unknown '--num_env'; did you mean '--num_envs'?",
        ),
        ("train --out x --num_envs 0", "--num_envs/--num-envs: must be 1 or more, is 0"),
        ("train --out x --seed one", "--seed: invalid int value: 'one'"),
        ("robots list please", "athena robots list: one argument too many: 'please'"),
        ("motions info a.csv --fps fast", "--fps: invalid float value: 'fast'"),
        ("robots show g2", "robot: unknown 'g2'; did you mean 'g1'?"),
    ],
)
def test_a_mistake_is_one_line(arguments: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert expected in refused(arguments, capsys)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            "--task Athena-Tracking-G2-v0",
            "task: unknown 'Athena-Tracking-G2-v0'; did you mean 'Athena-Tracking-G1-v0'?",
        ),
        ("--task Athena-Tracking-G1-Play-v0", "for looking at, with athena play; train on Athena-Tracking-G1-v0"),
        ("--recipe genral", "recipe: unknown 'genral'; did you mean 'general'?"),
        ("--recipe gone.yaml", "gone.yaml: no such file; give a recipe file of your own or one of: "),
        ("ppo.gama=0.9", "command line: ppo.gama: unknown key 'gama'; did you mean 'gamma'?"),
        ("ppo.gamma=high", "command line: ppo.gamma: Value 'high'"),
        ("task.observations=compat", "task.observations: observations: unknown 'compat'; did you mean 'compact'?"),
        ("robot=g2", "robot: unknown 'g2'; did you mean 'g1'?"),
        ("ppo.gamma=1.5", "ppo.gamma: 1.5 is not between 0 and 1"),
        ("--motions gone.csv", "gone.csv"),
        ("--motions .", ".: no motion files in this folder"),
        ("--device warp", "device"),
    ],
)
def test_a_wrong_training_is_one_line(
    arguments: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert expected in refused(f"train --out run {arguments}", capsys)
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("evaluate --checkpoint gone.pt --out report", "gone.pt: no such checkpoint"),
        ("evaluate --checkpoint . --out report", ".: holds no checkpoint"),
        ("evaluate --checkpoint damaged.pt --out report", "damaged.pt: damaged, or no checkpoint"),
        ("play --checkpoint gone.pt --out show.png", "gone.pt: no such checkpoint"),
        ("play --motions gone.csv --out show.png", "gone.csv"),
        ("play --motions gone.csv --out show.gif", "show.gif: unknown kind of file"),
    ],
)
def test_a_wrong_checkpoint_is_one_line(
    arguments: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "damaged.pt").write_bytes(b"PK\x03\x04 cut off")
    monkeypatch.chdir(tmp_path)
    assert expected in refused(arguments, capsys)
    assert [entry.name for entry in tmp_path.iterdir()] == ["damaged.pt"]


def test_alone_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([])
    assert left.value.code == 0
    assert "athena train --recipe general" in capsys.readouterr().out


def all_commands(parser: argparse.ArgumentParser, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return [c for name, sub in action.choices.items() for c in all_commands(sub, (*prefix, name))]
    return [prefix]


@pytest.mark.parametrize("command", all_commands(cli.build_parser()), ids=" ".join)
def test_every_command_has_help_with_examples(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([*command, "--help"])
    assert left.value.code == 0
    assert f"examples:\n  athena {' '.join(command)}" in capsys.readouterr().out


def test_options_and_overrides_may_stand_in_any_order() -> None:
    arguments = cli._parse("train ppo.gamma=0.9 --out x --motions a.csv seed=3 --motions builtin --num-envs 8".split())
    assert arguments.overrides == ["ppo.gamma=0.9", "seed=3"]
    assert arguments.motions == ["a.csv", "builtin"]
    assert (arguments.num_envs, arguments.seed, arguments.device, arguments.resume) == (8, None, "cpu", False)


def run_with(monkeypatch: pytest.MonkeyPatch, raised: BaseException) -> int:
    def fail(arguments: argparse.Namespace) -> None:
        raise raised

    monkeypatch.setattr("athena_wbc.commands.robots.list_robots", fail)
    return cli.main(["robots", "list"])


def test_how_motions_are_read_goes_with_their_specification() -> None:
    """So it reaches the record of a run and every list that a command writes; built-in clips need none."""
    given = "train --out x --motions a.csv --fps 60 --motions builtin:walk --quaternion wxyz --accept gravity".split()
    assert cli._parse(given).motions == [
        '{"path": "a.csv", "fps": 60.0, "quaternion": "wxyz", "accept": ["gravity"]}',
        "builtin:walk",
    ]
    for command in ("evaluate --checkpoint c --out x", "mine --checkpoint c --out x", "route --teacher a=b --out x"):
        assert cli._parse([*command.split(), "--motions", "a.csv"]).motions == ["a.csv"]
        assert cli._parse([*command.split(), "--motions", "a.csv", "--format", "csv:lafan"]).motions == [
            '{"path": "a.csv", "format": "csv:lafan"}'
        ]


@pytest.mark.parametrize("motions", ["", "--motions builtin:walk", "--resume"])
def test_how_files_are_read_without_files(motions: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--fps: says how files are read; name them with --motions" in refused(
        f"train --out x --fps 0 {motions}", capsys
    )


def test_a_users_mistake_in_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(monkeypatch, AthenaError("clip.csv: empty\n; record it again")) == 2
    assert capsys.readouterr().err == "athena: error: clip.csv: empty ; record it again\n"


def test_an_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "athena: interrupted\n"


def test_a_bug_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        run_with(monkeypatch, ZeroDivisionError())


def test_robots_list_names_the_g1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["robots", "list"]) == 0
    assert "Unitree G1" in capsys.readouterr().out


def test_robots_show_has_a_row_a_joint(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["robots", "show", "g1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("_joint " in line for line in lines) == 29
    knee = next(line for line in lines if line.startswith("left_knee_joint"))
    assert "139.000" in knee


@pytest.mark.parametrize("value", ["0", "two", "-1"])
def test_a_wrong_number_of_threads(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATHENA_TORCH_THREADS", value)
    assert "ATHENA_TORCH_THREADS" in refused("robots list", capsys)


def python(code: str, repository: Path, **environment: str) -> str:
    paths = os.pathsep.join(str(repository / part) for part in ("", "robots", "tasks"))
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_version_imports_nothing_heavy(repository: Path) -> None:
    code = (
        "import sys\n"
        "from athena_wbc.cli import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit as left:\n    assert left.code == 0\n"
        "print(sorted({'torch', 'mujoco', 'numpy', 'rich', 'omegaconf'} & set(sys.modules)))\n"
    )
    assert python(code, repository) == f"athena {__version__}\n[]\n"


def test_the_robots_need_no_torch(repository: Path) -> None:
    code = "import sys\nfrom athena_wbc.cli import main\nmain(['robots', 'list'])\nprint('torch' in sys.modules)"
    assert python(code, repository).endswith("False\n")


def test_torch_gets_one_thread_unless_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = "from athena_wbc.threads import prepare_threads\nprepare_threads()\n"
    code = f"{prepare}import torch\nprint(torch.get_num_threads())"
    assert python(code, repository, OMP_NUM_THREADS="", GOMP_SPINCOUNT="") == "1\n"
    for name, value in {"ATHENA_TORCH_THREADS": "2", "OMP_NUM_THREADS": "3", "GOMP_SPINCOUNT": "9"}.items():
        monkeypatch.setenv(name, value)
    prepare_threads()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["GOMP_SPINCOUNT"]) == ("2", "9")
    monkeypatch.delenv("ATHENA_TORCH_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    prepare_threads()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["GOMP_SPINCOUNT"]) == ("3", "0")


@pytest.mark.parametrize("tool", ["train", "distill", "evaluate", "export", "mine", "route", "play"])
def test_tools_run_from_a_bare_checkout(tool: str, repository: Path, tmp_path: Path) -> None:
    # -S hides the installed package; what remains on the path are the dependencies.
    packages = [path for path in sys.path if path.endswith("-packages")]
    done = subprocess.run(
        [sys.executable, "-S", str(repository / "tools" / f"{tool}.py"), "--help"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(packages)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: athena {tool}" in done.stdout

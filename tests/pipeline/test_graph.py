"""Stages, their order, and who needs whom."""

from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.config import PipelineConfig, PolicyConfig, load_pipeline
from athena_wbc.pipeline.graph import build_graph, downstream, find_stage, upstream


def graph_of(**policies: PolicyConfig):
    return build_graph(PipelineConfig(policies=policies), "my.yaml")


SINGLE = ("manifests", "mine", "route", "pictures", "report")


def test_the_demo_in_order() -> None:
    graph = build_graph(load_pipeline("demo"), "demo")
    policies = ["general", "residual_control", "dynamic", "balance", "student", "finetune"]
    order = list(graph)
    assert set(order) == {*policies, *(f"evaluate.{name}" for name in policies), *SINGLE}
    for stage in graph.values():
        assert all(order.index(need) < order.index(stage.name) for need in stage.needs)
    assert graph["mine"].needs == ("general",)
    assert graph["dynamic"].needs == graph["balance"].needs == ("general", "mine")
    assert graph["route"].needs == ("general", "dynamic", "balance")
    assert graph["student"].needs == ("general", "dynamic", "balance", "route")
    assert graph["finetune"].needs == ("student",)
    assert graph["evaluate.student"].needs == ("student", "mine", "manifests")
    assert graph["pictures"].needs == ("finetune", "evaluate.finetune", "mine", "general", "evaluate.general")
    assert set(graph["report"].needs) == set(order) - {"report"}
    # The experts do not wait for each other, nor for an evaluation.
    assert order.index("balance") < order.index("evaluate.general")


def test_only_what_is_needed_is_a_stage() -> None:
    config = PipelineConfig(policies={"a": PolicyConfig("general"), "b": PolicyConfig("student", teachers=["a"])})
    config.evaluation.sets = ["full", "residual"]
    config.pictures = "b"
    graph = build_graph(config, "my.yaml")
    assert list(graph) == ["a", "b", "evaluate.a", "evaluate.b", "pictures", "report"]
    assert graph["evaluate.b"].needs == ("b",)
    assert graph["pictures"].needs == ("b", "evaluate.b")
    config.pictures = None
    assert "pictures" not in build_graph(config, "my.yaml")


def test_the_smoothness_ablation_mines_nothing() -> None:
    graph = build_graph(load_pipeline("smoothness"), "smoothness")
    assert not {"mine", "route"} & set(graph)
    assert all(not graph[name].needs for name in ("sonic_base", "no_smooth", "dynamic_caps", "dynamic"))


def test_a_teacher_that_is_left_out_is_not_waited_for() -> None:
    config = load_pipeline("demo", ["routing.without=[balance]"])
    assert build_graph(config, "demo")["route"].needs == ("general", "dynamic")


def test_upstream_and_downstream() -> None:
    graph = build_graph(load_pipeline("demo"), "demo")
    assert upstream(graph, "dynamic") == {"general", "mine", "dynamic"}
    assert downstream(graph, "route") == {
        "route",
        "student",
        "finetune",
        "evaluate.student",
        "evaluate.finetune",
        "pictures",
        "report",
    }
    assert upstream(graph, "report") == downstream(graph, "general") | {"manifests"} == set(graph)


def test_an_unknown_stage() -> None:
    graph = build_graph(load_pipeline("demo"), "demo")
    with pytest.raises(AthenaError, match=r"--until: stage unknown 'studnet'; did you mean 'student'\?"):
        find_stage(graph, "studnet", "--until")


@pytest.mark.parametrize(
    ("policies", "circle"),
    [
        ({"a": PolicyConfig("general", init_from="b"), "b": PolicyConfig("general", init_from="a")}, "a -> b -> a"),
        ({"a": PolicyConfig("general", init_from="a")}, "a -> a"),
        # Mined from its own failures.
        ({"general": PolicyConfig("general", motions="residual")}, "general -> mine -> general"),
    ],
)
def test_a_circle_is_named(policies: dict[str, PolicyConfig], circle: str) -> None:
    with pytest.raises(AthenaError, match=rf"my.yaml: policies: a circle: {circle} .*; change init_from"):
        graph_of(**policies)

"""The rewrite driver and pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import rnngraph.ops as ops
from rnngraph.backends.reference import ReferenceExecutable
from rnngraph.ir.compare import same_graph
from rnngraph.ir.graph import Graph, Node, Value, call, call_node
from rnngraph.ir.parser import parse
from rnngraph.ir.printer import print_graph
from rnngraph.ir.rewrite import Pass, RewriteError, Rule, apply_rules, rules_pass, run_pipeline
from rnngraph.ir.verify import VerifyError, verify
from rnngraph.ir.walk import all_nodes, rebuild
from tests.support.random_graphs import random_graph

assert ops


def double_negation(node: Node) -> Value | None:
    """neg(neg(x)) = x."""
    inner = node.operands[0].node
    return inner.operands[0] if inner is not None and inner.op.name == "neg" else None


DOUBLE_NEGATION = Rule("double_negation", ("neg",), double_negation)
SUB_TO_ADD = Rule("sub_to_add", ("sub",), lambda n: call("add", n.operands[0], call("neg", n.operands[1])))
ADD_TO_SUB = Rule("add_to_sub", ("add",), lambda n: call("sub", n.operands[0], call("neg", n.operands[1])))


def rewritten(text: str, *rules: Rule) -> str:
    graph = apply_rules(parse(text), rules, "test")
    verify(graph, closed=True)
    return print_graph(graph)


def test_rules_run_to_a_fixpoint() -> None:
    lines = "".join(f"  %{i + 1} = neg %{i} : f32[3]\n" for i in range(9))
    graph = apply_rules(parse(f"graph @f(%0: f32[3]) {{\n{lines}  return %9, %8\n}}\n"), [DOUBLE_NEGATION])
    assert graph.results[1] is graph.params[0]
    node = graph.results[0].node
    assert node is not None and node.op.name == "neg" and node.operands[0] is graph.params[0]


def test_the_replaced_node_is_gone_and_what_rules_make_is_rewritten_too() -> None:
    text = "graph @f(%x: f32[3], %y: f32[3]) {\n  %a = neg %y : f32[3]\n  %b = sub %x, %a : f32[3]\n  return %b\n}\n"
    assert rewritten(text, SUB_TO_ADD, DOUBLE_NEGATION) == (
        "graph @f(%x: f32[3], %y: f32[3]) {\n  %a = neg %y : f32[3]\n  %3 = add %x, %y : f32[3]\n"
        "  return %3\n}\n")


def test_a_pass_that_changes_nothing_returns_the_same_graph() -> None:
    graph = parse("graph @f(%x: f32[3]) {\n  %a = neg %x : f32[3]\n  return %a\n}\n")
    assert apply_rules(graph, [DOUBLE_NEGATION, SUB_TO_ADD]) is graph
    assert run_pipeline(graph, [rules_pass("nothing", [DOUBLE_NEGATION])]) is graph


def test_what_a_rule_built_before_it_gave_up_is_removed() -> None:
    def gives_up(node: Node) -> None:
        call("exp", node.operands[0])
    graph = parse("graph @f(%x: f32[3]) {\n  %a = neg %x : f32[3]\n  %b = neg %a : f32[3]\n  return %b\n}\n")
    changed = apply_rules(graph, [Rule("gives_up", ("neg",), gives_up), DOUBLE_NEGATION])
    assert changed is not graph and not any(n.op.name == "exp" for n in changed.nodes)


def test_rules_reach_regions() -> None:
    text = """
graph @f(%x: f32[3], %n: i32[], %p: bool[]) {
  %a, %b = loop %n carry(%c=%x) do(%t) {
    %d = if %p2 captures(%e=%c) then {
      %g = neg %e : f32[3]
      %h = neg %g : f32[3]
      yield %h
    } else {
      yield %e
    } : f32[3]
    yield carry(%d)
  } : f32[3], i32[] = trips
  return %a
}""".replace("carry(%c", "captures(%p2=%p) carry(%c")
    graph = apply_rules(parse(text), [DOUBLE_NEGATION])
    verify(graph, closed=True)
    branch = next(n for n in all_nodes(graph) if n.op.name == "if").regions[0]
    assert branch.results[0] is branch.params[0]


def test_effects_can_be_removed_and_are_otherwise_kept() -> None:
    text = "graph @f(%p: bool[], %q: bool[]) {\n  !1: assert %p\n  assert %q after(!1)\n  return\n}\n"
    assert rewritten(text, DOUBLE_NEGATION) == text
    gone: Sequence[Value] = ()
    first = Rule("drop", ("assert",), lambda n: gone if n.operands[0].hint == "p" else None)
    assert rewritten(text, first) == "graph @f(%p: bool[], %q: bool[]) {\n  assert %q\n  return\n}\n"


def test_a_replaced_effect_keeps_its_followers() -> None:
    text = "graph @f(%p: bool[], %q: bool[]) {\n  !1: assert %p\n  assert %q after(!1)\n  return\n}\n"

    def twice(node: Node) -> Sequence[Value] | None:
        if node.operands[0].hint != "p":
            return None
        call_node("assert", call("logical_not", call("logical_not", node.operands[0])))
        return ()

    result = rewritten(text, Rule("twice", ("assert",), twice))
    assert "!1: assert %3\n  assert %q after(!1)" in result, result


def test_effects_that_a_rule_makes_stay_though_nobody_reads_what_they_give() -> None:
    def told(node: Node) -> Value:
        call("print", node.operands[0])
        return call("tanh", node.operands[0])

    result = rewritten("graph @f(%x: f32[3]) {\n  %b = exp %x : f32[3]\n  return %b\n}\n", Rule("told", ("exp",), told))
    assert "= print %x" in result and "= tanh %x" in result


@pytest.mark.parametrize("rules", [[SUB_TO_ADD, ADD_TO_SUB], [ADD_TO_SUB, SUB_TO_ADD]])
def test_rules_that_undo_one_another_are_named(rules: list[Rule]) -> None:
    with pytest.raises(RewriteError) as caught:
        rewritten("graph @f(%x: f32[3], %y: f32[3]) {\n  %b = sub %x, %y : f32[3]\n  return %b\n}\n", *rules)
    message = str(caught.value)
    assert "'sub_to_add'" in message and "'add_to_sub'" in message and "> " in message


def test_rules_that_undo_one_another_in_later_sweeps_are_named() -> None:
    grow = Rule("grow", ("exp",), lambda n: call("tanh", call("log", n.operands[0])))
    back = Rule("back", ("log",), lambda n: call("neg", call("exp", n.operands[0])))
    with pytest.raises(RewriteError, match=r"'(grow|back)' and '(grow|back)'"):
        rewritten("graph @f(%x: f32[3]) {\n  %b = exp %x : f32[3]\n  return %b\n}\n", grow, back)


def test_a_rule_must_replace_every_result() -> None:
    with pytest.raises(RewriteError, match="'short' gives 0 values for 1 results"):
        rewritten("graph @f(%x: f32[3]) {\n  %b = exp %x : f32[3]\n  return %b\n}\n",
                  Rule("short", ("exp",), lambda n: ()))


def test_random_programs_keep_their_meaning(graphs: int) -> None:
    for seed in range(graphs // 4):
        graph, inputs = random_graph(np.random.default_rng(seed))
        changed = run_pipeline(graph, [rules_pass("tidy", [DOUBLE_NEGATION, SUB_TO_ADD])], verify=True)
        copy = rebuild(graph, lambda r, n: None)
        assert same_graph(graph, copy)
        for a, b in zip(ReferenceExecutable(graph)(inputs), ReferenceExecutable(changed)(inputs), strict=True):
            np.testing.assert_array_equal(a, b)


# --- pipelines ---------------------------------------------------------------------------------------------------

TEXT = ("graph @f(%x: f32[3]) {\n  %a = neg %x : f32[3]\n  %b = neg %a : f32[3]\n"
        "  %c = constant {value=f32(@big)} : f32[99]\n  return %b, %c\n}\n")


def test_pipelines_write_what_each_pass_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = parse(TEXT, {"big": np.arange(99, dtype=np.float32)})
    passes = [rules_pass("subs", [SUB_TO_ADD]), rules_pass("negs", [DOUBLE_NEGATION])]
    monkeypatch.setenv("RNNGRAPH_DUMP", str(tmp_path / "env"))
    run_pipeline(graph, passes, verify=True)
    run_pipeline(graph, passes, tmp_path / "given")
    for folder in ("env", "given"):
        names = sorted(p.name for p in (tmp_path / folder).glob("*.rn"))
        assert names == ["00-closed.rn", "02-negs.rn"], "a pass that changed nothing writes nothing"
        (array,) = (tmp_path / folder).glob("*.npy")
        back = parse((tmp_path / folder / "00-closed.rn").read_text(), {array.stem: np.load(array)})
        assert same_graph(back, graph)


def test_pipelines_say_which_pass_broke_the_program() -> None:
    graph = parse("graph @f(%x: f32[3]) {\n  %a = neg %x : f32[3]\n  return %a\n}\n")

    def spoil(old: Graph) -> Graph:
        made = rebuild(old, lambda r, n: None)
        made.sealed = False
        return made
    with pytest.raises(VerifyError, match="after pass 'spoil'"):
        run_pipeline(graph, [Pass("spoil", spoil)], verify=True)
    with pytest.raises(VerifyError, match="after pass 'closed'"):
        run_pipeline(spoil(graph), [], verify=True)

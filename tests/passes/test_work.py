"""How much passes build: nothing where nothing changes, and no more for each node of a larger program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.ir.graph import Builder, Graph, Node
from rnngraph.ir.walk import all_nodes
from rnngraph.passes.pipeline import KERNELS, LOOPS, TIDY
from tests.support.random_graphs import random_graph

Counted = Callable[[Callable[[], Any]], tuple[Any, int]]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """What a call gives, and how many nodes it builds."""
    made, append = [0], Builder._append

    def noting(self: Builder, node: Node) -> Node:
        made[0] += 1
        return append(self, node)
    monkeypatch.setattr(Builder, "_append", noting)

    def run(call: Callable[[], Any]) -> tuple[Any, int]:
        before = made[0]
        found = call()
        return found, made[0] - before
    return run


def size(graph: Graph) -> int:
    """The nodes of a program, regions included."""
    return sum(1 for _ in all_nodes(graph))


def settled(graph: Graph) -> Graph:
    """A program that no pass changes any more."""
    for _ in range(10):
        before = graph
        for _, step in (*TIDY, *LOOPS):
            graph = step(graph)
        if graph is before:
            return graph
    raise AssertionError("the passes come to no end")


@pytest.mark.parametrize("seed", range(40))
def test_a_pass_that_changes_nothing_builds_nothing(seed: int, counted: Counted) -> None:
    rng = np.random.default_rng(7000 + seed)
    graph = settled(random_graph(rng, steps=int(rng.integers(4, 25)), depth=int(rng.integers(0, 4)))[0])
    for name, step in (*TIDY, *LOOPS):
        after, built = counted(lambda step=step: step(graph))
        assert after is graph, name
        # A rule that is asked whether it fits may make a node or two before it says no.
        assert built <= size(graph) // 4, f"{name} builds {built} nodes for a program of {size(graph)}"


def closed(layers: int) -> Graph:
    """A training step of recurrent layers."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [4, None, 3])
        cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(5) for _ in range(layers)])
        loss = tf.reduce_sum(tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)[0])
        train = tf.train.AdamOptimizer().minimize(loss)
        sess = tf.Session(engine="llvm")
        sess.run(tf.global_variables_initializer())
        graph: Graph = sess.closed_graph([loss, train], {x: np.ones((4, 6, 3))})
        return graph


def test_work_grows_with_the_program(counted: Counted) -> None:
    """Eight layers cost no more a node than two; the whole way builds each node fewer than six times."""
    def passed(graph: Graph) -> Graph:
        for _, step in (*TIDY, *LOOPS, *KERNELS):
            graph = step(graph)
        return graph
    shares = []
    for layers in (2, 8):
        graph = closed(layers)
        _, built = counted(lambda graph=graph: passed(graph))
        shares.append(built / size(graph))
    assert shares[1] <= shares[0] * 1.1 and max(shares) < 6, shares

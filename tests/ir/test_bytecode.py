"""Bytes: every program survives encoding and decoding; equal programs are equal bytes, whichever process made them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.ir.bytecode import Pool, Unencodable, decode, encode
from rnngraph.ir.compare import difference
from rnngraph.ir.graph import Array, Builder, Frame, Graph, Origin, building, call
from rnngraph.ir.printer import print_graph
from rnngraph.ir.sizes import Symbol, floordiv, maximum
from rnngraph.ir.types import float32, tensor
from rnngraph.ir.verify import verify
from rnngraph.ir.walk import all_nodes
from rnngraph.passes.pipeline import KERNELS, LOOPS, TIDY, optimise
from tests.support.random_graphs import random_graph


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_survive(seed: int) -> None:
    rng = np.random.default_rng(8800 + seed)
    graph = random_graph(rng, steps=int(rng.integers(4, 25)), depth=int(rng.integers(0, 4)))[0]
    pool = Pool()
    data = encode(graph, pool)
    again = decode(data, pool)
    verify(again, closed=True)
    assert difference(graph, again) is None
    assert encode(again, Pool()) == data, "what is read is written the same"
    optimised = optimise(graph, (*TIDY, *LOOPS, *KERNELS))
    read = decode(encode(optimised, pool), pool)
    verify(read, closed=True)
    assert difference(optimised, read) is None
    for old, new in zip(all_nodes(optimised), all_nodes(read), strict=True):
        assert old.name == new.name and old.origin == new.origin


def test_sizes_keep_their_form() -> None:
    """Symbols are born in the order of the first program's: normal forms go by it, and the arguments of native code."""
    first, second = (Symbol(hint) for hint in ("first", "second"))
    builder = Builder(Graph())
    builder.graph.binds.update((first, second))
    builder.param(tensor(float32, (second.dim, first.dim)))
    x = builder.param(tensor(float32, (floordiv(maximum(first.dim, second.dim), 3),)))
    graph = builder.graph.seal([x])
    again = decode(encode(graph, Pool()), Pool())
    assert print_graph(again) == print_graph(graph)
    born = {s.hint: s.serial for s in again.binds}
    assert born["first"] < born["second"]


def program(value: Any, line: int, op: str = "constant") -> Graph:
    """x + value."""
    builder = Builder(Graph())
    x = builder.param(tensor(float32, (2,)))
    with building(builder):
        c = builder.node(op, (), {"value": Array(value)}, origin=Origin((Frame("a.py", line, "f"),))).results[0]
        return builder.graph.seal([call("add", x, c)])


def test_lines_and_drawn_numbers_are_not_what_a_program_is() -> None:
    def bytes_of(graph: Graph) -> tuple[bytes, bytes]:
        pool = Pool()
        return encode(graph, pool), pool.digest()
    one, two = np.float32([1, 2]), np.float32([3, 4])
    assert bytes_of(program(one, 1)) == bytes_of(program(one, 2))
    assert bytes_of(program(one, 1)) != bytes_of(program(two, 1))
    assert bytes_of(program(one, 1, "seeds")) == bytes_of(program(two, 1, "seeds"))
    assert bytes_of(program(one, 1, "seeds")) != bytes_of(program(one, 1))


def test_what_is_read_has_the_lines_and_constants_of_the_program_at_hand() -> None:
    data = encode(program(np.float32([1, 2]), 1), Pool())
    pool = Pool()
    encode(program(np.float32([5, 6]), 7), pool)
    made = decode(data, pool).nodes[0]
    assert made.origin.line == "a.py:7 in f" and made.attrs["value"].array.tolist() == [5, 6]


def test_what_belongs_to_the_process_is_refused() -> None:
    x = tf.placeholder(tf.float32, [2])
    closed = tf.Session(engine="reference").closed_graph(tf.py_func(lambda a: a, [x], tf.float32), {x: [1, 2]})
    with pytest.raises(Unencodable):
        encode(closed, Pool())


PROGRAM = """
import hashlib, sys
import rnngraph as tf
from rnngraph.ir.bytecode import Pool, encode
for _ in range(int(sys.argv[1])):
    tf.Session().run(tf.constant(1.0) + 1)  # another history of the process
tf.reset_default_graph()
x = tf.placeholder(tf.float32, [None, None, 3])
cell = tf.nn.rnn_cell.DropoutWrapper(tf.nn.rnn_cell.LSTMCell(4), 0.5)
y, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
train = tf.train.AdamOptimizer().minimize(tf.reduce_sum(y))
session = tf.Session(engine="reference")
session.run(tf.global_variables_initializer())
graph = session.closed_graph(train, {x: [[[1.0, 2.0, 3.0]]]})
pool = Pool()
print(hashlib.sha256(encode(graph, pool) + pool.digest()).hexdigest())
"""


def test_processes_agree() -> None:
    """Also where numbers are drawn that nobody chose, and whatever the hashes of strings are."""
    found = {subprocess.run([sys.executable, "-c", PROGRAM, str(before)], capture_output=True, text=True, check=True,
                            env=None).stdout for before in (0, 3)}
    assert len(found) == 1

"""Statements of one line: the ops that users write, on whatever is at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.random_programs.maker import Maker

Statement = Callable[[Maker], Any]
STATEMENTS: dict[str, list[Statement]] = {}
"""Family -> statements."""


def statement(family: str) -> Callable[[Statement], Statement]:
    """Register a statement."""
    def made(f: Statement) -> Statement:
        STATEMENTS.setdefault(family, []).append(f)
        return f
    return made


SMOOTH = ("tanh", "sigmoid", "negative", "square", "sin", "cos", "erf", "atan", "nn.softplus", "nn.softsign", "log_sigmoid",
          "expm1", "exp", "sinh", "erfc")
KINKED = ("abs", "sign", "floor", "ceil", "round", "rint", "nn.relu", "nn.relu6", "nn.elu", "nn.selu", "nn.leaky_relu")
POSITIVE = ("log", "sqrt", "rsqrt", "log1p", "reciprocal")
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "logsumexp")


# --- floats -------------------------------------------------------------------------------------------------------------

@statement("plain")
def unary(m: Maker) -> Any:
    """An elementwise function."""
    x = m.float()
    return x and m.let(f"tf.{m.of(SMOOTH + KINKED)}({x})")


@statement("plain")
def positive(m: Maker) -> Any:
    """A function of something positive."""
    x = m.float()
    return x and m.let(f"tf.{m.of(POSITIVE)}(tf.{m.of(('abs', 'square'))}({x}) + {abs(m.number()) + 0.3:.3f})")


@statement("plain")
def binary(m: Maker) -> Any:
    """Arithmetic that broadcasts."""
    x = m.float()
    y = x and m.mate(x)
    if not x or not y:
        return None
    options = [f"{x} + {y}", f"{x} - {y}", f"{x} * {y}", f"{y} * {x}", f"tf.maximum({x}, {y})", f"tf.minimum({x}, {y})",
               f"tf.squared_difference({x}, {y})", f"{x} / (tf.abs({y}) + 0.7)", f"tf.floormod({x}, tf.abs({y}) + 0.7)",
               f"tf.pow(tf.abs({x}) + 0.5, {y})", f"tf.add_n([{x}, {m.alike(x)}, {x}])"]
    return m.let(m.of(options))


@statement("plain")
def scaled(m: Maker) -> Any:
    """Arithmetic with numbers."""
    x, c = m.float(), m.number()
    return x and m.let(m.of((f"{x} * {c}", f"{c} - {x}", f"{x} + {c}", f"tf.maximum({x}, {c})", f"{x} ** 2.0",
                             f"tf.clip_by_value({x}, -0.8031, 0.9027)", f"{x} / 2.7", f"-{x}", f"abs({x})")))


@statement("plain")
def product(m: Maker) -> Any:
    """Matrix products."""
    x = m.float(2, 3)
    if not x:
        return None
    rank = m.values(x)[0].a.ndim
    y = m.main_float(rank) or x
    flags = m.of(("", "", ", transpose_a=True", ", transpose_b=True"))
    square = f"tf.matmul({x}, {m.alike(x)}, transpose_b=True)"
    options = [f"tf.matmul({x}, {y}{flags})", square]
    if rank == 2:
        options += [f"tf.tensordot({x}, {y}, [[1], [0]])", f"tf.einsum('ij,jk->ik', {x}, {y})",
                    f"tf.einsum('ij,ij->i', {x}, {m.alike(x)})"]
    else:
        w = m.main_float(2) or x
        options += [f"tf.tensordot({x}, {w}, [[2], [0]])", f"tf.einsum('abc,cd->abd', {x}, {w})"]
    return m.let(m.of(options))


@statement("plain")
def reduced(m: Maker) -> Any:
    """A reduction of any kind, over any axes."""
    x = m.float(1)
    if not x:
        return None
    rank = m.values(x)[0].a.ndim
    axes = m.of((None, m.axis(x), m.axis(x), [0], sorted({0, rank - 1})))
    keep = m.of(("", "", ", keep_dims=True"))
    return m.let(f"tf.reduce_{m.of(REDUCTIONS)}({x}, {axes}{keep})")


@statement("plain")
def normalised(m: Maker) -> Any:
    """Softmax and what else looks at whole rows."""
    x = m.float(1)
    return x and m.let(m.of((f"tf.nn.softmax({x})", f"tf.nn.log_softmax({x})", f"tf.nn.l2_normalize({x}, {m.axis(x)})",
                             f"tf.nn.softmax({x}, {m.axis(x)})", f"tf.clip_by_norm({x}, 0.9)", f"tf.nn.l2_loss({x})",
                             f"tf.cumsum({x}, {m.axis(x)})", f"tf.cumsum({x}, 0, exclusive=True, reverse=True)",
                             f"tf.cumprod({x}, {m.axis(x)})", f"tf.global_norm([{x}, {m.alike(x)}])",
                             f"tf.norm({x}, axis={m.axis(x)})")))


@statement("plain")
def losses(m: Maker) -> Any:
    """Cross entropies."""
    x = m.float(1, full=True)
    if not x:
        return None
    wide, labels = m.values(x)[0].shape[-1], m.kind("i", 0, 3, known=True)
    options = [f"tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.sigmoid({m.alike(x)}), logits={x})",
               f"tf.nn.softmax_cross_entropy_with_logits(labels=tf.stop_gradient(tf.nn.softmax({m.alike(x)})), logits={x})"]
    if labels:
        options += [f"tf.nn.sparse_softmax_cross_entropy_with_logits(labels={labels} % {wide}, logits={x})",
                    f"tf.nn.softmax_cross_entropy_with_logits(labels=tf.one_hot({labels} % {wide}, {wide}, "
                    f"dtype=tf.{m.values(x)[0].dtype.name}), logits={x})"]
    return m.let(m.of(options))


@statement("plain")
def many(m: Maker) -> Any:
    """Functions with several results."""
    x = m.float(1)
    if not x:
        return None
    size = m.values(x)[0].shape[m.axis(x)]
    options = [(f"tf.nn.moments({x}, [{m.axis(x)}])", 2), (f"tf.clip_by_global_norm([{x}, {m.alike(x)}], 0.9)[0]", 2),
               (f"tf.nn.top_k({x}, {m.whole(1, 2)})", 2), (f"tf.tuple([{x}, {m.alike(x)}])", 2)]
    fixed = all(t.fixed for t in m.values(x))
    if fixed and size:
        axis = m.axis(x)
        n = m.values(x)[0].shape[axis]
        options += [(f"tf.unstack({x}, axis={axis})", n), (f"tf.split({x}, {n}, {axis})", n)] if 0 < n < 5 else []
        options += [(f"tf.split({x}, [1, -1], {axis})", 2)] if n > 1 else []
    return m.lets(*m.of(options))


@statement("plain")
def stopped(m: Maker) -> Any:
    """No gradient passes."""
    x = m.float()
    return x and m.chance(0.3) and m.let(m.of((f"tf.stop_gradient({x})", f"tf.identity({x})")))


# --- shapes -------------------------------------------------------------------------------------------------------------

@statement("plain")
def moved(m: Maker) -> Any:
    """Axes turned, added, removed; rows in another order."""
    x = m.pick(lambda t: t.a.ndim > 0)
    if not x:
        return None
    rank = m.values(x)[0].a.ndim
    perm = [int(i) for i in m.shared.rng.permutation(rank)]
    options = [f"tf.transpose({x}, {perm})", f"tf.transpose({x})", f"tf.expand_dims({x}, {m.whole(-rank - 1, rank)})",
               f"tf.reverse({x}, [{m.axis(x)}])", f"tf.squeeze(tf.expand_dims({x}, 1), [1])",
               f"tf.reshape({x}, [-1])", f"tf.reshape({x}, [{m.values(x)[0].shape[0] or -1}, -1])",
               f"tf.pad({x}, {[[m.whole(0, 2), m.whole(0, 1)] for _ in range(rank)]})",
               f"tf.tile({x}, {[m.whole(1, 2) for _ in range(rank)]})"]
    return m.let(m.of(options))


@statement("plain")
def joined(m: Maker) -> Any:
    """concat and stack."""
    x = m.pick(lambda t: t.a.ndim > 0)
    if not x:
        return None
    rank, dtype = m.values(x)[0].a.ndim, m.values(x)[0].dtype
    y = m.pick(lambda t: t.a.ndim == rank and t.dtype == dtype) or x
    return m.let(m.of((f"tf.concat([{x}, {y}], {m.axis(x)})", f"tf.concat([{x}, {m.alike(x)}, {x}], {m.axis(x)})",
                       f"tf.stack([{x}, {m.alike(x)}], {m.axis(x)})")))


@statement("plain")
def cut(m: Maker) -> Any:
    """Slices."""
    x = m.pick(lambda t: t.a.ndim > 0)
    if not x:
        return None
    keys = [m.of((":", "1:", ":2", "::2", "::-1", "-2:", ":-1", "0", "-1", "0:1")) for _ in m.values(x)[0].shape]
    keys = keys[:m.whole(1, len(keys))] + m.of(([], [], ["None"]))
    return m.let(m.of((f"{x}[{', '.join(keys)}]", f"{x}[..., {m.of(('0', '-1', ':2', '1:', 'None'))}]")))


# --- whole numbers and truth values ------------------------------------------------------------------------------------

@statement("plain")
def counted(m: Maker) -> Any:
    """Arithmetic of whole numbers."""
    x = m.kind("i")
    y = x and m.mate(x)
    if not x or not y:
        return None
    return m.let(m.of((f"{x} + {y}", f"{x} - {y}", f"{x} * {y}", f"{x} % {m.whole(2, 5)}", f"{x} // {m.whole(2, 5)}",
                       f"tf.maximum({x}, {y})", f"tf.minimum({x}, {y})", f"tf.truncatediv({x}, {m.of((2, 3, -2))})",
                       f"tf.truncatemod({x}, {m.of((2, 3, -2))})", f"{x} // (tf.abs({y}) + 1)", f"tf.square({x})",
                       f"{x} + {m.whole(-2, 3)}", f"tf.negative({x})")))


@statement("plain")
def reduced_whole(m: Maker) -> Any:
    """Reductions of whole numbers and truth values."""
    x = m.kind("ib", 1)
    if not x:
        return None
    kinds = ("all", "any") if m.values(x)[0].dtype.kind == "b" else ("sum", "max", "min", "prod", "mean")
    return m.let(m.of((f"tf.reduce_{m.of(kinds)}({x}, {m.of((None, m.axis(x)))})", f"tf.reduce_{m.of(kinds)}({x})",
                       f"tf.reduce_{m.of(kinds)}({x}, {m.axis(x)}, keep_dims=True)")))


@statement("plain")
def places(m: Maker) -> Any:
    """Where extremes are, and how many."""
    x = m.kind("fi", 1)
    return x and m.let(m.of((f"tf.argmax({x}, {m.axis(x)})", f"tf.argmin({x}, {m.axis(x)})", f"tf.count_nonzero({x})",
                             f"tf.argmax({x}, {m.axis(x)}, output_type=tf.int32)", f"tf.count_nonzero({x}, {m.axis(x)})")))


@statement("plain")
def compared(m: Maker) -> Any:
    """Comparisons and logic."""
    x, p = m.kind("fi"), m.kind("b")
    y = x and m.mate(x)
    q = p and m.mate(p)
    options = []
    if x and y:
        op = m.of(("less", "less_equal", "greater", "greater_equal"))
        options += [f"tf.{op}({x}, {y})", f"tf.{op}({x}, {m.values(x)[0].dtype.type(m.number() * 2)!s})"]
        if m.values(x)[0].dtype.kind == "i":
            options += [f"tf.{m.of(('equal', 'not_equal'))}({x}, {y})"]
    if p and q:
        options += [f"tf.logical_{m.of(('and', 'or', 'xor'))}({p}, {q})", f"tf.logical_not({p})"]
    return options and m.let(m.of(options))


@statement("plain")
def chosen(m: Maker) -> Any:
    """tf.where of three."""
    p = m.kind("b")
    if not p:
        return None
    shapes = [t.shape for t in m.values(p)]
    found = [n for n in m.pool if all(t.shape == s or (len(s) == 1 and t.shape[:1] == s)
                                      for t, s in zip(m.values(n), shapes, strict=True))]
    x = found and m.of(found)
    return x and m.let(f"tf.where({p}, {x}, {m.alike(x)})")


@statement("plain")
def converted(m: Maker) -> Any:
    """Casts."""
    x = m.pick()
    return x and m.let(f"tf.cast({x}, tf.{m.of((m.main, m.main, 'int32', 'int64', 'float32', 'bool', 'float64'))})")


# --- sizes that only a run knows ----------------------------------------------------------------------------------------

@statement("sizes")
def asked(m: Maker) -> Any:
    """A size as a number."""
    x = m.pick(lambda t: t.a.ndim > 0)
    return x and m.let(m.of((f"tf.shape({x})[{m.axis(x)}]", f"tf.size({x})", f"tf.shape({x})")))


@statement("sizes")
def made_of_sizes(m: Maker) -> Any:
    """Tensors as large as a number says."""
    n = m.pick(lambda t: t.dtype == np.int32 and t.a.ndim == 0 and not t.loose)
    if not n:
        return None
    n = m.of((n, f"({n} % 5)", f"tf.abs({n}) + 1", f"tf.maximum({n}, 0)"))
    return m.let(m.of((f"tf.range({n})", f"tf.zeros([{n}, 3], tf.{m.main})", f"tf.ones([{n}], tf.{m.main})",
                       f"tf.fill([{n}, 2], {m.number()})", f"tf.cast(tf.range({n}), tf.{m.main})",
                       f"tf.one_hot(tf.range({n}), {n}, dtype=tf.{m.main})", f"tf.range({n}, 0, -1)",
                       f"tf.eye({n}, dtype=tf.{m.main})", f"tf.range(1, {n} + 1)")))


@statement("sizes")
def reshaped(m: Maker) -> Any:
    """reshape, tile and slices with computed numbers."""
    x = m.pick(lambda t: t.a.ndim > 1)
    y = m.pick(lambda t: t.a.ndim > 0)
    n = m.pick(lambda t: t.dtype == np.int32 and t.a.ndim == 0 and not t.loose)
    if not x or not y or not n:
        return None
    zeros = f"tf.zeros_like({x})"
    both = f"tf.logical_or({zeros}, {x})" if m.values(x)[0].dtype == np.bool_ else f"{zeros} + {m.alike(x)}"
    return m.let(m.of((f"tf.reshape({x}, [tf.shape({x})[0], -1])", f"tf.reshape({x}, tf.reverse(tf.shape({x}), [0]))",
                       f"tf.reshape({x}, [-1, tf.shape({x})[1]])", f"{y}[:{n}]", f"{y}[{n}:]", f"{y}[:{n}:2]", f"{y}[{n}]",
                       f"tf.tile(tf.expand_dims({y}, 0), [{n}] + [1] * {m.values(y)[0].a.ndim})",
                       f"{x}[:, :{n}]", both, f"tf.zeros(tf.shape({x}), tf.{m.values(x)[0].dtype.name})",
                       f"tf.concat([{x}, tf.zeros([{n}, tf.shape({x})[1]], tf.{m.values(x)[0].dtype.name})], 0)",
                       f"tf.slice({x}, [0] * {m.values(x)[0].a.ndim}, tf.shape({x}))",
                       f"tf.pad({y}, [[{n} % 3, 1]] + [[0, 0]] * {m.values(y)[0].a.ndim - 1})")))


@statement("sizes")
def masked(m: Maker) -> Any:
    """As many rows as a mask lets through."""
    p = m.kind("b", 1, 2, known=True)
    if not p:
        return None
    shapes = [t.shape for t in m.values(p)]
    found = [n for n in m.pool if all(t.shape[:len(s)] == s for t, s in zip(m.values(n), shapes, strict=True))]
    return m.let(m.of((f"tf.boolean_mask({m.of(found)}, {p})", f"tf.where({p})", f"tf.gather_nd({m.of(found)}, tf.where({p}))",
                       f"tf.boolean_mask({m.of(found)}, {p})")))


@statement("sizes")
def distinct(m: Maker) -> Any:
    """unique, partitions, masks of lengths."""
    i = m.kind("i", 1, 1, known=True)
    if not i:
        return None
    shapes = [t.shape for t in m.values(i)]
    rows = m.of([n for n in m.pool if all(t.shape[:1] == s for t, s in zip(m.values(n), shapes, strict=True))])
    return m.lets(*m.of(((f"tf.unique({i})", 2), (f"tf.unique_with_counts({i})", 3),
                         (f"tf.dynamic_partition({rows}, tf.cast({i} % 2, tf.int32), 2)", 2),
                         (f"[tf.sequence_mask({i}, {m.whole(1, 4)}, dtype=tf.{m.main})]", 1),
                         (f"[tf.sequence_mask(tf.abs({i}), dtype=tf.{m.main})]", 1),
                         (f"[tf.dynamic_stitch([tf.range(tf.size({i}))], [{rows}])]", 1),
                         (f"[tf.unsorted_segment_sum({rows}, {i} % 3, 3)]", 1),
                         (f"[tf.segment_sum({rows}, tf.cumsum({i} % 2))]", 1))))


@statement("sizes")
def gathered(m: Maker) -> Any:
    """Rows at places brought into range; also places as they are."""
    i, x = m.kind("i", 0, 2, known=True), m.pick(lambda t: t.a.ndim > 0)
    if not i or not x:
        return None
    axis = m.whole(0, m.values(x)[0].a.ndim - 1)
    size = f"tf.shape({x}, out_type=tf.{m.values(i)[0].dtype.name})"
    return m.let(m.of((f"tf.gather({x}, {i})", f"tf.gather({x}, {i} % {size}[0])",
                       f"tf.nn.embedding_lookup({x}, {i} % {size}[0])",
                       f"tf.gather({x}, {i} % {size}[{axis}], axis={axis})", f"tf.gather({x}, tf.range(tf.shape({x})[0] - 1))",
                       f"tf.gather_nd({x}, tf.expand_dims({i} % {size}[0], -1))",
                       f"tf.scatter_nd(tf.expand_dims({i} % 4, -1), tf.ones_like({i}), [4])")))


@statement("sizes")
def turned(m: Maker) -> Any:
    """The first steps of each row turned round."""
    i = m.kind("i", 1, 1, known=True)
    x = i and m.pick(lambda t: t.a.ndim > 1)
    if not x:
        return None
    steps = f"tf.shape({x}, out_type=tf.{m.values(i)[0].dtype.name})[1]"
    return m.let(f"tf.reverse_sequence({x}, tf.abs({i}) % ({steps} + 1), seq_axis=1, batch_axis=0)")


# --- draws --------------------------------------------------------------------------------------------------------------

@statement("draws")
def drawn(m: Maker) -> Any:
    """Random numbers, all seeded."""
    x, seed = m.float(1), m.whole(1, 99)
    if not x:
        return None
    return m.let(m.of((f"tf.nn.dropout({x}, 0.6, seed={seed})", f"tf.nn.dropout({x}, 1.0, seed={seed})",
                       f"tf.random_uniform(tf.shape({x}), -1.0, 1.0, dtype=tf.{m.main}, seed={seed})",
                       f"tf.random_normal([{m.whole(0, 5)}, 3], dtype=tf.{m.main}, seed={seed})",
                       f"tf.truncated_normal([{m.whole(1, 9)}], dtype=tf.{m.main}, seed={seed})",
                       f"tf.random_uniform([{m.whole(1, 9)}], 0, 7, dtype=tf.int32, seed={seed})",
                       f"tf.random_shuffle({x}, seed={seed})")))

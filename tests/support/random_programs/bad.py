"""Lines that fail when they run, in one world at least."""

from __future__ import annotations

from tests.support.eager import core
from tests.support.random_programs.maker import Maker


def spoil(m: Maker) -> str | None:
    """A name that cannot be computed; None if nothing was found that fails."""
    for _ in range(8):
        expression = _expression(m)
        if expression is None:
            continue
        name = m.fresh("bad")
        text = _placed(m, name, expression)
        if _fails(m, text):
            m.lines += text.split("\n")
            return name
    return None


def _fails(m: Maker, text: str) -> bool:
    """Whether a world fails because of the line, and the others have no trouble."""
    found = []
    for world in m.worlds:
        try:
            with core.running(world.inner({}).run):
                exec(text, dict(world.names))
            found.append("works")
        except core.Bad:
            found.append("fails")
        except Exception:
            found.append("unclear")
    return "fails" in found and "unclear" not in found


def _placed(m: Maker, name: str, expression: str) -> str:
    """The line, at the top, in a branch, in a loop or for each row."""
    run = f"tf.cast(tf.reduce_sum(tf.cast({expression}, tf.float32)) * 0.0, tf.int32)"
    return str(m.of((
        f"{name} = {expression}", f"{name} = {expression}",
        f"{name} = tf.cond(tf.equal(n, n), lambda: {run}, lambda: 0 * n)",
        f"{name} = tf.cond(tf.less(n, n), lambda: {run}, lambda: 0 * n)",
        f"{name}_t, {name} = tf.while_loop(lambda t, c: t < 2, lambda t, c: [t + 1, c + {run}], [tf.constant(0), n])",
        f"{name} = tf.map_fn(lambda r: {run} + r, tf.range(3))",
    )))


def _expression(m: Maker) -> str | None:
    x, i = m.pick(lambda t: t.a.ndim > 0), m.kind("i", 0, 1, known=True)
    f = m.float(1)
    if not x or not i or not f:
        return None
    rank, dtype = m.values(x)[0].a.ndim, m.values(f)[0].dtype.name
    array = f"tf.TensorArray(tf.{m.values(x)[0].dtype.name}, 2)"
    return str(m.of((
        f"tf.gather({x}, {i})", f"{x}[n]", f"tf.reshape({x}, [tf.size({x}) + 1])", f"{i} // ({i} - {i})", f"{i} % (n - n)",
        f"tf.concat([{x}, tf.zeros([n] * {rank}, tf.{m.values(x)[0].dtype.name})], 0)", "tf.zeros([n - 10])",
        "tf.range(n, n - 2, 1)", f"{array}.write(2, {x}).read(0)", f"{array}.write(n, {x}).read(n)",
        f"{array}.write(0, {x}).read(1)", f"{array}.write(1, {x}).write(1, {x}).read(1)", f"{array}.write(0, {x}).stack()",
        f"tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=y + {m.number()})",
        f"tf.invert_permutation({i} * 0 + 1)", f"tf.check_numerics({f} / tf.zeros_like({f}), 'here')",
        f"tf.split({x}, [1, n], 0)[0]", f"{f} + tf.zeros([tf.shape({f})[-1] + 1], tf.{dtype})",
        f"tf.unsorted_segment_sum({i}, {i}, 2)", f"tf.segment_sum({i}, -{i})", "tf.matmul(y, tf.ones([n, 2], y.dtype))",
        f"tf.argmax(tf.zeros([0, n * 0 + 2]) + tf.cast({i}[:1], tf.float32), 0)", f"tf.gather_nd({x}, [[n]])",
        f"tf.slice({x}, [n] + [0] * {rank - 1}, [1] + [-1] * {rank - 1})", "tf.scatter_nd([[n]], [1.0], [2])",
        "tf.dynamic_partition(ids, ids, 2)[0]", f"tf.nn.top_k({f}, n + 3)[0]", "tf.reverse_sequence(x, ids, 1, batch_axis=0)",
    )))

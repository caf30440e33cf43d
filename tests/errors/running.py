"""Misuse that only a run can tell: (what, program -> fetches and feeds, TensorFlow's class, a phrase of the message)."""

from __future__ import annotations

import numpy as np


def fed(tf, make, *values):
    """What `make` builds of placeholders without static shapes, and the feeds."""
    arrays = [np.asarray(v) for v in values]
    holders = [tf.placeholder(tf.as_dtype(np.float32 if a.dtype == np.float64 else a.dtype)) for a in arrays]
    return make(*holders), dict(zip(holders, arrays, strict=True))


def sized(tf, make, *values):
    """The same with placeholders of known rank and unknown sizes."""
    arrays = [np.asarray(v) for v in values]
    holders = [tf.placeholder(tf.as_dtype(np.float32 if a.dtype == np.float64 else a.dtype), [None] * a.ndim)
               for a in arrays]
    return make(*holders), dict(zip(holders, arrays, strict=True))


def f(*shape):
    return np.ones(shape, np.float32)


def i(*values):
    return np.array(values, np.int32)


OPS = [
    ("matmul, inner sizes", lambda tf: sized(tf, tf.matmul, f(2, 10), f(12, 4)), "InvalidArgumentError", "10"),
    ("matmul, unknown ranks", lambda tf: fed(tf, tf.matmul, f(2, 10), f(12, 4)), "InvalidArgumentError", "12"),
    ("matmul, rank 1 unknown", lambda tf: fed(tf, tf.matmul, f(2), f(2, 4)), "InvalidArgumentError", "[2]"),
    ("batch matmul, sizes", lambda tf: sized(tf, tf.matmul, f(2, 3, 4), f(3, 4, 5)), "InvalidArgumentError", "2"),
    ("add, sizes", lambda tf: sized(tf, tf.add, f(2, 3), f(4)), "InvalidArgumentError", "Incompatible shapes"),
    ("add, unknown ranks", lambda tf: fed(tf, tf.add, f(2, 3), f(4)), "InvalidArgumentError", "Incompatible shapes"),
    ("add in a chain", lambda tf: sized(tf, lambda a, b: tf.tanh(a + b) * 2.0, f(2, 3), f(4)), "InvalidArgumentError",
     "Incompatible shapes"),
    ("sum of a bad sum", lambda tf: sized(tf, lambda a, b: tf.reduce_sum(tf.exp(a * b)), f(2, 3), f(4)),
     "InvalidArgumentError", "Incompatible shapes"),
    ("int division by zero", lambda tf: sized(tf, tf.floordiv, i(1, 2), i(1, 0)), "InvalidArgumentError", "zero"),
    ("int modulo by zero", lambda tf: sized(tf, tf.floormod, i(1, 2), i(1, 0)), "InvalidArgumentError", "zero"),
    ("maximum, sizes", lambda tf: sized(tf, tf.maximum, f(2), f(3)), "InvalidArgumentError", "Incompatible shapes"),
    ("equal, sizes", lambda tf: sized(tf, tf.equal, f(2), f(3)), "InvalidArgumentError", "Incompatible shapes"),
    ("select, sizes", lambda tf: sized(tf, lambda a, b: tf.where(a > 0, a, b), f(2), f(3)), "InvalidArgumentError", ""),
    ("concat, sizes", lambda tf: sized(tf, lambda a, b: tf.concat([a, b], 0), f(2, 3), f(2, 4)), "InvalidArgumentError",
     "ConcatOp"),
    ("concat, unknown ranks", lambda tf: fed(tf, lambda a, b: tf.concat([a, b], 0), f(2, 3), f(2, 4)),
     "InvalidArgumentError", "ConcatOp"),
    ("concat, ranks", lambda tf: fed(tf, lambda a, b: tf.concat([a, b], 0), f(2, 3), f(2)), "InvalidArgumentError", ""),
    ("stack, sizes", lambda tf: sized(tf, lambda a, b: tf.stack([a, b]), f(2), f(3)), "InvalidArgumentError",
     "Shapes of all inputs must match"),
    ("reshape, elements", lambda tf: sized(tf, lambda a: tf.reshape(a, [4]), f(2, 3)), "InvalidArgumentError", "6"),
    ("reshape, shape fed", lambda tf: sized(tf, tf.reshape, f(2, 3), i(4, 2)), "InvalidArgumentError", "6"),
    ("reshape, two unknowns", lambda tf: sized(tf, tf.reshape, f(2, 3), i(-1, -1)), "InvalidArgumentError", "-1"),
    ("reshape, negative", lambda tf: sized(tf, tf.reshape, f(2, 3), i(-2, 3)), "InvalidArgumentError", "-2"),
    ("reshape, not a divisor", lambda tf: sized(tf, lambda a: tf.reshape(a, [4, -1]), f(2, 3)), "InvalidArgumentError", "4"),
    ("transpose, perm fed", lambda tf: sized(tf, tf.transpose, f(2, 3), i(0, 0)), "NotImplementedError", ""),
    ("squeeze, not one", lambda tf: sized(tf, lambda a: tf.squeeze(a, [0]), f(2, 3)), "InvalidArgumentError", "2"),
    ("split, indivisible", lambda tf: sized(tf, lambda a: tf.split(a, 2, 1), f(2, 3)), "InvalidArgumentError", "2"),
    ("split, sum", lambda tf: sized(tf, lambda a: tf.split(a, [1, 1], 1), f(2, 3)), "InvalidArgumentError", ""),
    ("unstack, num", lambda tf: sized(tf, lambda a: tf.unstack(a, 5), f(2, 3)), "InvalidArgumentError", "5"),
    ("tile, multiples fed", lambda tf: sized(tf, tf.tile, f(2), i(-1)), "InvalidArgumentError", "-1"),
    ("fill, negative", lambda tf: sized(tf, lambda n: tf.fill(n, 1.0), i(-2)), "InvalidArgumentError", "-2"),
    ("zeros, negative", lambda tf: sized(tf, lambda n: tf.zeros(n), i(2, -2)), "InvalidArgumentError", "-2"),
    ("range, zero delta", lambda tf: sized(tf, lambda d: tf.range(0, 5, d), np.int32(0)), "InvalidArgumentError", "delta"),
    ("range, wrong way", lambda tf: sized(tf, lambda n: tf.range(n, 0, 1), np.int32(5)), "InvalidArgumentError", ""),
    ("one_hot, negative depth", lambda tf: sized(tf, lambda n: tf.one_hot([1], n), np.int32(-3)), "InvalidArgumentError",
     "-3"),
    ("pad, negative", lambda tf: sized(tf, tf.pad, f(2), np.array([[-1, 1]], np.int32)), "InvalidArgumentError", "-1"),
    ("reverse, axis fed", lambda tf: sized(tf, tf.reverse, f(2, 3), i(5)), "NotImplementedError", "only at run time"),
    ("reverse_sequence, too long", lambda tf: sized(tf, lambda a, n: tf.reverse_sequence(a, n, 1, 0), f(2, 3), i(1, 5)),
     "InvalidArgumentError", "seq_lens(1)"),
    ("reverse_sequence, negative", lambda tf: sized(tf, lambda a, n: tf.reverse_sequence(a, n, 1, 0), f(2, 3), i(-1, 2)),
     "InvalidArgumentError", "seq_lens(0)"),
    ("reverse_sequence, lengths", lambda tf: sized(tf, lambda a, n: tf.reverse_sequence(a, n, 1, 0), f(2, 3), i(1, 2, 3)),
     "InvalidArgumentError", ""),
    ("slice, out", lambda tf: sized(tf, lambda a: tf.slice(a, [0, 2], [2, 3]), f(2, 3)), "InvalidArgumentError", ""),
    ("slice, begin fed", lambda tf: sized(tf, lambda a, b: tf.slice(a, b, [1, 1]), f(2, 3), i(0, 7)),
     "InvalidArgumentError", "7"),
    ("index, out of range", lambda tf: sized(tf, lambda a: a[5], f(2, 3)), "InvalidArgumentError", "5"),
    ("index, fed", lambda tf: sized(tf, lambda a, n: a[n], f(2, 3), np.int32(9)), "InvalidArgumentError", "9"),
    ("gather, out of range", lambda tf: sized(tf, tf.gather, f(3, 2), i(0, 7)), "InvalidArgumentError",
     "indices[1] = 7 is not in [0, 3)"),
    ("gather, negative", lambda tf: sized(tf, tf.gather, f(3, 2), i(-1)), "InvalidArgumentError",
     "indices[0] = -1 is not in [0, 3)"),
    ("gather, of nothing", lambda tf: sized(tf, tf.gather, f(0, 2), i(0)), "InvalidArgumentError", "[0, 0)"),
    ("gather_nd, out of range", lambda tf: sized(tf, tf.gather_nd, f(3, 2), np.array([[0, 5]], np.int32)),
     "InvalidArgumentError", "indices"),
    ("scatter_nd, out of range", lambda tf: sized(tf, lambda n, u: tf.scatter_nd(n, u, [4]), np.array([[9]], np.int32),
                                                  f(1)), "InvalidArgumentError", "indices"),
    ("embedding, out of range", lambda tf: sized(tf, tf.nn.embedding_lookup, f(3, 2), i(1, 3)), "InvalidArgumentError",
     "indices[1] = 3 is not in [0, 3)"),
    ("argmax of nothing", lambda tf: sized(tf, lambda a: tf.argmax(a, 0), f(0, 2)), "InvalidArgumentError", "empty"),
    ("reduce_sum, axis fed", lambda tf: sized(tf, tf.reduce_sum, f(2, 3), np.int32(5)), "NotImplementedError",
     "only at run time"),
    ("top_k, too many", lambda tf: sized(tf, lambda a: tf.nn.top_k(a, 5), f(2)), "InvalidArgumentError", "5"),
    ("sparse labels, out of range", lambda tf: sized(
        tf, lambda n, a: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=n, logits=a), i(0, 7), f(2, 3)),
     "InvalidArgumentError", "7 which is outside the valid range of [0, 3)"),
    ("sparse labels, negative", lambda tf: sized(
        tf, lambda n, a: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=n, logits=a), i(0, -1), f(2, 3)),
     "InvalidArgumentError", "-1 which is outside the valid range of [0, 3)"),
    ("sparse labels, count", lambda tf: sized(
        tf, lambda n, a: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=n, logits=a), i(0, 1, 2), f(2, 3)),
     "InvalidArgumentError", ""),
    ("softmax cross entropy, shapes", lambda tf: sized(
        tf, lambda n, a: tf.nn.softmax_cross_entropy_with_logits(labels=n, logits=a), f(2, 3), f(2, 4)),
     "InvalidArgumentError", "same size"),
    ("bias_add, sizes", lambda tf: sized(tf, tf.nn.bias_add, f(2, 3), f(4)), "InvalidArgumentError", "4"),
    ("einsum, sizes", lambda tf: sized(tf, lambda a, b: tf.einsum("ij,jk->ik", a, b), f(2, 3), f(4, 5)),
     "InvalidArgumentError", "3"),
    ("tensordot, sizes", lambda tf: sized(tf, lambda a, b: tf.tensordot(a, b, 1), f(2, 3), f(4, 5)),
     "InvalidArgumentError", "3"),
    ("segment_sum, not sorted", lambda tf: sized(tf, tf.segment_sum, f(3), i(0, 2, 1)), "InvalidArgumentError", "segment ids"),
    ("unsorted_segment_sum, out", lambda tf: sized(tf, lambda a, n: tf.unsorted_segment_sum(a, n, 2), f(3), i(0, 5, 1)),
     "InvalidArgumentError", "5"),
    ("dynamic_partition, out", lambda tf: sized(tf, lambda a, n: tf.dynamic_partition(a, n, 2)[0], f(3), i(0, 5, 1)),
     "InvalidArgumentError", "5"),
    ("random_uniform, bounds", lambda tf: (tf.random_uniform([2], 5, 2, tf.int32), {}), "InvalidArgumentError", "minval"),
    ("set_shape that is not so", lambda tf: fed(tf, lambda a: (a.set_shape([3]), a + 1.0)[1], f(2)), "ValueError", ""),
    ("assert", lambda tf: sized(tf, lambda a: tf.Assert(tf.reduce_all(a > 1.0), [a], name="check"), f(2)),
     "InvalidArgumentError", "assertion failed"),
    ("assert_equal", lambda tf: sized(tf, lambda a, b: tf.assert_equal(a, b, message="lengths"), i(1), i(2)),
     "InvalidArgumentError", "lengths"),
    ("assert_rank", lambda tf: fed(tf, lambda a: tf.assert_rank(a, 2), f(2)), "InvalidArgumentError", "rank"),
    ("assert_positive", lambda tf: sized(tf, tf.assert_positive, f(2) * -1), "InvalidArgumentError", "x > 0"),
    ("check_numerics", lambda tf: sized(tf, lambda a: tf.check_numerics(a, "loss"), f(2) * np.nan), "InvalidArgumentError",
     "loss"),
    ("string_to_number", lambda tf: (tf.placeholder(tf.float32, name="never") + 1.0, {}), "InvalidArgumentError",
     "You must feed a value for placeholder tensor 'never'"),
    ("placeholder in a loop", lambda tf: (tf.while_loop(lambda n: n < 3, lambda n: n + tf.placeholder(tf.int32, []), [0]), {}),
     "InvalidArgumentError", "You must feed"),
    ("gradient of a bad product", lambda tf: sized(tf, lambda a, b: tf.gradients(tf.matmul(a, b), [a, b]), f(2, 10),
                                                   f(12, 4)), "InvalidArgumentError", "10"),
    ("gradient of a bad sum", lambda tf: sized(tf, lambda a, b: tf.gradients(tf.exp(a + b), [a, b]), f(2, 3), f(4)),
     "InvalidArgumentError", "Incompatible shapes"),
]


def _raises(error):
    def func(x):
        raise error
    return func


PY_FUNC = [
    ("ValueError", lambda tf: sized(tf, lambda a: tf.py_func(_raises(ValueError("no good")), [a], tf.float32), f(2)),
     "InvalidArgumentError", "no good"),
    ("TypeError", lambda tf: sized(tf, lambda a: tf.py_func(_raises(TypeError("no type")), [a], tf.float32), f(2)),
     "InvalidArgumentError", "no type"),
    ("KeyError", lambda tf: sized(tf, lambda a: tf.py_func(_raises(KeyError("key")), [a], tf.float32), f(2)),
     "UnknownError", "key"),
    ("AssertionError", lambda tf: sized(tf, lambda a: tf.py_func(_raises(AssertionError("a")), [a], tf.float32), f(2)),
     "UnknownError", "a"),
    ("StopIteration", lambda tf: sized(tf, lambda a: tf.py_func(_raises(StopIteration()), [a], tf.float32), f(2)),
     "OutOfRangeError", ""),
    ("NotImplementedError", lambda tf: sized(tf, lambda a: tf.py_func(_raises(NotImplementedError("later")), [a],
                                                                    tf.float32), f(2)), "UnimplementedError", "later"),
    ("MemoryError", lambda tf: sized(tf, lambda a: tf.py_func(_raises(MemoryError("full")), [a], tf.float32), f(2)),
     "ResourceExhaustedError", "full"),
    ("OpError", lambda tf: sized(tf, lambda a: tf.py_func(_raises(tf.errors.OpError(None, None, "own", 3)), [a],
                                                        tf.float32), f(2)), "OpError", "own"),
    ("dtype", lambda tf: sized(tf, lambda a: tf.py_func(lambda x: x.astype(np.float64), [a], tf.float32), f(2)),
     "InvalidArgumentError", "expects float"),
    ("None", lambda tf: sized(tf, lambda a: tf.py_func(lambda x: None, [a], tf.float32), f(2)),
     "InvalidArgumentError", ""),
    ("count", lambda tf: sized(tf, lambda a: tf.py_func(lambda x: x, [a], [tf.float32, tf.float32]), f(2)),
     "InvalidArgumentError", ""),
    ("object", lambda tf: sized(tf, lambda a: tf.py_func(lambda x: object(), [a], tf.float32), f(2)),
     "UnimplementedError", "Unsupported object type object"),
    ("wrong shape downstream", lambda tf: sized(tf, lambda a: tf.matmul(
        tf.py_func(lambda x: x, [a], tf.float32), tf.ones([3, 2])), f(2)), "InvalidArgumentError", ""),
    ("wrong number of arguments", lambda tf: sized(tf, lambda a: tf.py_func(lambda x, y: x, [a], tf.float32), f(2)),
     "InvalidArgumentError", "argument"),
]


def array(tf, size=3, dtype=None, **more):
    return tf.TensorArray(dtype or tf.float32, size=size, **more)


TENSOR_ARRAYS = [
    ("read unwritten", lambda tf: (array(tf, element_shape=None).write(0, 1.0).read(2), {}), "InvalidArgumentError",
     "not yet been written to"),
    ("written twice", lambda tf: (array(tf).write(0, 1.0).write(0, 2.0).read(0), {}), "InvalidArgumentError",
     "already been written to"),
    ("read twice", lambda tf: (lambda a: (a.read(0) + a.read(0), {}))(array(tf).write(0, 1.0)), "InvalidArgumentError",
     "twice"),
    ("write out of range", lambda tf: (array(tf).write(5, 1.0).flow, {}), "InvalidArgumentError",
     "Tried to write to index 5"),
    ("write negative", lambda tf: (array(tf).write(-1, 1.0).flow, {}), "InvalidArgumentError", "-1"),
    ("read out of range", lambda tf: (array(tf).write(0, 1.0).read(7), {}), "InvalidArgumentError",
     "Tried to read from index 7"),
    ("negative size", lambda tf: (array(tf, size=-2).size(), {}), "InvalidArgumentError", ">= 0"),
    ("stack unwritten", lambda tf: (array(tf).write(0, 1.0).stack(), {}), "InvalidArgumentError", "not yet been written"),
    ("stack uneven", lambda tf: (array(tf, 2, infer_shape=False).write(0, tf.zeros([2])).write(1, tf.zeros([3])).stack(),
                                 {}), "InvalidArgumentError", "inconsistent shapes"),
    ("concat uneven", lambda tf: (array(tf, 2, infer_shape=False).write(0, tf.zeros([2, 2])).write(1, tf.zeros([2, 3]))
                                  .concat(), {}), "InvalidArgumentError", "inconsistent shapes"),
    ("gather out of range", lambda tf: (array(tf).unstack(tf.zeros([3])).gather([9]), {}), "InvalidArgumentError", "9"),
    ("scatter out of range", lambda tf: (array(tf).scatter([9], tf.zeros([1])).flow, {}), "InvalidArgumentError", ""),
    ("unstack wrong length", lambda tf: sized(tf, lambda x: array(tf).unstack(x).stack(), f(5)), "InvalidArgumentError", ""),
    ("split lengths", lambda tf: sized(tf, lambda x: array(tf, 2, infer_shape=False).split(x, [1, 1]).flow, f(5, 2)),
     "InvalidArgumentError", "5"),
    ("in a loop, out of range", lambda tf: (tf.while_loop(
        lambda n, a: n < 5, lambda n, a: (n + 1, a.write(n, 1.0)), [0, array(tf)])[1].stack(), {}), "InvalidArgumentError",
     "Tried to write to index 3"),
    ("in a loop, read out of range", lambda tf: (lambda xs: (tf.while_loop(
        lambda n, s: n < 5, lambda n, s: (n + 1, s + xs.read(n)), [0, 0.0])[1], {}))(
            array(tf, clear_after_read=False).unstack(tf.zeros([3]))), "InvalidArgumentError",
     "Tried to read from index 3"),
    ("in a loop, written twice", lambda tf: (tf.while_loop(
        lambda n, a: n < 3, lambda n, a: (n + 1, a.write(0, 1.0)), [0, array(tf)])[1].stack(), {}), "InvalidArgumentError",
     "already been written"),
]

LOOPS = [
    ("while, body grows", lambda tf: sized(tf, lambda a, b: tf.while_loop(
        lambda n, x: n < 3, lambda n, x: (n + 1, x + b), [0, a])[1], f(2), f(3)), "InvalidArgumentError",
     "Incompatible shapes"),
    ("while, matmul", lambda tf: sized(tf, lambda a, b: tf.while_loop(
        lambda n, x: n < 3, lambda n, x: (n + 1, tf.matmul(x, b)), [0, a], shape_invariants=[
            tf.TensorShape([]), tf.TensorShape([None, None])])[1], f(2, 10), f(12, 10)), "InvalidArgumentError", "10"),
    ("scan, element", lambda tf: sized(tf, lambda a: tf.scan(lambda s, x: s + x, a, tf.zeros([3])), f(4, 5)),
     "InvalidArgumentError", "Incompatible shapes"),
    ("map_fn, gather", lambda tf: sized(tf, lambda a, n: tf.map_fn(lambda k: tf.gather(a, k), n, dtype=tf.float32), f(3, 2),
                                        i(0, 9)), "InvalidArgumentError", "not in [0, 3)"),
    ("foldl, sizes", lambda tf: sized(tf, lambda a: tf.foldl(lambda s, x: s + x, a, tf.zeros([3])), f(4, 5)),
     "InvalidArgumentError", "Incompatible shapes"),
    ("cond, in the branch taken", lambda tf: sized(tf, lambda a, b: tf.cond(
        tf.reduce_sum(a) > 0, lambda: a + b, lambda: a), f(2), f(3)), "InvalidArgumentError", "Incompatible shapes"),
    ("cond, a vector", lambda tf: fed(tf, lambda p: tf.cond(p, lambda: 1.0, lambda: 2.0), np.array([True, False])),
     "InvalidArgumentError", ""),
    ("case, none true", lambda tf: sized(tf, lambda p: tf.case([(p, lambda: tf.constant(1))]), np.bool_(False)),
     "InvalidArgumentError", "None of the conditions"),
    ("case, two true", lambda tf: sized(tf, lambda p: tf.case([(p, lambda: tf.constant(1)), (tf.identity(p), lambda:
                                        tf.constant(2))], lambda: tf.constant(3), exclusive=True), np.bool_(True)),
     "InvalidArgumentError", "More than one condition"),
    ("dynamic_rnn, input depth", lambda tf: sized(tf, lambda x: tf.nn.dynamic_rnn(
        tf.nn.rnn_cell.BasicRNNCell(4), x, initial_state=tf.zeros([7, 4]))[0] if x.set_shape([None, None, 3]) is None
        else None, f(2, 5, 3)), "InvalidArgumentError", ""),
    ("dynamic_rnn, lengths count", lambda tf: sized(tf, lambda x, n: tf.nn.dynamic_rnn(
        tf.nn.rnn_cell.BasicRNNCell(4), x, n, dtype=tf.float32)[0] if x.set_shape([None, None, 3]) is None else None,
        f(2, 5, 3), i(1, 2, 3)), "InvalidArgumentError", "sequence_length"),
    ("bidirectional, lengths too long", lambda tf: sized(tf, lambda x, n: tf.nn.bidirectional_dynamic_rnn(
        tf.nn.rnn_cell.BasicRNNCell(4), tf.nn.rnn_cell.BasicRNNCell(4), x, n, dtype=tf.float32)[0][1]
        if x.set_shape([None, None, 3]) is None else None, f(2, 5, 3), i(9, 2)), "InvalidArgumentError", "seq_lens(0)"),
]


def uninitialised(tf, use):
    v = tf.Variable(tf.zeros([3]), name="v", collections=[])
    return use(v), {}


STATE = [
    ("uninitialised, read", lambda tf: uninitialised(tf, lambda v: v + 1.0), "FailedPreconditionError",
     "Attempting to use uninitialized value v"),
    ("uninitialised, assign_add", lambda tf: uninitialised(tf, lambda v: tf.assign_add(v, tf.ones([3]))),
     "FailedPreconditionError", "uninitialized value v"),
    ("uninitialised, in a loop", lambda tf: uninitialised(tf, lambda v: tf.while_loop(
        lambda n: n < 3.0, lambda n: n + tf.reduce_sum(v) + 1.0, [0.0])), "FailedPreconditionError", "uninitialized value v"),
    ("uninitialised, scatter", lambda tf: uninitialised(tf, lambda v: tf.scatter_add(v, [0], [1.0])),
     "FailedPreconditionError", "uninitialized value"),
    ("uninitialised, gradient", lambda tf: uninitialised(tf, lambda v: tf.gradients(v * v, v)), "FailedPreconditionError",
     "uninitialized value v"),
    ("assign, size", lambda tf: sized(tf, lambda a: tf.assign(tf.get_variable("w", [3]), a), f(4)), "InvalidArgumentError",
     "shape"),
    ("assign_add, size", lambda tf: sized(tf, lambda a: tf.assign_add(tf.get_variable("w", [3]), a), f(4)),
     "InvalidArgumentError", "shape"),
    ("scatter_update, out of range", lambda tf: sized(tf, lambda n: tf.scatter_update(tf.get_variable("w", [3]), n, [1.0]),
                                                      i(7)), "InvalidArgumentError", "7"),
    ("scatter_add, updates", lambda tf: sized(tf, lambda n, u: tf.scatter_add(tf.get_variable("w", [3]), n, u), i(0, 1),
                                              f(3)), "InvalidArgumentError", ""),
]

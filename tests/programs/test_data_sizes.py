"""Sizes that data decide, on every engine: results as TensorFlow 1.4.0 gives them, errors where it raises them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf

Invalid = tf.errors.InvalidArgumentError


def close(found: Any, wanted: Any) -> None:
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


# --- TensorArrays that grow ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("element_shape", [[2], [None], None])
@pytest.mark.parametrize("start", [[1.0, 1.0], [100.0, 1.0]], ids=["four rows", "no rows"])
def test_rows_of_a_loop_that_data_end(sess: Any, element_shape: Any, start: list[float]) -> None:
    x0 = tf.placeholder(tf.float32, [2])
    ta = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=element_shape)
    _, _, ta = tf.while_loop(lambda i, x, ta: tf.reduce_sum(x) <= 16, lambda i, x, ta: (i + 1, x * 2, ta.write(i, x * 2)),
                             (0, x0, ta))
    y = ta.stack()
    rows = [np.multiply(start, 2.0 ** (i + 1)) for i in range(4)] if start[0] == 1 else np.zeros((0, 2))
    if len(rows) == 0 and element_shape != [2]:
        return  # TensorFlow cannot say the shape of no rows then
    close(sess.run(y, {x0: start}), rows)
    close(sess.run(tf.shape(y), {x0: start}), np.shape(rows))
    close(sess.run(tf.reduce_sum(y), {x0: start}), np.sum(rows))
    close(sess.run(tf.gradients(tf.reduce_sum(y), x0)[0], {x0: start}), [30, 30] if len(rows) else [0, 0])
    if len(rows):
        close(sess.run(y[-1], {x0: start}), [16, 16])
        close(sess.run(tf.reduce_mean(y), {x0: start}), 7.5)


@pytest.mark.parametrize("steps", [64, 65, 200])
def test_more_rows_than_there_was_room_for(sess: Any, steps: int) -> None:
    """The loop goes on where it stopped, and has the rows that it made."""
    x = tf.placeholder(tf.float32, [2])
    rows = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[2])
    _, last, rows = tf.while_loop(lambda i, y, rows: y[0] < steps, lambda i, y, rows: (i + 1, y + 1.0, rows.write(i, y)),
                                  (0, x, rows))
    found = sess.run([last, rows.stack()], {x: [0.0, 0.5]})
    close(found[0], [steps, steps + 0.5])
    close(found[1], np.arange(steps)[:, None] + [0.0, 0.5])


def test_raw_rnn_that_reads_in_a_branch(sess: Any) -> None:
    steps, batch = 4, 3
    inputs, lengths = tf.placeholder(tf.float32, [steps, batch, 2]), tf.placeholder(tf.int32, [batch])
    array = tf.TensorArray(tf.float32, steps).unstack(inputs)
    cell = tf.nn.rnn_cell.BasicRNNCell(4)

    def loop_fn(time: Any, output: Any, state: Any, _: Any) -> Any:
        done = time >= lengths
        given = tf.cond(tf.reduce_all(done), lambda: tf.zeros([batch, 2]), lambda: array.read(time))
        return done, given, cell.zero_state(batch, tf.float32) if output is None else state, output, None

    outputs_, final, _ = tf.nn.raw_rnn(cell, loop_fn)
    outputs = outputs_.stack()
    loss = tf.reduce_sum(outputs ** 2) + tf.reduce_sum(final)
    sess.run(tf.global_variables_initializer())
    kernel = tf.trainable_variables()[0]
    x, w = (np.random.RandomState(i).randn(*shape).astype(np.float32) for i, shape in ((0, (steps, batch, 2)), (1, (6, 4))))
    sess.run(kernel.assign(w))
    given = [2, 1, 3]

    def run(w: Any) -> tuple[Any, Any]:
        h, rows = np.zeros((batch, 4)), []
        for t in range(max(given)):
            new, alive = np.tanh(np.concatenate([x[t], h], 1) @ w), (t < np.array(given))[:, None]
            rows.append(np.where(alive, new, 0))
            h = np.where(alive, new, h)
        return np.array(rows), h

    rows, h = run(w)
    feeds = {inputs: x, lengths: given}
    close(sess.run(outputs, feeds), rows)
    close(sess.run(final, feeds), h)
    dw, dx = sess.run(tf.gradients(loss, [kernel, inputs]), feeds)
    assert dx.shape == x.shape and not dx[3].any() and dx[2, 2].any()
    step = np.zeros((6, 4))
    step[0, 1] = 1e-5
    (up, up_h), (down, down_h) = run(w + step), run(w - step)
    numeric = ((up ** 2).sum() + up_h.sum() - (down ** 2).sum() - down_h.sum()) / 2e-5
    np.testing.assert_allclose(dw[0, 1], numeric, rtol=1e-3)


def test_a_read_in_a_branch_of_a_loop_has_derivatives(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [3, 2])
    ta = tf.TensorArray(tf.float32, 3, clear_after_read=False).unstack(x)
    _, a = tf.while_loop(lambda t, a: t < 5, lambda t, a: (
        t + 1, a * 2 + tf.cond(t >= 3, lambda: tf.zeros([2]), lambda: ta.read(t))), (0, tf.zeros([2])))
    feeds = {x: np.arange(6.0).reshape(3, 2)}
    close(sess.run(a, feeds), [32, 60])
    close(sess.run(tf.gradients(a, x)[0], feeds), [[16, 16], [8, 8], [4, 4]])


# --- only a size is wanted -------------------------------------------------------------------------------------------

def sizes_of(x: Any) -> dict[str, tuple[Any, Any]]:
    """Programs on x = [3, 1, 4, 2] that want no more of something data-sized than its size, and their results."""
    over = x > 1.5
    count = tf.shape(tf.where(over))[0]
    kept = tf.boolean_mask(x, over)
    parts = tf.dynamic_partition(x, tf.to_int32(over), 2)
    stitched = tf.dynamic_stitch(tf.dynamic_partition(tf.range(4), tf.to_int32(over), 2), parts)
    above = lambda row: tf.to_float(tf.shape(tf.where(x > row))[0])  # noqa: E731
    return {
        "where": (tf.to_float(count), 3), "boolean_mask": (tf.to_float(tf.shape(kept)[0]), 3), "int": (tf.shape(kept)[0], 3),
        "unique": (tf.to_float(tf.shape(tf.unique(tf.to_int32(x / 2))[0])[0]), 3),
        "quotient": (x / tf.to_float(count), np.array([3, 1, 4, 2]) / 3),
        "branch": (tf.cond(count > 2, lambda: x * 2, lambda: x), [6, 2, 8, 4]),
        "ones": (tf.reduce_mean(tf.ones(tf.shape(kept))), 1), "partition": (tf.to_float(tf.shape(parts[1])[0]) * 2, 6),
        "map_fn": (tf.map_fn(lambda row: row * above(row), x), [3, 3, 0, 4]),
        "scan": (tf.scan(lambda a, row: a + above(row), x, 0.0), [1, 4, 4, 6]),
        "stitch": (tf.gradients(tf.reduce_sum(stitched ** 2), x)[0], [6, 2, 8, 4])}


@pytest.mark.parametrize("what", list(sizes_of(tf.placeholder(tf.float32, [None]))))
def test_only_the_size_is_wanted(sess: Any, what: str) -> None:
    x = tf.placeholder(tf.float32, [None])
    fetch, wanted = sizes_of(x)[what]
    close(sess.run(fetch, {x: [3.0, 1, 4, 2]}), wanted)


def test_trips_and_sizes_that_a_value_nobody_reads_binds(sess: Any) -> None:
    x = tf.placeholder(tf.int32, [None])
    count, half = tf.while_loop(lambda t, h: t < tf.reduce_max(x), lambda t, h: (t + 1, h * 0.5), (0, 1.0))
    feeds = {x: [2, 3]}
    close(sess.run(count * 2, feeds), 6)
    close(sess.run(half, feeds), 0.125)
    close(sess.run(tf.eye(tf.reduce_max(x)), feeds), np.eye(3))
    inner = tf.map_fn(lambda n: 2 * tf.while_loop(lambda i: i * i < n, lambda i: i + 1, [0]), x)
    close(sess.run(inner, {x: [2, 30, 0]}), [4, 12, 0])


def test_top_k_of_a_computed_number(sess: Any) -> None:
    x, k = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [None])
    top, _ = tf.nn.top_k(x, tf.reduce_max(k))
    feeds = {x: [3.0, 1, 4, 2], k: [1, 3]}
    close(sess.run(top * 2, feeds), [8, 6, 4])
    close(sess.run(tf.shape(top), feeds), [3])
    close(sess.run(tf.gradients(tf.reduce_sum(top * top), x)[0], feeds), [6, 0, 8, 4])
    for bad in (-1, 5):
        with pytest.raises(Invalid, match="top_k"):
            sess.run(top * 2, {**feeds, k: [bad]})


# --- sizes that come out negative, empty, one ------------------------------------------------------------------------

def test_slices_beyond_the_rows(sess: Any) -> None:
    x, n = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.int32, [])
    part = tf.slice(x, [n, 0], [-1, -1])
    w = tf.ones([4, 4])
    total = tf.reduce_sum(tf.matmul(tf.matmul(tf.tanh(part), w), w)) + tf.reduce_sum(x)
    rows = np.ones((4, 4), np.float32)
    for good in (0, 1, 4):
        close(sess.run(part, {x: rows, n: good}), rows[good:])
        close(sess.run(total, {x: rows, n: good}), 16 + (4 - good) * 64 * np.tanh(1.0))
    for bad in (5, 6, -1, 60):
        for fetch in (part, total):
            with pytest.raises(Invalid):
                sess.run(fetch, {x: rows, n: bad})
    close(sess.run(part, {x: rows, n: 3}), rows[3:])


def test_what_a_split_leaves(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    first, rest = tf.split(x, [3, -1], axis=0)
    for rows in (3, 5):
        close(sess.run(rest * 2, {x: np.ones((rows, 2))}), 2 * np.ones((rows - 3, 2)))
    for fetch in (first, rest, tf.reduce_sum(rest)):
        with pytest.raises(Invalid):
            sess.run(fetch, {x: np.ones((1, 2))})


SIZED: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda n: tf.zeros([n]), "kernel": lambda n: tf.zeros([n, 2]) + 1.0, "one_hot": lambda n: tf.one_hot([0, 1], n),
    "random_normal": lambda n: tf.random_normal([n]), "random_uniform": lambda n: tf.random_uniform([n, 3]), "eye": tf.eye,
    "fill": lambda n: tf.fill([n], 3.0), "tile": lambda n: tf.tile([1.0, 2.0], [n]),
    "ones": lambda n: tf.reduce_sum(tf.ones(tf.stack([2, n]))), "pad": lambda n: tf.pad([1.0, 2.0], [[n, 0]]),
    "TensorArray": lambda n: tf.TensorArray(tf.float32, n).size(),
    "segments": lambda n: tf.unsorted_segment_sum(tf.ones([0]), tf.zeros([0], tf.int32), n)}


@pytest.mark.parametrize("what", list(SIZED))
def test_negative_sizes_are_refused(sess: Any, what: str) -> None:
    n, k = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [None])
    for size, good, bad in ((n, {n: 1}, {n: -1}), (n - 3, {n: 3}, {n: 2}), (tf.reduce_sum(k), {k: [0]}, {k: [-3]}),
                            (tf.reduce_sum(k) - 1, {k: [1, 1]}, {k: [0]})):
        fetch = SIZED[what](size)
        sess.run(fetch, good)
        with pytest.raises(Invalid):
            sess.run(fetch, bad)
        sess.run(fetch, good)


@pytest.mark.parametrize("size", [-3, -2])
def test_a_reshape_to_negative_sizes_is_refused(sess: Any, size: int) -> None:
    n = tf.placeholder(tf.int32, [])
    y = tf.reshape(tf.range(4), [n, 2])
    assert sess.run(y, {n: 2}).shape == (2, 2)
    assert sess.run(y, {n: -1}).shape == (2, 2)
    with pytest.raises(Invalid):
        sess.run(y, {n: size})


def test_the_rest_of_nothing_cannot_be_reshaped(sess: Any) -> None:
    x, n = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [])
    kept = tf.boolean_mask(x, x > 0)
    for y in (tf.reshape(x, [-1, n]), tf.reshape(kept, [-1, tf.shape(kept)[0]])):
        assert sess.run(y * 2, {x: [1.0, 2.0], n: 2}).shape == (1, 2)
        with pytest.raises(Invalid):
            sess.run(y * 2, {x: [-1.0, -2.0] if n not in y.op.inputs else [], n: 0})


SLICES: dict[str, Callable[[Any, Any], Any]] = {
    "3::2": lambda x, n: x[3::2], "4:2:3": lambda x, n: x[4:2:3], "n:2:3": lambda x, n: x[n:2:3],
    "1:7:-2": lambda x, n: x[1:7:-2], "n:2:-3": lambda x, n: x[n:2:-3], "5:n:2": lambda x, n: x[5:n:2],
    "-3::2": lambda x, n: x[-3::2], "n::-2": lambda x, n: x[n::-2], "-n:": lambda x, n: x[-n:], "n:n": lambda x, n: x[n:n]}


@pytest.mark.parametrize("what", list(SLICES))
def test_slices_that_come_out_empty(sess: Any, what: str) -> None:
    x, n = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [])
    y = SLICES[what](x, n)
    fetches = [y, tf.reduce_sum(y * 2), tf.gradients(tf.reduce_sum(y * y), x)[0]]
    for rows in (0, 1, 3, 7):
        for at in (0, 1, 5, -4, 9):
            given = np.arange(1.0, rows + 1)
            wanted = SLICES[what](given, at)
            slope = np.zeros(rows)
            slope[SLICES[what](np.arange(rows), at)] = 2 * wanted
            for found, right in zip(sess.run(fetches, {x: given, n: at}), (wanted, 2 * wanted.sum(), slope), strict=True):
                close(found, right)


@pytest.mark.parametrize(("start", "limit", "delta"), [("n", 2, 3), (0, "n", 2), ("n", 0, -2), (5, "n", -3)])
def test_ranges_that_lead_away(sess: Any, start: Any, limit: Any, delta: int) -> None:
    n = tf.placeholder(tf.int32, [])
    y = tf.range(n if start == "n" else start, n if limit == "n" else limit, delta)
    for at in (0, 1, 2, 5, 6, -1):
        low, high = (at if v == "n" else v for v in (start, limit))
        for fetch in (y, tf.to_float(y)):
            if (high - low) * np.sign(delta) < 0:
                with pytest.raises(Invalid):
                    sess.run(fetch, {n: at})
            else:
                close(sess.run(fetch, {n: at}), np.arange(low, high, delta))


def test_axes_that_turn_out_to_be_1(sess: Any) -> None:
    x, q = tf.placeholder(tf.float32, [None, 5, 1]), tf.placeholder(tf.float32, [None])
    y = tf.squeeze(x)
    for rows, shape in ((1, (5,)), (3, (3, 5)), (0, (0, 5)), (1, (5,))):
        assert sess.run(y * 2, {x: np.ones((rows, 5, 1))}).shape == shape
    close(sess.run(tf.gradients(tf.reduce_sum(y ** 2), x)[0], {x: np.ones((1, 5, 1))}), 2 * np.ones((1, 5, 1)))
    kept = tf.squeeze(tf.expand_dims(tf.boolean_mask(q, q > 0), 1))
    assert sess.run(kept, {q: [1.0, -1.0]}).shape == ()
    assert sess.run(kept, {q: [1.0, 1.0]}).shape == (2,)
    with pytest.raises(Invalid):
        sess.run(tf.squeeze(x, [0]), {x: np.ones((2, 5, 1))})


def test_rows_whose_size_is_computed_in_the_step(sess: Any) -> None:
    k = tf.placeholder(tf.int32, [None])
    padded = tf.map_fn(lambda n: tf.pad(tf.range(n), [[0, 4 - n]]), k)
    wanted = np.array([[0, 1, 2, 0], [0, 0, 0, 0]])
    close(sess.run(padded, {k: [3, 1]}), wanted)
    close(sess.run(padded + 1, {k: [3, 1]}), wanted + 1)
    uneven = tf.map_fn(lambda n: tf.range(n), k)
    close(sess.run(uneven, {k: [2, 2]}), [[0, 1], [0, 1]])
    with pytest.raises(Invalid, match="inconsistent shapes"):
        sess.run(uneven + 1, {k: [2, 1]})


def test_a_size_of_1_that_only_running_tells_broadcasts(sess: Any) -> None:
    x, p = tf.placeholder(tf.float32, [None, None]), tf.placeholder(tf.bool, [None])
    kept = tf.boolean_mask(x, p)
    y = tf.tanh(kept) * x - kept
    loop = tf.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, tf.tanh(a) * kept + x), (0, x))[1]
    fetches = [y, tf.reduce_sum(y), tf.gradients(y, x)[0], loop]
    rows = np.array([[0.5, -1.0], [2.0, 0.25]])
    for picked in ([True, False], [True, True]):
        k = rows[picked]
        right = np.tanh(k) * rows - k
        slope = np.broadcast_to(np.tanh(k), rows.shape).copy()
        by_k = (1 - np.tanh(k) ** 2) * (rows if len(k) == 2 else rows.sum(0)) - (2 / len(k))
        slope[picked] += by_k
        a = rows
        for _ in range(2):
            a = np.tanh(a) * k + rows
        for found, wanted in zip(sess.run(fetches, {x: rows, p: picked}), (right, right.sum(), slope, a), strict=True):
            close(found, wanted)
    with pytest.raises(Invalid, match="cannot be broadcast"):
        sess.run(y, {x: np.ones((3, 2)), p: [True, True, False]})


def test_uneven_rows_meet_tensors(sess: Any) -> None:
    """In branches and as what a loop carries."""
    x, p, f = tf.placeholder(tf.float32, [None, None]), tf.placeholder(tf.bool, [None]), tf.placeholder(tf.bool, [])
    y = tf.map_fn(lambda r: tf.boolean_mask(x, p), x)
    branch = tf.cond(f, lambda: y, lambda: y * 0.5)
    loop = tf.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, tf.map_fn(lambda r: tf.boolean_mask(x, p), x) + a), (0, y))[1]
    feeds: dict[Any, Any] = {x: np.ones((2, 2)), p: [True, False]}
    for taken in (True, False):
        close(sess.run(branch, {**feeds, f: taken}), np.full((2, 1, 2), 1 if taken else 0.5))
    close(sess.run(loop, feeds), np.full((2, 1, 2), 3))


def test_rows_that_are_carried_and_kept_are_one_tensor(sess: Any) -> None:
    """A loop that starts from rows whose size its steps decide keeps lists of lists; whoever reads them sees a tensor."""
    x, n, flag = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, []), tf.placeholder(tf.bool, [])
    rows = tf.map_fn(lambda r: tf.boolean_mask(x * r, x > 1), x)
    start = tf.cond(flag, lambda: rows, lambda: tf.identity(rows))
    kept = tf.scan(lambda s, _: s, tf.range(n), start)
    deeper = tf.map_fn(lambda _: tf.scan(lambda s, _: s, tf.range(n), start), tf.range(2), dtype=tf.float32)
    given = np.float32([1, 2, 3])
    wanted = np.outer(given, given[1:])
    for chosen in (True, False):
        for k in (1, 2):
            feeds = {x: given, n: k, flag: chosen}
            close(sess.run(kept, feeds), np.stack([wanted] * k))
            close(sess.run(kept * 2, feeds), np.stack([2 * wanted] * k))
            close(sess.run(deeper, feeds), np.stack([np.stack([wanted] * k)] * 2))
    with pytest.raises(Invalid, match="inconsistent shapes"):
        uneven = tf.map_fn(lambda r: tf.boolean_mask(x, x > r), x)
        sess.run(tf.scan(lambda s, _: s, tf.range(n), uneven), {x: given, n: 2})


def test_gradients_of_indices_outside_are_refused(sess: Any) -> None:
    """Their forward op does not run, since nobody reads it; the gradient would write where nothing is."""
    x, n = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [])
    for fetch in (tf.gradients(x[n], x)[0], tf.gradients(tf.slice(x, [n, 0], [1, 3]), x)[0] * 2):
        assert sess.run(fetch, {x: np.ones((2, 3)), n: 1}).sum() in (3, 6)
        for bad in (2, 1000, -3):
            with pytest.raises(Invalid):
                sess.run(fetch, {x: np.ones((2, 3)), n: bad})


def test_masks_of_nothing(sess: Any) -> None:
    x, p = tf.placeholder(tf.float32, [None, None, 3]), tf.placeholder(tf.bool, [None])
    for rows, columns in ((0, 0), (2, 0), (0, 2)):
        assert sess.run(tf.boolean_mask(x, p), {x: np.zeros((rows, columns, 3)), p: [True] * rows}).shape == (
            rows, columns, 3)


def test_what_names_a_size_of_something_that_fails_fails(sess: Any) -> None:
    """Nobody reads the reshaped value: a loop of no steps would run on it, with its sizes."""
    x, b = tf.placeholder(tf.float32, [None, None]), tf.placeholder(tf.int32, [])
    rows = tf.reshape(x, [b, -1, 2])
    outputs, state = tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicRNNCell(3), rows, dtype=tf.float32)
    sess.run(tf.global_variables_initializer())
    feeds = {x: np.ones((2, 4)), b: 2}
    assert sess.run(outputs, feeds).shape == (2, 2, 3)
    for fetch in (outputs, state, tf.shape(outputs), tf.zeros(tf.shape(rows)) + 1.0):
        with pytest.raises(Invalid):
            sess.run(fetch, {**feeds, b: 3})


def test_elements_of_unknown_size_broadcast(sess: Any) -> None:
    """While loops are raised such sizes are hoped to be equal; where they are not, the program is closed once more."""
    x, start = tf.placeholder(tf.float64, [None, None]), tf.placeholder(tf.float64, [None])
    ta = tf.TensorArray(tf.float64, tf.shape(x)[0]).unstack(x)
    _, h = tf.while_loop(lambda i, h: i < tf.shape(x)[0], lambda i, h: (i + 1, tf.tanh(h + ta.read(i))), (0, start),
                         shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])))
    for columns, size in ((3, 3), (3, 1), (1, 3), (4, 4), (1, 1), (1, 0), (2, 3)):
        rows, given = np.random.RandomState(0).randn(2, columns), np.linspace(-1, 1, size)
        if columns not in (1, size) and size != 1:
            with pytest.raises(Invalid):
                sess.run(h, {x: rows, start: given})
            continue
        wanted = given
        for row in rows:
            wanted = np.tanh(wanted + row)
        close(sess.run(h, {x: rows, start: given}), wanted)


def test_sizes_that_data_decide_must_agree(sess: Any) -> None:
    """Whatever reads them is checked when it runs, and what agrees is let through."""
    a, b = (tf.placeholder(tf.float32, [4, 2]) for _ in range(2))
    p, q = (tf.placeholder(tf.bool, [4]) for _ in range(2))
    x, y = tf.tanh(tf.boolean_mask(a, p)), tf.tanh(tf.boolean_mask(b, q))
    readers = [x + y, tf.concat([x, y], 1), tf.stack([x, y]), tf.matmul(x, y, transpose_a=True)]
    one = np.ones([4, 2], np.float32)
    two, three = [True, True, False, False], [True, True, True, False]
    for reader in readers:
        with pytest.raises(Invalid):
            sess.run(reader, {a: one, b: one, p: two, q: three})
    assert [v.shape for v in sess.run(readers, {a: one, b: one, p: two, q: two})] == [(2, 2), (2, 4), (2, 2, 2), (2, 2)]


def test_an_empty_list_in_the_branch_taken_tells_no_size(sess: Any) -> None:
    """The backward loop in one branch keeps rows whose size only running tells; the other branch keeps none."""
    b, n, flag = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.int32, []), tf.placeholder(tf.bool, [])
    w = tf.placeholder(tf.float32, [None, 1])
    rows = tf.map_fn(lambda r: b, w, dtype=tf.float32)

    def halved() -> Any:
        return tf.while_loop(lambda t, c: t < n, lambda t, c: (t + 1, c * 0.5), (0, rows),
                             shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None])])[1]

    y = tf.cond(flag, halved, lambda: w)
    slope = tf.gradients(y * y, b)[0]
    curve = tf.gradients(slope, b)[0]
    feeds = {b: [1.0, 2, 3], w: [[4.0]]}
    for k in (0, 1, 2):
        first, second = sess.run([slope, curve], {**feeds, n: k, flag: True})
        close(first, 2 * 0.25 ** k * np.array([1.0, 2, 3]))
        close(second, np.full(3, 2 * 0.25 ** k))
    for found in sess.run([slope, curve], {**feeds, n: 2, flag: False}):
        close(found, np.zeros(3))


def test_lists_of_a_loop_in_one_branch(sess: Any) -> None:
    """Backward loops keep a list a step where sizes are unknown; the other branch has something of that type to give."""
    w, flag = tf.placeholder(tf.float64, [3, 3]), tf.placeholder(tf.bool, [])

    def written() -> Any:
        ta = tf.TensorArray(tf.float64, 3, infer_shape=False, clear_after_read=False)
        ta = tf.while_loop(lambda t, c, ta: t < 3, lambda t, c, ta: (t + 1, c * 0.5, ta.write(t, c)), (0, w, ta),
                           shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None]), tf.TensorShape(None)])[2]
        first = ta.gather([0])
        first.set_shape([None, None, None])
        return first

    def gradients(way: Any) -> list[Any]:
        loss = tf.nn.moments(tf.cond(flag, way, lambda: tf.sigmoid(w)[tf.newaxis]), [-2])[1]
        found = [tf.gradients(loss, w)[0]]
        for _ in range(2):
            found.append(tf.gradients(tf.reduce_sum(found[-1] ** 2), w)[0])
        return found

    got, wanted = gradients(written), gradients(lambda: w[tf.newaxis])
    for chosen in (True, False):
        for a, b in zip(*sess.run([got, wanted], {w: np.arange(9.0).reshape(3, 3) ** 2 / 20, flag: chosen}), strict=True):
            close(a, b)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (2, 3, 2)])
def test_gradients_of_nothing(sess: Any, shape: tuple[int, ...]) -> None:
    """What rows or factors there are is counted, not inferred from empty arrays."""
    x, i = tf.placeholder(tf.float64, [None, None, 2]), tf.placeholder(tf.int32, [None, None])
    given = np.linspace(1, 2, int(np.prod(shape))).reshape(shape)
    for axes in ([0], [1], [0, 2], None):
        products = given.prod(None if axes is None else tuple(axes), keepdims=True)
        close(sess.run(tf.gradients(tf.reduce_prod(x, axes), x)[0], {x: given}), products / given)
    places = np.zeros((2, 2) if shape[0] else (0, 2), np.int32)
    for y in (tf.nn.embedding_lookup(x, i), tf.gather(x, i)):
        rows = np.zeros(shape)
        rows[:1] = places.size
        close(sess.run(tf.convert_to_tensor(tf.gradients(y, x)[0]), {x: given, i: places}), rows)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_scan_whose_carry_data_size_starts_from_the_first_row(sess: Any, rows: int) -> None:
    """Also where there is no other row, which could have said how large rows are."""
    x, n = tf.placeholder(tf.float64, [None, None]), tf.placeholder(tf.int32, [])
    given = np.arange(1.0, 3 * rows + 1).reshape(rows, 3)
    for step in (lambda a, r: a[:n] * r, lambda a, r: tf.boolean_mask(a * r, r > 0.0), lambda a, r: a * r):
        y = tf.scan(step, x)
        [g] = tf.gradients(tf.reduce_sum(y[-1]), [x])
        [h] = tf.gradients(tf.reduce_sum(g), [x])
        value, first, second = sess.run([y, g, tf.zeros_like(x) if h is None else h], {x: given, n: 3})
        assert value.tolist() == np.cumprod(given, 0).tolist()
        others = given.prod(0) / given
        np.testing.assert_allclose(first, others)
        np.testing.assert_allclose(second, others.sum(0) / given - others / given)


@pytest.mark.parametrize("n", [-1, -4, 0, 2])
def test_rows_of_a_size_that_steps_compute_and_a_state_of_their_form(sess: Any, n: int) -> None:
    x, k = tf.placeholder(tf.float64, [None, None, 3]), tf.placeholder(tf.int32, [])
    over = tf.placeholder(tf.float64, [None])
    rows = tf.map_fn(lambda r: x[:k] * r, over)
    last = tf.foldl(lambda s, r: rows, over, rows)  # one part of the gradient comes by the state, one by the rows
    (g,) = tf.gradients(last, x)
    given = np.random.RandomState(0).randn(4, 2, 3)
    wanted = np.zeros_like(given)
    wanted[:n] = 6
    np.testing.assert_array_equal(sess.run(g, {x: given, k: n, over: [1.0, 2, 3]}), wanted)


ELEMENTS: dict[str, Callable[[Any, Any], Any]] = {
    "an element": lambda x, n: tf.reduce_max(x) + x[n - 1],
    "a part": lambda x, n: x[n:n + 2],
    "slice": lambda x, n: tf.slice(x, [n], [2]),
    "range": lambda x, n: tf.to_float(tf.range(n, n + 2)),
    "pad": lambda x, n: tf.pad(x[:2], [[n, 0]])[n:],
    "split": lambda x, n: tf.split(x, [n, 7 - n])[1][:1],
    "one_hot": lambda x, n: tf.one_hot([n], 5),
    "concat": lambda x, n: tf.concat([x[n:n + 1], x[n - 1:n]], 0),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_where_the_data_decide_which_elements_are_read(sess: Any, name: str) -> None:
    """The result's size is known; only where it begins comes from a count."""
    x = tf.placeholder(tf.float32, [None])
    given = np.float32([3, 1, 4, 2, 0, 1, 0])
    wanted = {"an element": 8, "a part": [2, 0], "slice": [2, 0], "range": [3, 4], "pad": [3, 1], "split": [2],
              "one_hot": [[0, 0, 0, 1, 0]], "concat": [2, 4]}
    close(sess.run(ELEMENTS[name](x, tf.shape(tf.where(x > 1.5))[0]), {x: given}), wanted[name])


def test_one_vector_in_a_growing_array(sess: Any) -> None:
    """Its rows are not the array's elements."""
    x, k = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.int32, [])
    def array() -> Any:
        return tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False)
    row = np.float32([1, 2, 3])
    for made, wanted in ((array().write(k, x).stack(), [row]), (array().write(0, x).stack(), [row]),
                         (array().write(k, x).gather([0]), [row]), (array().write(0, x).concat(), row)):
        close(sess.run(made, {x: row, k: 0}), wanted)


def test_what_is_fed_and_what_data_decide_are_stretched_in_turn(sess: Any) -> None:
    """One compiled program serves those sizes only by which it was decided."""
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    chosen = tf.boolean_mask(y, y > 0)
    both = (x + chosen, chosen * x)
    for n, m in ((3, 3), (1, 3), (3, 1), (1, 1), (1, 0), (0, 1), (0, 0), (2, 2)):
        a, b = np.arange(n, dtype=np.float32) + 2, np.arange(m, dtype=np.float32) + 1
        for found, wanted in zip(sess.run(both, {x: a, y: np.append(b, -1)}), (a + b, a * b), strict=True):
            close(found, wanted)
    for n, m in ((3, 2), (2, 3), (0, 2), (2, 0)):
        with pytest.raises(Invalid, match="cannot be broadcast"):
            sess.run(both, {x: np.ones(n), y: np.append(np.ones(m), -1)})


def test_second_order_through_rows_of_a_loop_in_a_branch(sess: Any) -> None:
    x, flag = tf.placeholder(tf.float64, [None, None, 3]), tf.placeholder(tf.bool, [])

    def loss(rows: Any, folded: Callable[[Any], Any]) -> Any:
        chosen = tf.cond(flag, lambda: tf.reduce_prod(x[:, 0], [0], keep_dims=True), lambda: folded(rows))
        first = tf.gradients(tf.reduce_sum(rows) + tf.reduce_sum(chosen), x)[0]
        return tf.gradients(tf.reduce_sum(first * first), x)[0]

    made = tf.while_loop(lambda i, ta, h: tf.reduce_any([i] < tf.shape(x)[1]),
                         lambda i, ta, h: (i + 1, ta.write(i, h * x[:, i]), tf.tanh(h) * 2.0),
                         [0, tf.TensorArray(tf.float64, 0, dynamic_size=True), x[:, 0]])[1].stack()
    first, second = x[:, 0] * x[:, 0], tf.tanh(x[:, 0]) * 2.0 * x[:, 1]
    found = loss(made, lambda rows: tf.foldl(lambda s, row: tf.tanh(row) * s, rows))
    wanted = loss(tf.stack([first, second]), lambda rows: tf.tanh(rows[1]) * rows[0])
    for value in (False, True):
        given = {x: [[[0.5, -1.0, 0.4], [0.25, 0.3, 0.1]]], flag: value}
        np.testing.assert_allclose(*sess.run([found, wanted], given), rtol=1e-10)


def test_equal_slices_of_a_size_that_data_decide_and_their_gradients(sess: Any) -> None:
    x, n = tf.placeholder(tf.float64, [2, None]), tf.placeholder(tf.int32, [])
    loss = tf.reduce_sum(x[:, :n] ** 2) + tf.reduce_sum(x[:, :n] ** 2)
    [d] = tf.gradients(loss, x)
    for count, wanted in ((-1, [4, 8, 0]), (1, [4, 0, 0]), (0, [0, 0, 0]), (7, [4, 8, 12]), (-7, [0, 0, 0])):
        assert sess.run(d, {x: [[1.0, 2.0, 3.0]] * 2, n: count}).tolist() == [wanted] * 2


# --- indices at the borders -----------------------------------------------------------------------------------------------

def _scattered(x: Any, i: Any) -> Any:
    v = tf.get_variable("v", initializer=np.ones((4, 3), np.float32))
    with tf.control_dependencies([v.initializer]):
        return tf.scatter_add(v, i, tf.ones([1, 3]))


INDEXED = {
    "gather": tf.gather,
    "gather of another axis": lambda x, i: tf.gather(tf.transpose(x), i, axis=1),
    "embedding": tf.nn.embedding_lookup,
    "gradient": lambda x, i: tf.convert_to_tensor(tf.gradients(tf.reduce_sum(tf.gather(x, i)), x)[0]),
    "scatter": _scattered,
    "labels": lambda x, i: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=i, logits=tf.transpose(x)[:1]),
    "step by step": lambda x, i: tf.map_fn(lambda k: tf.gather(x, k), i, dtype=tf.float32),
}


@pytest.mark.parametrize("index", [-1, 0, 3, 4, 5])
@pytest.mark.parametrize("what", INDEXED)
def test_an_index_is_below_the_size(sess: Any, what: str, index: int) -> None:
    """Neither negative nor the size itself, whatever reads or writes by it."""
    x, i = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [None])
    y = INDEXED[what](x, i)
    feeds = {x: np.linspace(-1, 1, 12).reshape(4, 3), i: [index]}
    if 0 <= index < 4:
        np.testing.assert_allclose(sess.run(y, feeds), tf.Session(engine="reference").run(y, feeds), 1e-6)
    else:
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(y, feeds)
    assert np.isfinite(sess.run(y, {x: np.ones((4, 3)), i: [0]})).all(), "the session stays usable"


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "int32", "int64", "float32", "float64"])
def test_rows_of_any_width_are_taken(sess: Any, dtype: str) -> None:
    """Also of a few bytes, which are no whole words."""
    x, i = tf.placeholder(dtype, [None, None]), tf.placeholder(tf.int32, [None])
    y = tf.gather(x, i)
    for width in (0, 1, 2, 3, 5, 8):
        given = (np.arange(4 * width).reshape(4, width) % 5 % 2).astype(dtype)
        np.testing.assert_array_equal(sess.run(y, {x: given, i: [3, 0, 2]}), given[[3, 0, 2]])


@pytest.mark.parametrize("what", ["argmax", "argmin"])
def test_nothing_has_no_extreme(sess: Any, what: str) -> None:
    """Not even where none is asked for; no rows of something have no extremes without fail."""
    x = tf.placeholder(tf.float32, [None, None])
    y = getattr(tf, what)(x, 1)
    assert sess.run(y, {x: np.zeros((0, 3))}).shape == (0,)
    for shape in ((2, 0), (0, 0)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="is empty in shape"):
            sess.run(y, {x: np.zeros(shape)})
    assert sess.run(y, {x: np.zeros((2, 3))}).tolist() == [0, 0]


def test_a_product_stays_behind_the_check_of_its_sizes(sess: Any) -> None:
    """It computes the same in every step, but only if rows that data decide are as many as others."""
    x, z, y = (tf.placeholder(tf.float64, [None, 3, 3]), tf.placeholder(tf.float64, [None, 3, 3]),
               tf.placeholder(tf.float64, [None]))
    chosen = tf.boolean_mask(z, z[:, 0, 0] > 0)
    made = tf.map_fn(lambda r: tf.matmul(x, chosen) * r, y)
    given = np.linspace(1, 2, 27).reshape(3, 3, 3)
    feeds = {x: given[:2], z: given * np.array([1.0, -1, 1])[:, None, None], y: [1.0, 2.0]}
    np.testing.assert_allclose(sess.run(made, feeds)[1], 2 * given[:2] @ given[[0, 2]])
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.run(made, {**feeds, z: given})
    assert sess.run(made, {**feeds, z: given, y: []}).shape[0] == 0, "no step, no check"

"""Misuse of sessions, feeds, fetches, savers: (what, program, TensorFlow's class, a phrase of the message).

The programs make their own sessions.
"""

from __future__ import annotations

import os
import tempfile

import numpy as np


def fetch(tf, what, feeds=None):
    tf.constant(1.0, name="c")
    return tf.Session().run(what, feeds)


def feed(tf, value, shape=(None, 2), dtype=None):
    x = tf.placeholder(dtype or tf.float32, shape, name="x")
    return tf.Session().run(tf.identity(x), {x: value})


def key(tf, make):
    x = tf.placeholder(tf.float32, [2], name="x")
    return tf.Session().run(x + 1.0, {make(tf, x): [1.0, 2.0]})


def elsewhere(tf):
    with tf.Graph().as_default():
        return tf.placeholder(tf.float32, [2], name="far")


def in_loop(tf):
    kept = []
    out = tf.while_loop(lambda n: n < 3, lambda n: kept.append(n * 2) or n + 1, [0])
    return kept[0], out


def closed(tf):
    made = tf.Session()
    c = tf.constant(1.0)
    made.close()
    return made.run(c)


def closed_after_with(tf):
    with tf.Session() as made:
        c = tf.constant(1.0)
    return made.run(c)


def entered_twice(tf):
    tf.constant(1.0)
    made = tf.Session()
    with made, made:
        pass


def folder():
    return os.path.join(tempfile.mkdtemp(), "nowhere")


def restored(tf, names, saved=("a",)):
    """Save variables of these names, restore others."""
    where = tempfile.mkdtemp()
    for name in saved:
        tf.get_variable(name, [2])
    with tf.Session() as made:
        made.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(made, os.path.join(where, "model"))
    with tf.Graph().as_default(), tf.Session() as made:
        for name, shape in names:
            tf.get_variable(name, shape)
        tf.train.Saver().restore(made, path)


def saver(tf, use):
    tf.get_variable("v", [2])
    with tf.Session() as made:
        made.run(tf.global_variables_initializer())
        return use(tf.train.Saver(), made)


FETCHES = [
    ("None", lambda tf: fetch(tf, None), "TypeError", "None"),
    ("number", lambda tf: fetch(tf, 3), "TypeError", "3"),
    ("object", lambda tf: fetch(tf, object()), "TypeError", "object"),
    ("array", lambda tf: fetch(tf, np.zeros([2])), "TypeError", ""),
    ("None in a list", lambda tf: fetch(tf, ["c:0", None]), "TypeError", "None"),
    ("unknown name", lambda tf: fetch(tf, "nope:0"), "ValueError", "nope"),
    ("unknown op", lambda tf: fetch(tf, "nope"), "ValueError", "nope"),
    ("bad output", lambda tf: fetch(tf, "c:3"), "ValueError", "c:3"),
    ("malformed name", lambda tf: fetch(tf, "c:x"), "ValueError", "c:x"),
    ("empty name", lambda tf: fetch(tf, ""), "ValueError", ""),
    ("dict of None", lambda tf: fetch(tf, {"a": None}), "TypeError", "None"),
    ("another graph", lambda tf: fetch(tf, elsewhere(tf)), "ValueError", "not an element of this graph"),
    ("function", lambda tf: fetch(tf, lambda: 1), "TypeError", "function"),
    ("inside a loop", lambda tf: tf.Session().run(in_loop(tf)[0]), "ValueError", "not fetchable"),
    ("Python class", lambda tf: fetch(tf, int), "TypeError", "int"),
]

FEEDS = [
    ("wrong size", lambda tf: feed(tf, np.zeros([3, 5])), "ValueError", "Cannot feed value of shape (3, 5)"),
    ("wrong rank", lambda tf: feed(tf, np.zeros([3])), "ValueError", "Cannot feed value of shape (3,)"),
    ("string", lambda tf: feed(tf, "a"), "ValueError", "a"),
    ("list of strings", lambda tf: feed(tf, [["a", "b"]]), "ValueError", ""),
    ("ragged", lambda tf: feed(tf, [[1.0], [1.0, 2.0]]), "ValueError", ""),
    ("dict", lambda tf: feed(tf, {"a": 1}), "TypeError", ""),
    ("object", lambda tf: feed(tf, object()), "TypeError", ""),
    ("tensor", lambda tf: feed(tf, tf.zeros([3, 2])), "TypeError", "cannot be a tf.Tensor"),
    ("list of tensors", lambda tf: feed(tf, [tf.zeros([2])]), "ValueError", ""),
    ("too large for int32", lambda tf: feed(tf, 2 ** 40, (), tf.int32), "TypeError", "not compatible"),
    ("complex for float", lambda tf: feed(tf, [[1j, 2j]]), "TypeError", ""),
    ("generator", lambda tf: feed(tf, (x for x in range(3))), "TypeError", ""),
    ("key None", lambda tf: key(tf, lambda tf, x: None), "TypeError", "Cannot interpret feed_dict key as Tensor"),
    ("key number", lambda tf: key(tf, lambda tf, x: 3), "TypeError", "Cannot interpret feed_dict key as Tensor"),
    ("key name", lambda tf: key(tf, lambda tf, x: "nope:0"), "TypeError", "nope"),
    ("key op name", lambda tf: key(tf, lambda tf, x: "x"), "TypeError", "x"),
    ("key op", lambda tf: key(tf, lambda tf, x: x.op), "TypeError", "Cannot interpret feed_dict key as Tensor"),
    ("key of another graph", lambda tf: key(tf, lambda tf, x: elsewhere(tf)), "TypeError", "not an element of this graph"),
    ("key in a loop", lambda tf: (lambda inner, out: tf.Session().run(out, {inner: 3}))(*in_loop(tf)), "ValueError",
     "may not be fed"),
    ("feeds that are a list", lambda tf: fetch(tf, "c:0", [1, 2]), "TypeError", ""),
    ("feeds that are a number", lambda tf: fetch(tf, "c:0", 3), "TypeError", ""),
    ("nested key, other length", lambda tf: key(tf, lambda tf, x: (x, x, x)), "ValueError", ""),
    ("nothing fed", lambda tf: tf.Session().run(tf.placeholder(tf.float32, [None, 2], name="x") + 1.0),
     "InvalidArgumentError", "You must feed a value for placeholder tensor 'x' with dtype float"),
]

SESSIONS = [
    ("closed", closed, "RuntimeError", "closed Session"),
    ("closed by with", closed_after_with, "RuntimeError", "closed Session"),
    ("empty graph", lambda tf: tf.Session().run([]), "RuntimeError", "graph is empty"),
    ("entered twice", entered_twice, "RuntimeError", "not re-entrant"),
    ("graph of no kind", lambda tf: tf.Session(graph=3), "TypeError", "graph must be"),
    ("target number", lambda tf: tf.Session(3), "TypeError", "target"),
    ("config of no kind", lambda tf: tf.Session(config=3), "TypeError", "config"),
    ("eval with a session of another graph", lambda tf: (lambda t: t.eval(session=tf.Session(graph=tf.Graph())))(
        tf.constant(1.0)), "ValueError", "graph"),
    ("callable, wrong count", lambda tf: (lambda x: tf.Session().make_callable(x + 1.0, [x])())(
        tf.placeholder(tf.float32, [])), "TypeError", ""),
    ("variable loaded, wrong shape", lambda tf: (lambda v, s: (s.run(v.initializer), v.load(np.zeros(3), s), s.run(v)))(
        tf.get_variable("v", [2]), tf.Session()), "ValueError", ""),
]

SAVERS = [
    ("missing file", lambda tf: saver(tf, lambda s, made: s.restore(made, os.path.join(folder(), "model"))), "NotFoundError",
     "nowhere"),
    ("None to restore", lambda tf: saver(tf, lambda s, made: s.restore(made, None)), "ValueError", "None"),
    ("missing folder to save", lambda tf: saver(tf, lambda s, made: s.save(made, os.path.join(folder(), "model"))),
     "ValueError", "nowhere"),
    ("save to None", lambda tf: saver(tf, lambda s, made: s.save(made, None)), "TypeError", ""),
    ("save to a number", lambda tf: saver(tf, lambda s, made: s.save(made, 3)), "TypeError", ""),
    ("save without a session", lambda tf: saver(tf, lambda s, made: s.save(None, "model")), "TypeError", "Session"),
    ("latest_filename with a slash", lambda tf: saver(tf, lambda s, made: s.save(made, "m", latest_filename="a/b")),
     "ValueError", "latest_filename"),
    ("missing variable", lambda tf: restored(tf, [("a", [2]), ("b", [2])]), "NotFoundError", "b"),
    ("wrong shape", lambda tf: restored(tf, [("a", [3])]), "InvalidArgumentError", "shape"),
    ("uninitialised", lambda tf: (tf.get_variable("v", [2]), tf.train.Saver().save(tf.Session(), os.path.join(
        tempfile.gettempdir(), "rnngraph-never"))), "FailedPreconditionError", "uninitialized value v"),
    ("reader, missing file", lambda tf: tf.train.NewCheckpointReader(os.path.join(folder(), "model")), "NotFoundError",
     ""),
    ("reader, missing variable", lambda tf: saver(tf, lambda s, made: tf.train.NewCheckpointReader(s.save(
        made, os.path.join(tempfile.mkdtemp(), "model"))).get_tensor("nope")), "NotFoundError", "nope"),
    ("latest_checkpoint of a number", lambda tf: tf.train.latest_checkpoint(3), "TypeError", ""),
]

"""Misuse of the framework, answered while building: (what, program, TensorFlow's class, a phrase of the message)."""

from __future__ import annotations


def elsewhere(tf):
    with tf.Graph().as_default():
        return tf.constant(1.0, name="far")


def cell(tf, units=4):
    return tf.nn.rnn_cell.BasicLSTMCell(units)


def steps(tf):
    return tf.zeros([2, 5, 3])


def made_in(tf, kind):
    """A tensor from inside a loop's body or a branch."""
    kept = []
    if kind == "loop":
        tf.while_loop(lambda n: n < 3, lambda n: kept.append(n * 2) or n + 1, [0])
    else:
        tf.cond(tf.placeholder(tf.bool, []), lambda: kept.append(tf.constant(1.0) * 2) or kept[0], lambda: tf.constant(2.0))
    return kept[0]


GRAPHS = [
    ("tensor of another graph", lambda tf: tf.constant(1.0) + elsewhere(tf), "ValueError", "must be from the same graph"),
    ("name with a space", lambda tf: tf.constant(1.0, name="a b"), "ValueError", "a b"),
    ("name that is no string", lambda tf: tf.constant(1.0, name=3), "TypeError", ""),
    ("scope with a space", lambda tf: tf.name_scope("a b").__enter__(), "ValueError", "a b"),
    ("scope that is no string", lambda tf: tf.name_scope(3).__enter__(), "TypeError", ""),
    ("variable scope None", lambda tf: tf.variable_scope(None).__enter__(), "TypeError", "None"),
    ("variable scope number", lambda tf: tf.variable_scope(3).__enter__(), "TypeError", ""),
    ("variable scope bad name", lambda tf: tf.variable_scope("a b").__enter__(), "ValueError", "a b"),
    ("unknown tensor name", lambda tf: tf.get_default_graph().get_tensor_by_name("nope:0"), "KeyError", "nope"),
    ("unknown op name", lambda tf: tf.get_default_graph().get_operation_by_name("nope"), "KeyError", "nope"),
    ("tensor name without index", lambda tf: tf.get_default_graph().get_tensor_by_name("nope"), "ValueError", "nope"),
    ("op name of a number", lambda tf: tf.get_default_graph().get_operation_by_name(3), "TypeError", "int"),
    ("finalized", lambda tf: (tf.get_default_graph().finalize(), tf.constant(1.0)), "RuntimeError", "finalized"),
    ("finalized, variable", lambda tf: (tf.get_default_graph().finalize(), tf.get_variable("v", [2])), "RuntimeError",
     "finalized"),
    ("finalized, gradients", lambda tf: (lambda x, y: (tf.get_default_graph().finalize(), tf.gradients(y, x)))(
        *(lambda x: (x, x * x))(tf.constant(1.0))), "RuntimeError", "finalized"),
    ("control dependency of a number", lambda tf: tf.control_dependencies([3]).__enter__(), "TypeError", "int"),
    ("control dependency of None", lambda tf: tf.control_dependencies([None]).__enter__(), "TypeError", "None"),
    ("device number", lambda tf: tf.group(3), "TypeError", ""),
    ("group, keyword", lambda tf: tf.group(tf.no_op(), nope=1), "ValueError", "nope"),
    ("tuple of nothing", lambda tf: tf.tuple([None]), "ValueError", "Must have at least one"),
    ("inside a loop, used outside", lambda tf: made_in(tf, "loop") + 1, "ValueError", ""),
    ("inside a branch, used outside", lambda tf: made_in(tf, "cond") + 1.0, "ValueError", ""),
    ("eval without a session", lambda tf: tf.constant(1.0).eval(), "ValueError", "No default session"),
    ("run without a session", lambda tf: tf.no_op().run(), "ValueError", "No default session"),
    ("convert, wrong dtype", lambda tf: tf.convert_to_tensor(tf.zeros([2]), tf.int32), "ValueError", "int32"),
    ("convert, unknown", lambda tf: tf.convert_to_tensor(object()), "TypeError", "object"),
    ("as_dtype", lambda tf: tf.as_dtype("nonsense"), "TypeError", "nonsense"),
    ("TensorShape of a string", lambda tf: tf.TensorShape("ab"), "TypeError", ""),
    ("TensorShape, negative", lambda tf: tf.TensorShape([-2]), "ValueError", "-2"),
    ("TensorShape, merge", lambda tf: tf.TensorShape([2]).merge_with([3]), "ValueError", "not compatible"),
    ("TensorShape, index", lambda tf: tf.TensorShape([2])[5], "IndexError", ""),
    ("Dimension, merge", lambda tf: tf.Dimension(2).merge_with(3), "ValueError", ""),
    ("broadcast_static_shape", lambda tf: tf.broadcast_static_shape(tf.TensorShape([2]), tf.TensorShape([3])), "ValueError",
     ""),
]

VARIABLES = [
    ("used twice", lambda tf: (tf.get_variable("v", [2]), tf.get_variable("v", [2])), "ValueError", "already exists"),
    ("reuse of nothing", lambda tf: reused(tf, "v", [2]), "ValueError", "does not exist"),
    ("reuse, other shape", lambda tf: (tf.get_variable("v", [2]), reused(tf, "v", [3])), "ValueError", "shape"),
    ("reuse, other dtype", lambda tf: (tf.get_variable("v", [2]), reused(tf, "v", [2], tf.int32)), "ValueError", "dtype"),
    ("no shape", lambda tf: tf.get_variable("v"), "ValueError", "fully defined"),
    ("unknown size", lambda tf: tf.get_variable("v", [None, 2]), "ValueError", "fully defined"),
    ("negative size", lambda tf: tf.get_variable("v", [-2]), "ValueError", "-2"),
    ("float size", lambda tf: tf.get_variable("v", [2.5]), "ValueError", "2.5"),
    ("string shape", lambda tf: tf.get_variable("v", "ab"), "TypeError", ""),
    ("initializer and shape", lambda tf: tf.get_variable("v", [2], initializer=tf.zeros([2])), "ValueError", "constant"),
    ("initializer of wrong shape", lambda tf: tf.get_variable("v", [2], initializer=tf.constant_initializer([1, 2, 3])),
     "ValueError", "elements"),
    ("initializer that is none", lambda tf: tf.get_variable("v", [2], initializer="zeros"), "ValueError", ""),
    ("name number", lambda tf: tf.get_variable(3, [2]), "TypeError", ""),
    ("name with a space", lambda tf: tf.get_variable("a b", [2]), "ValueError", "a b"),
    ("reuse at the top", lambda tf: tf.get_variable_scope().reuse_variables() or tf.get_variable("q", [2]), "ValueError",
     "does not exist"),
    ("reuse value", lambda tf: tf.variable_scope("a", reuse="yes").__enter__(), "ValueError", ""),
    ("no initial value", lambda tf: tf.Variable(), "ValueError", "initial_value"),
    ("initial None", lambda tf: tf.Variable(None), "ValueError", "initial_value"),
    ("initial of unknown shape", lambda tf: tf.Variable(tf.placeholder(tf.float32)), "ValueError", "shape"),
    ("initial string as float", lambda tf: tf.Variable("a", dtype=tf.float32), "TypeError", ""),
    ("initial in a loop", lambda tf: tf.while_loop(lambda n: n < 3, lambda n: n + tf.Variable(tf.identity(n)), [0]),
     "ValueError", ""),
    ("trainable is no list", lambda tf: tf.Variable(1.0, collections=3), "ValueError", "collections"),
    ("assign, shape", lambda tf: tf.assign(tf.get_variable("v", [2]), tf.zeros([3])), "ValueError", "(2,)"),
    ("assign, dtype", lambda tf: tf.assign(tf.get_variable("v", [2]), tf.zeros([2], tf.int32)), "TypeError",
     "int32"),
    ("assign to a tensor", lambda tf: tf.assign(tf.zeros([2]), tf.zeros([2])), "TypeError", ""),
    ("assign None", lambda tf: tf.assign(tf.get_variable("v", [2]), None), "ValueError", "None values not supported"),
    ("assign_add, shape", lambda tf: tf.assign_add(tf.get_variable("v", [2]), tf.zeros([3])), "ValueError", ""),
    ("scatter_update a tensor", lambda tf: tf.scatter_update(tf.zeros([2]), [0], [1.0]), "TypeError", ""),
    ("scatter_add, shapes", lambda tf: tf.scatter_add(tf.get_variable("v", [2, 3]), [0], [[1.0]]), "ValueError", ""),
    ("load without a session", lambda tf: tf.get_variable("v", [2]).load([1.0, 2.0]), "ValueError", ""),
    ("iterate a variable", lambda tf: list(tf.get_variable("v", [2])), "TypeError", "iterable"),
]


def reused(tf, *args):
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        return tf.get_variable(*args)


CONTROL = [
    ("while, body of wrong number", lambda tf: tf.while_loop(lambda n: n < 3, lambda n: (n, n), [0]), "ValueError", ""),
    ("while, body of wrong dtype", lambda tf: tf.while_loop(lambda n: n < 3, lambda n: tf.cast(n, tf.float32), [0]),
     "TypeError", ""),
    ("while, body of wrong shape", lambda tf: tf.while_loop(lambda n, x: n < 3, lambda n, x: (n + 1, tf.concat([x, x], 0)),
                                                           [0, tf.zeros([2])]), "ValueError", "not an invariant"),
    ("while, body None", lambda tf: tf.while_loop(lambda n: n < 3, lambda n: None, [0]), "ValueError", "None"),
    ("while, body not callable", lambda tf: tf.while_loop(lambda n: n < 3, 3, [0]), "TypeError", "body must be callable"),
    ("while, cond not callable", lambda tf: tf.while_loop(3, lambda n: n, [0]), "TypeError", "cond must be callable"),
    ("while, no variables", lambda tf: tf.while_loop(lambda: True, lambda: (), []), "ValueError", "No loop variables"),
    ("while, cond int", lambda tf: tf.while_loop(lambda n: n, lambda n: n + 1, [0]), "TypeError", ""),
    ("while, cond vector", lambda tf: tf.while_loop(lambda n: n < [3, 4], lambda n: n + 1, [0]), "ValueError", ""),
    ("while, cond None", lambda tf: tf.while_loop(lambda n: None, lambda n: n + 1, [0]), "ValueError", "None"),
    ("while, invariants of wrong number", lambda tf: tf.while_loop(
        lambda n: n < 3, lambda n: n + 1, [0], shape_invariants=[tf.TensorShape([]), tf.TensorShape([])]), "ValueError", ""),
    ("while, invariant not so", lambda tf: tf.while_loop(
        lambda x: True, lambda x: x, [tf.zeros([2])], shape_invariants=[tf.TensorShape([3])]), "ValueError",
     "not compatible"),
    ("while, invariant a list", lambda tf: tf.while_loop(
        lambda x: True, lambda x: x, [tf.zeros([2])], shape_invariants=[[2]]), "ValueError", ""),
    ("while, parallel_iterations", lambda tf: tf.while_loop(lambda n: n < 3, lambda n: n + 1, [0], parallel_iterations=0),
     "TypeError", "parallel_iterations"),
    ("while, body takes too much", lambda tf: tf.while_loop(lambda n: n < 3, lambda n, m: n, [0]), "TypeError", "argument"),
    ("while, None as variable", lambda tf: tf.while_loop(lambda n: n < 3, lambda n: n, [None]), "ValueError", "None"),
    ("while, array becomes tensor", lambda tf: tf.while_loop(
        lambda n, a: n < 3, lambda n, a: (n + 1, n), [0, tf.TensorArray(tf.float32, 3)]), "TypeError", ""),
    ("while, dict for a list", lambda tf: tf.while_loop(lambda n, m: n < 3, lambda n, m: {"a": n, "b": m}, [0, 1]),
     "ValueError", ""),
    ("cond, dtypes differ", lambda tf: tf.cond(tf.placeholder(tf.bool, []), lambda: 1, lambda: 2.0), "ValueError",
     "same type"),
    ("cond, numbers differ", lambda tf: tf.cond(tf.placeholder(tf.bool, []), lambda: 1, lambda: (2, 3)),
     "ValueError", ""),
    ("cond, None", lambda tf: tf.cond(tf.placeholder(tf.bool, []), lambda: None, lambda: 1), "ValueError",
     "must have a return value"),
    ("cond, not callable", lambda tf: tf.cond(tf.placeholder(tf.bool, []), 1, lambda: 1), "TypeError", "callable"),
    ("cond, one function", lambda tf: tf.cond(tf.placeholder(tf.bool, []), lambda: 1), "TypeError", "false_fn"),
    ("cond, Python bool", lambda tf: tf.cond(True, lambda: 1, lambda: 2), "TypeError", "bool"),
    ("cond, int", lambda tf: tf.cond(tf.placeholder(tf.int32, []), lambda: 1, lambda: 2), "TypeError", ""),
    ("cond, vector", lambda tf: tf.cond(tf.placeholder(tf.bool, [2]), lambda: 1, lambda: 2), "ValueError", ""),
    ("cond, None predicate", lambda tf: tf.cond(None, lambda: 1, lambda: 2), "ValueError", ""),
    ("case, no list", lambda tf: tf.case(3), "TypeError", ""),
    ("case, no pairs", lambda tf: tf.case([3]), "TypeError", ""),
    ("case, no predicate", lambda tf: tf.case([(True, lambda: 1)], lambda: 2), "TypeError", ""),
    ("case, no function", lambda tf: tf.case([(tf.placeholder(tf.bool, []), 3)], lambda: 2), "TypeError", "callable"),
    ("scan, not callable", lambda tf: tf.scan(3, tf.zeros([2])), "TypeError", "callable"),
    ("scan, structure", lambda tf: tf.scan(lambda s, x: (s, x), tf.zeros([2]), 0.0), "ValueError", ""),
    ("scan, shape", lambda tf: tf.scan(lambda s, x: tf.stack([s, x]), tf.zeros([2]), 0.0), "ValueError", ""),
    ("scan, scalar", lambda tf: tf.scan(lambda s, x: s + x, tf.zeros([]), 0.0), "ValueError", ""),
    ("map_fn, not callable", lambda tf: tf.map_fn(3, tf.zeros([2])), "TypeError", "callable"),
    ("map_fn, dtype", lambda tf: tf.map_fn(lambda x: tf.cast(x, tf.int32), tf.zeros([2])), "TypeError", ""),
    ("map_fn, structure", lambda tf: tf.map_fn(lambda x: (x, x), tf.zeros([2])), "ValueError", ""),
    ("map_fn, scalar", lambda tf: tf.map_fn(lambda x: x, tf.zeros([])), "ValueError", ""),
    ("foldl, not callable", lambda tf: tf.foldl(3, tf.zeros([2])), "TypeError", "callable"),
    ("foldr, scalar", lambda tf: tf.foldr(lambda s, x: s + x, tf.zeros([])), "ValueError", ""),
    ("TensorArray, dtype", lambda tf: tf.TensorArray(tf.float32, 3).write(0, tf.constant(1)), "TypeError", "int32"),
    ("TensorArray, shapes", lambda tf: tf.TensorArray(tf.float32, 3).write(0, tf.zeros([2])).write(1, tf.zeros([3])),
     "ValueError", ""),
    ("TensorArray, no size", lambda tf: tf.TensorArray(tf.float32), "ValueError", "Size"),
    ("TensorArray, vector size", lambda tf: tf.TensorArray(tf.float32, [3, 4]), "ValueError", ""),
    ("TensorArray, float index", lambda tf: tf.TensorArray(tf.float32, 3).write(0.5, 1.0), "TypeError", ""),
    ("TensorArray, dtype nonsense", lambda tf: tf.TensorArray("nope", 3), "TypeError", "nope"),
    ("TensorArray, None written", lambda tf: tf.TensorArray(tf.float32, 3).write(0, None), "ValueError", "None"),
    ("TensorArray, string written", lambda tf: tf.TensorArray(tf.float32, 3).write(0, "a"), "TypeError", ""),
    ("TensorArray, unstack a scalar", lambda tf: tf.TensorArray(tf.float32, 3).unstack(1.0), "ValueError", ""),
    ("TensorArray, as a number", lambda tf: tf.TensorArray(tf.float32, 3) + 1.0, "TypeError", ""),
    ("TensorArray, closed", lambda tf: tf.add(tf.TensorArray(tf.float32, 3), 1.0), "TypeError", ""),
]

RNN = [
    ("dynamic_rnn, rank 2", lambda tf: tf.nn.dynamic_rnn(cell(tf), tf.zeros([2, 3]), dtype=tf.float32), "ValueError", ""),
    ("dynamic_rnn, no dtype", lambda tf: tf.nn.dynamic_rnn(cell(tf), steps(tf)), "ValueError", "dtype"),
    ("dynamic_rnn, no cell", lambda tf: tf.nn.dynamic_rnn(3, steps(tf), dtype=tf.float32), "TypeError", "RNNCell"),
    ("dynamic_rnn, unknown depth", lambda tf: tf.nn.dynamic_rnn(cell(tf), tf.placeholder(tf.float32, [2, 5, None]),
                                                               dtype=tf.float32), "ValueError", ""),
    ("dynamic_rnn, None", lambda tf: tf.nn.dynamic_rnn(cell(tf), None, dtype=tf.float32), "ValueError", "None"),
    ("dynamic_rnn, lengths rank", lambda tf: tf.nn.dynamic_rnn(cell(tf), steps(tf), [[1, 2]], dtype=tf.float32),
     "ValueError", "sequence_length"),
    ("dynamic_rnn, lengths count", lambda tf: tf.nn.dynamic_rnn(cell(tf), steps(tf), [1, 2, 3], dtype=tf.float32),
     "ValueError", ""),
    ("dynamic_rnn, state structure", lambda tf: tf.nn.dynamic_rnn(cell(tf), steps(tf), initial_state=tf.zeros([2, 4])),
     "TypeError", ""),
    ("dynamic_rnn, state size", lambda tf: tf.nn.dynamic_rnn(
        tf.nn.rnn_cell.BasicRNNCell(4), steps(tf), initial_state=tf.zeros([2, 7])), "ValueError", ""),
    ("dynamic_rnn, state batch", lambda tf: tf.nn.dynamic_rnn(
        tf.nn.rnn_cell.BasicRNNCell(4), steps(tf), initial_state=tf.zeros([3, 4])), "ValueError", ""),
    ("dynamic_rnn, int input", lambda tf: tf.nn.dynamic_rnn(cell(tf), tf.zeros([2, 5, 3], tf.int32), dtype=tf.float32),
     "TypeError", ""),
    ("static_rnn, no list", lambda tf: tf.nn.static_rnn(cell(tf), steps(tf), dtype=tf.float32), "TypeError", "sequence"),
    ("static_rnn, empty", lambda tf: tf.nn.static_rnn(cell(tf), [], dtype=tf.float32), "ValueError", "empty"),
    ("static_rnn, no cell", lambda tf: tf.nn.static_rnn("cell", [tf.zeros([2, 3])], dtype=tf.float32), "TypeError", "RNNCell"),
    ("static_rnn, no dtype", lambda tf: tf.nn.static_rnn(cell(tf), [tf.zeros([2, 3])]), "ValueError", "dtype"),
    ("static_rnn, sizes differ", lambda tf: tf.nn.static_rnn(cell(tf), [tf.zeros([2, 3]), tf.zeros([2, 4])],
                                                             dtype=tf.float32), "ValueError", ""),
    ("static_rnn, unknown depth", lambda tf: tf.nn.static_rnn(cell(tf), [tf.placeholder(tf.float32, [2, None])],
                                                              dtype=tf.float32), "ValueError", ""),
    ("state_saving_rnn, names", lambda tf: tf.nn.static_state_saving_rnn(cell(tf), [tf.zeros([2, 3])], None, "one"),
     "ValueError", "state_name"),
    ("bidirectional, no cell", lambda tf: tf.nn.bidirectional_dynamic_rnn(cell(tf), 3, steps(tf), dtype=tf.float32),
     "TypeError", "cell_bw"),
    ("static bidirectional, no list", lambda tf: tf.nn.static_bidirectional_rnn(cell(tf), cell(tf), steps(tf),
                                                                               dtype=tf.float32), "TypeError", ""),
    ("raw_rnn, no function", lambda tf: tf.nn.raw_rnn(cell(tf), 3), "TypeError", "loop_fn"),
    ("raw_rnn, no cell", lambda tf: tf.nn.raw_rnn(3, lambda *a: a), "TypeError", "RNNCell"),
    ("raw_rnn, wrong result", lambda tf: tf.nn.raw_rnn(cell(tf), lambda *a: (1, 2)), "ValueError", ""),
    ("cell, units string", lambda tf: tf.nn.rnn_cell.BasicLSTMCell("a")(tf.zeros([2, 3]), (tf.zeros([2, 4]),) * 2),
     "ValueError", ""),
    ("cell, units None", lambda tf: tf.nn.rnn_cell.BasicRNNCell(None)(tf.zeros([2, 3]), tf.zeros([2, 4])),
     "ValueError", ""),
    ("cell, units negative", lambda tf: tf.nn.rnn_cell.GRUCell(-4)(tf.zeros([2, 3]), tf.zeros([2, 4])), "ValueError", ""),
    ("cell, state structure", lambda tf: cell(tf)(tf.zeros([2, 3]), tf.zeros([2, 4])), "TypeError", ""),
    ("cell, state size", lambda tf: cell(tf)(tf.zeros([2, 3]), (tf.zeros([2, 5]), tf.zeros([2, 5]))), "ValueError", ""),
    ("cell, input rank", lambda tf: cell(tf)(tf.zeros([2, 3, 3]), (tf.zeros([2, 4]), tf.zeros([2, 4]))), "ValueError", ""),
    ("cell, input None", lambda tf: cell(tf)(None, (tf.zeros([2, 4]), tf.zeros([2, 4]))), "ValueError", ""),
    ("cell, other depth", lambda tf: (lambda c, s: (c(tf.zeros([2, 3]), s), c(tf.zeros([2, 5]), s)))(
        cell(tf), (tf.zeros([2, 4]), tf.zeros([2, 4]))), "ValueError", ""),
    ("cell, reused variables", lambda tf: [tf.nn.dynamic_rnn(cell(tf), steps(tf), dtype=tf.float32) for _ in range(2)],
     "ValueError", "already exists"),
    ("cell, batch differs", lambda tf: tf.nn.rnn_cell.GRUCell(4)(tf.zeros([2, 3]), tf.zeros([5, 4])), "ValueError", ""),
    ("GRU cell, state None", lambda tf: tf.nn.rnn_cell.GRUCell(4)(tf.zeros([2, 3]), None), "ValueError", ""),
    ("MultiRNNCell, empty", lambda tf: tf.nn.rnn_cell.MultiRNNCell([]), "ValueError", ""),
    ("MultiRNNCell, no list", lambda tf: tf.nn.rnn_cell.MultiRNNCell(cell(tf)), "TypeError", ""),
    ("DropoutWrapper, no cell", lambda tf: tf.nn.rnn_cell.DropoutWrapper(3), "TypeError", "RNNCell"),
    ("DropoutWrapper, keep_prob", lambda tf: tf.nn.rnn_cell.DropoutWrapper(cell(tf), 1.5), "ValueError", "1.5"),
    ("ResidualWrapper, sizes", lambda tf: tf.nn.rnn_cell.ResidualWrapper(tf.nn.rnn_cell.GRUCell(4))(
        tf.zeros([2, 3]), tf.zeros([2, 4])), "ValueError", ""),
    ("zero_state, string", lambda tf: cell(tf).zero_state("a", tf.float32), "TypeError", ""),
    ("zero_state, negative", lambda tf: cell(tf).zero_state(-2, tf.float32), "ValueError", ""),
    ("attention, no states", lambda tf: tf.contrib.legacy_seq2seq.attention_decoder(
        [tf.zeros([2, 3])], tf.zeros([2, 4]), tf.zeros([2, 5]), tf.nn.rnn_cell.GRUCell(4)), "ValueError", ""),
    ("sequence_loss, lengths", lambda tf: tf.contrib.legacy_seq2seq.sequence_loss([tf.zeros([2, 3])], [], []), "ValueError",
     "same"),
    ("sequence_loss, rank", lambda tf: tf.contrib.seq2seq.sequence_loss(tf.zeros([2, 3]), tf.zeros([2, 3], tf.int32),
                                                                       tf.zeros([2, 3])), "ValueError", ""),
    ("embedding_rnn_decoder", lambda tf: tf.contrib.legacy_seq2seq.embedding_rnn_decoder(
        [tf.zeros([2], tf.int32)], tf.zeros([2, 4]), tf.nn.rnn_cell.GRUCell(4), 5, 3, output_projection=(
            tf.zeros([3, 5]), tf.zeros([7]))), "ValueError", ""),
    ("model_with_buckets, inputs", lambda tf: tf.contrib.legacy_seq2seq.model_with_buckets(
        [], [], [], [], [(2, 2)], lambda x, y: (x, y)), "ValueError", ""),
    ("dense, no depth", lambda tf: tf.layers.dense(tf.placeholder(tf.float32, [None, None]), 4), "ValueError", ""),
    ("dense, rank 1", lambda tf: tf.layers.dense(tf.zeros([3]), 4), "ValueError", ""),
    ("dense, units string", lambda tf: tf.layers.dense(tf.zeros([2, 3]), "a"), "ValueError", ""),
]

TRAINING = [
    ("unconnected, None", lambda tf: tf.gradients(None, tf.zeros([2])), "ValueError", ""),
    ("grad_ys, number", lambda tf: (lambda x: tf.gradients(x * x, x, [1.0, 2.0]))(tf.zeros([2])), "ValueError", ""),
    ("grad_ys, shape", lambda tf: (lambda x: tf.gradients(x * x, x, tf.zeros([3])))(tf.zeros([2])), "ValueError", ""),
    ("grad_ys, dtype", lambda tf: (lambda x: tf.gradients(x * x, x, tf.zeros([2], tf.int32)))(tf.zeros([2])),
     "ValueError", "int32"),
    ("aggregation", lambda tf: (lambda x: tf.gradients(x * x + x, x, aggregation_method=99))(tf.zeros([2])), "ValueError",
     "aggregation"),
    ("of another graph", lambda tf: tf.gradients(elsewhere(tf), tf.zeros([2])), "ValueError", ""),
    ("inside a loop, from outside", lambda tf: tf.gradients(made_in(tf, "loop"), tf.zeros([2])),
     "ValueError", ""),
    ("no registered gradient twice", lambda tf: [tf.RegisterGradient("Once")(lambda op, g: g) for _ in range(2)],
     "KeyError", "Once"),
    ("hessians, matrix", lambda tf: (lambda x: tf.hessians(tf.reduce_sum(x), x))(tf.zeros([2, 2])), "ValueError", "rank"),
    ("minimize, no variables", lambda tf: tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0)), "ValueError",
     "No variables"),
    ("minimize, no gradients", lambda tf: (tf.get_variable("v", [2]), tf.train.GradientDescentOptimizer(0.1).minimize(
        tf.constant(1.0)))[1], "ValueError", "No gradients"),
    ("minimize, None", lambda tf: (tf.get_variable("v", [2]), tf.train.AdamOptimizer().minimize(None))[1],
     "ValueError", ""),
    ("minimize, int loss", lambda tf: tf.train.AdamOptimizer().minimize(
        tf.reduce_sum(tf.get_variable("v", [2], tf.int32, tf.zeros_initializer()))), "ValueError", "int32"),
    ("minimize, var_list of tensors", lambda tf: (tf.get_variable("v", [2]), tf.train.GradientDescentOptimizer(
        0.1).minimize(tf.constant(1.0), var_list=[tf.zeros([2])]))[1], "NotImplementedError", ""),
    ("apply_gradients, empty", lambda tf: tf.train.GradientDescentOptimizer(0.1).apply_gradients([]), "ValueError",
     "No variables"),
    ("apply_gradients, all None", lambda tf: tf.train.GradientDescentOptimizer(0.1).apply_gradients(
        [(None, tf.get_variable("v", [2]))]), "ValueError", "No gradients"),
    ("apply_gradients, no variable", lambda tf: tf.train.GradientDescentOptimizer(0.1).apply_gradients(
        [(tf.zeros([2]), tf.zeros([2]))]), "NotImplementedError", ""),
    ("apply_gradients, shape", lambda tf: tf.train.GradientDescentOptimizer(0.1).apply_gradients(
        [(tf.zeros([3]), tf.get_variable("v", [2]))]), "ValueError", ""),
    ("apply_gradients, string", lambda tf: tf.train.GradientDescentOptimizer(0.1).apply_gradients(
        [("a", tf.get_variable("v", [2]))]), "ValueError", ""),
    ("learning rate None", lambda tf: tf.train.GradientDescentOptimizer(None).minimize(
        tf.reduce_sum(tf.get_variable("v", [2]))), "ValueError", "None"),
    ("learning rate string", lambda tf: tf.train.AdamOptimizer("fast").minimize(
        tf.reduce_sum(tf.get_variable("v", [2]))), "TypeError", ""),
    ("exponential_decay, no step", lambda tf: tf.train.exponential_decay(0.1, None, 10, 0.9), "ValueError", "global_step"),
    ("piecewise_constant", lambda tf: tf.train.piecewise_constant(tf.constant(1), [1, 2], [0.1]), "ValueError", ""),
    ("global step twice", lambda tf: [tf.train.create_global_step() for _ in range(2)], "ValueError", "already exists"),
    ("Saver, no variables", lambda tf: tf.train.Saver(), "ValueError", "No variables to save"),
    ("Saver, of tensors", lambda tf: tf.train.Saver([tf.zeros([2])]), "TypeError", ""),
    ("Saver, of a string", lambda tf: tf.train.Saver("v"), "TypeError", ""),
    ("clip_by_norm, string", lambda tf: tf.clip_by_norm(tf.zeros([2]), "a"), "TypeError", ""),
    ("moving average of a tensor", lambda tf: tf.train.ExponentialMovingAverage(0.9).apply([3]),
     "TypeError", ""),
]

"""Statements with variables and checks, drivers of cells, and training."""

from __future__ import annotations

from typing import Any

from tests.support.random_programs.maker import Maker
from tests.support.random_programs.statements import statement

OPTIMIZERS = ("GradientDescentOptimizer(0.1)", "MomentumOptimizer(0.1, 0.9)", "MomentumOptimizer(0.1, 0.9, use_nesterov=True)",
              "AdamOptimizer(0.05)", "AdagradOptimizer(0.1)", "RMSPropOptimizer(0.05)", "RMSPropOptimizer(0.05, momentum=0.5)",
              "AdadeltaOptimizer(0.5)", "FtrlOptimizer(0.1)")


READ = "{}.read_value() + 0"
"""The sum is a value of its own: a mere read may be the variable's memory, in TensorFlow."""


def variable(m: Maker) -> str | None:
    """The Python name of a variable."""
    return m.of(list(m.shared.variables)) if m.shared.variables else None


@statement("state")
def read(m: Maker) -> Any:
    """A read in its place among the writes."""
    v = variable(m)
    if not v:
        return None
    if m.last is None and m.chance(0.5):
        return m.let(READ.format(v))
    name = m.guarded(READ.format(v))
    if name:
        m.pool.append(name)
    return name


@statement("state")
def write(m: Maker) -> Any:
    """An assignment, in its place."""
    v = variable(m)
    if not v:
        return None
    now = [w.run.variables[m.shared.variables[v]] for w in m.worlds]
    found = [n for n in m.pool if all(t.dtype == o.dtype and t.shape == o.shape for t, o in zip(m.values(n), now, strict=True))]
    if not found:
        return None
    x = m.of(found[-6:])
    scaled = f"{x} * 0.5" if now[0].dtype.kind == "f" else x
    options = [f"tf.assign({v}, {x})", f"tf.assign_add({v}, {scaled})", f"tf.assign_sub({v}, {scaled})"]
    name = m.guarded(m.of(options))
    if name and m.chance(0.5):
        m.pool.append(name)
    return name


@statement("state")
def rows(m: Maker) -> Any:
    """Rows of a variable changed."""
    v = variable(m)
    i = m.kind("i", 0, 1, known=True)
    if not v or not i:
        return None
    now = m.worlds[0].run.variables[m.shared.variables[v]]
    if not now.a.ndim or not now.shape[0]:
        return None
    place = f"{i} % {now.shape[0]}"
    old = m.guarded(READ.format(v))
    update = m.of(("scatter_add", "scatter_sub", "scatter_update"))
    return old and m.guarded(f"tf.{update}({v}, {place}, tf.gather({old}, {place}) * {0.5 if now.dtype.kind == 'f' else 2})")


@statement("state")
def checked(m: Maker) -> Any:
    """A check that holds, and what waits for it."""
    x, n = m.float(), m.pick(lambda t: t.dtype.kind == "i" and not t.loose)
    if not x or not n:
        return None
    test = m.of((f"tf.assert_less({n}, {n} + 1)", f"tf.assert_equal(tf.shape({x}), tf.shape({m.alike(x)}))",
                 f"tf.Assert(tf.reduce_all({n} < 5000), [{n}])", f"tf.check_numerics({x}, 'numbers')",
                 f"tf.group({x}, {n})", "tf.no_op()"))
    name, made = m.fresh("e"), m.fresh()
    return m.add("\n".join([f"{name} = {test}", *m.after(name, f"tf.identity({x})", made)]), [made])


# --- cells --------------------------------------------------------------------------------------------------------------

def cell(m: Maker, units: int) -> str:
    """A cell, or two on one another."""
    one = f"tf.nn.rnn_cell.{m.of(('BasicRNNCell', 'GRUCell', 'BasicLSTMCell'))}({units})"
    if m.chance(0.25):
        return f"tf.nn.rnn_cell.MultiRNNCell([{one}, tf.nn.rnn_cell.BasicRNNCell({m.whole(1, 3)})])"
    return one


def inputs(m: Maker) -> str | None:
    """A batch of sequences whose depth a graph knows."""
    return m.pick(lambda t: t.dtype == m.main and t.a.ndim == 3 and t.fixed and t.a.size > 0) or (
        "x" if "x" in m.pool else None)


def lengths(m: Maker, x: str, steps: int) -> str:
    """The argument sequence_length, or nothing."""
    sizes = [t.shape[0] for t in m.values(x)]
    found = [n for n in m.pool if all(t.dtype.kind == "i" and t.shape == (b,) and not t.loose
                                      for t, b in zip(m.values(n), sizes, strict=True))]
    if not found or m.chance(0.4):
        return ""
    i = m.of(found)
    size = f"tf.shape({x}, out_type=tf.{m.values(i)[0].dtype.name})[{steps}]"
    return f", sequence_length=tf.abs({i}) % ({size} + 1)"


def scoped(m: Maker, text: str, names: list[str]) -> Any:
    """Lines that make variables, zeros at first and of the program's type."""
    scope = m.fresh("scope")
    lines = [f"with tf.variable_scope('{scope}', initializer=tf.zeros_initializer()):", *("    " + t for t in text.split("\n"))]
    return m.add("\n".join(lines), names)


@statement("rnn")
def recurrence(m: Maker) -> Any:
    """dynamic_rnn, one way or both."""
    x = inputs(m)
    if not x or not all(t.a.size for t in m.values(x)):
        return None
    units, out, state, last = m.whole(1, 3), m.fresh(), m.fresh("s"), m.fresh()
    ends = f"{lengths(m, x, 1)}, dtype=tf.{m.main}, scope='r'"
    if m.chance(0.3):
        text = (f"{out}, {state} = tf.nn.bidirectional_dynamic_rnn({cell(m, units)}, {cell(m, units)}, {x}{ends})\n"
                f"{last} = tf.concat({out}, 2)")
    else:
        text = f"{last}, {state} = tf.nn.dynamic_rnn({cell(m, units)}, {x}{ends})"
    more = m.fresh()
    final = f"{more} = tf.concat([tf.reshape(p, [-1]) for p in flat({state})], 0)"
    return scoped(m, f"{text}\n{final}", [last, more])


@statement("rnn")
def unrolled(m: Maker) -> Any:
    """static_rnn."""
    x = m.pick(lambda t: t.dtype == m.main and t.a.ndim == 3 and t.fixed and t.a.size > 0)
    if not x:
        return None
    out, state, last = m.fresh(), m.fresh("s"), m.fresh()
    return scoped(m, f"{out}, {state} = tf.nn.static_rnn({cell(m, m.whole(1, 3))}, tf.unstack({x}, axis=1)"
                     f"{lengths(m, x, 1)}, dtype=tf.{m.main}, scope='r')\n{last} = tf.concat({out}, 1)", [last])


@statement("rnn")
def raw(m: Maker) -> Any:
    """raw_rnn that reads rows while they last."""
    x = inputs(m)
    if not x or not all(t.a.size for t in m.values(x)):
        return None
    units, kind = m.whole(1, 3), m.of(("BasicRNNCell", "GRUCell", "BasicLSTMCell"))
    name, ta, array, state, end, out = m.fresh("loop"), m.fresh("ta"), m.fresh("ta"), m.fresh("s"), m.fresh("s"), m.fresh()
    steps = f"tf.fill([tf.shape({x})[0]], tf.shape({x})[1])"
    depth = m.values(x)[0].shape[2]
    text = f"""c = tf.nn.rnn_cell.{kind}({units})
{ta} = tf.TensorArray(tf.{m.main}, tf.shape({x})[1]).unstack(tf.transpose({x}, [1, 0, 2]))
def {name}(time, output, state, loop_state):
    new = c.zero_state(tf.shape({x})[0], tf.{m.main}) if output is None else state
    done = time >= {m.of((steps, f"{steps} - 1 - tf.range(tf.shape({x})[0]) % 2"))}
    rows = tf.cond(tf.reduce_all(done), lambda: tf.zeros([tf.shape({x})[0], {depth}], tf.{m.main}), lambda: {ta}.read(time))
    rows.set_shape([None, {depth}])
    return done, rows, new, output, None
{array}, {state}, {end} = tf.nn.raw_rnn(c, {name}, scope='r')
{out} = {array}.stack()"""
    return scoped(m, text, [out])


def training(m: Maker) -> bool:
    """A step of an optimizer, after everything else."""
    floats = [n for n, v in m.shared.variables.items() if m.worlds[0].run.variables[v].dtype == m.main]
    if not floats:
        return False
    reads = [m.guarded(f"{n}.read_value()") for n in floats]
    goal = m.let(" + ".join(f"tf.reduce_sum(tf.square({r} - {m.number()}))" for r in reads))
    if goal is None:
        return False
    more = m.float(0, 3)
    loss = more and m.let(f"{goal} + tf.cast(tf.reduce_mean(tf.tanh({more} * 0.1)), tf.{m.main})")
    return m.guarded(f"tf.train.{m.of(OPTIMIZERS)}.minimize({loss or goal})") is not None

"""Statements of several lines: loops, branches, arrays of tensors, functions of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.support.eager.core import T
from tests.support.random_programs.maker import Maker
from tests.support.random_programs.statements import STATEMENTS, statement

FAMILIES = {"plain": 10, "sizes": 3, "draws": 1, "control": 3, "lists": 2, "state": 2, "rnn": 0}
"""How likely each family is inside blocks."""


def fill(m: Maker, count: int, families: dict[str, int] | None = None) -> None:
    """Up to so many statements."""
    weights = dict(families or FAMILIES)
    if m.depth <= 0:
        weights["control"] = weights["lists"] = weights["rnn"] = 0
    if m.pure:
        weights["state"] = 0
    names = [n for n, w in weights.items() for _ in range(w)]
    for _ in range(4 * count):
        count -= bool(m.of(STATEMENTS[m.of(names)])(m))
        if not count:
            return


def fitting(m: Maker, name: str, want: Sequence[T], free: bool) -> str:
    """Something made in the block that may take the place of a loop variable."""
    def fits(other: str) -> bool:
        return other != name and all(
            a.dtype == b.dtype and a.a.ndim == b.a.ndim and (free or (a.shape == b.shape and a.fixed >= b.fixed))
            for a, b in zip(m.values(other), want, strict=True))
    own = [n for n in m.own() if fits(n)]
    if own:
        return str(m.of(own[-4:]))
    half = f"{name} * 0.5" if want[0].dtype.kind == "f" else name
    return m.let(half) or name


def limit(m: Maker) -> str:
    """A number of steps."""
    n = m.pick(lambda t: t.dtype == np.int32 and t.a.ndim == 0 and not t.loose and -2 <= int(t.a) <= 8)
    return str(m.of((str(m.whole(0, 4)), n or "3", n or "2")))


def carried(m: Maker, count: int) -> list[str]:
    """Names of tensors for a loop to start with."""
    found = [m.pick(lambda t: t.dtype.kind in "fi" and t.a.ndim < 4) for _ in range(count)]
    return [n for n in found if n]


def entered(m: Maker, names: Sequence[str], free: bool, letter: str = "c") -> dict[str, list[T]]:
    """Parameters that begin as these tensors."""
    return {m.fresh(letter): [T(t.a, t.loose, t.fixed and not free) for t in m.values(n)] for n in names}


@statement("control")
def loop(m: Maker) -> Any:
    """tf.while_loop: counted, or ended by its data too."""
    start = carried(m, m.whole(1, 3))
    if not start:
        return None
    zero = "tf.constant(0)"
    if m.last is not None:
        start, zero = waiting(m, start), waiting(m, [zero])[0]
    free = m.chance(0.35) or not all(t.fixed for n in start for t in m.values(n))
    params = entered(m, start, free)
    t, cond, body = m.fresh("t"), m.fresh("cond"), m.fresh("body")
    names = [t, *params]
    inner = m.block({t: [T(np.int32(0))] * len(m.worlds), **params})
    inner.last = t  # steps come one after the other
    fill(inner, m.whole(1, 5))
    new = [fitting(inner, p, ts, free) for p, ts in params.items()]
    step, effects = f"{t} + 1", inner.last != t
    if effects:
        step = inner.fresh("t")
        inner.lines += inner.after(inner.last, f"{t} + 1", step)
    test = f"{t} < {limit(m)}"
    floats = [p for p, ts in params.items() if ts[0].dtype.kind == "f" and not any(x.loose for x in ts)]
    if floats and m.chance(0.4):
        test = f"tf.logical_and({test}, tf.reduce_sum({m.of(floats)}) < {m.number() * 4:.4f})"
    shapes = ", ".join(f"tf.TensorShape({[None] * ts[0].a.ndim})" for ts in params.values())
    invariants = f", shape_invariants=[tf.TensorShape([]), {shapes}]" if free else ""
    results = [m.fresh() for _ in names]
    lines = [f"def {cond}({', '.join(names)}):", f"    return {test}",
             *m.function(body, names, inner, f"[{', '.join([step, *new])}]"),
             f"{', '.join(results)} = tf.while_loop({cond}, {body}, [{zero}, {', '.join(start)}]{invariants})"]
    done = m.add("\n".join(lines), results)
    if done and effects:
        m.last = results[0]
    return done


def waiting(m: Maker, start: list[str]) -> list[str]:
    """What a region starts with, once the last effect has happened."""
    found = list(start)
    for i, name in enumerate(start):
        new = m.fresh()
        if m.add("\n".join(m.after(str(m.last), f"tf.identity({name})", new)), [new]):
            found[i] = new
    return found


@statement("control")
def branch(m: Maker) -> Any:
    """tf.cond, both ways giving the same types."""
    pred = m.pick(lambda t: t.dtype == np.bool_ and t.a.ndim == 0 and not t.loose)
    wanted = carried(m, m.whole(1, 2))
    if not pred or not wanted:
        return None
    if m.last is not None:
        [pred] = waiting(m, [pred])
    lines, names, effects = [], [], False
    for _ in range(2):
        inner = m.block({})
        fill(inner, m.whole(1, 4))
        out = [fitting(inner, n, m.values(n), m.chance(0.3)) for n in wanted]
        if inner.last:
            effects = True
            kept = [inner.fresh() for _ in out]
            for old, name in zip(out, kept, strict=True):
                inner.lines += inner.after(inner.last, f"tf.identity({old})", name)
            out = kept
        name = m.fresh("way")
        names.append(name)
        lines += m.function(name, [], inner, out[0] if len(out) == 1 else f"({', '.join(out)})")
    results = [m.fresh() for _ in wanted]
    text = "\n".join([*lines, f"{', '.join(results)} = tf.cond({pred}, {names[0]}, {names[1]})"])
    done = m.add(text, results)
    if done and effects:
        m.last = results[0]
    return done


@statement("control")
def cases(m: Maker) -> Any:
    """tf.case."""
    found = {m.pick(lambda t: t.dtype == np.bool_ and t.a.ndim == 0 and not t.loose) for _ in range(2)} - {None}
    x = m.float()
    if not found or not x:
        return None
    pairs = ", ".join(f"({p}, lambda: {x} * {m.number()})" for p in sorted(map(str, found)))
    return m.let(f"tf.case([{pairs}], default=lambda: tf.tanh({x}))")


@statement("control")
def mapped(m: Maker) -> Any:
    """map_fn, scan, foldl and foldr over the rows of a tensor."""
    x = m.pick(lambda t: t.dtype.kind in "fi" and t.a.ndim > 0 and t.a.shape[0] > 0)
    if not x:
        return None
    row = [T(t.a[0], t.loose, t.fixed) for t in m.values(x)]
    how = m.of(("map_fn", "scan", "foldl", "foldr"))
    params = {m.fresh("r"): row}
    start = x if how == "map_fn" else m.pick(lambda t: t.dtype.kind in "fi")
    own = how != "map_fn" and m.chance(0.4)
    if how != "map_fn":
        params = {m.fresh("s"): row if own else m.values(str(start)), **params}
    inner = m.block(params)
    inner.pure = True  # rows are done in any order
    fill(inner, m.whole(1, 4))
    name = m.fresh("row")
    if how == "map_fn":
        result = inner.pool[-1]
        dtype = f", dtype=tf.{inner.values(result)[0].dtype.name}"
    else:
        state = next(iter(params))
        result, dtype = fitting(inner, state, params[state], False), ""
        inner.lines.append(f"{result}.set_shape({state}.get_shape())")
    made = m.fresh()
    given = "" if own or how == "map_fn" else f", {start}"
    return m.add("\n".join([*m.function(name, list(params), inner, result),
                            f"{made} = tf.{how}({name}, {x}{given}{dtype})"]), [made])


# --- arrays of tensors --------------------------------------------------------------------------------------------------

READS = ("stack()", "stack()", "concat()", "gather([0])", "read(0)", "gather([1, 0])")


@statement("lists")
def filled(m: Maker) -> Any:
    """A loop that writes an array at each step, in order or not, growing or not; then stack, concat, gather or reads."""
    n = m.of((str(m.whole(1, 4)), limit(m)))
    t, ta, cond, body, out = (m.fresh(k) for k in ("t", "ta", "cond", "body", "ta"))
    x = m.float(0, 3)
    if not x:
        return None
    carry = m.fresh("c")
    inner = m.block({t: [T(np.int32(0))] * len(m.worlds), carry: [T(v.a, v.loose, False) for v in m.values(x)]})
    inner.pure = True
    fill(inner, m.whole(1, 3))
    value = inner.float() or carry
    new = fitting(inner, carry, inner.values(carry), False)
    grow = m.chance(0.4)
    place = m.of((t, t, t, f"{n} - 1 - {t}", f"{t} * 2"))
    shape = f", shape_invariants=[tf.TensorShape([]), tf.TensorShape({[None] * m.values(x)[0].a.ndim}), tf.TensorShape(None)]"
    result, made = m.fresh(), m.fresh()
    lines = [f"{ta} = tf.TensorArray(tf.{inner.values(value)[0].dtype.name}, {'0' if grow else n}, dynamic_size={grow}, "
             f"clear_after_read={m.chance(0.5)}, infer_shape={m.chance(0.6)})",
             f"def {cond}({t}, {carry}, {ta}):", f"    return {t} < {n}",
             *m.function(body, [t, carry, ta], inner, f"[{t} + 1, {new}, {ta}.write({place}, {value})]"),
             f"{t}, {result}, {out} = tf.while_loop({cond}, {body}, [tf.constant(0), {x}, {ta}]{shape})",
             f"{made} = {out}.{m.of((*READS, f'read({n} - 1)'))}"]
    rank = inner.values(value)[0].a.ndim + ("read" not in lines[-1] and "concat" not in lines[-1])
    lines += [f"{made}.set_shape({[None] * rank})"]
    return m.add("\n".join(lines), [result, made])


@statement("lists")
def walked(m: Maker) -> Any:
    """A loop that reads an array, perhaps in a branch, perhaps backwards."""
    x = m.pick(lambda t: t.dtype.kind == "f" and t.a.ndim > 0 and t.a.shape[0] > 0)
    if not x:
        return None
    n, t, c, ta, row = f"tf.shape({x})[0]", m.fresh("t"), m.fresh("c"), m.fresh("ta"), m.fresh()
    place = m.of((t, f"{n} - 1 - {t}", f"{t} // 2"))
    shape = [None] * (m.values(x)[0].a.ndim - 1)
    inner = m.block({t: [T(np.int32(0))] * len(m.worlds), row: [T(v.a[0], v.loose, False) for v in m.values(x)],
                     c: [T(v.a[0], v.loose, False) for v in m.values(x)]})
    inner.pure = True
    fill(inner, m.whole(1, 3))
    new = fitting(inner, c, inner.values(c), False)
    read = f"{ta}.read({place})"
    if m.chance(0.3):
        read = f"tf.cond({t} < 2, lambda: {ta}.read({place}), lambda: {c})"
    cond, body, result, last = m.fresh("cond"), m.fresh("body"), m.fresh(), m.fresh("t")
    inner.lines[:0] = [f"{row} = {read}", f"{row}.set_shape({shape})"]
    lines = [f"{ta} = tf.TensorArray(tf.{m.values(x)[0].dtype.name}, {n}, clear_after_read=False).unstack({x})",
             f"def {cond}({t}, {c}):", f"    return {t} < {n}", *m.function(body, [t, c], inner, f"[{t} + 1, {new}]"),
             f"{last}, {result} = tf.while_loop({cond}, {body}, [tf.constant(0), {x}[0]], "
             f"shape_invariants=[tf.TensorShape([]), tf.TensorShape({shape})])"]
    return m.add("\n".join(lines), [result])


@statement("lists")
def pieces(m: Maker) -> Any:
    """Arrays without a loop: writes with holes, split and concat, scatter and gather."""
    x = m.pick(lambda t: t.dtype.kind == "f" and t.a.ndim > 0)
    if not x:
        return None
    dtype, ta = m.values(x)[0].dtype.name, m.fresh("ta")
    y = m.alike(x)
    # What a loop gives may be of another shape than it was first: elements of one array are of one shape by promise.
    same = x == y or all(v.fixed for v in (*m.values(x), *m.values(y)))
    new = f"tf.TensorArray(tf.{dtype}, {m.whole(0, 4)}, dynamic_size=True, clear_after_read=False, infer_shape={same})"
    options = [(f"{new}.write(0, {x}).write(2, {y})", m.of(("gather([2, 0])", "read(2)", "read(0)", "gather([0, 2, 2])"))),
               (f"{new}.write(1, {x}).write(0, {y})", m.of(("read(1)", "gather([1, 0, 1])"))),
               (f"tf.TensorArray(tf.{dtype}, 2).split({x}, [1, tf.shape({x})[0] - 1])", "concat()"),
               (f"tf.TensorArray(tf.{dtype}, 2, infer_shape=False).split({x}, [tf.shape({x})[0], 0])", "concat()"),
               (f"{new}.unstack({x})", m.of(("stack()", "gather([0])", "read(0)"))),
               (f"{new}.scatter([1, 0], tf.stack([{x}, {y}]))", m.of(("read(0)", "gather([1, 0])", "gather([0, 1])")))]
    array, read = m.of(options)
    name = m.fresh()
    if m.add(f"{ta} = {array}\n{name} = {ta}.{read}", [name]):
        rank = m.values(name)[0].a.ndim
        m.lines.append(f"{name}.set_shape({[None] * rank})")
        return True
    return None

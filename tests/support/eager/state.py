"""Variables, and what only engines can tell: gradients and optimizers, whose results are loose."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.support.eager.core import Bad, Skip, T, as_tensor, leaves, run


def noise(name: str, shape: Any, dtype: Any) -> Any:
    """What a variable of that name starts with, in every engine."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if np.dtype(dtype).kind == "f":
        return rng.uniform(-1, 1, tuple(shape)).astype(dtype)
    return rng.integers(0, 4, tuple(shape)).astype(dtype)


class Variable:
    """A variable of the current run."""

    def __init__(self, name: str, shape: Any, dtype: Any) -> None:
        self.name = name
        known = run().initial
        value = known[name] if name in known else noise(name, shape, dtype)
        run().variables.setdefault(name, value if isinstance(value, T) else T(value))

    def value_now(self) -> T:
        """The tensor that it holds at this point."""
        found: T = run().variables[self.name]
        return T(found.a, found.loose)

    read_value = value_now

    @property
    def dtype(self) -> Any:
        """The NumPy type."""
        return self.value_now().dtype


def get_variable(name: str, shape: Any = (), dtype: Any = np.float32, initializer: Any = None, trainable: bool = True) -> Any:
    """tf.get_variable; there is no initializer but `noise`."""
    return Variable("/".join([*run().scopes, name]), tuple(shape), dtype)


@contextmanager
def variable_scope(name: str, **settings: Any) -> Iterator[None]:
    """tf.variable_scope."""
    run().scopes.append(name)
    try:
        yield
    finally:
        run().scopes.pop()


def _stored(v: Variable, value: Any, is_loose: bool) -> T:
    old = v.value_now()
    new = np.asarray(value)
    if new.shape != old.shape or new.dtype != old.dtype:
        raise Bad("the value has another type than the variable")
    run().variables[v.name] = T(new, is_loose)
    run().wrote = True
    return T(new, is_loose)


def _assigning(f: Any) -> Any:
    def made(v: Variable, value: Any) -> T:
        t = as_tensor(value, v.dtype)
        return _stored(v, f(v.value_now().a, t.a), t.loose or v.value_now().loose and f is not _second)
    return made


def _second(a: Any, b: Any) -> Any:
    return b


def _scattering(f: Any) -> Any:
    def made(v: Variable, indices: Any, updates: Any) -> T:
        i, u = as_tensor(indices), as_tensor(updates, v.dtype)
        new = v.value_now().a.copy()
        if i.a.size and (i.a.min() < 0 or i.a.max() >= len(new)):
            raise Bad("indices")
        if u.shape != i.shape + new.shape[1:]:
            raise Skip("updates")
        if f is None:
            if len(set(i.a.ravel().tolist())) < i.a.size:
                raise Skip("the last of two equal places")
            new[i.a] = u.a
        else:
            f.at(new, i.a, u.a)
        return _stored(v, new, u.loose or v.value_now().loose)
    return made


def gradients(ys: Any, xs: Any, grad_ys: Any = None) -> list[T]:
    """tf.gradients: the shapes only."""
    return [T(np.zeros_like(as_tensor(x).a), loose=True, fixed=as_tensor(x).fixed) for x in leaves(xs)]


class Optimizer:
    """Any optimizer: afterwards nothing is known of the variables."""

    def __init__(self, *settings: Any, **named: Any) -> None:
        pass

    def minimize(self, loss: Any, global_step: Any = None, var_list: Any = None) -> T:
        """A step."""
        for name, value in run().variables.items():
            if value.dtype.kind == "f":
                run().variables[name] = T(value.a, loose=True)
        run().wrote = True
        return T(np.int32(0), loose=True)


OPTIMIZERS = ("GradientDescentOptimizer", "MomentumOptimizer", "AdamOptimizer", "AdagradOptimizer", "RMSPropOptimizer",
              "AdadeltaOptimizer", "FtrlOptimizer")
EXPORTS: dict[str, Any] = {
    "get_variable": get_variable, "variable_scope": variable_scope, "zeros_initializer": lambda: None,
    "assign": _assigning(_second), "assign_add": _assigning(np.add), "assign_sub": _assigning(np.subtract),
    "scatter_add": _scattering(np.add), "scatter_sub": _scattering(np.subtract), "scatter_update": _scattering(None),
    "gradients": gradients, **{f"train.{name}": Optimizer for name in OPTIMIZERS},
}

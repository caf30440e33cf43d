"""Operation and Tensor: what a node and a value are to TensorFlow's users.

They are views: `Operation` stands for one IR node (the last one, where TensorFlow's op takes several), `Tensor` for a
value. The graph that they belong to is known by attribute only, so that this module stays below it. Python operators on
tensors are looked up in `OVERLOADS`, which `operators` fills.
"""

from __future__ import annotations

import linecache
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.ir.graph import Node, Origin, Value
from rnngraph.ir.op import OpDef
from rnngraph.ir.types import DType, TensorType

OVERLOADS: dict[str, Callable[..., Any]] = {}
"""Tensor operator name ("__add__", ...) -> function(tensor, ...)."""

class Operation:
    """A node as TensorFlow shows it. `outputs` are its tensors. Source: tf.Operation."""

    def __init__(self, graph: Any, name: str, type: str, node: Node | None, inputs: Sequence[Tensor],
                 values: Sequence[Value]) -> None:
        self.graph = graph
        self.name = name
        self.type = type
        self.node = node
        self.inputs = list(inputs)
        self.outputs = [Tensor(self, i, v) for i, v in enumerate(values)]
        self.device = graph._device_string()
        self.gradient_name: str | None = graph._gradient_overrides.get(type)
        self._id = graph._register(self)

    @property
    def control_inputs(self) -> list[Operation]:
        """The ops that run before this one by control edges."""
        after = self.node.after if self.node is not None else ()
        return [self.graph.operation_of(n) for n in after]

    @property
    def traceback(self) -> list[tuple[str, int, str, str | None]]:
        """The calls of the user's program that made this op, outermost first: file, line, function, text of the line."""
        frames = self.node.origin.frames if self.node is not None else ()
        return [(*f, linecache.getline(f.file, f.line).strip() or None) for f in frames]

    @property
    def op_def(self) -> OpDef | None:
        """The declaration of the IR op behind this one."""
        return self.node.op if self.node is not None else None

    @property
    def node_def(self) -> Operation:
        """The op itself: name, type and attributes are all on it."""
        return self

    def get_attr(self, name: str) -> Any:
        """An attribute. Raises ValueError (phrase: `No attr named`)."""
        if self.node is not None and name in self.node.attrs:
            return self.node.attrs[name]
        if name in ("T", "dtype") and self.outputs:
            return self.outputs[0].dtype
        raise ValueError(f"No attr named '{name}' in op {self.name!r} ({self.type})")

    def values(self) -> tuple[Tensor, ...]:
        """The outputs."""
        return tuple(self.outputs)

    def colocation_groups(self) -> list[bytes]:
        """Only itself: placement has no meaning here."""
        return [f"loc:@{self.name}".encode()]

    def run(self, feed_dict: Mapping[Any, Any] | None = None, session: Any = None) -> None:
        """Run this op in the default session or the one given."""
        evaluate(self, feed_dict, session)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"

    __str__ = __repr__

    def __deepcopy__(self, memo: object) -> Operation:
        return self


def _overload(name: str) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any) -> Any:
        return OVERLOADS[name](self, *args)
    method.__name__ = name
    return method


class Tensor:
    """A value as TensorFlow shows it: symbolic, named, with a static shape. Source: tf.Tensor."""

    __array_priority__ = 100
    if TYPE_CHECKING:
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __div__(self, other: Any) -> Tensor: ...
        def __rdiv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __rand__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __ror__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __rxor__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __getitem__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...

    __slots__ = ("_shape", "op", "source", "value", "value_index", "__weakref__")

    def __init__(self, op: Operation, value_index: int, value: Value) -> None:
        self.op = op
        self.value_index = value_index
        self.value = value
        self.source = value
        """What feeds replace; `value` may be a refinement of it made by `set_shape`."""
        self._shape: TensorShape | None = None
        op.graph._tensors[value] = self

    @property
    def graph(self) -> Any:
        """The graph that the tensor belongs to."""
        return self.op.graph

    @property
    def name(self) -> str:
        """`<op name>:<output index>`."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.value.type.dtype

    @property
    def device(self) -> str:
        """The recorded device string; devices have no effect."""
        device: str = self.op.device
        return device

    @property
    def shape(self) -> TensorShape:
        """The static shape, as r1.4 infers it."""
        if self._shape is None:
            t = self.value.type
            shape = t.shape if isinstance(t, TensorType) else None
            self._shape = TensorShape(None if shape is None else [d if isinstance(d, int) else None for d in shape])
        return self._shape

    def get_shape(self) -> TensorShape:
        """The static shape."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Merge `shape` into the static shape. Raises ValueError (phrase: `are not compatible`)."""
        merged = self.shape.merge_with(as_shape(shape))
        t = self.value.type
        if merged.ndims is not None and isinstance(t, TensorType):
            wanted = tuple(merged.as_list())
            if t.shape is None or any(w is not None and w != d for w, d in zip(wanted, t.shape, strict=True)):
                graph = self.graph
                origin = Origin(graph.places.here(), graph.get_name_scope(), self.op.name)
                builder = graph._builder_for(self.value)
                self.value = builder.node("refine", [self.value], {"shape": wanted}, origin=origin).results[0]
                graph._tensors[self.value] = self
        self._shape = merged

    def consumers(self) -> list[Operation]:
        """The ops that read this tensor."""
        return [op for op in self.graph._operations if any(t is self for t in op.inputs)]

    def eval(self, feed_dict: Mapping[Any, Any] | None = None, session: Any = None) -> Any:
        """The value in the default session or the one given."""
        return evaluate(self, feed_dict, session)

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = f", shape={self.shape}" if self.shape.ndims is not None else ""
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'

    def __deepcopy__(self, memo: object) -> Tensor:
        return self

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __bool__(self) -> bool:
        raise TypeError("Using a `tf.Tensor` as a Python `bool` is not allowed. Use `if t is not None:` to test if a "
                        f"tensor is defined, and tf.cond for a branch on its value. The tensor is {self!r}.")

    __nonzero__ = __bool__

    def __iter__(self) -> Iterator[Tensor]:
        raise TypeError(f"'Tensor' object is not iterable: {self!r}; tf.unstack gives a list of its slices, "
                        "tf.map_fn or tf.while_loop run over them.")

    def __len__(self) -> int:
        raise TypeError(f"object of type 'Tensor' has no len(): {self!r}; use tf.shape(t)[0] or t.shape[0].")

    def __int__(self) -> int:
        raise TypeError(f"int() argument must be a number, not {self!r}; run it in a session first.")

    __float__ = __index__ = __int__


_OPERATORS = ["add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
for _name in [f"__{r}{n}__" for n in _OPERATORS for r in ("", "r")] + [
        "__neg__", "__abs__", "__invert__", "__lt__", "__le__", "__gt__", "__ge__", "__getitem__"]:
    setattr(Tensor, _name, _overload(_name))


# --- evaluation: the session room fills this in ---------------------------------------------------------------------

class _Sessions(threading.local):
    def __init__(self) -> None:
        self.stack: list[Any] = []


sessions = _Sessions()


def get_default_session() -> Any:
    """The innermost default session of this thread, or None. Source: tf.get_default_session."""
    return sessions.stack[-1] if sessions.stack else None


def evaluate(item: Tensor | Operation, feed_dict: Mapping[Any, Any] | None, session: Any) -> Any:
    """Run one element. Raises ValueError (phrase: `No default session is registered`)."""
    if session is None:
        session = get_default_session()
        if session is None:
            raise ValueError("Cannot evaluate tensor using `eval()`: No default session is registered. Use "
                             "`with sess.as_default()` or pass an explicit session to `eval(session=sess)`")
        if session.graph is not item.graph:
            raise ValueError("Cannot use the default session to evaluate this: its graph is different from the "
                             "session's graph. Pass an explicit session to `eval(session=sess)`.")
    elif not hasattr(session, "run") or not hasattr(session, "graph"):
        raise TypeError(f"session must be a tf.Session, but it is {session!r}.")
    elif session.graph is not item.graph:
        raise ValueError("Cannot use the given session to evaluate this: its graph is different from the element's.")
    return session.run(item, feed_dict)

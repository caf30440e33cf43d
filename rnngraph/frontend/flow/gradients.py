"""tf.gradients and its registry, on top of autodiff. Source: tf.gradients, tf.RegisterGradient (r1.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rnngraph.autodiff.reverse import Cotangent, Hooks, Rows, reverse
from rnngraph.frontend.array.array_ops import reshape, shape, stack
from rnngraph.frontend.flow.bodies import counted_loop
from rnngraph.frontend.flow.tensor_array import TensorArray
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor
from rnngraph.frontend.framework.indexed_slices import IndexedSlices
from rnngraph.ir.graph import Node, Origin, Value, building, call, current


class AggregationMethod:
    """How gradients are summed; the values differ by rounding at most. Source: tf.AggregationMethod."""

    ADD_N = DEFAULT = 0
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


_registry: dict[str, Callable[..., Any] | None] = {}


class RegisterGradient:
    """Decorator: the gradient function of an op type, called with (op, *grads). Source: tf.RegisterGradient.

    Raises TypeError for other than a string, KeyError (phrase: `Registering two gradient`) for a second function.
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError(f"op_type must be a string, but it is {op_type!r}")
        self.op_type = op_type

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        _register(self.op_type, f)
        return f


def _register(op_type: str, f: Callable[..., Any] | None) -> None:
    if op_type in _registry:
        raise KeyError(f"Registering two gradient with name '{op_type}'! (Previous registration: {_registry[op_type]})")
    _registry[op_type] = f


def NotDifferentiable(op_type: str) -> None:
    """Declare that ops of this type have no gradient. Source: tf.NotDifferentiable."""
    if not isinstance(op_type, str):
        raise TypeError(f"op_type must be a string, but it is {op_type!r}")
    _register(op_type, None)


NoGradient = NotDifferentiable


def _unregistered(op: Operation, *_: Any) -> Any:
    """The gradient under a name that nothing is registered as: an error once a cotangent arrives."""
    raise LookupError(f"No gradient defined for operation '{op.name}' (op type: {op.type}): nothing is registered as "
                      f"'{op.gradient_name}'")


def gradients(ys: Any, xs: Any, grad_ys: Any = None, name: str = "gradients",
              colocate_gradients_with_ops: bool = False, gate_gradients: Any = False, aggregation_method: int | None = None,
              stop_gradients: Any = None) -> list[Any]:
    """The sum over ys of d(sum of y)/dx, one for each x; None where nothing connects them. Source: tf.gradients.

    A gradient is a tensor, or IndexedSlices where x is read by row. Raises ValueError (phrases: `grad_ys for`, `Invalid
    aggregation_method`, `Num gradients`), TypeError, LookupError (phrase: `No gradient defined`).
    """
    if aggregation_method not in (None, 0, 1, 2):
        raise ValueError(f"Invalid aggregation_method specified {aggregation_method}; use tf.AggregationMethod's.")
    if ys is None or xs is None:
        raise ValueError("None values not supported: gradients takes tensors, or lists of them, as ys and xs.")
    ys, xs = _listed(ys), _listed(xs)
    targets = [_target(y, "ys") for y in ys]
    sources = [_source(x) for x in xs]
    graph = _common_graph(targets, zip(xs, sources, strict=True))
    with graph.name_scope(name) as scope:
        seeds = _seeds(targets, grad_ys)
        stops = frozenset(_source(s)[0] for s in _listed(stop_gradients))
        _check_defined(targets)
        hooks = _FrontendHooks(graph, scope, stops).hooks()
        with building(graph.builder):
            found = reverse(graph.builder, [t.value for t in targets], seeds, [v for v, _ in sources], hooks)
        return [_shown(graph, x, c) for x, c in zip(xs, found, strict=True)]


def _listed(items: Any) -> list[Any]:
    if items is None:
        return []
    return list(items) if isinstance(items, (list, tuple)) else [items]


def _target(y: Any, what: str) -> Tensor:
    if isinstance(y, TensorArray):
        raise TypeError("gradients of a TensorArray: take them of what is read from it")
    return convert_to_tensor(y, name=what)


def _source(x: Any) -> tuple[Value, Graph]:
    """The value that gradients are taken for: a variable's reference, or a tensor's value."""
    ref = getattr(x, "_ref_value", None)
    if ref is not None:
        return ref, x.graph
    if isinstance(x, TensorArray):
        return x.value, x.graph
    if isinstance(x, IndexedSlices):
        return x.values.value, x.values.graph
    t = convert_to_tensor(x)
    return t.value, t.graph


def _common_graph(targets: Sequence[Tensor], sources: Iterable[tuple[Any, tuple[Value, Graph]]]) -> Graph:
    """The graph of all. Raises ValueError (phrase: `must be from the same graph`)."""
    graph: Graph | None = targets[0].graph if targets else None
    for x, (_, own) in sources:
        if graph is not None and own is not graph:
            raise ValueError(f"{x} must be from the same graph as {targets[0] if targets else 'the other xs'}.")
        graph = own
    if graph is None:
        raise ValueError("gradients needs at least one tensor in ys or xs.")
    return graph


def _seeds(targets: Sequence[Tensor], grad_ys: Any) -> list[Cotangent]:
    given = _listed(grad_ys) if grad_ys is not None else [None] * len(targets)
    if len(given) != len(targets):
        raise ValueError(f"Passed {len(given)} grad_ys for {len(targets)} ys; give one for each, None for ones.")
    return [_seed(y, g) for y, g in zip(targets, given, strict=True)]


def _seed(y: Tensor, g: Any) -> Cotangent:
    if isinstance(g, IndexedSlices):
        g = convert_to_tensor(g)
    if g is None:
        if y.dtype.is_complex:
            raise TypeError(f"Gradients of complex tensors must set grad_ys (y.dtype = {y.dtype.name})")
        with building(y.graph.builder):
            return call("ones_like", y.graph.builder.local(y.value))
    seed = convert_to_tensor(g, y.dtype if not isinstance(g, Tensor) else None, name="grad_ys")
    if (y.dtype.is_floating or y.dtype.is_integer) and not (seed.dtype.is_floating or seed.dtype.is_integer):
        raise TypeError(f"Gradient type {seed.dtype.name} generated for tensor {y} of type {y.dtype.name} must be numeric")
    if seed.dtype != y.dtype:
        raise ValueError(f"grad_ys for {y.name} has dtype {seed.dtype.name}, but the tensor has {y.dtype.name}; write "
                         f"tf.cast(grad, tf.{y.dtype.name}).")
    if not y.shape.is_compatible_with(seed.shape):
        raise ValueError(f"grad_ys for {y.name} has shape {seed.shape}, but the tensor has shape {y.shape}.")
    return seed.value


def _check_defined(targets: Sequence[Tensor]) -> None:
    """A y that an op without gradient made directly is an error, as in r1.4."""
    for y in targets:
        kind = y.op.type
        if kind in ("ArgMax", "ArgMin") and kind not in _registry:
            raise LookupError(f"No gradient defined for operation '{y.op.name}' (op type: {kind})")


class _FrontendHooks:
    """What the frontend tells autodiff: registered gradients, and names for what is built."""

    def __init__(self, graph: Graph, scope: str, stops: frozenset[Value]) -> None:
        self.graph, self.scope, self.stops = graph, scope, stops

    def hooks(self) -> Hooks:
        """The hooks."""
        return Hooks(self.rule, self.around, self.stops)

    def rule(self, node: Node) -> Callable[..., Sequence[Any]] | None:
        """A registered gradient of the op's type or override, else the op's own."""
        op = self.graph._by_node.get(node)
        key = "" if op is None else op.gradient_name or op.type
        if op is None or not (op.gradient_name or key in _registry):
            return node.op.gradient
        custom = _registry.get(key, _unregistered)
        return None if custom is None else self.custom(op, custom)

    def custom(self, op: Operation, f: Callable[..., Any]) -> Callable[..., Sequence[Any]]:
        """A registered function as a rule: it sees the op and tensors."""
        graph = self.graph

        def rule(g: Any, *cotangents: Value | None) -> list[Any]:
            # The function builds where the gradient is built: in the backward loop of a loop that `op` is in.
            with graph.region(current()):
                return built(g, *cotangents)

        def built(g: Any, *cotangents: Value | None) -> list[Any]:
            shown = [None if c is None else graph.tensor_of(c) for c in cotangents]
            made = f(op, *shown)
            found = list(made) if isinstance(made, (list, tuple)) else [made]
            inputs = len(op.inputs)
            if len(found) != inputs:
                raise ValueError(f"Num gradients {len(found)} generated for op {op.name} do not match num inputs {inputs}")
            for x, c in zip(op.inputs, found, strict=True):
                if isinstance(c, Tensor) and not x.shape.is_compatible_with(c.shape):
                    raise ValueError(f"Incompatible shapes between op input and calculated input gradient. Forward "
                                     f"operation: {op.name}. Original input shape: {x.shape}. Calculated input gradient "
                                     f"shape: {c.shape}")
            return [None if c is None else convert_to_tensor(c).value for c in found]
        return rule

    @contextmanager
    def around(self, node: Node) -> Iterator[None]:
        """Names and provenance of the backward nodes of one forward node."""
        graph = self.graph
        saved, scope = graph._origin, graph._names.scope
        graph._names.scope = f"{self.scope}{node.name}_grad" if node.name else self.scope.rstrip("/")
        graph._origin = Origin(node.origin.frames or graph.places.here(), graph._names.scope, forward=node)
        try:
            yield
        finally:
            graph._origin, graph._names.scope = saved, scope


def _shown(graph: Graph, x: Any, c: Cotangent | None) -> Any:
    if c is None:
        return None
    if isinstance(c, Rows):
        values, indices, dense_shape = (graph.view(v, n, "Identity") for v, n in (
            (c.values, "values"), (c.indices, "indices"), (c.shape, "shape")))
        return IndexedSlices(values, indices, dense_shape)
    if isinstance(x, TensorArray):
        return x.over(c)
    known = graph._tensors.get(c)
    return known if known is not None else graph.view(c, "grad", "AddN")


def hessians(ys: Any, xs: Any, name: str = "hessians", colocate_gradients_with_ops: bool = False,
             gate_gradients: Any = False, aggregation_method: int | None = None) -> list[Tensor]:
    """The matrix of second derivatives for each one-dimensional x. Source: tf.hessians.

    Raises ValueError if an x is not a vector.
    """
    xs = _listed(xs)
    found = []
    first = gradients(ys, xs, name=name, aggregation_method=aggregation_method)
    for x, g in zip(xs, first, strict=True):
        t = convert_to_tensor(x)
        if t.shape.ndims != 1:
            raise ValueError(f"Cannot compute Hessian because element {t.name} of `xs` has rank {t.shape.ndims}; it must be "
                             "a vector.")
        n = shape(t)[0]
        flat = reshape(g, [-1])
        found.append(stack(_rows(flat, x, t)) if t.shape.is_fully_defined() else _hessian_loop(flat, x, n))
    return found


def _rows(g: Tensor, x: Any, t: Tensor) -> list[Any]:
    return [gradients(g[i], [x])[0] for i in range(t.shape.num_elements() or 0)]


def _hessian_loop(g: Tensor, x: Any, n: Tensor) -> Tensor:
    def row(i: Tensor, carry: Sequence[Tensor], rows: Sequence[Tensor]) -> tuple[list[Any], list[Any]]:
        return [], gradients(g[i], [x])
    return counted_loop(row, n, [], [], name="hessian")[1][0]


__all__ = ["AggregationMethod", "NoGradient", "NotDifferentiable", "RegisterGradient", "gradients", "hessians"]

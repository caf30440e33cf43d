"""Graph: an open IR graph with what only TensorFlow has: names, collections, scopes, control dependencies.

Other frontend rooms make ops with `emit`, which appends an IR node and shows it as an `Operation` with its tensors.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rnngraph.frontend.framework.names import Names, op_type
from rnngraph.frontend.framework.places import Places
from rnngraph.frontend.framework.refusals import note_scope, refused
from rnngraph.frontend.framework.tensor import OVERLOADS as OVERLOADS
from rnngraph.frontend.framework.tensor import Operation as Operation
from rnngraph.frontend.framework.tensor import Tensor as Tensor
from rnngraph.frontend.framework.tensor import evaluate as evaluate
from rnngraph.frontend.framework.tensor import get_default_session as get_default_session
from rnngraph.frontend.framework.tensor import sessions as sessions
from rnngraph.ir import graph as ir
from rnngraph.ir.graph import Builder, Node, Origin, Value
from rnngraph.ir.op import OpDef, lookup
from rnngraph.ir.types import RefType
from rnngraph.locks import ForkLock


class FrontendBuilder(Builder):
    """A builder whose nodes get r1.4's names, control edges and the user's line."""

    def __init__(self, graph: ir.Graph, parent: Builder | None = None, owner: Graph | None = None) -> None:
        super().__init__(graph, parent)
        self.owner = owner if owner is not None else getattr(parent, "owner", None)
        self.awaited: set[Node] = set()
        """Nodes outside this region that something in it comes after."""

    def describe(self, op: OpDef, name: str, operands: Sequence[Value]) -> tuple[str, tuple[Node, ...], Origin]:
        """See Builder."""
        assert self.owner is not None
        return self.owner._describe(op, name, operands)

    def node(self, *args: Any, **kwargs: Any) -> Node:
        """See Builder; control dependencies remember what was made under them."""
        made = super().node(*args, **kwargs)
        for group in self.owner._here.controls if self.owner is not None else ():
            group.made.add(made)
        return made


@dataclass
class Controls:
    """One block of control dependencies: what ops made inside run after, and those ops."""

    nodes: list[Node]
    made: set[Node | None] = field(default_factory=set)


class _Here(threading.local):
    """What one thread is building: the regions it is in, and its blocks of control dependencies and devices."""

    def __init__(self, root: Builder) -> None:
        self.builders: list[Builder] = [root]
        self.controls: list[Controls] = []
        self.machinery: tuple[str, ...] = ()
        self.devices: list[Any] = []


class Graph:
    """A TensorFlow graph: an open IR graph with names, collections and scopes. Source: tf.Graph (r1.4)."""

    building_function = False

    def __init__(self) -> None:
        self.ir = ir.Graph("main")
        self._root: Builder = FrontendBuilder(self.ir, None, self)
        self._here = _Here(self._root)
        self._names = Names()
        self.places = Places()
        self._operations: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._by_node: dict[Node, Operation] = {}
        self._anchors: dict[Value, Node] = {}
        self._tensors: dict[Value, Tensor] = {}
        self._collections: dict[Any, list[Any]] = {}
        self._gradient_overrides: dict[str, str] = {}
        self._unfeedable: set[Tensor] = set()
        self._unfetchable: set[Tensor] = set()
        self._seed: int | None = None
        self._origin: Origin | None = None
        self._finalized = False
        self._building = ForkLock()
        self.compiled: dict[Any, Any] = {}
        """What engines made of this graph, by whatever they are told apart by; it goes with the graph."""
        self.states: dict[str, Any] = {}
        """Room for other frontend modules: variable scope state, layer counters, ..."""

    def __deepcopy__(self, memo: object) -> Graph:
        return self

    # --- making ops ------------------------------------------------------------------------------------------

    @property
    def builder(self) -> Builder:
        """The builder of the region being built: the outermost graph, a loop body or a branch."""
        return self._here.builders[-1]

    def _builder_for(self, value: Value) -> Builder:
        """The builder whose graph holds `value`, which must be under construction."""
        for builder in reversed(self._here.builders):
            if builder.graph is value.graph:
                return builder
        return self._here.builders[-1]

    @contextmanager
    def region(self, builder: Builder) -> Iterator[Builder]:
        """Build into a region; control dependencies from outside do not reach into it."""
        controls, self._here.controls = self._here.controls, []
        self._here.builders.append(builder)
        try:
            with ir.building(builder):
                yield builder
        finally:
            self._here.builders.pop()
            self._here.controls = controls

    @contextmanager
    def outermost(self) -> Iterator[Builder]:
        """Build into the outermost graph, outside any loop or branch (variables' nodes)."""
        builders, self._here.builders = self._here.builders, self._here.builders[:1]
        controls, self._here.controls = self._here.controls, []
        try:
            with ir.building(self._root):
                yield self._root
        finally:
            self._here.builders, self._here.controls = builders, controls

    def _describe(self, op: OpDef, name: str, operands: Sequence[Value]) -> tuple[str, tuple[Node, ...], Origin]:
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        after = self._after(operands) if self._here.controls else ()
        origin = self._origin or Origin(self.places.here(), self._names.scope, name, machinery=self._here.machinery)
        if not name and self._origin is not None:
            # Backward nodes are many and seldom looked at: named after the forward op, not made unique.
            name = f"{self._names.scope}/{op_type(op.name)}"
        return name, after, origin

    def _after(self, operands: Sequence[Value]) -> tuple[Node, ...]:
        """The control edges of a node made here that reads these values."""
        here, read = self.builder.graph, {v.node for v in operands}
        # What reads something made in the same block comes after the block's dependencies anyway.
        after = dict.fromkeys(n for group in self._here.controls if not read & group.made
                              for n in group.nodes if n.graph is here and n not in read)
        if isinstance(self.builder, FrontendBuilder):
            self.builder.awaited.update(n for group in self._here.controls for n in group.nodes if n.graph is not here)
        return tuple(after)

    def emit(self, op: str | OpDef, inputs: Sequence[Tensor | Value] = (), attrs: Mapping[str, Any] | None = None, *,
             name: str | None = None, type: str | None = None) -> Operation:
        """Append an IR node and show it as an op. `type` is TensorFlow's op type, also the default name."""
        self._check_not_finalized()
        tensors = [t for t in inputs if isinstance(t, Tensor)]
        for t in tensors:
            if t.graph is not self:
                raise ValueError(f"{t} must be from the same graph as {tensors[0] if tensors[0] is not t else self}.")
        definition = op if isinstance(op, OpDef) else lookup(op)
        kind = type or op_type(definition.name)
        values = [t.value if isinstance(t, Tensor) else t for t in inputs]
        with self._building.lock:
            builder = self.builder
            reserved = self._names.op(name or kind)
            try:
                node = builder.node(definition, values, attrs, name=reserved)
            except (ValueError, TypeError) as error:
                raise refused(error, reserved, kind, values) from None
            return Operation(self, reserved, kind, node, tensors, node.results)

    def view(self, value: Value, name: str, type: str = "Identity", inputs: Sequence[Tensor] = ()) -> Tensor:
        """Show an existing value as the output of an op of its own name (loop results, gradients)."""
        return Operation(self, self._names.op(name), type, value.node, inputs, [value]).outputs[0]

    def _register(self, op: Operation) -> int:
        self._check_not_finalized()
        self._operations.append(op)
        self._by_name.setdefault(op.name, op)
        if op.node is not None:
            self._by_node.setdefault(op.node, op)
        return len(self._operations)

    def tensor_of(self, value: Value) -> Tensor:
        """The view of a value, made now if it has none."""
        if value not in self._tensors:
            node = value.node
            label = value.hint or (node.op.name if node is not None else "arg")
            if node is None:
                return Operation(self, self._names.op(label), "Arg", None, [], [value]).outputs[0]
            made = self.operation_of(node)
            return made.outputs[value.index]
        return self._tensors[value]

    def operation_of(self, node: Node) -> Operation:
        """The view of a node, made now if it has none."""
        if node not in self._by_node:
            kind = op_type(node.op.name)
            inputs = [self.tensor_of(v) for v in node.operands if not isinstance(v.type, RefType)]
            Operation(self, self._names.op(node.name or kind), kind, node, inputs, node.results)
        return self._by_node[node]

    def operation_behind(self, node: Node) -> Operation | None:
        """The op that the user made, of which a node is a part; None if it is the library's own."""
        # A node that is only a part has no name; the scope that it was made in is often the op's.
        names = (node.origin.op, node.name, node.origin.scope.rstrip("/"))
        return next((self._by_name[name] for name in names if name in self._by_name), None)

    # --- default graph, state -------------------------------------------------------------------------------

    @contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Make this the default graph inside the block. Raises AssertionError (phrase: `Nesting violated`)."""
        _default.stack.append(self)
        try:
            yield self
        finally:
            if not _default.stack or _default.stack[-1] is not self:
                raise AssertionError("Nesting violated for default graph: leave `as_default` blocks in reverse order")
            _default.stack.pop()

    def finalize(self) -> None:
        """Forbid any further change."""
        self._finalized = True

    @property
    def finalized(self) -> bool:
        """Whether the graph may no longer change."""
        return self._finalized

    def _check_not_finalized(self) -> None:
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    def _unsafe_unfinalize(self) -> None:
        self._finalized = False

    @property
    def seed(self) -> int | None:
        """The graph-level random seed."""
        return self._seed

    @seed.setter
    def seed(self, seed: int | None) -> None:
        self._seed = seed

    @property
    def version(self) -> int:
        """The number of ops made so far: the id of the last op."""
        return len(self._operations)

    _last_id = version

    # --- names, scopes, dependencies -------------------------------------------------------------------------

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """A name in the current scope that is not taken."""
        return self._names.unique(name, mark_as_used)

    def get_name_scope(self) -> str:
        """The current name scope, without a slash at the end."""
        return self._names.scope

    @contextmanager
    def name_scope(self, name: Any) -> Iterator[str]:
        """Open a name scope; yields `full/`. Source: tf.Graph.name_scope."""
        if name is not None and not isinstance(name, str):
            raise TypeError(f"A scope name must be a string or None, not {name!r}.")
        previous = self._names.scope
        self._names.scope = entered = self._names.enter(name)
        try:
            yield entered + "/" if entered else ""
        except (ValueError, TypeError, NotImplementedError) as error:
            note_scope(error, entered)
            raise
        finally:
            self._names.scope = previous

    @contextmanager
    def control_dependencies(self, control_inputs: Sequence[Any] | None) -> Iterator[None]:
        """Ops made inside run after those given; None clears. Source: tf.Graph.control_dependencies."""
        if control_inputs is None:
            with self.outermost():
                yield
            return
        nodes = [n for c in control_inputs for n in self.control_nodes(c)]
        around = {b.graph for b in self._here.builders}
        for node in nodes:
            if node.graph not in around:
                raise ValueError(f"Control input {node.name!r} is inside a loop or branch and what is made here is not; "
                                 "depend on the loop's or branch's results.")
        self._here.controls.append(Controls(nodes))
        try:
            yield
        finally:
            self._here.controls.pop()

    @contextmanager
    def after(self, nodes: Iterable[Node]) -> Iterator[None]:
        """What is made inside comes after these nodes."""
        self._here.controls.append(Controls(list(nodes)))
        try:
            yield
        finally:
            self._here.controls.pop()

    @contextmanager
    def standing_for(self, machinery: Sequence[str]) -> Iterator[None]:
        """The node made inside stands for machinery of these names (see `Origin`)."""
        before, self._here.machinery = self._here.machinery, tuple(machinery)
        try:
            yield
        finally:
            self._here.machinery = before

    def control_dependencies_here(self) -> list[Node]:
        """What ops made now would come after."""
        return [n for group in self._here.controls for n in group.nodes]

    def control_nodes(self, item: Any) -> list[Node]:
        """The nodes that a control input stands for. Raises TypeError (phrase: `Can not convert a`)."""
        for attribute in ("_as_control_inputs",):
            expand = getattr(item, attribute, None)
            if expand is not None:
                return [n for part in expand() for n in self.control_nodes(part)]
        element = self.as_graph_element(item)
        node = element.value.node if isinstance(element, Tensor) else element.node
        if node is None:
            return []
        if not node.regions:
            return [node]
        # To TensorFlow each result of a loop or branch is an op; here they are one node, so the result itself is waited for.
        outputs = [element] if isinstance(element, Tensor) else element.outputs
        return [self._waited(t.value) for t in outputs]

    def _waited(self, value: Value) -> Node:
        """A node that needs this one result of a loop or branch."""
        if value not in self._anchors:
            origin = Origin(self.places.here(), self._names.scope)
            self._anchors[value] = self._builder_for(value).node("identity", [value], origin=origin)
        return self._anchors[value]

    @contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Record a device; it has no effect."""
        self._here.devices.append(device_name_or_function)
        try:
            yield
        finally:
            self._here.devices.pop()

    def _device_string(self) -> str:
        return next((d for d in reversed(self._here.devices) if isinstance(d, str)), "")

    @contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Accepted, without effect."""
        yield

    @contextmanager
    def container(self, container_name: str) -> Iterator[str]:
        """Accepted, without effect."""
        yield container_name

    @contextmanager
    def gradient_override_map(self, op_type_map: Mapping[str, str]) -> Iterator[None]:
        """Ops made inside use the gradient registered under the mapped name."""
        if not isinstance(op_type_map, Mapping):
            raise TypeError("op_type_map must be a dictionary mapping op types to registered gradient names")
        for key, value in op_type_map.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise TypeError(f"op_type_map must map strings to strings, but has {key!r}: {value!r}")
        saved = self._gradient_overrides
        self._gradient_overrides = {**saved, **op_type_map}
        try:
            yield
        finally:
            self._gradient_overrides = saved

    # --- elements ----------------------------------------------------------------------------------------------

    def get_operations(self) -> list[Operation]:
        """All ops in creation order."""
        return list(self._operations)

    def get_operation_by_name(self, name: str) -> Operation:
        """The op of that name. Raises KeyError, TypeError or ValueError as `as_graph_element` does."""
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        found = self.as_graph_element(name, allow_tensor=False, allow_operation=True)
        assert isinstance(found, Operation)
        return found

    def get_tensor_by_name(self, name: str) -> Tensor:
        """The tensor of that name. Raises KeyError, TypeError or ValueError as `as_graph_element` does."""
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        found = self.as_graph_element(name, allow_tensor=True, allow_operation=False)
        assert isinstance(found, Tensor)
        return found

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Tensor | Operation:
        """The tensor or op that `obj` (element, name, variable) stands for, as r1.4 resolves and refuses it."""
        convert = getattr(obj, "_as_graph_element", None)
        if convert is not None:
            obj = convert()
        wanted = " or ".join(w for w, on in (("Tensor", allow_tensor), ("Operation", allow_operation)) if on)
        if isinstance(obj, str):
            return self._by_string(obj, allow_tensor, allow_operation)
        if (isinstance(obj, Tensor) and allow_tensor) or (isinstance(obj, Operation) and allow_operation):
            if obj.graph is not self:
                raise ValueError(f"{type(obj).__name__} {obj} is not an element of this graph.")
            return obj
        raise TypeError(f"Can not convert a {type(obj).__name__} into a {wanted}.")

    def _by_string(self, name: str, allow_tensor: bool, allow_operation: bool) -> Tensor | Operation:
        if ":" in name:
            if not allow_tensor:
                raise ValueError(f"Name {name!r} appears to refer to a Tensor, not an Operation.")
            match = re.fullmatch(r"(.*):(\d+)", name)
            if match is None:
                raise ValueError(f"The name {name!r} looks a like a Tensor name, but is not a valid one. Tensor names "
                                 'must be of the form "<op_name>:<output_index>".')
            op = self._by_name.get(match[1])
            if op is None:
                raise KeyError(f"The name {name!r} refers to a Tensor which does not exist. The operation, "
                               f"{match[1]!r}, does not exist in the graph.")
            if int(match[2]) >= len(op.outputs):
                raise KeyError(f"The name {name!r} refers to a Tensor which does not exist. The operation, "
                               f"{match[1]!r}, exists but only has {len(op.outputs)} outputs.")
            return op.outputs[int(match[2])]
        op = self._by_name.get(name)
        if not allow_operation:
            if op is not None:
                raise ValueError(f"The name {name!r} refers to an Operation, not a Tensor. Tensor names must be of the "
                                 'form "<op_name>:<output_index>".')
            raise ValueError(f"The name {name!r} looks like an (invalid) Operation name, not a Tensor.")
        if op is None:
            raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
        return op

    def prevent_feeding(self, tensor: Tensor) -> None:
        """Refuse feeds of this tensor."""
        self._unfeedable.add(tensor)

    def is_feedable(self, tensor: Any) -> bool:
        """Whether the tensor may be fed: not inside a loop, not used to infer static shapes."""
        return tensor not in self._unfeedable and tensor.source.graph is self.ir

    def prevent_fetching(self, op: Any) -> None:
        """Refuse fetches of this op."""
        self._unfetchable.add(op)

    def is_fetchable(self, item: Any) -> bool:
        """Whether a tensor or op may be fetched: not inside a loop or branch."""
        graph = item.value.graph if isinstance(item, Tensor) else (item.node.graph if item.node else self.ir)
        return item not in self._unfetchable and graph is self.ir

    # --- collections -------------------------------------------------------------------------------------------

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Append to a collection."""
        self._check_not_finalized()
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append to several collections, once each."""
        for name in {names} if isinstance(names, str) else dict.fromkeys(names):
            self.add_to_collection(name, value)

    def get_collection_ref(self, name: Any) -> list[Any]:
        """The live list."""
        return self._collections.setdefault(name, [])

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """A copy; with `scope`, the items whose `name` matches that regular expression at its start."""
        items = list(self._collections.get(name, []))
        if scope is None:
            return items
        pattern = re.compile(scope)
        return [item for item in items if hasattr(item, "name") and pattern.match(item.name)]

    def get_all_collection_keys(self) -> list[str]:
        """The string keys."""
        return [key for key in self._collections if isinstance(key, str)]

    def clear_collection(self, name: Any) -> None:
        """Empty a collection."""
        self._check_not_finalized()
        self._collections.pop(name, None)

    @property
    def collections(self) -> list[Any]:
        """The names of the collections."""
        return list(self._collections)


# --- the default graph ----------------------------------------------------------------------------------------------

class _Default(threading.local):
    def __init__(self) -> None:
        self.stack: list[Graph] = []


_default = _Default()
_global: list[Graph] = []


def get_default_graph() -> Graph:
    """The innermost `as_default` graph of this thread, else the global one. Source: tf.get_default_graph."""
    if _default.stack:
        return _default.stack[-1]
    if not _global:
        _global.append(Graph())
    return _global[0]


def reset_default_graph() -> None:
    """Replace the global default graph. Raises AssertionError inside `as_default`. Source: tf.reset_default_graph."""
    if _default.stack:
        raise AssertionError("Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared graph, "
                             "exit the nesting and create a new graph.")
    _global[:] = [Graph()]


def graph_of(inputs: Sequence[Any]) -> Graph:
    """The graph that inputs belong to, else the default one. Raises ValueError (`must be from the same graph`)."""
    found: Any = None
    for item in inputs:
        graph = getattr(item, "graph", None)
        if isinstance(graph, Graph):
            if found is not None and graph is not found.graph:
                raise ValueError(f"{item} must be from the same graph as {found}.")
            found = found if found is not None else item
    return found.graph if found is not None else get_default_graph()


def emit(op: str | OpDef, inputs: Sequence[Tensor | Value] = (), attrs: Mapping[str, Any] | None = None, *,
         name: str | None = None, type: str | None = None) -> Tensor:
    """Make an op on its inputs' graph (or the default one); its first output."""
    return emit_op(op, inputs, attrs, name=name, type=type).outputs[0]


def emit_op(op: str | OpDef, inputs: Sequence[Tensor | Value] = (), attrs: Mapping[str, Any] | None = None, *,
            name: str | None = None, type: str | None = None) -> Operation:
    """Make an op on its inputs' graph (or the default one)."""
    graph = graph_of([t for t in inputs if isinstance(t, Tensor)])
    return graph.emit(op, inputs, attrs, name=name, type=type)

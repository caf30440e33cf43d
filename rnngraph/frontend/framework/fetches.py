"""What a run is asked for and given: structures of fetches, and feed dictionaries. Source: tf.Session.run (r1.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.frontend.framework import nest
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor
from rnngraph.frontend.framework.indexed_slices import IndexedSlices, IndexedSlicesValue
from rnngraph.ir.graph import Target, Value


class Fetches:
    """A structure of fetches: the distinct values and ops in it, and how to pack what comes back."""

    def __init__(self, graph: Graph, fetches: Any) -> None:
        self.graph = graph
        self.values: list[Value] = []
        self.targets: list[Target] = []
        self._index: dict[Value, int] = {}
        self._pack = self._plan(fetches)

    def pack(self, results: Sequence[Any]) -> Any:
        """The results in the structure of the fetches."""
        return self._pack([_result(r) for r in results])

    def _plan(self, item: Any) -> Callable[[Sequence[Any]], Any]:
        if isinstance(item, (list, tuple)):
            inner = [self._plan(i) for i in item]
            if hasattr(item, "_fields"):
                return lambda r: type(item)(*(p(r) for p in inner))
            return lambda r: type(item)([p(r) for p in inner])
        if isinstance(item, Mapping):
            entries = {k: self._plan(v) for k, v in item.items()}
            kind = type(item) if isinstance(item, dict) else dict
            return lambda r: kind((k, p(r)) for k, p in entries.items())
        if isinstance(item, IndexedSlices):
            parts = [self._plan(t) for t in (item.values, item.indices)]
            shape = None if item.dense_shape is None else self._plan(item.dense_shape)
            return lambda r: IndexedSlicesValue(parts[0](r), parts[1](r), None if shape is None else shape(r))
        return self._leaf(item)

    def _leaf(self, item: Any) -> Callable[[Sequence[Any]], Any]:
        element = self._element(item)
        if not self.graph.is_fetchable(element):
            raise ValueError(f"{element!r} has been marked as not fetchable: it is made inside a loop or branch. Return it "
                             "from the loop's body or the branch, and fetch the result.")
        if isinstance(element, Operation):
            if element.node is not None:
                # To TensorFlow a result of a loop or branch is an op of its own.
                self.targets += [t.value for t in element.outputs] if element.node.regions else [element.node]
            return lambda r: None
        value = element.value
        if value not in self._index:
            self._index[value] = len(self.values)
            self.values.append(value)
        at = self._index[value]
        return lambda r: r[at]

    def _element(self, item: Any) -> Tensor | Operation:
        try:
            return self.graph.as_graph_element(item)
        except TypeError as error:
            raise TypeError(f"Fetch argument {item!r} has invalid type {type(item).__name__}, must be a string or Tensor. "
                            f"({error})") from None
        except (ValueError, KeyError) as error:
            raise ValueError(f"Fetch argument {item!r} cannot be interpreted as a Tensor. ({error.args[0]})") from None


def _result(value: Any) -> Any:
    """A fetched value as TensorFlow gives it: a scalar, or an array of its own."""
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return value[()]
        return value if value.flags.writeable else value.copy()
    return value


# --- feeds --------------------------------------------------------------------------------------------------------------

class Feeds:
    """A feed dictionary, checked and converted."""

    def __init__(self, graph: Graph, feed_dict: Mapping[Any, Any] | None) -> None:
        self.graph = graph
        self.found: dict[Value, Any] = {}
        if feed_dict is not None and not isinstance(feed_dict, Mapping):
            raise TypeError(f"feed_dict must be a dictionary from tensors to values, but it is {feed_dict!r}.")
        for key, value in (feed_dict or {}).items():
            if isinstance(key, IndexedSlices):
                self._slices(key, value)
            elif isinstance(key, (tuple, list)) or nest.is_sequence(key):
                for k, v in _paired(key, value):
                    self._one(k, v)
            else:
                self._one(key, value)

    def _slices(self, key: Any, value: Any) -> None:
        parts = [key.values, key.indices] + ([key.dense_shape] if key.dense_shape is not None else [])
        for k, v in zip(parts, value, strict=False):
            self._one(k, v)

    def _one(self, key: Any, value: Any) -> None:
        try:
            tensor = self.graph.as_graph_element(key, allow_operation=False)
        except (TypeError, ValueError, KeyError) as error:
            raise TypeError(f"Cannot interpret feed_dict key as Tensor: {error.args[0]}") from None
        assert isinstance(tensor, Tensor)
        if isinstance(value, Tensor):
            raise TypeError("The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python "
                            "scalars, strings, lists, numpy ndarrays, or TensorHandles. Run it first and feed the result.")
        array = _converted(tensor, value)
        if not tensor.shape.is_compatible_with(array.shape):
            raise ValueError(f"Cannot feed value of shape {array.shape} for Tensor '{tensor.name}', which has shape "
                             f"'{tensor.shape}'")
        if not self.graph.is_feedable(tensor):
            raise ValueError(f"Tensor {tensor.name} may not be fed: it is inside a loop, or its value was used when the "
                             "graph was built.")
        self.found[tensor.source] = array


def _paired(key: Any, value: Any) -> list[tuple[Any, Any]]:
    keys = nest.flatten(key)
    values = nest.flatten(value)
    if len(keys) != len(values):
        raise ValueError(f"The feed key {key!r} holds {len(keys)} tensors, but its value holds {len(values)}.")
    return list(zip(keys, values, strict=True))


def _converted(tensor: Tensor, value: Any) -> Any:
    dtype = tensor.dtype.numpy
    if isinstance(value, int) and not isinstance(value, bool) and tensor.dtype.is_integer:
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise TypeError(f"Type of feed value {value} with type {type(value)} is not compatible with Tensor type "
                            f"{tensor.dtype.name}. Try explicitly setting the type of the feed tensor to a larger type.")
    if tensor.dtype.kind == "s":
        return _bytes(np.asarray(value, dtype=object))
    try:
        array = np.asarray(value, dtype=dtype)
    except OverflowError as error:
        raise ValueError(f"Cannot feed this value for Tensor {tensor.name!r} of {tensor.dtype.name}: {error}") from None
    # Such arrays may be sizes, which are read here and there in a run: another thread may change the caller's meanwhile.
    return np.array(array) if array.ndim <= 1 and tensor.dtype.is_integer else array


def _bytes(texts: Any) -> Any:
    """An array of strings as bytes objects."""
    found = np.empty(texts.shape, dtype=object)
    found.ravel()[:] = [t.encode() if isinstance(t, str) else t for t in texts.ravel().tolist()]
    return found

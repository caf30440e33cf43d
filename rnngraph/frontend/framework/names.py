"""Operation names: scopes, uniqueness and validity, as r1.4 has them (variables-and-scopes, sections 1 and 2)."""

from __future__ import annotations

import functools
import re
import threading

_OP = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\-/]*$")
_SCOPE = re.compile(r"^[A-Za-z0-9_.\-/]*$")


class Names:
    """The used names of one graph and its current name scope. Ops and scopes share the table."""

    def __init__(self) -> None:
        self._here = threading.local()
        self.used: dict[str, int] = {}
        self.literal: set[str] = set()
        """Names given literally, with a trailing slash."""

    @property
    def scope(self) -> str:
        """The current name scope of this thread."""
        found: str = getattr(self._here, "scope", "")
        return found

    @scope.setter
    def scope(self, scope: str) -> None:
        self._here.scope = scope

    def unique(self, name: str, mark_as_used: bool = True) -> str:
        """`name` in the current scope, with `_1`, `_2`, ... added if it is taken."""
        full = f"{self.scope}/{name}" if self.scope else name
        count = self.used.get(full, 0)
        if mark_as_used:
            self.used[full] = count + 1
        if not count:
            return full
        candidate = full
        while candidate in self.used:
            candidate = f"{full}_{count}"
            count += 1
        if mark_as_used:
            self.used[candidate] = 1
        return candidate

    def op(self, name: str) -> str:
        """The full name of a new op. Raises ValueError (phrases: `is not a valid node name`, `is already used`)."""
        if not isinstance(name, str):
            raise TypeError(f"The name of an op must be a string, but it is {name!r}.")
        if name and name[-1] == "/":
            full = name[:-1]
            if full in self.used and full in self.literal:
                raise ValueError(f"Duplicate node name in graph: {full!r} is already used; leave out the trailing slash")
            self.literal.add(full)
            self.used.setdefault(full, 1)
            return full
        if not _OP.match(name):
            raise ValueError(f"{name!r} is not a valid node name: use letters, digits, and . _ - / after the first one")
        return self.unique(name)

    def check_scope(self, name: str) -> None:
        """Raise ValueError (phrase: `is not a valid scope name`) for a bad scope name."""
        pattern = _SCOPE if self.scope else _OP
        if not pattern.match(name):
            raise ValueError(f"{name!r} is not a valid scope name: use letters, digits, and . _ - /")

    def enter(self, name: str | None) -> str:
        """The scope that `name_scope(name)` opens: unique below the current one, exact with a slash, root if empty."""
        if not name:
            return ""
        if name[-1] == "/":
            return name[:-1]
        self.check_scope(name)
        return self.unique(name)


# --- op types ---------------------------------------------------------------------------------------------------------

_TYPES = {
    "argmax": "ArgMax", "argmin": "ArgMin", "constant": "Const", "contract": "MatMul", "cotangent_sum": "AddN",
    "div": "RealDiv", "dynamic_slice": "StridedSlice", "dynamic_unslice": "StridedSliceGrad", "floordiv": "FloorDiv",
    "floormod": "FloorMod", "int_floordiv": "FloorDiv", "int_floormod": "FloorMod", "int_truncdiv": "TruncateDiv",
    "int_truncmod": "TruncateMod", "iota": "Range", "is_initialized": "IsVariableInitialized", "list_close":
    "TensorArrayCloseV3", "list_concat": "TensorArrayConcatV3", "list_gather": "TensorArrayGatherV3", "list_new":
    "TensorArrayV3", "list_read": "TensorArrayReadV3", "list_scatter": "TensorArrayScatterV3", "list_size":
    "TensorArraySizeV3", "list_split": "TensorArraySplitV3", "list_stack": "TensorArrayGatherV3", "list_unstack":
    "TensorArrayScatterV3", "list_write": "TensorArrayWriteV3", "loop": "While", "pad_dynamic": "Pad", "pad_mirror":
    "MirrorPad", "put": "ScatterUpdate", "put_add": "ScatterAdd", "put_div": "ScatterDiv", "put_mul": "ScatterMul",
    "put_nd_add": "ScatterNd", "random_int": "RandomUniformInt", "random_normal": "RandomStandardNormal", "read":
    "Identity", "reduce_all": "All", "reduce_any": "Any", "reduce_max": "Max", "reduce_mean": "Mean", "reduce_min":
    "Min", "reduce_prod": "Prod", "reduce_sum": "Sum", "select": "Select", "slice_sized": "Slice", "stack": "Pack",
    "take": "Gather", "take_nd": "GatherNd", "top_k": "TopKV2", "unbroadcast": "Sum", "unslice": "SliceGrad", "unstack":
    "Unpack", "variable": "VariableV2", "where_indices": "Where"}
"""TensorFlow's op types, where they are not the IR's names in another spelling."""


@functools.cache
def op_type(op: str) -> str:
    """TensorFlow's op type for an op of the IR."""
    return _TYPES.get(op) or "".join(part.capitalize() for part in op.split("_"))

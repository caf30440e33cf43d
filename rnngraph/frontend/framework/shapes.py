"""Static shapes as the user sees them: TensorShape and Dimension, with TensorFlow 1.4's rules.

Both are immutable. Their equality is TensorFlow's and has its traps: what is not known equals nothing, not even itself
(`TensorShape([None]) == TensorShape([None])` is False), so code of this project asks `is_compatible_with`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import index
from typing import Any, SupportsIndex, SupportsInt, TypeAlias, cast, overload

DimensionLike: TypeAlias = "Dimension | SupportsInt | SupportsIndex | str | bytes | None"
ShapeLike: TypeAlias = "TensorShape | Dimension | SupportsInt | SupportsIndex | Iterable[DimensionLike] | None"


_LARGEST = 2 ** 63 - 1


def _dimension_value(value: DimensionLike) -> int | None:
    if value is None:
        return None
    if isinstance(value, Dimension):
        return value.value
    try:
        number = int(value)
    except (ValueError, OverflowError):
        raise ValueError(f"Ambiguous dimension: {value!r}; expected a whole number, a Dimension or None") from None
    # TensorFlow reads "3" as 3, and a number only if it is whole.
    if not isinstance(value, str | bytes) and number != value:
        raise ValueError(f"Ambiguous dimension: {value!r} is not a whole number; write int(...) or use //")
    if number < 0:
        raise ValueError(f"Dimension {number} must be >= 0; write None for a dimension that is not known")
    if number > _LARGEST:
        raise ValueError(f"Dimension {number} is too large: a size must be at most {_LARGEST}")
    return number


class Dimension:
    """The size of one axis: an int, or None where it is not known."""

    __slots__ = ("_value",)
    # TensorFlow's are not hashable either: equality with what is not known has no answer.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: DimensionLike) -> None:
        """From a whole number, another Dimension or None."""
        self._value = _dimension_value(value)

    @property
    def value(self) -> int | None:
        """The size, or None."""
        return self._value

    def __repr__(self) -> str:
        """`Dimension(3)` or `Dimension(None)`."""
        return f"Dimension({self._value})"

    def __str__(self) -> str:
        """The number, or `?`."""
        return "?" if self._value is None else str(self._value)

    def __int__(self) -> int:
        """The number; TypeError where it is not known."""
        if self._value is None:
            raise TypeError(
                "Expected a known Dimension, got Dimension(None): its size is known only when the graph runs. "
                "Use tf.shape(tensor)[axis] for it, or `.value` for an int or None."
            )
        return self._value

    def __index__(self) -> int:
        """As `int`, so that a known dimension serves as an index and in `range`."""
        return int(self)

    def is_compatible_with(self, other: DimensionLike) -> bool:
        """Whether both could be the same size: equal, or one of them not known."""
        value = as_dimension(other).value
        return self._value is None or value is None or self._value == value

    def assert_is_compatible_with(self, other: DimensionLike) -> None:
        """ValueError unless `is_compatible_with`."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {as_dimension(other)} are not compatible")

    def merge_with(self, other: DimensionLike) -> Dimension:
        """What both together tell about the size; ValueError if they contradict each other."""
        self.assert_is_compatible_with(other)
        return as_dimension(other) if self._value is None else self

    def _compare(self, other: Any, relation: Callable[[int, int], bool]) -> bool | None:
        try:
            value = as_dimension(other).value
        except TypeError:
            return cast("None", NotImplemented)
        return None if self._value is None or value is None else relation(self._value, value)

    def __eq__(self, other: object) -> bool | None:  # type: ignore[override]
        """Whether the sizes are equal; None where either is not known."""
        try:
            return self._compare(other, lambda x, y: x == y)
        except ValueError:
            return NotImplemented

    def __ne__(self, other: object) -> bool | None:  # type: ignore[override]
        """Whether the sizes differ; None where either is not known."""
        try:
            return self._compare(other, lambda x, y: x != y)
        except ValueError:
            return NotImplemented

    def __lt__(self, other: DimensionLike) -> bool | None:
        """Less than; None where either is not known."""
        return self._compare(other, lambda x, y: x < y)

    def __le__(self, other: DimensionLike) -> bool | None:
        """At most; None where either is not known."""
        return self._compare(other, lambda x, y: x <= y)

    def __gt__(self, other: DimensionLike) -> bool | None:
        """Greater than; None where either is not known."""
        return self._compare(other, lambda x, y: x > y)

    def __ge__(self, other: DimensionLike) -> bool | None:
        """At least; None where either is not known."""
        return self._compare(other, lambda x, y: x >= y)

    def _combine(self, other: Any, compute: Callable[[int, int], int]) -> Dimension:
        try:
            value = as_dimension(other).value
        except TypeError:
            # A tensor on the other side has its own reflected operator.
            return cast("Dimension", NotImplemented)
        return Dimension(None if self._value is None or value is None else compute(self._value, value))

    def __add__(self, other: DimensionLike) -> Dimension:
        """The sum, not known where either is not known; so all arithmetic."""
        return self._combine(other, lambda x, y: x + y)

    def __radd__(self, other: DimensionLike) -> Dimension:
        """The sum; TensorFlow 1.4 lacks the reflected forms, later releases have them."""
        return self._combine(other, lambda x, y: y + x)

    def __sub__(self, other: DimensionLike) -> Dimension:
        """The difference; ValueError if it is negative."""
        return self._combine(other, lambda x, y: x - y)

    def __rsub__(self, other: DimensionLike) -> Dimension:
        """The reflected difference."""
        return self._combine(other, lambda x, y: y - x)

    def __mul__(self, other: DimensionLike) -> Dimension:
        """The product."""
        return self._combine(other, lambda x, y: x * y)

    def __rmul__(self, other: DimensionLike) -> Dimension:
        """The reflected product."""
        return self._combine(other, lambda x, y: y * x)

    def __floordiv__(self, other: DimensionLike) -> Dimension:
        """The quotient rounded down."""
        return self._combine(other, lambda x, y: x // y)

    def __rfloordiv__(self, other: DimensionLike) -> Dimension:
        """The reflected quotient."""
        return self._combine(other, lambda x, y: y // x)

    def __mod__(self, other: DimensionLike) -> Dimension:
        """The remainder."""
        return self._combine(other, lambda x, y: x % y)

    def __rmod__(self, other: DimensionLike) -> Dimension:
        """The reflected remainder."""
        return self._combine(other, lambda x, y: y % x)

    def __truediv__(self, other: DimensionLike) -> Dimension:
        """TypeError that names `//`: a size is a whole number."""
        return self._combine(other, _no_true_division)

    def __rtruediv__(self, other: DimensionLike) -> Dimension:
        """As `/` from the left."""
        return self._combine(other, _no_true_division)


def _no_true_division(_x: int, _y: int) -> int:
    raise TypeError("Expected `//` between Dimensions, got `/`: write a // b, or int(a) / int(b) for a fraction")


def as_dimension(value: DimensionLike) -> Dimension:
    """`value` itself if it is a Dimension, else one made of it."""
    return value if isinstance(value, Dimension) else Dimension(value)


def _dimensions(dims: ShapeLike) -> tuple[Dimension, ...] | None:
    if dims is None:
        return None
    if isinstance(dims, TensorShape):
        return None if dims.ndims is None else tuple(dims)
    if isinstance(dims, str | bytes):
        raise TypeError(
            f"A string has ambiguous TensorShape, got {dims!r}; write an int, or a list of ints and None: [2, None]"
        )
    try:
        # Whatever can be iterated is a list of dimensions; a number, NumPy's included, is one dimension.
        iterator = iter(cast("Iterable[DimensionLike]", dims))
    except TypeError:
        return (as_dimension(cast("DimensionLike", dims)),)
    return tuple(as_dimension(each) for each in iterator)


class TensorShape:
    """A static shape: a list of Dimensions, or nothing at all where even the rank is not known.

    `TensorShape(None)` has an unknown rank, `TensorShape(3)` is the vector shape `[3]`, `TensorShape([])` a scalar's.
    """

    __slots__ = ("_dims",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, dims: ShapeLike) -> None:
        """From None, one dimension, or an iterable of dimensions."""
        self._dims = _dimensions(dims)

    @property
    def dims(self) -> list[Dimension] | None:
        """The Dimensions in a new list, or None if the rank is not known."""
        return None if self._dims is None else list(self._dims)

    @property
    def ndims(self) -> int | None:
        """The rank, or None."""
        return None if self._dims is None else len(self._dims)

    def as_list(self) -> list[int | None]:
        """The sizes as ints and None; ValueError if the rank is not known."""
        if self._dims is None:
            raise ValueError(
                "as_list() is not defined on an unknown TensorShape: its rank is not known. "
                "Test `shape.ndims is None` first, or give the tensor a shape with set_shape."
            )
        return [dim.value for dim in self._dims]

    def num_elements(self) -> int | None:
        """The product of the sizes, or None if any of them is not known."""
        if self._dims is None:
            return None
        count = 1
        for dim in self._dims:
            if dim.value is None:
                return None
            count *= dim.value
        return count

    def is_fully_defined(self) -> bool:
        """Whether the rank and every size are known."""
        return self._dims is not None and all(dim.value is not None for dim in self._dims)

    def is_compatible_with(self, other: ShapeLike) -> bool:
        """Whether some shape fits both: same rank and compatible sizes, or one of unknown rank."""
        others = as_shape(other)._dims
        if self._dims is None or others is None:
            return True
        if len(self._dims) != len(others):
            return False
        return all(x.is_compatible_with(y) for x, y in zip(self._dims, others, strict=True))

    def merge_with(self, other: ShapeLike) -> TensorShape:
        """What both together tell about the shape; ValueError if they contradict each other."""
        that = as_shape(other)
        if self._dims is None:
            return that
        if that._dims is None:
            return self
        if not self.is_compatible_with(that):
            raise ValueError(f"Shapes {self} and {that} are not compatible")
        return TensorShape([x.merge_with(y) for x, y in zip(self._dims, that._dims, strict=True)])

    def concatenate(self, other: ShapeLike) -> TensorShape:
        """The dimensions of this shape followed by the other's; unknown if either rank is."""
        others = as_shape(other)._dims
        if self._dims is None or others is None:
            return TensorShape(None)
        return TensorShape(self._dims + others)

    def most_specific_compatible_shape(self, other: ShapeLike) -> TensorShape:
        """The tightest shape that both fit: sizes that are not known or differ become unknown."""
        others = as_shape(other)._dims
        if self._dims is None or others is None or len(self._dims) != len(others):
            return TensorShape(None)
        pairs = zip(self._dims, others, strict=True)
        return TensorShape([x if x.value is not None and x.value == y.value else None for x, y in pairs])

    def with_rank(self, rank: int) -> TensorShape:
        """This shape, which must have `rank`; one of unknown rank becomes one of that many unknown sizes."""
        self.assert_has_rank(rank)
        return unknown_shape(rank) if self._dims is None else self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """This shape, whose rank must be `rank` or more if it is known."""
        if self._dims is not None and len(self._dims) < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}, but has rank {len(self._dims)}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """This shape, whose rank must be `rank` or less if it is known."""
        if self._dims is not None and len(self._dims) > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}, but has rank {len(self._dims)}")
        return self

    def assert_has_rank(self, rank: int) -> None:
        """ValueError unless the rank is `rank` or not known."""
        if self._dims is not None and len(self._dims) != rank:
            raise ValueError(f"Shape {self} must have rank {rank}, but has rank {len(self._dims)}")

    def assert_same_rank(self, other: ShapeLike) -> None:
        """ValueError unless the ranks are equal or one is not known."""
        that = as_shape(other)
        if self._dims is not None and that._dims is not None and len(self._dims) != len(that._dims):
            raise ValueError(f"Shapes {self} and {that} must have the same rank")

    def assert_is_compatible_with(self, other: ShapeLike) -> None:
        """ValueError unless `is_compatible_with`."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {as_shape(other)} are incompatible")

    def assert_is_fully_defined(self) -> None:
        """ValueError unless `is_fully_defined`."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined: expected a known rank and no `?`")

    def _known(self, action: str) -> tuple[Dimension, ...]:
        if self._dims is None:
            raise ValueError(f"Cannot {action} with unknown rank; test `shape.ndims is None` first")
        return self._dims

    def __len__(self) -> int:
        """The rank; ValueError if it is not known."""
        return len(self._known("take the length of Shape"))

    def __iter__(self) -> Iterator[Dimension]:
        """The Dimensions; ValueError if the rank is not known."""
        return iter(self._known("iterate over a shape"))

    def __bool__(self) -> bool:
        """Whether the rank is known; a scalar's shape is True."""
        return self._dims is not None

    @overload
    def __getitem__(self, key: SupportsIndex) -> Dimension: ...
    @overload
    def __getitem__(self, key: slice) -> TensorShape: ...
    def __getitem__(self, key: SupportsIndex | slice) -> Dimension | TensorShape:
        """A Dimension for an int, a TensorShape for a slice; unknown ones where the rank is not known."""
        if isinstance(key, slice):
            return _slice_of_unknown(key) if self._dims is None else TensorShape(self._dims[key])
        position = index(key)
        if self._dims is None:
            return Dimension(None)
        if not -len(self._dims) <= position < len(self._dims):
            raise IndexError(f"Shape {self} has {len(self._dims)} dimensions, got index {position}")
        return self._dims[position]

    def __repr__(self) -> str:
        """`TensorShape([Dimension(2), Dimension(None)])` or `TensorShape(None)`."""
        return f"TensorShape({self.dims})"

    def __str__(self) -> str:
        """`(2, ?)`, `(3,)`, `()`, or `<unknown>`."""
        if self._dims is None:
            return "<unknown>"
        if len(self._dims) == 1:
            return f"({self._dims[0]},)"
        return f"({', '.join(map(str, self._dims))})"

    def __eq__(self, other: object) -> bool:
        """Whether rank and sizes are equal; False where a size is not known, True for two unknown ranks."""
        try:
            that = as_shape(cast("ShapeLike", other))
        except TypeError:
            return NotImplemented
        return self._dims == that._dims

    def __ne__(self, other: object) -> bool:
        """Whether rank or sizes differ; True where a size is not known, ValueError where a rank is not known."""
        try:
            that = as_shape(cast("ShapeLike", other))
        except TypeError:
            return NotImplemented
        if self._dims is None or that._dims is None:
            raise ValueError(
                "The inequality of unknown TensorShapes is undefined; "
                "test `ndims is None` first, or use `not a.is_compatible_with(b)`"
            )
        return self._dims != that._dims


def _slice_of_unknown(key: slice) -> TensorShape:
    """TensorFlow assumes that a shape of unknown rank is long enough for the slice."""
    start = 0 if key.start is None else index(key.start)
    step = 1 if key.step is None else index(key.step)
    if key.stop is None or step <= 0:
        return TensorShape(None)
    stop = index(key.stop)
    if start < 0 or stop < 0:
        return TensorShape(None)
    return unknown_shape(len(range(start, stop, step)))


def as_shape(shape: ShapeLike) -> TensorShape:
    """`shape` itself if it is a TensorShape, else one made of it."""
    return shape if isinstance(shape, TensorShape) else TensorShape(shape)


def unknown_shape(ndims: int | None = None) -> TensorShape:
    """A shape of unknown rank, or of `ndims` dimensions of unknown size."""
    return TensorShape(None if ndims is None else [None] * ndims)


def scalar() -> TensorShape:
    """The shape of a scalar."""
    return TensorShape([])


def vector(length: DimensionLike) -> TensorShape:
    """The shape of a vector."""
    return TensorShape([length])


def matrix(rows: DimensionLike, cols: DimensionLike) -> TensorShape:
    """The shape of a matrix."""
    return TensorShape([rows, cols])

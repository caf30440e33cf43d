"""Type rules that several op families share: broadcasting, axes, shapes spelled by integer vectors.

Everything here works on open and on closed graphs: an unknown dim (None) stays unknown or becomes a size that the node
binds; two dims that are provably equal are one; only conflicts between known ints are errors.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnngraph.ir.op import Site, SizeRules
from rnngraph.ir.sizes import Apply, Dim, Expr, floordiv, maximum, product, sub
from rnngraph.ir.types import DType, TensorType

Shape = tuple[Dim, ...] | None


def text(shape: Shape) -> str:
    """A shape as users read it: `[2,?]`, `<unknown>`."""
    if shape is None:
        return "<unknown>"
    return "[" + ",".join(str(d) if isinstance(d, int) else "?" for d in shape) + "]"


def broadcast_dim(a: Dim, b: Dim) -> Dim:
    """The size of two broadcast axes; unknown where that depends on sizes nobody knows yet."""
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    if isinstance(a, int) and isinstance(b, int):
        raise ValueError(f"Dimensions must be equal, but are {a} and {b}")
    if isinstance(a, int):
        return a
    return b if isinstance(b, int) else None


def broadcast_shapes(a: Shape, b: Shape) -> Shape:
    """The shape of an elementwise result. Raises ValueError (phrase: `Dimensions must be equal`)."""
    if a is None or b is None:
        return None
    if a == b:
        return a
    rank = max(len(a), len(b))
    ones: tuple[Dim, ...] = (1,)
    return tuple(broadcast_dim(c, d) for c, d in zip(ones * (rank - len(a)) + a, ones * (rank - len(b)) + b, strict=True))


def axis_of(axis: int, rank: int, what: str = "axis") -> int:
    """The axis counted from the front. Raises ValueError if there is no such axis."""
    if not -rank <= axis < rank:
        raise ValueError(f"{what} {axis} is out of range: it must be in [{-rank}, {rank}).")
    return axis % rank


def axes_of(axes: Sequence[int] | None, rank: int, what: str = "axis") -> tuple[int, ...]:
    """The axes counted from the front, sorted, each once; all axes for None."""
    if axes is None:
        return tuple(range(rank))
    found = sorted(axis_of(a, rank, what) for a in axes)
    if len(set(found)) != len(found):
        raise ValueError(f"{what} {tuple(axes)} names an axis twice.")
    return tuple(found)


def reduced(shape: Shape, axes: Sequence[int] | None, keep: bool) -> Shape:
    """The shape after a reduction."""
    if shape is None:
        return () if axes is None and not keep else None
    gone = axes_of(axes, len(shape), "Invalid reduction dimension")
    if keep:
        return tuple(1 if i in gone else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in gone)


def merged(site: Site, a: Shape, b: Shape, what: str) -> Shape:
    """The common shape of two that must be equal."""
    if a is None or b is None:
        return b if a is None else a
    if len(a) != len(b):
        raise ValueError(f"Shapes must have the same rank, but are {text(a)} and {text(b)} for {what}.")
    return tuple(site.sizes.same(c, d, what) for c, d in zip(a, b, strict=True))


def ranked(site: Site, i: int, rank: int, what: str) -> tuple[Dim, ...]:
    """The shape of operand i, which must have that rank; all unknown if nothing is known."""
    shape = site.tensor(i).shape
    if shape is None:
        return (None,) * rank
    if len(shape) != rank:
        raise ValueError(f"Shape must be rank {rank} but is rank {len(shape)} for {what}.")
    return shape


def count(shape: Shape) -> Dim:
    """The number of elements."""
    return None if shape is None else product(shape)


def vector_length(site: Site, i: int, what: str) -> int | None:
    """The length of integer vector operand i, if known."""
    (length,) = ranked(site, i, 1, what)
    return length if isinstance(length, int) else None


def spelled(site: Site, i: int, what: str) -> Shape:
    """What int vector operand i says, an unknown element as None; None if not even its length is known."""
    if not site.tensor(i).dtype.is_integer:
        raise TypeError(f"{what} must be an integer vector, but is {site.tensor(i).dtype.name}.")
    length = vector_length(site, i, what)
    content = site.contents[i]
    if content is None:
        return None if length is None else (None,) * length
    return content


def sure(sizes: SizeRules, dim: Dim) -> Dim:
    """`dim` if it is a size (>= 0, by itself or by the first feeds); None where only running tells: the kernel looks."""
    if isinstance(dim, Expr) and not nonnegative(dim) and not sizes.holds(">=", dim, 0):
        return None
    return dim


def vector_shape(site: Site, i: int, what: str, hint: str = "n") -> Shape:
    """The shape that int vector operand i spells; an unknown element becomes a size that this node binds."""
    wanted = spelled(site, i, what)
    if wanted is None:
        return None
    found = []
    for d in wanted:
        if isinstance(d, int) and d < 0:
            raise ValueError(f"Dimension {d} must be >= 0 for {what}.")
        size = sure(site.sizes, d)
        found.append(site.sizes.fresh(hint) if size is None else size)
    return tuple(found)


def scalar_size(site: Site, i: int, what: str, hint: str = "n") -> Dim:
    """The size that int scalar operand i spells; a size that this node binds if unknown."""
    ranked(site, i, 0, what)
    content = site.contents[i]
    size = sure(site.sizes, content[0]) if content else None
    if isinstance(size, int) and size < 0:
        raise ValueError(f"{what} must be >= 0, but is {size}.")
    return site.sizes.fresh(hint) if size is None else size


def nonnegative(dim: Dim) -> bool:
    """Whether `dim` is provably >= 0 (False: not provable)."""
    if not isinstance(dim, Expr):
        return dim is not None and dim >= 0
    return all(c >= 0 and all(not isinstance(a, Apply) or _nonnegative_atom(a) for a in m) for m, c in dim.terms)


def _nonnegative_atom(atom: Apply) -> bool:
    signs = [nonnegative(d) for d in atom.args]
    if atom.kind == "mod":
        return signs[1]
    return any(signs) if atom.kind == "max" else all(signs)


def at_least_zero(dim: Dim) -> Dim:
    """max(dim, 0), in its plainest form."""
    return dim if nonnegative(dim) else maximum(dim, 0)


def ceil_div(a: Dim, b: int) -> Dim:
    """The quotient rounded up, b > 0."""
    from_above = sub(a, 1 - b)
    return a if b == 1 else floordiv(from_above, b)


def same_dtype(site: Site, which: Sequence[int]) -> DType:
    """The one dtype of these operands. Raises TypeError if they differ."""
    first = site.tensor(which[0]).dtype
    for i in which[1:]:
        if site.tensor(i).dtype != first:
            raise TypeError(f"Inputs must have one type, but input {which[0]} is {first.name} and input {i} is "
                            f"{site.tensor(i).dtype.name}. Write tf.cast(value, tf.{first.name}).")
    return first


def vector(dtype: DType, length: Dim) -> TensorType:
    """A vector's type."""
    return TensorType(dtype, (length,))

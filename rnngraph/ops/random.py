"""Random numbers as pure functions of a key and an element's index: Threefry-2x32 with 20 rounds.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). A key is a vector of int64
of any length (seeds, run counter, iteration of each enclosing loop, ...). Its elements are folded into a cipher key: two
zeros, then what the key so far makes of each. Enciphering the flat index of an element under it gives the 64 random bits
of that element. Chunks, threads and hoisting therefore change nothing.

The generator is written once, on the scalar protocol; the references run it on NumPy arrays through a small
implementation of the few methods that it needs. It keeps to operations that IEEE 754 rounds in one way only (no fma, no
library's logarithm), so all engines draw the same numbers to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.kinds import Host, Random
from rnngraph.ir.op import Attr, Call, Site
from rnngraph.ir.types import DType, TensorType, as_dtype, float32, int64
from rnngraph.ops.build import size_vector, sizes_in
from rnngraph.ops.declare import (
    FLOATS,
    INTS,
    check_kind,
    checked_shape,
    checked_size,
    composite,
    declare,
    invalid,
    result_dtype,
)
from rnngraph.ops.shapes import ranked, same_dtype, scalar_size, vector_shape

# --- the cipher, on the scalar protocol ---------------------------------------------------------------------------

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def _rotated(s: Any, x: Any, bits: int) -> Any:
    return s.bit_or(s.shl(x, bits), s.shr(x, 32 - bits))


def threefry(s: Any, key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Two enciphered uint32 words."""
    keys = (*key, s.bit_xor(s.bit_xor(key[0], key[1]), s.typed(PARITY, "uint32")))
    x, y = s.add(counter[0], keys[0]), s.add(counter[1], keys[1])
    for group in range(5):
        for bits in ROTATIONS[group % 2]:
            x = s.add(x, y)
            y = s.bit_xor(_rotated(s, y, bits), x)
        x = s.add(x, keys[(group + 1) % 3])
        y = s.add(s.add(y, keys[(group + 2) % 3]), s.typed(group + 1, "uint32"))
    return x, y


def words(s: Any, x: Any) -> tuple[Any, Any]:
    """The low and the high half of an int64: a counter of the cipher."""
    return s.cast(x, "uint32"), s.cast(s.shr(x, 32), "uint32")


# --- numbers from bits -------------------------------------------------------------------------------------------


def _number(s: Any, x: Any, dropped: int, dtype: str) -> Any:
    """The upper bits of a word as a float; fewer than 32, so that signed conversions do."""
    return s.cast(s.cast(s.shr(x, dropped), "int32"), dtype)


def uniform(s: Any, x: Any, y: Any, *, dtype: Any) -> Any:
    """A float in [0, 1): as many random bits as the significand has."""
    dtype = as_dtype(dtype)
    if dtype.name == "float64":
        high, low = _number(s, x, 5, "float64"), _number(s, y, 6, "float64")
        return s.mul(s.add(s.mul(high, s.typed(2.0 ** 26, "float64")), low), s.typed(2.0 ** -53, "float64"))
    kept = 11 if dtype.name == "float16" else 24
    return s.mul(_number(s, x, 32 - kept, dtype.name), s.typed(2.0 ** -kept, dtype.name))


_LAYOUTS = {"float32": ("int32", 23, 127, 5), "float64": ("int64", 52, 1023, 10)}
"""Of a float type: the integer of its size, bits of the significand, bias, terms that `logarithm` needs."""


def _polynomial(s: Any, x: Any, coefficients: Sequence[Any]) -> Any:
    """By Horner's rule, lowest power first."""
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = s.add(s.mul(total, x), c)
    return total


def logarithm(s: Any, x: Any, dtype: str) -> Any:
    """The natural logarithm of a positive normal number: x = m * 2**e, log m = 2 atanh((m - 1) / (m + 1)) as a series."""
    integer, width, bias, terms = _LAYOUTS[dtype]
    half_root = int(np.array(math.sqrt(0.5), dtype).view(integer))
    word = s.bitcast(x, integer)
    # m lies in [sqrt(1/2), sqrt(2)); the exponent is kept biased so that a logical shift does.
    exponent = s.shr(s.add(word, s.typed((bias << width) - half_root, integer)), width)
    m = s.bitcast(s.sub(word, s.shl(s.sub(exponent, s.typed(bias, integer)), width)), dtype)
    e = s.sub(s.cast(s.cast(exponent, "int32"), dtype), s.typed(bias, dtype))
    one = s.typed(1.0, dtype)
    z = s.div(s.sub(m, one), s.add(m, one))
    series = _polynomial(s, s.mul(z, z), [s.typed(2.0 / (2 * k + 1), dtype) for k in range(terms)])
    return s.add(s.mul(e, s.typed(math.log(2), dtype)), s.mul(z, series))


# Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (Applied Statistics 37, 1988): for each
# type, ratios of polynomials (lowest power first) for the centre and for the tail. The far tail is left out: beyond 6.7
# sigma the result of float64 loses digits; that of float32 does not get so far.
CENTRE = {
    "float32": ((3.3871327179e0, 5.0434271938e1, 1.5929113202e2, 5.9109374720e1),
                (1.0, 1.7895169469e1, 7.8757757664e1, 6.7187563600e1)),
    "float64": ((3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
                 4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
                (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
                 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3))}
TAIL = {
    "float32": ((1.4234372777e0, 2.7568153900e0, 1.3067284816e0, 1.7023821103e-1),
                (1.0, 7.3700164250e-1, 1.2021132975e-1, 0.0)),
    "float64": ((1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
                 1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
                (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
                 1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9))}


def quantile(s: Any, p: Any, dtype: str) -> Any:
    """How far above the mean, in sigmas, a normal number is with probability p, 0 < p <= 1/2."""
    q = s.sub(s.typed(0.5, dtype), p)
    near = s.le(q, s.typed(0.425, dtype))
    far = s.sub(s.sqrt(s.neg(logarithm(s, p, dtype))), s.typed(1.6, dtype))
    x = s.select(near, s.sub(s.typed(0.180625, dtype), s.mul(q, q)), far)
    # The coefficients are chosen, not the results: that is one ratio to compute instead of two.
    above, below = (_polynomial(s, x, [s.select(near, s.typed(c, dtype), s.typed(t, dtype))
                                       for c, t in zip(centre, tail, strict=True)])
                    for centre, tail in zip(CENTRE[dtype], TAIL[dtype], strict=True))
    return s.mul(s.div(above, below), s.select(near, q, s.typed(1.0, dtype)))


def _wide(dtype: Any) -> str:
    """The type to compute in: float16 lacks the range of the polynomials."""
    name = as_dtype(dtype).name
    return "float32" if name == "float16" else name


def _upper_half(s: Any, x: Any, y: Any, dtype: str) -> Any:
    """A number in (0, 1/2], as fine near 0 as floats are: small probabilities make the tails."""
    high, half = _number(s, x, 1, dtype), s.typed(0.5, dtype)
    # Bit 0 of the other word is the sign's.
    low = s.mul(s.add(_number(s, y, 1, dtype), half), s.typed(2.0 ** -31, dtype)) if dtype == "float64" else half
    return s.mul(s.add(high, low), s.typed(2.0 ** -32, dtype))


def _signed(s: Any, y: Any, z: Any, dtype: Any) -> Any:
    """z or -z, by bit 0 of a word."""
    odd = s.ne(s.bit_and(y, s.typed(1, "uint32")), s.typed(0, "uint32"))
    return s.cast(s.select(odd, s.neg(z), z), as_dtype(dtype).name)


def normal(s: Any, x: Any, y: Any, *, dtype: Any) -> Any:
    """A standard normal number, by the inverse of its distribution."""
    wide = _wide(dtype)
    return _signed(s, y, quantile(s, _upper_half(s, x, y, wide), wide), dtype)


BEYOND_TWO = 0.02275013194817920720028
"""The probability that a normal number exceeds 2."""


def truncated(s: Any, x: Any, y: Any, *, dtype: Any) -> Any:
    """A standard normal number on condition that it is within 2 of the mean."""
    wide = _wide(dtype)
    half = _upper_half(s, x, y, wide)
    p = s.add(s.mul(half, s.typed(1 - 2 * BEYOND_TWO, wide)), s.typed(BEYOND_TWO, wide))
    return _signed(s, y, s.min(quantile(s, p, wide), s.typed(2, wide)), dtype)


def gumbel(s: Any, x: Any, y: Any, *, dtype: Any) -> Any:
    """A standard Gumbel number, by the inverse of its distribution."""
    wide = _wide(dtype)
    number, kept = _number(s, x, 9, wide), 23
    if wide == "float64":
        high = s.mul(_number(s, x, 6, wide), s.typed(2.0 ** 26, wide))
        number, kept = s.add(high, _number(s, y, 6, wide)), 52
    # Half a step from 0 and from 1, where there is no logarithm.
    u = s.mul(s.add(number, s.typed(0.5, wide)), s.typed(2.0 ** -kept, wide))
    return s.cast(s.neg(logarithm(s, s.neg(logarithm(s, u, wide)), wide)), as_dtype(dtype).name)


def integer(s: Any, x: Any, y: Any, low: Any, high: Any, *, dtype: Any) -> Any:
    """An integer in [low, high): 64 bits modulo the range, whose bias is below 2**-32 for 32-bit results."""
    word = s.bit_or(s.shl(s.cast(x, "uint64"), 32), s.cast(y, "uint64"))
    span = s.sub(s.cast(high, "uint64"), s.cast(low, "uint64"))
    return s.add(low, s.cast(s.imod(word, span), as_dtype(dtype).name))


# --- references --------------------------------------------------------------------------------------------------


def _shift_right(x: Any, bits: int) -> Any:
    unsigned = x.view(f"u{x.dtype.itemsize}")
    return (unsigned >> unsigned.dtype.type(bits)).view(x.dtype)


# The part of the scalar protocol that random numbers need, on NumPy arrays.
_ARRAYS = SimpleNamespace(
    add=np.add, sub=np.subtract, mul=np.multiply, div=np.divide, neg=np.negative, min=np.minimum, imod=np.mod,
    sqrt=np.sqrt, bit_and=np.bitwise_and, bit_or=np.bitwise_or, bit_xor=np.bitwise_xor, ne=np.not_equal, le=np.less_equal,
    select=np.where, typed=lambda value, dtype: np.dtype(dtype).type(value), cast=lambda x, dtype: x.astype(dtype),
    bitcast=lambda x, dtype: x.view(dtype), shl=lambda x, bits: x << x.dtype.type(bits), shr=_shift_right)


def drawn(numbers: Callable[..., Any], key: Any, shape: Sequence[int], *operands: Any, **attrs: Any) -> Any:
    """The numbers of an array of that shape; `numbers` makes one of its random bits."""
    shape = checked_shape(shape)
    places = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64)
    cipher = np.uint32(0), np.uint32(0)
    with np.errstate(all="ignore"):
        for element in key:
            cipher = threefry(_ARRAYS, cipher, words(_ARRAYS, np.int64(element)))
        found = numbers(_ARRAYS, *threefry(_ARRAYS, cipher, words(_ARRAYS, places)), *operands, **attrs)
    return np.asarray(found).reshape(shape)


def _drawing(numbers: Callable[..., Any]) -> Callable[..., Any]:
    def run(call: Call, key: Any, shape: Any) -> Any:
        return drawn(numbers, key, shape, dtype=call.attrs["dtype"]).astype(result_dtype(call), copy=False)
    return run


def _check_key(site: Site) -> None:
    ranked(site, 0, 1, "the key")
    if site.tensor(0).dtype != int64:
        raise TypeError(f"the key of a random op must be int64, but is {site.tensor(0).dtype.name}")


def _random_type(site: Site) -> TensorType:
    _check_key(site)
    dtype: DType = as_dtype(site.attrs["dtype"])
    check_kind(dtype, FLOATS)
    return TensorType(dtype, vector_shape(site, 1, "the shape"))


def _integer_type(site: Site) -> TensorType:
    _check_key(site)
    dtype = same_dtype(site, (1, 2))
    check_kind(dtype, INTS)
    if dtype != as_dtype(site.attrs["dtype"]):
        raise TypeError(f"random_int of {as_dtype(site.attrs['dtype']).name} got bounds of {dtype.name}")
    return TensorType(dtype, vector_shape(site, 3, "the shape"))


def _integers(call: Call, key: Any, low: Any, high: Any, shape: Any) -> Any:
    if low >= high:
        raise invalid(f"Need minval < maxval, got {low} >= {high}")
    return drawn(integer, key, shape, low, high, dtype=call.attrs["dtype"])


FLOAT = {"dtype": Attr("dtype", float32)}

declare("random_uniform", "key shape", "Floats in [0, 1).", Random(uniform), _random_type, _drawing(uniform),
        attrs=FLOAT)
declare("random_normal", "key shape", "Standard normal numbers.", Random(normal), _random_type, _drawing(normal),
        attrs=FLOAT)
declare("truncated_normal", "key shape", "Standard normal numbers within 2 of the mean.", Random(truncated),
        _random_type, _drawing(truncated), attrs=FLOAT)
declare("random_gumbel", "key shape", "Standard Gumbel numbers: -log(-log(u)).", Random(gumbel), _random_type,
        _drawing(gumbel), attrs=FLOAT)
declare("random_int", "key low high shape", "Integers in [low, high), scalars of `dtype`. Fails for an empty range.",
        Random(integer), _integer_type, _integers, attrs={"dtype": Attr("dtype", int64)}, fails=True)

# --- on hosts ----------------------------------------------------------------------------------------------------


def _shuffle_type(site: Site) -> TensorType:
    _check_key(site)
    return site.tensor(1)


def _shuffle(call: Call, key: Any, x: Any) -> Any:
    """In the order of a random number each; ties, which are rare, stay in order."""
    return x[np.argsort(drawn(uniform, key, x.shape[:1], dtype="float64"), kind="stable")] if x.ndim else x


def _multinomial_type(site: Site) -> TensorType:
    _check_key(site)
    rows, _ = ranked(site, 1, 2, "the logits")
    return TensorType(as_dtype(site.attrs["dtype"]), (rows, scalar_size(site, 2, "num_samples", "samples")))


def _expand_multinomial(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    key, logits, num = operands
    known = sizes_in(num)
    if known is None or logits.tensor.shape is None:
        return None
    rows, classes = logits.shape
    shape = size_vector((rows, known[0], classes))
    noise = call("random_gumbel", key, shape, dtype=logits.type.dtype)
    return call("argmax", call("expand_dims", logits, axis=1) + noise, axis=2, dtype=attrs["dtype"])


def _multinomial(run: Call, key: Any, logits: Any, num: Any) -> Any:
    """The class with the largest logit after each got Gumbel noise."""
    rows, classes = logits.shape
    noise = drawn(gumbel, key, (rows, checked_size(num, "num_samples"), classes), dtype=logits.dtype.name)
    return np.argmax(logits[:, None, :] + noise, 2).astype(result_dtype(run))


declare("random_shuffle", "key x", "x with its rows in random order.", Host(), _shuffle_type, _shuffle)
composite("multinomial", "key logits num", "`num` classes a row of logits, drawn by softmax(logits). Source: the Gumbel-max "
          "trick (Maddison, Tarlow, Minka, \"A* sampling\", NIPS 2014).", _multinomial_type, _expand_multinomial, _multinomial,
          attrs={"dtype": Attr("dtype", int64)})

KEYED = frozenset({"random_shuffle", "multinomial"})
"""Other ops whose first operand is a key, as it is that of every op of kind Random."""

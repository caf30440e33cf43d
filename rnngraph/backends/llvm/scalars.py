"""The scalar protocol written as LLVM IR text, one straight line of code per element (or per vector of elements).

The loop vectoriser turns that line into vector code, so everything here is what it can widen: arithmetic, compares and
selects, bit operations, and intrinsics with a real vector instruction behind them. The exponential, logarithm and
trigonometric functions are polynomials of ours: `llvm.exp` and its family would become calls into the C library,
one lane at a time. No fast-math flags anywhere: results do not depend on how the compiler grouped the work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rnngraph.backends.llvm.text import ITEM_BYTES, LLVM_TYPES, Function, Scalar, literal, suffix, value_type

FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class _Format:
    """What the functions below need to know of one float type. Polynomials were fitted for minimal relative error.

    Each tuple holds coefficients from the lowest power up. Multi-part constants are (high, low, ...): the parts sum to
    the constant far beyond the type's precision, and an fma with each in turn reduces an argument without loss.
    """

    integer: str
    mantissa_bits: int
    bias: int
    shifter: float
    """1.5 * 2**mantissa_bits: adding it rounds to an integer and leaves that integer in the low bits."""
    ln2: tuple[float, ...]
    pi_half: tuple[float, ...]
    exp: tuple[float, ...]
    """(exp(r) - 1 - r) / r**2 for abs(r) <= ln2 / 2."""
    exp_range: tuple[float, float]
    """Arguments beyond which exp has underflowed to 0 or overflowed to infinity."""
    expm1_low: float
    """Argument below which expm1 is -1."""
    tanh_limit: float
    """Argument beyond which tanh rounds to 1."""
    log: tuple[float, ...]
    """(log1p(f) - f) / f**2 for abs(f) <= 1/3."""
    sin: tuple[float, ...]
    """(sin(r) - r) / r**3 as a polynomial in r**2, abs(r) <= pi / 4."""
    cos: tuple[float, ...]
    """(cos(r) - 1 + r**2 / 2) / r**4 as a polynomial in r**2, abs(r) <= pi / 4."""
    erf: tuple[float, ...]
    """erf(x) / x - 1 as a polynomial in x**2, abs(x) <= 1."""
    erfc: tuple[float, ...]
    """-log(erfc(1 + t)) for t in [0, erf_limit - 1]."""
    erf_limit: float
    """Argument beyond which erf rounds to 1."""

    @property
    def shifter_bits(self) -> int:
        """The shifter's bit pattern."""
        return ((self.bias + self.mantissa_bits) << self.mantissa_bits) | (1 << (self.mantissa_bits - 1))


_FORMATS = {
    "float32": _Format(
        integer="int32", mantissa_bits=23, bias=127, shifter=1.5 * 2.0**23,
        ln2=(0.6931471824645996, -1.9046542121259336e-09),
        pi_half=(1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
        exp=(0.4999999701976776, 0.16666540503501892, 0.041667211800813675, 0.008366844616830349,
             0.0013882475905120373),
        exp_range=(-104.0, 89.0), expm1_low=-18.0, tanh_limit=9.2,
        log=(-0.5, 0.3333320915699005, -0.24999716877937317, 0.20010752975940704, -0.16682317852973938,
             0.1400105357170105, -0.12166981399059296, 0.14005336165428162, -0.12949755787849426),
        sin=(-0.16666655242443085, 0.008332155644893646, -0.000195146378246136),
        cos=(0.04166664555668831, -0.0013887310633435845, 2.443246376060415e-05),
        erf=(0.12837916612625122, -0.3761262595653534, 0.1128358542919159, -0.026853812858462334,
             0.005188328213989735, -0.0008010197780095041, 7.853877468733117e-05),
        erfc=(1.8496055603027344, 2.638967514038086, 0.8431071043014526, 0.041563481092453, -0.010046451352536678,
              0.0020119654946029186, -0.000289527524728328, 2.1686686523025855e-05),
        erf_limit=4.0,
    ),
    "float64": _Format(
        integer="int64", mantissa_bits=52, bias=1023, shifter=1.5 * 2.0**52,
        ln2=(0.6931471805599453, 2.3190468138462996e-17),
        pi_half=(1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
        exp=(0.5, 0.16666666666666677, 0.0416666666666665, 0.008333333333321228, 0.0013888888888965313,
             0.0001984126988729368, 2.4801587168707622e-05, 2.7557242898414303e-06, 2.755740426812467e-07,
             2.510953709421024e-08, 2.087532460127293e-09),
        exp_range=(-746.0, 710.0), expm1_low=-40.0, tanh_limit=20.0,
        log=(-0.49999999999999956, 0.3333333333333313, -0.2500000000002961, 0.20000000000082493,
             -0.16666666660864207, 0.142857142736145, -0.12500000516707852, 0.11111111997795006,
             -0.09999974848766224, 0.09090871653313483, -0.08334065414267404, 0.07693284443021337,
             -0.07129589818016177, 0.06650447288523105, -0.06400229189724707, 0.06053245752996825,
             -0.04533568379304586, 0.041695170184775934, -0.0869744098724777, 0.08509792784048578),
        sin=(-0.1666666666666663, 0.008333333333322005, -0.00019841269829495435, 2.7557313587619495e-06,
             -2.505074231129328e-08, 1.589590509673297e-10),
        cos=(0.041666666666666595, -0.0013888888888872895, 2.4801587288748617e-05, -2.755731414874046e-07,
             2.087569658811387e-09, -1.1358311292646934e-11),
        erf=(0.12837916709551256, -0.3761263890318352, 0.11283791670944185, -0.02686617064311162,
             0.0052239776061198916, -0.0008548325929387381, 0.00012055293579177031, -1.4924712346984202e-05,
             1.644713213622594e-06, -1.620631813139815e-07, 1.3710999411374696e-08, -7.779504015341154e-10),
        erfc=(1.8496055099332482, 2.638967514234788, 0.8431072563586769, 0.04156109804180766, -0.010033825374402046,
              0.0019779025678800227, -0.00023732248134692807, -2.6277875431796898e-05, 2.7159113164758233e-05,
              -9.608902294358834e-06, 2.0597748170503195e-06, -1.4287807609921395e-07, -9.754554309268527e-08,
              5.203698598418481e-08, -1.4911142152963436e-08, 2.863966096291412e-09, -3.6823642432850906e-10,
              2.8814486786816377e-11, -1.0390555699239552e-12),
        erf_limit=6.0,
    ),
}  # fmt: skip


def supports(dtype: str) -> bool:
    """Whether elements of `dtype` can be computed with; raises NotImplementedError for float16, which cannot."""
    if dtype == "float16":
        raise NotImplementedError("the LLVM backend does not compute in float16; cast to float32 first")
    return dtype in LLVM_TYPES


class LLVMScalars:
    """`Scalars[Scalar]` on a function under construction; `indices` are the SSA names of the axes' positions.

    With `lanes`, every value is a vector: for code that does without the loop vectoriser.
    """

    def __init__(self, function: Function, indices: Sequence[str] = (), lanes: int = 1) -> None:
        self.function = function
        self.indices = list(indices)
        self.lanes = lanes

    # -- operands

    def const(self, value: float | int | bool, like: Scalar) -> Scalar:
        """A constant of `like`'s dtype."""
        return self.typed(value, like.dtype)

    def typed(self, value: float | int | bool, dtype: str) -> Scalar:
        """A constant of the named dtype."""
        if not supports(dtype):
            raise NotImplementedError(f"the LLVM backend has no dtype {dtype!r}")
        text = literal(value, dtype)
        return Scalar(text if self.lanes == 1 else f"splat ({LLVM_TYPES[dtype]} {text})", dtype, self.lanes)

    def index(self, axis: int) -> Scalar:
        """The position along `axis`, as the caller named it."""
        return Scalar(self.indices[axis], "int64")

    def _emit(self, instruction: str, dtype: str) -> Scalar:
        return Scalar(self.function.value(instruction), dtype, self.lanes)

    def _type(self, dtype: str) -> str:
        return value_type(dtype, self.lanes)

    def _binary(self, opcode: str, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype != y.dtype:
            raise TypeError(f"{opcode} of {x.dtype} and {y.dtype}: operands must be of one dtype")
        return self._emit(f"{opcode} {x}, {y.ssa}", x.dtype)

    def _intrinsic(self, name: str, *operands: Scalar) -> Scalar:
        first = operands[0]
        arguments = [(operand.type, operand.ssa) for operand in operands]
        called = self.function.call(first.type, f"llvm.{name}.{suffix(first.dtype, self.lanes)}", arguments)
        return Scalar(called, first.dtype, self.lanes)

    # -- casts

    def cast(self, x: Scalar, dtype: str) -> Scalar:
        """TensorFlow's cast. Float to int truncates; NaN and out of range give the smallest integer."""
        supports(dtype)
        source, target = x.dtype, dtype
        if source == target:
            return x
        kind = self._type(target)
        if target == "bool":
            return self.ne(x, self.const(0, x))
        if source in FLOATS and target in FLOATS:
            return self._emit(f"{'fpext' if target == 'float64' else 'fptrunc'} {x} to {kind}", target)
        if target in FLOATS:
            signed = source.startswith("int")
            return self._emit(f"{'sitofp' if signed else 'uitofp'} {x} to {kind}", target)
        if source in FLOATS:
            return self._float_to_int(x, target)
        if source == "bool":
            return self._emit(f"zext {x} to {kind}", target)
        if ITEM_BYTES[source] == ITEM_BYTES[target]:
            return Scalar(x.ssa, target, self.lanes)
        if ITEM_BYTES[source] > ITEM_BYTES[target]:
            return self._emit(f"trunc {x} to {kind}", target)
        return self._emit(f"{'sext' if source.startswith('int') else 'zext'} {x} to {kind}", target)

    def _float_to_int(self, x: Scalar, dtype: str) -> Scalar:
        """LLVM's conversion is undefined out of range, so an argument outside it is replaced before, the result after.

        (`llvm.fptosi.sat` would saturate upwards and turn NaN into 0.)
        """
        bits = 8 * ITEM_BYTES[dtype]
        signed = dtype.startswith("int")
        smallest = -(1 << (bits - 1)) if signed else 0
        above = 1 << (bits - 1 if signed else bits)
        # What truncates to the smallest integer lies above smallest - 1, where the float type can say that number.
        exact = bits + 1 <= _FORMATS[x.dtype].mantissa_bits + 1 or smallest == 0
        low = self._compare("ogt", x, smallest - 1) if exact else self._compare("oge", x, smallest)
        inside = self.bit_and(low, self._compare("olt", x, above))
        safe = self.select(inside, x, self.const(0.0, x))
        # Narrow integers go through 32 bits: the vector conversions exist for 32 and 64 bits only.
        wide = self._type(dtype if bits >= 32 else "int32")
        opcode = "fptosi" if signed or bits < 32 else "fptoui"
        name = self.function.value(f"{opcode} {safe} to {wide}")
        if bits < 32:
            name = self.function.value(f"trunc {wide} {name} to {self._type(dtype)}")
        return self.select(inside, Scalar(name, dtype, self.lanes), self.typed(smallest, dtype))

    def bitcast(self, x: Scalar, dtype: str) -> Scalar:
        """The same bits as another dtype of that size."""
        return self._emit(f"bitcast {x} to {self._type(dtype)}", dtype)

    # -- arithmetic

    def _arithmetic(self, name: str, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype == "bool":
            if name == "sub":
                raise TypeError("bools cannot be subtracted")
            return self._binary("or" if name == "add" else "and", x, y)
        return self._binary(f"f{name}" if x.dtype in FLOATS else name, x, y)

    def add(self, x: Scalar, y: Scalar) -> Scalar:
        """x + y."""
        return self._arithmetic("add", x, y)

    def sub(self, x: Scalar, y: Scalar) -> Scalar:
        """x - y."""
        return self._arithmetic("sub", x, y)

    def mul(self, x: Scalar, y: Scalar) -> Scalar:
        """x * y."""
        return self._arithmetic("mul", x, y)

    def div(self, x: Scalar, y: Scalar) -> Scalar:
        """True division of floats."""
        if x.dtype not in FLOATS:
            raise TypeError(f"div is for floats, not {x.dtype}: use idiv")
        return self._binary("fdiv", x, y)

    def fma(self, x: Scalar, y: Scalar, z: Scalar) -> Scalar:
        """x * y + z of floats, rounded once."""
        return self._intrinsic("fma", x, y, z)

    def _divide(self, opcode: str, x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
        """The division with divisors that would trap replaced by 1, and whether the divisor was 0."""
        one, zero = self.const(1, x), self.const(0, x)
        by_zero = self.eq(y, zero)
        bad = by_zero
        if x.dtype.startswith("int"):
            smallest = self.const(-(1 << (8 * ITEM_BYTES[x.dtype] - 1)), x)
            bad = self.bit_or(bad, self.bit_and(self.eq(x, smallest), self.eq(y, self.const(-1, x))))
            opcode = "s" + opcode
        else:
            opcode = "u" + opcode
        return self._binary(opcode, x, self.select(bad, one, y)), by_zero

    def idiv(self, x: Scalar, y: Scalar) -> Scalar:
        """Integer division rounding towards zero; by 0 gives 0, INT_MIN // -1 wraps."""
        quotient, by_zero = self._divide("div", x, y)
        return self.select(by_zero, self.const(0, x), quotient)

    def imod(self, x: Scalar, y: Scalar) -> Scalar:
        """Remainder of `idiv`, the sign of x; by 0 gives 0 (as does the remainder by the 1 put in its place)."""
        return self._divide("rem", x, y)[0]

    def neg(self, x: Scalar) -> Scalar:
        """-x."""
        if x.dtype in FLOATS:
            return self._emit(f"fneg {x}", x.dtype)
        return self.sub(self.const(0, x), x)

    def abs(self, x: Scalar) -> Scalar:
        """The absolute value; that of the smallest integer wraps."""
        if x.dtype in FLOATS:
            return self._intrinsic("fabs", x)
        if not x.dtype.startswith("int"):
            return x
        called = self.function.call(x.type, f"llvm.abs.{suffix(x.dtype, self.lanes)}", [(x.type, x.ssa), ("i1", "false")])
        return Scalar(called, x.dtype, self.lanes)

    def min(self, x: Scalar, y: Scalar) -> Scalar:
        """The smaller; NaN if x or y is NaN."""
        return self._extreme("lt", "smin", "umin", x, y)

    def max(self, x: Scalar, y: Scalar) -> Scalar:
        """The larger; NaN if x or y is NaN."""
        return self._extreme("gt", "smax", "umax", x, y)

    def _extreme(self, order: str, signed: str, unsigned: str, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype == "bool":
            return self._binary("and" if order == "lt" else "or", x, y)
        if x.dtype not in FLOATS:
            return self._intrinsic(signed if x.dtype.startswith("int") else unsigned, x, y)
        # An unordered compare picks y, so only a NaN in x is lost and put back.
        picked = self.select(self._emit(f"fcmp o{order} {x}, {y.ssa}", "bool"), x, y)
        return self.select(self._emit(f"fcmp uno {x}, {x.ssa}", "bool"), x, picked)

    def sqrt(self, x: Scalar) -> Scalar:
        """The square root, correctly rounded."""
        return self._intrinsic("sqrt", x)

    def floor(self, x: Scalar) -> Scalar:
        """Round down."""
        return self._intrinsic("floor", x)

    def ceil(self, x: Scalar) -> Scalar:
        """Round up."""
        return self._intrinsic("ceil", x)

    def rint(self, x: Scalar) -> Scalar:
        """Round to nearest, ties to even."""
        return self._intrinsic("roundeven", x)

    # -- comparisons, bits

    def _compare(self, predicate: str, x: Scalar, value: float) -> Scalar:
        return self._emit(f"fcmp {predicate} {x}, {self.const(value, x).ssa}", "bool")

    def _ordering(self, floats: str, signed: str, unsigned: str, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype != y.dtype:
            raise TypeError(f"comparing {x.dtype} with {y.dtype}: operands must be of one dtype")
        if x.dtype in FLOATS:
            return self._emit(f"fcmp {floats} {x}, {y.ssa}", "bool")
        return self._emit(f"icmp {signed if x.dtype.startswith('int') else unsigned} {x}, {y.ssa}", "bool")

    def eq(self, x: Scalar, y: Scalar) -> Scalar:
        """x == y."""
        return self._ordering("oeq", "eq", "eq", x, y)

    def ne(self, x: Scalar, y: Scalar) -> Scalar:
        """x != y, true of NaN."""
        return self._ordering("une", "ne", "ne", x, y)

    def lt(self, x: Scalar, y: Scalar) -> Scalar:
        """x < y."""
        return self._ordering("olt", "slt", "ult", x, y)

    def le(self, x: Scalar, y: Scalar) -> Scalar:
        """x <= y."""
        return self._ordering("ole", "sle", "ule", x, y)

    def select(self, condition: Scalar, x: Scalar, y: Scalar) -> Scalar:
        """x where the condition holds, else y."""
        return self._emit(f"select {condition}, {x}, {y}", x.dtype)

    def bit_and(self, x: Scalar, y: Scalar) -> Scalar:
        """Bitwise on integers, logical on bools."""
        return self._binary("and", x, y)

    def bit_or(self, x: Scalar, y: Scalar) -> Scalar:
        """Bitwise on integers, logical on bools."""
        return self._binary("or", x, y)

    def bit_xor(self, x: Scalar, y: Scalar) -> Scalar:
        """Bitwise on integers, logical on bools."""
        return self._binary("xor", x, y)

    def bit_not(self, x: Scalar) -> Scalar:
        """Bitwise on integers, logical on bools."""
        return self.bit_xor(x, self.const(True if x.dtype == "bool" else -1, x))

    def shl(self, x: Scalar, bits: int) -> Scalar:
        """Shift left; by the width or more gives 0."""
        return self._shift("shl", x, bits)

    def shr(self, x: Scalar, bits: int) -> Scalar:
        """Logical shift right; by the width or more gives 0."""
        return self._shift("lshr", x, bits)

    def _shift(self, opcode: str, x: Scalar, bits: int) -> Scalar:
        if bits >= 8 * ITEM_BYTES[x.dtype]:
            return self.const(0, x)
        return self._binary(opcode, x, self.const(bits, x))

    # -- building blocks of the transcendental functions

    def _bits(self, x: Scalar) -> Scalar:
        return self.bitcast(x, _FORMATS[x.dtype].integer)

    def _polynomial(self, x: Scalar, coefficients: Sequence[float]) -> Scalar:
        """Horner's rule: the vectoriser's interleaving and the processor overlap elements, not steps of one element."""
        total = self.const(coefficients[-1], x)
        for coefficient in coefficients[-2::-1]:
            total = self.fma(total, x, self.const(coefficient, x))
        return total

    def _clamp(self, x: Scalar, low: float, high: float) -> Scalar:
        """x kept within [low, high]; NaN stays NaN, because an unordered compare keeps x. One instruction a side."""
        lower = self.const(low, x)
        x = self.select(self._emit(f"fcmp ogt {lower}, {x.ssa}", "bool"), lower, x)
        upper = self.const(high, x)
        return self.select(self._emit(f"fcmp olt {upper}, {x.ssa}", "bool"), upper, x)

    def _nearest(self, x: Scalar, factor: float, parts: Sequence[float]) -> tuple[Scalar, Scalar]:
        """With n the integer nearest x * factor: bits holding n above the shifter's, and x - n * sum(parts)."""
        shifter = self.const(_FORMATS[x.dtype].shifter, x)
        shifted = self.fma(x, self.const(factor, x), shifter)
        n = self.sub(shifted, shifter)
        for part in parts:
            x = self.fma(n, self.const(-part, x), x)
        return self._bits(shifted), x

    def _power_of_two(self, bits: Scalar, extra: int, dtype: str) -> Scalar:
        """2**(n + extra) for the n held in `bits` (see `_nearest`), which must be a normal exponent.

        Multiplying by it, rather than adding to an exponent field, lets NaN and infinity through.
        """
        form = _FORMATS[dtype]
        exponent = self.add(bits, self.const(form.bias + extra - form.shifter_bits, bits))
        return self.bitcast(self.shl(exponent, form.mantissa_bits), dtype)

    def _reduced_expm1(self, r: Scalar) -> Scalar:
        return self.fma(self.mul(r, r), self._polynomial(r, _FORMATS[r.dtype].exp), r)

    def _exp_within(self, x: Scalar) -> Scalar:
        """exp where the result is a normal number."""
        bits, r = self._nearest(x, 1 / math.log(2), _FORMATS[x.dtype].ln2)
        power = self._power_of_two(bits, 0, x.dtype)
        return self.fma(power, self._reduced_expm1(r), power)

    def _copysign(self, magnitude: Scalar, sign: Scalar) -> Scalar:
        return self._intrinsic("copysign", magnitude, sign)

    # -- the functions

    def exp(self, x: Scalar) -> Scalar:
        """e**x. The power of two is applied in two halves, so overflow and denormal results come out right."""
        form = _FORMATS[x.dtype]
        bits, r = self._nearest(self._clamp(x, *form.exp_range), 1 / math.log(2), form.ln2)
        total = self.add(bits, self.const(2 * form.bias - form.shifter_bits, bits))
        half = self.shr(total, 1)
        first = self.bitcast(self.shl(half, form.mantissa_bits), x.dtype)
        second = self.bitcast(self.shl(self.sub(total, half), form.mantissa_bits), x.dtype)
        return self.mul(self.fma(first, self._reduced_expm1(r), first), second)

    def _expm1_clamped(self, x: Scalar) -> Scalar:
        """expm1 of an argument within the type's range: 2**n * expm1(r) + (2**n - 1), computed at half size."""
        bits, r = self._nearest(x, 1 / math.log(2), _FORMATS[x.dtype].ln2)
        half = self._power_of_two(bits, -1, x.dtype)
        result = self.fma(half, self._reduced_expm1(r), self.sub(half, self.const(0.5, x)))
        return self.add(result, result)

    def expm1(self, x: Scalar) -> Scalar:
        """e**x - 1 without cancellation near 0."""
        form = _FORMATS[x.dtype]
        result = self._expm1_clamped(self._clamp(x, form.expm1_low, form.exp_range[1]))
        return self._copysign(result, x)  # the sum above gives +0 for -0

    def tanh(self, x: Scalar) -> Scalar:
        """e / (e + 2) with e = expm1(2 x): exact to a few ulp near 0, where a quotient of exponentials is not."""
        limit = _FORMATS[x.dtype].tanh_limit
        x_kept = self._clamp(x, -limit, limit)
        e = self._expm1_clamped(self.add(x_kept, x_kept))
        return self._copysign(self.div(e, self.add(e, self.const(2.0, x))), x)

    def sigmoid(self, x: Scalar) -> Scalar:
        """1 / (1 + exp(-x)); results too small for a normal number are 0."""
        # The exponent of the power of two must stay below the overflow exponent.
        limit = (_FORMATS[x.dtype].bias + 0.4) * math.log(2)
        one = self.const(1.0, x)
        e = self._exp_within(self._clamp(self.neg(x), -limit + 2.0, limit))
        result = self.div(one, self.add(one, e))
        return self.select(self._compare("olt", x, -limit), self.const(0.0, x), result)

    def _log_scaled(self, f: Scalar, exponent: Scalar) -> Scalar:
        """log(1 + f) + exponent * ln2, for abs(f) <= 1/3."""
        form = _FORMATS[f.dtype]
        high, low = form.ln2
        tail = self.fma(exponent, self.const(low, f), self.mul(self.mul(f, f), self._polynomial(f, form.log)))
        return self.fma(exponent, self.const(high, f), self.add(f, tail))

    def _split(self, x: Scalar) -> tuple[Scalar, Scalar]:
        """Of a normal positive x: its bits with the mantissa in [2/3, 4/3), and the binary exponent that leaves."""
        form = _FORMATS[x.dtype]
        bits = self._bits(x)
        threshold = _positive_bits(2 / 3, form.bias, form.mantissa_bits)
        exponent = self._binary("ashr", self.sub(bits, self.const(threshold, bits)), self.const(form.mantissa_bits, bits))
        return self.sub(bits, self.shl(exponent, form.mantissa_bits)), exponent

    def log(self, x: Scalar) -> Scalar:
        """The natural logarithm; -inf at 0, NaN below. Denormal arguments are scaled to normal ones first."""
        form = _FORMATS[x.dtype]
        scale_bits = form.mantissa_bits + 1
        tiny = self._compare("olt", x, 2.0 ** (1 - form.bias))
        scaled = self.select(tiny, self.mul(x, self.const(2.0**scale_bits, x)), x)
        bits, exponent = self._split(scaled)
        shift = self.select(tiny, self.const(scale_bits, exponent), self.const(0, exponent))
        f = self.sub(self.bitcast(bits, x.dtype), self.const(1.0, x))
        result = self._log_scaled(f, self.cast(self.cast(self.sub(exponent, shift), "int32"), x.dtype))
        return self._log_edges(x, result, 0.0)

    def _log_edges(self, x: Scalar, result: Scalar, pole: float) -> Scalar:
        """-inf at the pole, NaN below it; infinity and NaN stay as they are."""
        result = self.select(self._compare("olt", x, math.inf), result, x)
        result = self.select(self._compare("oeq", x, pole), self.const(-math.inf, x), result)
        return self.select(self._compare("olt", x, pole), self.const(math.nan, x), result)

    def log1p(self, x: Scalar) -> Scalar:
        """log(1 + x). The reduced argument (1 + x) / 2**n - 1 is computed from x itself, with one rounding."""
        form = _FORMATS[x.dtype]
        one = self.const(1.0, x)
        _, exponent = self._split(self.add(x, one))
        # 4 / 2**n rather than 1 / 2**n: the latter would be denormal for the largest n.
        scale = self.bitcast(
            self.shl(self.sub(self.const(form.bias + 2, exponent), exponent), form.mantissa_bits), x.dtype
        )
        quarter = self.const(0.25, x)
        f = self.fma(self.mul(scale, quarter), x, self.fma(scale, quarter, self.const(-1.0, x)))
        result = self._log_scaled(f, self.cast(self.cast(exponent, "int32"), x.dtype))
        return self._copysign(self._log_edges(x, result, -1.0), x)

    def sin(self, x: Scalar) -> Scalar:
        """The sine; accurate up to about 1e5 (float32) or 1e9 (float64), merely bounded beyond."""
        result = self._sine(x, 0)
        return self.select(self._compare("oeq", x, 0.0), x, result)  # the sign of -0

    def cos(self, x: Scalar) -> Scalar:
        """The cosine; accurate as `sin` is."""
        return self._sine(x, 1)

    def _sine(self, x: Scalar, quadrants: int) -> Scalar:
        """sin(x + quadrants * pi / 2): both polynomials, then a choice of one and of the sign."""
        form = _FORMATS[x.dtype]
        bits, r = self._nearest(x, 2 / math.pi, form.pi_half)
        r = self._clamp(r, -1.0, 1.0)  # where the reduction has failed, keep the result bounded
        if quadrants:
            bits = self.add(bits, self.const(quadrants, bits))
        z = self.mul(r, r)
        sine = self.fma(self.mul(r, z), self._polynomial(z, form.sin), r)
        start = self.fma(z, self.const(-0.5, x), self.const(1.0, x))
        cosine = self.fma(self.mul(z, z), self._polynomial(z, form.cos), start)
        odd = self.ne(self.bit_and(bits, self.const(1, bits)), self.const(0, bits))
        sign = self.shl(self.bit_and(bits, self.const(2, bits)), 8 * ITEM_BYTES[x.dtype] - 2)
        return self.bitcast(self.bit_xor(self._bits(self.select(odd, cosine, sine)), sign), x.dtype)

    def erf(self, x: Scalar) -> Scalar:
        """The error function: x times a polynomial up to 1, 1 - exp(-polynomial) beyond."""
        form = _FORMATS[x.dtype]
        one = self.const(1.0, x)
        magnitude = self.abs(x)
        near = self.fma(x, self._polynomial(self.mul(x, x), form.erf), x)
        t = self._clamp(self.sub(magnitude, one), 0.0, form.erf_limit - 1.0)
        far = self.sub(one, self._exp_within(self.neg(self._polynomial(t, form.erfc))))
        return self.select(self.lt(magnitude, one), near, self._copysign(far, x))


def _positive_bits(value: float, bias: int, mantissa_bits: int) -> int:
    """The bit pattern of a positive normal number in a float format."""
    mantissa, exponent = math.frexp(value)
    fraction = int((2 * mantissa - 1) * (1 << mantissa_bits))
    return ((exponent - 1 + bias) << mantissa_bits) | fraction

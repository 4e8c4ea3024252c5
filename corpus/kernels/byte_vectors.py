"""Looking at 32 bytes at once: LLVM vector code, one register of AVX2, two of NEON.

Web text is mostly ASCII, in lines of some ninety bytes; a loop over bytes that may end at each of
them is not one that a compiler makes vectors of. All 32 bytes must be in the arrays.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WIDTH = 32
_BYTES = ir.VectorType(ir.IntType(8), WIDTH)
_UPPER_TO_LOWER = 0x20


def _all(byte: int) -> Any:
    return ir.Constant(_BYTES, [byte] * WIDTH)


def _vector(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Where 32 bytes of a uint8 array begin."""
    items = context.make_array(array_type)(context, builder, array)
    return builder.bitcast(builder.gep(items.data, [index]), _BYTES.as_pointer())


def _before_first(builder: Any, marked: Any) -> Any:
    """How many lanes come before the first that is marked, as an int64; 32 where none is."""
    mask = builder.bitcast(marked, ir.IntType(WIDTH))
    form = ir.FunctionType(mask.type, [mask.type, ir.IntType(1)])
    zeros = cgutils.get_or_insert_function(builder.module, form, f"llvm.cttz.i{WIDTH}")
    count = builder.call(zeros, [mask, ir.Constant(ir.IntType(1), 0)])
    return builder.zext(count, ir.IntType(64))


def _bytes_before(_: Any, source: Any, at: Any, byte: Any) -> Any:
    """How many bytes from `source[at]` on come before the first of this value; 32: it is none."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _vector(context, builder, signature.args[0], *values[:2])
        found = builder.load(place, align=1)
        one = builder.insert_element(_all(0), values[2], ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        sought = builder.shuffle_vector(one, _all(0), lanes)
        return _before_first(builder, builder.icmp_unsigned("==", found, sought))

    return types.int64(source, types.intp, types.uint8), emit


def _level_ascii(_: Any, source: Any, at: Any, out: Any, to: Any) -> Any:
    """Writes 32 bytes from `source[at]` to `out[to]`, letters lower-cased and digits as `0`.

    Returns how many come before the first that is not ASCII or is a control character; what is
    written from there on means nothing.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        found = builder.load(_vector(context, builder, kinds[0], *values[:2]), align=1)

        def within(first: str, count: int) -> Any:
            distance = builder.sub(found, _all(ord(first)))
            return builder.icmp_unsigned("<", distance, _all(count))

        lower = builder.or_(found, _all(_UPPER_TO_LOWER))
        level = builder.select(within("A", 26), lower, found)
        level = builder.select(within("0", 10), _all(ord("0")), level)
        builder.store(level, _vector(context, builder, kinds[2], *values[2:]), align=1)
        plain = within(" ", 0x7F - ord(" "))
        return _before_first(builder, builder.not_(plain))

    return types.int64(source, types.intp, out, types.intp), emit


bytes_before: Any = intrinsic(_bytes_before)
level_ascii: Any = intrinsic(_level_ascii)

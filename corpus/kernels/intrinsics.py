"""Machine instructions that Python has no words for."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _high_product(_: Any, left: Any, right: Any) -> Any:
    """The upper 64 bits of the product of two uint64."""

    def emit(_: Any, builder: Any, __: Any, values: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(value, wide) for value in values))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), emit


def _prefetch(_: Any, array: Any, index: Any) -> Any:
    """Asks for an item of a one-dimensional array ahead of its use; an index beyond it is safe."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        items = context.make_array(signature.args[0])(context, builder, values[0])
        place = builder.bitcast(builder.gep(items.data, [values[1]]), cgutils.voidptr_t)
        number = ir.IntType(32)
        form = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        ask = cgutils.get_or_insert_function(builder.module, form, "llvm.prefetch.p0")
        # To read, to be kept in every cache, as data.
        builder.call(ask, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), emit


def _load64(_: Any, array: Any, index: Any) -> Any:
    """The 8 bytes of an array of integers from an index on as a uint64; all must be in it."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        items = context.make_array(signature.args[0])(context, builder, values[0])
        place = builder.gep(items.data, [values[1]])
        form = ir.IntType(64)
        return builder.load(builder.bitcast(place, form.as_pointer()), align=1, typ=form)

    return types.uint64(array, types.intp), emit


def _count_bits(_: Any, value: Any) -> Any:
    """How many bits of a uint64 are set."""

    def emit(_: Any, builder: Any, __: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.uint64(types.uint64), emit


def _sum_rows(_: Any, matrix: Any, rows: Any, count: Any, first: Any, sums: Any, text: Any) -> Any:
    """Adds to `sums[text, first:first + 16]`, float32, the `matrix[rows[:count], same]`, one
    after another. All but `rows`, int32, are arrays of two dimensions.

    The sum stays in registers, where a loop over arrays would store and load it at every row.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        matrix, rows, sums = (
            context.make_array(signature.args[n])(context, builder, values[n]) for n in (0, 1, 4)
        )
        _, _, count, first, _, text = values
        lanes = ir.VectorType(ir.FloatType(), 16)

        def at(array: Any, row: Any) -> Any:
            width = builder.extract_value(array.shape, 1)
            item = builder.gep(array.data, [builder.add(builder.mul(row, width), first)])
            return builder.bitcast(item, lanes.as_pointer())

        sum_ = builder.load(at(sums, text), align=4, typ=lanes)
        total = cgutils.alloca_once_value(builder, sum_)
        with cgutils.for_range(builder, count) as loop:
            row = builder.load(builder.gep(rows.data, [loop.index]))
            wide = builder.sext(row, ir.IntType(64))
            added = builder.load(at(matrix, wide), align=4, typ=lanes)
            builder.store(builder.fadd(builder.load(total), added), total)
        builder.store(builder.load(total), at(sums, text), align=4)
        return context.get_dummy_value()

    return types.void(matrix, rows, types.intp, types.intp, sums, types.intp), emit


high_product: Any = intrinsic(_high_product)
prefetch: Any = intrinsic(_prefetch)
load64: Any = intrinsic(_load64)
count_bits: Any = intrinsic(_count_bits)
sum_rows: Any = intrinsic(_sum_rows)

"""Three machine instructions that Python has no words for."""

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
    """The 8 bytes of a uint8 array from an index on as a uint64; all must be in the array."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        items = context.make_array(signature.args[0])(context, builder, values[0])
        place = builder.gep(items.data, [values[1]])
        form = ir.IntType(64)
        return builder.load(builder.bitcast(place, form.as_pointer()), align=1, typ=form)

    return types.uint64(array, types.intp), emit


high_product: Any = intrinsic(_high_product)
prefetch: Any = intrinsic(_prefetch)
load64: Any = intrinsic(_load64)

"""Boxes of an array: ranges along each of its axes.

ZeRO-1 cuts a process's tensors, each a box of a larger one, into flat ranges that keep to no row.
A flat range is a few boxes: in two axes part of a row, whole rows, part of a row. Boxes of two
ways to cut meet in boxes, so what one layout of processes stored another finds by their corners.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """Where it begins and how far it goes, along each axis."""

    offset: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def end(self) -> tuple[int, ...]:
        return tuple(at + long for at, long in zip(self.offset, self.shape, strict=True))

    def moved(self, by: tuple[int, ...]) -> "Box":
        return Box(tuple(at + step for at, step in zip(self.offset, by, strict=True)), self.shape)

    def within(self, other: "Box") -> tuple[slice, ...]:
        """The slices of an array of the other's numbers that this box, a part of it, stands for."""
        starts = [at - first for at, first in zip(self.offset, other.offset, strict=True)]
        return tuple(slice(at, at + long) for at, long in zip(starts, self.shape, strict=True))


def of_range(shape: tuple[int, ...], begin: int, end: int) -> Iterator[Box]:
    """The fewest boxes of an array whose numbers, one box after the other, are its flat range."""
    if begin >= end:
        return
    if len(shape) == 1:
        yield Box((begin,), (end - begin,))
        return
    row = math.prod(shape[1:])
    first, last = -(-begin // row), end // row  # of the whole rows, and the one after them
    if first > last:  # the range is within one row
        yield from _in_row(shape, last, begin - last * row, end - last * row)
        return
    yield from _in_row(shape, first - 1, row - (first * row - begin), row)
    if last > first:
        yield Box((first, *(0 for _ in shape[1:])), (last - first, *shape[1:]))
    yield from _in_row(shape, last, 0, end - last * row)


def common(one: Box, other: Box) -> Box | None:
    """The box that two have in common, if any."""
    offset = tuple(map(max, one.offset, other.offset))
    shape = tuple(end - at for at, end in zip(offset, map(min, one.end, other.end), strict=True))
    return Box(offset, shape) if min(shape) > 0 else None


def _in_row(shape: tuple[int, ...], number: int, begin: int, end: int) -> Iterator[Box]:
    for box in of_range(shape[1:], begin, end):
        yield Box((number, *box.offset), (1, *box.shape))

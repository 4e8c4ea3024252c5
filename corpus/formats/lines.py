"""Files of lines that tasks share: a line is read by the part in which it begins."""

from corpus.formats.streams import Checked

_PIECE = 64 << 10


def line_start(stream: Checked, at: int) -> int:
    """Where the first line begins that does so at a byte or after it; the end where none does."""
    if at == 0:
        return 0
    stream.seek(at - 1)
    position = at - 1
    while piece := stream.read(_PIECE):
        if (found := piece.find(b"\n")) >= 0:
            return position + found + 1
        position += len(piece)
    return position

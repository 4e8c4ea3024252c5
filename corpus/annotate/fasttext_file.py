"""Whether a fastText model file is whole.

fastText itself does not look: of a file cut short it dies of a segmentation fault, or works on
with what memory held. So the file is walked by its own counts first (fastText's binary format 12,
which 11 shares).
"""

import mmap
import struct

_MAGIC, _VERSIONS = 793712314, (11, 12)
_CENTROIDS = 256  # a product quantizer's, for each of its dimensions


def is_whole(path: str) -> bool:
    """Whether a file is a fastText model that ends where its own counts say."""
    try:
        with (
            open(path, "rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            return _Walk(content).length() == len(content)
    except (ValueError, struct.error):  # an empty file, and one that ends inside a count
        return False


class _Walk:
    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._at = 0

    def length(self) -> int:
        """Bytes the file should have."""
        magic, version = self._take("<ii")
        if magic != _MAGIC or version not in _VERSIONS:
            raise ValueError("no fastText model")
        self._take("<12id")  # training arguments
        entries, _, _, _, pruned = self._take("<3i2q")
        for _ in range(entries):  # word, 0, count, type
            end = self._content.find(b"\0", self._at)
            if end < 0:
                raise ValueError("ends inside its dictionary")
            self._at = end + 1 + struct.calcsize("<qb")
        self._at += 8 * max(pruned, 0)
        (quantized,) = self._take("<?")
        self._skip_matrix(quantized)
        (quantized_output,) = self._take("<?")
        self._skip_matrix(quantized and quantized_output)
        return self._at

    def _skip_matrix(self, quantized: bool) -> None:
        (with_norms,) = self._take("<?") if quantized else (False,)
        rows, columns = self._take("<qq")
        if not quantized:
            self._at += 4 * rows * columns
            return
        (codes,) = self._take("<i")
        self._at += codes
        self._skip_quantizer()
        if with_norms:
            self._at += rows
            self._skip_quantizer()

    def _skip_quantizer(self) -> None:
        dimensions, *_ = self._take("<4i")
        self._at += 4 * dimensions * _CENTROIDS

    def _take(self, form: str) -> tuple:
        values = struct.unpack_from(form, self._content, self._at)
        self._at += struct.calcsize(form)
        return values

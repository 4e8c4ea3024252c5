"""Rows out of a dump's bytes, which come in pieces of any size; each row is bounded in length.

XML lets no `<` stand in a value, so a row goes on to the next `<row`, whatever lines it stands on.
A damaged one ends there too: it costs itself only.
"""

from collections.abc import Callable

_OPENING = b"<row"
_WHITE_SPACE = b" \t\r\n"
_AFTER_NAME = _WHITE_SPACE + b"/>"  # another tag's name goes on with others


class RowStream:
    """Calls `take` with every row and what stands behind it, without a newline in either.

    `too_long` is called for a row that is too long, and the row let go.
    """

    MOST_BYTES = 64 << 20  # the site itself takes posts of 30,000 characters

    def __init__(self, take: Callable[[bytes], object], too_long: Callable[[], object]) -> None:
        self._take, self._too_long = take, too_long
        self._held = b""  # the beginning of a tag whose name goes on in the next piece
        self._row: list[bytes] = []  # as far as it has come; nothing outside of a row
        self._size = 0

    def feed(self, piece: bytes) -> None:
        piece = self._held + piece
        at = piece.rfind(b"<", max(len(piece) - len(_OPENING) + 1, 0))
        held = at if at >= 0 and _OPENING.startswith(piece[at:]) else len(piece)
        self._held = piece[held:]
        first, *others = piece[:held].split(_OPENING)
        self._add(first)
        for row in others:
            self._finish()
            self._row = [_OPENING]
            self._add(row)

    def end(self) -> None:
        """No more comes: what is left may be a row too."""
        self._add(self._held)
        self._finish()
        self._held = b""

    def _add(self, part: bytes) -> None:
        if not self._row:
            return
        self._row.append(part)
        self._size += len(part)
        if self._size > self.MOST_BYTES:
            self._too_long()
            self._row, self._size = [], 0

    def _finish(self) -> None:
        if self._row:
            row = b"".join(self._row).rstrip(_WHITE_SPACE)
            if len(row) == len(_OPENING) or row[len(_OPENING)] in _AFTER_NAME:
                # as XML reads it: a newline is a space, in a value too
                row = row.replace(b"\r\n", b" ") if b"\r" in row else row
                self._take(row.replace(b"\n", b" ") if b"\n" in row else row)
        self._row, self._size = [], 0

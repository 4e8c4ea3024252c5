"""Lines out of bytes that come in pieces of any size, each bounded in length."""

from collections.abc import Callable


class Lines:
    """Calls `take` with every line, stripped of white space; with one too long, `too_long`."""

    MOST_BYTES = 64 << 20  # the site itself takes posts of 30,000 characters

    def __init__(self, take: Callable[[bytes], object], too_long: Callable[[], object]) -> None:
        self._take, self._too_long = take, too_long
        self._rest = [b""]  # of a line that goes on in the next piece
        self._size = 0
        self._dropping = False

    def feed(self, piece: bytes) -> None:
        first, *others = piece.split(b"\n")
        self._add(first)
        for line in others:
            self._finish()
            self._add(line)

    def end(self) -> None:
        """No more comes: what is left is a line too."""
        self._finish()

    def _add(self, part: bytes) -> None:
        if self._dropping or not part:
            return
        self._rest.append(part)
        self._size += len(part)
        if self._size > self.MOST_BYTES:
            self._too_long()
            self._dropping, self._rest = True, []

    def _finish(self) -> None:
        if not self._dropping:
            line = b"".join(self._rest).strip()
            if line:
                self._take(line)
        self._rest, self._size, self._dropping = [], 0, False

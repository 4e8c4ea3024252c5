"""A tar whose headers are bounded: tarfile reads what belongs to one whole, of any size stated."""

import tarfile
from typing import cast

MAX_HEADER_BYTES = 1 << 20  # of a long name or of attributes; people's have some hundred
_ATTRIBUTES = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class Tar(tarfile.TarFile):
    """A tar that knows how it ended; to be opened with `tarinfo=Entry`."""

    broken = False  # whether it ended where a header should be
    for_all = 0  # bytes of headers that go for all entries, which tarfile remembers


class Entry(tarfile.TarInfo):
    """An entry whose long name and attributes are bounded; ReadError where they are longer."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> "Entry":
        try:
            return super().fromtarfile(tar)  # type: ignore[return-value]
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError:
            cast(Tar, tar).broken = True
            raise

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        size = self.size
        if self.type == tarfile.XGLTYPE:
            cast(Tar, tar).for_all += size
            size = cast(Tar, tar).for_all
        if self.type in (*_ATTRIBUTES, *_NAMES) and size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"headers of {size} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]

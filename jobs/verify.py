"""`altiplano verify`: re-reads every file that a run's manifests list."""

import pyarrow as pa

from corpus import manifest, storage
from corpus.errors import DataError

DEEPEST = 2  # folders: a stage's, and a source's in it


def verify_run(folder: str) -> tuple[int, list[str]]:
    """How many files were read, and one line for each that is not as listed.

    Works wherever a build can write. Which stages a run has is read from the manifests in it.
    Raises DataError where there is none, or the disk or the server cannot be read from.
    """
    try:
        return _verified(folder)
    except (OSError, pa.ArrowException) as error:  # the second is what abfs:// raises
        raise DataError(
            f"{folder} cannot be read: {error}; see to its disk, or to network and credentials"
        ) from None


def _verified(folder: str) -> tuple[int, list[str]]:
    try:
        listed = storage.list_files(folder, (f"/{manifest.MANIFEST_NAME}",))
    except DataError as error:
        if error.__cause__ is not None:  # no answer from a server, which may hold a run
            raise
        listed = []
    found = [file.uri for file in listed if file.name.count("/") <= DEEPEST]
    if not found:
        raise DataError(f"{folder} holds no finished stage of a build; give a run's output folder")
    files = 0
    problems = []
    for place in found:
        stage = manifest.read(storage.parent(place))
        problems += manifest.verify(stage)
        files += len(stage.all_files)
    return files, problems

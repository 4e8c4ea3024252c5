"""`altiplano verify`: re-reads every file that a run's manifests list."""

from corpus import manifest, storage
from corpus.errors import DataError

DEEPEST = 2  # folders: a stage's, and a source's in it


def verify_run(folder: str) -> tuple[int, list[str]]:
    """How many files were read, and one line for each that is not as listed.

    Works wherever a build can write. Which stages a run has is read from the manifests in it.
    """
    try:
        listed = storage.list_files(folder, (f"/{manifest.MANIFEST_NAME}",))
    except DataError:
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

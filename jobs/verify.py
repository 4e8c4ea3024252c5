"""`altiplano verify`: re-reads every file that a run's manifests list."""

from pathlib import Path

from corpus import manifest
from corpus.errors import DataError


def verify_run(folder: str) -> tuple[int, list[str]]:
    """How many files were read, and one line for each that is not as listed.

    Works on a local folder. Which stages a run has is read from the manifests in it.
    """
    found = sorted(Path(folder).glob(f"*/{manifest.MANIFEST_NAME}"))
    found += sorted(Path(folder).glob(f"*/*/{manifest.MANIFEST_NAME}"))
    if not found:
        raise DataError(f"{folder} holds no finished stage of a build; give a run's output folder")
    files = 0
    problems = []
    for place in found:
        stage = manifest.read(str(place.parent))
        problems += manifest.verify(stage)
        files += len(stage.files)
    return files, problems

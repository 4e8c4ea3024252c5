"""Stage 2b: a language model trained in the run, from a reference text held out of the corpus.

CCNet (section 3.3) takes Wikipedia; what matters is that the text reads as the corpus should.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path

from corpus import storage
from corpus.errors import DataError
from corpus.lm import train_lm
from corpus.models import REFERENCE_SUFFIXES, ModelsConfig
from corpus.output import Output, Unit
from corpus.stage import Stage


def stage(config: ModelsConfig) -> Stage:
    """SentencePiece and the real lmplz, run in the driver."""
    assert config.reference is not None
    files = storage.list_files(config.reference, REFERENCE_SUFFIXES)
    inputs = tuple(storage.fingerprint(file.uri) for file in files)
    payload = (tuple(file.uri for file in files), config.lm_training, config.kenlm_tools)
    return Stage(
        name="lm",
        config=config.lm_training,
        units=[Unit("lm", inputs, payload)],
        modules=("corpus.reference",),
        work=train_model,
        in_driver=True,
    )


def train_model(unit: Unit, output: Output) -> None:
    uris, config, tools_folder = unit.payload
    folder = output.scratch / "model"
    folder.mkdir()
    texts = (text for uri in uris for text in read_texts(uri))
    train_lm(_counted(texts, output), config, Path(tools_folder), folder)
    for path in sorted(folder.iterdir()):
        name, _, suffix = path.name.partition(".")
        output.put(path, name, suffix, rows=0, exact_name=True)


def read_texts(uri: str) -> Iterator[str]:
    """The documents of a reference file: all of a `.txt`, the `text` of each line of JSONL.

    DataError names the line that is no JSON object with a `text`.
    """
    with storage.open_input(uri) as stream:
        lines = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="\n")
        if uri.endswith(".txt"):
            yield lines.read()
            return
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError):
                text = None
            if not isinstance(text, str):
                raise DataError(
                    f"{uri}:{number} is no JSON object with a 'text'; mend the line or leave it "
                    "out (corpus.models.reference)"
                )
            yield text


def _counted(texts: Iterator[str], output: Output) -> Iterator[str]:
    for text in texts:
        output.counts.add("reference_documents")
        output.counts.add("reference_bytes", len(text.encode("utf-8", "replace")))
        yield text

"""Stage 2b: a language model trained in the run, from a reference text held out of the corpus.

CCNet (section 3.3) takes Wikipedia; what matters is that the text reads as the corpus should.
`altiplano lm train` runs the same unit of work on its own.
"""

from dataclasses import asdict
from pathlib import Path

from corpus import storage
from corpus.counts import counted_texts
from corpus.formats.texts import Documents, read_texts, text_files
from corpus.lm import Notice, train_lm
from corpus.lm_config import LmConfig
from corpus.models import ModelsConfig
from corpus.output import Output, Unit
from corpus.stage import Stage


def stage(config: ModelsConfig) -> Stage:
    """SentencePiece and the real lmplz, run in the driver."""
    assert config.reference is not None
    return training("lm", config.reference, "files", config.lm_training, config.kenlm_tools)


def training(
    name: str, location: str, documents: Documents, config: LmConfig, kenlm_tools: str
) -> Stage:
    """The stage of one unit that trains on the texts at a location."""
    files = text_files(location)
    inputs = tuple(storage.fingerprint(file.uri) for file in files)
    payload = (tuple(file.uri for file in files), documents, config, kenlm_tools)
    return Stage(
        name=name,
        config=config,
        units=[Unit(name, (documents, *inputs), payload)],
        modules=("corpus.reference",),
        work=train_model,
        in_driver=True,
    )


def train_model(unit: Unit, output: Output, notice: Notice | None = None) -> None:
    uris, documents, config, tools_folder = unit.payload
    folder = output.scratch / "model"
    folder.mkdir()
    read = (text for uri in uris for text in read_texts(uri, documents, output.counts))
    texts = counted_texts(read, output.counts, "reference")
    trained = train_lm(texts, config, Path(tools_folder), folder, notice)
    for path in sorted(folder.iterdir()):
        name, _, suffix = path.name.partition(".")
        output.put(path, name, suffix, rows=0, facts=asdict(trained), exact_name=True)

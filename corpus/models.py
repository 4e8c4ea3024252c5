"""Which models a run annotates with: given, or trained in the run from a reference text."""

from dataclasses import dataclass, field
from pathlib import Path

from corpus import storage
from corpus.errors import DataError
from corpus.formats.texts import text_files
from corpus.lm import tools
from corpus.lm_config import LmConfig
from corpus.manifest import Manifest

LM_SUFFIXES = (".sp.model", ".arpa.bin")


@dataclass(frozen=True)
class ModelsConfig:
    """Where the models are; without `lm` the run trains its own from `reference`."""

    lid: str
    lm: str | None = None  # a folder of <language>.sp.model and <language>.arpa.bin
    reference: str | None = None  # texts in any form of corpus.formats.texts
    references: str | None = None  # the Wikipedia-reference classifier, a fastText file
    lm_training: LmConfig = field(default_factory=LmConfig)
    kenlm_tools: str = ".altiplano/kenlm/bin"  # where lmplz and build_binary are

    @property
    def trains_lm(self) -> bool:
        return self.lm is None and self.reference is not None


@dataclass(frozen=True)
class ModelFiles:
    """The models that annotators load, and the fingerprints of their files by name."""

    lid: str
    lm: str | None
    references: str | None
    fingerprints: tuple[tuple[str, str], ...]

    def used(self, perplexity: bool, references: bool) -> "ModelFiles":
        """What a source loads: a change of any other model does not concern it."""
        found = [f for f in self.fingerprints if perplexity or f[0] in ("lid", "references")]
        found = [f for f in found if references or f[0] != "references"]
        return ModelFiles(
            self.lid,
            self.lm if perplexity else None,
            self.references if references else None,
            tuple(found),
        )


def require_models(config: ModelsConfig, perplexity: bool) -> None:
    """DataError, before any work is done, for a model, tool or reference that is not there."""
    if not storage.exists(config.lid):
        raise DataError(
            f"no language-ID model at {config.lid} (corpus.models.lid); "
            "get it by `altiplano models fetch lid`, or run from the project's folder"
        )
    if config.references is not None and not storage.exists(config.references):
        raise DataError(
            f"no classifier at {config.references} (corpus.models.references); "
            "train one by `altiplano references train`"
        )
    if perplexity and config.lm is not None:
        try:
            storage.list_files(config.lm, LM_SUFFIXES)
        except DataError as error:
            raise DataError(
                f"{error} (corpus.models.lm); get models by `altiplano models fetch lm LANGUAGE`, "
                "or train them by `altiplano lm train`"
            ) from None
    elif perplexity and config.trains_lm:
        assert config.reference is not None
        text_files(config.reference)
        tools(Path(config.kenlm_tools))


def model_files(config: ModelsConfig, trained: Manifest | None) -> ModelFiles:
    """The files behind a run's models; `trained` is the manifest of its own language model."""
    found = {"lid": storage.fingerprint(config.lid)}
    if config.references is not None:
        found["references"] = storage.fingerprint(config.references)
    if trained is not None:
        found.update({file.name: file.sha256 for file in trained.files})
        lm: str | None = trained.folder
        return ModelFiles(config.lid, lm, config.references, tuple(sorted(found.items())))
    for file in storage.list_files(config.lm, LM_SUFFIXES) if config.lm else []:
        found[file.name] = storage.fingerprint(file.uri)
    return ModelFiles(config.lid, config.lm, config.references, tuple(sorted(found.items())))

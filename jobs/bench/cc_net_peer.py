"""The public cc_net (facebookresearch/cc_net) as the benchmark's opponent, from its own checkout.

Its own classes do the work, one a step as its `mine.py` strings them together. The checkout needs
func_argparse, submitit, beautifulsoup4 and requests beside this project's packages.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

FIELD = "raw_content"
MIN_LEN = 300


class CcNet:
    """The steps of cc_net over lists of its documents (dicts)."""

    def __init__(self, checkout: Path, lid: Path, lm: Path, cutoffs: Path) -> None:
        if not (checkout / "cc_net" / "mine.py").exists():
            raise SystemExit(f"no cc_net in {checkout}; give the checkout's folder by --cc-net")
        sys.path.insert(0, str(checkout))
        _mend_predict()
        from cc_net import dedup, jsonql, perplexity, process_wet_file, split_by_lang

        self._dedup, self._jsonql, self._wet = dedup, jsonql, process_wet_file
        self.classifier = split_by_lang.Classifier(
            model=lid, field=FIELD, out_field="language", top=1, threshold=0.5
        )
        languages = sorted(p.name.split(".")[0] for p in lm.glob("*.arpa.bin"))
        self.pieces = perplexity.MultiSentencePiece(
            {name: lm / f"{name}.sp.model" for name in languages},
            field=FIELD,
            output_field="tokenized",
            normalize=True,
        )
        self.language_model = perplexity.DocLM(
            {name: lm / f"{name}.arpa.bin" for name in languages},
            field="tokenized",
            output_field="perplexity",
            normalize=False,
        )
        self.bucket = perplexity.PerplexityBucket(cutoffs)
        self.drop = perplexity.DropKeys("tokenized")

    def prepare(self) -> None:
        for step in (self.classifier, self.pieces, self.language_model):
            step._prepare()

    def parse(self, files: Iterable[Path]) -> Iterator[dict]:
        for file in files:
            lines = self._jsonql.open_read(file)
            yield from self._wet.parse_warc_file(lines, min_len=MIN_LEN)

    def collect_hashes(self, documents: Iterable[dict]) -> Any:
        collector = self._dedup.HashesCollector(field=FIELD)
        for document in documents:
            collector.do(document)
        return collector.hashes

    def remover(self, hashes: Any) -> Callable[[dict], dict | None]:
        """Removes the lines seen again; it changes the document it is given."""
        step = self._dedup.DuplicatesRemover(FIELD, [])
        step.duplicates = hashes
        return step.do

    def dump_hashes(self, file: Path, output: Path) -> None:
        """One shard's hash file, as the `hashes` step of mine.py."""
        step = self._dedup.HashesCollector(field=FIELD, output=output)
        self._jsonql.run_pipes(step, inputs=self.parse([file]))

    def mine(self, files: list[Path], hash_files: list[Path], output: Path) -> None:
        """The `mine` step of mine.py: dedup to buckets, split by language and bucket."""
        output.mkdir(parents=True, exist_ok=True)
        self._jsonql.run_pipes(
            self._dedup.DuplicatesRemover(field=FIELD, hashes_files=hash_files),
            self.classifier,
            self.pieces,
            self.language_model,
            self.bucket,
            self.drop,
            self._jsonql.split(pattern=str(output / "{language}_{bucket}.json.gz"), mkdir=True),
            inputs=self.parse(files),
        )

    def read(self, output: Path) -> Iterator[dict]:
        """The documents that `mine` left in a folder."""
        for file in sorted(output.rglob("*.json.gz")):
            yield from self._jsonql.read_jsons(file)


def _mend_predict() -> None:
    """fastText 0.9.3 predicts no single text on NumPy 2; cc_net predicts one text at a time."""
    from fasttext import FastText

    of_many = FastText._FastText.predict

    def predict(self, text, k=1, threshold=0.0, on_unicode_error="strict"):
        if isinstance(text, list):
            return of_many(self, text, k, threshold, on_unicode_error)
        found = self.f.predict(text + "\n", k, threshold, on_unicode_error)
        probabilities, labels = zip(*found, strict=True) if found else ((), ())
        return labels, np.asarray(probabilities)

    FastText._FastText.predict = predict


def copies(documents: Iterable[dict]) -> list[dict]:
    """Documents that a step may change."""
    return [dict(document) for document in documents]

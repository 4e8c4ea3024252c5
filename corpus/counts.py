"""Counting what a stage does with its records, so that nothing is dropped in silence."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

EXAMPLES_KEPT = 5
NOT_READ = "files of names not read"
BYTES_NOT_READ = "bytes_not_read"
REPLACED = "documents_with_replaced_bytes"  # not of their encoding: U+FFFD stands for them


def counted_texts(texts: Iterable[str], counts: "Counts", what: str) -> Iterator[str]:
    """Passes texts on, counting `<what>_documents` and their UTF-8 in `<what>_bytes`."""
    for text in texts:
        counts.add(f"{what}_documents")
        counts.add(f"{what}_bytes", len(text.encode("utf-8", "replace")))
        yield text


@dataclass
class Counts:
    """Totals by name, and for every reason a record was skipped the first places it happened.

    `notes` says how often a reason of `skipped` was of no record: a damaged file, an input refused.
    """

    totals: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def skipped_records(self) -> Counter[str]:
        """What was skipped, without what was of no record."""
        return self.skipped - self.notes

    def add(self, name: str, amount: int = 1) -> None:
        self.totals[name] += amount

    def skip(self, reason: str, where: str) -> None:
        """Counts one skipped record under its reason and remembers where, for the first few."""
        self.skipped[reason] += 1
        seen = self.examples.setdefault(reason, [])
        if len(seen) < EXAMPLES_KEPT:
            seen.append(where)

    def note(self, reason: str, where: str) -> None:
        """Counts and names what is no record of its own, as `skip` does one that is."""
        self.skip(reason, where)
        self.notes[reason] += 1

    def merge(self, other: "Counts") -> None:
        self.totals.update(other.totals)
        self.skipped.update(other.skipped)
        self.notes.update(other.notes)
        for reason, places in other.examples.items():
            room = EXAMPLES_KEPT - len(self.examples.setdefault(reason, []))
            self.examples[reason].extend(places[: max(room, 0)])

    def to_tree(self) -> dict:
        """Plain, sorted data for a manifest."""
        return {
            "totals": dict(sorted(self.totals.items())),
            "skipped": dict(sorted(self.skipped.items())),
            "examples": {k: list(v) for k, v in sorted(self.examples.items())},
            "notes": dict(sorted(self.notes.items())),
        }

    @classmethod
    def from_tree(cls, tree: dict) -> "Counts":
        totals, skipped = Counter(tree["totals"]), Counter(tree["skipped"])
        notes = Counter(tree.get("notes", {}))  # none: of an earlier version
        return cls(totals, skipped, dict(tree["examples"]), notes)

"""The report's section on the tokenizer: how well it fits each language of each source."""

from itertools import groupby

from jobs.report.data import Run
from jobs.report.markup import Html, absent, count, element, join, size, table
from tokenizer import fertility as counted
from tokenizer.fertility import Fertility

_LANGUAGES = 10  # of a source, shown by name


def fertility(run: Run) -> Html:
    """Tokens a word and bytes a token of what is in the shards."""
    rows = counted.fertility(run.shards.counts) if run.shards else []
    if not rows:
        return absent("Not known: the config has no tokenizer, or no shards are written yet.")
    shown: list[Fertility] = []
    for source, of_source in groupby(rows, key=lambda row: row.source):
        languages = list(of_source)
        shown += languages[:_LANGUAGES]
        if languages[_LANGUAGES:]:
            named = f"{len(languages) - _LANGUAGES} more"
            shown.append(counted.summed(languages[_LANGUAGES:], source, named))
        shown.append(counted.summed(languages, source, "all"))
    note = (
        "Words are what white space parts, so for a language that writes none tokens a word say "
        "nothing. Begin and end of documents are not counted."
    )
    headers = ["Source", "Language", "Documents", "Text", "Tokens"]
    headers += ["Tokens a word", "Bytes a token", "Characters a token"]
    cells = [_cells(row) for row in shown]
    return join([table(headers, cells, "llrrrrrr"), element("p", note, class_="note")])


def _cells(row: Fertility) -> list[object]:
    return [
        element("code", row.source),
        row.language,
        count(row.documents),
        size(row.bytes),
        count(row.tokens),
        *(f"{ratio:.2f}" for ratio in row.ratios().values()),
    ]

"""The defect scoreboard: what RedPajama and its followers are known to get wrong, done right here.

One test a defect; its docstring names the project and the fault (`reference/filters.md`).
"""

from corpus.counts import Counts
from corpus.sources import stackexchange
from corpus.storage import InputFile


def test_answers_are_sorted_by_score_as_a_number(tmp_path):
    """RedPajama-v1, StackExchange: scores were compared as text, so 9 stood above 10."""
    path = tmp_path / "Posts.xml"
    rows = ['<row Id="1" PostTypeId="1" Title="t" />']
    rows += [
        f'<row Id="{score}" PostTypeId="2" ParentId="1" Score="{score}" Body="b{score}" />'
        for score in (9, 100, 10)
    ]
    path.write_text("\n".join(rows))
    file = InputFile(str(path), "a.b/Posts.xml", path.stat().st_size)
    (batch,) = stackexchange.read(file, "s", stackexchange.StackExchangeConfig(), Counts())
    assert batch.column("text").to_pylist() == ["t\n\nb100\n\nb10\n\nb9"]

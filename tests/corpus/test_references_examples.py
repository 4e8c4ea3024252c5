"""Which candidates are trained on and which are held out."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import stage
from corpus.counts import Counts
from corpus.errors import ConfigError, DataError
from corpus.references import candidates, examples
from corpus.references.candidates import PagesConfig, text_digest
from corpus.references.examples import choose
from corpus.storage import list_files


def facts(rows: list[tuple[bool, int, int, int]]) -> dict[str, np.ndarray]:
    label, *others = zip(*rows, strict=True)
    found = {
        name: np.array(values, np.uint64)
        for name, values in zip(("key", "site", "digest"), others, strict=True)
    }
    return {"is_reference": np.array(label), **found}


ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 60), st.integers(0, 60)), min_size=30, max_size=150
).map(lambda rows: [(label, key, key % 10, digest) for label, key, digest in rows])


@given(ROWS, st.sampled_from(["site", "page"]), st.integers(2, 40), st.randoms())
def test_a_choice_is_balanced_single_and_parted(rows, split, max_pages, shuffle) -> None:
    config = PagesConfig(max_pages=max_pages, held_out=0.4, split=split)
    counts = Counts()
    found = facts(rows)
    try:
        choice = choose(found, config, counts)
    except DataError:
        return  # a side without a class
    chosen = {name: values[choice.rows] for name, values in found.items()}
    assert len(np.unique(chosen["digest"])) == len(choice.rows)
    assert len(np.unique(chosen["key"])) == len(choice.rows)
    for side in (True, False):
        labels = chosen["is_reference"][choice.held_out == side]
        assert labels.sum() * 2 == len(labels)
    whole = chosen["site" if split == "site" else "digest"]
    assert not set(whole[choice.held_out]) & set(whole[~choice.held_out])
    assert chosen["is_reference"].sum() <= max_pages + 1
    references = {row[3] for row in rows if row[0]}
    assert not references & set(chosen["digest"][~chosen["is_reference"]].tolist())

    order = list(range(len(rows)))
    shuffle.shuffle(order)
    again = choose(facts([rows[i] for i in order]), config, Counts())
    assert {rows[order[i]] for i in again.rows} == {rows[i] for i in choice.rows}


def test_a_reference_wins_over_its_copies() -> None:
    rows = [(False, 1, 1, 1), (True, 2, 2, 1), (False, 3, 3, 7), (True, 3, 3, 8)]
    rows += [(n % 2 == 0, 100 + n, 100 + n, 100 + n) for n in range(60)]
    counts = Counts()
    choice = choose(facts(rows), PagesConfig(held_out=0.3), counts)
    assert 0 not in choice.rows
    assert 2 not in choice.rows
    assert (counts.totals["text seen before"], counts.totals["URL seen before"]) == (1, 1)


def test_one_site_cannot_be_on_both_sides() -> None:
    rows = [(n % 2 == 0, n, n % 2, n) for n in range(100)]
    with pytest.raises(DataError, match=r"on 1 site, each .* whole: .* set pages\.split=page \("):
        choose(facts(rows), PagesConfig(held_out=0.3), Counts())
    nothing = {name: values[:0] for name, values in facts([(True, 1, 1, 1)]).items()}
    with pytest.raises(DataError, match="none of the 0 pages is a reference"):
        choose(nothing, PagesConfig(), Counts())


def test_a_class_without_any_page_gets_its_own_remedy() -> None:
    rows = [(False, n, n, n) for n in range(9)]
    with pytest.raises(DataError, match=r"none of the 9 pages is a reference: .* fetch"):
        choose(facts(rows), PagesConfig(), Counts())
    rows = [(True, n, n, n) for n in range(9)]
    with pytest.raises(DataError, match="all 9 pages are references; give a 'crawl' with others"):
        choose(facts(rows), PagesConfig(), Counts())


@pytest.mark.parametrize(
    ("references", "config", "said"),
    [
        (
            [1],
            {},
            "1 reference page in all on 1 site, .*: give more reference pages of other sites ",
        ),
        ([1, 2, 3], {}, "3 reference pages in all on 3 sites, .* sites, or raise pages.held_out=0"),
        ([1, 2, 3], {"split": "page"}, "in all: give more reference pages, or raise pages.held_ou"),
        ([1, 2], {"held_out": 0.99}, "0 reference and . random pages would be trained .* or lower"),
    ],
)
def test_few_pages_of_a_class_get_the_right_remedy(references, config, said) -> None:
    rows = [(n in references, n, n, n) for n in range(300)]
    with pytest.raises(DataError, match=said):
        choose(facts(rows), PagesConfig(**{"held_out": 0.02, **config}), Counts())


def test_a_digest_levels_case_and_white_space() -> None:
    assert text_digest("The  Cat\n sat ") == text_digest("the cat sat")
    assert text_digest("The cat sat") != text_digest("The cat spat")


def write_lines(path, lines: list) -> None:
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines) + "\n")


def test_labelled_lines_become_shuffled_training_lines(tmp_path, engine) -> None:
    folder = tmp_path / "labelled"
    folder.mkdir()
    good = [
        {
            "url": f"http://site{n}.org/p" if n % 3 else None,
            "text": f"page number {n} \ud800\nsays </s> __label__x",
            "label": "reference" if n % 2 else "random",
        }
        for n in range(80)
    ]
    bad = ["{", "[]", {"text": "no label"}, {"text": 1, "label": "random"}, {"label": "random"}]
    write_lines(folder / "pages.jsonl", [*good, *bad, {"text": "short", "label": "random"}])
    config = PagesConfig(min_chars=10, held_out=0.25)
    files = list_files(str(folder))
    first = candidates.stage(None, "web", None, None, files, config)
    found = stage.run(first, str(tmp_path / "run"), engine).manifest
    assert found.counts.totals == {"references": 40, "random": 40}
    (reason,) = found.counts.skipped
    assert found.counts.skipped[reason] == 5
    assert found.counts.examples[reason][0] == "pages.jsonl:81"
    made = stage.run(examples.stage(found, config), str(tmp_path / "run"), engine).manifest
    lines = (tmp_path / "run/examples/train.txt").read_text().splitlines()
    labels = [line.split(" ")[0] for line in lines]
    assert labels.count("__label__reference") * 2 == len(lines) > 40
    assert labels != sorted(labels)
    assert all(line.endswith("says < /s> __ label__x") for line in lines)
    (held_out,) = (file for file in made.files if file.name.endswith(".parquet"))
    rows = pq.read_table(made.path(held_out)).to_pylist()
    assert len(rows) >= 2
    trained = {line.split("number ")[1].split()[0] for line in lines}
    assert not trained & {row["line"].split()[2] for row in rows}


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"held_out=1 must lie between 0 and 1"):
        PagesConfig(held_out=1)
    with pytest.raises(ConfigError, match="min_chars=0 must be at least 1"):
        PagesConfig(min_chars=0)

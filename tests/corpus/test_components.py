"""Which part of the mixture a document belongs to, and reading it with that."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus import manifest as manifests
from corpus import schema
from corpus.components import (
    assign,
    choices,
    conditional,
    part_batches,
    parts,
    require_documents,
    stage,
)
from corpus.counts import Counts
from corpus.documents import SourceTables
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest, OutputFile
from corpus.mixture import ComponentConfig, MixtureConfig, check_sources
from corpus.stage import run

HEAD = ComponentConfig(weight=1, source="web", where="language = 'en' and bucket = 'head'")
LONG = ComponentConfig(weight=1, where="num_words > 100")
REST = ComponentConfig(weight=1, source="web")
MIXTURE = MixtureConfig({"head": HEAD, "long": LONG, "rest": REST, "code": 1.0})
SOURCES = ("code", "spare", "web")


def test_each_source_has_its_choices_in_order_up_to_one_that_takes_the_rest():
    found = MIXTURE.components()
    head, long = ("head", HEAD.where), ("long", LONG.where)
    assert choices(found, "web") == (head, long, ("rest", ""))
    assert choices(found, "code") == (long, ("code", ""))
    assert choices(found, "spare") == (long,)
    plain = MixtureConfig({"web": 0.7, "all_code": ComponentConfig(weight=1, source="code")})
    assert conditional(plain.components(), SOURCES) == {"code": (("all_code", ""),)}


def ledger(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema.LEDGER)


def test_a_document_is_of_the_first_part_that_takes_it():
    rows = [
        {"language": "en", "num_words": 500},
        {"language": "en", "num_words": 5},
        {"language": "fr", "num_words": 500},
        {"language": None, "num_words": 5},
    ]
    table = ledger(rows).append_column("bucket", pa.array(["head", "head", "head", "tail"]))
    found = MIXTURE.components()
    names, lost = assign(table, choices(found, "web"))
    assert names.to_pylist() == ["head", "head", "long", "rest"]
    assert lost == {("long", "head"): 1, ("rest", "head"): 2, ("rest", "long"): 1}
    names, lost = assign(table, choices(found, "spare"))
    assert names.to_pylist() == ["long", None, "long", None]
    assert not lost


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"wob": 1.0}, r"mixture\.weights\.wob: no such source; there are code, spare, web"),
        (
            {"a": ComponentConfig(weight=1, source="wob")},
            r"weights\.a\.source=wob: no such source; there are code, spare, web",
        ),
        ({"web": ComponentConfig(weight=1, where="num_words > 1")}, "is named as a source and tak"),
        ({"code": REST}, r"weights\.code is named as a source and takes of web; give it another"),
        ({"a/b": LONG}, r"weights\.a/b: a name must be letters, digits and _ alone"),
        (
            {"web": 1.0, "code": 1.0, "spare": 0.0, "long": LONG},
            r"weights\.long gets no document: the parts before it take all of every source; put",
        ),
        ({"web": 1.0, "head": HEAD}, r"weights\.head gets no document: .*\.web, before it, takes"),
    ],
)
def test_parts_that_cannot_be_are_refused(weights, said):
    with pytest.raises(ConfigError, match=said):
        check_sources(MixtureConfig(weights), SOURCES)


def test_a_condition_that_cannot_be_read_is_refused_with_its_place():
    said = "where: character 1 of .*: 'lang' is no ledger column; did you mean 'language'"
    with pytest.raises(ConfigError, match=said):
        ComponentConfig(weight=1, where="lang = 'en'")


def put(folder: Path, name: str, tables: list[pa.Table], facts: list[dict]) -> Manifest:
    """A finished stage of these tables."""
    place = folder / name
    place.mkdir(parents=True)
    files = []
    for index, (table, fact) in enumerate(zip(tables, facts, strict=True)):
        file = f"u{index}-{index:016x}.parquet"
        pq.write_table(table, place / file)
        sha = f"{name}{index}"
        files.append(OutputFile(file, (place / file).stat().st_size, sha, table.num_rows, fact))
    made = Manifest(str(place), name, "", {}, {}, "", {}, tuple(files), Counts())
    manifests.put(made)
    return made


@pytest.fixture
def tables(tmp_path) -> tuple[Manifest, SourceTables]:
    """Documents of two files, of which decisions dropped every third."""
    kept, ledgers, decisions = [], [], []
    for file in range(2):
        rows = [
            {
                "doc_id": file * 100 + i,
                "language": ["en", "fr"][i % 2],
                "num_words": 300 if i % 5 == 0 else 50,
                "num_bytes": 10 + i,
                "keep": i % 3 > 0,
                "bucket": ["head", "tail"][i % 4 // 2],
                "text": f"text {file} {i}",
            }
            for i in range(12)
        ]
        ledgers.append(ledger(rows))
        decisions.append(pa.Table.from_pylist(rows, schema.DECISION))
        table = pa.Table.from_pylist(rows, schema.KEPT)
        mask = pa.array([row["keep"] for row in rows])
        kept.append(table.filter(mask))
    none: list[dict] = [{}, {}]
    documents = put(tmp_path, "documents", kept, [{"source": "web", "text_bytes": 1}] * 2)
    narrow = (
        put(tmp_path, "ledger/web", ledgers, none),
        put(tmp_path, "decisions/web", decisions, none),
    )
    return documents, SourceTables(documents, *narrow)


def is_french(i: int) -> bool:
    return i % 2 == 1


def is_english(i: int) -> bool:
    return i % 2 == 0


def expected(i: int) -> str | None:
    if i % 2 == 0 and i % 4 // 2 == 0:
        return "head"
    return "long" if i % 5 == 0 else None


def test_documents_are_read_by_the_part_the_stage_names(tables, tmp_path, engine):
    documents, sources = tables
    mixture = MixtureConfig({"head": HEAD, "long": LONG}).components()
    chosen = conditional(mixture, ["web"])
    named = run(stage({"web": sources}, chosen), str(tmp_path), engine).manifest
    require_documents(named, mixture, chosen)
    files = parts(documents, named, chosen)
    assert [part.unit for part in files] == ["u0", "u1"]
    for number, part in enumerate(files):
        wanted: dict[str, list[int]] = {}
        for i in (i for i in range(12) if i % 3 and expected(i)):
            wanted.setdefault(str(expected(i)), []).append(number * 100 + i)
        found = {}
        for name, batch in part_batches(part, ["doc_id", "text"]):
            found[name] = batch.column("doc_id").to_pylist()
            assert batch.column("text").to_pylist() == [
                f"text {number} {i % 100}" for i in found[name]
            ]
        assert found == wanted
        assert part.documents == {name: len(ids) for name, ids in wanted.items()}
        assert part.text_bytes == {n: sum(10 + i % 100 for i in x) for n, x in wanted.items()}
    totals = named.counts.totals
    assert (
        totals["outside the mixture"] == totals["documents"] - totals["of head"] - totals["of long"]
    )


def test_a_part_without_documents_is_told(tables, tmp_path, engine):
    _, sources = tables
    none = ComponentConfig(weight=1, where="language = 'de'")
    mixture = MixtureConfig({"german": none, "head": HEAD}).components()
    chosen = conditional(mixture, ["web"])
    named = run(stage({"web": sources}, chosen), str(tmp_path), engine).manifest
    said = (
        "mixture.weights.german: there is no kept document for \"language = 'de'\"; change its "
        "'where', or set its weight to 0"
    )
    with pytest.raises(DataError, match=f"^{re.escape(said)}$"):
        require_documents(named, mixture, chosen)
    spared = ComponentConfig(weight=0, where="language = 'de'")
    require_documents(named, MixtureConfig({"german": spared, "head": HEAD}).components(), chosen)


def test_a_source_that_conditions_before_it_take_whole_is_told(tables, tmp_path, engine):
    _, sources = tables
    every = ComponentConfig(weight=1, where="num_words > 0")
    mixture = MixtureConfig({"every": every, "web": 1.0, "code": 1.0}).components()
    chosen = conditional(mixture, ["web"])
    named = run(stage({"web": sources}, chosen), str(tmp_path), engine).manifest
    said = (
        "mixture.weights.web: mixture.weights.every (16), before it, takes every kept document of "
        "'web'; change the 'where' of every, or set its weight to 0"
    )
    with pytest.raises(DataError, match=f"^{re.escape(said)}$"):
        require_documents(named, mixture, chosen)
    spared = MixtureConfig({"every": every, "web": 0.0}).components()
    require_documents(named, spared, chosen)


def test_the_parts_that_leave_another_nothing_are_named(tables, tmp_path, engine):
    _, sources = tables
    french = ComponentConfig(weight=1, source="web", where="language = 'fr'")
    english = ComponentConfig(weight=1, where="language = 'en'")
    long = ComponentConfig(weight=1, where="num_words > 100")
    mixture = MixtureConfig(
        {"code": 1.0, "head": HEAD, "french": french, "english": english, "long": long}
    ).components()
    chosen = conditional(mixture, ["code", "web"])
    assert chosen.keys() == {"web"}
    named = run(stage({"web": sources}, chosen), str(tmp_path), engine).manifest
    kept = [i for i in range(12) if i % 3]
    shares = [2 * sum(i % 5 == 0 and test(i) for i in kept) for test in (is_french, is_english)]
    assert all(shares)
    # i = 5 is French; i = 10 is English and in the tail, so not of HEAD.
    said = (
        f"mixture.weights.long: mixture.weights.french ({shares[0]}) and mixture.weights.english "
        f'({shares[1]}), before it, take every kept document for "num_words > 100" beside those '
        "of 'code' (mixture.weights.code), taken whole before it; change the 'where' of french, "
        "put it first, or set its weight to 0"
    )
    with pytest.raises(DataError, match=f"^{re.escape(said)}$"):
        require_documents(named, mixture, chosen)


def test_a_table_of_other_documents_is_named(tables, tmp_path, engine):
    documents, sources = tables
    chosen = conditional(MixtureConfig({"head": HEAD, "long": LONG}).components(), ["web"])
    named = run(stage({"web": sources}, chosen), str(tmp_path), engine).manifest
    part = parts(documents, named, chosen)[0]
    whole = pq.read_table(part.path)
    for rows, place in ((whole.slice(0, 5), "row 5 on, where its"), (whole.slice(1), "row 0 on;")):
        pq.write_table(rows, part.path)
        with pytest.raises(DataError, match=f"u0-0.* and .*components.* documents, from {place}"):
            list(part_batches(part, ["doc_id"]))

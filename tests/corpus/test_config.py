"""Strict loading: what a config may say, and the one line that answers what it may not."""

from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.config import build, config_hash, load, to_tree
from corpus.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    num_bands: int = 9
    threshold: float = 0.5
    kind: Literal["exact", "fixed"] = "exact"


@dataclass(frozen=True)
class Rule:
    column: str
    max: float | None = None
    name: str = ""


@dataclass(frozen=True)
class Outer:
    place: str
    dedup: Inner = field(default_factory=Inner)
    weights: dict[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    limit: int | None = None
    flag: bool = False
    rules: tuple[Rule, ...] = ()


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"place": "x", "dedup": {"num_band": 3}}, "unknown key 'dedup.num_band'; did you mean"),
        ({"place": "x", "dedup": {"num_bands": "nine"}}, "'dedup.num_bands' must be of type int"),
        ({"place": "x", "dedup": {"num_bands": True}}, "'dedup.num_bands' must be of type int"),
        ({"place": "x", "dedup": {"num_bands": 2.0}}, "'dedup.num_bands' must be of type int"),
        ({"place": "x", "dedup": {"kind": "quick"}}, "'dedup.kind' must be one of 'exact'"),
        ({"place": "x", "dedup": 3}, "'dedup' must be a mapping"),
        ({"place": "x", "names": "one"}, "'names' must be a list"),
        ({"place": "x", "weights": {"web": "much"}}, "'weights.web' must be of type float"),
        ({"place": "x", "flag": 1}, "'flag' must be of type bool"),
        ({}, "missing key 'place'"),
    ],
)
def test_wrong_trees_are_told_in_one_line(tree, message):
    with pytest.raises(ConfigError) as error:
        build(Outer, tree)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_base_and_overrides(tmp_path):
    (tmp_path / "base.yaml").write_text("place: a\ndedup: {num_bands: 3, threshold: 3e-4}\n")
    (tmp_path / "child.yaml").write_text("base: base.yaml\nweights: {web: 1}\nlimit: 4\n")
    config = load(Outer, tmp_path / "child.yaml", ["dedup.num_bands=5", "names=[a, b]", "flag=yes"])
    assert config == Outer("a", Inner(5, 3e-4), {"web": 1.0}, ("a", "b"), 4, True)


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ("web code", "long web code", "long web code"),
        ("web code", "code", "web code"),
        ("long web", "web rest", "long web rest"),
        ("a b c", "c x y b z", "a x y b c z"),
        ("a b", "x y", "a b x y"),
    ],
)
def test_the_order_of_keys_that_two_files_give(tmp_path, base, over, merged):
    """Of a mixture's parts the first that takes a document has it."""
    weights = [f"{{{', '.join(f'{name}: 1' for name in names.split())}}}" for names in (base, over)]
    (tmp_path / "base.yaml").write_text(f"place: a\nweights: {weights[0]}\n")
    (tmp_path / "child.yaml").write_text(f"base: base.yaml\nweights: {weights[1]}\n")
    assert " ".join(load(Outer, tmp_path / "child.yaml").weights) == merged


def test_null_takes_a_key_away(tmp_path):
    (tmp_path / "base.yaml").write_text("place: a\nlimit: 3\nweights: {web: 1, code: 2}\n")
    (tmp_path / "child.yaml").write_text("base: base.yaml\nlimit: null\nweights: {code: null}\n")
    assert load(Outer, tmp_path / "child.yaml") == Outer("a", weights={"web": 1.0})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("place: [", "is not YAML"),
        ("- a\n", "must hold a YAML mapping"),
        ("base: a.yaml\n", "base"),
        ("place: x\ndedup:\n  num_bands: 1\n  num_bands: 2\n", "line 4 gives 'num_bands' again"),
        ("place: x\nlimit: 1\nplace: y\n", "a.yaml: line 3 gives 'place' again, after line 1"),
    ],
)
def test_files_that_are_no_config(tmp_path, content, message):
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(ConfigError, match=message):
        load(Outer, tmp_path / "a.yaml")
    with pytest.raises(ConfigError, match="no config file"):
        load(Outer, tmp_path / "none.yaml")


def test_an_empty_group_over_one_with_keys_is_refused(tmp_path):
    (tmp_path / "base.yaml").write_text("place: a\nweights: {web: 1, code: 2}\n")
    (tmp_path / "child.yaml").write_text("base: base.yaml\nweights: {}\n")
    with pytest.raises(ConfigError, match=r"child.yaml: 'weights: \{\}' would leave .* web, code"):
        load(Outer, tmp_path / "child.yaml")
    assert load(Outer, tmp_path / "base.yaml", ["weights={}"]) == Outer("a")


RULES = "place: x\nrules: [{column: size, max: 1}, {column: size, name: big}, {column: words}]\n"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("rules.0.max=7", (Rule("size", 7.0), Rule("size", None, "big"), Rule("words"))),
        ("rules.big.max=7", (Rule("size", 1.0), Rule("size", 7.0, "big"), Rule("words"))),
        ("rules.words.max=7", (Rule("size", 1.0), Rule("size", None, "big"), Rule("words", 7.0))),
        ("rules.2={column: age}", (Rule("size", 1.0), Rule("size", None, "big"), Rule("age"))),
        ("rules=[]", ()),
    ],
)
def test_one_entry_of_a_list_is_overridden(tmp_path, override, expected):
    (tmp_path / "a.yaml").write_text(RULES)
    assert load(Outer, tmp_path / "a.yaml", [override]).rules == expected


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rules.3.max=7", "no entry 3 in a list of 3, where the first is 0"),
        ("rules.-1.max=7", r"no entry '-1' in the list \(size, big, words\)"),
        ("rules.sizes.max=7", r"no entry 'sizes' in the list \(size, big, words\)"),
        ("rules.big.maxi=7", r"unknown key 'rules\[1\].maxi'; did you mean 'max'"),
        ("place={a: 1, a: 2}", "--set place=.*: line 1 gives 'a' again"),
    ],
)
def test_entries_and_keys_that_cannot_be_overridden(tmp_path, override, message):
    (tmp_path / "a.yaml").write_text(RULES)
    with pytest.raises(ConfigError, match=message):
        load(Outer, tmp_path / "a.yaml", [override])
    twins = RULES.replace("words", "size")
    (tmp_path / "a.yaml").write_text(twins)
    with pytest.raises(ConfigError, match="entries 0 and 2 of the list are named 'size'"):
        load(Outer, tmp_path / "a.yaml", ["rules.size.max=1"])


@pytest.mark.parametrize("override", ["dedup", "=3", "place.x=3", "names=[a"])
def test_overrides_that_cannot_be_used(tmp_path, override):
    (tmp_path / "a.yaml").write_text("place: x\n")
    with pytest.raises(ConfigError, match="--set"):
        load(Outer, tmp_path / "a.yaml", [override])


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_a_config_reads_back_as_it_was_written(bands, threshold, place):
    config = Outer(place, Inner(bands, threshold), {"web": threshold}, (place,), bands)
    assert build(Outer, to_tree(config)) == config
    assert config_hash(config) == config_hash(build(Outer, to_tree(config)))

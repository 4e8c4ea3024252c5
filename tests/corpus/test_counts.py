"""Counts of records and of what is none, merged and written."""

from corpus.counts import Counts


def counted() -> Counts:
    counts = Counts()
    counts.skip("damaged", "a#1")
    counts.note("damaged", "a")
    counts.note("cut", "b")
    return counts


def test_what_is_no_record_is_counted_and_named_but_told_apart():
    counts = counted()
    assert counts.skipped == {"damaged": 2, "cut": 1}
    assert counts.skipped_records == {"damaged": 1}
    assert counts.examples == {"damaged": ["a#1", "a"], "cut": ["b"]}
    counts.merge(counted())
    assert counts.skipped_records == {"damaged": 2}


def test_a_tree_holds_all_and_one_of_an_earlier_version_is_read():
    tree = counted().to_tree()
    assert Counts.from_tree(tree) == counted()
    del tree["notes"]
    assert Counts.from_tree(tree).skipped_records == {"damaged": 2, "cut": 1}

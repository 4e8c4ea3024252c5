"""CCNet's published cutoff table: perplexity percentiles of 48 languages, of its 2019 crawl.

A CSV with a column a language and a row a percentile, 0 to 99; the first column is the percentile.
"""

import csv

from corpus import storage
from corpus.errors import ConfigError, DataError


def read_cutoff_table(location: str, head: int, middle: int) -> dict[str, tuple[float, float]]:
    """The perplexities at percentiles `head` and `middle` of every language of a table.

    CCNet's own are 30 and 60. DataError where the file is no such table, ConfigError where it
    lacks the percentile asked for.
    """
    languages, rows = read_percentiles(location)
    if not languages:
        raise DataError(f"{location} has no language; give a table that has, as CCNet's cutoff.csv")
    for name, percentile in (("head", head), ("middle", middle)):
        if percentile not in rows:
            raise ConfigError(
                f"{name}={percentile} is no row of {location}; choose one of {min(rows, default=0)}"
                f" to {max(rows, default=0)}"
            )
    if not len(languages) == len(rows[head]) == len(rows[middle]):
        raise DataError(
            f"{location}: {len(languages)} languages in its head, {len(rows[head])} and "
            f"{len(rows[middle])} values in rows {head} and {middle}; get the file again"
        )
    return dict(zip(languages, zip(rows[head], rows[middle], strict=True), strict=True))


def read_percentiles(location: str) -> tuple[list[str], dict[int, list[float]]]:
    """The languages of a table, and the perplexities of each of its percentiles in their order."""
    try:
        content = storage.read_bytes(location).decode("utf-8")
        header, *body = [row for row in csv.reader(content.splitlines()) if row]
        return header[1:], {int(row[0]): [float(cell) for cell in row[1:]] for row in body}
    except (ValueError, IndexError, OSError, csv.Error) as error:
        raise DataError(
            f"{location} is no cutoff table ({error}); it needs a column a language and a row a "
            "percentile, as CCNet's cutoff.csv"
        ) from None

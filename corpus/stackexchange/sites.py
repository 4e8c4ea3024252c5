"""Stack Exchange's sites by name, as the files of their dumps have it."""

import re
from collections.abc import Sequence

from corpus.config import nearest
from corpus.errors import ConfigError
from corpus.formats.streams import Checked
from corpus.storage import InputFile, ends_with, open_input

# The paper takes "the 28 largest websites" and names none: by their number of questions in 2023.
LARGEST_28 = (
    "stackoverflow.com",
    "math.stackexchange.com",
    "superuser.com",
    "ru.stackoverflow.com",
    "askubuntu.com",
    "serverfault.com",
    "tex.stackexchange.com",
    "unix.stackexchange.com",
    "physics.stackexchange.com",
    "stats.stackexchange.com",
    "es.stackoverflow.com",
    "electronics.stackexchange.com",
    "pt.stackoverflow.com",
    "gis.stackexchange.com",
    "mathoverflow.net",
    "english.stackexchange.com",
    "apple.stackexchange.com",
    "salesforce.stackexchange.com",
    "wordpress.stackexchange.com",
    "magento.stackexchange.com",
    "blender.stackexchange.com",
    "dba.stackexchange.com",
    "sharepoint.stackexchange.com",
    "ell.stackexchange.com",
    "gaming.stackexchange.com",
    "drupal.stackexchange.com",
    "codereview.stackexchange.com",
    "diy.stackexchange.com",
)
_TAR = re.compile(r"\.tar(?:\.\w+)?$", re.I)
_POSTS = re.compile(r"Posts\.xml|(?:Posts)?\.7z$|Posts$", re.I)
PRESETS = {"largest_28": LARGEST_28}


def site_of(name: str) -> str:
    """The site that a file is of, by its path: its folder, or an archive's or dump's own name.

    `beer.stackexchange.com/Posts.xml`, `beer.stackexchange.com.7z`, `stackoverflow.com-Posts.7z`.
    """
    folder, base = (["unknown"] + [part for part in name.split("/") if part not in ("", ".")])[-2:]
    own = _POSTS.split(base)[0].rstrip("-_.")
    return own or _TAR.sub("", folder)


def chosen(sites: tuple[str, ...]) -> frozenset[str] | None:
    """The sites a config names, presets among them; None for all."""
    if not sites:
        return None
    return frozenset(site for name in sites for site in PRESETS.get(name, (name,)))


def require_sites(files: Sequence[InputFile], sites: tuple[str, ...]) -> None:
    """ConfigError for a site named that no file is of: a typo would be seen when all is read.

    Sites of a preset may be missing. What a tar holds is not known before it is read.
    """
    named = [site for site in sites if site not in PRESETS]
    if not named or any(_TAR.search(file.name) for file in files):
        return
    known = {site_of(file.name) for file in files}
    if not known.issuperset(named):
        known |= {site_of(place) for file in files for place in _places_in_7z(file)}
    for site in named:
        if site not in known:
            said = nearest(site, {*known, *PRESETS}) or f"; it has {', '.join(sorted(known)[:9])}"
            raise ConfigError(f"sites: the input has no '{site}'{said}")


def _places_in_7z(file: InputFile) -> list[str]:
    if not ends_with(file.name, (".7z",)):
        return []
    from corpus.stackexchange import archives  # slow to import

    with open_input(file.uri) as stream:
        members = archives.members(Checked(stream, file.uri), "Posts.xml") or []
    return [f"{file.name}/{member}" for member in members]

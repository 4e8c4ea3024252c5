"""How much a reading of bytes looks like text: by letters, their case, and common characters."""

import re

WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŒ")
LATIN_END = "\u036f"  # and of the accents that follow a letter
_RUNS = re.compile(r"[^\W\d_]+")
_SIGNS = frozenset("“”‘’„«»—–…£°§©½¼¾¿¡·ºª†‡•\xa0")
_COMMON_CYRILLIC = frozenset("оеаинтсрвлі")  # over 60 % of the letters of Slavic texts
_COMMON_CHINESE = frozenset(
    "的一是不了人在有我他這这中大來来上國国個个到說说們们為为子和你地出道也時时年得就那要下以生會会自著着去之過过"
    "家學学對对可里裡後后小麼么心多天而能好都然沒没日於于起還还發发成事只作當当想看文無无開开手十用主行方又如前所本"
    "見见經经頭头面公同三已老從从動动兩两長长曰者其何矣乎與与此故若"
)


def alphabetic(text: str, letters: frozenset[str]) -> int:
    """How much a text with these letters beyond ASCII looks like one, by each such character.

    Letters count where the case of their word agrees, signs of print anywhere, all else against it
    but the script's own marks, such as the vowels of Hebrew.
    """
    score = 0
    for char in text:
        if char > "\x7f" and not char.isalpha():
            score += 1 if char in _SIGNS else 0 if char in letters else -1
    for word in _RUNS.findall(text):
        if not word.isascii():
            high = [char for char in word if char > "\x7f"]
            scripts = max(word) > LATIN_END and len(high) < len(word)
            fits = _is_cased(word) and not scripts
            score += sum(2 if fits and char in letters else -2 for char in high)
    return score


def cyrillic(text: str) -> int:
    """Above 0 where common letters are over 60 % of those of a Slavic text.

    Greek and Hebrew bytes give Cyrillic words as well, but not of these letters.
    """
    score = -3 * sum(char > "\x7f" and not char.isalpha() and char not in _SIGNS for char in text)
    for word in _RUNS.findall(text):
        if not word.isascii():
            common = sum(char in _COMMON_CYRILLIC for char in word.lower())
            score += 5 * common * _is_cased(word) - 3 * len(word)
    return score


def chinese(text: str) -> int:
    """Above 0 where over an eighth of the characters are common; in a wrong reading few are."""
    characters = [char for char in text if char > "\u02ff"]
    return 8 * sum(char in _COMMON_CHINESE for char in characters) - len(characters)


def japanese(text: str) -> int:
    """Above 0 where over a fifth of the characters are kana of full width."""
    characters = [char for char in text if char > "\u02ff"]
    return 5 * sum("\u3041" <= char <= "\u30fa" for char in characters) - len(characters)


def korean(text: str) -> int:
    """Above 0 where over a half of the characters are Hangul."""
    characters = [char for char in text if char > "\u02ff"]
    return 2 * sum("\uac00" <= char <= "\ud7a3" for char in characters) - len(characters)


def _is_cased(word: str) -> bool:
    """Whether a word's case is that of one word; scripts without case have that of any."""
    return word.islower() or word.isupper() or word.istitle() or word.lower() == word.upper()

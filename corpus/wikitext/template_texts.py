"""The templates whose arguments are text of the page, by what they show of them.

Four hundred names stand for most of the words that would be lost if all templates were dropped:
foreign words, quotations, units, red links, dashes. All others, such as infoboxes, notes and
navigation, show no running text, but for lists in columns, whatever their names. No other rule by
form would do: of the other templates with one text for an argument, in the middle of a line, nearly
all are notes, flags and pronunciations.
"""

import re
from collections.abc import Callable

from corpus.wikitext import template_numbers as numbers
from corpus.wikitext import template_rules as rules
from corpus.wikitext.template_rules import Rule

_FUNCTIONS: dict[str, Callable[[str], str]] = {
    "formatnum": str,
    "lc": str.lower,
    "uc": str.upper,
    "lcfirst": str,
    "ucfirst": str,
}
_LANGUAGES = ("lang-", "link-", "јез-", "језик-", "jez-", "jezik-", "لغة-")
_FRENCH_CENTURY = re.compile(r"-?([ivxl]{1,6})(er|e) siècle( av\. j\.-c\.)?")
_GERMAN_LANGUAGE = re.compile(r"[A-Za-z][a-z]{1,2}S")  # {{enS|word}}
_ITSELF = re.compile(
    r"(?:\d{1,3}|[IVX]{2,7})(?:er|re|e|ère|nd|nde)s?(?: [^|]{1,40})?"  # {{3e}}, {{IIe Empire}}
    r"|[^\W\d_][\w. -]{0,10}\.|M(?:mes?|lles?|gr)"  # {{etc.}}, {{К.}}
)


def text_of(name: str, title: str) -> Rule | str | None:
    """What a template shows: a text, a rule for its arguments, or None for nothing."""
    written = name.replace("_", " ")
    name = written.lower()
    if (text := _TEXTS.get(name)) is not None:
        return text
    if (rule := _RULES.get(name)) is not None:
        return rule
    if name in ("pagename", "fullpagename", "subjectpagename"):
        return title
    function, colon, _ = name.partition(":")
    if colon:
        shown = _FUNCTIONS.get(function)
        return shown(written[len(function) + 1 :].strip()) if shown else None
    if name.startswith(_LANGUAGES) or _GERMAN_LANGUAGE.fullmatch(written):
        return rules.first
    if century := _FRENCH_CENTURY.fullmatch(name):
        era = " av. J.-C." if century[3] or name[0] == "-" else ""
        return f"{century[1].upper()}{century[2]} siècle{era}"
    return rules.itself(written) if _ITSELF.fullmatch(written) else None


_NAMES: dict[Rule, str] = {
    rules.first: """nowrap nobreak nowrapit nw small smaller big larger center centre em
        strong smallcaps sc var mvar math abbr abr abbrlink tooltip comment explain hint sub num
        nts formatnum number число nomobile ta currency latin grec incise fakt senza_fonte
        chiarire référence_insuffisante référence_nécessaire refnec citation_nécessaire
        référence_souhaitée à_sourcer passage_à_actualiser pas_clair quoi qui quand évasif
        pertinence_détail interprétation_personnelle citation_needed_span clarify_span нет_аи_2
        fact2 cn 要出典範囲 nospam script unicode transl-ar ipac lang3 仮リンク iast noitalic nobold
        italic bold underline strike highlight tt code kbd samp key mono visible_anchor vanchor
        zh-hans zh-hant flag flagu flagcountry флагификация bandera2 polytonic polytonisch chem2
        nihongo_foot proper_name not_a_typo typo as_written link-interwiki ilc fmtn szám
        terme terme_défini small_caps petites_capitales petit grand kapitälchen maiuscoletto
        versaleta malé крупно мелко aut passo_biblico by ruby ルビ 補助漢字フォント jis2004フォント
        拡張漢字 僻字 ind indice нобр sic flagathlete flagmedalist""",
    rules.second: """lang langx langi lng cizojazyčně språk sprog jezik język língua langue jazyk
        cjazyk язык text-lang en_langue citation_étrangère vjazyce2 wikt-lang јез wt""",
    rules.label: "url",
    rules.third: "ill-wd",
    rules.third_or_first: "le tsl translink",
    rules.last: """transl transliteration translit color colour colored font_color fontcolor
        farbe font""",
    rules.spaced: """nobr date date- nombre nb tmp sortname dts unidad unidade unitat
        date_de_naissance date_de_décès date_naissance date_mort bibleverse bibleref2""",
    rules.joined: "linktext gaps chem keypress",
    numbers.french_unit: "unité",
    numbers.span: "dash_year",
    numbers.raised: "sup exp",
    numbers.power_of_ten: "e",
    rules.page_name: "souverain souverain2 souverain3 souverain-",
    numbers.as_of: "as_of",
    rules.small_capitals: "versalita versal",
    numbers.spanish_century: "siglo",
    rules.chapter_and_verse: "bibel",
    numbers.life: "bd",
    rules.reading: "読み仮名",
    rules.any_script: "zh lang-zh zh-full korean ko-hhrm lang-ko",
    rules.accidental: "music",
    numbers.quantity: "m",
    numbers.value: "val",
    numbers.hour: "heure",
    numbers.temperature: "température",
    numbers.english_date: """birth_date birth_date_and_age birth-date birth-date_and_age bda dob
        death_date death_date_and_age death-date death-date_and_age start_date start_date_and_age
        end_date""",
    numbers.century_before_christ: "-s -s- -sp -sp- -s2 -s2-",
    rules.text_or_space: "esd",
    rules.list_of_lines: "plainlist flatlist flat_list columns-list colonnes",
    rules.lines: "ubl unbulleted_list ublist",
    rules.in_a_row: "hlist",
    rules.any_ship: "ship",
    rules.ship_class: "sclass sclass2",
    rules.french_twin: "jumelage",
    rules.italian_twin: "gemellaggio",
    rules.czech_twin: "partnerské_město",
    numbers.day: "дн дн2 дс дс2 oldstyledate",
    rules.in_quotes: '"',
    rules.in_guillemets: "citation guil",
    numbers.height: "höhe",
    numbers.measure: "convert cvt conv ct",
    numbers.fraction: "frac sfrac fraction дробь",
    rules.red_link: "ill interlanguage_link illm red_link lien redlink",
    rules.red_link_text: """нп нп2 нп3 нп4 нп5 не_перекладено не_переведено не_переведено_2
        не_переведено_3 не_переведено_5 iw iw2""",
    rules.quotation: """quote cquote blockquote quotation bquote poemquote verse quote_box quotebox
        rquote цитата цитат zitat citation_bloc cita cita_destacada citazione citat cytat citação
        citát idézet citaat""",
    rules.with_original: "nihongo nihongo2 nihongo3 nihongo4 japonais",
    numbers.century: "s- sp sp- s2 s2-",
    numbers.century_or_text: "s",
}
_ARABIC = """ألمانية إنجليزية فرنسية إيطالية إسبانية لاتينية يونانية إغريقية تركية روسية فارسية
    عبرية صينية يابانية كورية هولندية برتغالية بولندية سويدية سريانية أرمنية كردية أمازيغية"""
_SHIPS = "HMS USS RMS SS MV HMAS HMCS HMNZS USCGC USNS"
_PREFIXES = {
    "circa": "c. ", "c.": "c. ", "floruit": "fl. ", "fl.": "fl. ", "born": "born ", "née": "née ",
    "nee": "née ", "né": "né ", "us$": "US$", "usd": "US$", "a$": "A$", "aud": "A$", "c$": "C$",
    "cad": "C$", "gbp": "£", "£": "£", "€": "€", "euro": "€", "eur": "€", "¥": "¥", "jpy": "¥",
    "cny": "¥", "₹": "₹", "inr": "₹", "segle": "segle ", "séc": "século ", "século": "século ",
}  # fmt: skip
_RULES: dict[str, Rule] = {
    **{name.replace("_", " "): rule for rule, names in _NAMES.items() for name in names.split()},
    **{name: rules.in_arabic(name) for name in _ARABIC.split()},
    **{prefix.lower(): rules.ship(prefix) for prefix in _SHIPS.split()},
    **{name: rules.before(text) for name, text in _PREFIXES.items()},
}
_TEXTS = {
    "!": "|",
    "=": "=",
    "(!": "{|",
    "!)": "|}",
    "'": "'",
    "'s": "'s",
    "nbsp": " ",
    "spaces": " ",
    "thinsp": " ",
    "hair space": " ",
    "snd": " – ",
    "spnd": " – ",
    "spaced ndash": " – ",
    "spaced en dash": " – ",
    "ndash": "–",
    "en dash": "–",
    "endash": "–",
    "тире": " — ",
    "—": " — ",
    "pomlčka": "–",
    "mdash": "—",
    "em dash": "—",
    "emdash": "—",
    "dash": " – ",
    "•": " • ",
    "bull": " • ",
    "·": " · ",
    "middot": " · ",
    "dot": " · ",
    "×": "×",
    "er": "er",
    "ier": "er",
    ",": ",",
    "re": "re",
    "ère": "ère",
    "n°": "nº",
    "dagger": "†",
    "градус цельсія": "°C",
    "°": "°",
    "°c": "°C",
    "pi": "π",
    "±": "±",
    "pm": "±",
    "minus": "−",
    "hyphen": "-",
    "times": "×",
    "ellipsis": "…",
    "prime": "′",
    "flat": "♭",
    "sharp": "♯",
    "natural": "♮",
    "нар": "нар.",
    "н": "нар.",
    "пом": "пом.",
    "zwj": "",
    "0": "",
}

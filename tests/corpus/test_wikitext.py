"""Wikitext to plain text: a worked example for each rule, and any text at all."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.wikitext.clean import clean
from corpus.wikitext.names import hidden_links

LEFT = ("[[", "]]", "{{", "}}", "'''", "<ref", "|}", "{|")

EXAMPLES = {
    # links
    "[[Lake|the lake]]s of [[Ohrid]]": "the lakes of Ohrid",
    "a [[:Category:Lakes]] b [[:File:X.jpg|picture]]": "a Category:Lakes b picture",
    "[[File:X.jpg|thumb|A [[lake]] and [http://a.org ''its'' shore]]]Text": "Text",
    "Text [[Datei:X.jpg|mini]] [[kategorie: Seen]][[Категорія:Озера]]": "Text",
    "Text\n[[de:See]]\n[[zh-min-nan:O]][[Be-tarask:Я|b]]": "Text",
    "See [[rfc:2616|RFC 2616]] and [[doi:10.1/x|a paper]].": "See RFC 2616 and a paper.",
    "The [[voy:Oslo|guide]], [[mw:Help|help]], [[re:zero|show]]": "The guide, help, show",
    "[[Mercury (planet)|]] and [[w:Help|]]": "Mercury and Help",
    "[[a (b) c|]], [[a (b|]], [[a b)|]], [[a (b) (c)|]], [[a (b))|]]": (
        "a (b) c, a (b, a b), a (b), a (b))"
    ),
    "[[a|b [c] d]]": "b [c] d",
    "[http://a.org The site], [http://b.org] and http://c.org": "The site, and http://c.org",
    "[http://a.org see [[Ohrid|it]] now]": "see it now",
    "[[never closed and ]] so on": "never closed and so on",
    "[[never closed\n\nNext": "never closed\nNext",
    "a [[never|closed\n\n[[never|''closed''] too": "a closed\nclosed] too",
    "[[File:a.jpg|thumb|never [[closed]]\nSecond.\n\n[[File:b.jpg\nThird.": "Second.\nThird.",
    "* [http://a.org Anna [b. m.]: x, [2000]], [http://a.org b [//c.org d] e]": (
        "- Anna [b. m.]: x, [2000], b d e"
    ),
    # bold and italics
    "'''Bold''', ''italic'' and '''''both'''''": "Bold, italic and both",
    "l'''eau'' froide": "l'eau froide",
    "mot''' d'''eau'' froide'''": "mot d'eau froide",
    "L'''''Iliade''''' d''''Homère'''": "LIliade d'Homère",
    "the '90s and rock 'n' roll": "the '90s and rock 'n' roll",
    # templates
    "a{{cite|x={{nested|[[y|z]]}}}} b": "a b",
    "{{lang|de|See}}, {{lang-fr|lac}}, {{convert|5|to|8|km|mi}}": "See, lac, 5 to 8 km",
    "{{langx|el|λίμνη}} {{nowrap|a [[b|c]] {{nobr|1=d=e}}}}": "λίμνη a c d=e",
    "{{nihongo|Lake|湖|mizuumi}} {{ill|Name|de|lt=Shown}}": "Lake (湖, mizuumi) Shown",
    "XX{{e}} et {{XIXe siècle}}, {{s-|XVIII|e}}": "XXe et XIXe siècle, XVIIIe siècle",
    "Said: {{quote|text=Go ''on''|author=N.}}": "Said:\nGo on",
    "{{{parameter|default}}} {{{none}}}": "default",
    "{{#if:x|yes|no}}{{formatnum:1000}} {{PAGENAME}}": "1000 Title",
    "a {{unclosed|b": "a b",
    "A {{unclosed [[link]] here. Second.\n\nNext": "A unclosed link here. Second.\nNext",
    "A\n{{Infobox person\n | name = X\n| b = c\n}\n'''X''' is.\n\nNext.": "A\nX is.\nNext.",
    "a }} b": "a b",
    # what is taken out leaves no punctuation alone
    "Lake ({{IPA|x}}; {{lang|sq|liqen}}) is": "Lake (liqen) is",
    "Lake ({{IPA|x}}, {{coord|1|2}}) is {{dubious}}, so.": "Lake is, so.",
    "Lake (deep, {{IPA|x}}) is.{{sfn|A}}": "Lake (deep) is.",
    "湖（{{IPA|x}}）は、{{要出典}}、深い": "湖は、深い",
    "said {{IPA|x}},<ref>a</ref> meaning <ref>b</ref>, it": "said, meaning, it",
    "the following:{{columns}}": "the following:",
    "* {{flagicon|x}}:\n* {{flagicon|y}} ({{dubious}})": "",
    "f() and ( )": "f() and ( )",
    # tags
    "a<ref>b</ref>c<ref name=x/>d<ref name='y' >{{cite}}</ref >e": "acde",
    "a<ref>never closed": "a never closed",
    "a<!-- b -->c\n<!-- alone -->\nd <!-- never closed": "ac d",
    "one<br>two<br />three": "one\ntwo\nthree",
    "10<sup>6</sup> m<sup>2</sup>, 2<sup>nd</sup>, H<sub>2</sub>O": "10⁶ m², 2nd, H2O",
    "<span style='x'>a</span> <div class=y>b</div> x < y > z <abc>": "a\nb\nx < y > z <abc>",
    "<math>\\frac{{a}}{b}</math> is <nowiki>[[not a link]] &amp;</nowiki>": (
        "$\\frac{{a}}{b}$ is [[not a link]] &"
    ),
    "Code:<syntaxhighlight lang=c>\nif (a[[0]]) {\n    b();\n}\n</syntaxhighlight>end": (
        "Code:\nif (a[[0]]) {\n    b();\n}\nend"
    ),
    "<gallery>\nX.jpg|caption\n</gallery>a<timeline>b</timeline>": "a",
    "<poem>\nOne ''line''\n: and another\n</poem>": "One line\nand another",
    # characters
    "a&nbsp;b &lt;ref&gt; &#91;x&#x5D; &amp;amp; AT&T &unknown;": (
        "a b <ref> [x] &amp; AT&T &unknown;"
    ),
    "__NOTOC__a__БЕЗ_ЗМІСТУ__ b __init__": "a b __init__",
    "-{zh-hans:软件;zh-hant:軟體}- -{ok}- -{H|zh:a}-x": "软件 ok x",
    # lines
    "== Head ==\none\ntwo\n\nthree\n----\nfour": "Head\none two\nthree\nfour",
    "一行\n二行": "一行二行",
    "a\n== Empty ==\n{{reflist}}\n=== Below ===\n== Full ==\n=== Sub ===\nb": "a\nFull\nSub\nb",
    "a\n== Gone ==\n<div><gallery>\nX.jpg|c\n</gallery></div>\n== Blank ==\n<br>&nbsp;\n": "a",
    "== A<br>B ==\n* {{flagge}}<br>c": "A\nB\n- c",
    "* one\n** two\n# three\n: four\n; five\n*\n* {{flagge}}": "- one\n- two\n- three\nfour\nfive",
    "a\n{| class=x\n! b !! c\n|-\n| d || {| \n| e\n|}\n|}\nf": "a\nf",
    "a\n{|\n| cells of a table that is never closed\n\nText": "a\nText",
    "a\n<table><tr><td>x<table></table></td></tr></table>\nb": "a\nb",
    "{{table begin}}\n|-\n! a !! b\n| c\n|}\ntext": "text",
}


# template, what it shows
TEMPLATES = {
    "{{linktext|三|星}}": "三星",
    "{{flagu|Albania}}": "Albania",
    "born {{née|''Kasner''}}": "born née Kasner",
    "2009{{endash}}2014": "2009–2014",
    "{{as of|2021|3}}; {{as of|2011|08|19|lc=y}}; {{As of|2020|alt=by 2020}}":
        "As of March 2021; as of 19 August 2011; by 2020",
    "{{Nihongo4|''Ranma''|らんま}}": "Ranma (らんま)",
    "{{zh|labels=no |c=民航 |l=Civil}}, {{korean|hangul=삼성|rr=Samseong}}": "民航, 삼성",
    "10{{sup|6}}, 6{{e|23}}, 1{{er}}": "10⁶, 6×10²³, 1er",
    "{{unité|144.2|km|2}}, {{unité|5|km||h|-1}}, {{unité|5 km}}": "144.2 km², 5 km h⁻¹, 5 km",
    "{{s|XIX|e}}, {{XIIe siècle}}, {{-Ier siècle}}, {{s|un mot}}":
        "XIXe siècle, XIIe siècle, Ier siècle av. J.-C., un mot",
    "{{1re}} éd., {{84e|[[a|congrès]]}}, {{IIIe République}}, {{Mme}} Curie":
        "1re éd., 84e congrès, IIIe République, Mme Curie",
    "{{en langue|de|Österreich}}": "Österreich",
    "et son fils {{souverain2|Joseph II (empereur)}}.": "et son fils Joseph II.",
    "Il a dit {{citation|oui}} et {{citation nécessaire|est parti}}.":
        "Il a dit « oui » et est parti.",
    "el {{siglo|XIX||s}}, {{siglo|V|a|S}}, {{versalita|xx}}": "el siglo XIX, Siglo V a. C., XX",
    "im {{enS|lake}}; {{Bibel|Mt|5|3}}": "im lake; Mt 5,3",
    "{{К.}}&nbsp;: Дніпро, 1991; ({{нар}} 1854) {{etc.}}": "К. : Дніпро, 1991; (нар. 1854) etc.",
    "نهر {{ألمانية|Spree}} يخترق": "نهر (بالألمانية: Spree) يخترق",
    "老舍{{bd|1899年|2月3日|1966年|8月24日}}": "老舍（1899年2月3日－1966年8月24日）",
    "{{読み仮名|夏目|なつめ}}と{{ルビ|漱石|そうせき}}": "夏目（なつめ）と漱石",
    "B{{music|flat}} {{uc:abc}} {{lc:A{{e}}C}} {{formatnum:5}}": "B♭ ABC aec 5",
    "* {{url|http://a.org|FIBPlus}} — it ({{url|http://a.org|www.a.org}})": "- FIBPlus — it",
    "{{convert|5|ft|6|in|m}}, {{cvt|10|mi|0}}, {{convert|4.5e6|km2}}, {{cvt|3|to|5|m/s2|x}}":
        "5 ft 6 in, 10 mi, 4500000 km², 3 to 5 m/s²",
    "{{val|5.2|e=3|u=kg}}, {{val|5.2|0.1|e=-3|u=kg|up=m3}}, {{val|5|+1|-2}}, {{val|e=5|u=J}}":
        "5.2×10³ kg, (5.2±0.1)×10⁻³ kg/m³, 5 +1 -2, 10⁵ J",
    "{{val|7|to|9|ul=cm}}, {{val|p=~|5|s=%}}": "7 to 9 cm, ~5%",
    "{{s|XIII}}, {{s-|I|er}}, {{s2|XII|e|XIII|e}}, {{sp|XVI|e|au|XVII|e}}, {{-sp-|V|e|au|IV|e|s}}":
        "XIIIe siècle, Ier siècle, XIIe et XIIIe siècles, XVIe au XVIIe siècle, "
        "Ve au IVe siècles av. J.-C.",
    "{{nobr|4,4|millions}} à {{heure|4|30}}, {{heure|1}} ou {{température|20}}":
        "4,4 millions à 4 h 30, 1 h ou 20 °C",
    "{{HMS|Victory|1765}}, {{USS|Enterprise|CV-6|6}}, {{ship||Titanic}}, {{sclass|Nimitz|carrier}}":
        "HMS Victory, Enterprise, Titanic, Nimitz-class carrier",
    "(born {{birth date and age|1960|2|03}}; {{death date|2000|2|3|df=y}}) {{start date|1960|5}}":
        "(born February 3, 1960; 3 February 2000) May 1960",
    "{{birth-date|May 1960}} {{font color|red|text}} 45{{esd}}km {{esd|a b}}":
        "May 1960 text 45 km a b",
    "A: {{plainlist|\n* a\n* b\n}} {{ubl|c|d}} {{hlist|e|f}}\n\n{{columns-list|3|\n* g\n}}":
        "A:\n- a\n- b\nc\nd\ne · f\n- g",
    "* {{Jumelage|Los Angeles|États-Unis|année=1967}}\n* {{Gemellaggio|Italia|Trento|1966}}\n"
    "* {{partnerské město|Brusel|rok=1992}}":
        "- Los Angeles (États-Unis) depuis 1967\n- Trento, dal 1966\n- Brusel (1992)",
    "{{Дві колонки|\n* [[a|b]]\n* {{lang|de|c}}\n}}\n{{Navbox|list1=\n* d\n}}": "- b\n- c",
    "{{s-|}}{{-s|}}{{sp-|s}}{{convert}}{{val}}{{dob}}{{HMS}}{{sclass}}{{ship}}{{ubl|}}": "",
    # what they do not show
    "a{{anchor|here}} b{{sfn|Ann|1999}}{{efn|a note}}{{rp|30}}": "a b",
    "== A ==\n{{...}}\n": "",
    "Berlin (en allemand : {{MSAPI|x}}<ref>r</ref>) est": "Berlin (en allemand) est",
    "Berlino (AFI: {{IPA|x}}; in tedesco: B, {{IPA|y}}) è": "Berlino (AFI; in tedesco: B) è",
    "the sign \"{{x}}\" and «{{x}}» means": "the sign and means",
    "* Петренко П. Ярослав // {{ЕСУ}}": "- Петренко П. Ярослав",
}  # fmt: skip


@pytest.mark.parametrize("wikitext", TEMPLATES)
def test_what_templates_show(wikitext):
    assert clean(wikitext) == TEMPLATES[wikitext]


@pytest.mark.parametrize(
    ("wikitext", "names"),
    [
        ("Žije zde {{Počet obyvatel}} obyvatel.", ["Počet obyvatel"]),
        ("登録人口は{{Population|x}}[[人]]を数え", ["Population"]),
        ("mit rund {{Zahl|{{Einwohner|DE}}}}&nbsp;Millionen", ["Zahl"]),
        ("hat {{#expr: {{a|b}} / 2}} Einwohner", ["#expr"]),
        ("およそ{{formatnum:{{#expr:{{a|b}}/1000}}}}万人", ["formatnum"]),
        ("a note{{efn|x}} and {{nowrap|one}} word {{sfn|A}} more {{flagicon|x}} here", []),
        ("(Gorm {{IPA|x}} lake) {{Infobox|x}}\n{{Navbox}}\nThe {{x}}. Of {{y}}", []),
        ("[[File:a.jpg|In {{x}} years]]\n| in {{x}} years\n{{a|b in {{x}} years}}", []),
    ],
)
def test_templates_that_a_sentence_lacks_are_named(wikitext, names):
    gaps = []
    clean(wikitext, gaps=gaps)
    assert gaps == names


@pytest.mark.parametrize("wikitext", EXAMPLES)
def test_examples(wikitext):
    assert clean(wikitext, "Title") == EXAMPLES[wikitext]


def test_a_wiki_has_names_of_its_own():
    assert clean("a [[Plikoj:X.jpg|y]]", "", hidden_links({6: "Plikoj"})) == "a"
    assert clean("a [[Plikoj:X.jpg|y]]") == "a y"
    title = "[[Imagine: John Lennon]]"  # a file in a wiki in Romanian, else a film
    assert clean(title) == title.strip("[]")
    assert clean(title, "", hidden_links({}, "ro")) == ""


PIECES = """[[ ]] {{ }} {{{ }}} { } | {| |} |- ! = == '' ''' ''''' <ref> </ref> <nowiki>
    </nowiki> <!-- --> <table> </table> <br> <poem> </poem> <math> </math> File: : * # ; -{ }-
    [http://a ] lang quote convert s- _ __A__ ( ) , . &amp; &lt; 一"""
MARKUP = st.lists(
    st.sampled_from([*PIECES.split(), "\n", " ", "word", "\x000\x00", "\x01", "\x02", "\u2028"])
)


@given(MARKUP.map("".join) | st.text())
def test_any_text_is_cleaned(wikitext):
    text = clean(wikitext, "Title")
    # a list item gets a dash for its mark, a page's name and a century may be longer than asked
    assert len(text) <= 4 * len(wikitext)
    assert not re.search("[\x00-\x02]|  |\n\n", re.sub(r"<nowiki.*", "", text, flags=re.S)) or (
        "<nowiki" in wikitext
    )
    if not re.search("<(?:nowiki|math)|&", wikitext):
        assert not [mark for mark in LEFT if mark in text]


@pytest.mark.parametrize(
    "unit",
    ["[[", "[[a|", "{{", "{{a|", "{{lang|x|", "<ref>", "<ref", "<!--", "''", "'''a ", "[http://a ",
     "{|\n", "\n|", "(", "({{x}},", "<table>", "== ", "__A", "-{", "{{{", "<poem>", "a|", "&a",
     "<sup>", "[", " ", "\n", "{{quote|{{x", "[[[", ",{{x}}", " {{x}};", "(:{{x}}",
     "//{{x}}", "\"{{x}}\"", "a{{e|6}}", "{{s|a", "a {{x}} ", " — {{x}}",
     "]", "}}", "<nowiki>", "__a_", "&#1", "*"],
)  # fmt: skip
@pytest.mark.timeout(60)  # minutes to hours, were it quadratic
def test_unbalanced_markup_costs_no_more_than_other(unit):
    clean(unit * 100_000)


@pytest.mark.parametrize(
    "around",
    ["[[a~b|]]", "[[a (b~c)|]]", "[[a (b)~c|]]", "[[a|~b|]]", "[[de~:b]]", "[[~:b|c]]",
     "[http://a~b]", "{{lang|de~|b}}", "{{a~|b}}", "{{lang|de|b~=c}}", "{{{a~|b}}}",
     "<ref name=~>b</ref>", "<ref~>b</ref~>", "<br~>", "<sup>~1</sup>", "-{~zh-hans~:b~;c}-",
     "= a~b", "= a~=b", "= a =~", "*~b", "{|~\n|}", "a ({{x}}~b)", "(~{{x}}", "a {{x}}~, b",
     "''a~''", "'''a~b", "__A_B__", "&a~;", "<table~>", "<!--~-->"],
)  # fmt: skip
@pytest.mark.parametrize("blank", [" ", "_", "\n"])
@pytest.mark.timeout(60)  # minutes to hours, were it quadratic
def test_blanks_within_markup_cost_no_more_than_elsewhere(around, blank):
    clean(around.replace("~", blank * 500_000))

"""The HTML of posts to text: each construct said by an example, and what no input may do."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.stackexchange.html_text import html_to_text

CODE = "for (i = 0;\n     i &lt; 3 &amp;&amp; ok;  i++)\n\n    go();\n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>a  b\nc</p>\n\n<p>d</p>\n", "a b c\n\nd"),
        ("<p>a <em>b</em> <strong>c</strong>, d</p>", "a b c, d"),
        ("<p>see <a href='x>y'>the  page</a>.</p>", "see the page."),
        ("<p>a<br>b<br />c<br><br>d</p>", "a\nb\nc\n\nd"),
        ("<h2>Top</h2><p>a</p><hr><p>b</p>", "Top\n\na\n\nb"),
        (
            "<p>a</p><ul><li>b</li>\n<li><p>c</p><p>d</p></li></ul><p>e</p>",
            "a\n\n- b\n- c\n\nd\n\ne",
        ),
        (
            "<ol start='4'><li>a</li><li></li><li>b</li></ol>",
            "4. a\n5. \n6. b".replace("5. ", "5."),
        ),
        ("<ul><li>a<ol><li>b</li><li>c</li></ol></li><li>d</li></ul>", "- a\n  1. b\n  2. c\n- d"),
        ("<blockquote><p>a</p></blockquote><p>b</p>", "a\n\nb"),
        ("<p>x<sup>2</sup> &lt;T&gt; &amp;lt; &nbsp;&eacute;&#233;</p>", "x² <T> &lt; \xa0éé"),
        ("<p><code>a &lt;b&gt;</code> c</p>", "a <b> c"),
        ('<p>a <img src="x" alt="a &quot;b&quot;"> c</p>', 'a a "b" c'),
        ('<p><img src="x" alt="enter image description here"></p><p>a</p>', "a"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a\tb\n1\t2"),
        ("<p>a</p><!-- language: lang-py --><p>b<!-- never closed", "a\n\nb<!-- never closed"),
        ("<p>a < b > c &unknown; <3</p>", "a < b > c &unknown; <3"),
        ("a</li></ul></pre></p>b", "a\n\nb"),
        ("10<sup>6</sup> kg, Na<sup>+</sup>, r<sup>&minus;2</sup>", "10⁶ kg, Na⁺, r⁻²"),
        ('camping<sup>1</sup> here<sup><a href="#2">12</a></sup>', "camping¹ here¹²"),
        ("2<sup>nd</sup> <sup>1: <em>a</em></sup> CO<sub>2</sub> <sup>3", "2nd 1: a CO2 3"),
        ("a<script>alert(1)</script>b<STYLE type='x'>p > i {}</style>c", "abc"),
        ("<p>a</p><script>if (a<b) x = '<p>';</script><p>b</p>", "a\n\nb"),
        ("a</script>b<style></script>c", "ab"),
        ("", ""),
    ],
)
def test_examples(source: str, text: str) -> None:
    assert html_to_text(source) == text


def test_code_keeps_every_space_and_line() -> None:
    source = f'<p>Do:</p>\n\n<pre class="c"><code>{CODE}</code></pre>\n\n<p>then</p>'
    assert html_to_text(source) == f"Do:\n\n{html.unescape(CODE).rstrip()}\n\nthen"
    indented = "<pre><code>    four\n  two\n</code></pre>"
    assert html_to_text(indented) == "    four\n  two"


TEXTS = st.text(st.sampled_from(list("ab <>&;/'\"=\n\t-!#x0123é")) | st.characters(), max_size=60)
TAGS = st.sampled_from(
    "<p> </p> <li> </li> <ol> <ul> </ul> </ol> <pre> </pre> <code> <br> <img alt='x'> <td> </td> "
    "<!-- --> <ol\tstart='999999999'> &lt; &amp; &#0;".split(" ")
)


@given(st.lists(TEXTS | TAGS, max_size=30).map("".join))
def test_it_never_raises_and_is_bounded(source: str) -> None:
    text = html_to_text(source)
    assert len(text) <= 10 * len(source)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_plain_text_comes_through(said: str) -> None:
    words = " ".join(said.split(" "))
    expected = " ".join(w for w in words.split(" ") if w)
    assert html_to_text(f"<p>{html.escape(said)}</p>").split(" ") == expected.rstrip().split(" ")


@pytest.mark.parametrize("piece", ["<", "<!--", "<a ", "<a '", '<a "', "<li>", "&", "<pre>"])
def test_hostile_input_takes_linear_time(piece: str) -> None:
    html_to_text(piece * 200_000)

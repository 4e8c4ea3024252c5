"""How an answer that a model wrote is scored: what a task file's `process_results` may name.

Each takes a question as its JSONL has it and what was written, and gives the metric's value. What
counts as the answer follows the benchmarks' own papers.
"""

import ast
import math
import re
import string
from collections.abc import Callable, Sequence
from typing import Any

from jobs.evaluation import sandbox
from jobs.evaluation.sandbox import Checks, SandboxConfig

Score = Callable[[dict[str, Any], Sequence[Any]], dict[str, float]]
# A minus is a sign only where nothing stands before it to be taken from: "10-5" ends in 5.
_NUMBER = re.compile(r"(?:(?<![\w)\]}])-)?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)")
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def any_exact_match(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Whether it is the answer or an alias, but for case, punctuation, articles and blanks."""
    wanted = [doc["answer"], *(doc.get("aliases") or [])]
    found = _normal(results[0].strip().split("\n")[0])
    return {"exact_match": float(bool(found) and found in {_normal(text) for text in wanted})}


def last_number(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Whether the last number written is the answer."""
    found, wanted = _last_number(results[0]), _last_number(str(doc["answer"]))
    return {"exact_match": float(found is not None and found == wanted)}


def boxed_answer(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    r"""Whether the last \boxed{…} (\fbox{…}, \boxed 5) holds what the solution's holds."""
    found, wanted = _boxed(results[0]), _boxed(doc["solution"])
    return {"exact_match": float(found is not None and found == wanted)}


def human_eval_passes(limits: SandboxConfig, pass_at: Sequence[int]) -> Score:
    """pass@k of HumanEval: the prompt, what was written, and the problem's check."""

    def question(doc: dict[str, Any], written: str) -> tuple[str, Checks]:
        source, name = f"{doc['test']}\ncheck({doc['entry_point']})\n", doc["entry_point"]
        return doc["prompt"] + written, Checks(source, (name,), doc["prompt"])

    return _passes(question, limits, pass_at)


def mbpp_passes(limits: SandboxConfig, pass_at: Sequence[int]) -> Score:
    """pass@k of MBPP: what was written, and the problem's assertions."""

    def question(doc: dict[str, Any], written: str) -> tuple[str, Checks]:
        return written, Checks("\n".join(doc["test_list"]), _defined(doc.get("code", "")))

    return _passes(question, limits, pass_at)


def _defined(source: str) -> tuple[str, ...]:
    """The functions and classes of a solution: what the assertions may ask of a program."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return tuple(node.name for node in ast.parse(source).body if isinstance(node, kinds))


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The chance that one of k of the samples passes, without bias (arXiv:2107.03374, eq. 1)."""
    if samples - passed < k:
        return 1.0
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


def _passes(
    question: Callable[[dict[str, Any], str], tuple[str, Checks]],
    limits: SandboxConfig,
    pass_at: Sequence[int],
) -> Score:
    def score(doc: dict[str, Any], results: Sequence[Any]) -> dict[str, float]:
        written = [results[0]] if isinstance(results[0], str) else list(results[0])
        asked = [question(doc, text) for text in written]
        passed = sum(sandbox.run(program, limits, checks) is None for program, checks in asked)
        return {f"pass@{k}": pass_at_k(len(written), passed, k) for k in pass_at}

    return score


def _normal(text: str) -> str:
    """Empty only for what has no word; articles stay where there is nothing else ("The The")."""
    plain = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split()) or " ".join(plain.split())


def _last_number(text: str) -> float | None:
    found = _NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def _boxed(text: str) -> str | None:
    """The inside of the last box: of \\boxed{…}, whose braces may nest, or the bare words of
    \\boxed 5, up to the formula's end."""
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None
    begin = boxes[-1].end()
    if text[begin : begin + 1] != "{":
        bare = re.split(r"[$\n]|\\[\])]", text[begin:], maxsplit=1)[0]
        return "".join(bare.split()).rstrip(".,") or None
    depth = 0
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return "".join(text[begin + 1 : place].split())
    return None

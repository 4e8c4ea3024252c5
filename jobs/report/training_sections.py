"""The report's sections on the model: loss, validation, speed and a sample."""

import itertools
import math
from collections.abc import Iterator

from jobs.report.charts import Series, line_chart, smoothed, thinned
from jobs.report.data import Run, StageSpeed
from jobs.report.markup import Html, absent, count, duration, element, join, size, table
from jobs.report.training_events import marks

_SMOOTHED_PART = 40  # the mean goes over this part of the run's steps


def loss(run: Run) -> Html:
    rows = run.training.rows
    if not rows:
        return absent("Not trained yet.")
    points = [(row["step"], row["loss"]) for row in rows]
    half = len(points) // _SMOOTHED_PART // 2
    series = [Series("loss of each step", thinned(points), 1, "faint" if half else "")]
    if half:
        means = smoothed(points, half)
        series.append(Series(f"mean of {2 * half + 1} steps", thinned(means), 1))
    last = rows[-1]
    tokens_a_step = last["tokens"] / last["step"]
    x_label = f"step ({count(tokens_a_step)} tokens each)"
    y_label, happened = "loss (nats a token)", marks(run)
    chart = line_chart(series, x_label, y_label, "Training loss", events=happened)
    said = f"From {points[0][1]:.3f} at step {points[0][0]} to {last['loss']:.3f} at step "
    said += f"{last['step']}"
    if half:
        said += f"; the mean of the last {half + 1} steps is {means[-1][1]:.3f}"
    parts = [chart, element("p", f"{said}.", class_="note")]
    by_source = _by_source(run, "loss_by_source")
    if len(by_source) > 1:
        lines = [
            Series(source, thinned(smoothed(points, half)), tone)
            for (source, points), tone in zip(by_source.items(), _tones(), strict=False)
        ]
        happened = marks(run, "weights", "skip", "rollback")
        title = "Training loss by source"
        chart = line_chart(lines, "step", y_label, title, events=happened)
        parts += [element("h3", "By source"), chart]
    return join(parts)


def gradients(run: Run) -> Html:
    """The norm of the gradient before clipping, and the learning rate."""
    rows = run.training.rows
    if not rows:
        return absent("Not trained yet.")
    norms = [(row["step"], row["grad_norm"]) for row in rows if row["grad_norm"] > 0]
    half = len(norms) // _SMOOTHED_PART // 2
    happened = marks(run, "resume", "weights", "skip", "rollback")
    parts = []
    if norms:
        highest = thinned(norms, of=max)
        spread = "each step" if len(highest) == len(norms) else "highest of the steps nearby"
        series = [
            Series(spread, highest, 2, "faint"),
            Series(f"mean of {2 * half + 1} steps", thinned(smoothed(norms, half)), 2),
        ]
        title = "Norm of the gradient, before clipping"
        parts.append(line_chart(series, "step", "gradient norm", title, True, happened))
    exponent = math.floor(math.log10(max(row["learning_rate"] for row in rows) or 1))
    rates = [(row["step"], row["learning_rate"] / 10**exponent) for row in rows]
    series = [Series("learning rate", thinned(rates), 3)]
    y_label = f"learning rate, in 1e{exponent}"
    parts.append(line_chart(series, "step", y_label, "Learning rate", events=happened))
    return join(parts)


def validation(run: Run) -> Html:
    """Bits per byte on held-out text, by source, against what a unigram model needs."""
    training = run.training
    curves = _by_source(run, "validation_bits_per_byte")
    if not curves:
        return absent("Not evaluated yet.")
    last = training.rows[-1]["step"]
    series = []
    for colour, (source, points) in zip(_tones(), curves.items(), strict=False):
        series.append(Series(source, points, colour, "dots"))
        unigram = training.evaluation.get(source, {}).get("unigram_bits_per_byte")
        if unigram is not None:
            line = [(points[0][0], unigram), (last, unigram)]
            series.append(Series(f"{source}, unigram model", line, colour, "dashed"))
    chart = line_chart(
        series,
        "step",
        "bits per byte",
        "Validation bits per byte by source",
        events=marks(run, "weights", "skip", "rollback"),
    )
    if not training.evaluation:
        return join([chart, absent("The last evaluation is not there yet.")])
    rows = []
    for source, figures in sorted(training.evaluation.items()):
        model, unigram = figures["bits_per_byte"], figures["unigram_bits_per_byte"]
        saved = f"{100 * (1 - model / unigram):.1f} %"
        rows.append((element("code", source), f"{model:.3f}", f"{unigram:.3f}", saved))
    headers = ("Source", "Model, bits/byte", "Unigram model, bits/byte", "Bits saved")
    step = f"Measured after step {training.evaluated_step}, on text no training batch holds."
    return join([chart, table(headers, rows, "lrrr"), element("p", step, class_="note")])


def speed(run: Run) -> Html:
    """What every stage took when it last had something to do."""
    if not run.speeds:
        return absent("No stage has left its time.")
    rows = []
    longest = max(stage.seconds for stage in run.speeds) or 1
    for stage in run.speeds:
        seconds = stage.seconds or 1e-9
        whole = stage.units_run == stage.units  # a stage resumed did not do all it counts
        text_bytes, documents = _work_of(run, stage)
        rates = [
            f"{text_bytes / 1e6 / seconds:,.2f}" if text_bytes and whole else "–",
            f"{documents / seconds:,.0f}" if documents and whole else "–",
        ]
        meter = element("i", style=f"width:{100 * stage.seconds / longest:.2f}%")
        rows.append(
            (
                element("code", stage.stage),
                f"{stage.seconds:,.1f}",
                element("span", meter, class_="meter alone"),
                *rates,
                f"{count(stage.units_run)} of {count(stage.units)}",
            )
        )
    headers = ("Stage", "Seconds", "", "MB of text/s", "Documents/s", "Units done")
    parts = [table(headers, rows, "lrlrrr")]
    total = sum(stage.seconds for stage in run.speeds)
    text = sum(stage.text_bytes for stage in run.speeds if stage.stage.startswith("extracted/"))
    said = f"{duration(total)} in all stages for {size(text)} of extracted text. "
    said += "The first stage of a session also waits for Spark to start."
    if run.training.rows:
        steps = run.training.rows
        seconds = sum(_seconds(run, index) for index in range(len(steps)))
        rate = steps[-1]["tokens"] / seconds if seconds else 0
        said += f" Training: {count(len(steps))} steps in {duration(seconds)}, "
        said += f"{count(rate)} tokens/s."
    parts.append(element("p", said, class_="note"))
    return join(parts)


def sample(run: Run) -> Html:
    if not run.training.sample:
        return absent("No text generated yet.")
    return element("pre", run.training.sample)


def _by_source(run: Run, field: str) -> dict[str, list[tuple[float, float]]]:
    """A curve a source of what the rows have under `field`, by name."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in run.training.rows:
        for source, value in row.get(field, {}).items():
            curves.setdefault(source, []).append((row["step"], value))
    return dict(sorted(curves.items()))


def _tones() -> Iterator[int]:
    return itertools.cycle((1, 2, 3, 4, 5, 7, 8))


def _work_of(run: Run, stage: StageSpeed) -> tuple[int, int]:
    """Bytes of text and documents a stage went through: its output's, or else its input's."""
    kind, _, name = stage.stage.partition("/")
    source = next((source for source in run.sources if source.name == name), None)
    inputs = {}
    if source:
        inputs = {"ledger": source.text, "line_hashes": source.extracted}
        inputs["span_hashes"] = source.cleaned
    of_input = inputs.get(kind)
    if of_input is None:
        return stage.text_bytes, stage.documents
    totals = of_input.counts.totals
    return totals["text_bytes"], totals["documents"]


def _seconds(run: Run, index: int) -> float:
    row = run.training.rows[index]
    tokens = row["tokens"] / row["step"]
    return tokens / row["tokens_per_s"] if row["tokens_per_s"] else 0.0

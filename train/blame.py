"""Which process keeps the others of a run waiting, from what each has told of itself.

A process that is stopped beats no more. Otherwise it is seen from the collectives: one process
waits for another where it has begun more of them in a group of both. Who is waited for and waits
for nobody is to blame; all others wait for it, through one group or several.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

DISK_LIMIT = "train.disk_timeout_s"


@dataclass(frozen=True)
class Beat:
    """What a process tells of itself."""

    rank: int
    host: str
    pid: int
    number: int  # of its beats
    step: int
    phase: str
    long: str | None = None  # what it does that others may have to wait for
    still_s: float = 0.0  # since it came any further
    place: str = ""  # of our code, where it is then
    collectives: dict[str, int] = field(default_factory=dict)  # begun, by group


def line(before: list[Beat], now: list[Beat], limit_s: float, disk_s: float) -> str | None:
    """The one line that names who is to blame; None where it is nobody, or nobody yet.

    before, now: the beats of all processes, read with a pause of two beats between.
    """
    dead = [b for b, a in zip(now, before, strict=True) if _beats_no_more(a, b)]
    if dead:
        return silent(dead)
    behind = _waited_for(now)
    if not behind:
        # Messages between pipeline stages may be counted on neither side; who is not in them is.
        waiting = [beat for beat in now if beat.phase == "communication"]
        behind = [beat for beat in now if beat not in waiting] if waiting else []
    on_disk = [beat for beat in behind if beat.long]
    if any(beat.still_s < disk_s for beat in on_disk):
        return None
    if on_disk:
        return _not_come(on_disk, now, disk_s, DISK_LIMIT)
    return _not_come(behind, now, limit_s, "train.collective_timeout_s") if behind else None


def late(who: dict[int, str], missed: str, mend: str, key: str) -> str:
    """The line of processes that have not done something in time.

    who: what is told of each, by its rank. missed: what they did not do. key: of the time limit.
    """
    told = "; ".join([who[rank] for rank in sorted(who)][:3])
    return f"{ranks_told(who)} did not {missed} ({told}); {mend}, or raise the limit ({key})"


def late_on_disk(who: dict[int, str], work: str, limit_s: float) -> str:
    """The same of those whose disk hangs."""
    mend = "mend the disk and start the same command again to resume"
    return late(who, f"finish {work} within {limit_s:.0f} s", mend, DISK_LIMIT)


def process(pid: int, host: str) -> str:
    """Which process it is, for people who look for it."""
    return f"pid {pid} on {host}"


def silent(beats: list[Beat]) -> str:
    """The line of processes that beat no more."""
    told = "; ".join(
        f"{process(b.pid, b.host)}, last seen in {b.phase}, step {b.step}" for b in beats[:3]
    )
    return (
        f"no sign of life from {ranks_told([b.rank for b in beats])} ({told}): killed, stopped, or "
        "gone with the machine; look there, then start the same command again to resume"
    )


def _not_come(behind: list[Beat], now: list[Beat], limit_s: float, key: str) -> str:
    who = {
        b.rank: f"{process(b.pid, b.host)} is in {b.long or b.phase} of step {b.step} for "
        f"{b.still_s:.0f} s" + (f", at {b.place}" if b.place else "")
        for b in behind
    }
    others = ranks_told([beat.rank for beat in now if beat.rank not in who])
    missed = f"come to a collective within {limit_s:.0f} s, where {others} waited"
    return late(who, missed, "mend what holds it up", key)


def _waited_for(beats: list[Beat]) -> list[Beat]:
    highest: dict[str, int] = {}
    lowest: dict[str, int] = {}
    for beat in beats:
        for name, count in beat.collectives.items():
            highest[name] = max(highest.get(name, count), count)
            lowest[name] = min(lowest.get(name, count), count)
    behind = []
    for beat in beats:
        counts = beat.collectives.items()
        is_waited_for = any(count < highest[name] for name, count in counts)
        waits = any(count > lowest[name] for name, count in counts)
        if is_waited_for and not waits:
            behind.append(beat)
    return behind


def _beats_no_more(before: Beat, now: Beat) -> bool:
    return before.number == now.number and now.phase != "done"


def ranks_told(ranks: Collection[int]) -> str:
    """`rank 3`, `ranks 0 to 6 and 8`."""
    spans: list[list[int]] = []
    for rank in sorted(ranks):
        if spans and rank == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], rank]
        else:
            spans.append([rank])
    told: list[str] = []
    for span in spans:
        told += [f"{span[0]} to {span[-1]}"] if span[-1] - span[0] > 1 else map(str, span)
    text = ", ".join(told[:-1]) + (" and " if told[1:] else "") + told[-1] if told else "none"
    return f"{'rank' if len(ranks) == 1 else 'ranks'} {text}"

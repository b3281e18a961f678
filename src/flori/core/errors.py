"""Errors that a user can mend, and the collecting of many faults into one message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SHOWN = 20  # faults printed in one message; the rest are counted
NO_MEMORY = re.compile(r"out of memory|(can't|cannot|not) allocate memory|not enough memory", re.IGNORECASE)


class UserError(ValueError):
    """The input is at fault, not flori: one message that says what, where, and what to do.

    The command line prints it without a traceback and ends with exit status 2.
    """


class Interrupted(Exception):
    """The run was stopped from outside after its state was saved; the message says how to go on."""


def out_of_memory(problem: BaseException) -> bool:
    """Whether a failure is that of too little memory, in the words of Python, torch or CUDA."""
    return isinstance(problem, MemoryError) or bool(NO_MEMORY.search(str(problem)))


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one example or file.

    `where` names the file and the place in it (``photos/cat/3.png``, ``houses.csv, line 17``).
    """

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.remedy})" if self.remedy else "")


@dataclass
class Faults:
    """Collects faults, so that all are reported at once rather than one a try."""

    found: list[Fault] = field(default_factory=list)

    def add(self, where: object, what: str, remedy: str = "") -> None:
        self.found.append(Fault(str(where), what, remedy))

    def stop_if_any(self, subject: str, advice: str = "") -> None:
        """Raise a UserError that lists the faults, if there are any."""
        if self.found:
            raise UserError(listing(self.found, subject, advice))


def listing(faults: list[Fault], subject: str, advice: str = "") -> str:
    """Faults as text: at most `SHOWN` lines, the number of the others, and what to do."""
    if len(faults) == 1:
        lines = [str(faults[0])]
    else:
        lines = [f"{len(faults)} faults in {subject}:"]
        lines += [f"  {fault}" for fault in faults[:SHOWN]]
        if len(faults) > SHOWN:
            lines.append(f"  … and {len(faults) - SHOWN} more")
    if advice:
        lines.append(advice)
    return "\n".join(lines)

"""Examine this machine, a log that the user names, or both, and conclude.

The command formats the result.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit import files
from toolkit.doctor import port, start, symptoms
from toolkit.doctor.machine import Machine, this_machine
from toolkit.doctor.sight import Examined, Role, Sight, View, sight
from toolkit.doctor.symptoms import PossibleCause, Remedy, Symptom
from toolkit.errors import ToolkitError
from toolkit.text import counted

_MOST_BYTES = 64 << 20
_TEXT_LENGTH = 240


class Health(StrEnum):
    """The conclusion.

    UNCLEAR means that no cause was found, but not everything could be examined.
    """

    HEALTHY = "healthy"
    ILL = "ill"
    UNCLEAR = "unclear"


class Suspect(Struct, frozen=True, kw_only=True):
    """A possible cause of a line in a log.

    A condition with the same name shows whether this machine has it. The command
    `check` confirms the cause. `here` is None if the condition was not examined.
    `remedies` are for a machine like this one; `on_nixos` is set if the log's machine
    is unknown.
    """

    name: str
    fact: str
    check: str
    here: bool | None
    remedies: tuple[Remedy, ...]
    on_nixos: tuple[Remedy, ...] = ()


class LogEntry(Struct, frozen=True, kw_only=True):
    """A known symptom in a log.

    `number` is the last line of `log` that shows it, counted from 1; the count covers
    all logs.
    """

    name: str
    log: str
    line: int
    count: int
    text: str
    suspects: tuple[Suspect, ...]

    @property
    def present(self) -> Iterator[Suspect]:
        """The suspects that this machine has."""
        return (suspect for suspect in self.suspects if suspect.here)


class Log(Struct, frozen=True, kw_only=True):
    """The logs and their joined names.

    The first entry is the most important.
    """

    name: str
    lines: int
    entries: tuple[LogEntry, ...]


class Diagnosis(Struct, frozen=True, kw_only=True):
    """The whole diagnosis.

    `verdict` is one line, and `port` is the user's port. If the user wanted this
    machine examined, `not_examined` explains why it was not.
    """

    health: Health
    verdict: str
    port: int
    views: tuple[View, ...] = ()
    conditions: tuple[Examined, ...] = ()
    log: Log | None = None
    not_examined: str | None = None

    @property
    def causes(self) -> tuple[str, ...]:
        """The names of the conditions to fix, the most important first."""
        return tuple(
            condition.name
            for condition in self.conditions
            if condition.role is Role.CAUSE
        )


def doctor(
    *, docker: Path | None, logs: Sequence[Path], elsewhere: bool, port: int | None
) -> Diagnosis:
    """Examine and conclude; change nothing.

    `docker` is a docker package or a dockerd-rootless to examine instead of the one
    that the user's service starts. `logs` are files or `-`; with `elsewhere` they come
    from another machine, and this one is not examined. `port` is 80 by default. Without
    a log, raise ToolkitError for root, for a machine without rootless docker or without
    Linux. Always raise it for a `docker` that cannot be examined.
    """
    texts = [(str(log), read_log(log)) for log in logs]
    log_alone = Diagnosis(health=Health.UNCLEAR, verdict="", port=port or _USUAL_PORT)
    if texts and elsewhere:
        return by_log(explain(texts, port=port), log_alone)
    try:
        machine = this_machine()
        seen = sight(machine, docker=docker, port=port or _USUAL_PORT)
    except ToolkitError as error:
        if not texts or docker is not None:
            raise
        unexamined = replace(
            log_alone, not_examined=error.message.removeprefix("doctor: ")
        )
        return by_log(explain(texts, port=port), unexamined)
    conditions = _conditions(seen)
    health, verdict = _verdict(conditions, seen)
    diagnosis = Diagnosis(
        health=health,
        verdict=verdict,
        port=seen.port,
        views=seen.views,
        conditions=conditions,
    )
    if not texts:
        return diagnosis
    return by_log(
        explain(texts, port=port, machine=machine, conditions=conditions), diagnosis
    )


def by_log(log: Log, diagnosis: Diagnosis) -> Diagnosis:
    """Return the diagnosis with the log's result.

    A symptom that this machine also shows decides the verdict.
    """
    if not log.entries:
        fact = f"{log.name}: shows no known symptom in {log.lines} lines"
        verdict = f"{diagnosis.verdict}; {fact}" if diagnosis.verdict else fact
        return replace(diagnosis, log=log, verdict=verdict)
    facts = {condition.name: condition.fact for condition in diagnosis.conditions}
    found = (
        f"{entry.name}: {facts.get(suspect.name, suspect.fact)}"
        for entry in log.entries
        for suspect in entry.present
    )
    return replace(
        diagnosis,
        log=log,
        health=Health.ILL,
        verdict=next(found, None) or _suspicion(log),
    )


def _suspicion(log: Log) -> str:
    entry = log.entries[0]
    possible = [suspect for suspect in entry.suspects if suspect.here is None]
    if not possible:
        return f"{entry.name}: this host no longer has that problem"
    if len(possible) == 1:
        return f"{entry.name}: {possible[0].fact}"
    return (
        f"{entry.name}: probably {possible[0].fact} ("
        f"{counted(len(possible) - 1, 'other cause')} possible)"
    )


def _conditions(seen: Sight) -> tuple[Examined, ...]:
    """Return all conditions.

    First come those that keep the daemon from starting, then those that keep the port
    closed.
    """
    found = [_named(seen, name, check(seen)) for name, check in start.CHECKS.items()]
    for name, check in port.CHECKS.items():
        observed = check(seen)
        # If every program may have the port, a missing capability is no cause.
        needless = (
            seen.everybody
            and observed.role is Role.CAUSE
            and not (name == "nosuid" and seen.fails)
        )
        found.append(
            _named(
                seen,
                name,
                replace(observed, role=Role.NOTE, remedies=())
                if needless
                else observed,
            )
        )
    if not any(condition.role is Role.CAUSE for condition in found):
        # An effect without a cause: nothing here knows the cause.
        found = [
            replace(each, role=Role.CAUSE) if each.role is Role.EFFECT else each
            for each in found
        ]
    return tuple(found)


def _named(seen: Sight, name: str, observed: Examined) -> Examined:
    remedies = observed.remedies
    if remedies is None:
        remedies = (
            seen.remedies(name, **observed.words)
            if observed.role in {Role.CAUSE, Role.UNKNOWN}
            else ()
        )
    return replace(observed, name=name, remedies=remedies)


def _verdict(conditions: Sequence[Examined], seen: Sight) -> tuple[Health, str]:
    running = seen.daemon is not None
    causes = [condition for condition in conditions if condition.role is Role.CAUSE]
    unknown = [condition for condition in conditions if condition.role is Role.UNKNOWN]
    if causes:
        able = any(
            condition.name == "daemon" and condition.role is Role.OK
            for condition in conditions
        )
        outcome = f"containers cannot publish port {seen.port}"
        if able and causes[0].name != "port-driver":
            outcome = (
                f"containers can publish port {seen.port} only until the "
                "daemon is restarted"
            )
        if causes[0].name in start.CHECKS:
            outcome = (
                "rootless docker will not start again"
                if running
                else "rootless docker cannot start"
            )
        more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
        return Health.ILL, f"{outcome}: {causes[0].fact}{more}"
    if unknown:
        return Health.UNCLEAR, (
            "no cause was found, but unlet could not check everything: "
            f"{unknown[0].fact}"
        )
    which = "the running daemon" if running else "the daemon, once started,"
    return Health.HEALTHY, f"{which} can publish port {seen.port}"


def read_log(path: Path) -> str:
    """Return the text of a file, or of standard input for `-`.

    Raise ToolkitError if it is too long or not text.
    """
    name = "standard input" if str(path) == "-" else str(path)
    content = (
        files.opened(0, name=name, most=_MOST_BYTES)
        if str(path) == "-"
        else files.read(path, most=_MOST_BYTES)
    )
    if b"\0" in content or not content.strip():
        fact = "is empty" if not content.strip() else "is a binary file"
        raise ToolkitError(
            f"{name}: {fact}",
            hint="journalctl --user -u docker -b | unlet doctor --log -",
        )
    return content.decode("utf-8", "replace")


def explain(
    texts: Sequence[tuple[str, str]],
    *,
    port: int | None = None,
    machine: Machine | None = None,
    conditions: Sequence[Examined] = (),
) -> Log:
    """Recognise symptoms in logs; each log is a name and a text.

    `machine` and `conditions` describe this host; they are None if the logs come from
    another one. Without `port`, the port is that of the log.
    """
    roles = {condition.name: condition.role for condition in conditions}
    places = [
        (name, number, line.rstrip())
        for name, text in texts
        for number, line in enumerate(text.removesuffix("\n").split("\n"), 1)
    ]
    entries: list[LogEntry] = []
    for symptom, numbers in symptoms.recognise([line for _, _, line in places]):
        name, number, line = places[numbers[-1]]
        refused = _PORT.search(line)
        own = port or (
            int(refused[1] or refused[2]) if refused is not None else _USUAL_PORT
        )
        entries.append(
            LogEntry(
                name=symptom.name,
                log=name,
                line=number,
                count=len(numbers),
                text=_excerpt(line.strip(), symptom),
                suspects=tuple(
                    _suspect(cause, roles.get(cause.name), machine, own)
                    for cause in symptom.causes
                ),
            )
        )
    return Log(
        name=", ".join(name for name, _ in texts),
        lines=len(places),
        entries=tuple(entries),
    )


_USUAL_PORT = 80
_PORT = re.compile(r"privileged port (\d{1,5})\b|:(\d{1,5}): bind: permission denied")


def _excerpt(line: str, symptom: Symptom) -> str:
    """Return a line, or the part of a long line around the symptom."""
    found = symptom.search(line)
    if found is None or len(line) <= _TEXT_LENGTH:
        return line
    start = max(0, min(found.start() - _TEXT_LENGTH // 3, len(line) - _TEXT_LENGTH))
    return ("…" if start else "") + line[start : start + _TEXT_LENGTH]


def _suspect(
    cause: PossibleCause, role: Role | None, machine: Machine | None, port: int
) -> Suspect:
    facts = {"port": str(port)} | (
        {"user": machine.user.name} if machine is not None else {}
    )
    return Suspect(
        name=cause.name,
        fact=cause.fact,
        check=cause.check,
        here={Role.CAUSE: True, Role.OK: False}.get(role) if role is not None else None,
        remedies=cause.remedies(
            nixos=machine is not None and machine.is_nixos, **facts
        ),
        on_nixos=cause.remedies(nixos=True, **facts)
        if machine is None and cause.nixos
        else (),
    )

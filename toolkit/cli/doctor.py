"""`unlet doctor`: explain why rootless docker does not start or refuses a low port."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from msgspec.structs import asdict

from toolkit import __version__
from toolkit.cli import options, output
from toolkit.cli.options import GlobalOptions
from toolkit.doctor.diagnosis import (
    Diagnosis,
    Health,
    Log,
    LogEntry,
    Suspect,
    doctor,
)
from toolkit.doctor.sight import Role
from toolkit.doctor.symptoms import Remedy
from toolkit.report.lines import Line, Tone

SCHEMA = 2
"""The version of the JSON document.

A new field keeps the number; a removed field, or one with a new meaning, changes it.
"""

EXIT_CODES = {Health.HEALTHY: 0, Health.ILL: 1, Health.UNCLEAR: 3}

_TONES = {
    Role.CAUSE: Tone.FAILED,
    Role.EFFECT: Tone.NOT_RUN,
    Role.UNKNOWN: Tone.NOT_RUN,
    Role.OK: Tone.PROVEN,
}
_INDENT = " " * 9
_CONDITION = ("name", "role", "fact", "evidence")
_EXPLAINED = 3
"""How many possible causes of a log line are explained without --verbose."""


@options.command(
    "doctor",
    examples=("unlet doctor", "journalctl --user -u docker | unlet doctor --log -"),
    apart=[("--elsewhere", "--docker")],
)
@click.option(
    "--docker",
    type=options.PATH,
    metavar="PATH",
    help="Examine this docker package or dockerd-rootless, instead of "
    "the one that the service starts.",
)
@click.option(
    "--log",
    "logs",
    type=options.PATH,
    multiple=True,
    metavar="FILE",
    help="Explain the errors in this log; - is standard input. May be repeated.",
)
@click.option(
    "--elsewhere",
    is_flag=True,
    help="The log comes from a different machine: do not examine this one.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port that docker should publish; by default the one in the log, else 80.",
)
@options.common
def command(
    *, docker: Path | None, logs: tuple[Path, ...], elsewhere: bool, port: int | None
) -> int:
    """Explain why rootless docker refuses a port below 1024, or does not start.

    doctor changes nothing. Exit codes: 0 healthy, 1 doctor found a cause, 3 doctor
    could not examine something important.
    """
    settings = options.settings()
    if not logs:
        options.refuse_without("--log", "--elsewhere")
    with output.working(settings) as progress:
        progress.step("examining this machine")
        diagnosis = doctor(docker=docker, logs=logs, elsewhere=elsewhere, port=port)
    if settings.json:
        output.write_json(_document(diagnosis))
    else:
        output.write_toned(_lines(diagnosis, settings))
    return EXIT_CODES[diagnosis.health]


def _document(diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "unlet": __version__,
        "health": diagnosis.health,
        "verdict": diagnosis.verdict,
        "port": diagnosis.port,
        "causes": diagnosis.causes,
        "views": [
            {
                "seen_by": view.seen_by,
                "path": view.path.split(":") if view.path else [],
                "taken": view.taken.path if view.taken is not None else None,
                "hidden": [program.path for program in view.candidates[1:]],
            }
            for view in diagnosis.views
        ],
        "conditions": [
            {
                **{name: getattr(condition, name) for name in _CONDITION},
                "remedies": _texts(condition.remedies or ()),
            }
            for condition in diagnosis.conditions
        ],
        "log": _log(diagnosis.log) if diagnosis.log is not None else None,
        "not_examined": diagnosis.not_examined,
    }


def _log(log: Log) -> dict[str, object]:
    entries = [
        {**asdict(entry), "suspects": [*map(_suspect, entry.suspects)]}
        for entry in log.entries
    ]
    return {**asdict(log), "entries": entries}


def _suspect(suspect: Suspect) -> dict[str, object]:
    remedies = _texts(suspect.remedies)
    return {
        **asdict(suspect),
        "remedies": remedies,
        "on_nixos": _texts(suspect.on_nixos),
    }


def _texts(remedies: Sequence[Remedy]) -> list[str]:
    return [remedy.text for remedy in remedies]


def _lines(diagnosis: Diagnosis, settings: GlobalOptions) -> Iterator[Line]:
    yield Line(text=diagnosis.verdict)
    log = diagnosis.log
    for entry in log.entries if log is not None else ():
        yield Line(text=f"{'log':8} {entry.name}", tone=Tone.FAILED)
        name = f" of {entry.log}" if log is not None and entry.log != log.name else ""
        others = f" (and {entry.count - 1} more)" if entry.count > 1 else ""
        yield Line(text=f"{_INDENT}line {entry.line}{name}{others}: {entry.text}")
        yield from (
            Line(text=text) for text in _explained(entry, verbose=settings.verbose)
        )
    if diagnosis.not_examined is not None and not settings.quiet:
        yield Line(
            text=(
                f"{'note':8} unlet did not examine this machine: "
                f"{diagnosis.not_examined}"
            )
        )
    roles = list(Role)[: 3 if settings.quiet else None]
    chosen = (each for each in diagnosis.conditions if each.role in roles)
    for condition in sorted(chosen, key=lambda each: roles.index(each.role)):
        text = f"{condition.role:8} {condition.name}: {condition.fact}"
        yield Line(text=text, tone=_TONES.get(condition.role, Tone.PLAIN))
        if settings.verbose or condition.role is not Role.OK:
            yield from (Line(text=f"{_INDENT}{fact}") for fact in condition.evidence)
            yield from (
                Line(text=text) for text in _remedies(_INDENT, condition.remedies or ())
            )


def _explained(entry: LogEntry, *, verbose: bool) -> Iterator[str]:
    """Yield the possible causes of a log line with their remedies, likeliest first.

    Without --verbose, omit the causes that this host does not have, and explain only
    the first _EXPLAINED of the others.
    """
    if verbose:
        for suspect in entry.suspects:
            yield from _suspected(suspect)
        return
    possible = [
        suspect for suspect in entry.suspects if suspect.here is not False
    ] or list(entry.suspects)
    ranked = sorted(possible, key=lambda suspect: suspect.here is not True)
    for suspect in ranked[:_EXPLAINED]:
        yield from _suspected(suspect)
    if others := ranked[_EXPLAINED:]:
        names = ", ".join(suspect.name for suspect in others)
        yield (
            f"{_INDENT}also possible: {names} (--verbose shows their checks and "
            "remedies)"
        )


def _suspected(suspect: Suspect) -> Iterator[str]:
    """Yield a possible cause with its check and its remedies."""
    outcome = {True: " — this host has it", False: " — not on this host", None: ""}[
        suspect.here
    ]
    yield f"{_INDENT}{suspect.name}: {suspect.fact}{outcome}"
    if suspect.here is None:
        indent = f"{_INDENT}  "
        yield f"{indent}check: {suspect.check}"
        yield from _remedies(indent, suspect.remedies)
        yield from _remedies(indent, suspect.on_nixos, place="NixOS, ")


def _remedies(
    indent: str, remedies: Sequence[Remedy], *, place: str = ""
) -> Iterator[str]:
    """Yield the remedies as alternatives, the usual one first.

    A line that begins with `do:` can be pasted into a shell.
    """
    for number, remedy in enumerate(remedies):
        way = "do" if remedy.is_command else "by hand"
        yield f"{indent}{'or ' if number else ''}{place}{way}: {remedy.text}"

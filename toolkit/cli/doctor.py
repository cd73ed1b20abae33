"""`unlet doctor`: why a rootless docker refuses a port below 1024, or does not start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options, output
from toolkit.docker.doctor import diagnosis as told
from toolkit.docker.doctor.diagnosis import Health, State
from toolkit.docker.doctor.examining import DoctorRequest, doctor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.cli.options import Settings
    from toolkit.docker.doctor.diagnosis import Diagnosis

EXIT_CODES = {Health.HEALTHY: 0, Health.ILL: 1, Health.UNCLEAR: 3}

_COLORS = {State.CAUSE: "red", State.EFFECT: "yellow", State.UNKNOWN: "yellow", State.OK: "green"}


@click.command("doctor")
@click.option(
    "--docker",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A docker package or dockerd-rootless to look at, instead of the one that the service starts.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A log to explain as well; - reads it from standard input: journalctl --user -u docker | unlet doctor --log -",
)
@click.option("--elsewhere", is_flag=True, help="The log is of another machine: do not look at this one.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=80,
    show_default=True,
    help="The port that a container should publish.",
)
@options.common
def command(*, docker: Path | None, log: Path | None, elsewhere: bool, port: int) -> int:
    """Tell why rootless docker refuses a port below 1024, or does not start. Changes nothing.

    Exit codes: 0 healthy, 1 a cause was found, 3 something that matters cannot be seen.
    """
    settings = options.settings()
    if elsewhere and log is None:
        raise click.UsageError("--elsewhere goes with --log only")
    if elsewhere:
        options.refuse_together("--elsewhere", {"--docker": docker})
    with output.working(settings) as progress:
        progress.step("looking at this host")
        diagnosis = doctor(DoctorRequest(docker=docker, log=log, elsewhere=elsewhere, port=port))
    if settings.json:
        output.write(told.to_json(diagnosis))
    else:
        output.write_lines(_lines(diagnosis, settings))
    return EXIT_CODES[diagnosis.health]


def _lines(diagnosis: Diagnosis, settings: Settings) -> Iterator[str]:
    yield diagnosis.verdict
    if diagnosis.log is not None:
        for symptom in diagnosis.log.symptoms:
            yield f"{_colored('log'.ljust(8), 'red', settings)} {symptom.name}"
            yield from (f"         {line}" for line in told.symptom_lines(symptom))
    for finding in told.ordered(diagnosis, brief=settings.quiet):
        state = _colored(finding.state.ljust(8), _COLORS.get(finding.state), settings)
        yield f"{state} {finding.name}: {finding.fact}"
        if finding.state is not State.OK or settings.verbose:
            yield from (f"         {line}" for line in told.details(finding))


def _colored(text: str, color: str | None, settings: Settings) -> str:
    wanted = settings.color == "always" or (
        settings.color == "auto" and output.drawn(settings) and "NO_COLOR" not in os.environ
    )
    return click.style(text, fg=color) if wanted and color is not None else text

"""Tell why rootless docker refuses a port below 1024, or does not start: on this host, or by a log."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit.docker.doctor import conditions, lookup, rights, symptoms
from toolkit.docker.doctor.diagnosis import Diagnosis, Finding, Health, State, View
from toolkit.docker.doctor.host.logs import read_log
from toolkit.docker.doctor.host.machine import this_machine
from toolkit.docker.doctor.sight import sight

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.docker.doctor.diagnosis import Log
    from toolkit.docker.doctor.host.machine import Machine
    from toolkit.docker.doctor.sight import Sight

# The more telling, the further in front: what keeps the daemon from starting, then what keeps the port closed.
START = (
    *("rootlesskit", "docker-proxy", "no-new-privileges", "security-wrapper"),
    *("subordinate-ids", "newuidmap", "user-namespaces", "apparmor", "tun"),
)
PORT = (
    "shadowed",
    "nosuid",
    "extended-attributes",
    "capability",
    "bounding-set",
    "port-driver",
    "daemon-age",
    "daemon",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorRequest:
    """One call of `doctor`.

    `docker` is a package of docker or a dockerd-rootless to look at, instead of that which the user's service starts.
    `log` is a file or `-`; with `elsewhere` it is of another machine, and this one is not looked at.
    """

    docker: Path | None = None
    log: Path | None = None
    elsewhere: bool = False
    port: int = 80


def doctor(request: DoctorRequest) -> Diagnosis:
    """Look, and conclude; it changes nothing.

    Raise ToolkitError for root, for a host without rootless docker, and, unless there is a log, for one that is no
    Linux.
    """
    text = read_log(request.log) if request.log is not None else None
    looked = not request.elsewhere and (text is None or platform.system() == "Linux")
    diagnosis = examine(this_machine(), docker=request.docker, port=request.port) if looked else None
    if text is None and diagnosis is not None:
        return diagnosis
    findings = diagnosis.findings if diagnosis is not None else ()
    log = symptoms.read(text or "", name=str(request.log), findings=findings)
    return by_log(log, diagnosis or Diagnosis(health=Health.UNCLEAR, verdict="", port=request.port))


def examine(machine: Machine, *, docker: Path | None = None, port: int = 80) -> Diagnosis:
    """Return what there is to say about a machine."""
    seen = sight(machine, docker=docker, port=port)
    findings = [*lookup.findings(seen), *rights.findings(seen), *conditions.findings(seen)]
    if not any(finding.state is State.CAUSE for finding in findings):
        # An effect without a cause: the cause is then one that is not known here.
        findings = [
            replace(finding, state=State.CAUSE) if finding.state is State.EFFECT else finding for finding in findings
        ]
    findings.sort(key=_rank)
    health, verdict = _verdict(findings, seen)
    views = tuple(
        View(
            seen_by=view.seen_by,
            path=tuple(view.path.split(":")) if view.path else (),
            taken=str(view.taken.path) if view.taken is not None else None,
            hidden=tuple(str(program.path) for program in view.candidates[1:]),
        )
        for view in seen.views
    )
    return Diagnosis(health=health, verdict=verdict, port=port, views=views, findings=tuple(findings))


def by_log(log: Log, diagnosis: Diagnosis) -> Diagnosis:
    """Return a diagnosis with a log beside it: what the log shows and the host has leads the verdict."""
    if not log.symptoms:
        fact = f"{log.name}: none of {log.lines} lines is a known symptom"
        verdict = f"{diagnosis.verdict}; {fact}" if diagnosis.verdict else fact
        return replace(diagnosis, log=log, verdict=verdict)
    facts = {finding.name: finding.fact for finding in diagnosis.findings}
    for symptom in log.symptoms:
        confirmed = [suspect for suspect in symptom.suspects if suspect.here]
        open_ = [suspect for suspect in symptom.suspects if suspect.here is None]
        if confirmed:
            fact = facts.get(confirmed[0].name, confirmed[0].fact)
            return replace(diagnosis, log=log, health=Health.ILL, verdict=f"{symptom.name}: {fact}")
        if len(open_) == 1:
            return replace(diagnosis, log=log, health=Health.ILL, verdict=f"{symptom.name}: {open_[0].fact}")
    first = log.symptoms[0]
    names = ", ".join(suspect.name for suspect in first.suspects if suspect.here is None)
    verdict = f"{first.name}: one of {names}" if names else f"{first.name}: this host does not have its cause any more"
    return replace(diagnosis, log=log, health=Health.ILL, verdict=verdict)


def _rank(finding: Finding) -> int:
    names = (*START, *PORT)
    return names.index(finding.name) if finding.name in names else len(names)


def _verdict(findings: list[Finding], seen: Sight) -> tuple[Health, str]:
    running = seen.daemon is not None
    causes = [finding for finding in findings if finding.state is State.CAUSE]
    unknown = [finding for finding in findings if finding.state is State.UNKNOWN]
    if causes:
        able = any(finding.name == "daemon" and finding.state is State.OK for finding in findings)
        what = f"containers cannot publish port {seen.port}"
        if able and causes[0].name != "port-driver":
            what = f"containers can publish port {seen.port} until the daemon's next start"
        if causes[0].name in START:
            what = "rootless docker will not start again" if running else "rootless docker cannot start"
        more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
        return Health.ILL, f"{what}: {causes[0].fact}{more}"
    if unknown:
        return Health.UNCLEAR, f"nothing wrong is seen, but {unknown[0].fact}"
    which = "the daemon that runs" if running else "the daemon, once it is started"
    return Health.HEALTHY, f"{which} can publish port {seen.port}"

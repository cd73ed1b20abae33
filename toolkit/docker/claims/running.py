"""The claim about what a user gets: a rootless dockerd that the wrapper starts, and a container that answers.

The wrapper is the one that Nix builds from the file, in the store, around the programs of this machine. What the
matrix must look like was measured with dockerd 26, 28 and 29: rootlesskit in the prefix hides a security wrapper
of that name; without any rootlesskit on PATH nothing starts, and before 28 neither does it without the
rootlesskit-docker-proxy beside it, for which there is no security wrapper.

Both routes of the module overlays/privileged-ports.nix are among the rows: its security wrapper beside docker as it
was, and the wrapper that overlays/rewrap.nix makes of that docker.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import rootless
from toolkit.docker import PREFIX_ENTRY, staging
from toolkit.docker.case import BEFORE, require_linux
from toolkit.docker.claims import building, rewrapping
from toolkit.docker.rewrite import demote
from toolkit.docker.steps import Demotion
from toolkit.errors import NotRunError, ToolkitError
from toolkit.nix import evaluator, stores
from toolkit.prove import Finding
from toolkit.rootless import Outcome, PortOutcome
from toolkit.shipped import shipped_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.case import DockerCase
    from toolkit.rootless import Host

REWRAPPED, AFTER, DROP = "rewrapped", "after", "drop"
STAGES = {
    BEFORE: "in front, as it was",
    REWRAPPED: "last, rewrapped (overlay rewrap)",
    AFTER: "last, as it is now",
    DROP: "nowhere",
}
"""Each stage → where on PATH its wrapper has rootlesskit."""

WRAPPERS = (None, "rootlesskit", "docker-rootlesskit")
PORTS = (80, 8080)
FIRST_UNPRIVILEGED = 1024
FORMS = {"script": "a script", "elf": "an ELF file"}

ROUTES = {(BEFORE, "docker-rootlesskit"): "wrapper-name", (REWRAPPED, "rootlesskit"): "rewrap"}
"""A stage and a security wrapper → the route by which overlays/privileged-ports.nix sets just these."""


class Cell(Struct, frozen=True, kw_only=True):
    """A daemon and a port: `stage` and `form` say which wrapper started it, `wrapper` is the security wrapper."""

    stage: str
    form: str
    wrapper: str | None
    port: int
    expected: Outcome
    seen: Outcome

    @property
    def differs(self) -> bool:
        """Return whether it was not as expected; of a daemon that does not start, the cause counts as well."""
        same = self.seen.kind is self.expected.kind
        return not same or (self.seen.kind is PortOutcome.NO_START and self.seen.detail != self.expected.detail)


def runs(case: DockerCase) -> Finding:
    """Start a daemon for each stage and security wrapper, and publish both ports on it."""
    case.require_demoted()
    require_linux()
    with ExitStack() as stack:
        try:
            account, host = rootless.account(), rootless.host()
            rootless.require(host, account, ports=PORTS)
            arguments = _arguments(case, host)
        except ToolkitError as error:
            raise _not_run(error.message, error.hint) from error
        names = [f"{stage}.{form}" for stage in STAGES if stage != REWRAPPED for form in FORMS]
        built = dict(zip(names, evaluator.build(building.EXPRESSION, arguments, names), strict=True))
        overlaid = {**arguments, "overlay": str(shipped_path(f"overlays/{rewrapping.OVERLAY}")), "side": BEFORE}
        # The overlay makes a script of either form.
        (built[f"{REWRAPPED}.script"],) = evaluator.build(rewrapping.BUILD, overlaid, ["rewrapped"])
        source = _rootlesskit(built[f"{BEFORE}.elf"])
        try:
            site = stack.enter_context(rootless.site(host, account, busybox=Path(arguments["busybox"])))
            site.add_wrappers(WRAPPERS, rootlesskit=source)
        except ToolkitError as error:
            raise _not_run(error.message, error.hint) from error
        planned = list(_planned(case))
        rows = [
            rootless.Row(program=built[f"{stage}.{form}"] / building.WRAPPER, wrapper=wrapper)
            for stage, form, wrapper in planned
        ]
        outcomes = rootless.run(site, rows, ports=PORTS)
    cells = [
        Cell(
            stage=stage,
            form=form,
            wrapper=wrapper,
            port=port,
            expected=expected(stage, wrapper, port, needs_proxy=host.needs_proxy),
            seen=seen,
        )
        for (stage, form, wrapper), row in zip(planned, outcomes, strict=True)
        for port, seen in zip(PORTS, row, strict=True)
    ]
    unable = next((cell.seen for cell in cells if cell.seen.kind is PortOutcome.UNABLE), None)
    if unable is not None:
        raise _not_run(unable.detail, unable.hint)
    return Finding(
        covers=f"{len(rows)} daemons, {len(cells)} ports, dockerd {host.version}, wrapper as {FORMS[planned[0][1]]}",
        failures=tuple(_told(cell) for cell in cells if cell.differs),
        evidence=tuple(matrix(cells)),
        commands=(
            evaluator.build_line(building.EXPRESSION, arguments, names),
            evaluator.build_line(rewrapping.BUILD, overlaid, ["rewrapped"]),
            "sudo unlet check --run",
        ),
    )


def expected(stage: str, wrapper: str | None, port: int, *, needs_proxy: bool) -> Outcome:
    """Return what must become of a port; a security wrapper is for ports below 1024."""
    if stage == DROP and wrapper is None:
        return rootless.missing("rootlesskit")
    if stage == DROP and needs_proxy:
        return rootless.missing("docker-proxy")
    hidden = stage == BEFORE and wrapper == "rootlesskit"
    privileged = wrapper is not None and not hidden
    return Outcome(kind=PortOutcome.ANSWERS if privileged or port >= FIRST_UNPRIVILEGED else PortOutcome.REFUSED)


def matrix(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the lines of a table in Markdown, a row for each daemon."""
    ports = (f"port {port}" for port in PORTS)
    rows = [("rootlesskit on PATH", "security wrapper", "module's route", "daemon", *ports)]
    for start in range(0, len(cells), len(PORTS)):
        daemon = cells[start : start + len(PORTS)]
        first = daemon[0]
        unusual = first.form != cells[0].form and first.stage != REWRAPPED
        where = STAGES[first.stage] + (f" ({FORMS[first.form]})" if unusual else "")
        wrapper = first.wrapper or "none"
        route = ROUTES.get((first.stage, wrapper), "-")
        started = first.seen.kind is not PortOutcome.NO_START
        state = "starts" if started else first.seen.detail
        rows.append((where, wrapper, route, state, *(str(c.seen.kind) if started else "-" for c in daemon)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        yield f"| {' | '.join(map(str.ljust, row, widths))} |"
        if number == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"


def _planned(case: DockerCase) -> Iterator[tuple[str, str, str | None]]:
    """Yield stage, form and security wrapper of each daemon.

    All but the overlay's are in the form that the file makes, one of them in the other as well.
    """
    usual, other = ("elf", "script") if "makeBinaryWrapper" in case.before.file.formals else ("script", "elf")
    for stage in STAGES:
        if stage == REWRAPPED:
            yield from ((stage, "script", wrapper) for wrapper in (None, "rootlesskit"))
        else:
            yield from ((stage, usual, wrapper) for wrapper in WRAPPERS)
    yield AFTER, other, "rootlesskit"


def _arguments(case: DockerCase, host: Host) -> dict[str, str]:
    """Lay out the stages of the series; return what build.nix needs for wrappers that run this machine's programs."""
    if stores.physical(stores.STORE) != stores.STORE:
        raise ToolkitError(
            f"nix: the store is at '{stores.physical(stores.STORE)}', so nothing in it can be started",
            hint="start the nix-daemon",
        )
    name = str(case.target)
    dropped = demote.rewrite(case.before_demotion.file, Demotion.DROP)
    contents = {BEFORE: case.before.content, AFTER: case.require_demoted().content, DROP: dropped.encode()}
    laid_out = staging.case(contents, name=name, source=case.source)
    return {
        "case": str(laid_out.question),
        **building.builder(case),
        "programs": json.dumps(host.packages()),
        "launcher": str(rootless.launcher(host)),
    }


def _rootlesskit(moby: Path) -> Path:
    """Return the program that a security wrapper has as its source: the one that moby was built with."""
    order = building.read_wrapper(moby / building.WRAPPER)
    found = next(filter(building.is_rootlesskit, order.prefix + order.suffix), None)
    if found is None:
        raise ToolkitError(f"{moby / building.WRAPPER}: {PREFIX_ENTRY} is not on its PATH")
    return Path(found) / PREFIX_ENTRY


def _told(cell: Cell) -> str:
    where = f"{STAGES[cell.stage]} ({FORMS[cell.form]}), security wrapper {cell.wrapper or 'none'}, port {cell.port}"
    wanted = f"{cell.expected.kind} ({cell.expected.detail})" if cell.expected.detail else str(cell.expected.kind)
    got = f"{cell.seen.kind} ({cell.seen.detail})" if cell.seen.detail else str(cell.seen.kind)
    return f"rootlesskit {where}: {got} instead of {wanted}"


def _not_run(fact: str, hint: str | None) -> NotRunError:
    return NotRunError(f"{fact}; {hint}" if hint else fact)

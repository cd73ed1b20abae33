"""A draft of the pull request, in the form of nixpkgs' .github/PULL_REQUEST_TEMPLATE.md.

A box is ticked where a proof that passed shows what the box says, and nowhere else. The proofs on stand-in
packages build nothing real, hence tick none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.emit import comparison
from toolkit.emit.markdown import cell, fence
from toolkit.model import Demotion, Status, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.model import Proof, Report

NO_REBUILD = "no-rebuild"
"""The name of the proof that stands behind the zero-rebuild claim."""

NO_REBUILD_IN_SET = "tree-no-rebuild"
"""The name of the one that finds the same in the real package set."""

_NIXPKGS = "https://github.com/NixOS/nixpkgs/blob/master"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box of the template; `proof` is the name of the proof that ticks it, None for what only people can."""

    text: str
    proof: str | None = None
    level: int = 0


# A proof's name ends with the system where it holds for one system only.
BOXES = (
    Box(text="x86_64-linux", proof="built-x86_64-linux", level=1),
    Box(text="aarch64-linux", proof="built-aarch64-linux", level=1),
    Box(text="x86_64-darwin", proof="built-x86_64-darwin", level=1),
    Box(text="aarch64-darwin", proof="built-aarch64-darwin", level=1),
    Box(text="[NixOS tests] in [nixos/tests].", proof="vm", level=1),
    Box(text="[Package tests] at `passthru.tests`.", level=1),
    Box(text='Tests in [lib/tests] or [pkgs/test] for functions and "core" functionality.', level=1),
    Box(text="Ran `nixpkgs-review` on this PR. See [nixpkgs-review usage].", proof="nixpkgs-review"),
    Box(text="Tested basic functionality of all binary files, usually in `./result/bin/`."),
    Box(text="Package update: when the change is major or breaking.", level=1),
    Box(text="Module addition: when adding a new NixOS module.", level=1),
    Box(text="Module update: when the change is significant.", level=1),
    Box(text="Fits [CONTRIBUTING.md], [pkgs/README.md], [maintainers/README.md] and other READMEs."),
    Box(text="Follows the [automation/AI policy]."),
)

# The template's headings, by the index of the box that they stand above.
_HEADINGS = {
    0: "Built on platform:",
    4: "Tested, as applicable:",
    9: "Nixpkgs Release Notes",
    10: "NixOS Release Notes",
}

_LINKS = (
    "[NixOS tests]: https://nixos.org/manual/nixos/unstable/index.html#sec-nixos-tests",
    f"[Package tests]: {_NIXPKGS}/pkgs/README.md#package-tests",
    "[nixpkgs-review usage]: https://github.com/Mic92/nixpkgs-review#usage",
    f"[CONTRIBUTING.md]: {_NIXPKGS}/CONTRIBUTING.md",
    f"[automation/AI policy]: {_NIXPKGS}/CONTRIBUTING.md#automationai-policy",
    f"[lib/tests]: {_NIXPKGS}/lib/tests",
    f"[maintainers/README.md]: {_NIXPKGS}/maintainers/README.md",
    f"[nixos/tests]: {_NIXPKGS}/nixos/tests",
    f"[pkgs/README.md]: {_NIXPKGS}/pkgs/README.md",
    f"[pkgs/test]: {_NIXPKGS}/pkgs/test",
)

_LEAD = """\
<!-- A draft: read it, run what is missing, tick what you ran, and delete this line. -->

The packages that docker is made of are bound inside of `dockerGen`'s `let … in`. An override cannot reach them, which
the file itself has as a TODO, and the `dockerd-rootless` wrapper hides a rootlesskit security wrapper. This series
mends both, one commit each.
"""

_USAGE = """\
## What can be done with it

```nix
docker.override {
  moby = docker.moby.overrideAttrs (old: { patches = (old.patches or [ ]) ++ [ ./fix.patch ]; });
}
```

Until now this was an error, and replacing `moby` with `overrideAttrs` changed the attribute only: the built package
went on linking the old one. Existing overrides (`docker.override { iptables = …; }`, `clientOnly`, `runcRev`, …) and
the derivation attributes `docker.moby`, `docker.docker-runc` and so on stay as they are.
"""

_STRATEGIES = {
    Strategy.SENTINEL: """\
The definitions move, unchanged, into `componentsGen` above `dockerGen` (`git show --color-moved`). `dockerGen` takes
the components as required parameters, and `callDocker` sets each to `null`, which stands for the default.
""",
    Strategy.IN_PLACE: """\
`dockerGen` takes the components as required parameters, and `callDocker` sets each to `null`, which stands for the
default. The definitions stay where they are, under the names `default-moby` and so on.
""",
    Strategy.PARAMETER: """\
The components become parameters of `dockerGen` with today's definitions as defaults. Please note that `callPackage`
fills such parameters from the package set as soon as it has an attribute of that name: an unrelated `moby` would end up
in docker, an alias `moby = throw …` would fail, and an overlay with `moby = prev.docker.moby` would not end.
""",
}

_OTHER_DESIGNS = """
Other designs that were looked at: a parameter with a default (`moby ? buildGoModule …`) is filled by `callPackage`
from the package set as soon as that has a `moby`, related or not, and an overlay with `moby = prev.docker.moby` does
not end. Components that are built outside and passed in do not follow `docker.override { version = …; }`.
"""

_EARLIER = """
Earlier attempts at the same goal: #549926, #202437 and #192887.
"""

_SUFFIX = """\
## Second commit: why rootlesskit is moved and not removed

`dockerd-rootless.sh` takes the first `rootlesskit` on `PATH`. The wrapper puts ours in front, so that a security
wrapper with `CAP_NET_BIND_SERVICE` in `/run/wrappers/bin` is never found, and rootless containers cannot publish ports
below 1024. With `--suffix` the security wrapper is found first.

Removing it would not do. Without a security wrapper the daemon does not start at all, and dockerd before 28 looks up
`rootlesskit-docker-proxy`, a program of the same package for which there is no security wrapper, on `PATH`.

The price: any `rootlesskit` on the caller's `PATH` now comes before the one that docker was built with.
"""

_DROP = """\
## Second commit: rootlesskit is removed from the wrapper

`dockerd-rootless.sh` takes the first `rootlesskit` on `PATH`. The wrapper puts ours in front, so that a security
wrapper with `CAP_NET_BIND_SERVICE` in `/run/wrappers/bin` is never found, and rootless containers cannot publish ports
below 1024.

**This breaks users who have no other rootlesskit on `PATH`**: their daemon does not start. dockerd before 28 also needs
`rootlesskit-docker-proxy` from the same package on `PATH`. Moving it to `--suffix` does not have this problem.
"""


def draft(report: Report, *, releases: Sequence[str]) -> bytes:
    """Return pull-request.md; `releases` are the attributes that the target file exports (`docker_NN`)."""
    proposal = report.proposal
    strategy = _STRATEGIES[proposal.strategy] if proposal.strategy is not None else ""
    if proposal.strategy is not Strategy.PARAMETER:
        strategy += _OTHER_DESIGNS
    parts = (
        f"# {_title(report)}\n",
        _LEAD,
        _commits(report),
        _USAGE,
        f"## First commit: how\n\n{strategy}{_EARLIER}",
        "\n".join(_rebuilds(report, releases)),
        _SUFFIX if proposal.demotion is Demotion.SUFFIX else _DROP,
        "\n".join(_checked(report)),
        "\n".join(_boxes(report)),
        "\n".join(_LINKS) + "\n",
    )
    return "\n".join(parts).encode(errors="backslashreplace")


def _title(report: Report) -> str:
    demotion = "look up rootlesskit last" if report.proposal.demotion is Demotion.SUFFIX else "remove rootlesskit"
    return f"docker: make components overridable, {demotion} in dockerd-rootless"


def _commits(report: Report) -> str:
    return "".join(f"{number}. `{commit.subject}`\n" for number, commit in enumerate(report.proposal.commits, start=1))


def _rebuilds(report: Report, releases: Sequence[str]) -> Iterator[str]:
    packages = " ".join(f"-A {name}" for name in ("docker", "docker-client", *releases))
    parts = " ".join(f"-A docker.{name}" for name in ("moby", "docker-runc", "docker-containerd", "docker-tini"))
    yield "## First commit: nothing is rebuilt"
    yield ""
    yield "This prints the same derivations on the base and on the first commit (`NIXPKGS_ALLOW_INSECURE` is for"
    yield "releases past their end of life):"
    yield ""
    yield fence(
        (
            "for system in x86_64-linux aarch64-linux aarch64-darwin; do",
            "  NIXPKGS_ALLOW_INSECURE=1 nix-instantiate . --argstr system $system \\",
            f"    {packages} \\",
            f"    {parts}",
            "done",
        ),
        "sh",
    )
    yield ""
    proof = _passed(report, NO_REBUILD)
    if proof is None:
        yield "<!-- unlet did not prove this for the series at hand. Run the command above, or drop the claim. -->"
    else:
        yield f"With stand-ins for all other packages it was found so: {proof.covers}."
    if (in_set := _passed(report, NO_REBUILD_IN_SET)) is not None:
        yield f"In the package set itself as well: {in_set.covers}."
    yield ""


def _checked(report: Report) -> Iterator[str]:
    yield "## What was checked"
    yield ""
    source = report.proposal.source
    where = f"nixpkgs commit {source.commit}" if source.commit is not None else "a file of no known commit"
    yield f"The series was prepared on {where} with `unlet`, a deterministic tool that rewrites the file and evaluates"
    yield "it before and after. Its checks ran on stand-ins for docker's dependencies, unless one says otherwise:"
    yield ""
    yield "| check | result | covers |"
    yield "|---|---|---|"
    for proof in report.proofs:
        separator = ", " if proof.status is Status.NOT_RUN else ": "
        reason = f"{separator}{proof.reason}" if proof.reason is not None else ""
        yield f"| {cell(proof.claim)} | {cell(f'{proof.status}{reason}')} | {cell(proof.covers)} |"
    yield ""
    if report.comparison:
        yield "The designs side by side, each put through the same checks:"
        yield ""
        yield from comparison.markdown(report.comparison)
        yield ""


def _boxes(report: Report) -> Iterator[str]:
    yield "## Things done"
    yield ""
    for index, box in enumerate(BOXES):
        if (heading := _HEADINGS.get(index)) is not None:
            yield f"- {heading}"
        tick = "x" if box.proof is not None and _passed(report, box.proof) is not None else " "
        yield f"{'  ' * box.level}- [{tick}] {box.text}"
    yield ""


def _passed(report: Report, name: str) -> Proof | None:
    return next((proof for proof in report.proofs if proof.name == name and proof.status is Status.PASSED), None)

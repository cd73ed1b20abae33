"""Claims about a file: Nix can parse it, nixfmt keeps it, git applies the patches."""

import shlex
from functools import partial
from pathlib import Path, PurePosixPath

from toolkit import process
from toolkit.errors import ToolkitError, tried
from toolkit.git import diffs, patching
from toolkit.nix import program
from toolkit.proposal.prove import ANY, Case, Claim, Finding, Stage, Subject

NO_NIXFMT = "nixfmt is not installed; 'nix-shell -p nixfmt' has it"


def parses(case: Case[Stage]) -> Finding:
    """Parse the file with Nix at every stage."""
    paths = [stage.path for stage in case.stages]
    program.parse(paths)
    return Finding(
        covers=f"{len(paths)} files",
        evidence=tuple(f"{stage.name}: {case.target}" for stage in case.stages),
        commands=(program.parse_command(paths).line,),
    )


def formatted(case: Case[Stage]) -> Finding:
    """Compare each stage with nixfmt's output, if the original file is formatted."""
    formatter = process.find("nixfmt")
    if formatter is None:
        return Finding(covers="nothing", not_run=f"because {NO_NIXFMT}")
    version = process.run([str(formatter), "--version"]).text
    if not is_formatted(formatter, case.before.content):
        return Finding(
            covers="nothing",
            not_run=(
                "because the unchanged file is not in the format of this "
                f"{version} either"
            ),
        )
    failures = [
        f"{stage.name}: nixfmt would reformat the file"
        for stage in case.stages[1:]
        if not is_formatted(formatter, stage.content)
    ]
    return Finding(
        covers=f"{len(case.stages)} files, {version}",
        failures=tuple(failures),
        commands=(
            shlex.join(
                ["nixfmt", "--check", *(str(stage.path) for stage in case.stages)]
            ),
        ),
    )


def is_formatted(formatter: Path, content: bytes) -> bool:
    """Return whether nixfmt leaves a file unchanged.

    nixfmt reads standard input, so it cannot write to a file.
    """
    completed = process.run([str(formatter), "-"], stdin=content, ok=None)
    return completed.status == 0 and completed.stdout == content


LINTERS: dict[str, tuple[str, ...]] = {
    "nixf-diagnose": (
        *(
            "--ignore=sema-unused-def-lambda-noarg-formal",
            "--ignore=sema-unused-def-lambda-witharg-arg",
        ),
        *(
            "--ignore=sema-unused-def-lambda-witharg-formal",
            "--ignore=sema-unused-def-let",
        ),
        *("--ignore=sema-primop-removed-prefix", "--ignore=sema-primop-overridden"),
        *("--ignore=sema-constant-overridden", "--ignore=sema-primop-unknown"),
    ),
    "editorconfig-checker": ("-disable-indent-size", "-disable-charset"),
    "keep-sorted": ("--mode", "lint"),
}
"""The further linters of nixpkgs' CI, with their options (ci/treefmt.nix there)."""


def linted(case: Case[Stage]) -> Finding:
    """Check each stage with the installed linters that accept the original file."""
    linters = {
        name: path for name in LINTERS if (path := process.find(name)) is not None
    }
    if not linters:
        return Finding(
            covers="nothing",
            not_run=(
                f"because {next(iter(LINTERS))} and the other linters are not on PATH"
            ),
        )
    runs = {
        name: [
            process.run(
                [str(path), *LINTERS[name], stage.path.name],
                cwd=stage.path.parent,
                ok=None,
            )
            for stage in case.stages
        ]
        for name, path in linters.items()
    }
    known = [name for name, (before, *_) in runs.items() if before.status]
    if len(known) == len(runs):
        return Finding(
            covers="nothing",
            not_run=f"because {', '.join(known)} already reject the unchanged file",
        )
    complaints: list[tuple[str, process.Completed]] = []
    for name, done in runs.items():
        if name not in known:
            complaints += [(name, each) for each in done if each.status]
    return Finding(
        covers=", ".join(linters),
        failures=tuple(
            f"{name}: {' '.join((each.text or each.stderr).split()) or 'fails'}"
            for name, each in complaints
        ),
        gaps=tuple(f"{name}: already rejects the unchanged file" for name in known),
        commands=tuple(
            shlex.join([name, *LINTERS[name], str(case.after.path)]) for name in linters
        ),
    )


def applies(case: Case[Stage]) -> Finding:
    """Apply the diff and the commits to a clean checkout, and compare results."""
    if not case.patches:
        return _applies_alone(case)
    before, wanted = case.source.content, [stage.content for stage in case.stages[1:]]
    diffed = tried(partial(patching.apply, before, case.target, case.upstream_diff))
    stacked = patching.stack({case.target: before}, case.patches)
    failures: list[str] = []
    if isinstance(diffed, ToolkitError):
        failures.append(f"upstream.diff: {diffed.message.removeprefix('patch: ')}")
    elif stacked.failure is not None:
        failures.append(f"series: {stacked.failure}")
    elif [files.get(case.target) for files in stacked.after] != wanted:
        failures.append("the commits and the rewrite give different files")
    elif diffed != wanted[-1]:
        failures.append("the diff and the rewrite give different files")
    read = diffs.read_diff(case.upstream_diff, "the diff")
    for name, diff in {
        "the diff": case.upstream_diff,
        **{each.name: each.content for each in case.patches},
    }.items():
        if (touched := diffs.touched(diff, name)) != (case.target,):
            failures.append(f"{name} touches {', '.join(map(str, touched))}")
    mails = "1 patch" if len(case.patches) == 1 else f"{len(case.patches)} patches"
    return Finding(
        covers=f"{mails}, {read.added} lines added, {read.removed} removed",
        failures=tuple(failures),
        evidence=("git apply and git am, each on a commit with the original file",),
        commands=_commands(case.target, case.before.path),
    )


def _commands(target: PurePosixPath, copy: Path) -> tuple[str, ...]:
    """Return the commands that repeat this proof, in the proposal's directory.

    `copy` is the original file.
    """
    path = shlex.quote(str(target))
    prepare = (
        "git init --quiet checkout && mkdir -p "
        f"checkout/{shlex.quote(str(target.parent))}"
        f" && cp {shlex.quote(str(copy))} checkout/{path}"
        f" && git -C checkout add {path} && git -C checkout commit --quiet "
        "--message=base"
    )
    return (
        prepare,
        "git -C checkout apply --check ../upstream.diff",
        "(cd checkout && git am ../series/*.patch)",
    )


def _applies_alone(case: Case[Stage]) -> Finding:
    """Apply somebody's patch to this file alone: other files may be unavailable."""
    applied = patching.apply(case.source.content, case.target, case.upstream_diff)
    failures = (
        ()
        if applied == case.after.content
        else ("the patch gives another file than the one that was judged",)
    )
    files = [
        file
        for file in diffs.read_diff(case.upstream_diff, "the patch")
        if file.path == str(case.target)
    ]
    others = [
        str(path) for path in diffs.touched(case.upstream_diff) if path != case.target
    ]
    added, removed = (
        sum(file.added for file in files),
        sum(file.removed for file in files),
    )
    return Finding(
        covers=f"{case.target.name}, {added} lines added, {removed} removed",
        failures=failures,
        evidence=(
            "git apply, on this file alone",
            *(f"not tried: {path}" for path in others),
        ),
    )


WRITTEN = ANY - {Subject.OVERLAY}

LINT: Claim[Case[Stage]] = Claim(
    "lint",
    "the linters of nixpkgs' CI accept the result",
    linted,
    applies_to=WRITTEN,
)
CLAIMS: tuple[Claim[Case[Stage]], ...] = (
    Claim("parse", "Nix can parse the file before and after each commit", parses),
    Claim(
        "format",
        "nixfmt would not change the result",
        formatted,
        applies_to=WRITTEN,
    ),
    Claim(
        "applies",
        "the diff and the commits apply to a clean checkout",
        applies,
        applies_to=WRITTEN,
    ),
)

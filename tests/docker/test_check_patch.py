"""Somebody else's change of docker's file: which of the two steps it makes, and what is said of it."""

from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from tests.diffs import diff
from tests.docker.conftest import drafted
from tests.progress import Steps
from toolkit import specimen
from toolkit.docker import TARGET
from toolkit.docker.case import LIFTED
from toolkit.docker.claims import catalogue as proofs
from toolkit.docker.proposals import DROP_WARNING
from toolkit.docker.steps import Demotion, steps
from toolkit.model import Report, SourceRequest
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest

BEFORE = (specimen.path() / TARGET).read_text()
OTHER_FILE = (
    "diff --git a/doc/x.md b/doc/x.md\n--- a/doc/x.md\n+++ b/doc/x.md\n@@ "
    "-1 +1 @@\n-old\n+new\n"
)
FLAG = '--prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"'
SUFFIX = ' \\\n              --suffix PATH : "${lib.makeBinPath [ rootlesskit ]}"'
LISTED = "              rootlesskit\n              slirp", "              slirp"
BUILT = "buildGoModule (\n", "(x: buildGoModule x) (\n"
TODO = (
    next(
        line
        for line in BEFORE.splitlines(keepends=True)
        if "# TODO: move packages" in line
    ),
    "",
)
NOT_LIFTED = dict.fromkeys(("no-rebuild", "overridable", "capture-safe"), "not run")
OF_THE_LIFT = {"no-rebuild", "compatible", "passthru", "meta", "overrides", "readers"}


def statuses(report: Report) -> dict[str, str]:
    return {proof.name: str(proof.status) for proof in report.proofs}


def reason(report: Report, name: str) -> str:
    (proof,) = (proof for proof in report.proofs if proof.name == name)
    return "\n".join((proof.reason or "", *proof.evidence))


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Report]:
    def judge(patch: str | bytes, names: Collection[str] = ()) -> Report:
        path = tmp_path / "theirs.patch"
        path.write_bytes(patch if isinstance(patch, bytes) else patch.encode())
        change = ChangeRequest(patch=path, source=SourceRequest(nixpkgs="specimen"))
        return check(
            CheckRequest(target="docker", change=change, proofs=tuple(names)),
            progress=Steps(),
        )

    return judge


def test_both_changes_at_once_are_proven_by_what_they_change(
    judge: Callable[..., Report], proposals: Callable[..., tuple[Path, Report]]
) -> None:
    report = judge((proposals()[0] / "upstream.diff").read_bytes())
    # Two never run for a patch of somebody else on this machine.
    not_run = {"format", "overlay", *OF_THE_LIFT}
    assert statuses(report) == {
        claim.name: "not run" if claim.name in not_run else "passed"
        for claim in proofs.CLAIMS
    }
    assert "one patch makes both changes" in reason(report, "no-rebuild")
    assert (report.proposal.steps, report.warnings) == (
        steps(None, Demotion.SUFFIX),
        (),
    )


@pytest.mark.parametrize(
    ("edits", "found", "said"),
    [
        (
            ((FLAG, FLAG + SUFFIX), LISTED),
            NOT_LIFTED | {"exact-change": "passed"},
            "does not move the components",
        ),
        ((LISTED,), {"exact-change": "passed", "builds": "passed"}, ""),
        (
            ((FLAG, FLAG + SUFFIX),),
            {"exact-change": "failed", "builds": "failed"},
            "is in the prefix and suffix of moby's PATH",
        ),
        # A new way of building that no override reaches is not called wrong.
        ((BUILT,), {"overridable": "failed"}, ""),
        (
            (BUILT, TODO),
            {"overridable": "not run"},
            "unknown: the file has a new structure",
        ),
        (
            (("  docker_29 =", "  # more\n  docker_29 ="),),
            {"no-rebuild": "passed", "overridable": "failed"},
            "",
        ),
    ],
    ids=["demoted", "dropped", "suffix too", "TODO", "no TODO", "comment"],
)
def test_change_is_judged_as_what_it_is(
    judge: Callable[..., Report],
    edits: tuple[tuple[str, str], ...],
    found: dict[str, str],
    said: str,
) -> None:
    after = BEFORE
    for old, new in edits:
        assert old in after
        after = after.replace(old, new)
    report = judge(diff(str(TARGET), BEFORE, after), found)
    assert statuses(report) == found
    assert any(said in reason(report, name) for name in found)
    assert report.warnings == ((DROP_WARNING,) if edits == (LISTED,) else ())


def test_other_files_of_a_patch_are_left_out_and_said_so(
    judge: Callable[..., Report],
) -> None:
    report = judge(
        diff(str(TARGET), BEFORE, drafted().texts[LIFTED]) + OTHER_FILE,
        ["applies", "no-rebuild"],
    )
    assert statuses(report) == {"applies": "passed", "no-rebuild": "passed"}
    assert report.warnings == (
        "the proofs do not cover other files of the patch: doc/x.md",
    )
    assert "not tried: doc/x.md" in reason(report, "applies")


@pytest.mark.parametrize(
    ("passthru", "status", "said"),
    [
        ("old.passthru // { inherit docker-runc; }", "passed", ""),
        (
            "builtins.seq old.passthru.overrideModAttrs { inherit docker-runc; }",
            "not run",
            (
                "because Nix cannot evaluate the change in the specimen's package set: "
                "attribute 'overrideModAttrs'"
            ),
        ),
        (
            'builtins.seq (throw "a mistake") { inherit docker-runc; }',
            "failed",
            "no longer evaluates",
        ),
    ],
    ids=["as the stand-in has it", "more than the stand-in has", "a mistake"],
)
def test_patch_is_not_blamed_for_gaps_of_a_stand_in(
    judge: Callable[..., Report], passthru: str, status: str, said: str
) -> None:
    head, _, rest = BEFORE.partition("      moby = buildGoModule (")
    moby_text, plugins, rest = rest.partition("      plugins =\n")
    fixed = moby_text.replace("${docker-runc}", "@runc@").rstrip().removesuffix(";")
    reads = 'builtins.replaceStrings [ "@runc@" ] [ "${finalAttrs.passthru.docker-runc}" ] old.installPhase'
    change = (
        f"lib.optionalAttrs stdenv.hostPlatform.isLinux {{ passthru = "
        f"{passthru}; installPhase = {reads}; }}"
    )
    after = (
        f"{head}      moby = (buildGoModule ({fixed}).overrideAttrs (finalAttrs: "
        f"old: {change});\n\n{plugins}{rest}"
    )
    report = judge(
        diff(str(TARGET), BEFORE, after), ["no-rebuild", "compatible", "builds"]
    )
    assert statuses(report) == dict.fromkeys(
        ("no-rebuild", "compatible", "builds"), status
    )
    assert said in reason(report, "no-rebuild")

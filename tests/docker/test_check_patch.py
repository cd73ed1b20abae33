import difflib
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from tests import specimens
from tests.docker.conftest import Draft
from tests.progress import Steps
from toolkit import specimen
from toolkit.docker.case import BEFORE, LIFTED
from toolkit.docker.claims import catalogue as proofs
from toolkit.docker.proposals import DROP_WARNING
from toolkit.docker.steps import Demotion, steps
from toolkit.model import Report, SourceRequest
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest

TARGET = "pkgs/applications/virtualization/docker/default.nix"
OTHER_FILE = "diff --git a/doc/x.md b/doc/x.md\n--- a/doc/x.md\n+++ b/doc/x.md\n@@ -1 +1 @@\n-old\n+new\n"


def statuses(report: Report) -> dict[str, str]:
    return {proof.name: str(proof.status) for proof in report.proofs}


def reason(report: Report, name: str) -> str:
    (proof,) = (proof for proof in report.proofs if proof.name == name)
    return "\n".join((proof.reason or "", *proof.evidence))


def diff_between(before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{TARGET}", f"b/{TARGET}"
    )
    return "".join(lines)


OF_THE_LIFT = {"no-rebuild", "compatible", "passthru", "meta", "overrides", "readers"}


class TestForeignPatch:
    @pytest.fixture
    def judge(self, tmp_path: Path) -> Callable[..., Report]:
        def judge(patch: str | bytes, *names: str, nixpkgs: str = "specimen") -> Report:
            path = tmp_path / "theirs.patch"
            path.write_bytes(patch if isinstance(patch, bytes) else patch.encode())
            change = ChangeRequest(patch=path, source=SourceRequest(nixpkgs=nixpkgs))
            request = CheckRequest(target="docker", change=change, proofs=names)
            return check(request, progress=Steps())

        return judge

    @staticmethod
    def outcome(*, failed: Collection[str] = (), not_run: Collection[str] = ()) -> dict[str, str]:
        """Return the statuses of all proofs; two never run for a patch of somebody else on this machine."""
        never = {"format", "overlay", *not_run}
        return {
            claim.name: "failed" if claim.name in failed else "not run" if claim.name in never else "passed"
            for claim in proofs.CLAIMS
        }

    def test_both_changes_at_once_are_proven_by_what_they_change(
        self, judge: Callable[..., Report], proposals: Callable[..., tuple[Path, Report]]
    ) -> None:
        report = judge((proposals()[0] / "upstream.diff").read_bytes())
        assert statuses(report) == self.outcome(not_run=OF_THE_LIFT)
        assert "one patch makes both changes" in reason(report, "no-rebuild")
        assert report.proposal.steps == steps(None, Demotion.SUFFIX)
        assert report.warnings == ()

    def test_new_way_of_building_that_no_override_reaches_is_not_called_wrong(
        self, judge: Callable[..., Report]
    ) -> None:
        before = (specimen.path() / TARGET).read_text()
        todo = next(line for line in before.splitlines() if "# TODO: move packages" in line)
        built = before.replace("buildGoModule (\n", "(x: buildGoModule x) (\n")
        report = judge(diff_between(before, built), "overridable")
        assert statuses(report) == {"overridable": "failed"}
        report = judge(diff_between(before, built.replace(f"{todo}\n", "")), "overridable")
        assert statuses(report) == {"overridable": "not run"}
        assert reason(report, "overridable").startswith("unknown: the file is built in a new way")

    def test_demotion_alone_passes_what_is_about_it(
        self, judge: Callable[..., Report], draft: Callable[..., Draft]
    ) -> None:
        series = draft()
        after = series.texts[BEFORE]
        flag = '--prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"'
        assert after.count(flag) == 1
        after = after.replace(flag, f'{flag} \\\n              --suffix PATH : "${{lib.makeBinPath [ rootlesskit ]}}"')
        after = after.replace("              rootlesskit\n              slirp", "              slirp")
        report = judge(diff_between(series.texts[BEFORE], after))
        names = {*OF_THE_LIFT, "overridable", "capture-safe"}
        assert statuses(report) == self.outcome(not_run=names)
        assert reason(report, "no-rebuild") == "because the patch leaves the components where they are"

    def test_deletion_of_rootlesskit_is_judged_as_such_and_warned_of(
        self, judge: Callable[..., Report], draft: Callable[..., Draft]
    ) -> None:
        before = draft().texts[BEFORE]
        after = before.replace("              rootlesskit\n              slirp", "              slirp")
        report = judge(diff_between(before, after))
        assert {step.name: step.design for step in report.proposal.steps}["demote"] == Demotion.DROP
        assert report.failed == ()
        assert report.warnings == (DROP_WARNING,)

    def test_suffix_beside_the_prefix_is_no_demotion(
        self, judge: Callable[..., Report], draft: Callable[..., Draft]
    ) -> None:
        before = draft().texts[BEFORE]
        flag = '--prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"'
        after = before.replace(flag, f"{flag} --suffix PATH : ${{lib.makeBinPath [ rootlesskit ]}}")
        report = judge(diff_between(before, after), "exact-change", "builds")
        assert statuses(report) == {"exact-change": "failed", "builds": "failed"}
        assert "place in moby's PATH is 'prefix and suffix'" in reason(report, "exact-change")
        assert report.warnings == ()

    def test_naive_moby_parameter_leaves_the_others_where_they_are(
        self, judge: Callable[..., Report], draft: Callable[..., Draft]
    ) -> None:
        before = draft().texts[BEFORE]
        after = before.replace("      mobyHash,\n", "      moby ? null,\n      mobyHash,\n", 1)
        after = after.replace(
            "      moby = buildGoModule (",
            "      chosen = if moby != null then moby else default;\n      default = buildGoModule (",
            1,
        )
        after = after.replace("${moby}/", "${chosen}/").replace(
            "          moby\n          ;\n      }\n    );", "          ;\n        moby = chosen;\n      }\n    );"
        )
        report = judge(diff_between(before, after))
        assert statuses(report) == self.outcome(
            failed={"no-rebuild", "overridable", "compatible", "capture-safe", "readers"}, not_run={"exact-change"}
        )
        # callPackage fills the parameter from the set, which has a throwing alias of its name.
        assert "docker_29 on x86_64-linux: does not evaluate any more" in reason(report, "overridable")

    def test_other_files_of_a_patch_are_left_out_and_said_so(
        self, judge: Callable[..., Report], draft: Callable[..., Draft]
    ) -> None:
        series = draft()
        report = judge(diff_between(series.texts[BEFORE], series.texts[LIFTED]) + OTHER_FILE)
        assert statuses(report) == self.outcome(not_run={"exact-change"})
        assert report.warnings == ("not covered by the proofs, other files of the patch: doc/x.md",)
        assert "not tried: doc/x.md" in reason(report, "applies")

    def test_change_of_neither_kind_overrides_nothing(
        self, judge: Callable[..., Report], draft: Callable[..., Draft]
    ) -> None:
        before = draft().texts[BEFORE]
        report = judge(diff_between(before, f"{before}# more\n"), "no-rebuild", "overridable")
        assert statuses(report) == {"no-rebuild": "passed", "overridable": "failed"}

    def test_file_that_the_patch_does_not_need_any_more_is_there_before(
        self, judge: Callable[..., Report], draft: Callable[..., Draft]
    ) -> None:
        series = draft()
        after = series.texts[LIFTED].replace(
            "./cli-plugin-dirs-from-environment-25.patch", "./cli-plugin-dirs-from-environment.patch"
        )
        report = judge(diff_between(series.texts[BEFORE], after), "no-rebuild")
        assert reason(report, "no-rebuild").startswith("docker_25: is built differently: ")

    @pytest.mark.parametrize(
        ("passthru", "status", "said"),
        [
            ("old.passthru // { inherit docker-runc; }", "passed", ""),
            (
                "builtins.seq old.passthru.overrideModAttrs { inherit docker-runc; }",
                "not run",
                "because the change cannot be evaluated in the specimen's package set: attribute 'overrideModAttrs'",
            ),
            ('builtins.seq (throw "a mistake") { inherit docker-runc; }', "failed", "no longer evaluates"),
        ],
        ids=["as the stand-in has it", "more than the stand-in has", "a mistake"],
    )
    def test_what_a_stand_in_lacks_is_no_fault_of_the_patch(
        self, judge: Callable[..., Report], passthru: str, status: str, said: str
    ) -> None:
        before = (specimen.path() / TARGET).read_text()
        head, _, rest = before.partition("      moby = buildGoModule (")
        moby_text, plugins, rest = rest.partition("      plugins =\n")
        fixed = moby_text.replace("${docker-runc}", "@runc@").rstrip().removesuffix(";")
        reads = 'builtins.replaceStrings [ "@runc@" ] [ "${finalAttrs.passthru.docker-runc}" ] old.installPhase'
        change = f"lib.optionalAttrs stdenv.hostPlatform.isLinux {{ passthru = {passthru}; installPhase = {reads}; }}"
        after = (
            f"{head}      moby = (buildGoModule ({fixed}).overrideAttrs (finalAttrs: old: {change});\n\n{plugins}{rest}"
        )
        report = judge(diff_between(before, after), "no-rebuild", "compatible", "builds")
        assert statuses(report) == dict.fromkeys(("no-rebuild", "compatible", "builds"), status)
        assert said in reason(report, "no-rebuild")

    def test_fixed_file_has_nothing_to_judge_by(self, judge: Callable[..., Report]) -> None:
        fixed = specimens.path("states/fixed")
        before = (fixed / TARGET).read_text()
        report = judge(diff_between(before, f"{before}# more\n"), "overridable", nixpkgs=str(fixed))
        assert "moby could be overridden before, by override { moby = …; }" in reason(report, "overridable")

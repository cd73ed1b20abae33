from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.docker.rewrite.conftest import kit, rewrite
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED, SYSTEMS
from toolkit.docker.steps import Demotion
from toolkit.lift.plan import Design
from toolkit.model import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.conftest import Draft

LABELS = {label for label, _, _ in SYSTEMS}
LINUX = LABELS - {"aarch64-darwin"}
CROSS = "x86_64-linux → aarch64-linux"
RELEASES = {"docker_25", "docker_29"}


def rebuilt(failure: str) -> set[tuple[str, str, str]]:
    """Return system, release and name of each derivation that is said to be rebuilt."""
    found = set(re.findall(r"^(.+) (docker_\d+): (\S+) is rebuilt: \S+\.drv → \S+\.drv$", failure, re.MULTILINE))
    assert len(found) == failure.count("is rebuilt")
    return found


def product(systems: set[str], releases: set[str], names: set[str]) -> set[tuple[str, str, str]]:
    return {(system, release, name) for system in systems for release in releases for name in names}


@pytest.mark.parametrize("claim", ["no-rebuild", "exact-change"])
@pytest.mark.parametrize("layout", ["20.10.14", "24.0", "29.6"])
def test_series_of_the_rewrites_is_proven(draft: Callable[..., Draft], layout: str, claim: str) -> None:
    assert draft(layout).passes(claim)


def test_proof_tells_what_it_covered_and_how_to_repeat_it(draft: Callable[..., Draft]) -> None:
    proof = draft("24.0").prove("no-rebuild")
    # On three systems docker, its client, and four components; on Darwin docker is its client.
    assert proof.covers == "40 drvPaths equal; 2 releases, 4 systems"
    assert proof.evidence[0] == "evaluated with unlet's lib"
    assert re.fullmatch(r"x86_64-linux docker_20_10: /nix/store/\S+-docker-20\.10\.\d+\.drv", proof.evidence[1])
    flags = ["clientOnly = false", "clientOnly = true"]
    values = "; ".join(f"{one}, withSeccomp = {other}" for one in flags for other in ("false", "true"))
    assert proof.evidence[-1] == f"docker_24 also with {values}"
    assert "nix-instantiate --eval --strict --json " in proof.commands[0]
    assert draft().prove("no-rebuild").evidence[0] == "evaluated with the tree's lib"
    assert draft().prove("exact-change").covers == "12 drvPaths changed, 28 kept; 2 releases, 4 systems"


class TestNoRebuild:
    def test_changed_attribute_of_moby_is_named_with_what_contains_moby(self, draft: Callable[..., Draft]) -> None:
        failure = draft().edit(LIFTED, "export AUTO_GOPATH=1", "export AUTO_GOPATH=0").failure("no-rebuild")
        assert rebuilt(failure) == product(LINUX, RELEASES, {"docker", "moby"})

    def test_changed_attribute_of_the_cli_is_named_with_the_client(self, draft: Callable[..., Draft]) -> None:
        failure = draft().edit(LIFTED, "export BUILDTIME=1970", "export BUILDTIME=1971").failure("no-rebuild")
        assert rebuilt(failure) == product(LABELS, RELEASES, {"docker", "client"})

    def test_change_on_darwin_alone_is_caught(self, draft: Callable[..., Draft]) -> None:
        new = 'install -Dm755${lib.optionalString stdenv.hostPlatform.isDarwin " -v"} build/docker'
        failure = draft().edit(LIFTED, "install -Dm755 build/docker", new).failure("no-rebuild")
        assert rebuilt(failure) == product({"aarch64-darwin"}, RELEASES, {"docker", "client"})

    def test_change_in_one_release_alone_is_caught(self, draft: Callable[..., Draft]) -> None:
        failure = draft().edit(LIFTED, 'runcRev = "v1.2.5"', 'runcRev = "v1.2.6"').failure("no-rebuild")
        assert rebuilt(failure) == product(LINUX, {"docker_25"}, {"docker", "moby", "docker-runc"})

    def test_change_in_the_cross_pair_alone_is_caught(self, draft: Callable[..., Draft]) -> None:
        new = '-DMINIMAL=ON${lib.optionalString (stdenv.buildPlatform != stdenv.hostPlatform) " -DCROSS"}'
        failure = draft().edit(LIFTED, "-DMINIMAL=ON", new).failure("no-rebuild")
        assert rebuilt(failure) == product({CROSS}, RELEASES, {"docker", "moby", "docker-tini"})

    def test_component_that_is_no_attribute_any_more_is_caught(self, draft: Callable[..., Draft]) -> None:
        text = "          docker-tini\n          moby\n          ;\n      }\n    );"
        failure = (
            draft(strategy=Design.HIDDEN)
            .edit(LIFTED, text, text.replace("          docker-tini\n", ""))
            .failure("no-rebuild")
        )
        assert "docker_29: docker-tini is rebuilt: /nix/store/" in failure
        assert "→ None" in failure

    @pytest.mark.parametrize("stage", [LIFTED, DEMOTED])
    def test_release_that_only_one_side_has_is_caught(self, draft: Callable[..., Draft], stage: str) -> None:
        series = draft()
        block = series.case().before.file.release_blocks()["docker_29"]
        more = block.replace("docker_29", "docker_30")
        failure = series.rewritten(stage, lambda text: f"{text.rstrip()[:-1]}  {more}\n}}\n").failure("no-rebuild")
        assert f"evaluation: {stage}: aarch64-darwin docker_30 is not in both this stage and 'before'" in failure


class TestExactChange:
    def test_drop_is_exact_as_well(self, draft: Callable[..., Draft]) -> None:
        assert draft(demotion=Demotion.DROP).passes("exact-change")

    def test_second_commit_is_not_blamed_for_the_first(self, draft: Callable[..., Draft]) -> None:
        series = draft().edit(LIFTED, "export AUTO_GOPATH=1", "export AUTO_GOPATH=0")
        assert series.passes("exact-change")

    def test_first_commit_is_not_blamed_for_the_second(self, draft: Callable[..., Draft]) -> None:
        series = draft().edit(DEMOTED, "export AUTO_GOPATH=1", "export AUTO_GOPATH=0")
        assert series.passes("no-rebuild")

    @pytest.mark.parametrize("demotion", Demotion)
    @pytest.mark.parametrize(
        ("list_", "flag"),
        [
            ("lib.makeBinPath [ slirp4netns ]", "${lib.makeBinPath [ rootlesskit fuse-overlayfs ]}"),
            (
                "lib.makeBinPath ((if initSupport then [ rootlesskit ] else [ runc ]) ++ [ slirp4netns ])",
                "$extraUserPath",
            ),
            ("lib.makeBinPath (lib.optional withSystemd rootlesskit ++ [ slirp4netns ])", "$extraUserPath"),
        ],
    )
    def test_entry_is_exact_wherever_it_stands(
        self, draft: Callable[..., Draft], demotion: Demotion, list_: str, flag: str
    ) -> None:
        series = draft(demotion=demotion)
        before = kit(list_, series.texts[BEFORE].replace("$extraUserPath", flag))
        lifted, demoted = rewrite(before, demotion=demotion)
        assert replace(series, texts={BEFORE: before, LIFTED: lifted, DEMOTED: demoted}).passes("exact-change")

    def test_one_more_entry_dropped_is_named_by_its_attribute(self, draft: Callable[..., Draft]) -> None:
        text = "                slirp4netns\n                fuse-overlayfs\n"
        failure = draft().edit(DEMOTED, text, "                fuse-overlayfs\n").failure("exact-change")
        fact = "moby's attribute extraUserPath changed by more than the loss of rootlesskit"
        assert [line.rpartition(": ")[2] for line in failure.splitlines()].count(fact) == 6

    def test_swapped_entries_are_caught(self, draft: Callable[..., Draft]) -> None:
        first, second = "                slirp4netns\n", "                fuse-overlayfs\n"
        failure = draft().edit(DEMOTED, first + second, second + first).failure("exact-change")
        assert "moby's attribute extraUserPath changed by more than the loss of rootlesskit" in failure

    def test_unrelated_attribute_of_moby_is_named(self, draft: Callable[..., Draft]) -> None:
        failure = draft().edit(DEMOTED, "export AUTO_GOPATH=1", "export AUTO_GOPATH=0").failure("exact-change")
        assert "moby's attribute buildPhase changed by more than the loss of rootlesskit" in failure

    def test_new_attribute_of_moby_is_named(self, draft: Callable[..., Draft]) -> None:
        failure = draft().edit(DEMOTED, '          pname = "moby";\n', '          pname = "moby";\n          x = 1;\n')
        assert "moby's attribute x is new" in failure.failure("exact-change")

    def test_changed_attribute_of_docker_is_named_and_the_client_too(self, draft: Callable[..., Draft]) -> None:
        failure = draft().edit(DEMOTED, "export BUILDTIME=1970", "export BUILDTIME=1971").failure("exact-change")
        assert "x86_64-linux docker_29: client is rebuilt, though it does not contain moby" in failure
        assert "x86_64-linux docker_29: docker's attribute buildPhase changed by more than moby's path" in failure
        assert "aarch64-darwin docker_29: docker is rebuilt, though it does not contain moby" in failure

    def test_new_attribute_of_docker_is_named(self, draft: Callable[..., Draft]) -> None:
        text = '        pname = "docker";\n'
        series = draft().edit(DEMOTED, text, f"{text}        x = if clientOnly then null else 1;\n")
        assert "docker's attribute x changed by more than moby's path" in series.failure("exact-change")

    def test_rebuilt_component_is_named(self, draft: Callable[..., Draft]) -> None:
        failure = draft().edit(DEMOTED, "-DMINIMAL=ON", "-DMINIMAL=OFF").failure("exact-change")
        assert "x86_64-linux docker_29: docker-tini is rebuilt, though it does not contain moby" in failure

    def test_nothing_changed_is_no_change(self, draft: Callable[..., Draft]) -> None:
        series = draft()
        failure = series.rewritten(DEMOTED, lambda _: series.texts[LIFTED]).failure("exact-change")
        assert "x86_64-linux docker_29: moby is not changed" in failure
        assert "x86_64-linux docker_29: docker is not changed" in failure

    def test_suffix_that_one_release_lacks_is_caught(self, draft: Callable[..., Draft]) -> None:
        text = ' \\\n                --suffix PATH : "${lib.makeBinPath [ rootlesskit ]}"'
        new = f"${{lib.optionalString (lib.versionAtLeast version \"29\") ''{text}''}}"
        failure = draft().edit(DEMOTED, text, new).failure("exact-change")
        assert "x86_64-linux docker_25: moby's installPhase is not changed" in failure
        assert "docker_29: moby's installPhase" not in failure

    def test_entry_that_one_release_keeps_in_its_prefix_is_caught(self, draft: Callable[..., Draft]) -> None:
        series = (
            draft()
            .edit(
                DEMOTED,
                "lib.makeBinPath [\n                slirp4netns\n",
                'lib.makeBinPath (lib.optional (lib.versionOlder version "29") rootlesskit ++ [\n slirp4netns\n',
            )
            .edit(DEMOTED, "fuse-overlayfs\n              ]\n", "fuse-overlayfs\n              ])\n")
        )
        failure = series.failure("exact-change")
        assert "x86_64-linux docker_25: no attribute of moby has lost rootlesskit" in failure
        assert "docker_29: no attribute" not in failure

    def test_other_change_of_the_install_phase_in_one_release_is_caught(self, draft: Callable[..., Draft]) -> None:
        text = "            # the daemon of an ordinary user\n"
        new = f'{text}            ${{lib.optionalString (lib.versionOlder version "29") "rm -r $out/etc"}}\n'
        failure = draft().edit(DEMOTED, text, new).failure("exact-change")
        fact = "moby's installPhase changed in more than the command that makes bin/dockerd-rootless"
        assert f"x86_64-linux docker_25: {fact}" in failure
        assert f"docker_29: {fact}" not in failure


CONDITION = "stdenv.hostPlatform.isLinux && !clientOnly"
PARAMETER = "      buildxSupport ? true,\n"


def conditional(series: Draft, default: str, condition: str) -> Draft:
    """Return a series on a file whose wrapper has rootlesskit under a condition, and which never heard of it."""
    return series.edit(BEFORE, PARAMETER, f"{default}{PARAMETER}").edit(
        BEFORE, f"lib.optionals ({CONDITION})", f"lib.optionals ({CONDITION} && {condition})"
    )


class TestFlags:
    """Boolean parameters that the wrapper depends on, each of which both proofs give either value."""

    @pytest.mark.parametrize(
        ("default", "condition", "form"),
        [
            ("withRootless ? true,", "withRootless", "clientOnly = false, withRootless = false"),
            ("tiny ? !stdenv.hostPlatform.isLinux,", "!tiny", "clientOnly = false, tiny = true"),
            ("a ? true, b ? true,", "(a && b)", "a = true, b = false, clientOnly = false"),
            # No boolean, which only Nix can tell: it would end the evaluator.
            ("kind ? version, withRootless ? true,", 'withRootless && kind + "" != ""', "withRootless = false"),
        ],
    )
    def test_suffix_without_the_condition_of_the_list_is_caught(
        self, draft: Callable[..., Draft], default: str, condition: str, form: str
    ) -> None:
        series = conditional(draft(), default, condition)
        assert series.passes("no-rebuild")
        failure = series.failure("exact-change")
        assert re.search(
            rf"x86_64-linux docker_29, .*{form}.*: moby's installPhase changed, though rootlesskit is not in", failure
        )

    def test_suffix_under_the_condition_passes(self, draft: Callable[..., Draft]) -> None:
        series = conditional(draft(), "withRootless ? false,", "withRootless")
        text = ' \\\n                --suffix PATH : "${lib.makeBinPath [ rootlesskit ]}"'
        good = series.edit(DEMOTED, text, f"${{lib.optionalString withRootless ''{text}''}}")
        assert good.passes("exact-change")

    def test_closure_that_a_comment_brings_in_is_caught(self, draft: Callable[..., Draft]) -> None:
        series = conditional(draft(), "withRootless ? false,", "withRootless")
        text = ' \\\n                --suffix PATH : "${lib.makeBinPath [ rootlesskit ]}"'
        bad = series.edit(DEMOTED, text, f"${{lib.optionalString withRootless ''{text}''}}").edit(
            DEMOTED, "# rootlesskit comes last", "# ${rootlesskit} comes last"
        )
        failure = bad.failure("exact-change")
        assert "docker_29: moby's installPhase changed, though rootlesskit is not in its PATH" in failure

    def test_parameters_of_the_file_and_values_of_a_release_are_flags(self, draft: Callable[..., Draft]) -> None:
        series = conditional(draft(), "withRootless,", "withRootless && full")
        series = series.edit(BEFORE, "{ lib, callPackage }:", "{ lib, callPackage, full ? true }:")
        for release in ("25", "29"):
            text = f'      cliHash = "sha256-fake/cli/{release}/'
            series = series.edit(BEFORE, text, f"      withRootless = true;\n{text}")
        failure = series.failure("exact-change")
        for form in ("full = false, withRootless = true", "full = true, withRootless = false"):
            assert f"clientOnly = false, {form}, withSeccomp = false: moby's installPhase changed" in failure

    def test_condition_that_the_first_commit_loses_is_caught(self, draft: Callable[..., Draft]) -> None:
        series = conditional(draft(), "withRootless ? true,", "withRootless")
        failure = series.edit(LIFTED, " && withRootless)", ")").failure("no-rebuild")
        assert (
            "docker_29, clientOnly = false, withRootless = false, withSeccomp = false: moby is rebuilt: /nix/store/"
            in failure
        )

    def test_form_that_does_not_evaluate_any_more_is_named(self, draft: Callable[..., Draft]) -> None:
        series = conditional(draft(), "withRootless ? true,", "withRootless")
        text = "env.DOCKER_BUILDTAGS = toString (\n"
        for spoiled in (f"{text}assert withRootless;", f"{text}(if withRootless then [ ] else 1) ++"):
            failure = series.edit(DEMOTED, text, spoiled).failure("exact-change")
            assert (
                "docker_29, clientOnly = false, withRootless = false, withSeccomp = false: does not evaluate" in failure
            )


def test_claim_about_a_commit_that_is_not_there_is_not_run(draft: Callable[..., Draft]) -> None:
    series = draft()
    proof = series.prove("exact-change", without={"demote"})
    assert (proof.status, proof.reason) == (Status.NOT_RUN, "because the patch leaves the wrapper's PATH as it is")
    for name in ("no-rebuild", "overridable"):
        proof = series.prove(name, without={"lift"})
        assert (proof.status, proof.reason) == (
            Status.NOT_RUN,
            "because the patch leaves the components where they are",
        )

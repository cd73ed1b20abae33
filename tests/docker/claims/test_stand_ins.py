"""Files that use more of nixpkgs than the specimens do are evaluated and built with stand-ins all the same."""

import re

import pytest
from msgspec.structs import replace

from tests import designs
from tests.docker.conftest import Draft, source_of
from tests.docker.spoiled import using
from tests.dockers import proved
from tests.progress import Steps
from tests.proposal.nixpkgs import ALONE
from toolkit.docker import builder
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.series import rewrite
from toolkit.docker.steps import LIFT, Demotion
from toolkit.lift.plan import Design
from toolkit.model import Status

CLAIMS = (
    "no-rebuild",
    "exact-change",
    "overridable",
    "compatible",
    "capture-safe",
    "builds",
)
INSTALLED = "            # the daemon of an ordinary user\n"
SHELL_WRAPPER = "makeShellWrapper $out/libexec/docker/dockerd-rootless.sh"
WRAPPER = "makeWrapper $out/libexec/docker/dockerd-rootless.sh"


def series(*changes: tuple[str, str]) -> Draft:
    """Return a series for the specimen's file alone after changes of its text, lifted and demoted by hand."""
    source = source_of("29.6")
    before = source.content.decode()
    for old, new in changes:
        before = designs.replaced(before, old, new)
    lifted = designs.hidden(before)
    texts = {BEFORE: before, LIFTED: lifted, DEMOTED: designs.demoted(lifted)}
    return Draft(
        source=replace(source, content=before.encode(), root=None),
        demotion=Demotion.SUFFIX,
        texts=texts,
    )


def parameter(name: str) -> tuple[str, str]:
    return (
        "      stdenv,\n      fetchFromGitHub,\n",
        f"      stdenv,\n      {name},\n      fetchFromGitHub,\n",
    )


HEAD = "{ lib, callPackage }:"
CALL = 'callPackage dockerGen {\n      inherit version;\n      cliHash = "sha256-fake/cli/29'
LAST = '0019000000000000000000000000000000000000";\n    };\n\n}'
INPUTS = "nativeBuildInputs = [ makeBinaryWrapper ];\n\n          buildInputs"


def lines(*words: str) -> str:
    return "".join(f"            {line}\n" for line in words)


FILES: dict[str, tuple[tuple[str, str], ...]] = {
    # Releases in two sets, one overridden twice, and aliases of those that were
    # removed; components in passthru.
    "arguments, sets of releases, and makeBinaryWrapper by its name": (
        (HEAD, "{ lib, callPackage, config, pkgs, ... }:"),
        (
            "              iproute2\n              iptables\n",
            "              pkgs.iproute2\n              iptables\n",
        ),
        (
            INPUTS,
            "aliases = toString (config.allowAliases or true);\n"
            + INPUTS.replace(
                "[ makeBinaryWrapper", "with pkgs; [ makeBinaryWrapper pkg-config"
            ),
        ),
        ("\n  docker_29 =", "\n} // lib.optionalAttrs true {\n  docker_29 ="),
        (CALL, f"(({CALL}"),
        (
            LAST,
            LAST.replace(
                "};\n\n}",
                "}).override { composeSupport = false; }).overrideAttrs (old: { "
                "inherit (old) pname; });\n\n}",
            ),
        ),
        (
            "\n}\n",
            '\n  docker_24 = throw "docker_24 was removed";\n  docker_23 = lib.warn "old" (throw "removed");\n}\n',
        ),
        (
            "          inherit moby-src;\n",
            lines(
                "inherit moby-src;",
                "} // lib.optionalAttrs (!clientOnly) {",
                "inherit docker-runc docker-containerd docker-tini moby;",
                "} // {",
            ),
        ),
        (WRAPPER, WRAPPER.replace("makeWrapper", "makeBinaryWrapper")),
    ),
    "more of the packages, of their functions and of the shell's": (
        (
            '        installTargets = "install";\n',
            lines(
                'makeFlags = oldAttrs.makeFlags ++ [ "V=1" ];',
                "passthru = oldAttrs.passthru // { x = 1; };",
                'postInstall = oldAttrs.postInstall + "true";',
                'tags = oldAttrs.tags ++ [ "seccomp" ];',
                'env = oldAttrs.env // { X = "1"; };',
            ),
        ),
        parameter(
            "replaceVars, applyPatches, buildEnv, writeShellScript, runCommand, "
            "fetchgit"
        ),
        (
            "          src = moby-src;\n",
            lines(
                'src = applyPatches { src = moby-src; patches = [ (replaceVars ./update.sh { s = "x"; }) ]; };',
                'shared = buildEnv { name = "x"; paths = [ docker-buildx ]; postBuild = "true"; };',
                'hook = writeShellScript "hook" "exec ${stdenv.shell}";',
                'made = runCommand "made" { nativeBuildInputs = [ sqlite ]; } "touch $out";',
                'other = fetchgit { url = "https://example.org/x.git"; rev = "v1"; hash = ""; };',
            ),
        ),
        (
            INSTALLED,
            INSTALLED
            + lines(
                "install -Dm755 ${docker-tini}/bin/tini extra",
                "installBin extra",
                "moveToOutput bin/extra out",
                "substitute contrib/dockerd-rootless.sh $out/changed --replace-fail "
                "PATH WAY --subst-var-by x y",
                "substituteInPlace $out/changed --replace-fail WAY PATH",
                "remove-references-to -t ${stdenv.cc} $out/changed",
            ),
        ),
        (
            f"{WRAPPER} $out/bin/dockerd-rootless \\\n",
            (
                f"{SHELL_WRAPPER} $out/bin/dockerd-rootless \\\n              --run "
                "'export X=1' \\\n"
            ),
        ),
    ),
}


@pytest.mark.parametrize(
    ("name", "claims"), [*zip(FILES, (CLAIMS, ("no-rebuild", "builds")), strict=True)]
)
def test_file_is_proven_as_any_other(name: str, claims: tuple[str, ...]) -> None:
    found = series(*FILES[name]).proofs(claims, ALONE)
    assert {
        proof.name: (proof.status, proof.reason) for proof in found
    } == dict.fromkeys(claims, (Status.PASSED, None))


INHERITED = re.compile(
    r"\n +// lib\.optionalAttrs \(!clientOnly\) \{\n(?: +#.*\n)* +inherit\n(?: "
    r"+\S+\n)+? +;\n +\}"
)
EXPORTED = (
    "inherit moby-src;",
    "inherit moby-src docker-runc docker-containerd docker-tini moby;",
)


@pytest.mark.parametrize(
    ("pattern", "design", "reason"),
    [
        (
            None,
            Design.HIDDEN,
            (
                r"move: .*: 'docker-runc' is used here even when the package lacks that "
                r"attribute"
            ),
        ),
        (INHERITED, Design.MOVE, "buildGoModule takes a function .*"),
    ],
)
def test_components_that_docker_may_lack_as_attributes_become_parameters_or_are_in_passthru(
    pattern: re.Pattern[str] | None, design: Design, reason: str
) -> None:
    source = source_of("29.6")
    text = designs.replaced(source.content.decode(), *EXPORTED)
    text = text if pattern is None else pattern.sub("", text)
    file = docker_file(text.encode(), name="x.nix")
    steps = builder.steps(
        file, source, design=None, demotion=Demotion.SUFFIX, only=(LIFT,)
    )
    assert steps[0].design == design
    assert re.fullmatch(reason, steps[0].reason or "")
    (lifted,) = rewrite(file, steps)
    texts: dict[str, str] = {BEFORE: text, LIFTED: lifted, DEMOTED: lifted}
    draft = Draft(
        source=replace(source, content=text.encode()),
        demotion=Demotion.SUFFIX,
        texts=texts,
    )
    for name in ("no-rebuild", "overridable"):
        proof = draft.prove(name, ALONE, without={"demote"}, demotion=None)
        assert (proof.status, proof.reason) == (Status.PASSED, None), name


LIB = (
    'lib.concatStringsSep "," (lib.imap1 (_: lib.toUpper) (lib.splitString "." version))',
    'lib.optionals (lib.versionAtLeast version "1") (lib.take 1 (lib.reverseList (lib.range 1 3)))',
    'lib.mapAttrsToList (lib.cmakeBool) { A = true; } ++ [ (lib.enableFeature true "x") (lib.trim " a ") ]',
    'lib.attrByPath [ "a" "b" ] (lib.versions.pad 2 version) { } + lib.boolToString (lib.hasInfix "9" version)',
    '"${lib.cleanSource ./update.sh}"',
    'lib.fakeHash + lib.fakeSha256 + lib.boolToYesNo true + lib.replaceString "a" "b" lib.fakeSha512',
    'lib.checkListOfEnum "no" [ 1 2 ] [ 1 ] (lib.assertOneOf "x" 1 [ 1 ])',
)


def test_lib_of_ours_has_what_files_use_of_it() -> None:
    assert series(
        using(f"map toString [ {' '.join(f'({text})' for text in LIB)} ]")
    ).passes("no-rebuild", ALONE)


class TestFileThatStandInsAreNotEnoughFor:
    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("lib.nothingOfTheKind", "attribute 'nothingOfTheKind' missing"),
            ('throw "not here"', "not here"),
        ],
    )
    def test_nothing_has_failed(self, text: str, why: str) -> None:
        evaluated = ("exact-change", "overridable")
        proofs = proved(series(using(text)).case(), evaluated, progress=Steps())
        reason = (
            f"because Nix cannot evaluate the file in the stand-in tree: {why}; "
            "add '--tier tree' to evaluate it in a whole nixpkgs"
        )
        assert {(proof.status, proof.covers, proof.reason) for proof in proofs} == {
            (Status.NOT_RUN, "nothing", reason)
        }
        assert len(proofs) == len(evaluated)

    def test_release_that_does_not_evaluate_is_named_and_the_others_are_proven(
        self,
    ) -> None:
        text = 'lib.optionalString (version == "25.0.16" && stdenv.hostPlatform.isAarch64) (throw "no")'
        proof = series(using(text)).prove("exact-change")
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        assert (
            "not compared: aarch64-linux docker_25: the unchanged file already throws"
            in proof.gaps
        )

    def test_file_that_cannot_be_built_has_not_failed(self) -> None:
        proof = series((INSTALLED, f"{INSTALLED}            thatNobodyHas\n")).prove(
            "builds"
        )
        assert proof.status is Status.NOT_RUN
        assert re.fullmatch(
            r"because Nix cannot build the file in the stand-in tree: moby-29\.6\.1 "
            r"cannot be built: .*thatNobodyHas.*; "
            r"'--tier build' builds the real packages",
            proof.reason or "",
        )


def test_builder_takes_a_function_where_nixpkgs_does() -> None:
    source = source_of("28.4")
    before = source.content.decode()
    after = re.sub(r"(\n    buildGoModule \(\n +)", r"\1finalAttrs: ", before)
    assert after != before
    draft = Draft(
        source=source,
        demotion=Demotion.SUFFIX,
        texts=dict.fromkeys((BEFORE, LIFTED, DEMOTED), before),
    )
    assert draft.rewritten(LIFTED, lambda _: after).passes("no-rebuild", ALONE)

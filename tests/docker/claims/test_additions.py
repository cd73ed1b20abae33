"""The proofs of the commits on request: each holds for what unlet writes, and catches what is wrong."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.asking import proved
from tests.docker.conftest import source_of
from tests.progress import Steps
from tests.trees import trees
from toolkit.docker import extras
from toolkit.docker.case import DEMOTED
from toolkit.docker.claims import catalogue as proofs
from toolkit.docker.extras import ALL_TESTS, MODULE, MODULE_TEST, TEST
from toolkit.docker.staging import deepen
from toolkit.docker.steps import Demotion, Extra
from toolkit.errors import ToolkitError
from toolkit.model import Depth, FileChange, Status, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.conftest import Draft
    from toolkit.docker.case import DockerCase
    from toolkit.model import Proof, TreeCommit
    from toolkit.proposal.leaf import Added

LAYOUTS = ("29.6", "24.0")
NOTES = PurePosixPath("nixos/doc/manual/release-notes/rl-2611.section.md")


def commits(layout: str = "29.6", demotion: Demotion = Demotion.SUFFIX) -> list[TreeCommit]:
    return list(extras.prepare(tuple(Extra), source_of(layout), demotion))


def edited(commit: TreeCommit, path: PurePosixPath, old: str, new: str) -> TreeCommit:
    """Replace what stands once in a file after the commit."""
    files: list[FileChange] = []
    for file in commit.files:
        text = file.after.decode()
        if file.path == path:
            assert text.count(old) == 1, (path, old)
        files.append(replace(file, after=text.replace(old, new).encode()) if file.path == path else file)
    return replace(commit, files=tuple(files))


def proven(case: DockerCase, name: str, added: tuple[Added, ...]) -> Proof:
    (proof,) = proved(replace(case, extras=added), (name,), progress=Steps())
    return proof


@pytest.fixture
def failure(draft: Callable[..., Draft]) -> Callable[..., str]:
    """Return what proves an extra after one of its files was edited, and gives all that the proof says against it."""

    def prove(extra: Extra, path: PurePosixPath, old: str, new: str, *, layout: str = "29.6") -> str:
        changed = [edited(commit, path, old, new) if commit.extra is extra else commit for commit in commits(layout)]
        proof = proven(draft(layout).case(), extra, extras.mails(changed, first=3))
        assert proof.status is Status.FAILED, proof
        assert proof.reason is not None
        return "\n".join((proof.reason, *proof.evidence))

    return prove


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("demotion", Demotion)
def test_proofs_hold_for_what_is_written(layout: str, demotion: Demotion, draft: Callable[..., Draft]) -> None:
    case = draft(layout, demotion=demotion).case()
    added = extras.mails(commits(layout, demotion), first=3)
    for extra in Extra:
        proof = proven(case, extra, added)
        assert (proof.status, proof.reason) == (Status.PASSED, None), proof
        assert "applies alone, and after the series and all others" in proof.evidence
        assert proof.commands


def test_proofs_are_there_only_for_the_commits_that_are(draft: Callable[..., Draft]) -> None:
    case = draft().case()
    added = extras.mails(commits(), first=3)
    assert proofs.of(case) == proofs.CLAIMS
    assert [claim.name for claim in proofs.of(replace(case, extras=added[1:2]))[len(proofs.CLAIMS) :]] == [
        "nixos-module"
    ]


@pytest.mark.parametrize("tree", trees())
def test_option_holds_in_the_module_of_a_real_nixos(tree: Path, draft: Callable[..., Draft]) -> None:
    made = draft("29.6")
    source = replace(made.source, root=tree)
    wanted = (Extra.NIXOS_MODULE,)
    if not (tree / MODULE).exists():
        with pytest.raises(ToolkitError, match=f"^{MODULE}: "):
            extras.prepare(wanted, source)
        return
    added = extras.mails(extras.prepare(wanted, source), first=3)
    proof = proven(replace(made.case(), source=source), Extra.NIXOS_MODULE, added)
    assert (proof.status, proof.reason) == (Status.PASSED, None)
    assert proof.covers.endswith("by the module system of its lib")


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        (ALL_TESTS, "  docker = runTest ./docker.nix;\n", "", "more changes than the one attribute"),
        (ALL_TESTS, "docker-rootless-ports = runTestOn", "docker-rootless-port = runTestOn", "has no test 'docker-"),
        (ALL_TESTS, "./docker-rootless-ports.nix", "./docker.nix", "is tested in an unknown way"),
        (ALL_TESTS, 'runTestOn [ "aarch64-linux" "x86_64-linux" ] ./docker-rootless-ports', "runTest ./x", "tested in"),
        (TEST, "{ lib, pkgs, ... }:", "{ lib, pkgs, missing, ... }:", "'missing'"),
        (TEST, "pkgs.curl", "pkgs.curl.nothing", "nothing"),
        (TEST, 'name = "docker-rootless-ports"', 'name = "docker"', "the test calls itself 'docker'"),
        (
            TEST,
            "virtualisation.docker.rootless.enable = true",
            "virtualisation.docker.enable = true",
            "rootless docker's enable is off on",
        ),
        (TEST, "    start_all()\n", "    start_all(\n", "the script is not valid Python"),
        (TEST, "    none = machine null;\n", "    none = machine null\n", "syntax error"),
    ],
)
def test_wrong_test_is_caught(failure: Callable[..., str], path: PurePosixPath, old: str, new: str, said: str) -> None:
    assert said in failure(Extra.NIXOS_TEST, path, old, new)


def test_test_in_the_form_of_another_call_is_caught(draft: Callable[..., Draft]) -> None:
    for layout, other in (LAYOUTS, reversed(LAYOUTS)):
        registered, file = commits(layout)[0].files
        foreign = commits(other)[0].files[1]
        wrong = [replace(commits(layout)[0], files=(registered, replace(file, after=foreign.after)))]
        proof = proven(draft(layout).case(), Extra.NIXOS_TEST, extras.mails(wrong, first=3))
        assert proof.status is Status.FAILED, proof


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("lib.mkIf cfg.exposePrivilegedPorts {", "{", "the option off: security.wrappers"),
        ("lib.mkIf cfg.exposePrivilegedPorts {", "lib.mkIf false {", "adds no security.wrappers.docker-rootlesskit"),
        ("security.wrappers.docker-rootlesskit", "security.wrappers.rootlesskit", "adds no security.wrappers.docker-"),
        ('lib.mkDefault "cap_net', '"cap_net', "of the user's own does not replace the option's"),
        ("cap_net_bind_service+ep", "cap_net_admin+ep", "cap_net_admin+ep"),
        ('group = "root"', 'group = "docker"', '"group": "docker"'),
        (
            '      path = [ "/run/wrappers" ];\n',
            "      path = [ ];\n",
            "systemd.user.services.docker.path differs from before",
        ),
        (
            'wantedBy = [ "default.target" ];',
            "wantedBy = lib.mkIf cfg.exposePrivilegedPorts [ ];",
            "wantedBy differs from before",
        ),
        ("exposePrivilegedPorts = lib.mkOption", "exposePrivilegedPort = lib.mkOption", "exposePrivilegedPort"),
        ("    setSocketVariable = lib", "    socketVariable = lib", "etSocketVariable"),
    ],
)
def test_wrong_option_is_caught(failure: Callable[..., str], old: str, new: str, said: str) -> None:
    assert said in failure(Extra.NIXOS_MODULE, MODULE, old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "exposePrivilegedPorts = true;",
            "exposePrivilegedPorts = false;",
            "Ports is off on 'machine'",
        ),
        ("--publish=80:80", "--publish=8080:80", "no container publishes port 80"),
        ("# Ports below 1024", "machine.(", "the script is not valid Python"),
        ('name = "docker-rootless"', 'name = "docker"', "the test calls itself 'docker'"),
    ],
)
def test_wrong_line_of_the_modules_test_is_caught(failure: Callable[..., str], old: str, new: str, said: str) -> None:
    assert said in failure(Extra.NIXOS_MODULE, MODULE_TEST, old, new)


def test_option_that_is_on_or_of_another_type_is_caught(failure: Callable[..., str]) -> None:
    head = "exposePrivilegedPorts = lib.mkOption {\n      type = lib.types.bool;\n      default = false;\n"
    assert "on by default" in failure(Extra.NIXOS_MODULE, MODULE, head, head.replace("false", "true"))
    assert "type is 'anything'" in failure(
        Extra.NIXOS_MODULE, MODULE, head, head.replace("types.bool", "types.anything")
    )


def test_wrapper_without_docker_is_caught(failure: Callable[..., str]) -> None:
    old, new = "  config = lib.mkIf cfg.enable {", "  config = lib.mkIf (cfg.enable || cfg.exposePrivilegedPorts) {"
    assert "the option adds a security wrapper although docker is off" in failure(Extra.NIXOS_MODULE, MODULE, old, new)


def test_module_that_does_not_evaluate_by_itself_is_not_run(draft: Callable[..., Draft]) -> None:
    module = next(commit for commit in commits() if commit.extra is Extra.NIXOS_MODULE)
    file, _ = module.files
    assert file.before is not None
    foreign = (b"  pkgs,\n", b"  pkgs,\n  stranger,\n")
    strange = replace(file, before=file.before.replace(*foreign), after=file.after.replace(*foreign))
    added = extras.mails([replace(module, files=(strange,))], first=3)
    proof = proven(draft().case(), Extra.NIXOS_MODULE, added)
    assert proof.status is Status.NOT_RUN
    assert proof.reason is not None
    assert proof.reason.startswith("because the module does not evaluate with stand-ins: ")
    assert "'stranger'" in proof.reason


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("- `legacy-runner` is still here.", "- `legacy-runner` is gone.", "other lines change as well"),
        (
            "- `legacy-runner` is still here.",
            "- `legacy-runner` is still here.\n\n- And more.",
            "are added instead of one",
        ),
        ("- `dockerd-rootless` now", "`dockerd-rootless` now", "0 items are added instead of one"),
        ("{#sec-release-26.11-highlights}", "{#sec-release-26.11-notable-changes}", "the anchors change"),
        ("- `dockerd-rootless` now", "- []{#sec-release-26.11} `dockerd-rootless` now", "is there twice"),
    ],
)
def test_wrong_note_is_caught(failure: Callable[..., str], old: str, new: str, said: str) -> None:
    assert said in failure(Extra.RELEASE_NOTE, NOTES, old, new)


def test_note_in_another_section_is_caught(draft: Callable[..., Draft]) -> None:
    (note,) = (commit for commit in commits() if commit.extra is Extra.RELEASE_NOTE)
    (file,) = note.files
    assert file.before is not None
    heading = b"## New Modules"
    moved = replace(file, after=file.before.replace(heading, b"- An item.\n\n" + heading))
    added = extras.mails([replace(note, files=(moved,))], first=3)
    proof = proven(draft().case(), Extra.RELEASE_NOTE, added)
    assert proof.reason == f"{NOTES}:9: is not in the section of notable changes"


def test_note_of_an_option_that_no_commit_adds_is_caught(draft: Callable[..., Draft]) -> None:
    added = tuple(one for one in extras.mails(commits(), first=3) if one.extra is not Extra.NIXOS_MODULE)
    proof = proven(draft().case(), Extra.RELEASE_NOTE, added)
    assert proof.reason is not None
    assert proof.reason.endswith("mentions the option exposePrivilegedPorts, which no commit adds")


@pytest.mark.parametrize("extra", Extra)
def test_commit_that_touches_another_file_is_caught(extra: Extra, draft: Callable[..., Draft]) -> None:
    stranger = FileChange(path=PurePosixPath("COPYING"), before=None, after=b"mine\n")
    changed = [
        replace(commit, files=(*commit.files, stranger)) if commit.extra is extra else commit for commit in commits()
    ]
    proof = proven(draft().case(), extra, extras.mails(changed, first=3))
    assert proof.reason == "the commit also touches COPYING"


def test_commit_that_touches_a_file_of_the_series_is_caught(draft: Callable[..., Draft]) -> None:
    made = draft()
    case = made.case()
    target = FileChange(
        path=case.target, before=case.before.content, after=case.before.content.replace(b"{\n", b"{\n\n", 1)
    )
    note = commits()[2]
    proof = proven(case, Extra.RELEASE_NOTE, extras.mails([replace(note, files=(*note.files, target))], first=3))
    assert proof.status is Status.FAILED
    assert proof.reason is not None
    assert "both change" in "\n".join((proof.reason, *proof.evidence))


def test_mail_that_does_not_apply_is_caught(draft: Callable[..., Draft]) -> None:
    added = extras.mails(commits(), first=3)
    broken = replace(added[2].patch, content=added[2].patch.content.replace(b"\n - `log-viewer`", b"\n - `log-reader`"))
    assert broken != added[2].patch
    case = draft().case()
    proof = proven(case, Extra.RELEASE_NOTE, (*added[:2], replace(added[2], patch=broken)))
    assert proof.status is Status.FAILED
    assert proof.reason is not None
    assert f"{broken.name} does not apply alone: " in proof.reason
    (read,) = extras.read_back((broken,), case.source)
    assert (read.commit, read.failure is None) == (None, False)
    proof = proven(case, Extra.RELEASE_NOTE, (read,))
    assert proof.status is Status.FAILED


def test_source_that_is_not_at_hand_is_not_run(draft: Callable[..., Draft]) -> None:
    case = draft().case()
    added = extras.read_back([one.patch for one in extras.mails(commits(), first=3)], replace(case.source, root=None))
    for extra in Extra:
        proof = proven(case, extra, added)
        assert (proof.status, proof.reason) == (
            Status.NOT_RUN,
            "because the nixpkgs around the file is not available",
        )


def test_registered_test_evaluates_in_the_tree(draft: Callable[..., Draft]) -> None:
    depth = Depth(tier=Tier.TREE, systems=("x86_64-linux",))
    added = extras.mails(commits(), first=3)
    case = deepen(draft().case(), depth, offline=True, progress=Steps())
    proof = proven(case, "tree-nixos-test", added)
    assert proof.status is Status.PASSED, proof
    assert proof.evidence[0].endswith("-vm-test-run-docker-rootless-ports.drv")
    wrong = edited(commits()[0], TEST, "users.users.alice", "users.nobody.alice")
    proof = proven(case, "tree-nixos-test", extras.mails([wrong], first=3))
    assert proof.reason is not None
    assert "The option 'users.nobody' does not exist" in proof.reason
    assert case.after.name == DEMOTED

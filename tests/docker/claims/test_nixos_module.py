"""The proof of the commit for NixOS' module holds for what unlet writes, and catches what is wrong."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.docker.conftest import drafted, source_of
from tests.dockers import docker, proved
from tests.progress import Steps
from tests.trees import trees
from toolkit.docker import module
from toolkit.docker.case import DockerCase, deepened
from toolkit.docker.claims import catalogue
from toolkit.docker.steps import MODULE, Demotion
from toolkit.errors import ToolkitError
from toolkit.model import (
    Depth,
    FileChange,
    Proof,
    Source,
    SourceRequest,
    Status,
    Tier,
    TreeCommit,
)
from toolkit.proposal.leaf import Added


def mailed(commit: TreeCommit, source: Source | None = None) -> Added:
    return module.mail(commit, source or source_of("29.6"), number=3)


def edited(path: PurePosixPath, old: str, new: str) -> TreeCommit:
    """Return the commit with what stands once in a file after it replaced."""
    commit = module.prepare(source_of("29.6"))
    files: list[FileChange] = []
    for file in commit.files:
        text = file.after.decode()
        if file.path == path:
            assert text.count(old) == 1, (path, old)
        files.append(
            replace(file, after=text.replace(old, new).encode())
            if file.path == path
            else file
        )
    return replace(commit, files=tuple(files))


def proven(case: DockerCase, added: Added | None, name: str = MODULE) -> Proof:
    (proof,) = proved(replace(case, added=added), (name,), progress=Steps())
    return proof


@pytest.fixture
def failure() -> Callable[[TreeCommit], str]:
    """Return what proves a commit, and gives all that the proof says against it."""

    def prove(commit: TreeCommit) -> str:
        proof = proven(drafted().case(), mailed(commit))
        assert proof.status is Status.FAILED, proof
        return "\n".join((proof.reason or "", *proof.evidence))

    return prove


@pytest.mark.parametrize(
    ("layout", "demotion"), [("29.6", Demotion.DROP), ("24.0", Demotion.SUFFIX)]
)
def test_proof_holds_for_what_is_written(layout: str, demotion: Demotion) -> None:
    source = source_of(layout)
    proof = proven(
        drafted(layout, demotion=demotion).case(),
        mailed(module.prepare(source), source),
    )
    assert (proof.status, proof.reason) == (Status.PASSED, None), proof
    assert "applies" in proof.evidence
    assert proof.commands


def test_proof_is_there_only_for_the_commit() -> None:
    case = drafted().case()
    names = [claim.name for claim in catalogue.claims(case)]
    assert names == [claim.name for claim in catalogue.CLAIMS]
    added = mailed(module.prepare(source_of("29.6")))
    more = [claim.name for claim in catalogue.claims(replace(case, added=added))]
    assert more == [*names, MODULE, f"{MODULE}-test"]


@pytest.mark.parametrize("tree", trees())
def test_option_holds_in_the_module_of_a_real_nixos(tree: Path) -> None:
    made = drafted("29.6")
    source = replace(made.source, root=tree)
    if not (tree / module.FILE).exists():
        with pytest.raises(ToolkitError, match=f"^{module.FILE}: "):
            module.prepare(source)
        return
    proof = proven(replace(made.case(), source=source), mailed(module.prepare(source)))
    assert (proof.status, proof.reason) == (Status.PASSED, None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "lib.mkIf cfg.exposePrivilegedPorts {",
            "{",
            "the option off, security.wrappers",
        ),
        (
            "lib.mkIf cfg.exposePrivilegedPorts {",
            "lib.mkIf false {",
            "security.wrappers.docker-rootlesskit is null",
        ),
        (
            "security.wrappers.docker-rootlesskit",
            "security.wrappers.rootlesskit",
            "security.wrappers.docker-rootlesskit is null",
        ),
        (
            'lib.mkDefault "cap_net',
            '"cap_net',
            "does not replace that of the option",
        ),
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
        (
            "exposePrivilegedPorts = lib.mkOption",
            "exposePrivilegedPort = lib.mkOption",
            "exposePrivilegedPort",
        ),
        ("    setSocketVariable = lib", "    socketVariable = lib", "etSocketVariable"),
        (
            "  config = lib.mkIf cfg.enable {",
            "  config = lib.mkIf (cfg.enable || cfg.exposePrivilegedPorts) {",
            "with docker off and the option on, security.wrappers.docker-rootlesskit is {",
        ),
        *(
            (
                (
                    "exposePrivilegedPorts = lib.mkOption {\n      type = "
                    "lib.types.bool;\n      default = false;\n"
                ),
                (
                    f"exposePrivilegedPorts = lib.mkOption {{\n      type = {kind};\n     "
                    f" default = {default};\n"
                ),
                said,
            )
            for kind, default, said in (
                ("lib.types.bool", "true", "'default': True"),
                ("lib.types.anything", "false", "'type': 'anything'"),
            )
        ),
    ],
)
def test_wrong_option_is_caught(
    failure: Callable[[TreeCommit], str], old: str, new: str, said: str
) -> None:
    assert said in failure(edited(module.FILE, old, new))


def test_wrong_test_is_caught(failure: Callable[[TreeCommit], str]) -> None:
    assert "the test does not check that a container publishes port 80" in failure(
        edited(module.TEST, "--publish=80:80", "--publish=8080:80")
    )


def test_module_that_does_not_evaluate_by_itself_is_not_run() -> None:
    commit = module.prepare(source_of("29.6"))
    file, *others = commit.files
    assert file.before is not None
    foreign = (b"  pkgs,\n", b"  pkgs,\n  stranger,\n")
    strange = replace(
        file, before=file.before.replace(*foreign), after=file.after.replace(*foreign)
    )
    proof = proven(drafted().case(), mailed(replace(commit, files=(strange, *others))))
    assert proof.status is Status.NOT_RUN
    assert proof.reason is not None
    assert proof.reason.startswith(
        "because Nix cannot evaluate the module with stand-ins: "
    )
    assert "'stranger'" in proof.reason


def test_commit_without_a_note_or_with_another_file_is_caught(
    failure: Callable[[TreeCommit], str],
) -> None:
    commit = module.prepare(source_of("29.6"))
    assert "changes 0 release notes instead of one" in failure(
        replace(commit, files=commit.files[:-1])
    )
    stranger = FileChange(path=PurePosixPath("COPYING"), before=None, after=b"mine\n")
    assert "the commit also changes COPYING" in failure(
        replace(commit, files=(*commit.files, stranger))
    )


def test_mail_that_does_not_apply_is_caught() -> None:
    added = mailed(module.prepare(source_of("29.6")))
    broken = replace(
        added.patch,
        content=added.patch.content.replace(b"\n - `log-viewer`", b"\n - `log-reader`"),
    )
    assert broken != added.patch
    case = drafted().case()
    proof = proven(case, replace(added, patch=broken))
    assert proof.status is Status.FAILED
    assert proof.reason is not None
    assert f"{broken.name}: does not apply to this nixpkgs: " in proof.reason
    read = module.read_back((broken,), case.source)
    assert read is not None
    assert (read.commit, read.failure is None) == (None, False)
    assert proven(case, read).status is Status.FAILED


def test_source_that_is_not_at_hand_is_not_run() -> None:
    case = drafted().case()
    added = mailed(module.prepare(source_of("29.6")))
    proof = proven(
        case, module.read_back([added.patch], replace(case.source, root=None))
    )
    assert (proof.status, proof.reason) == (
        Status.NOT_RUN,
        "because the nixpkgs around the file is not available",
    )


def test_test_evaluates_in_the_tree() -> None:
    depth = Depth(tier=Tier.TREE, systems=("x86_64-linux",))
    request = docker(source=SourceRequest(offline=True), depth=depth)
    case = deepened(replace(drafted().case(), request=request), progress=Steps())
    name = f"{MODULE}-test"
    proof = proven(case, mailed(module.prepare(source_of("29.6"))), name)
    assert proof.status is Status.PASSED, proof
    assert proof.evidence[0].endswith("-vm-test-run-docker-rootless.drv")
    wrong = mailed(edited(module.TEST, "users.users.someone", "users.nobody.someone"))
    assert "The option 'users.nobody' does not exist" in (
        proven(case, wrong, name).reason or ""
    )

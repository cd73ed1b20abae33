"""The claims about NixOS: a test of rootless docker's ports evaluates with the patched tree, and passes there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.docker.claims import in_tree, realising
from toolkit.docker.claims.record import Record
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.extras import TEST
from toolkit.docker.plan import TEST_FILE, Demotion, ports_test
from toolkit.docker.rewrite import nixos_test
from toolkit.errors import NotRunError
from toolkit.nix import evaluator
from toolkit.prove import Finding
from toolkit.sources import trees

if TYPE_CHECKING:
    from toolkit.docker.claims.case import Added, DockerCase

EXPRESSION = EXPRESSIONS / "nixos-test.nix"
REGISTERED = EXPRESSIONS / "tree-test.nix"
KVM = Path("/dev/kvm")


def evaluates(case: DockerCase) -> Finding:
    """Evaluate the test with the patched tree."""
    system = system_of(case)
    require_nixos(case, system)
    arguments = _arguments(case, system)
    case.deep.progress.step(f"evaluating the NixOS test ({system})")
    answer = Record({"drvPath": evaluator.evaluate(EXPRESSION, arguments, attribute="drvPath")}, document="NixOS test")
    return Finding(
        covers=f"three machines, {system}",
        evidence=(answer.text("drvPath"),),
        commands=(evaluator.evaluate_command(EXPRESSION, arguments, attribute="drvPath").line,),
    )


def registered(case: DockerCase, added: Added) -> Finding:
    """Evaluate the test as an attribute of nixosTests, with all files of the series and of the commit in the tree."""
    if added.commit is None:
        raise NotRunError("the nixpkgs around the file is not available")
    system = system_of(case)
    require_nixos(case, system)
    work = case.deep
    work.progress.step(f"evaluating nixosTests.{TEST.stem} ({system})")
    tree = trees.changed(work.trees[case.after.name], {one.path: one.after for one in added.commit.files})
    arguments = {
        "tree": str(tree.root),
        "name": TEST.stem,
        "system": system,
        "tools": realising.tools(tree, work.depth.nix_options),
    }
    answer = Record({"drvPath": evaluator.evaluate(REGISTERED, arguments)}, document=f"nixosTests.{TEST.stem}")
    return Finding(
        covers=f"nixosTests.{TEST.stem}, {system}",
        evidence=(answer.text("drvPath"),),
        commands=(evaluator.evaluate_command(REGISTERED, arguments).line,),
    )


def passes(case: DockerCase) -> Finding:
    """Run the test in virtual machines, where this machine or a builder can."""
    system = system_of(case)
    work = case.deep
    require_nixos(case, system)
    if work.trees[case.after.name].is_specimen:
        raise NotRunError("the specimen's machines are stand-ins")
    if not {"--builders", "--store"} & set(work.depth.nix_options):
        require_kvm(system)
    command = realising.command(case, EXPRESSION, _arguments(case, system), ("test",))
    work.progress.step(f"running the NixOS test ({system})")
    built = realising.build(command, expected=1)
    return Finding(
        covers=f"three machines, ports 80 and 8080, {system}",
        failures=(built.failure,) if built.failure is not None else (),
        evidence=(*built.log, *map(str, built.paths)),
        commands=(command.line,),
    )


def system_of(case: DockerCase) -> str:
    """Return the first Linux system that the user named, else the first, else this machine's."""
    named = case.deep.depth.systems or (realising.here(),)
    return next((name for name in named if name.endswith("-linux")), named[0])


def _arguments(case: DockerCase, system: str) -> dict[str, str]:
    tree = case.deep.trees[case.after.name]
    return {
        "tree": str(tree.root),
        "test": str(_test(case)),
        "system": system,
        "tools": realising.tools(tree, case.deep.depth.nix_options),
    }


def _test(case: DockerCase) -> Path:
    """Return where the test is, in the form of a module; it depends on what the second commit does."""
    module = ports_test().read_text(encoding="utf-8")
    written = nixos_test.content(module, nixos_test.Form.MODULE, brought=case.demotion is not Demotion.DROP)
    return in_tree.lay_out({TEST_FILE: written.encode()}) / TEST_FILE


def require_nixos(case: DockerCase, system: str) -> None:
    """Raise NotRunError if there is no NixOS test to evaluate."""
    if not (case.deep.trees[case.after.name].root / "nixos").is_dir():
        raise NotRunError("this nixpkgs has no nixos/")
    if not system.endswith("-linux"):
        raise NotRunError(f"NixOS runs on Linux, and this is {system}; --system x86_64-linux evaluates it")
    case.require_demoted()


def require_kvm(system: str) -> None:
    """Raise NotRunError if this machine cannot run a test of `system`."""
    if system != realising.here():
        raise NotRunError(f"this machine is not {system}; name one that is with --builders")
    if not KVM.exists():
        raise NotRunError(f"there is no {KVM}; name a machine that has it with --builders")
    if not os.access(KVM, os.R_OK | os.W_OK):
        raise NotRunError(f"this user may not use {KVM}; join the group that owns it, usually kvm")

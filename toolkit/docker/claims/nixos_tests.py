"""The claims about the test of the ports: it is registered beside the others, which stay, and evaluates."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING

from toolkit import nix
from toolkit.docker.claims import in_tree
from toolkit.docker.claims.record import Record
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.extras import ALL_TESTS, TEST
from toolkit.docker.rewrite import nixos_test
from toolkit.prove import Finding

if TYPE_CHECKING:
    from toolkit.docker.claims.case import Added, DockerCase
    from toolkit.model import TreeCommit

EXPRESSION = EXPRESSIONS / "registered-test.nix"
IN_TREE = EXPRESSIONS / "tree-test.nix"
MAKE = EXPRESSIONS / "make-test-python.nix"

SYSTEM = "x86_64-linux"


def registered(case: DockerCase, commit: TreeCommit) -> Finding:
    """Compare what Nix reads in all-tests.nix before and after, and evaluate the test by the new line there."""
    listed, test = in_tree.change(commit, ALL_TESTS), in_tree.change(commit, TEST)
    failures = [*in_tree.only(commit, ALL_TESTS, TEST), *_other_tests(listed.before or b"", listed.after)]
    nix.parse_text(test.after, name=str(TEST))
    found = nixos_test.registration(listed.after.decode("utf-8", "replace"), name=str(ALL_TESTS), test=TEST.stem)
    directory = in_tree.lay_out(
        {TEST.name: test.after, "registration.nix": found.value.encode(), MAKE.name: MAKE.read_bytes()}
    )
    arguments = {
        "directory": str(directory),
        "library": in_tree.library(case.source),
        "system": SYSTEM,
        "packages": json.dumps(in_tree.packages(test.after)),
    }
    answer = Record(nix.evaluate(EXPRESSION, arguments), document=str(TEST))
    machines = answer.record("machines")
    names = list(machines.names())
    if answer.text("name") != TEST.stem:
        failures.append(f"{TEST}: the test calls itself '{answer.text('name')}'")
    if not names:
        failures.append(f"{TEST}: there is no machine")
    failures += [f"{TEST}: rootless docker is not enabled on '{name}'" for name in names if not _runs(machines, name)]
    try:
        ast.parse(answer.text("script"))
    except SyntaxError as error:
        failures.append(f"{TEST}: the script is not valid Python: line {error.lineno}: {error.msg}")
    formats = [in_tree.misformatted(one) for one in (listed, test)]
    return Finding(
        covers=f"{len(names)} machines of stand-ins, called as {found.form}, {SYSTEM}",
        failures=(*failures, *(failure for found_there, _ in formats for failure in found_there)),
        evidence=(f"all-tests.nix: {TEST.stem} = {' '.join(found.value.split())}", *(seen for _, seen in formats)),
        commands=(nix.evaluate_command(EXPRESSION, arguments).line,),
    )


def evaluates(case: DockerCase, added: Added) -> Finding:
    """Evaluate the test as an attribute of nixosTests, with all files of the series and of the commit in the tree."""
    # Only for the deeper tiers, which have imported it.
    from toolkit.docker.claims import package_set, realising, virtual  # noqa: PLC0415
    from toolkit.sources import trees  # noqa: PLC0415

    if added.commit is None:
        return Finding(covers="nothing", not_run="because the nixpkgs around the file is not available")
    system = virtual.system_of(case)
    if (reason := virtual.without_nixos(case, system)) is not None:
        return Finding(covers="nothing", not_run=reason)
    work = package_set.deep(case)
    work.progress.step(f"evaluating nixosTests.{TEST.stem} ({system})")
    tree = trees.changed(work.trees[case.after.name], {one.path: one.after for one in added.commit.files})
    arguments = {
        "tree": str(tree.root),
        "name": TEST.stem,
        "system": system,
        "tools": realising.tools(tree, work.depth.nix_options),
    }
    answer = Record({"drvPath": nix.evaluate(IN_TREE, arguments)}, document=f"nixosTests.{TEST.stem}")
    return Finding(
        covers=f"nixosTests.{TEST.stem}, {system}",
        evidence=(answer.text("drvPath"),),
        commands=(nix.evaluate_command(IN_TREE, arguments).line,),
    )


def _runs(machines: Record, name: str) -> bool:
    table = machines.record(name)
    for step in ("virtualisation", "docker", "rootless"):
        if step not in table:
            return False
        table = table.record(step)
    return "enable" in table and table.boolean("enable")


def _other_tests(before: bytes, after: bytes) -> list[str]:
    """Tell what Nix reads otherwise than before, but for the one attribute that came.

    Nix prints its own reading, in which each attribute is once, as `NAME = VALUE; `, without comments.
    """
    old, new = (nix.parsed(content, name=str(ALL_TESTS)) for content in (before, after))
    attribute = re.compile(rf"(?<![\w.-]){re.escape(TEST.stem)} = [^;]*; ?")
    found = attribute.findall(new)
    if len(found) != 1:
        return [f"{ALL_TESTS}: '{TEST.stem}' is registered {len(found)} times"]
    if attribute.sub("", new).split() != old.split():
        return [f"{ALL_TESTS}: more changes than the one attribute"]
    return []

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Unlet

SPECIMEN = ("propose", "--nixpkgs", "specimen")


def test_tree_tier_adds_its_proofs_after_the_isolated_ones(unlet: Unlet) -> None:
    done = unlet(*SPECIMEN, "--tier", "tree", "--system", "x86_64-linux", "--system", "aarch64-linux", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    names = [proof["name"] for proof in json.loads(done.stdout)["proofs"]]
    assert names[0] == "parse"
    assert names[-5:] == [
        "tree-no-rebuild",
        "tree-exact-change",
        "tree-overridable",
        "tree-compatible",
        "tree-set",
    ]


def test_each_tier_includes_the_one_before(unlet: Unlet) -> None:
    done = unlet(*SPECIMEN, "--tier", "build", "--build-args", "--max-jobs 2 --option cores 1", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    proofs = {proof["name"]: proof for proof in json.loads(done.stdout)["proofs"]}
    assert {"builds", "tree-set"} < set(proofs)
    assert not proofs["builds"]["asked"]
    (built,) = (proof for name, proof in proofs.items() if name.startswith("specimen-built-"))
    assert (built["status"], built["asked"]) == ("passed", True)
    assert built["commands"][0].endswith("-A series -A overlay --max-jobs 2 --option cores 1")
    draft = (unlet.cwd / "proposal" / "pull-request.md").read_text()
    assert "- [x]" not in draft


def test_isolated_tier_is_the_default(unlet: Unlet) -> None:
    done = unlet(*SPECIMEN, "-v")
    assert done.returncode == 0
    assert "tree" not in done.stdout
    assert "whole-trees" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tier", "x"), "invalid value for '--tier': 'x' is not one of"),
        (("--system", "x86_64-linux"), "--system requires --tier tree or build"),
        (("--tier", "tree", "--timeout", "nan"), "invalid value for '--timeout': 'nan' is not a finite number"),
        (("--tier", "tree", "--timeout", "inf"), "invalid value for '--timeout': 'inf' is not a finite number"),
        (("--sealed", "--tier", "build"), "--sealed requires --tier isolated or tree"),
        (("--tier", "tree", "--max-memory", "1"), "invalid value for '--max-memory': 1 is not in the range 64<=x<="),
        (("--tier", "tree", "--timeout", "0"), "invalid value for '--timeout': 0.0 is not in the range 0<x<="),
        (("--max-memory", "9" * 20), f"invalid value for '--max-memory': {'9' * 20} is not in the range"),
        (("--timeout", "1e308"), "invalid value for '--timeout': 1e+308 is not in the range"),
        (("--tier", "tree", "--build-args", "-j1"), "--build-args requires --tier build"),
        (("--tier", "build", "--build-args", "'x"), "--build-args: no closing quotation"),
    ],
)
@pytest.mark.parametrize("command", ["propose", "check"])
def test_options_that_do_not_fit_are_one_line(
    unlet: Unlet, command: str, arguments: tuple[str, ...], message: str
) -> None:
    done = unlet(command, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"unlet {command}: {message}")

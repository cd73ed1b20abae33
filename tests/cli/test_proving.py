import json

import pytest

from tests.cli.conftest import Unlet

SPECIMEN = ("propose", "--nixpkgs", "specimen")


def test_tier_that_builds_includes_the_other(unlet: Unlet) -> None:
    done = unlet(*SPECIMEN, "--tier", "build", "--build-args", "--max-jobs 2 --option cores 1", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    proofs = {proof["name"]: proof for proof in json.loads(done.stdout)["proofs"]}
    assert {"builds", "no-rebuild"} < set(proofs)
    assert not proofs["builds"]["asked"]
    (built,) = (proof for name, proof in proofs.items() if name.startswith("specimen-built-"))
    assert (built["status"], built["asked"]) == ("passed", True)
    assert built["commands"][0].endswith(" --max-jobs 2 --option cores 1")
    draft = (unlet.cwd / "proposal" / "pull-request.md").read_text()
    assert "- [x]" not in draft


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tier", "x"), "invalid value for '--tier': 'x' is not one of"),
        (("--tier", "tree", "--timeout", "inf"), "invalid value for '--timeout': inf is not in the range"),
        (("--sealed", "--tier", "build"), "--sealed and --tier build exclude each other"),
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

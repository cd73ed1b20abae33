import json

from tests.cli.conftest import Unlet

SPECIMEN = ("propose", "--nixpkgs", "specimen")


def test_tier_that_builds_includes_the_other(unlet: Unlet) -> None:
    done = unlet(
        *SPECIMEN,
        "--tier",
        "build",
        "--build-args",
        "--max-jobs 2 --option cores 1",
        "--json",
    )
    assert (done.returncode, done.stderr) == (0, "")
    proofs = {proof["name"]: proof for proof in json.loads(done.stdout)["proofs"]}
    assert {"builds", "no-rebuild"} < set(proofs)
    assert not proofs["builds"]["asked"]
    (built,) = (
        proof for name, proof in proofs.items() if name.startswith("specimen-built-")
    )
    assert (built["status"], built["asked"]) == ("passed", True)
    assert built["commands"][0].endswith(" --max-jobs 2 --option cores 1")
    draft = (unlet.cwd / "proposal" / "pull-request.md").read_text()
    assert "- [x]" not in draft

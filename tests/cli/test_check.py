import json
import re
import shutil
from pathlib import Path
from secrets import token_hex

import pytest

from tests.cli.conftest import Unlet
from tests.clones import TARGET, commit_all, edit, git, patched


def test_proposal_can_be_proven_again(unlet: Unlet) -> None:
    assert unlet("propose", "notes-server", "--nixpkgs", "specimen").returncode == 0
    done = unlet("check", "--json", "--proof", "no-rebuild", "--proof", "parse")
    assert done.returncode == 0
    assert {proof["name"] for proof in json.loads(done.stdout)["proofs"]} == {
        "no-rebuild",
        "parse",
    }
    # The specimen is in no form of nixfmt's: a proof that was asked for and not run is
    # no success.
    assert unlet("check", "--proof", "parse", "--proof", "format").returncode == 3


@pytest.mark.parametrize(
    ("setting", "code", "reason"),
    [
        (
            "nix-path = home={home}",
            "builtins.readFile <home/secret>",
            "was not found in the Nix search path",
        ),
        (
            "allow-unsafe-native-code-during-evaluation = true",
            'builtins.exec [ "sh" "-c" "echo >> {home}/ran; echo 1" ]',
            "attribute 'exec' missing",
        ),
    ],
)
def test_patch_of_a_stranger_is_judged_sealed(
    unlet: Unlet, clone: Path, setting: str, code: str, reason: str
) -> None:
    home = Path(unlet.env["HOME"])
    (home / "secret").write_text("told")
    code = f"builtins.seq ({code.format(home=home)}) "
    edit(clone, 'version = "', f'version = {code}"')
    arguments = (
        "check",
        "--patch",
        patched(clone),
        "--nixpkgs",
        "specimen",
        "--system",
        "x86_64-linux",
        "--json",
    )
    done = unlet(*arguments, NIX_CONFIG=setting.format(home=home))
    assert done.returncode == 1, done.stdout + done.stderr
    assert reason in done.stdout
    assert not (home / "ran").exists()


def test_patch_of_a_stranger_is_judged_in_builds_of_nix(
    unlet: Unlet, clone: Path
) -> None:
    edit(
        clone, 'version = "', 'version = builtins.seq (builtins.readFile /etc/passwd) "'
    )
    check = ("check", "--patch", patched(clone), "--nixpkgs", "specimen", "--json")
    system = ("--system", "x86_64-linux")
    refused = unlet(*check, "--build-args", "--max-jobs 1")
    assert (refused.returncode, "requires --build or --on nix" in refused.stderr) == (
        2,
        True,
    )
    done = unlet(
        *check, *system, "--verbose", "--on", "nix", "--build-args", "--max-jobs 1"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "is forbidden in restricted mode" in done.stdout
    assert "-unlet-chunk.drv" in done.stderr


def test_whole_set_is_evaluated_in_builds_and_named_builders_are_required(
    unlet: Unlet, clone: Path
) -> None:
    edit(clone, 'version = "', f'version = "9{token_hex(4)}')
    check = ("check", "--patch", patched(clone), "--nixpkgs", "specimen", "--all")
    native = ("--system", "x86_64-linux", "--verbose")
    done = unlet(*check, *native)
    assert done.returncode == 0, done.stderr
    assert "-unlet-chunk.drv" in done.stderr
    here = unlet(*check, *native, "--on", "here")
    assert here.returncode == 0, here.stderr
    assert "-unlet-chunk.drv" not in here.stderr
    misspelt = unlet(*check, *native, "--build-args", "--bulders x")
    assert misspelt.returncode == 3
    assert "unknown flag '--bulders'" in misspelt.stderr


def test_own_edits_are_judged_in_a_clone_and_a_comment_requires_a_whole_nixpkgs(
    unlet: Unlet, docker_nix: Path
) -> None:
    (unlet.cwd / TARGET).parent.mkdir(parents=True)
    shutil.copyfile(docker_nix, unlet.cwd / TARGET)
    commit_all(unlet.cwd)
    edit(unlet.cwd, "-DMINIMAL=ON", "-DMINIMAL=OFF", TARGET)
    done = unlet("check", "--proof", "no-rebuild", "--system", "x86_64-linux")
    assert done.returncode == 1
    failure = (
        r"^failed   no-rebuild  .*\n  .*(?:docker|moby).* \(and \d+ more; "
        r"--json has all\)$"
    )
    assert len(re.findall(failure, done.stdout, re.MULTILINE)) == 1
    assert unlet("check", "--comment").stderr.startswith(
        "unlet check: --comment requires a change of a whole nixpkgs\n"
    )
    git(unlet.cwd, "commit", "--quiet", "--all", "--message=docker: x")
    assert (
        unlet(
            "check", "HEAD", "--proof", "no-rebuild", "--system", "x86_64-linux"
        ).returncode
        == 1
    )
    assert unlet("check").stderr.splitlines()[1] == (
        "hint: run 'unlet check REV' for a commit, or 'unlet check DIR' for a proposal"
    )


def test_text_of_strangers_stays_text_in_a_comment(unlet: Unlet, clone: Path) -> None:
    evil = "``` </details> @everyone [x](http://localhost.invalid) |"
    edit(clone, 'version = "4.2.0"', f'version = throw "{evil}"')
    done = unlet(
        "check", "--patch", patched(clone), "--nixpkgs", "specimen", "--comment"
    )
    assert done.returncode == 1
    outside = done.stdout.partition("<details>")[0]
    assert "</details>" not in outside
    assert " `@everyone` `[x](http://localhost.invalid)` " in outside

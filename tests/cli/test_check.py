import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.clones import git
from tests.diffs import diff

COMMIT = ("-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "--all", "--message=docker: x")
TARGET = Path("pkgs/applications/virtualization/docker/default.nix")


def test_proposal_can_be_proven_again(unlet: Unlet) -> None:
    assert unlet("propose", "notes-server", "--nixpkgs", "specimen").returncode == 0
    done = unlet("check", "--json", "--proof", "no-rebuild", "--proof", "parse")
    assert done.returncode == 0
    assert {proof["name"] for proof in json.loads(done.stdout)["proofs"]} == {"no-rebuild", "parse"}
    # The specimen is in no form of nixfmt's: a proof that was asked for and not run is no success.
    assert unlet("check", "--proof", "parse", "--proof", "format").returncode == 3


@pytest.mark.parametrize(
    ("setting", "code", "reason"),
    [
        ("nix-path = home={home}", "builtins.readFile <home/secret>", "was not found in the Nix search path"),
        (
            "allow-unsafe-native-code-during-evaluation = true",
            'builtins.exec [ "sh" "-c" "echo >> {home}/ran; echo 1" ]',
            "attribute 'exec' missing",
        ),
    ],
)
def test_patch_of_a_stranger_is_judged_sealed(
    unlet: Unlet, docker_nix: Path, setting: str, code: str, reason: str
) -> None:
    home = Path(unlet.env["HOME"])
    (home / "secret").write_text("told")
    before = docker_nix.read_text()
    code = f"builtins.seq ({code.format(home=home)}) "
    after = before.replace('"-DMINIMAL=ON"', code + '"-DMINIMAL=ON"')
    assert after != before
    (unlet.cwd / "theirs.diff").write_text(diff(TARGET, before, after))
    arguments = ("check", "--patch", "theirs.diff", "--nixpkgs", "specimen", "--system", "x86_64-linux", "--json")
    done = unlet(*arguments, NIX_CONFIG=setting.format(home=home))
    assert done.returncode == 1, done.stdout + done.stderr
    assert reason in done.stdout
    assert not (home / "ran").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--git-dir", ".", "--rev", "x"), "--rev requires --patch or DIR"),
        (("--pull", "1", "--offline"), "--pull asks GitHub, which --offline excludes"),
        (("--sealed", "--tier", "build"), "--sealed and --tier build exclude each other"),
        (("--nixos",), "the output of propose and --nixos exclude each other"),
        (("--patch", "x", "--tier", "tree", "--all"), "--tier and --all exclude each other"),
        (("--git-dir", ".", "--nixpkgs", "x"), "--nixpkgs requires --patch or DIR"),
    ],
)
def test_options_that_contradict_are_one_line(unlet: Unlet, arguments: tuple[str, ...], message: str) -> None:
    done = unlet("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"unlet check: {message}")


def test_own_edits_are_judged_in_a_clone_and_a_comment_requires_a_whole_nixpkgs(unlet: Unlet, docker_nix: Path) -> None:
    file = unlet.cwd / TARGET
    file.parent.mkdir(parents=True)
    file.write_text(docker_nix.read_text())
    git(unlet.cwd, "init", "--quiet")
    git(unlet.cwd, "add", ".")
    git(unlet.cwd, *COMMIT)
    file.write_text(docker_nix.read_text().replace("-DMINIMAL=ON", "-DMINIMAL=OFF"))
    done = unlet("check")
    assert done.returncode == 1
    failure = r"^failed   no-rebuild    .*\n  .*(?:docker|moby).* \(and \d+ more; --json has all\)$"
    assert len(re.findall(failure, done.stdout, re.MULTILINE)) == 1
    assert unlet("check", "--comment").stderr.startswith(
        "unlet check: --comment requires a change of a whole nixpkgs\n"
    )
    git(unlet.cwd, *COMMIT)
    assert unlet("check", "HEAD", "--proof", "no-rebuild").returncode == 1
    assert unlet("check").stderr.splitlines()[1] == (
        "hint: 'unlet check REV' judges a commit, 'unlet check DIR' a proposal"
    )


def test_text_of_strangers_stays_text_in_a_comment(unlet: Unlet, docker_nix: Path) -> None:
    before = docker_nix.read_text()
    evil = "``` </details> @everyone [x](http://localhost.invalid) |"
    after = before.replace('"-DMINIMAL=ON"', f'(throw "{evil}")')
    (unlet.cwd / "theirs.diff").write_text(diff(TARGET, before, after))
    done = unlet("check", "--patch", "theirs.diff", "--nixpkgs", "specimen", "--comment")
    assert done.returncode == 1
    outside = done.stdout.partition("<details>")[0]
    assert "</details>" not in outside
    assert "@everyone" not in outside
    assert "[x](" not in outside

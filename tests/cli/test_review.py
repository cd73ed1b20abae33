"""`unlet check` about a change: what it prints, and how it ends."""

import json
import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import ClassVar

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.cli.conftest import Unlet
from tests.clones import commit_all, edit, git
from tests.forge.server import Forge, serving
from tests.remotes import Remote, Repository, server
from tests.serving import Handler, running
from toolkit import specimen
from toolkit.cache import VARIABLE

__all__ = ["server"]

NATIVE = ("--system", "x86_64-linux")
SLIM = "pkgs/by-name/im/image-slim/package.nix"
SCHEMA = Path(__file__).parents[2] / "docs/schema/judgement.json"


@pytest.fixture
def clone(unlet: Unlet) -> Path:
    return commit_all(shutil.copytree(specimen.path(), unlet.cwd, dirs_exist_ok=True))


def test_a_refactoring_is_the_same(unlet: Unlet, clone: Path) -> None:
    (clone / "README.md").write_text("# Read me\n")
    done = unlet("check", "--expect", "same", *NATIVE)
    assert (
        done.returncode,
        done.stdout.startswith("same: the change contains no Nix to evaluate"),
    ) == (
        0,
        True,
    )
    (clone / "README.md").unlink()
    edit(clone, "let\n", "let\n  unused = 1;\n")
    done = unlet("check", "--expect", "same", *NATIVE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "same (looked at 1 attribute of 1 file)"


def test_a_regression_fails_whatever_is_expected(unlet: Unlet, clone: Path) -> None:
    edit(clone, "    platforms = lib.platforms.all;\n", "")
    for expected in ((), ("--expect", "no-rebuild")):
        assert unlet("check", *expected, *NATIVE).returncode == 1
    done = unlet("check", "--expect", "same", *NATIVE, "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    (found,) = [each for each in document["changes"] if each["weight"] == "regression"]
    assert (found["kind"], found["attribute"], found["what"]) == (
        "meta",
        "notes-server",
        "meta.platforms is gone",
    )


FETCHING = """passthru = {
    withPlugins = add: stdenv.mkDerivation {
      name = "notes-server-with-plugins";
      plugins = add { };
      postInstall = "cp ${stdenv.mkDerivation {
        name = "plugin-source";
        url = "https://example.org/1.tar.gz";
        outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        outputHashMode = "flat";
      }} $out";
    };"""


def test_a_function_whose_package_is_fetched_differently_is_not_the_same(
    unlet: Unlet, clone: Path
) -> None:
    edit(clone, "passthru = {", FETCHING)
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: plugins")
    edit(clone, "1.tar.gz", "2.tar.gz")
    done = unlet("check", "--uncommitted", "--expect", "same", *NATIVE)
    assert done.returncode == 1
    assert re.search("^change .* withPlugins.* same hash", done.stdout, re.MULTILINE)


INPUTS = "buildInputs = [ curl ]"
CI = 'builtins.getEnv "CI" != ""'


def optional(condition: str) -> tuple[str, str]:
    """Return an edit that adds an input under a condition."""
    return INPUTS, f"{INPUTS} ++ lib.optional ({condition}) stdenv"


@pytest.mark.parametrize(
    ("base", "change", "names"),
    [
        ((), optional('builtins.pathExists "/etc/passwd"'), "pathExists"),
        ((), optional(CI), "getEnv"),
        ((), optional('(x: x.getEnv "CI" != "") builtins'), "getEnv"),
        ((), optional("builtins.currentTime > 4102444800"), "currentTime"),
        ((), optional("__currentTime > 4102444800"), "currentTime"),
        (("let\n", f"let\n  ci = {CI};\n"), optional("ci"), "getEnv"),
        (
            ("let\n", f"let\n  ci = {CI};\n  more = ci;\n"),
            optional("more"),
            "getEnv",
        ),
        (("curl,\n", f"curl,\n  ci ? {CI},\n"), optional("ci"), "getEnv"),
        (
            optional("builtins.currentTime\n  > 4102444800"),
            ("  > 4102444800", "  > 4102444801"),
            "currentTime",
        ),
        (
            optional(f"if {CI} then\n  true\nelse\n  false"),
            ("then\n  true", "then\n  false"),
            "getEnv",
        ),
    ],
)
def test_a_change_that_reads_the_machine_is_not_the_same(
    unlet: Unlet,
    clone: Path,
    base: tuple[str, str] | tuple[()],
    change: tuple[str, str],
    names: str,
) -> None:
    if base:
        edit(clone, *base)
        git(clone, "commit", "--quiet", "--all", "--message=notes-server: base")
    edit(clone, *change)
    done = unlet("check", "--uncommitted", "--expect", "same", *NATIVE)
    assert done.returncode == 1
    assert f"notes-server: its changed lines read {names}, so" in done.stdout


@pytest.mark.parametrize(
    "change",
    [
        ("let\n", '# Not builtins.getEnv "CI".\nlet\n'),
        ("let\n", "let\n  unused = builtins.pathExists ./package.nix;\n"),
        ("let\n", 'let\n  unused = "no getEnv here";\n'),
    ],
)
def test_words_of_comments_and_texts_read_nothing(
    unlet: Unlet, clone: Path, change: tuple[str, str]
) -> None:
    edit(clone, *change)
    assert unlet("check", "--expect", "same", *NATIVE).returncode == 0


@pytest.mark.parametrize(
    ("base", "change", "settings"),
    [
        (
            optional("config.pulseaudio or false"),
            ("config.pulseaudio", "config.pulse"),
            ("config.pulse = true", "config.pulseaudio = true"),
        ),
        (
            optional("config.cudaSupport or false"),
            ("(config.cudaSupport or false)", "false"),
            ("config.cudaSupport = true",),
        ),
        (
            optional('config.style or "" == "old"'),
            ('== "old"', '== "new"'),
            ('config.style = "new"', 'config.style = "old"'),
        ),
        (
            ("let\n", "let\n  inherit (config) pulse;\n"),
            optional("config ? pulse && pulse"),
            ("config.pulse = true",),
        ),
        (
            ("curl,\n", "curl,\n  pulse ? config.a.pulse or false,\n"),
            optional("pulse"),
            ("config.a.pulse = true",),
        ),
    ],
)
def test_a_change_that_differs_in_another_configuration_is_not_the_same(
    unlet: Unlet,
    clone: Path,
    base: tuple[str, str],
    change: tuple[str, str],
    settings: tuple[str, ...],
) -> None:
    edit(clone, "  curl,\n", "  curl,\n  config,\n")
    edit(clone, *base)
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: base")
    edit(clone, *change)
    done = unlet("check", "--uncommitted", "--expect", "same", *NATIVE, "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert settings == tuple(
        each["cause"]["setting"]
        for each in document["changes"]
        if each["what"].endswith(": is built differently")
    )
    assert document["rebuilds"] == {}


def test_a_setting_that_takes_none_of_the_values_is_unknown(
    unlet: Unlet, clone: Path
) -> None:
    edit(clone, "  curl,\n", "  curl,\n  config,\n")
    edit(clone, *optional("config.names or [ ] == [ ]"))
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: base")
    edit(
        clone,
        "config.names or [ ] == [ ]",
        "builtins.head (config.names or [ 1 ]) == 1",
    )
    done = unlet("check", "--uncommitted", *NATIVE)
    assert done.returncode == 3
    assert "the effect of config.names was not compared" in done.stdout


def test_why_a_package_is_built_differently_is_shown_with_its_derivations(
    unlet: Unlet, clone: Path
) -> None:
    edit(clone, "[ curl ]", "[ stdenv.cc ]")
    edit(clone, "mkdir -p $out/share", "install -d $out/share")
    done = unlet("check", *NATIVE)
    minus = "\N{MINUS SIGN}"
    reasons = f"buildInputs {minus} curl + cc-wrapper; installPhase {minus} 1 + 1 lines"
    assert f"notes-server: is built differently: {reasons}\n" in done.stdout
    assert f" installPhase {minus} mkdir -p $out/share\n" in done.stdout
    document = json.loads(unlet("check", *NATIVE, "--json").stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    (found,) = [each for each in document["changes"] if each["kind"] == "derivation"]
    assert [each["form"] for each in found["why"]] == ["members", "lines"]
    done = unlet("check", *NATIVE, "--why", "notes-server")
    assert done.stdout.splitlines()[1:] == [
        "why  notes-server on x86_64-linux:",
        f"  buildInputs {minus} curl + cc-wrapper",
        "  installPhase",
        f"    {minus} mkdir -p $out/share",
        "    + install -d $out/share",
        f"  {minus} {found['before']} (x86_64-linux)",
        f"  + {found['after']} (x86_64-linux)",
    ]
    done = unlet("check", *NATIVE, "--why", "status-board")
    assert "why  status-board: no system has another build of it" in done.stdout


def test_a_range_has_a_line_for_each_commit(unlet: Unlet, clone: Path) -> None:
    edit(clone, "let\n", "# A comment.\nlet\n")
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: comment")
    edit(clone, "echo notes", "echo others")
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: others")
    done = unlet("check", "HEAD~2..HEAD", *NATIVE)
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if line.startswith("commit")]
    assert [line.partition(" ")[2].split(" ", 2)[2] for line in lines] == [
        "notes-server: comment: rebuilds nothing",
        "notes-server: others: rebuilds 1",
    ]


def test_a_comment_is_short_and_says_what_made_it(unlet: Unlet, clone: Path) -> None:
    edit(clone, "echo notes", "echo others")
    done = unlet("check", "--comment", *NATIVE)
    lines = done.stdout.splitlines()
    assert len(lines) <= 25
    assert lines[0].startswith("**look at this: 1 change (")
    assert str(clone) not in done.stdout
    assert "nobody has read it yet" in lines[-1]


def refusal(unlet: Unlet, *words: str) -> str:
    """Return the one line that says why a change is not judged."""
    done = unlet("check", *words, *NATIVE)
    assert (done.returncode, done.stdout) == (3, "")
    first, *hints = done.stderr.splitlines()
    assert all(line.startswith("hint: ") for line in hints)
    return first


def test_patch_without_a_diff_is_refused_before_a_tree_is_laid_out(
    unlet: Unlet, clone: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.diff").write_text("")
    change = ("--patch", str(tmp_path / "empty.diff"))
    base = ("--nixpkgs", str(clone), "--rev", "HEAD")
    cache = tmp_path / "cache"
    done = unlet("check", *change, *base, **{VARIABLE: str(cache)})
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "empty.diff: contains no diff\n"
    assert [*cache.rglob("all-packages.nix")] == []


def test_a_submodule_is_refused_in_one_line(unlet: Unlet, clone: Path) -> None:
    git(
        clone,
        "update-index",
        "--add",
        "--cacheinfo",
        f"160000,{git(clone, 'rev-parse', 'HEAD')},pkgs/module",
    )
    git(clone, "commit", "--quiet", "--message=module")
    assert "'pkgs/module' is a submodule, which Nix cannot evaluate" in refusal(
        unlet, "HEAD~1..HEAD"
    )


def test_a_clone_and_a_first_commit_get_the_next_command(
    unlet: Unlet, clone: Path
) -> None:
    assert "the clone has no parent of this commit to compare it with" in refusal(
        unlet, "HEAD"
    )
    missing = unlet("check", "HEAD~1", "--git-dir", clone)
    assert missing.stderr == (
        f"{clone}: has no commit, branch or tag 'HEAD~1'\n"
        f"hint: run 'git -C {clone} log --oneline' to list its commits\n"
    )
    done = unlet("check", clone)
    assert (done.returncode, done.stderr) == (
        2,
        (
            f"{clone}: is a clone, not a proposal\n"
            f"hint: 'unlet check --git-dir {clone}' checks its uncommitted changes\n"
        ),
    )


@pytest.fixture
def pulled(clone: Path) -> Generator[Forge]:
    """A server of a clone that has a pull request, which is not what one stands in."""
    git(clone, "checkout", "--quiet", "-b", "theirs")
    edit(clone, "    platforms = lib.platforms.all;\n", "")
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: drop platforms")
    git(clone, "checkout", "--quiet", "master")
    (clone / "later.md").write_text("later\n")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message=later")
    there = clone.with_name("there")
    shutil.copytree(clone, there, symlinks=True)
    shutil.rmtree(clone)
    clone.mkdir()
    yield from serving(there)


def test_a_pull_request_is_fetched_and_judged_from_where_it_left_its_branch(
    unlet: Unlet, pulled: Forge, server: Remote
) -> None:
    url = server.serve(
        Repository(path=pulled.repository), uploadpack__allowAnySHA1InWant="true"
    )
    pulled.pull(
        7,
        head="theirs",
        title="drop platforms",
        base={"ref": "master", "repo": {"clone_url": url}},
    )
    asked = ("check", "--pull", "7", *pulled.options(), *NATIVE)
    done = unlet(*asked, "--json", "-v")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert [
        each["what"] for each in document["changes"] if each["weight"] == "regression"
    ] == ["meta.platforms is gone"]
    assert (document["subject"], document["files"]) == ("#7 drop platforms", 1)
    assert "# fetching " in done.stderr
    served = len(server.requests)
    address = "https://github.com/NixOS/nixpkgs/pull/7/files#diff"
    asked = ("check", "--pull", address, *pulled.options(), *NATIVE)
    assert unlet(*asked, "--expect", "same").returncode == 1
    assert len(server.requests) == served


def test_a_target_of_a_range_and_of_a_commit_is_judged_too(
    unlet: Unlet, clone: Path
) -> None:
    edit(clone, "let\n", "let\n  unused = 1;\n")
    git(clone, "checkout", "--quiet", "-b", "mine")
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: say more")
    for change in ("master..mine", "mine"):
        done = unlet("check", change, "notes-server", *NATIVE)
        assert "passed   no-rebuild" in done.stdout
    done = unlet("check", "master..mine", "docker", *NATIVE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "docker: the change does not touch its file" in done.stdout.splitlines()


def test_claims_that_cannot_be_judged_take_nothing_from_the_judgement(
    unlet: Unlet, clone: Path
) -> None:
    edit(clone, "echo notes", "echo others")
    git(clone, "commit", "--quiet", "--all", "--message=others")
    done = unlet("check", "HEAD", "status-board", *NATIVE)
    assert done.returncode == 3
    assert done.stdout.startswith("look at this: 1 change (")
    assert re.search(
        r"^status-board: the proofs did not run, because .*", done.stdout, re.MULTILINE
    )
    comment = unlet("check", "HEAD", "status-board", "--comment", *NATIVE).stdout
    assert "**look at this: 1 change" in comment
    assert "did not run, because" in comment
    document = json.loads(
        unlet("check", "HEAD", "status-board", "--json", *NATIVE).stdout
    )
    assert any("did not run, because" in note for note in document["notes"])


def test_a_target_of_what_is_not_committed_is_judged_beside_a_proposal(
    unlet: Unlet, clone: Path
) -> None:
    (clone / "proposal").mkdir()
    edit(clone, "notes", "memos")
    done = unlet("check", "--uncommitted", "notes-server", "--system", "x86_64-linux")
    assert "\nfailed   no-rebuild" in done.stdout
    assert done.returncode == 1


def test_all_of_the_set_is_compared(unlet: Unlet, clone: Path) -> None:
    edit(clone, "    # lists\n", "    unlet = 1;\n", "lib/values.nix")
    assert unlet("check", *NATIVE).returncode == 3
    done = unlet("check", *NATIVE, "--all", "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert (document["unknown"], document["everything"]) == ([], ["x86_64-linux"])
    assert document["asked"] > 40


def test_packages_are_built_and_one_that_failed_before_is_no_regression(
    unlet: Unlet, clone: Path
) -> None:
    board = "pkgs/by-name/st/status-board/package.nix"
    edit(clone, "mkdir -p $out/bin\n", "echo no way; false\n", board)
    git(clone, "commit", "--quiet", "--all", "--message=status-board: break")
    edit(clone, "no way", "still no way", board)
    edit(clone, "mkdir -p $out/share\n", "echo no way; false\n")
    edit(clone, "  version =", '  installPhase = "mkdir $out";\n  version =', SLIM)
    done = unlet("check", "--build", *NATIVE)
    assert done.returncode == 1
    results = done.stdout.splitlines()[-3:]
    assert [line.partition(": nix-build")[0] for line in results] == [
        "built     image-slim",
        "failed    notes-server",
        "failed    status-board before the change too",
    ]
    assert [line.rpartition(": ")[2] for line in results[1:]] == [
        "no way",
        "still no way",
    ]
    edit(clone, "echo no way; false", "mkdir -p $out/share")
    done = unlet("check", "--build", *NATIVE, "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert [each["no_regression"] for each in document["next"]["results"]] == [
        False,
        True,
    ]


class BinaryCache(Handler):
    """A binary cache that has the paths of this list."""

    held: ClassVar[list[str]] = []

    def answer(self) -> None:
        self.reply(200 if self.path.removesuffix(".narinfo")[1:] in self.held else 404)


def test_next_step_builds_what_a_cache_lacks(unlet: Unlet, clone: Path) -> None:
    edit(clone, "[ curl ]", "[ ]")
    edit(clone, "  version =", "  count = 1;\n  version =", SLIM)
    document = json.loads(unlet("check", *NATIVE, "--json").stdout)
    command = f"nix-build --keep-going {clone} -A image-slim -A notes-server"
    assert document["next"]["command"] == command
    assert document["next"]["labels"] == [
        "10.rebuild-linux: 1-10",
    ]
    slim, notes = document["next"]["first"]
    BinaryCache.held[:] = [Path(slim["output"]).name[:32]]
    with running(BinaryCache) as url:
        done = unlet("check", *NATIVE, "--substituters", url)
    assert done.stdout.splitlines()[-4:] == [
        "rebuilds  2 of 2 compared on x86_64-linux",
        "labels    10.rebuild-linux: 1-10 (at least; --all counts all of them)",
        f"cached    1 of 2 packages; not {notes['attribute']}",
        f"next      {command}",
    ]
    reviewing = clone.with_name("programs") / "nixpkgs-review"
    reviewing.parent.mkdir()
    reviewing.write_text("#!/bin/sh\n")
    reviewing.chmod(0o755)
    path = f"{reviewing.parent}:{os.environ['PATH']}"
    done = unlet("check", *NATIVE, PATH=path)
    assert done.stdout.splitlines()[-1] == "next      nixpkgs-review wip"
    done = unlet("check", *NATIVE, "--substituters", url)
    assert (done.returncode, done.stdout) == (3, "")
    assert "does not answer" in done.stderr

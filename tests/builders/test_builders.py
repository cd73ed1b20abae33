"""`--on nix` with real builders, and with a binary cache, beside this machine alone."""

import difflib
import json
import os
import random
import re
import shlex
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from secrets import token_hex

import pytest

from tests.builders.sshd import Builder, serving
from tests.cli.conftest import Unlet
from tests.clones import edit, patched
from tests.trees import trees

Servers = tuple[list[Builder], Path]

_COUNT = int(os.environ.get("UNLET_ATTRIBUTES", "200"))
_META = re.compile(r"^  meta = \{$", re.MULTILINE)
_SLOW = "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in f 19)"


@pytest.fixture
def servers(tmp_path_factory: pytest.TempPathFactory) -> Generator[Servers]:
    if os.geteuid() != 0:
        pytest.skip("only root can start builders with stores of their own")
    with serving(tmp_path_factory.mktemp("b"), "first", "second") as started:
        yield started


def argv(patch: Path, *words: str, nixpkgs: str | Path = "specimen") -> list[str]:
    return [
        "check",
        "--verbose",
        "--json",
        "--patch",
        str(patch),
        "--nixpkgs",
        str(nixpkgs),
        *words,
    ]


def on_builders(builders: list[Builder]) -> list[str]:
    lines = " ; ".join(builder.line for builder in builders)
    options = shlex.join(["--max-jobs", "0", "--builders", lines])
    return ["--on", "nix", "--build-args", options]


def answers(output: str) -> str:
    """Return the JSON of a check without its time."""
    document = json.loads(output)
    del document["seconds"]
    return json.dumps(document, indent=2)


def changed(clone: Path, value: str = "null") -> Path:
    """Return a patch whose chunks no store has."""
    # A version begins with a digit: else what is asked about its parts is another thing.
    new = f'version = builtins.seq {value} "9{token_hex(4)}'
    edit(clone, 'version = "', new)
    return patched(clone)


def run(
    unlet: Unlet,
    words: list[str],
    *,
    seconds: float = 600,
    ok: tuple[int, ...] = (0, 1),
    **env: str,
) -> tuple[str, str]:
    done = subprocess.run(
        [*unlet.argv, *words],
        cwd=unlet.cwd,
        env={**unlet.env, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=seconds,
        check=False,
    )
    assert done.returncode in ok, done.stderr
    return done.stdout, done.stderr


def test_both_builders_take_part_and_the_answers_are_those_of_this_machine(
    unlet: Unlet, clone: Path, servers: Servers
) -> None:
    builders, settings = servers
    patch = changed(clone)
    here, _ = run(unlet, argv(patch))
    words = argv(patch, *on_builders(builders))
    there, steps = run(unlet, words, NIX_SSHOPTS=f"-F {settings}")
    assert answers(there) == answers(here)
    assert re.search(r"evaluated \d of 4 chunks of questions \(", steps)
    for builder in builders:
        assert re.search(rf"\d on ssh-ng://{builder.name}\b", steps)
    assert "on this machine" not in steps
    counts = re.findall(r"evaluated (\d+) of (\d+) chunk", steps)
    assert all(int(done) <= int(total) for done, total in counts)


def test_a_builder_that_ends_in_the_middle_costs_no_answer(
    unlet: Unlet, clone: Path, servers: Servers
) -> None:
    builders, settings = servers
    patch = changed(clone, _SLOW)
    here, _ = run(unlet, argv(patch))
    output, log = unlet.cwd / "output", unlet.cwd / "log"
    with output.open("wb") as stdout, log.open("wb") as stderr:
        process = subprocess.Popen(
            [*unlet.argv, *argv(patch, *on_builders(builders))],
            cwd=unlet.cwd,
            env={**unlet.env, "NIX_SSHOPTS": f"-F {settings}"},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        while process.poll() is None and not builders[0].is_building:
            time.sleep(0.02)
        assert process.poll() is None, "the first builder has built nothing"
        builders[0].end()
        process.wait(300)
    finally:
        process.kill()
        process.wait()
    there, steps = output.read_text(), log.read_text()
    assert answers(there) == answers(here)
    assert "on ssh-ng://second" in steps


def test_a_builder_that_nobody_reaches_is_named_in_one_line(
    unlet: Unlet, clone: Path, servers: Servers
) -> None:
    builders, settings = servers
    builders[0].end()
    words = argv(changed(clone), *on_builders(builders[:1]))
    _, errors = run(unlet, words, ok=(3,), NIX_SSHOPTS=f"-F {settings}")
    message = r"^nix: it cannot build a part of the questions: .*Connection refused$"
    assert len(re.findall(message, errors, re.MULTILINE)) == 1
    assert "hint: with --on here, unlet evaluates on this machine" in errors


def nix(*words: str | Path) -> str:
    argv = ["nix", "--extra-experimental-features", "nix-command", *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_binary_cache_has_the_base_if_its_signature_is_trusted(
    unlet: Unlet, clone: Path, tmp_path: Path, *, is_trusted: bool
) -> None:
    def checked(name: str, *options: str) -> tuple[str, list[str]]:
        root = tmp_path / name
        words = argv(changed(clone), "--system", "x86_64-linux", "--on", "nix")
        _, steps = run(
            unlet,
            [*words, "--build-args", shlex.join(("--max-jobs", "2", *options))],
            NIX_REMOTE=f"local?root={root}",
            UNLET_CACHE_DIR=str(tmp_path / f"{name}-cache"),
        )
        befores = re.findall(r"(?:, before\n)(.*?)(?=# comparing)", steps, re.DOTALL)
        return f"local?root={root}", re.findall(r"evaluated (.*)", "\n".join(befores))

    store, _ = checked("one")
    paths = nix("path-info", "--all", "--store", store).split()
    outputs = [path for path in paths if path.endswith("-unlet-chunk")]
    assert outputs
    # An output with the tree's path would take the whole tree along.
    assert not any("-tree" in path for path in _closure(store, outputs))
    secret, cache = f"{tmp_path}/secret", f"file://{tmp_path}/cache"
    key = ["nix-store", "--generate-binary-cache-key", "test", secret, f"{secret}.pub"]
    subprocess.run(key, check=True)
    public = Path(f"{secret}.pub").read_text()
    if not is_trusted:
        other = f"{tmp_path}/other"
        subprocess.run([*key[:3], other, f"{other}.pub"], check=True)
        public = Path(f"{other}.pub").read_text()
    target = f"{cache}?secret-key={secret}&compression=none"
    nix("copy", "--from", store, "--to", target, *outputs)
    options = ("substituters", cache), ("trusted-public-keys", public)
    _, steps = checked(
        "two", *(word for pair in options for word in ("--option", *pair))
    )
    assert steps
    assert all((f"from {cache}" in step) == is_trusted for step in steps if "(" in step)
    assert any("on this machine" in step for step in steps) != is_trusted


def _closure(store: str, paths: list[str]) -> list[str]:
    return nix("path-info", "--recursive", "--store", store, *paths).split()


@pytest.mark.parametrize("root", trees(having="pkgs/by-name"))
def test_attributes_of_a_real_tree_have_the_same_answers_on_builders(
    unlet: Unlet, root: Path, servers: Servers, tmp_path: Path
) -> None:
    builders, settings = servers
    patch = tmp_path / "p.diff"
    patch.write_text("".join(_differences(root)))
    system = ("--system", "x86_64-linux", "--references", "all")
    here, _ = run(unlet, argv(patch, *system, nixpkgs=root), seconds=7200)
    words = argv(patch, *system, *on_builders(builders), nixpkgs=root)
    there, steps = run(unlet, words, seconds=7200, NIX_SSHOPTS=f"-F {settings}")
    assert answers(there) == answers(here)
    assert json.loads(here)["asked"] >= _COUNT
    for builder in builders:
        assert re.search(rf"\d on ssh-ng://{builder.name}\b", steps)


def _differences(root: Path) -> Generator[str]:
    """Yield a patch that adds a variable to so many packages."""
    files = sorted(root.glob("pkgs/by-name/*/*/package.nix"))
    fit = [file for file in files if len(_META.findall(file.read_text())) == 1]
    mark = f'  unletBuilders = "{token_hex(4)}";\n\n  meta = {{'
    for file in random.Random(1).sample(fit, _COUNT):  # noqa: S311 - repeatable
        text, name = file.read_text(), file.relative_to(root)
        sides = (text, _META.sub(mark, text))
        before, after = (side.splitlines(keepends=True) for side in sides)
        yield from difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")

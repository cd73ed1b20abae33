"""Record what has to stay as it is while the code is made smaller, and compare two recordings.

    UNLET_NIXPKGS=~/trees python -m tests.recordings DIR [rewrites|docker|answers|lifts]...
    python -m tests.recordings --compare OLD NEW

UNLET_NIXPKGS names the folder that has whole nixpkgs trees; what needs one is left out
without it. A run goes on where an earlier one into the same DIR ended. Reports are not
recorded, nor are dates, commit ids and this machine's paths.
"""

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import msgspec

from tests import specimens
from tests.judge import test_real_trees as judged
from tests.reach import test_reach as reached
from toolkit.errors import ToolkitError
from toolkit.lift.plan import FOLLOWED, Design, LiftWay
from toolkit.lift.rewriting import lift

ROOT = Path(__file__).resolve().parents[1]
TREES = (
    Path(os.environ["UNLET_NIXPKGS"]).resolve()
    if "UNLET_NIXPKGS" in os.environ
    else None
)
NEWEST = "26.11"
DOCKER = "pkgs/applications/virtualization/docker/default.nix"
REACH = ROOT / "tests/reach/nixpkgs"
LIFTS = 60
JUDGED = 51  # of 256 parts; a case that goes brings no other in
TOGETHER = 2
_LET = re.compile(r"^ *let\b", re.MULTILINE)
_BOUND = re.compile(
    r"^ +[\w'-]+ = ([\w.]+\.)?(mkDerivation|build(Npm|Go|Rust|Python|Dotnet))",
    re.MULTILINE,
)
_PASSING = re.compile(rb"^(From [0-9a-f]{40} |Date: |-- \n\d).*\n", re.MULTILINE)
_REPORTS = frozenset(["report.md", "report.json", "pull-request.md"])
_AUTHOR = {"GIT_AUTHOR_NAME": "A Recorder", "GIT_AUTHOR_EMAIL": "recorder@example.org"}

_PROPOSE = ("propose", "docker")
_DOCKER = {
    "default": _PROPOSE,
    **{
        f"only-{step}": (*_PROPOSE, "--only", step)
        for step in ("lift", "demote", "nixos-module")
    },
    **{
        f"design-{design}": (*_PROPOSE, "--design", design)
        for design in ("move", "hidden")
    },
    "rootlesskit-drop": (*_PROPOSE, "--rootlesskit", "drop"),
    **{
        f"overlay-{kind}": ("overlay", "docker", "--kind", kind)
        for kind in ("patched", "rewrap")
    },
}

Making: TypeAlias = Iterator[tuple[str, Callable[[], Mapping[str, bytes]]]]
"""Names of what is recorded, each with what makes it: contents by path."""


def main() -> int:
    """Record, or compare."""
    match sys.argv[1:]:
        case ["--compare", old, new]:
            return compare(Path(old), Path(new))
        case [directory, *parts]:
            for part in parts or PARTS:
                for name, make in PARTS[part](Path(directory, part)):
                    keep(Path(directory, part, name), make)
            return 0
        case _:
            sys.exit(str(__doc__))


def keep(place: Path, make: Callable[[], Mapping[str, bytes]]) -> None:
    """Write one part as a whole, unless an earlier run has."""
    if place.exists():
        return
    building = place.with_name(f".{place.name}")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for path, content in make().items():
        (building / path).parent.mkdir(parents=True, exist_ok=True)
        (building / path).write_bytes(content)
    building.rename(place)
    print(place, flush=True)


def compare(old: Path, new: Path) -> int:
    """Print what differs between two recordings; return 1 if anything does."""
    before, after = contents(old), contents(new)
    differing = [
        path
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ]
    for path in differing:
        lines = [
            side.get(path, b"").decode(errors="replace").splitlines()
            for side in (before, after)
        ]
        changed = [
            line
            for line in difflib.unified_diff(lines[0], lines[1], lineterm="", n=0)
            if line[:1] in "+-"
        ][2:]
        how = (
            "differs"
            if path in before and path in after
            else f"only in {new if path in after else old}"
        )
        print("\n    ".join([f"{path}: {how}", *(line[:160] for line in changed[:6])]))
    print(f"{len({*before, *after})} files, {len(differing)} differ")
    return int(bool(differing))


def contents(recording: Path) -> dict[str, bytes]:
    """Return what a recording has, by path."""
    files = (
        path
        for part in PARTS
        for path in (recording / part).rglob("*")
        if path.is_file()
    )
    return {str(path.relative_to(recording)): path.read_bytes() for path in files}


def rewrites(_: Path) -> Making:
    """Yield what the rewrite makes of files of a tree by each design, or that it refuses."""
    if TREES is not None:
        root = TREES / NEWEST
        for file in _sampled(root):
            yield file.replace("/", "+"), partial(_rewritten, root, file)


def _sampled(root: Path) -> list[str]:
    """Return files that may bind packages in a let, by their texts alone: no code of ours chooses them."""
    found: list[str] = []
    for path in (
        path
        for path in (root / "pkgs").rglob("*.nix")
        if not path.is_symlink() and path.is_file()
    ):
        if path.stat().st_size <= 200_000:
            text = path.read_text(errors="replace")
            if _LET.search(text) and _BOUND.search(text):
                found.append(str(path.relative_to(root)))
    return sorted(found)


def _rank(file: str) -> bytes:
    return blake2b(f"1 {file}".encode()).digest()


def _rewritten(root: Path, file: str) -> Mapping[str, bytes]:
    text = (root / file).read_text()
    made: dict[str, bytes] = {}
    for design, follow in (
        (Design.STAY, ()),
        (Design.MOVE, ()),
        (Design.MOVE, FOLLOWED),
    ):
        try:
            new = lift(text, LiftWay(design=design, follow=follow), name=file).text
        except ToolkitError as error:
            said = f"{type(error).__name__}\n"
        else:
            said = "".join(
                difflib.unified_diff(
                    text.splitlines(keepends=True), new.splitlines(keepends=True)
                )
            )
        made["-".join([design, *follow])] = said.encode()
    return made


def docker(_: Path) -> Making:
    """Yield series, diff and overlay for docker in all specimens and trees, by everything that can be chosen."""
    places = {
        name.replace("/", "-"): specimens.path(name)
        for name in specimens.LAYOUTS + specimens.STATES
    }
    if TREES is not None:
        places |= {
            f"tree-{tree.name}": tree
            for tree in sorted(TREES.iterdir())
            if (tree / DOCKER).is_file()
        }
    for name, place in places.items():
        for variant, arguments in _DOCKER.items():
            yield (
                f"{name}/{variant}",
                partial(_proposal, [*arguments, "--nixpkgs", str(place)]),
            )


def _proposal(arguments: Sequence[str]) -> Mapping[str, bytes]:
    with TemporaryDirectory() as there:
        ran = _unlet([*arguments, "--out", "out"], there)
        return {
            "status": b"%d\n" % ran.returncode,
            **_proposed(Path(there, "out"), there),
        }


def _proposed(out: Path, there: str) -> dict[str, bytes]:
    """Return the files of a proposal, without what no two runs have in common."""
    found = (
        path for path in out.rglob("*") if path.is_file() and path.name not in _REPORTS
    )
    return {
        str(path.relative_to(out)): _lasting(path.read_bytes(), there) for path in found
    }


def _lasting(content: bytes, there: str) -> bytes:
    """Return a text without dates, commit ids, versions and paths of this machine."""
    content = _PASSING.sub(b"", content)
    for place, name in ((there, b"HERE"), (str(ROOT), b"ROOT"), (str(TREES), b"TREES")):
        content = content.replace(place.encode(), name)
    return content


def _unlet(arguments: Sequence[str], there: str) -> subprocess.CompletedProcess[bytes]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "UNLET_", "NIX_PATH"))
    }
    argv = [sys.executable, "-m", "toolkit", *arguments]
    environment = {**kept, **_AUTHOR, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        argv, cwd=there, env=environment, check=False, capture_output=True
    )


def lifts(place: Path) -> Making:
    """Yield series and overlays of lifts, which Nix proves: those that rank first of what the rewrite lifted."""
    made = place.with_name("rewrites")
    if TREES is None or not made.is_dir():
        return
    lifted = [
        each.name
        for each in made.iterdir()
        if (each / "stay").read_text().startswith("---")
    ]
    names = sorted((name.replace("+", "/") for name in lifted), key=_rank)[:LIFTS]
    for begin in range(0, len(names), TOGETHER):
        yield f"{begin:03}", partial(_lifts, names[begin : begin + TOGETHER])


def _lifts(names: Sequence[str]) -> Mapping[str, bytes]:
    with TemporaryDirectory() as there:
        arguments = [
            "propose",
            *names,
            "--nixpkgs",
            f"{TREES}/{NEWEST}",
            "--out",
            "out",
            "--json",
        ]
        ran = _unlet(arguments, there)
        if not ran.stdout:
            raise SystemExit(ran.stderr.decode())
        files: dict[str, bytes] = {}
        for each in json.loads(ran.stdout)["proposals"]:
            name = each["target"].replace("/", "+")
            proposal = _proposed(Path(there, each.get("out", "none")), there)
            files |= {f"{name}/{path}": content for path, content in proposal.items()}
            files[f"{name}/status"] = b"%d\n" % each["exit_code"]
        return files


def answers(_: Path) -> Making:
    """Yield what the judge says of a sample of tests/judge/real, and reach of the overlays of its tests."""
    for override in sorted(reached.OVERRIDES):
        yield (
            f"reach/{blake2b(override.encode(), digest_size=8).hexdigest()}",
            partial(_reached, override),
        )
    for name in sorted(name for name in judged.CASES if _rank(name)[0] < JUDGED):
        if TREES is not None and (TREES / judged.CASES[name][0]).is_dir():
            yield (
                f"judge/{re.sub(r'[^a-z0-9.]+', '-', name.lower())}",
                partial(_judged, name),
            )


def _reached(override: str) -> Mapping[str, bytes]:
    with TemporaryDirectory() as there:
        Path(there, "a.patch").touch()
        Path(there, "overlay.nix").write_text(f"final: prev: {{ {override} }}\n")
        ran = _unlet(
            [
                "reach",
                "overlay.nix",
                "--nixpkgs",
                str(REACH),
                "--system",
                "x86_64-linux",
                "--json",
            ],
            there,
        )
        said = json.loads(ran.stdout)["overrides"]
        return {
            "override.nix": override.encode(),
            "answer.json": _lasting(_json(said), there),
        }


def _judged(name: str) -> Mapping[str, bytes]:
    judgement = msgspec.to_builtins(judged.judged(name))
    told = ("attribute", "system", "kind", "weight", "parts", "before", "after")
    said = {
        each: judgement[each]
        for each in ("asked", "same", "differ", "reached", "readers", "equal")
    }
    for field in ("differences", "unknown"):
        said[field] = sorted(
            ([each[key] for key in told if key in each] for each in judgement[field]),
            key=str,
        )
    return {"answer.json": _json(said)}


def _json(value: object) -> bytes:
    return (
        msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1)
        + b"\n"
    )


PARTS: Mapping[str, Callable[[Path], Making]] = {
    each.__name__: each for each in (rewrites, docker, answers, lifts)
}

if __name__ == "__main__":
    sys.exit(main())

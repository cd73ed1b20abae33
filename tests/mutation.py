"""Change the code of some rooms by mutmut, a little at a time, and show which changes the room's tests do not notice.

`mutation.toml` has the rooms, and the changes that make no difference. UNLET_MUTATIONS
is the size of the sample in place of each room's own, 0 for all, UNLET_SEED chooses it;
the arguments name rooms. UNLET_MUTATED names a directory in which results are kept: a
run that was ended goes on there, and what no test has noticed so far is tried again.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import tomli_w
from msgspec import Struct, field
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name

from toolkit import documents

ROOT = Path(__file__).parents[1]
SIZE = os.environ.get("UNLET_MUTATIONS")
SEED = os.environ.get("UNLET_SEED", "1")
KEPT = os.environ.get("UNLET_MUTATED")
_NOTICED = frozenset(["killed", "timeout", "segfault", "suspicious"])
_AT_ONCE = "2"
_OF_DEFECTS = re.compile(
    r", (strict=\w+)?(?=\))|(?<=cast\()\"[^\"]*\"|\"utf-8\"", re.IGNORECASE
)
"""What makes no difference in any call: `strict`, the type of a cast, and the letters of an encoding."""


class Room(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Modules, the tests that have to notice a change of them, and how many in a hundred they do at least.

    `sample` is how many changes are tried.
    """

    modules: list[str]
    tests: list[str]
    percent: int
    sample: int = 300


class Equivalent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes that make no difference: of a function, what the changed lines become, and why nothing can show it."""

    function: str
    after: list[str]
    reason: str


class Mutation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What mutation.toml has."""

    rooms: dict[str, Room]
    equivalent: list[Equivalent] = field(default_factory=list[Equivalent])


class Result(Struct, frozen=True, kw_only=True):
    """How the sample of a room came out.

    `wrong` are entries of the equivalent ones that are not.
    """

    room: Room
    known: int
    sample: int
    equivalent: int
    survived: Sequence[str]
    wrong: Sequence[str]

    @property
    def failed(self) -> bool:
        """Return whether too many survived, or an entry is wrong."""
        return bool(self.wrong) or 100 * self.killed < self.room.percent * self.judged

    @property
    def judged(self) -> int:
        """The changes that make a difference."""
        return self.sample - self.equivalent

    @property
    def killed(self) -> int:
        """The changes that a test noticed."""
        return self.judged - len(self.survived)

    @property
    def line(self) -> str:
        """The result in one line."""
        share = f"{100 * self.killed / self.judged:.1f} %" if self.judged else "none"
        rest = (
            f"{self.equivalent} equivalent, sample of {self.sample} of "
            f"{self.known}, at least {self.room.percent} %"
        )
        return f"{self.killed} of {self.judged} killed ({share}); {rest}"


def main() -> int:
    """Try the rooms that the arguments name, or all; return 1 if one failed."""
    data = documents.read_toml(
        (ROOT / "tests/mutation.toml").read_bytes(), Mutation, document="mutation.toml"
    )
    failed = False
    for name in sys.argv[1:] or data.rooms:
        with TemporaryDirectory() as directory:
            result = tried(
                data.rooms[name],
                data.equivalent,
                Path(KEPT, name).absolute() if KEPT else Path(directory),
            )
        failed |= result.failed
        print(
            "\n".join(["", *result.survived, *result.wrong, f"{name}: {result.line}"]),
            flush=True,
        )
    return int(failed)


def tried(room: Room, equivalent: Iterable[Equivalent], directory: Path) -> Result:
    """Change a sample of a room's code in a copy of the repository, and run the tests that reach each change."""
    copied(room, directory)
    os.chdir(directory)
    mutants = known(room)
    sample = sorted(mutants)
    size = int(SIZE or room.sample)
    if 0 < size < len(sample):
        sample = sorted(Random(SEED).sample(sample, size))  # noqa: S311 - a sample, not a secret
    before = states(mutants)
    if rest := [name for name in sample if before.get(name) not in _NOTICED]:
        program = [
            sys.executable,
            "-m",
            "mutmut",
            "run",
            "--max-children",
            _AT_ONCE,
            *rest,
        ]
        subprocess.run(program, check=True, stdout=sys.stderr)
    return judged(room, equivalent, mutants, sample)


def known(room: Room) -> dict[str, Path]:
    """Return the names of all mutants of a room, with their modules."""
    return {
        get_mutant_name(path, name): path
        for pattern in room.modules
        for path in sorted(Path().glob(pattern))
        for name in mutate_file_contents(str(path), path.read_text()).mutant_names
    }


def states(mutants: Mapping[str, Path]) -> dict[str, str]:
    """Return what mutmut has written down of mutants, but for those of functions that are different now."""
    results: dict[str, str] = {}
    for path in dict.fromkeys(mutants.values()):
        if (written := Path("mutants", f"{path}.meta")).exists():
            meta = json.loads(written.read_bytes())
            hashes = mutate_file_contents(
                str(path), path.read_text()
            ).hash_by_function_name
            for name, code in meta["exit_code_by_key"].items():
                of = name.rpartition("__mutmut_")[0].rpartition(".")[2]
                if hashes.get(of) == meta["hash_by_function_name"].get(of):
                    results[name] = status_by_exit_code[code]
    return results


def judged(
    room: Room,
    equivalent: Iterable[Equivalent],
    mutants: Mapping[str, Path],
    sample: Sequence[str],
) -> Result:
    """Return what became of a sample, as mutmut has written it down."""
    became = states(mutants)
    by_function: dict[str, list[str]] = defaultdict(list)
    for name, path in mutants.items():
        by_function[function(name, path)].append(name)
    spared = {
        name
        for name in sample
        if became[name] not in _NOTICED and is_of_defects(name, mutants[name])
    }
    wrong: list[str] = []
    for each in equivalent:
        if not any(
            fnmatch.fnmatch(each.function.partition(":")[0], pattern)
            for pattern in room.modules
        ):
            continue
        for line in each.after:
            of = [
                name
                for name in by_function[each.function]
                if after(name, mutants[name]) == line
            ]
            noticed = [
                name for name in of if name in sample and became[name] in _NOTICED
            ]
            if not of or noticed:
                why = (
                    "a test notices it" if of else "no change of this function gives it"
                )
                wrong.append(f"equivalent: {each.function}: '{line}': {why}")
            spared.update(of)
    return Result(
        room=room,
        known=len(mutants),
        sample=len(sample),
        equivalent=sum(name in spared for name in sample),
        survived=[
            f"{function(name, mutants[name])}: "
            f"{became[name]}\n{diff(name, mutants[name])}"
            for name in sample
            if became[name] not in _NOTICED and name not in spared
        ],
        wrong=wrong,
    )


def copied(room: Room, directory: Path) -> None:
    """Copy what git knows of the repository, with a configuration for mutmut.

    Of a former copy only results stay.
    """
    for file in [
        each for each in directory.rglob("*") if each.is_symlink() or each.is_file()
    ]:
        if file.suffix != ".meta" and file.name != "mutmut-stats.json":
            file.unlink()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    files = [
        Path(name)
        for name in listed.stdout.decode().split("\0")
        if name and (ROOT / name).exists()
    ]
    for file in files:
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, directory / file, follow_symlinks=False)
    options = {
        "source_paths": ["toolkit"],
        "only_mutate": room.modules,
        "also_copy": sorted({file.parts[0] for file in files} - {"toolkit"}),
        "pytest_add_cli_args_test_selection": room.tests,
    }
    with (directory / "pyproject.toml").open("ab") as settings:
        settings.write(b"\n" + tomli_w.dumps({"tool": {"mutmut": options}}).encode())


def function(name: str, path: Path) -> str:
    """Return the path of a mutant's module, and the function in it."""
    mangled = name.rpartition("__mutmut_")[0].rpartition(".")[2].removeprefix("x")
    return f"{path}:{mangled.strip('ǁ').replace('ǁ', '.') if 'ǁ' in mangled else mangled.removeprefix('_')}"


def diff(name: str, path: Path) -> str:
    """Return the lines that a mutant changes."""
    lines = get_diff_for_mutant(name, path=path).splitlines()
    return "\n".join(
        f"  {line[0]} {line[1:].strip()}"
        for line in lines
        if re.match(r"[-+](?![-+]{2} )", line)
    )


def is_of_defects(name: str, path: Path) -> bool:
    """Return whether a mutant differs only in what makes no difference in any call."""
    lines = diff(name, path).splitlines()
    old, new = (
        " ".join(_OF_DEFECTS.sub("", line[4:]) for line in lines if line[2] == sign)
        for sign in "-+"
    )
    return old == new


def after(name: str, path: Path) -> str:
    """Return what the changed lines of a mutant are, in one line."""
    return " ".join(
        line[4:] for line in diff(name, path).splitlines() if line.startswith("  +")
    )


if __name__ == "__main__":
    sys.exit(main())

"""The corpus as command lines: each spoilt tree in the form that a command reads, and what is no tree.

`attacks.toml` has it. An attack makes its files in a directory, and returns the command
line that reads them.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

from msgspec import Struct

from tests import cases
from tests.cases import Text
from tests.clones import git
from tests.forge.server import Fault, Forge
from tests.hostile.spoiling import (
    DOCKER,
    EXPRESSIONS,
    Spoiling,
    filled,
    lay_out,
    spoilings,
)
from toolkit import specimen

READERS = (
    "track --ref master --html page.html --git-dir",
    "propose --nixpkgs",
    "check --git-dir",
)
TRACK = "track --ref master --timeout 3"
PARTS = {
    "api": ("/api/", TRACK),
    "raw": ("/raw/", TRACK),
    "pull": ("/pulls/", "check --pull 7"),
}
"""The questions of a server by a part of their path, and who asks them."""
PROGRAM = """
program() {
    { echo '#!/bin/sh'; printf '%s\\n' "$@"; echo exit 1; } >"$work/run"
    chmod +x "$work/run"
}
"""


class Stage(Struct, frozen=True, kw_only=True):
    """Where an attack works: a directory of its own and the secret, what makes a good proposal, and what serves."""

    work: Path
    secret: Path
    propose: Callable[[], Path]
    serve: Callable[[Path], Forge]

    def placed(self, text: str, **more: str) -> str:
        """Return a text with the places of this stage."""
        places = {
            "docker": DOCKER,
            "home": self.secret.parent,
            "secret": self.secret,
            "work": self.work,
        }
        for name, value in {**more, **places}.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def words(self, line: str, **more: str) -> list[str]:
        """Return the words of a command line with the places of this stage."""
        return [self.placed(word, **more) for word in shlex.split(line)]


class Attack(Struct, frozen=True, kw_only=True):
    """A case of the corpus through one entry."""

    name: str
    make: Callable[[Stage], list[str]]
    shown: str | None = None
    """A pattern of all that is printed, if that is known. These are always tried."""


class _Patches(Struct, frozen=True, kw_only=True):
    form: str
    of: Sequence[Text] = ("",)
    at: Sequence[str] = ("",)
    shown: str | None = None


class _Clones(Struct, frozen=True, kw_only=True):
    script: str
    of: Sequence[Text] = ("",)
    readers: Sequence[str] = READERS


class _Answers(Struct, frozen=True, kw_only=True):
    refs: list[Text]
    headers: list[dict[str, Text]]
    bodies: dict[str, Text]


class _Reports(Struct, frozen=True, kw_only=True):
    files: list[str]
    fields: list[tuple[str, Text]]


class _Lines(Struct, frozen=True, kw_only=True):
    named: str
    documents: list[Text]
    locks: list[dict[str, str]]
    commands: list[Text]


class _Corpus(Struct, frozen=True, kw_only=True):
    common: list[str]
    entries: dict[str, str]
    overlays: dict[str, str]
    patches: dict[str, _Patches]
    clones: dict[str, _Clones]
    answers: _Answers
    reports: _Reports
    lines: _Lines


CORPUS = cases.read(__file__, _Corpus)


def _clean(stage: Stage, name: str = "tree") -> Path:
    return Path(shutil.copytree(specimen.path(), stage.work / name))


def _made(stage: Stage) -> Path:
    """Make a clone with a commit, and a token in its configuration."""
    tree = _clean(stage)
    git(tree, "init", "--quiet", "--initial-branch=master")
    _commit(tree, "first")
    git(
        tree,
        "config",
        "remote.origin.url",
        f"https://x:{_told(stage)}@localhost.invalid/x",
    )
    return tree


def _told(stage: Stage) -> str:
    return stage.secret.read_text().strip()


def _commit(tree: Path, message: str) -> None:
    # Pipes and sockets are not committed, and what cannot be read is left out.
    subprocess.run(
        ["git", "-C", tree, "add", "--all", "--ignore-errors"],
        check=False,
        capture_output=True,
    )
    git(tree, "commit", "--quiet", "--allow-empty", f"--message={message}")


def _tree(spoiling: Spoiling, stage: Stage) -> Path:
    tree = _clean(stage)
    spoiling.spoil(tree, stage.secret)
    return tree


def _clone(spoiling: Spoiling, stage: Stage) -> Path:
    tree = _made(stage)
    git(tree, "switch", "--quiet", "--create", "theirs")
    spoiling.spoil(tree, stage.secret)
    for huge in tree.rglob("*"):
        if huge.is_file() and not huge.is_symlink() and huge.stat().st_size > 1 << 30:
            huge.unlink()
    _commit(tree, "theirs")
    return tree


def _patch(spoiling: Spoiling, stage: Stage) -> Path:
    tree = _clone(spoiling, stage)
    patch = stage.work / "theirs.patch"
    patch.write_bytes(
        subprocess.run(
            ["git", "-C", tree, "diff", "master", "theirs"],
            check=True,
            capture_output=True,
        ).stdout
    )
    _clean(stage, "nixpkgs")
    return patch


def _own(_: Spoiling | None, stage: Stage) -> Path:
    """Make a patch of ours for docker's file."""
    before = (specimen.path() / DOCKER).read_text()
    pair = stage.work / "pair"
    for side, text in (
        ("a", before),
        ("b", before.replace("-DMINIMAL=ON", "-DMINIMAL=OFF")),
    ):
        (pair / side / DOCKER).parent.mkdir(parents=True)
        (pair / side / DOCKER).write_text(text)
    argv = ["git", "diff", "--no-index", "--no-prefix", "a", "b"]
    patch = stage.work / "own.patch"
    patch.write_bytes(
        subprocess.run(argv, cwd=pair, check=False, capture_output=True).stdout
    )
    return patch


def _serving(spoiling: Spoiling, stage: Stage) -> Forge:
    tree = _clone(spoiling, stage)
    git(tree, "branch", "nixos-unstable", "theirs")
    return stage.serve(tree)


def _served(spoiling: Spoiling, stage: Stage) -> str:
    return _serving(spoiling, stage).url


def _pulled(spoiling: Spoiling, stage: Stage) -> str:
    forge = _serving(spoiling, stage)
    forge.pull(7, head="theirs")
    # A clone at hand has both commits: nothing is fetched from GitHub.
    git(stage.work, "init", "--quiet")
    git(
        stage.work,
        "fetch",
        "--quiet",
        str(stage.work / "tree"),
        "+refs/heads/*:refs/remotes/origin/*",
    )
    return forge.url


def _proposal(spoiling: Spoiling, stage: Stage) -> Path:
    """Put a spoilt file of docker's, with what is beside it, into a proposal in the place of its own."""
    tree = _tree(spoiling, stage)
    proposal = Path(shutil.copytree(stage.propose(), stage.work / "proposal"))
    shutil.rmtree(proposal / "overlay/docker")
    (tree / DOCKER).parent.rename(proposal / "overlay/docker")
    document = json.loads((proposal / "report.json").read_text())
    document["source"]["nixpkgs"] = str(tree)
    (proposal / "report.json").write_text(json.dumps(document))
    return proposal


_FORMS: Mapping[str, Callable[[Spoiling, Stage], Path | str]] = {
    each.__name__.strip("_"): each
    for each in (_tree, _clone, _patch, _own, _served, _pulled, _proposal)
}
"""The forms of a spoilt tree, by their names in the entries."""


def _through(stage: Stage, *, entry: str, case: Spoiling) -> list[str]:
    forms = {
        name: str(form(case, stage))
        for name, form in _FORMS.items()
        if f"{{{name}}}" in entry
    }
    return stage.words(entry, **forms)


def attacks(seed: int, share: int = 10) -> list[Attack]:
    """Return the corpus: each case through one entry, and of spoilt trees one of `share` through every entry."""
    random = Random(seed)  # noqa: S311 - it decides nothing that has to be secret
    found: list[Attack] = []
    for case in spoilings(random):
        entries = (
            CORPUS.entries
            if random.randrange(share) == 0
            else [random.choice(CORPUS.common)]
        )
        found += [
            Attack(
                name=f"{case.name}-{name}",
                make=partial(_through, entry=CORPUS.entries[name], case=case),
            )
            for name in entries
        ]
    for more in (
        _overlays(),
        _patches(random),
        _clones(),
        _answers(),
        _reports(random),
        _lines(),
    ):
        found += more
    return found


def _overlay(stage: Stage, expression: str) -> list[str]:
    """Make an overlay in a clone, for a nixpkgs that is used as it is and a clone as well."""
    theirs = stage.work / "theirs"
    theirs.mkdir()
    note = f"({filled(expression, stage.secret)})"
    (theirs / "overlay.nix").write_text(
        f"final: prev: {{ notes-server = prev.notes-server.overrideAttrs {{ note = "
        f"{note}; }}; }}\n"
    )
    lay_out(theirs, expression, stage.secret)
    git(theirs, "init", "--quiet")
    git(theirs, "config", "x.token", _told(stage))
    return ["reach", "--sealed", "--nixpkgs", str(_made(stage)), str(theirs)]


def _overlays() -> Iterator[Attack]:
    """Yield overlays that read, fetch or start something."""
    expressions = dict(islice(EXPRESSIONS.items(), [*EXPRESSIONS].index("trace")))
    for name, expression in {**expressions, **CORPUS.overlays}.items():
        yield Attack(
            name=f"overlay-{name}", make=partial(_overlay, expression=expression)
        )


def _given(stage: Stage, content: bytes, target: Sequence[str] = ()) -> list[str]:
    patch = stage.work / "theirs.patch"
    patch.write_bytes(content)
    return ["check", "--patch", str(patch), *target, "--nixpkgs", str(_clean(stage))]


def _formed(
    stage: Stage, form: str, each: str, at: str, target: Sequence[str]
) -> list[str]:
    return _given(stage, stage.placed(form, each=each, at=at).encode(), target)


def _mutated(stage: Stage, seed: int) -> list[str]:
    dice = Random(seed)  # noqa: S311 - as above
    content = bytearray(_own(None, stage).read_bytes())
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(content))
        content[place : place + dice.randrange(4)] = dice.randbytes(dice.randrange(4))
    return _given(stage, bytes(content))


def _patches(random: Random) -> Iterator[Attack]:
    """Yield patches of the corpus, and a good one with bytes changed at random."""
    for name, patches in CORPUS.patches.items():
        numbered = enumerate(
            (cases.whole(each), at) for each in patches.of for at in patches.at
        )
        for number, (each, at) in numbered:
            for target in ((), ("notes-server",)) if "notes" in at else ((),):
                make = partial(
                    _formed, form=patches.form, each=each, at=at, target=target
                )
                name_of_one = f"patch-{name}-{number}{'-any' if target else ''}"
                yield Attack(name=name_of_one, make=make, shown=patches.shown)
    for number in range(15):
        yield Attack(
            name=f"patch-mutated-{number}",
            make=partial(_mutated, seed=random.randrange(1 << 30)),
        )


def _spoilt(stage: Stage, script: str, each: str, reader: str) -> list[str]:
    tree = _made(stage)
    variables = {
        "each": os.fsdecode(stage.placed(each).encode("latin-1")),
        "docker": DOCKER,
        "tree": str(tree),
    }
    variables |= {
        name: stage.placed(f"{{{name}}}") for name in ("secret", "home", "work")
    }
    command = ["sh", "-euc", f"{PROGRAM}{script}"]
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, **variables},
        check=True,
        stdout=subprocess.PIPE,
    )
    return [*reader.split(), os.fsdecode(done.stdout).removesuffix("\n") or str(tree)]


def _clones() -> Iterator[Attack]:
    """Yield clones whose git directory is not what git writes."""
    for name, clones in CORPUS.clones.items():
        for number, each in enumerate(map(cases.whole, clones.of)):
            for reader in clones.readers:
                make = partial(_spoilt, script=clones.script, each=each, reader=reader)
                yield Attack(
                    name=f"clone-{name}-{number}-{reader.split()[0]}", make=make
                )


def _answered(stage: Stage, part: str, fault: Fault) -> list[str]:
    tree = _made(stage)
    forge = stage.serve(tree)
    git(tree, "branch", "theirs")
    forge.pull(7, head="theirs")
    where, command = PARTS[part]
    forge.faults[where] = [fault] * 50
    return [*command.split(), *forge.options()]


def _referred(stage: Stage, ref: str) -> list[str]:
    return ["track", *stage.serve(_made(stage)).options(), "--ref", ref]


def _answers() -> Iterator[Attack]:
    """Yield answers of a server to the first questions of each kind."""
    array = r"http://\S+/pulls/7: expected `object`, got `array`\n"
    for name, body in CORPUS.answers.bodies.items():
        fault = Fault(status=200, body=cases.whole(body).encode("latin-1"))
        for part in PARTS:
            shown = array if (part, name) == ("pull", "deep") else None
            yield Attack(
                name=f"answer-{part}-{name}",
                make=partial(_answered, part=part, fault=fault),
                shown=shown,
            )
    for number, headers in enumerate(CORPUS.answers.headers):
        status = 302 if "Location" in headers else 200 if "Link" in headers else 403
        fault = Fault(
            status=status,
            headers={name: cases.whole(value) for name, value in headers.items()},
        )
        yield Attack(
            name=f"answer-header-{number}",
            make=partial(_answered, part="api", fault=fault),
        )
    for number, ref in enumerate(map(cases.whole, CORPUS.answers.refs)):
        yield Attack(name=f"answer-ref-{number}", make=partial(_referred, ref=ref))


def _changed(stage: Stage, field: str, value: str) -> list[str]:
    proposal = Path(shutil.copytree(stage.propose(), stage.work / "proposal"))
    document = json.loads((proposal / "report.json").read_text())
    *path, last = field.split(".")
    at = document
    for key in path:
        at = at[int(key) if key.isdigit() else key]
    at[last] = json.loads(stage.placed(value))
    (proposal / "report.json").write_text(json.dumps(document))
    return ["check", str(proposal)]


def _cut(stage: Stage, name: str, how: int) -> list[str]:
    proposal = Path(shutil.copytree(stage.propose(), stage.work / "proposal"))
    place = next(
        path
        for path in sorted(proposal.rglob("*"))
        if name in path.relative_to(proposal).as_posix()
    )
    content = place.read_bytes()
    place.unlink()
    match how:
        case 0:
            place.symlink_to(stage.secret)
        case 1:
            place.write_bytes(content[: len(content) // 2])
        case 2:
            place.mkdir()
        case _:
            place.write_bytes(Random(how).randbytes(3000))  # noqa: S311 - as above
    return ["check", str(proposal)]


def _reports(random: Random) -> Iterator[Attack]:
    """Yield proposals in which a file is not what unlet writes."""
    for number, (field, value) in enumerate(CORPUS.reports.fields):
        make = partial(_changed, field=field, value=cases.whole(value))
        yield Attack(name=f"report-field-{number}", make=make)
    for name in CORPUS.reports.files:
        for how in (0, 1, 2, random.randrange(3, 999)):
            make = partial(_cut, name=name, how=how)
            yield Attack(
                name=f"report-{name.replace('/', '_')}-{min(how, 3)}", make=make
            )


def _typed(stage: Stage, line: str, lock: str | None) -> list[str]:
    if lock is not None:
        (stage.work / "flake.lock").write_text(stage.placed(lock))
    return stage.words(line)


def _lines() -> Iterator[Attack]:
    """Yield command lines, and files that a command line names."""
    lines = CORPUS.lines
    documents = [cases.whole(each) for each in lines.documents]
    for node in lines.locks:
        nodes = {
            "root": {"inputs": {"nixpkgs": "nixpkgs"}},
            "nixpkgs": {"locked": node, "original": {}},
        }
        documents.append(json.dumps({"version": 7, "root": "root", "nodes": nodes}))
    named = ((lines.named, document) for document in documents)
    for number, (line, lock) in enumerate(
        [*named, *((cases.whole(each), None) for each in lines.commands)]
    ):
        yield Attack(name=f"line-{number}", make=partial(_typed, line=line, lock=lock))

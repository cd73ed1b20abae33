"""The corpus as command lines: each spoilt tree in the form that a command reads, and what is no tree.

An attack makes its files in a directory, and returns the command line that reads them.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.clones import git
from tests.forge.server import Fault, Forge
from tests.hostile.spoiling import DOCKER, EXPRESSIONS, NOTES, Spoiling, lay_out, spoilings
from toolkit import specimen

ENDLESS = (("--max-memory", "9" * 20), ("--timeout", "1e308"))
EDIT = ("-DMINIMAL=ON", "-DMINIMAL=OFF")


class Stage(Struct, frozen=True, kw_only=True):
    """Where an attack works: a directory of its own, the secret, a proposal that nobody has spoilt, and a server."""

    work: Path
    secret: Path
    proposal: Path
    serve: Callable[[Path], Forge]


class Attack(Struct, frozen=True, kw_only=True):
    """A case of the corpus through one entry."""

    name: str
    make: Callable[[Stage], list[str]]
    shown: str | None = None
    """A pattern of all that is printed, if that is known. These are always tried."""


def clean(stage: Stage, name: str = "tree") -> Path:
    return Path(shutil.copytree(specimen.path(), stage.work / name))


def _made(stage: Stage, name: str = "tree") -> Path:
    """Make a clone with a commit, and a token in its configuration."""
    tree = clean(stage, name)
    git(tree, "init", "--quiet", "--initial-branch=master")
    _commit(tree, "first")
    git(tree, "config", "remote.origin.url", f"https://x:{stage.secret.read_text().strip()}@localhost.invalid/x")
    return tree


def _commit(tree: Path, message: str) -> None:
    # Pipes and sockets are not committed, and what cannot be read is left out.
    subprocess.run(["git", "-C", tree, "add", "--all", "--ignore-errors"], check=False, capture_output=True)
    git(tree, "commit", "--quiet", "--allow-empty", f"--message={message}")


def _tree(spoiling: Spoiling, stage: Stage) -> Path:
    tree = clean(stage)
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
        subprocess.run(["git", "-C", tree, "diff", "master", "theirs"], check=True, capture_output=True).stdout
    )
    clean(stage, "nixpkgs")
    return patch


def _own_patch(stage: Stage) -> Path:
    before = (specimen.path() / DOCKER).read_text()
    pair = stage.work / "pair"
    for side, text in (("a", before), ("b", before.replace(*EDIT))):
        (pair / side / DOCKER).parent.mkdir(parents=True)
        (pair / side / DOCKER).write_text(text)
    argv = ["git", "diff", "--no-index", "--no-prefix", "a", "b"]
    patch = stage.work / "own.patch"
    patch.write_bytes(subprocess.run(argv, cwd=pair, check=False, capture_output=True).stdout)
    return patch


def _served(spoiling: Spoiling, stage: Stage) -> Forge:
    tree = _clone(spoiling, stage)
    git(tree, "branch", "nixos-unstable", "theirs")
    return stage.serve(tree)


def _out(stage: Stage) -> tuple[str, str]:
    return "--out", str(stage.work / "out")


def _spoilt_proposal(spoiling: Spoiling, stage: Stage) -> Path:
    """Put a spoilt file of docker's, with what is beside it, into a proposal in the place of its own."""
    tree = _tree(spoiling, stage)
    proposal = Path(shutil.copytree(stage.proposal, stage.work / "proposal"))
    shutil.rmtree(proposal / "overlay/docker")
    (tree / DOCKER).parent.rename(proposal / "overlay/docker")
    document = json.loads((proposal / "report.json").read_text())
    document["source"]["nixpkgs"] = str(tree)
    (proposal / "report.json").write_text(json.dumps(document))
    return proposal


def _pulled(spoiling: Spoiling, stage: Stage) -> list[str]:
    forge = _served(spoiling, stage)
    forge.pull(7, head="theirs")
    # A clone at hand has both commits: nothing is fetched from GitHub.
    git(stage.work, "init", "--quiet")
    git(stage.work, "fetch", "--quiet", str(stage.work / "tree"), "+refs/heads/*:refs/remotes/origin/*")
    return ["check", "--pull", "7", "--comment", *forge.options()]


ENTRIES: Mapping[str, Callable[[Spoiling, Stage], list[str]]] = {
    "find-name": lambda case, stage: ["find", "docker", "notes-server", "--nixpkgs", str(_tree(case, stage))],
    "propose": lambda case, stage: ["propose", "--nixpkgs", str(_tree(case, stage)), *_out(stage)],
    "propose-any": lambda case, stage: ["propose", "notes-server", "--nixpkgs", str(_tree(case, stage)), *_out(stage)],
    "propose-file": lambda case, stage: ["propose", "--file", str(_tree(case, stage) / DOCKER), *_out(stage)],
    "propose-commit": lambda case, stage: ["propose", "--sealed", "--nixpkgs", str(_clone(case, stage)), *_out(stage)],
    "overlay": lambda case, stage: ["overlay", "--nixpkgs", str(_tree(case, stage)), *_out(stage)],
    "find": lambda case, stage: ["find", "--nixpkgs", str(_tree(case, stage))],
    "check-own-patch": lambda case, stage: [
        *("check", "--patch", str(_own_patch(stage)), "--nixpkgs", str(_tree(case, stage)))
    ],
    "check-patch": lambda case, stage: [
        *("check", "--patch", str(_patch(case, stage)), "--nixpkgs", str(stage.work / "nixpkgs"))
    ],
    "check-patch-any": lambda case, stage: [
        *("check", "--patch", str(_patch(case, stage)), "notes-server", "--nixpkgs", str(stage.work / "nixpkgs"))
    ],
    "check-rev": lambda case, stage: ["check", "theirs", "--git-dir", str(_clone(case, stage))],
    "check-directory": lambda case, stage: ["check", str(_spoilt_proposal(case, stage))],
    "check-pull": _pulled,
    "track-clone": lambda case, stage: [
        *("track", "--git-dir", str(_clone(case, stage)), "--ref", "theirs", "--html", "page.html")
    ],
    "track-server": lambda case, stage: [
        *("track", *_served(case, stage).options(), "--ref", "theirs", "--ref", "master")
    ],
}
"""How a command is handed a spoilt tree."""

COMMON = ("find-name", "propose", "propose-any", "find", "check-patch", "check-rev", "check-directory", "track-clone")
"""The readers: the entries of which each case gets one."""


def attacks(seed: int, share: int = 10) -> list[Attack]:
    """Return the corpus: each case through one entry, and of spoilt trees one of `share` through every entry."""
    random = Random(seed)  # noqa: S311 - it decides nothing that has to be secret
    found: list[Attack] = []
    for case in spoilings(random):
        entries = list(ENTRIES) if random.randrange(share) == 0 else [random.choice(COMMON)]
        found += [
            Attack(name=f"{case.name}-{entry}", make=partial(_through, entry=entry, case=case)) for entry in entries
        ]
    for more in (_patches(random), _clones(), _answers(), _reports(random), _lines(), _overlays()):
        found += more
    return found


def _through(stage: Stage, *, entry: str, case: Spoiling) -> list[str]:
    return ENTRIES[entry](case, stage)


def _overlay(stage: Stage, expression: str) -> list[str]:
    """Make an overlay in a clone, for a nixpkgs that is used as it is and a clone as well."""
    theirs = stage.work / "theirs"
    theirs.mkdir()
    filled = expression.format(secret=stage.secret, home=stage.secret.parent)
    (theirs / "overlay.nix").write_text(
        f"final: prev: {{ notes-server = prev.notes-server.overrideAttrs {{ note = {filled}; }}; }}\n"
    )
    lay_out(theirs, expression, stage.secret)
    git(theirs, "init", "--quiet")
    git(theirs, "config", "x.token", _told(stage))
    return ["reach", "--sealed", "--nixpkgs", str(_made(stage)), str(theirs)]


def _overlays() -> Iterator[Attack]:
    """Yield overlays that read, fetch or start something."""
    expressions = {
        **dict(islice(EXPRESSIONS.items(), [*EXPRESSIONS].index("trace"))),
        "prev": 'builtins.readFile (prev.path + "/.git/config")',
        "nixpkgs": "builtins.readFile <nixpkgs/.git/config>",
        "server": 'builtins.readFile (builtins.fetchurl "http://127.0.0.1:1/x")',
    }
    for name, expression in expressions.items():
        yield Attack(name=f"overlay-{name}", make=partial(_overlay, expression=f"({expression})"))


QUOTED = ('"a/unterminated', '"a/é"', r'"a/\x4"', '"a/x" + "y"', r'"a/\777"', r'"a/\N"', '"', '""', r'"a/\0"', "a/\t")
LINKED = ("{secret}", "{home}", "/", "/proc/self/environ", "/proc/kmsg", "/dev/zero", "../../../../../../../../..")


def _given(stage: Stage, content: bytes, target: tuple[str, ...]) -> list[str]:
    patch = stage.work / "theirs.patch"
    filled = content.replace(b"{secret}", bytes(stage.secret)).replace(b"{home}", bytes(stage.secret.parent))
    patch.write_bytes(filled)
    return ["check", "--patch", str(patch), *target, "--nixpkgs", str(clean(stage))]


def _mutated(stage: Stage, seed: int) -> list[str]:
    dice = Random(seed)  # noqa: S311 - as above
    content = bytearray(_own_patch(stage).read_bytes())
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(content))
        content[place : place + dice.randrange(4)] = dice.randbytes(dice.randrange(4))
    return _given(stage, bytes(content), ())


def _patches(random: Random) -> Iterator[Attack]:
    """Yield patches: paths as nobody writes them, links, other modes, and a good one with bytes changed at random."""
    targets = ((), ("notes-server",))

    contents = [
        (f"quoted-{number}", f"--- {name}\n+++ {name}\n@@ -1 +1 @@\n-a\n+b\n") for number, name in enumerate(QUOTED)
    ]
    for number, to in enumerate(LINKED):
        for place in (f"{Path(NOTES).parent}/x", DOCKER, f"{Path(DOCKER).parent}/x"):
            made = f"diff --git a/{place} b/{place}\nnew file mode 120000\n--- /dev/null\n+++ b/{place}\n"
            contents.append(
                (f"link-{number}-{place.replace('/', '_')}", f"{made}@@ -0,0 +1 @@\n+{to}\n\\ No newline\n")
            )
    contents += [
        (f"mode-{mode}", f"diff --git a/{DOCKER} b/{DOCKER}\nold mode 100644\nnew mode {mode}\n")
        for mode in ("160000", "040000", "100755", "777777", "000000")
    ]
    contents += [
        (f"place-{place.replace('/', '_')}", f"--- /dev/null\n+++ b/{place}\n@@ -0,0 +1 @@\n+x\n")
        for place in ("../../out", "/etc/passwd", ".git/config", "a/../../b", "pkgs/\x1b[31m", "lib/default.nix/x")
    ]
    contents += [
        ("empty", ""),
        ("hunk", f"--- a/{DOCKER}\n+++ b/{DOCKER}\n@@ -1,99999999 +1,1 @@\n-a\n+b\n"),
        ("number", f"--- a/{DOCKER}\n+++ b/{DOCKER}\n@@ -{'9' * 5000} +1 @@\n-a\n+b\n"),
        ("gone", f"diff --git a/{DOCKER} b/{DOCKER}\ndeleted file mode 100644\n"),
        ("binary", f"diff --git a/{DOCKER} b/{DOCKER}\nGIT binary patch\nliteral 9\nzzzz\n\n"),
        ("renamed", f"diff --git a/{DOCKER} b/x\nsimilarity index 100%\nrename from {DOCKER}\nrename to x\n"),
    ]
    for name, diff in contents:
        for target in (targets[0],) if "notes" not in diff else targets:
            yield Attack(
                name=f"patch-{name}{'-any' if target else ''}",
                make=partial(_given, content=diff.encode(), target=target),
                shown=r"lib/default\.nix/x: stands below a file\n" if name.startswith("place-lib") else None,
            )

    for number in range(15):
        yield Attack(name=f"patch-mutated-{number}", make=partial(_mutated, seed=random.randrange(1 << 30)))


PROGRAMS = (
    *("core.alternateRefsCommand", "core.fsmonitor", "core.gitProxy", "core.pager", "core.sshCommand"),
    *("credential.helper", "diff.external", "diff.x.command", "diff.x.textconv", "filter.x.clean"),
    *("filter.x.process", "gpg.program", "uploadpack.packObjectsHook"),
)


def _configured(stage: Stage, line: str) -> list[str]:
    tree = _made(stage)
    run = stage.work / "run"
    run.write_text(f"#!/bin/sh\ncat {stage.secret}\ncat {stage.secret} >{stage.work}/stolen\nexit 1\n")
    run.chmod(0o755)
    (tree / ".git/info").mkdir(exist_ok=True)
    (tree / ".git/info/attributes").write_text("* filter=x diff=x\n")
    git(tree, "config", line, str(run))
    git(tree, "config", "log.showSignature", "true")
    (tree / DOCKER).write_text((tree / DOCKER).read_text().replace(*EDIT))
    return ["check", "--git-dir", str(tree)]


def _lazy(stage: Stage, entry: str) -> list[str]:
    """Make a clone that lacks files, and would run a program to get them."""
    tree = _made(stage)
    git(tree, "config", "uploadpack.allowFilter", "true")
    run = stage.work / "run"
    run.write_text(f"#!/bin/sh\ncat {stage.secret} >{stage.work}/stolen\nexit 1\n")
    run.chmod(0o755)
    clone = stage.work / "partial"
    git(stage.work, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{tree}", str(clone))
    git(clone, "config", "remote.origin.uploadpack", str(run))
    git(clone, "config", "remote.origin.url", f"ext::{run} %S")
    git(clone, "config", "protocol.ext.allow", "always")
    return [*entry.split(), str(clone)]


def _spoilt(stage: Stage, name: str, content: bytes | None, entry: str) -> list[str]:
    # Before a colon git has a message of its own end.
    tree = _made(stage, "a: tree" if name == "packed-refs" else "tree")
    place = tree / ".git" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    if content is None:
        place.symlink_to(stage.secret)
    else:
        if b"{ini}" in content:
            ini = stage.secret.with_name("ini")
            git(tree, "config", "--file", ini, *content.decode().split()[1:], _told(stage))
            content = b"[include]\n\tpath = {home}/ini\n"
        filled = content.replace(b"{secret}", bytes(stage.secret)).replace(b"{home}", bytes(stage.secret.parent))
        place.write_bytes(filled)
    return [*entry.split(), str(tree)]


def _told(stage: Stage) -> str:
    return stage.secret.read_text().strip()


def _submodule(stage: Stage, entry: str) -> list[str]:
    """Make a clone whose configuration lets git look into a submodule, which has a filter."""
    tree = _made(stage)
    inner = tree / "inner"
    inner.mkdir()
    (inner / "file").write_text("one\n")
    git(inner, "init", "--quiet")
    _commit(inner, "inner")
    (tree / ".gitmodules").write_text('[submodule "inner"]\n\tpath = inner\n\turl = ./inner\n')
    _commit(tree, "second")
    git(tree, "config", "submodule.inner.ignore", "none")
    git(tree, "config", "diff.ignoreSubmodules", "none")
    git(inner, "config", "filter.x.clean", str(stage.secret.with_name("bin") / "hg"))
    (inner / ".git/info").mkdir(exist_ok=True)
    (inner / ".git/info/attributes").write_text("* filter=x\n")
    (inner / "file").write_text("two\n")
    (tree / DOCKER).write_text((tree / DOCKER).read_text().replace(*EDIT))
    return [*entry.split(), str(tree)]


def _damaged(stage: Stage, kind: str, entry: str) -> list[str]:
    tree = _made(stage)
    name = {"blob": f"HEAD:{DOCKER}", "tree": "HEAD^{tree}", "commit": "HEAD"}[kind]
    oid = git(tree, "rev-parse", name)
    path = tree / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])
    return [*entry.split(), str(tree)]


def _odd(stage: Stage, kind: str, entry: str) -> list[str]:
    tree = _made(stage)
    if kind == "line-end":
        tree = tree.rename(tree.with_name("a\nb"))
    if kind == "dated":
        text = git(tree, "cat-file", "commit", "HEAD").replace("1700000000", "253402214400")
        oid = git(tree, "hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{text}\n")
        git(tree, "update-ref", "refs/heads/master", oid)
    if kind.startswith("git-"):
        # A place that git follows to its own directory, and from there to others.
        shutil.move(tree / ".git", stage.work / "moved.git")
        if kind == "git-link":
            (tree / ".git").symlink_to(stage.secret)
        elif kind == "git-directory":
            (tree / ".git").mkdir()
            (tree / ".git/HEAD").write_text("ref: refs/heads/master\n")
            (tree / ".git/commondir").write_text(f"{stage.secret}\n")
        else:
            there = stage.secret if kind == "git-file-secret" else stage.work / "moved.git"
            (tree / ".git").write_text(f"gitdir: {there}\n")
            moved = f"--git-dir={stage.work / 'moved.git'}"
            git(stage.work, moved, "config", "core.worktree", stage.secret.parent)
    if kind == "refs":
        for name in ("x\x1by"[0:1] + "$(id)", "é", "a" * 200, "refs/heads/x", "HEAD"):
            git(tree, "update-ref", f"refs/heads/{name}", "HEAD")
    return [*entry.split(), str(tree)]


def _clones() -> Iterator[Attack]:
    """Yield clones whose git directory is not what git writes."""

    readers = (
        "track --ref master --html x.html --git-dir",
        "propose --nixpkgs",
        "check --git-dir",
    )
    for line in PROGRAMS:
        yield Attack(name=f"clone-runs-{line}", make=partial(_configured, line=line))
    for number, entry in enumerate(readers):
        yield Attack(name=f"clone-lazy-{number}", make=partial(_lazy, entry=entry))
        yield Attack(name=f"clone-submodule-{number}", make=partial(_submodule, entry=entry))
        for name, content in (
            ("HEAD", b"ref: ../../../../etc/passwd\n"),
            ("HEAD", b"\xff" * 500),
            ("HEAD", None),
            ("config", b"[include]\n\tpath = {secret}\n"),
            ("config", b"[core]\n\tworktree = /\n\trepositoryformatversion = 99\n"),
            ("config", None),
            ("packed-refs", b"# pack-refs with: \n" + b"1" * 40 + b" refs/heads/x\n"),
            ("packed-refs", None),
            ("objects/info/alternates", b"{secret}\n/\n"),
            ("refs/heads/master", b"1" * 40 + b"\n"),
            ("index", b"DIRC" + b"\xff" * 200),
            ("commondir", b"{secret}\n"),
            ("shallow", None),
            ("commondir", None),
            ("info/grafts", None),
            ("info/attributes", None),
            ("config", b"[core]\n\tattributesFile = {secret}\n"),
            ("config", b"{ini} core.bigFileThreshold"),
            ("config", b"{ini} core.abbrev"),
            ("config", b"{ini} diff.algorithm"),
            ("config", b"{ini} color.diff"),
        ):
            kind = "link" if content is None else content[-20:].hex()
            yield Attack(
                name=f"clone-{name.replace('/', '_')}-{kind}-{number}",
                make=partial(_spoilt, name=name, content=content, entry=entry),
            )
        for kind in ("blob", "tree", "commit"):
            yield Attack(name=f"clone-damaged-{kind}-{number}", make=partial(_damaged, kind=kind, entry=entry))
        for kind in ("line-end", "dated", "refs", "git-link", "git-directory", "git-file-secret", "git-file-moved"):
            yield Attack(name=f"clone-{kind}-{number}", make=partial(_odd, kind=kind, entry=entry))


BODIES: Mapping[str, bytes] = {
    "nothing": b"",
    "no-json": b"<html>",
    "deep": b"[" * 200_000,
    "null": b"null",
    "list": b"[[], {}, 1]",
    "message": b'{"message": "\\u001b[31m' + b"x" * 5000 + b'"}',
    "latin": b"\xe9\xff\xfe",
    "long": b'"' + b"x" * (2 << 20) + b'"',
    "numbers": b'{"number": 1e999, "sha": 3}',
}
HEADERS: tuple[dict[str, str], ...] = (
    {"Location": "http://[::1"},
    {"Location": "file:///etc/passwd"},
    {"Location": "//localhost.invalid/x"},
    {"Location": "\x80"},
    {"Link": '<http://[::1>; rel="next"'},
    {"Link": '<>; rel="next"'},
    {"Retry-After": "9" * 400},
    {"Retry-After": "Fri, 99 Foo 9999 99:99:99 GMT"},
    {"X-RateLimit-Reset": "-1", "X-RateLimit-Remaining": "0"},
    {"Content-Encoding": "gzip"},
    {"ETag": "x" * 5000},
)


def _answered(stage: Stage, part: str, fault: Fault, command: tuple[str, ...]) -> list[str]:
    tree = _made(stage)
    forge = stage.serve(tree)
    git(tree, "branch", "theirs")
    forge.pull(7, head="theirs")
    forge.faults[part] = [fault] * 50
    return [*command, *forge.options()]


def _text(stage: Stage, ref: str) -> list[str]:
    return ["track", *stage.serve(_made(stage)).options(), "--ref", ref]


def _answers() -> Iterator[Attack]:
    """Yield answers of a server to the first questions of each kind."""

    track = ("track", "--ref", "master", "--timeout", "3")
    pull = ("check", "--pull", "7")
    array = r"http://\S+/pulls/7: expected `object`, got `array`\n"
    for name, body in BODIES.items():
        for part, where, command in (("api", "/api/", track), ("raw", "/raw/", track), ("pull", "/pulls/", pull)):
            yield Attack(
                name=f"answer-{part}-{name}",
                make=partial(_answered, part=where, fault=Fault(status=200, body=body), command=command),
                shown=array if (part, name) == ("pull", "deep") else None,
            )
    for number, headers in enumerate(HEADERS):
        status = 302 if "Location" in headers else 200 if "Link" in headers else 403
        fault = Fault(status=status, headers=headers)
        yield Attack(name=f"answer-header-{number}", make=partial(_answered, part="/api/", fault=fault, command=track))
    for number, ref in enumerate(
        ("\x1b[31m", "a b", "-x", "é", "x" * 3000, "../..", "refs/heads/master", "a..b", "@{u}")
    ):
        yield Attack(name=f"answer-ref-{number}", make=partial(_text, ref=ref))


def _changed(stage: Stage, path: tuple[str | int, ...], value: object) -> list[str]:
    proposal = Path(shutil.copytree(stage.proposal, stage.work / "proposal"))
    document = json.loads((proposal / "report.json").read_text())
    at = document
    for key in path[:-1]:
        at = at[key]
    given = str(value).format(secret=stage.secret, home=stage.secret.parent) if isinstance(value, str) else value
    at[path[-1]] = given
    (proposal / "report.json").write_text(json.dumps(document))
    return ["check", str(proposal)]


def _cut(stage: Stage, name: str, how: int) -> list[str]:
    proposal = Path(shutil.copytree(stage.proposal, stage.work / "proposal"))
    place = next(path for path in sorted(proposal.rglob("*")) if name in path.relative_to(proposal).as_posix())
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

    for number, (path, value) in enumerate(
        (
            (("source", "nixpkgs"), "{home}"),
            (("source", "nixpkgs"), "/"),
            (("source", "nixpkgs"), "<nixpkgs>"),
            (("source", "nixpkgs"), "http://[::1"),
            (("source", "file"), "{secret}"),
            (("source", "rev"), "--upload-pack=touch x"),
            (("source", "commit"), "1" * 40),
            (("source", "blob"), "x"),
            (("source", "origin"), "\x1b[31m" + "x" * 5000),
            (("file",), "../../../../etc/passwd"),
            (("file",), "{secret}"),
            (("target",), "\x1b"),
            (("schema",), 10**30),
            (("proofs",), []),
            (("proofs", 0, "name"), "tree-\x1b[31m"),
            (("proofs", 0, "seconds"), "nan"),
            (("steps", 0, "name"), "x"),
            (("steps", 0, "design"), "../x"),
            (("bindings",), ["x"] * 10_000),
            (("commits", 0, "after"), "0" * 40),
            (("files",), ["../../x"]),
            (("unlet",), None),
        )
    ):
        yield Attack(name=f"report-field-{number}", make=partial(_changed, path=path, value=value))
    for name in ("report.json", "upstream.diff", "series/0001-", "docker/default.nix", "overlay/default.nix"):
        for how in (0, 1, 2, random.randrange(3, 999)):
            yield Attack(
                name=f"report-{name[:14].replace('/', '_')}-{min(how, 3)}", make=partial(_cut, name=name, how=how)
            )


def _lines() -> Iterator[Attack]:
    """Yield command lines, and files that a command line names."""

    def line(stage: Stage, words: tuple[str, ...], content: bytes | None = None) -> list[str]:
        if content is not None:
            filled = content.replace(b"{home}", bytes(stage.secret.parent)).replace(b"{secret}", bytes(stage.secret))
            (stage.work / "flake.lock").write_bytes(filled)
        return [word.format(secret=stage.secret, home=stage.secret.parent, work=stage.work) for word in words]

    def lock(**node: object) -> bytes:
        nodes = {"root": {"inputs": {"nixpkgs": "nixpkgs"}}, "nixpkgs": {"locked": node, "original": {}}}
        return json.dumps({"version": 7, "root": "root", "nodes": nodes}).encode()

    named = ("propose", "--offline", "--nixpkgs", "{work}/flake.lock", "--out", "out")
    for number, (words, content) in enumerate(
        (
            (named, lock(type="path", path="{home}")),
            (named, lock(type="path", path="/proc")),
            (named, lock(type="tarball", url="http://[::1/nixexprs.tar.xz")),
            (named, lock(type="tarball", url="file://{secret}")),
            (named, lock(type="github", owner="../..", repo="x", rev="1" * 40)),
            (named, lock(type="git", url="ext::sh -c cat% {secret}", rev="1" * 40)),
            (named, lock(type="git", url="--upload-pack=touch x", rev="1" * 40)),
            (named, lock(type="git", url="file://{home}", rev="HEAD")),
            (named, b"[" * 100_000),
            (named, b'{"version": 1e400}'),
            (("propose", "--file", "{home}", "--out", "out"), None),
            (("propose", "--file", "/dev/zero", "--out", "out"), None),
            (("propose", "--file", "/proc/self/mem", "--out", "out"), None),
            (("propose", "--file", "/dev/null", "--out", "out"), None),
            (("propose", "--nixpkgs", "/dev/null", "--out", "out"), None),
            (("propose", "--nixpkgs", "http://[::1", "--out", "out"), None),
            (("propose", "--nixpkgs", "ext::sh -c id", "--out", "out"), None),
            (("propose", "--nixpkgs", "specimen", "--out", "/dev/null/x"), None),
            (("propose", "--nixpkgs", "specimen", "--out", "/dev/null"), None),
            (("propose", "../../x", "--nixpkgs", "specimen", "--out", "out"), None),
            (("propose", "a" * 5000, "--nixpkgs", "specimen", "--out", "out"), None),
            (("check", "--patch", "/dev/zero", "--nixpkgs", "specimen"), None),
            (("check", "--patch", "{home}", "--nixpkgs", "specimen"), None),
            (("track", "--state", "/dev/null", "--git-dir", "{home}"), None),
            (("track", "--proposal", "{home}", "--git-dir", "{home}"), None),
            (("doctor", "--log", "/dev/zero"), None),
            (("doctor", "--log", "{home}"), None),
            (("find", "--nixpkgs", "{home}"), None),
            (("find", "--nixpkgs", "/proc"), None),
            *((("find", "--nixpkgs", "specimen", *words), None) for words in ENDLESS),
            *((("track", "--git-dir", "{work}", *words), None) for words in ENDLESS),
        )
    ):
        yield Attack(name=f"line-{number}", make=partial(line, words=words, content=content))

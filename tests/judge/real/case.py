"""A change of a real tree, the edits that it is made by, and the files that several are made in."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

Text: TypeAlias = "Callable[[str], str] | str | None"

NATIVE, ARM, DARWIN, CROSS, STATIC = "x86_64-linux", "aarch64-linux", "aarch64-darwin", "cross", "static"
ALL = "pkgs/top-level/all-packages.nix"
ALIASES = "pkgs/top-level/aliases.nix"
PYTHON = "pkgs/top-level/python-packages.nix"
PERL = "pkgs/top-level/perl-packages.nix"


class Case(NamedTuple):
    """A change: `edits` by path, a function of the text, a whole text, or None if the file goes. Of a new file the function
    takes the text of the first file that is edited.

    `truth` is a Nix expression of `pkgs`, on `system`. `named` is what the judge has to say: kinds (`|` between), and the
    attribute; None stands for the same, `unknown` for a kind that it has to leave open.
    """

    name: str
    edits: Mapping[str, Text]
    truth: str
    named: tuple[str, str] | None = None
    system: str = NATIVE
    systems: tuple[str, ...] = ()


def by_name(name: str, file: str = "package.nix") -> str:
    """Return the path of a file of a package."""
    return f"pkgs/by-name/{name[:2].lower()}/{name}/{file}"


def sub(pattern: str, new: str, *, count: int = 1) -> Callable[[str], str]:
    """Return a function that replaces a pattern, which has to be there."""

    def edit(text: str) -> str:
        edited, found = re.subn(pattern, new, text, count=count, flags=re.DOTALL | re.MULTILINE)
        assert found, pattern
        assert edited != text, pattern
        return edited

    return edit


def to(old: str, new: str) -> Callable[[str], str]:
    """Return a function that replaces a text, wherever it is."""

    def edit(text: str) -> str:
        assert old in text, old
        return text.replace(old, new)

    return edit


def both(*edits: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that makes several edits."""

    def edit(text: str) -> str:
        for each in edits:
            text = each(text)
        return text

    return edit


def first(line: str) -> Callable[[str], str]:
    """Return a function that puts a line before the text."""
    return lambda text: f"{line}\n{text}"


def wrapped(before: str, after: str) -> Callable[[str], str]:
    """Return a function that puts the body of a package's file between two texts."""

    def edit(text: str) -> str:
        head, mark, body = re.split(r"^(\}:\n)", text, maxsplit=1, flags=re.MULTILINE)
        return f"{head}{mark}{before}{body.rstrip()}{after}\n"

    return edit


def final(text: str, builder: str = "mkDerivation") -> str:
    """Return the text of a package with a function of the final attributes in place of `rec`."""
    head, mark, body = text.partition(f"{builder} rec {{")
    assert mark
    body = re.sub(r"\$\{(version|pname)\}", r"${finalAttrs.\1}", body)
    body = re.sub(r"= version;", "= finalAttrs.version;", body)
    return f"{head}{builder} (finalAttrs: {{{body.rstrip()[:-1]}}})\n"


def moved(pattern: str, after: str) -> Callable[[str], str]:
    """Return a function that moves what a pattern matches behind another text."""

    def edit(text: str) -> str:
        found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
        assert found is not None, pattern
        rest = text[: found.start()] + text[found.end() :]
        assert after in rest, after
        return rest.replace(after, after + found[0], 1)

    return edit


def sri(text: str) -> str:
    """Return the text of a file with each `sha256` in Nix's own base 32 written as `hash`."""

    def hashed(found: re.Match[str]) -> str:
        argv = ["nix-hash", "--type", "sha256", "--to-sri", found[1]]
        return f'hash = "{subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()}"'

    edited = re.sub(r'sha256 += "([0-9a-z]{52})"', hashed, text)
    assert edited != text
    return edited


def indented(text: str) -> str:
    """Return JSON with another indentation."""
    return json.dumps(json.loads(text), indent=4) + "\n"


RIPGREP, QC, VOMS, VORBIS, UNIFI = map(by_name, ("ripgrep", "qc", "voms", "vorbis-tools", "unifi"))
KEY, WMCTRL, UNDMG, XSTOW, CTAGS = map(by_name, ("volume_key", "wmctrl", "undmg", "xstow", "universal-ctags"))
AIODNS = "pkgs/development/python-modules/aiodns/default.nix"
AFTERSHIP = "pkgs/development/python-modules/pyaftership/default.nix"
ACPI = "pkgs/os-specific/linux/acpi-call/default.nix"
TERRAFORM = "pkgs/applications/networking/cluster/terraform-providers/providers.json"
VIM = "pkgs/applications/editors/vim/plugins/"
FORGEJO = by_name("forgejo", "generic.nix")
SEABORN = "pkgs/tools/misc/seaborn-data/default.nix"
POSTGRES = "pkgs/servers/sql/postgresql/generic.nix"

COPY = ""
"""The text of the file that goes, or of another package."""

IMPORTED = "import ./generic.nix\n"
BAT, GPERF, ADNS = map(by_name, ("bat", "gperf", "adns"))
ADB = "pkgs/development/python-modules/adb-shell/default.nix"
CODE = "pkgs/applications/editors/vscode/extensions/default.nix"
PYTHON_ALIASES = "pkgs/top-level/python-aliases.nix"
ORIGINALS = {"26.11": QC, "20.09": "pkgs/tools/typesetting/scdoc/default.nix"}
ALL_FIVE = (NATIVE, ARM, DARWIN, CROSS, STATIC)

LYNX, SCDOC, UNDMG_OLD = (
    f"pkgs/{path}/default.nix"
    for path in (
        "applications/networking/browsers/lynx",
        "tools/typesetting/scdoc",
        "tools/archivers/undmg",
    )
)
POSTGRES_OLD = "pkgs/servers/sql/postgresql/default.nix"
VIM_OLD = "pkgs/misc/vim-plugins/"
DOCKER_OLD = "pkgs/applications/virtualization/docker/default.nix"
CALL_RG = "callPackage ../tools/text/ripgrep {\n    inherit (darwin.apple_sdk.frameworks) Security;\n  }"

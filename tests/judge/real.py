"""Changes of real trees, made by code, each with an expression in which plain Nix shows what it does.

Of a refactoring the expression is the same before and after; of all others it differs. None of unlet's answers has a
part in that.
"""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

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
ORIGINALS = {"26.11": QC, "20.09": "pkgs/tools/typesetting/scdoc/default.nix"}
ALL_FIVE = (NATIVE, ARM, DARWIN, CROSS, STATIC)

NEW: tuple[Case, ...] = (
    # Refactorings.
    Case("a comment", {QC: first("# Which one it is.")}, "seen pkgs.qc"),
    Case("white space", {VORBIS: lambda text: re.sub(r"\n\n+", "\n", text)}, "seen pkgs.vorbis-tools"),
    Case("rec to finalAttrs", {by_name("overpass"): final}, "seen pkgs.overpass"),
    Case(
        "rec to finalAttrs, Python",
        {AFTERSHIP: lambda text: final(text, "buildPythonPackage")},
        "removeAttrs (seen pkgs.python3Packages.pyaftership) [ ]",
    ),
    Case("an unused binding", {QC: wrapped("let unused = 1; in\n", "")}, "seen pkgs.qc"),
    Case(
        "an inherit",
        {
            XSTOW: both(
                to("lib.licenses.gpl2Only", "gpl2Only"), wrapped("let inherit (lib.licenses) gpl2Only; in\n", "")
            )
        },
        "seen pkgs.xstow",
    ),
    Case(
        "a file is split",
        {
            VOMS: lambda text: (
                text.replace("meta = {", "meta = import ./meta.nix lib;\n  unused = {").split("  unused = {")[0]
                + "})\n"
            ),
            by_name("voms", "meta.nix"): lambda text: re.sub(
                r".*^  meta = (\{.*?^  \});.*", r"lib: \1\n", text, flags=re.MULTILINE | re.DOTALL
            ),
        },
        "seen pkgs.voms",
    ),
    Case("a package is another file", {QC: IMPORTED, by_name("qc", "generic.nix"): COPY}, "seen pkgs.qc"),
    Case(
        "a call line is moved",
        {ALL: moved(r"^  forgejo-lts = .*?\n", "  pgbadger = perlPackages.callPackage ../tools/misc/pgbadger { };\n")},
        "map seen [ pkgs.forgejo-lts pkgs.pgbadger ]",
    ),
    Case(
        "sha256 to hash, fetchgit",
        {KEY: sri},
        "[ pkgs.volume_key.outPath pkgs.volume_key.meta.license ]",
        systems=ALL_FIVE,
    ),
    Case("sha256 to hash, fetchurl", {WMCTRL: sri}, "[ pkgs.wmctrl.outPath pkgs.wmctrl.meta.license ]"),
    Case("a let variable is renamed", {RIPGREP: to("canRunRg", "runs")}, "seen pkgs.ripgrep", systems=ALL_FIVE),
    Case(
        "arguments in another order",
        {VORBIS: to("  libogg,\n  libvorbis,\n", "  libvorbis,\n  libogg,\n")},
        "seen pkgs.vorbis-tools",
    ),
    Case("a comment in lib", {"lib/strings.nix": first("# All of it.")}, "seen pkgs.qc"),
    Case("a comment in stdenv", {"pkgs/stdenv/generic/make-derivation.nix": first("# All of it.")}, "seen pkgs.qc"),
    Case(
        "a comment in all-packages.nix",
        {ALL: to("  forgejo-lts =", "  # Lasting.\n  forgejo-lts =")},
        "seen pkgs.forgejo-lts",
    ),
    Case(
        "to by-name",
        {ALL: sub(r"^  seaborn-data = [^\n]*\n", ""), SEABORN: None, by_name("seaborn-data"): COPY},
        "map seen [ pkgs.seaborn-data.exercise ]",
    ),
    Case(
        "a file is moved",
        {
            ALL: to(
                "perlPackages.callPackage ../tools/misc/pgbadger {",
                "perlPackages.callPackage ../tools/misc/pgbadger/package.nix {",
            ),
            "pkgs/tools/misc/pgbadger/default.nix": None,
            "pkgs/tools/misc/pgbadger/package.nix": COPY,
        },
        "seen pkgs.pgbadger",
    ),
    Case(
        "a list in two parts",
        {VORBIS: to("    curl\n    speex\n", "    curl\n  ]\n  ++ [\n    speex\n")},
        "seen pkgs.vorbis-tools",
    ),
    Case(
        "a string in two parts",
        {QC: to('"https://github.com/qownnotes/qc"', '("https://github.com/" + "qownnotes/qc")')},
        "seen pkgs.qc",
    ),
    Case(
        "meta by dots",
        {
            UNDMG: both(
                to("  meta = {\n    description", "  meta.description"),
                lambda text: re.sub(
                    r"\n    (homepage|license|mainProgram|maintainers|platforms)", r"\n  meta.\1", text
                ),
                lambda text: text.replace("  };\n}\n", "}\n"),
            )
        },
        "seen pkgs.undmg",
    ),
    Case("rev to tag", {QC: to('rev = "v', 'tag = "v')}, "[ pkgs.qc.outPath pkgs.qc.meta ]"),
    Case("no with", {WMCTRL: to("with lib.platforms; all", "lib.platforms.all")}, "seen pkgs.wmctrl"),
    Case(
        "one more with",
        {XSTOW: both(to("lib.licenses.gpl2Only", "licenses.gpl2Only"), to("meta = {", "meta = with lib; {"))},
        "seen pkgs.xstow",
    ),
    Case(
        "a name in passthru",
        {VOMS: to("inherit externalEtc;", "inherit externalEtc;\n    extra = 1;")},
        'removeAttrs (seen pkgs.voms) [ "names" ]',
    ),
    Case("a document", {"doc/README.md": first("x")}, "seen pkgs.qc"),
    Case(
        "a quoted name in a shared file",
        {FORGEJO: sub(r"\n  meta = \{", '\n  "meta" = {')},
        "map seen [ pkgs.forgejo pkgs.forgejo-lts ]",
    ),
    Case(
        "JSON with another indentation",
        {TERRAFORM: indented},
        'map (name: seen pkgs.terraform-providers.${name}) [ "hashicorp_aws" "hashicorp_random" ]',
    ),
    Case(
        "no literal path",
        {
            PYTHON: to(
                "callPackage ../development/python-modules/aiodns { }",
                'callPackage (../development/python-modules + "/aiodns") { }',
            )
        },
        "seen pkgs.python3Packages.aiodns",
    ),
    Case(
        "no with in the Perl set",
        {
            PERL: sub(
                r'(pname = "Algorithm-C3";.*?)license = with lib.licenses; \[\n *artistic1\n *gpl1Plus\n *\];',
                r"\1license = [ lib.licenses.artistic1 lib.licenses.gpl1Plus ];",
            )
        },
        "seen pkgs.perlPackages.AlgorithmC3",
    ),
    Case(
        "inherit becomes an attribute, kernel module",
        {ACPI: to("inherit pname;", "pname = pname;")},
        "seen pkgs.linuxPackages.acpi_call",
    ),
    Case(
        "a variable of a shared file is renamed",
        {POSTGRES: lambda text: re.sub(r"\batLeast\b", "least", text)},
        "map seen [ pkgs.postgresql_16 pkgs.postgresql_17 ]",
    ),
    Case(
        "an argument with a name",
        {
            VIM + "overrides.nix": to(
                "super.direnv-vim.overrideAttrs (old: {\n    preFixup = old.preFixup",
                "super.direnv-vim.overrideAttrs (before: {\n    preFixup = before.preFixup",
            )
        },
        "seen pkgs.vimPlugins.direnv-vim",
    ),
    Case("a module's comment", {"nixos/modules/services/misc/forgejo.nix": first("# A forge.")}, "1"),
    Case("an alias by another word", {ALIASES: to("  banking = saldo;", "  banking = (saldo);")}, "seen pkgs.banking"),
    Case("both in one set", {by_name("wmctrl"): to("finalAttrs", "self")}, "seen pkgs.wmctrl"),
    Case(
        "optional in two ways",
        {
            VORBIS: to(
                "lib.optionals stdenv.hostPlatform.isDarwin [ libiconv ]",
                "lib.optional stdenv.hostPlatform.isDarwin libiconv",
            )
        },
        "seen pkgs.vorbis-tools",
        systems=(NATIVE, DARWIN),
    ),
    Case(
        "a test of the platform by another name",
        {
            XSTOW: to(
                "lib.optionalString stdenv.hostPlatform.isStatic",
                "lib.optionalString (with stdenv; hostPlatform.isStatic)",
            )
        },
        "seen pkgs.xstow",
        systems=(NATIVE, STATIC),
        system=STATIC,
    ),
    Case(
        "a package that holds the tree's path",
        {by_name("netcoredbg"): wrapped("let unused = 1; in\n", "")},
        "seen pkgs.netcoredbg",
    ),
    # Meta.
    Case(
        "changelog with lib.version",
        {
            by_name("qc"): to(
                "    mainProgram", '    changelog = "https://example.org/v${lib.version}";\n    mainProgram'
            )
        },
        "pkgs.qc.meta",
        ("meta", "qc"),
    ),
    Case(
        "platforms gone",
        {VOMS: to("    platforms = lib.platforms.unix;\n", "")},
        "pkgs.voms.meta.platforms or null",
        ("meta", "voms"),
    ),
    Case(
        "maintainers gone",
        {XSTOW: sub(r"    maintainers = [^\n]*\n", "")},
        "pkgs.xstow.meta.maintainers or null",
        ("meta", "xstow"),
    ),
    Case(
        "teams gone",
        {by_name("gweather-locations"): to("    teams = [ lib.teams.gnome ];\n", "")},
        "pkgs.gweather-locations.meta.teams or null",
        ("meta", "gweather-locations"),
    ),
    Case(
        "a licence that is none",
        {VOMS: to("lib.licenses.asl20;", "lib.licenses.asl2000;")},
        "pkgs.voms.meta.license",
        ("meta|evaluation", "voms"),
    ),
    Case(
        "broken",
        {VOMS: to("    platforms =", "    broken = true;\n    platforms =")},
        "pkgs.voms.meta.broken",
        ("meta", "voms"),
    ),
    Case(
        "a vulnerability",
        {QC: to("    license =", '    knownVulnerabilities = [ "x" ];\n    license =')},
        "pkgs.qc.meta.knownVulnerabilities or null",
        ("meta", "qc"),
    ),
    Case(
        "unfree becomes free",
        {by_name("volanta"): to("lib.licenses.unfree", "lib.licenses.mit")},
        "pkgs.volanta.meta.license",
        ("meta", "volanta"),
    ),
    Case(
        "fewer platforms",
        {CTAGS: to("lib.platforms.all", "lib.platforms.darwin")},
        "pkgs.universal-ctags.meta.platforms",
        ("meta", "universal-ctags"),
    ),
    Case(
        "a priority gone",
        {CTAGS: sub(r"    priority = 1;[^\n]*\n", "")},
        "pkgs.universal-ctags.meta.priority or null",
        ("meta", "universal-ctags"),
    ),
    Case(
        "a licence in the Perl set",
        {
            PERL: sub(
                r'(pname = "Algorithm-C3";.*?)license = with lib.licenses; \[\n *artistic1\n *gpl1Plus\n *\];',
                r"\1license = lib.licenses.artistic1;",
            )
        },
        "pkgs.perlPackages.AlgorithmC3.meta.license",
        ("meta", "perlPackages.AlgorithmC3"),
    ),
    Case(
        "a licence of a kernel module",
        {ACPI: sub(r"    license = [^\n]*\n", "")},
        "pkgs.linuxPackages.acpi_call.meta.license or null",
        ("meta", "linuxPackages.acpi_call"),
    ),
    Case(
        "a licence of a Vim plugin",
        {
            VIM + "generated.nix": sub(
                r'(pname = "ChatGPT.nvim".*?)meta.license = getLicenseFromSpdxId "Apache-2.0";',
                r"\1meta.license = unfree;",
            )
        },
        "pkgs.vimPlugins.ChatGPT-nvim.meta",
        ("meta", "vimPlugins.ChatGPT-nvim"),
    ),
    Case(
        "position lost",
        {
            VOMS: both(
                to("meta = {", "meta = builtins.fromJSON (builtins.toJSON {"),
                lambda text: text.replace("    ];\n  };\n})", "    ];\n  });\n})"),
            )
        },
        "pkgs.voms.meta.position or null",
        ("position", "voms"),
    ),
    # What is built, here or elsewhere.
    Case(
        "host for build platform",
        {
            QC: to(
                "stdenv.buildPlatform.canExecute stdenv.hostPlatform",
                "stdenv.hostPlatform.canExecute stdenv.hostPlatform",
            )
        },
        "pkgs.qc.drvPath",
        ("derivation", "qc"),
        CROSS,
        ALL_FIVE,
    ),
    Case(
        "a tool of the host",
        {
            by_name("gweather-locations"): both(
                to("lib.getLib buildPackages.glib", "lib.getLib glib"),
                to("  buildPackages,\n", "  buildPackages,\n  glib,\n"),
            )
        },
        "pkgs.gweather-locations.drvPath",
        ("derivation", "gweather-locations"),
        CROSS,
        (NATIVE, CROSS),
    ),
    Case(
        "a compiler of the host",
        {CTAGS: to("buildPackages.stdenv.cc", "stdenv.cc")},
        "pkgs.universal-ctags.drvPath",
        ("derivation", "universal-ctags"),
        CROSS,
        (NATIVE, CROSS),
    ),
    Case(
        "doCheck of the final attributes",
        {by_name("scdoc"): to("(!stdenv.buildPlatform.canExecute stdenv.hostPlatform)", "(!finalAttrs.doCheck)")},
        "pkgs.scdoc.drvPath",
        ("derivation", "scdoc"),
        CROSS,
        (NATIVE, CROSS),
    ),
    Case(
        "static alone",
        {XSTOW: to("lib.optionalString stdenv.hostPlatform.isStatic", "lib.optionalString false")},
        "pkgs.xstow.drvPath",
        ("derivation", "xstow"),
        STATIC,
        ALL_FIVE,
    ),
    Case(
        "darwin alone",
        {VORBIS: to("\n  ++ lib.optionals stdenv.hostPlatform.isDarwin [ libiconv ]", "")},
        "pkgs.vorbis-tools.drvPath",
        ("derivation", "vorbis-tools"),
        DARWIN,
        ALL_FIVE,
    ),
    Case(
        "ends on darwin alone",
        {CTAGS: to("isDarwin libiconv", "isDarwin libiconvs")},
        "pkgs.universal-ctags.drvPath",
        ("evaluation", "universal-ctags"),
    ),
    Case(
        "throws on darwin alone",
        {VORBIS: to("[ libiconv ]", '[ (throw "no iconv") ]')},
        "pkgs.vorbis-tools.drvPath",
        ("evaluation", "vorbis-tools"),
        DARWIN,
        (NATIVE, DARWIN),
    ),
    Case(
        "aarch64 alone",
        {
            XSTOW: to(
                "lib.optionalString stdenv.hostPlatform.isStatic",
                "lib.optionalString (stdenv.hostPlatform.isStatic || stdenv.hostPlatform.isAarch64)",
            )
        },
        "pkgs.xstow.drvPath",
        ("derivation", "xstow"),
        ARM,
        (NATIVE, ARM),
    ),
    Case(
        "a patch",
        {by_name("wmctrl", "64-bit-data.patch"): first("A patch.")},
        "pkgs.wmctrl.drvPath",
        ("derivation", "wmctrl"),
    ),
    Case(
        "a file beside",
        {by_name("polkit_gnome", "polkit-gnome-authentication-agent-1.desktop"): lambda text: text + "X=1\n"},
        "pkgs.polkit_gnome.drvPath",
        ("derivation", "polkit_gnome"),
    ),
    Case(
        "a setup hook",
        {by_name("undmg", "setup-hook.sh"): lambda text: text + "true\n"},
        "pkgs.undmg.drvPath",
        ("derivation", "undmg"),
    ),
    Case(
        "a patch of a KDE package",
        {"pkgs/kde/gear/akonadi/ignore-mysql-config-timestamp.patch": first("A patch.")},
        "pkgs.kdePackages.akonadi.drvPath",
        ("derivation", "kdePackages.akonadi"),
    ),
    Case(
        "a gem",
        {by_name("polar", "gemset.nix"): sub(r'version = "', 'version = "1')},
        "pkgs.polar.drvPath",
        ("derivation", "polar"),
    ),
    Case(
        "a list of kernels",
        {"pkgs/os-specific/linux/kernel/kernels-org.json": sub(r'"version": "6.1.(\d+)"', r'"version": "6.1.999"')},
        "pkgs.linux_6_1.drvPath",
        ("derivation", "linux_6_1"),
    ),
    Case(
        "a list of providers",
        {TERRAFORM: sub(r'("a10networks_thunder": \{\s+"hash": "sha256-)m', r"\1n")},
        "pkgs.terraform-providers.a10networks_thunder.drvPath",
        ("derivation", "terraform-providers.a10networks_thunder"),
    ),
    Case(
        "a dependency of a Vim plugin",
        {VIM + "overrides.nix": to("dependencies = [ self.fzf-wrapper ];", "dependencies = [ ];")},
        "map (each: each.name) pkgs.vimPlugins.fzf-vim.dependencies",
        ("derivation|passthru|override", "vimPlugins.fzf-vim"),
    ),
    Case(
        "what checks an OCaml library",
        {"pkgs/development/ocaml-modules/base64/default.nix": to("    bos\n", "")},
        "pkgs.ocamlPackages.base64.drvPath",
        ("derivation", "ocamlPackages.base64"),
    ),
    Case(
        "a PHP extension",
        {"pkgs/development/php-packages/apcu/default.nix": to("buildInputs = [ pcre2 ];", "buildInputs = [ ];")},
        "pkgs.phpExtensions.apcu.drvPath",
        ("derivation", "phpExtensions.apcu"),
    ),
    Case(
        "a Lua package",
        {
            "pkgs/development/lua-modules/generated-packages.nix": sub(
                r'(pname = "alt-getopt";.*?)hash = "sha256-O', r'\1hash = "sha256-P'
            )
        },
        "pkgs.luaPackages.alt-getopt.drvPath",
        ("derivation", "luaPackages.alt-getopt"),
    ),
    Case(
        "a call of the Python set",
        {
            PYTHON: to(
                "callPackage ../development/python-modules/aiodns { }",
                "callPackage ../development/python-modules/aiodns { setuptools = null; }",
            )
        },
        "pkgs.python3Packages.aiodns.drvPath",
        ("derivation|evaluation", "python3Packages.aiodns"),
    ),
    Case("an output gone", {KEY: to('    "man"\n', "")}, "pkgs.volume_key.drvPath", ("derivation", "volume_key")),
    Case(
        "mainProgram, which another reads",
        {RIPGREP: to('mainProgram = "rg"', 'mainProgram = "rgs"')},
        "pkgs.repgrep.drvPath",
        ("derivation", "repgrep"),
    ),
    Case(
        "a table changes an override",
        {
            ALL: sub(
                r"propagatedBuildInputs =\s+oldAttrs.dependencies \+\+ lib.concatAttrValues oldAttrs.optional-dependencies;",
                "propagatedBuildInputs = oldAttrs.dependencies;",
            )
        },
        "pkgs.nvchecker.drvPath",
        ("derivation", "nvchecker"),
    ),
    Case(
        "a sibling of a shared file",
        {
            FORGEJO: to("  version,\n", "  version,\n  extraThing,\n"),
            by_name("forgejo", "lts.nix"): to("import ./generic.nix {", "import ./generic.nix {\n  extraThing = 1;"),
        },
        "pkgs.forgejo.drvPath",
        ("evaluation", "forgejo"),
    ),
    Case(
        "a patch of one of a family",
        {POSTGRES: to('if atLeast "16" then', 'if atLeast "17" then')},
        "pkgs.postgresql_16.drvPath",
        ("derivation|evaluation", "postgresql_16"),
    ),
    # Fetches.
    Case(
        "another owner",
        {QC: to('owner = "qownnotes"', 'owner = "other"')},
        "pkgs.qc.src.drvPath",
        ("fixed-output", "qc"),
    ),
    Case(
        "submodules",
        {QC: to('repo = "qc";', 'repo = "qc"; fetchSubmodules = true;')},
        "pkgs.qc.src.drvPath",
        ("fixed-output", "qc"),
    ),
    Case(
        "a version and the old hash",
        {QC: to('version = "0.6.2"', 'version = "0.6.3"')},
        "pkgs.qc.src.drvPath",
        ("fixed-output", "qc"),
    ),
    Case(
        "another URL in the Perl set",
        {PERL: to("HAARG/Algorithm-C3-0.11", "HAARG/Algorithm-C3-0.12")},
        "pkgs.perlPackages.AlgorithmC3.src.drvPath",
        ("fixed-output|derivation", "perlPackages.AlgorithmC3"),
    ),
    Case(
        "a mirror, fetchurl",
        {WMCTRL: to("https://sites.google.com/site/tstyblo/wmctrl/wmctrl-", "https://example.org/wmctrl-")},
        "pkgs.wmctrl.src.drvPath",
        ("fixed-output", "wmctrl"),
    ),
    Case("a hash", {QC: to("sha256-Y7", "sha256-Y8")}, "pkgs.qc.drvPath", ("derivation", "qc")),
    Case(
        "what is vendored",
        {QC: to("subPackages", "proxyVendor = true;\n\n  subPackages")},
        "pkgs.qc.goModules.drvPath",
        ("fixed-output|derivation", "qc"),
    ),
    # Overrides.
    Case(
        "an argument gone",
        {RIPGREP: both(to("  withPCRE2 ? true,\n", ""), to("let\n", "let\n  withPCRE2 = true;\n"))},
        "pkgs.ripgrep.override.__functionArgs",
        ("arguments", "ripgrep"),
    ),
    Case(
        "an argument without effect",
        {RIPGREP: to("lib.optional withPCRE2", "lib.optional true")},
        "(pkgs.ripgrep.override { withPCRE2 = false; }).drvPath",
        ("override", "ripgrep"),
    ),
    Case(
        "a default gone",
        {
            "pkgs/tools/security/pass/default.nix": to("waylandSupport ? false", "waylandSupport"),
            ALL: to(
                "pass = callPackage ../tools/security/pass { };",
                "pass = callPackage ../tools/security/pass { waylandSupport = false; };",
            ),
        },
        "pkgs.pass.override.__functionArgs",
        ("arguments", "pass"),
    ),
    Case(
        "a default's value",
        {RIPGREP: to("withPCRE2 ? true", "withPCRE2 ? false")},
        "pkgs.ripgrep.drvPath",
        ("derivation", "ripgrep"),
    ),
    Case(
        "repo by pname",
        {QC: to('repo = "qc"', "repo = finalAttrs.pname")},
        '(pkgs.qc.overrideAttrs { pname = "x"; }).src.url',
        ("override", "qc"),
    ),
    Case(
        "a version that reaches no src",
        {QC: to('rev = "v${finalAttrs.version}"', 'rev = "v0.6.2"')},
        '(pkgs.qc.overrideAttrs { version = "x"; }).src.url',
        ("override", "qc"),
    ),
    Case(
        "overrideAttrs loses a name",
        {VOMS: lambda text: text.rstrip() + " // { extra = 1; }\n"},
        "pkgs.voms ? extra && !((pkgs.voms.overrideAttrs { }) ? extra)",
        ("override", "voms"),
    ),
    Case(
        "override gone",
        {QC: wrapped("removeAttrs (", ') [ "overrideAttrs" ]')},
        "pkgs.qc ? overrideAttrs",
        ("override|passthru", "qc"),
    ),
    Case(
        "overridePythonAttrs gone",
        {AFTERSHIP: wrapped('(x: removeAttrs x [ "overridePythonAttrs" ]) (', ")")},
        "pkgs.python3Packages.pyaftership ? overridePythonAttrs",
        ("override|passthru", "python3Packages.pyaftership"),
    ),
    Case(
        "overridePythonAttrs drops a layer",
        {AIODNS: wrapped("(x: x.overrideAttrs (_: { LAYER = 1; }) // { inherit (x) overridePythonAttrs; }) (", ")")},
        "(pkgs.python3Packages.aiodns.overridePythonAttrs { doCheck = false; }) ? LAYER == (pkgs.python3Packages.aiodns ? LAYER)",
        ("override|derivation", "python3Packages.aiodns"),
    ),
    Case(
        "dependencies under another name",
        {AFTERSHIP: to("propagatedBuildInputs = ", "dependencies = ")},
        "(pkgs.python3Packages.pyaftership.overridePythonAttrs (old: { passthru.was = old ? propagatedBuildInputs; })).was",
        ("override", "python3Packages.pyaftership"),
    ),
    Case(
        "a list becomes a text",
        {VORBIS: to('[ "CFLAGS=-std=gnu17" ]', '"CFLAGS=-std=gnu17"')},
        "builtins.typeOf pkgs.vorbis-tools.configureFlags",
        ("evaluation|passthru|override", "vorbis-tools"),
    ),
    Case(
        "what all-packages reads",
        {"pkgs/development/python-modules/nvchecker/default.nix": sub(r"\bdependencies =", "propagatedBuildInputs =")},
        "pkgs.nvchecker.drvPath",
        ("evaluation", "nvchecker"),
    ),
    # Passthru.
    Case(
        "updateScript gone",
        {by_name("gweather-locations"): sub(r"  passthru = \{.*?\n  \};\n", "")},
        "pkgs.gweather-locations ? updateScript",
        ("passthru", "gweather-locations"),
    ),
    Case("tests gone", {UNIFI: sub(r"    tests = \{.*?\n    \};\n", "")}, "pkgs.unifi ? tests", ("passthru", "unifi")),
    Case(
        "a test that is none",
        {UNIFI: to("inherit (nixosTests) unifi", "inherit (nixosTests) unify")},
        "builtins.attrNames pkgs.unifi.tests",
        ("evaluation|passthru", "unifi"),
    ),
    Case(
        "a value of passthru",
        {UNIFI: to("jrePackage = jdk25_headless", "jrePackage = systemd")},
        "pkgs.unifi.jrePackage.drvPath",
        ("passthru", "unifi"),
    ),
    Case(
        "a text of passthru",
        {VOMS: to("inherit externalEtc;", 'externalEtc = "/other";')},
        "pkgs.voms.externalEtc",
        ("passthru", "voms"),
    ),
    Case(
        "a value throws",
        {UNIFI: to("jrePackage = jdk25_headless", 'jrePackage = throw "no"')},
        "pkgs.unifi.jrePackage.drvPath",
        ("passthru", "unifi"),
    ),
    # Names.
    Case("an alias gone", {ALIASES: sub(r"^  banking = saldo;[^\n]*\n", "")}, "pkgs ? banking", ("alias", "banking")),
    Case(
        "an alias that throws",
        {ALIASES: sub(r"^  banking = saldo;", '  banking = throw "gone";')},
        "pkgs.banking.drvPath",
        ("evaluation", "banking"),
    ),
    Case(
        "an alias of another",
        {ALIASES: to("  banking = saldo;", "  banking = qc;")},
        "pkgs.banking.drvPath",
        ("derivation", "banking"),
    ),
    Case(
        "a set not recursed into",
        {ALL: sub(r"coolercontrol = recurseIntoAttrs \((callPackage [^)]*)\);", r"coolercontrol = \1;")},
        "pkgs.coolercontrol.recurseForDerivations or false",
        ("passthru", "coolercontrol"),
    ),
    Case("a package gone", {QC: None}, "pkgs ? qc", ("removed", "qc")),
    Case(
        "a package throws",
        {ALL: sub(r"^  pgbadger = [^\n]*", '  pgbadger = throw "gone";')},
        "pkgs.pgbadger.drvPath",
        ("evaluation", "pgbadger"),
    ),
    Case("a new name", {QC: None, by_name("qd"): COPY}, "[ (pkgs ? qc) (pkgs ? qd) ]", ("removed", "qc")),
    Case("a new package", {by_name("qd"): COPY}, "pkgs ? qd", ("added", "qd")),
    Case(
        "another package under the name",
        {ALL: sub(r"^  ntfsprogs = pkgs.ntfs3g;", "  ntfsprogs = pkgs.qc;")},
        "pkgs.ntfsprogs.drvPath",
        ("derivation", "ntfsprogs"),
    ),
    # Evaluation.
    Case(
        "a name that is none, below a with",
        {UNIFI: to("jrePackage = jdk25_headless;", "jrePackage = with lib; jdk99;")},
        "pkgs.unifi.jrePackage.drvPath",
        ("evaluation|passthru", "unifi"),
    ),
    Case(
        "a loop",
        {VOMS: to('version = "2.1.3"', "version = finalAttrs.version")},
        "pkgs.voms.drvPath",
        ("evaluation", "voms"),
    ),
    Case(
        "an argument that nobody passes",
        {QC: to("  stdenv,\n", "  stdenv,\n  nobodyHasThis,\n")},
        "pkgs.qc.drvPath",
        ("evaluation", "qc"),
    ),
    Case(
        "import from derivation",
        {QC: to('homepage = "https://github.com/qownnotes/qc"', "homepage = builtins.readFile finalAttrs.src.outPath")},
        "pkgs.qc.meta.homepage",
        ("meta|evaluation", "qc"),
    ),
    # What reaches all.
    Case(
        "a function of the library",
        {"lib/strings.nix": to("  concatMapStringsSep =", "  concatMapStringsSepX = 1;\n  concatMapStringsSep =")},
        "pkgs.lib.strings ? concatMapStringsSepX",
        ("unknown", ""),
    ),
    Case(
        "stdenv",
        {"pkgs/stdenv/generic/setup.sh": lambda text: text + "\ntrue\n"},
        "pkgs.hello.drvPath",
        ("unknown|derivation", "hello"),
    ),
    Case(
        "a maintainer's address",
        {"maintainers/maintainer-list.nix": sub(r"(\n  veprbl = \{.*?email = \")", r"\1x")},
        "pkgs.voms.meta.maintainers",
        ("unknown|meta", "voms"),
    ),
    Case(
        "a fetcher",
        {"pkgs/build-support/fetchgit/builder.sh": lambda text: text + "\ntrue\n"},
        "pkgs.volume_key.src.drvPath",
        ("unknown|fixed-output", "volume_key"),
    ),
    Case(
        "a builder",
        {"pkgs/build-support/go/module.nix": to("        inherit go;\n", "")},
        "pkgs.qc ? go",
        ("unknown|passthru", "qc"),
    ),
)

RG, LYNX, SCDOC, UNPAPER, UNDMG_OLD = (
    f"pkgs/{path}/default.nix"
    for path in (
        "tools/text/ripgrep",
        "applications/networking/browsers/lynx",
        "tools/typesetting/scdoc",
        "tools/graphics/unpaper",
        "tools/archivers/undmg",
    )
)
POSTGRES_OLD = "pkgs/servers/sql/postgresql/default.nix"
VIM_OLD = "pkgs/misc/vim-plugins/"
TERRAFORM_OLD = "pkgs/applications/networking/cluster/terraform-providers/data.nix"
DOCKER_OLD = "pkgs/applications/virtualization/docker/default.nix"
CALL_RG = "callPackage ../tools/text/ripgrep {\n    inherit (darwin.apple_sdk.frameworks) Security;\n  }"

OLD: tuple[Case, ...] = (
    Case("a comment", {RG: first("# Which one it is.")}, "seen pkgs.ripgrep", systems=(NATIVE, ARM, CROSS, STATIC)),
    Case(
        "no rec",
        {SCDOC: both(to("mkDerivation rec {", "mkDerivation {"), to("${version}", "1.11.0"))},
        "seen pkgs.scdoc",
    ),
    Case(
        "an unused binding",
        {LYNX: to("stdenv.mkDerivation rec", "let unused = 1; in stdenv.mkDerivation rec")},
        "seen pkgs.lynx",
    ),
    Case(
        "stdenv.lib to lib",
        {LYNX: both(to("{ stdenv, buildPackages", "{ stdenv, lib, buildPackages"), to("stdenv.lib.", "lib."))},
        'removeAttrs (seen pkgs.lynx) [ "arguments" ]',
    ),
    Case(
        "no with",
        {
            UNPAPER: both(
                to("with stdenv.lib; ", ""),
                to("licenses.gpl2", "stdenv.lib.licenses.gpl2"),
                to("platforms.all", "stdenv.lib.platforms.all"),
                to("[ maintainers.rycee ]", "[ stdenv.lib.maintainers.rycee ]"),
            )
        },
        "seen pkgs.unpaper",
    ),
    Case("sha256 to hash", {UNDMG_OLD: sri}, "[ pkgs.undmg.outPath pkgs.undmg.meta.license ]"),
    Case("a file is split", {SCDOC: IMPORTED, SCDOC.replace("default", "generic"): COPY}, "seen pkgs.scdoc"),
    Case(
        "a package becomes a file",
        {
            SCDOC: None,
            SCDOC.replace("/default", ""): COPY,
            ALL: to("../tools/typesetting/scdoc {", "../tools/typesetting/scdoc.nix {"),
        },
        "seen pkgs.scdoc",
    ),
    Case(
        "a call line is moved",
        {ALL: moved(r"^  scdoc = .*?\n", "  unpaper = callPackage ../tools/graphics/unpaper { };\n")},
        "map seen [ pkgs.scdoc pkgs.unpaper ]",
    ),
    Case(
        "no literal path",
        {ALL: to("callPackage ../tools/typesetting/scdoc { }", 'callPackage (../tools/typesetting + "/scdoc") { }')},
        "seen pkgs.scdoc",
    ),
    Case(
        "an argument is inherited in another way",
        {
            ALL: to(
                CALL_RG,
                "callPackage ../tools/text/ripgrep {\n    Security = darwin.apple_sdk.frameworks.Security;\n  }",
            )
        },
        "seen pkgs.ripgrep",
    ),
    Case(
        "a variable of a shared file",
        {POSTGRES_OLD: lambda text: re.sub(r"\bicuEnabled\b", "withIcu", text)},
        "map seen [ pkgs.postgresql_10 pkgs.postgresql_12 ]",
    ),
    Case(
        "an argument with a name in the Vim set",
        {VIM_OLD + "overrides.nix": lambda text: text + "# The end.\n"},
        "seen pkgs.vimPlugins.fzf-vim",
    ),
    Case(
        "white space in a version list",
        {TERRAFORM_OLD: lambda text: re.sub(" +=", " =", text)},
        "seen pkgs.terraform-providers.aws",
    ),
    Case(
        "an inherit in a Python module",
        {AIODNS: to("inherit pname version;", "inherit version pname;")},
        "seen pkgs.python3Packages.aiodns",
    ),
    Case(
        "an optional in a Python module",
        {AIODNS: to('++ optional (pythonOlder "3.7") typing', '++ (if pythonOlder "3.7" then [ typing ] else [ ])')},
        "seen pkgs.python3Packages.aiodns",
    ),
    Case("a comment in lib", {"lib/lists.nix": first("# Lists.")}, "seen pkgs.scdoc"),
    Case(
        "an alias in parentheses",
        {ALIASES: sub(r"^  ag = silver-searcher;", "  ag = (silver-searcher);")},
        "seen pkgs.ag",
    ),
    Case(
        "a URL in two parts",
        {SCDOC: to('"https://git.sr.ht/~sircmpwn/scdoc"', '("https://git.sr.ht/" + "~sircmpwn/scdoc")')},
        "seen pkgs.scdoc",
    ),
    Case(
        "Perl set, no with",
        {
            PERL: sub(
                r'(pname = "Algorithm-C3";.*?)with stdenv.lib.licenses; \[ artistic1 gpl1Plus \]',
                r"\1[ stdenv.lib.licenses.artistic1 stdenv.lib.licenses.gpl1Plus ]",
            )
        },
        "seen pkgs.perlPackages.AlgorithmC3",
    ),
    # Damages.
    Case(
        "platforms gone",
        {LYNX: sub(r"    platforms = [^\n]*\n", "")},
        "pkgs.lynx.meta.platforms or null",
        ("meta", "lynx"),
    ),
    Case(
        "changelog with lib.version",
        {SCDOC: to("refs/${version}", "refs/${stdenv.lib.version}")},
        "pkgs.scdoc.meta.changelog",
        ("meta", "scdoc"),
    ),
    Case(
        "a licence of a Python module",
        {AIODNS: to("    license = licenses.mit;\n", "")},
        "pkgs.python3Packages.aiodns.meta.license or null",
        ("meta", "python3Packages.aiodns"),
    ),
    Case(
        "a licence in the Perl set",
        {
            PERL: sub(
                r'(pname = "Algorithm-C3";.*?)with stdenv.lib.licenses; \[ artistic1 gpl1Plus \]',
                r"\1stdenv.lib.licenses.artistic1",
            )
        },
        "pkgs.perlPackages.AlgorithmC3.meta.license",
        ("meta", "perlPackages.AlgorithmC3"),
    ),
    Case(
        "an argument gone",
        {
            LYNX: both(
                to("sslSupport ? true, openssl ? null", "openssl"),
                to("assert sslSupport -> openssl != null;", "let sslSupport = true; in"),
            )
        },
        "pkgs.lynx.override.__functionArgs",
        ("arguments", "lynx"),
    ),
    Case(
        "an argument without effect",
        {RG: to("stdenv.lib.optional withPCRE2 pcre2", "stdenv.lib.optional true pcre2")},
        "(pkgs.ripgrep.override { withPCRE2 = false; }).drvPath",
        ("override", "ripgrep"),
    ),
    Case(
        "another owner",
        {RG: to('owner = "BurntSushi"', 'owner = "other"')},
        "pkgs.ripgrep.src.drvPath",
        ("fixed-output", "ripgrep"),
    ),
    Case(
        "a version and the old hash",
        {RG: to('version = "12.1.1"', 'version = "12.1.2"')},
        "pkgs.ripgrep.src.drvPath",
        ("fixed-output", "ripgrep"),
    ),
    Case(
        "a URL, fetchurl",
        {UNPAPER: to("www.flameeyes.eu/files", "example.org/files")},
        "pkgs.unpaper.src.drvPath",
        ("fixed-output", "unpaper"),
    ),
    Case(
        "a platform of the host",
        {LYNX: to("buildPackages.stdenv.cc", "stdenv.cc")},
        "pkgs.lynx.drvPath",
        ("derivation", "lynx"),
        CROSS,
        (NATIVE, CROSS),
    ),
    Case(
        "a call line",
        {ALL: to(CALL_RG, CALL_RG.replace("Security;", "Security;\n    withPCRE2 = false;"))},
        "pkgs.ripgrep.drvPath",
        ("derivation", "ripgrep"),
    ),
    Case(
        "a set not recursed into",
        {ALL: to("dictdDBs = recurseIntoAttrs (", "dictdDBs = (")},
        "pkgs.dictdDBs.recurseForDerivations or false",
        ("passthru", "dictdDBs"),
    ),
    Case(
        "a sibling of a shared file",
        {POSTGRES_OLD: to('atLeast "10"', 'atLeast "11"')},
        "pkgs.postgresql_10.drvPath",
        ("derivation", "postgresql_10"),
    ),
    Case(
        "a provider",
        {TERRAFORM_OLD: sub(r'(acme =.*?sha256  = ")1h', r"\g<1>1k")},
        "pkgs.terraform-providers.acme.drvPath",
        ("derivation", "terraform-providers.acme"),
    ),
    Case(
        "a kernel",
        {"pkgs/os-specific/linux/kernel/linux-4.19.nix": to("4.19.134", "4.19.135")},
        "pkgs.linux_4_19.drvPath",
        ("derivation|fixed-output", "linux_4_19"),
    ),
    Case(
        "a kernel module's meta",
        {ACPI: sub(r"    platforms = [^\n]*\n", "")},
        "pkgs.linuxPackages.acpi_call.meta.platforms or null",
        ("meta", "linuxPackages.acpi_call"),
    ),
    Case(
        "a Vim plugin",
        {VIM_OLD + "generated.nix": sub(r'(pname = "acp";.*?sha256 = ")0h', r"\g<1>0k")},
        "pkgs.vimPlugins.acp.drvPath",
        ("derivation", "vimPlugins.acp"),
    ),
    Case(
        "a KDE package",
        {"pkgs/applications/kde/ark/default.nix": to("p7zip lrzip ]", "p7zip ]")},
        "pkgs.libsForQt5.callPackage ({ ark }: ark.drvPath) { }",
        ("derivation", "ark"),
    ),
    Case("a package gone", {ALL: sub(r"^  scdoc = [^\n]*\n", "")}, "pkgs ? scdoc", ("removed", "scdoc")),
    Case(
        "a package throws",
        {ALL: sub(r"^  unpaper = [^\n]*", '  unpaper = throw "gone";')},
        "pkgs.unpaper.drvPath",
        ("evaluation", "unpaper"),
    ),
    Case("an alias gone", {ALIASES: sub(r"^  ag = silver-searcher;[^\n]*\n", "")}, "pkgs ? ag", ("alias", "ag")),
    Case(
        "a setup hook",
        {"pkgs/tools/archivers/undmg/setup-hook.sh": lambda text: text + "true\n"},
        "pkgs.undmg.drvPath",
        ("derivation", "undmg"),
    ),
    Case(
        "an argument that nobody passes",
        {UNPAPER: to("libxslt }", "libxslt, nobodyHasThis }")},
        "pkgs.unpaper.drvPath",
        ("evaluation", "unpaper"),
    ),
    Case(
        "a dependency of a Python module",
        {AIODNS: to("[ pycares ]", "[ ]")},
        "pkgs.python3Packages.aiodns.drvPath",
        ("derivation", "python3Packages.aiodns"),
    ),
    Case(
        "a parameter of a shared file",
        {DOCKER_OLD: to("      , tiniRev, tiniSha256\n", "      , tiniRev, tiniSha256, more\n")},
        "pkgs.docker.drvPath",
        ("evaluation", "docker"),
    ),
    Case(
        "position lost",
        {
            SCDOC: both(
                to("meta = with stdenv.lib; {", "meta = with stdenv.lib; builtins.fromJSON (builtins.toJSON {"),
                to("[ primeos ];\n  };", "[ primeos ];\n  });"),
            )
        },
        "pkgs.scdoc.meta.position or null",
        ("position", "scdoc"),
    ),
    Case(
        "stdenv",
        {"pkgs/stdenv/generic/setup.sh": lambda text: text + "\ntrue\n"},
        "pkgs.hello.drvPath",
        ("unknown|derivation", "hello"),
    ),
)

TREES = {"26.11": NEW, "20.09": OLD}

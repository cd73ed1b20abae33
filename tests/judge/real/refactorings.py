"""Refactorings of 26.11: plain Nix sees the same before and after."""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

import re

from tests.judge.real.case import (
    ACPI,
    ADNS,
    AFTERSHIP,
    ALIASES,
    ALL,
    ALL_FIVE,
    BAT,
    CODE,
    COPY,
    DARWIN,
    FORGEJO,
    GPERF,
    IMPORTED,
    KEY,
    NATIVE,
    OBS,
    PERL,
    POSTGRES,
    PYTHON,
    QC,
    RIPGREP,
    SEABORN,
    STATIC,
    TERRAFORM,
    UNDMG,
    VIM,
    VOMS,
    VORBIS,
    WMCTRL,
    XSTOW,
    Case,
    both,
    by_name,
    final,
    first,
    indented,
    moved,
    sri,
    sub,
    to,
    wrapped,
)

CASES: tuple[Case, ...] = (
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
    Case(
        "rec to finalAttrs, Go",
        {
            by_name("eigenlayer"): lambda text: final(text, "buildGoModule").replace(
                "${src.rev}", "${finalAttrs.src.rev}"
            )
        },
        "removeAttrs (seen pkgs.eigenlayer) [ ]",
    ),
    Case(
        "a list without its with",
        {BAT: sub(r"with lib.licenses; \[\n *asl20 # or\n *mit\n *\];", "[ lib.licenses.asl20 lib.licenses.mit ];")},
        "seen pkgs.bat",
    ),
    Case(
        "meta in two parts",
        {GPERF: both(to("    platforms = ", "  } // {\n    platforms = "))},
        "seen pkgs.gperf",
    ),
    Case(
        "attributes in a let",
        {
            ADNS: both(
                to("mkDerivation (finalAttrs: {\n", "mkDerivation (finalAttrs: flags // {\n"),
                sub(r"  configureFlags = [^;]*;\n", ""),
                wrapped(
                    'let flags.configureFlags = lib.optional stdenv.hostPlatform.isStatic "--disable-dynamic"; in\n', ""
                ),
            )
        },
        "seen pkgs.adns",
        systems=ALL_FIVE,
    ),
    Case(
        "a version in JSON",
        {
            GPERF: to('version = "3.3"', "version = (lib.importJSON ./version.json).version"),
            by_name("gperf", "version.json"): '{ "version": "3.3" }\n',
        },
        "seen pkgs.gperf",
    ),
    Case(
        "an import in a call",
        {ALL: to("callPackage ../tools/misc/pgbadger {", "callPackage (import ../tools/misc/pgbadger) {")},
        "seen pkgs.pgbadger",
    ),
    Case(
        "names without their inherit",
        {
            ALL: sub(
                r"  inherit \(callPackages \.\./tools/networking/iroh/default.nix \{ \}\)\n    iroh-relay\n    iroh-dns-server\n    ;",
                "  iroh-relay = (callPackages ../tools/networking/iroh/default.nix { }).iroh-relay;\n"
                "  iroh-dns-server = (callPackages ../tools/networking/iroh/default.nix { }).iroh-dns-server;",
            )
        },
        "map seen [ pkgs.iroh-relay pkgs.iroh-dns-server ]",
    ),
    Case(
        "a line of the Python set is moved",
        {
            PYTHON: moved(
                r"^  aiosqlite = [^\n]*\n", "  aiofiles = callPackage ../development/python-modules/aiofiles { };\n"
            )
        },
        "map seen [ pkgs.python3Packages.aiosqlite pkgs.python3Packages.aiofiles ]",
    ),
    Case(
        "an editor's extension without rec",
        {CODE: sub(r'(publisher = "4ops";\n *name = )"terraform"', r'\1("terra" + "form")')},
        'seen pkgs.vscode-extensions."4ops".terraform',
    ),
    Case(
        "a plugin without rec",
        {OBS: both(to("mkDerivation rec {", "mkDerivation {"), to("rev = version", 'rev = "0.1.4"'))},
        "seen pkgs.obs-studio-plugins.obs-3d-effect",
    ),
    Case("a file that nobody reads", {by_name("bat", "notes.txt"): "x\n"}, "seen pkgs.bat"),
    Case(
        "a script that updates",
        {by_name("pyright", "update.sh"): lambda text: text + "\n# The end.\n"},
        "seen pkgs.pyright",
    ),
    Case(
        "a platform's list by another function",
        {
            ADNS: to(
                "lib.optionals stdenv.hostPlatform.isDarwin [ ./darwin.patch ]",
                "if stdenv.hostPlatform.isDarwin then [ ./darwin.patch ] else [ ]",
            )
        },
        "seen pkgs.adns",
        systems=(NATIVE, DARWIN),
    ),
)

"""Refactorings of 26.11: plain Nix sees the same before and after."""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

import re

from tests.judge.real.case import (
    ACPI,
    ADNS,
    ALL,
    ALL_FIVE,
    CODE,
    COPY,
    FORGEJO,
    GPERF,
    IMPORTED,
    KEY,
    NATIVE,
    POSTGRES,
    PYTHON,
    QC,
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
    sri,
    sub,
    to,
    wrapped,
)

CASES: tuple[Case, ...] = (
    Case("a comment", {QC: first("# Which one it is.")}, "seen pkgs.qc"),
    Case("white space", {VORBIS: lambda text: re.sub(r"\n\n+", "\n", text)}, "seen pkgs.vorbis-tools"),
    Case("rec to finalAttrs", {by_name("overpass"): final}, "seen pkgs.overpass"),
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
        "sha256 to hash, fetchgit",
        {KEY: sri},
        "[ pkgs.volume_key.outPath pkgs.volume_key.meta.license ]",
        systems=ALL_FIVE,
    ),
    Case(
        "arguments in another order",
        {VORBIS: to("  libogg,\n  libvorbis,\n", "  libvorbis,\n  libogg,\n")},
        "seen pkgs.vorbis-tools",
    ),
    Case("a comment in lib", {"lib/strings.nix": first("# All of it.")}, "seen pkgs.qc"),
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
    Case("no with", {WMCTRL: to("with lib.platforms; all", "lib.platforms.all")}, "seen pkgs.wmctrl"),
    Case(
        "a name in passthru",
        {VOMS: to("inherit externalEtc;", "inherit externalEtc;\n    extra = 1;")},
        'removeAttrs (seen pkgs.voms) [ "names" ]',
    ),
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
        "an editor's extension without rec",
        {CODE: sub(r'(publisher = "4ops";\n *name = )"terraform"', r'\1("terra" + "form")')},
        'seen pkgs.vscode-extensions."4ops".terraform',
    ),
)

"""Changes of what is built and fetched in 26.11, on one system or on all."""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from tests.judge.real.case import (
    ALL,
    ALL_FIVE,
    ARM,
    BAT,
    CROSS,
    CTAGS,
    DARWIN,
    FORGEJO,
    NATIVE,
    QC,
    RIPGREP,
    STATIC,
    VIM,
    VORBIS,
    XSTOW,
    Case,
    both,
    by_name,
    first,
    sub,
    to,
)

CASES: tuple[Case, ...] = (
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
        "a compiler of the host",
        {CTAGS: to("buildPackages.stdenv.cc", "stdenv.cc")},
        "pkgs.universal-ctags.drvPath",
        ("derivation", "universal-ctags"),
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
        "a dependency of a Vim plugin",
        {VIM + "overrides.nix": to("dependencies = [ self.fzf-wrapper ];", "dependencies = [ ];")},
        "map (each: each.name) pkgs.vimPlugins.fzf-vim.dependencies",
        ("derivation|passthru|override", "vimPlugins.fzf-vim"),
    ),
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
        "a tool that is not spliced",
        {by_name("unionfs-fuse"): to("    pkg-config\n  ];", "    (pkg-config.override { })\n  ];")},
        "pkgs.unionfs-fuse.drvPath",
        ("derivation", "unionfs-fuse"),
        CROSS,
        (NATIVE, CROSS),
    ),
    Case(
        "a hash of one system",
        {by_name("postman"): to("sha256-sMJohq", "sha256-sMJohr")},
        "pkgs.postman.drvPath",
        ("derivation|evaluation", "postman"),
        ARM,
        (NATIVE, ARM),
    ),
    Case(
        "a patch gone, its name there",
        {by_name("unionfs-fuse", "prevent-kill-on-shutdown.patch"): None},
        "pkgs.unionfs-fuse.drvPath",
        ("evaluation", "unionfs-fuse"),
    ),
    Case(
        "an argument of a call",
        {
            ALL: to(
                "aflplusplus = callPackage ../tools/security/aflplusplus { wine = null; };",
                "aflplusplus = callPackage ../tools/security/aflplusplus { };",
            )
        },
        "pkgs.aflplusplus.drvPath",
        ("evaluation", "aflplusplus"),
    ),
    # Fetches.
    Case(
        "a version and the old hash",
        {QC: to('version = "0.6.2"', 'version = "0.6.3"')},
        "pkgs.qc.src.drvPath",
        ("fixed-output", "qc"),
    ),
    Case(
        "what is vendored",
        {QC: to("subPackages", "proxyVendor = true;\n\n  subPackages")},
        "pkgs.qc.goModules.drvPath",
        ("fixed-output|derivation", "qc"),
    ),
    Case(
        "a new version, vendored as the old one",
        {BAT: both(to("0.26.1", "0.26.2"), to("sha256-Ib", "sha256-Jb"))},
        "pkgs.bat.cargoDeps.drvPath",
        ("fixed-output", "bat"),
    ),
    Case(
        "a patch from elsewhere",
        {by_name("figlet"): to("cmatsuoka/figlet/commit/9a50", "cmatsuoka/figlet/commit/9b50")},
        "map (each: each.drvPath or null) pkgs.figlet.patches",
        ("fixed-output", "figlet"),
    ),
)

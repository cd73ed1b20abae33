"""Changes of what is built and fetched in 26.11, on one system or on all."""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from tests.judge.real.case import (
    ADNS,
    ALL,
    ALL_FIVE,
    ARM,
    BAT,
    CODE,
    CROSS,
    CTAGS,
    DARWIN,
    FORGEJO,
    GPERF,
    KEY,
    NATIVE,
    PERL,
    POSTGRES,
    PYTHON,
    QC,
    RIPGREP,
    STATIC,
    TERRAFORM,
    VIM,
    VORBIS,
    WMCTRL,
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
    Case(
        "a tool that is not spliced",
        {by_name("unionfs-fuse"): to("    pkg-config\n  ];", "    (pkg-config.override { })\n  ];")},
        "pkgs.unionfs-fuse.drvPath",
        ("derivation", "unionfs-fuse"),
        CROSS,
        (NATIVE, CROSS),
    ),
    Case(
        "what is run while one builds",
        {by_name("taplo"): to("(stdenv.buildPlatform.canExecute stdenv.hostPlatform)", "true")},
        "pkgs.taplo.drvPath",
        ("derivation", "taplo"),
        CROSS,
        (NATIVE, CROSS),
    ),
    Case(
        "a patch of darwin",
        {ADNS: to("lib.optionals stdenv.hostPlatform.isDarwin [ ./darwin.patch ]", "[ ]")},
        "pkgs.adns.drvPath",
        ("derivation", "adns"),
        DARWIN,
        (NATIVE, DARWIN),
    ),
    Case(
        "a script of darwin",
        {by_name("unionfs-fuse"): to("/usr/local/include/osxfuse", "/usr/include/osxfuse")},
        "pkgs.unionfs-fuse.drvPath",
        ("derivation", "unionfs-fuse"),
        DARWIN,
        (NATIVE, DARWIN),
    ),
    Case(
        "a flag of what is static",
        {ADNS: to('"--disable-dynamic"', '"--enable-static"')},
        "pkgs.adns.drvPath",
        ("derivation", "adns"),
        STATIC,
        ALL_FIVE,
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
        "an extension's version",
        {CODE: sub(r'(publisher = "4ops";.*?version = ")0.2.5', r"\g<1>0.2.6")},
        'pkgs.vscode-extensions."4ops".terraform.drvPath',
        ("derivation|fixed-output", "vscode-extensions.4ops.terraform"),
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
    Case(
        "a variant becomes the plain one",
        {ALL: to("mtr-gui = mtr.override { withGtk = true; };", "mtr-gui = mtr;")},
        "pkgs.mtr-gui.drvPath",
        ("derivation", "mtr-gui"),
    ),
    Case(
        "outputs in another order",
        {by_name("pocketsphinx"): to('    "out"\n    "data"\n', '    "data"\n    "out"\n')},
        "pkgs.pocketsphinx.drvPath",
        ("derivation", "pocketsphinx"),
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
    Case(
        "a version and the old hash, fetchurl",
        {GPERF: to('version = "3.3"', 'version = "3.4"')},
        "pkgs.gperf.src.drvPath",
        ("fixed-output", "gperf"),
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

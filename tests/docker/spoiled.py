"""What may be wrong with a series for docker, and which claim has to fail for it, whoever makes the claims.

Each row takes a series that is right, the file's texts before, lifted and demoted, and spoils one thing.
"""

import re
from collections.abc import Callable
from functools import partial, reduce
from typing import TypeAlias

from msgspec import Struct

from tests import designs
from tests.docker.conftest import Draft, drafted, source_of
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.steps import Demotion
from toolkit.lift.plan import Design

Spoiling: TypeAlias = Callable[[Draft], Draft]

SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin", "cross")


class Spoiled(Struct, frozen=True):
    """A thing that is wrong, and what the claim that fails says of it: all of `said`, nothing of `unsaid`.

    `start` makes the series that is right, `alone` if its first commit is judged without the second.
    """

    what: str
    spoil: Spoiling
    said: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    start: Callable[[], Draft] = drafted
    alone: bool = False


def edit(stage: str, *edits: tuple[str, str]) -> Spoiling:
    """Replace what stands once, in a stage and in those after it."""
    return lambda series: reduce(lambda spoiled, each: spoiled.edit(stage, *each), edits, series)


def sub(stage: str, pattern: str, new: str) -> Spoiling:
    """Replace all that a pattern finds, in one stage."""
    return lambda series: series.rewritten(stage, lambda text: re.sub(pattern, new, text))


def everywhere(old: str, new: str) -> Spoiling:
    """Replace all that is there, in all stages."""
    return lambda series: reduce(
        lambda spoiled, stage: spoiled.rewritten(stage, lambda text: text.replace(old, new)), series.texts, series
    )


def taken(stage: str, other: str) -> Spoiling:
    """Take the text of another stage for that of one."""
    return lambda series: series.rewritten(stage, lambda _: series.texts[other])


def lifted(change: Callable[[str], str]) -> Spoiling:
    """Change the lifted text, and demote that by hand."""

    def spoil(series: Draft) -> Draft:
        text = change(series.texts[LIFTED])
        return series.rewritten(LIFTED, lambda _: text).rewritten(DEMOTED, lambda _: designs.demoted(text))

    return spoil


def hidden() -> Draft:
    return drafted(strategy=Design.HIDDEN)


def designed(name: str) -> Draft:
    """Return a series whose first commit lifts the components by a design of the tests, and whose second demotes."""
    source = source_of("29.6")
    before = source.content.decode()
    new = designs.DESIGNS[name](before)
    texts = {BEFORE: before, LIFTED: new, DEMOTED: designs.demoted(new)}
    return Draft(source=source, demotion=Demotion.SUFFIX, texts=texts)


CONDITION = "lib.optionals (stdenv.hostPlatform.isLinux && !clientOnly"
PARAMETER = "      buildxSupport ? true,\n"


def conditional(default: str, condition: str) -> Draft:
    """Return a series on a file whose wrapper has rootlesskit under a condition, and which never heard of it."""
    edits = (PARAMETER, f"{default}{PARAMETER}"), (f"{CONDITION})", f"{CONDITION} && {condition})")
    return edit(BEFORE, *edits)(drafted())


def using(text: str) -> tuple[str, str]:
    """Return the change by which moby has an attribute of this value, whatever it is."""
    old = "vendorHash = null;\n\n          env"
    return old, old.replace("\n\n", f"\n          more = toString ({text});\n\n")


def _flags(release: str) -> tuple[str, str]:
    text = f'      cliHash = "sha256-fake/cli/{release}/'
    return text, f"      withRootless = true;\n{text}"


def _swapped(series: Draft) -> Draft:
    blocks = series.case().before.file.release_blocks()
    old, new = blocks["docker_25"], blocks["docker_29"]
    return series.rewritten(DEMOTED, lambda text: text.replace(old, "\0").replace(new, old).replace("\0", new))


def _one_more(stage: str, series: Draft) -> Draft:
    more = series.case().before.file.release_blocks()["docker_29"].replace("docker_29", "docker_30")
    return series.rewritten(stage, lambda text: f"{text.rstrip()[:-1]}  {more}\n}}\n")


def without_release(series: Draft) -> Draft:
    lost = series.case().before.file.release_blocks()["docker_25"]
    return series.rewritten(DEMOTED, lambda text: text.replace(lost, ""))


def _by_another_name(text: str) -> str:
    value = designs.value(text, "docker-tini")
    text = designs.replaced(text, f" docker-tini = {value};", " docker-tini = dockerTini;")
    return designs.with_formals(text, [f"dockerTini ? {value}"])


def _captured(series: Draft) -> Draft:
    return lifted(lambda _: _by_another_name(series.texts[BEFORE]))(series)


SUFFIX = ' \\\n                --suffix PATH : "${lib.makeBinPath [ rootlesskit ]}"'
INSTALLED = "            # the daemon of an ordinary user\n"
USERS = "                slirp4netns\n                fuse-overlayfs\n"
LESS = (USERS, "                fuse-overlayfs\n")
EXPORTED = "          docker-tini\n          moby\n          ;\n      }\n    );"
LINKS = "${finalAttrs.moby}/bin/dockerd ${finalAttrs.moby}/bin/dockerd-rootless"
TINI = "if args.docker-tini != null then args.docker-tini else made.docker-tini"
RUNC = "if args.docker-runc != null then args.docker-runc else"
TAGS = "env.DOCKER_BUILDTAGS = toString (\n"
LEFT = "moby: an override of moby works in part: the replaced package is still built in, by docker-29.6.1 → moby-29"
NO_RELEASE = "the file exports no docker release"
MOBY = "moby's attribute extraUserPath changed"
VERSION = '  docker_29 =\n    let\n      version = "29.6.1";\n    in\n'
OLD_RUNC = '      runcRev = "v1.3.6";\n'


def _added(command: str) -> tuple[str, str]:
    return INSTALLED, f"{INSTALLED}            {command}\n"


def _installing(command: str) -> Spoiling:
    return edit(DEMOTED, _added(command))


TABLE: dict[str, tuple[Spoiled, ...]] = {
    "no-rebuild": (
        Spoiled(
            "attribute of moby",
            edit(LIFTED, ("export AUTO_GOPATH=1", "export AUTO_GOPATH=0")),
            ("docker_25.moby: is built differently: ", "docker_29.moby: is built differently: "),
            unsaid=("(aarch64-darwin)",),
        ),
        Spoiled(
            "attribute of the command line",
            edit(LIFTED, ("export BUILDTIME=1970", "export BUILDTIME=1971")),
            tuple(f"-docker-29.6.1.drv ({system})" for system in SYSTEMS),
            unsaid=("docker_29.moby",),
        ),
        Spoiled(
            "attribute on Darwin alone",
            edit(LIFTED, ("Dm755 build", 'Dm755${lib.optionalString stdenv.hostPlatform.isDarwin " -v"} build')),
            ("docker_25: is built differently: ", "(aarch64-darwin)"),
            unsaid=("(x86_64-linux)", "(aarch64-linux)", "(cross)"),
        ),
        Spoiled(
            "attribute of one release",
            edit(LIFTED, ('runcRev = "v1.3.6"', 'runcRev = "v1.3.7"')),
            ("docker_29.docker-runc: is built differently: ",),
            unsaid=("docker_25",),
        ),
        Spoiled(
            "attribute of the cross pair alone",
            edit(
                LIFTED,
                ("MINIMAL=ON", 'MINIMAL=ON${lib.optionalString (stdenv.buildPlatform != stdenv.hostPlatform) "x"}'),
            ),
            ("docker_25.docker-tini: is built differently: ", "(cross)"),
            unsaid=("(x86_64-linux)", "(aarch64-linux)", "(aarch64-darwin)"),
        ),
        Spoiled(
            "component that is no attribute any more",
            edit(LIFTED, (EXPORTED, EXPORTED.replace("          docker-tini\n", ""))),
            ("docker_29.docker-tini: is no longer there (x86_64-linux, aarch64-linux, cross)",),
            start=hidden,
        ),
        Spoiled("file without releases", everywhere("  docker_2", "  podman_2"), said=(NO_RELEASE,)),
        Spoiled(
            "release that throws on a system",
            edit(LIFTED, ("MINIMAL=ON", 'MINIMAL=ON${if stdenv.hostPlatform.isAarch64 then throw "no" else ""}')),
            ("docker_25: no longer evaluates: ", "→ no (aarch64-linux)"),
        ),
        Spoiled(
            "release that throws",
            edit(LIFTED, using('lib.optionalString (version == "25.0.16") (throw "no")')),
            ("docker_25: no longer evaluates: ", "→ no (x86_64-linux)"),
            start=partial(designed, "hidden"),
        ),
        Spoiled(
            "error that Nix cannot catch",
            edit(LIFTED, ('runcRev = "v1.3.6"', 'runcRev = abort "oh"')),
            ("docker_29: no longer evaluates: evaluation aborted with the following error message: 'oh'",),
        ),
        Spoiled(
            "attribute that does not reach moby",
            lifted(lambda text: text.replace("${finalAttrs.docker-runc}", "${runc}")),
            ("docker_29.moby: is built differently: ",),
            start=partial(designed, "move"),
        ),
        # The attribute differs from before, and what is built is still not made of it.
        Spoiled(
            "attribute that is another package without effect",
            lambda series: taken(DEMOTED, LIFTED)(
                series.edit(LIFTED, "          moby\n          ;", "          ;\n        moby = moby // { };")
            ).rewritten(LIFTED, lambda text: text.replace("moby // { }", "moby.overrideAttrs { stamped = true; }")),
            ("docker: is built differently: ",),
            start=partial(designed, "hidden"),
        ),
        Spoiled(
            "function of the final attributes that the builder does not take",
            sub(LIFTED, r"(\n    buildGoModule \(\n +)", r"\1finalAttrs: "),
            ("docker_27: no longer evaluates: derivation → this nixpkgs' Go builder takes no function of finalAttrs",),
            start=partial(drafted, "27.5"),
        ),
    ),
    "exact-change": (
        Spoiled("one more entry dropped", edit(DEMOTED, LESS), said=(MOBY,)),
        Spoiled("entries swapped", edit(DEMOTED, (USERS, "".join(reversed(USERS.splitlines(keepends=True))))), (MOBY,)),
        Spoiled(
            "attributes of moby and of docker, old and new, and a part that is rebuilt",
            edit(
                DEMOTED,
                ("export AUTO_GOPATH=1", "export AUTO_GOPATH=0"),
                ('          pname = "moby";\n', '          pname = "moby";\n          x = 1;\n'),
                ("export BUILDTIME=1970", "export BUILDTIME=1971"),
                ('  pname = "docker";\n', '  pname = "docker";\n  x = if clientOnly then null else 1;\n'),
                ("-DMINIMAL=ON", "-DMINIMAL=OFF"),
            ),
            (
                "moby's attribute buildPhase changed",
                "moby's attribute x is new",
                "x86_64-linux docker_29: docker's attribute buildPhase changed",
                "aarch64-darwin docker_29: docker's attribute buildPhase changed",
                "docker's attribute x is new",
                "x86_64-linux docker_29: docker-tini's attribute NIX_CFLAGS_COMPILE changed",
            ),
        ),
        Spoiled(
            "nothing changed",
            taken(DEMOTED, LIFTED),
            ("x86_64-linux docker_29: moby is not changed",),
            unsaid=("aarch64-darwin docker_29: moby",),
        ),
        Spoiled(
            "release that one stage lacks",
            without_release,
            said=("docker_25: does not evaluate any more: attribute 'docker_25' missing",),
        ),
        Spoiled("file without releases", everywhere("  docker_2", "  podman_2"), said=(NO_RELEASE,)),
        Spoiled(
            "suffix that one release lacks",
            edit(DEMOTED, (SUFFIX, f"${{lib.optionalString (lib.versionAtLeast version \"29\") ''{SUFFIX}''}}")),
            ("x86_64-linux docker_25: rootlesskit's place in moby's PATH is 'absent' instead of 'suffix'",),
            unsaid=("docker_29: rootlesskit's",),
        ),
        Spoiled(
            "entry that one release keeps in its prefix, and another command there",
            edit(
                DEMOTED,
                (
                    "lib.makeBinPath [\n                slirp4netns\n",
                    'lib.makeBinPath (lib.optional (lib.versionOlder version "29") rootlesskit ++ [\n slirp4netns\n',
                ),
                ("fuse-overlayfs\n              ]\n", "fuse-overlayfs\n              ])\n"),
                _added('${lib.optionalString (lib.versionOlder version "29") "rm -r $out/etc"}'),
            ),
            (
                "x86_64-linux docker_25: rootlesskit's place in moby's PATH is 'prefix and suffix' instead of 'suffix'",
                "x86_64-linux docker_25: moby's attribute installPhase changed",
            ),
            unsaid=("docker_29: rootlesskit's", "docker_29: moby's attribute"),
        ),
        Spoiled(
            "suffix without the conditions of the list",
            lambda series: series,
            tuple(
                f"docker_29, {form}: moby is now built with rootlesskit-1.0"
                for form in ("withRootless = false", "withTiny = true", "withB = false", "withW = false")
            ),
            start=partial(
                conditional,
                "withRootless ? true, withTiny ? !stdenv.hostPlatform.isLinux, withA ? true, withB ? true, "
                # No boolean, which only Nix can tell: it would end the evaluator.
                "withKind ? version, withW ? true,",
                'withRootless && !withTiny && (withA && withB) && withW && withKind + "" != ""',
            ),
        ),
        Spoiled(
            "closure that a comment brings in",
            edit(
                DEMOTED,
                (SUFFIX, f"${{lib.optionalString withRootless ''{SUFFIX}''}}"),
                ("# rootlesskit comes last", "# ${rootlesskit} comes last"),
            ),
            ("docker_29: moby is now built with rootlesskit-1.0",),
            start=partial(conditional, "withRootless ? false,", "withRootless"),
        ),
        Spoiled(
            "suffix without the condition by parameters of the file and values of a release",
            edit(BEFORE, ("{ lib, callPackage }:", "{ lib, callPackage, full ? true }:"), _flags("25"), _flags("29")),
            ("docker_29, withRootless = false: moby is now built with rootlesskit-1.0",),
            start=partial(conditional, "withRootless,", "withRootless && full"),
        ),
        *(
            Spoiled(
                f"case that does not evaluate any more: {text}",
                edit(DEMOTED, (TAGS, f"{TAGS}{text}")),
                ("docker_29, withRootless = false: does not evaluate any more",),
                start=partial(conditional, "withRootless ? true,", "withRootless"),
            )
            for text in ("assert withRootless;", "(if withRootless then [ ] else 1) ++")
        ),
        Spoiled(
            "function that is missing",
            edit(DEMOTED, using("lib.nothingOfTheKind")),
            ("docker_29: does not evaluate any more: attribute 'nothingOfTheKind' missing",),
            start=partial(designed, "hidden"),
        ),
    ),
    "overridable": (
        Spoiled(
            "argument that is ignored, and one that only takes the old one away",
            edit(LIFTED, (TINI, "made.docker-tini"), (RUNC, RUNC.replace("then args.docker-runc", "then runc"))),
            tuple(
                f"{name}: an override of {name} has no effect on any system" for name in ("docker-tini", "docker-runc")
            ),
            unsaid=tuple(f"{name}: an override of" for name in ("moby", "docker-containerd")),
            start=partial(designed, "sentinel"),
        ),
        Spoiled(
            "argument that is not linked",
            lifted(lambda text: text.replace("${moby}/", "${made.moby}/")),
            (LEFT,),
            start=partial(designed, "sentinel"),
        ),
        Spoiled(
            "argument that is linked in part",
            edit(LIFTED, ("${moby}/bin/dockerd ${moby}/bin", "${moby}/bin/dockerd ${made.moby}/bin")),
            (LEFT,),
            start=partial(designed, "sentinel"),
        ),
        Spoiled(
            "file that is lifted no more",
            lambda series: series.rewritten(DEMOTED, lambda _: designs.demoted(series.texts[BEFORE])),
            (LEFT,),
            start=partial(designed, "hidden"),
        ),
        Spoiled(
            "file that was overridable before",
            taken(BEFORE, LIFTED),
            ("moby could be overridden before, by override { moby = …; }, and in no new way after",),
            start=partial(designed, "hidden"),
        ),
        Spoiled(
            "component that is no attribute any more",
            edit(LIFTED, (EXPORTED, EXPORTED.replace("          docker-tini\n", ""))),
            ("docker-tini: an override of docker-tini has no effect on any system",),
            start=partial(designed, "hidden"),
        ),
        Spoiled(
            "release that one stage lacks",
            without_release,
            said=("docker_25 on x86_64-linux: attribute 'docker_25' missing",),
        ),
        Spoiled("file without releases", everywhere("  docker_2", "  podman_2"), said=(NO_RELEASE,)),
    ),
    "compatible": (
        Spoiled(
            "override that loses its effect",
            lambda series: taken(LIFTED, BEFORE)(series).rewritten(BEFORE, lambda _: series.texts[LIFTED]),
            ("that, then override { iptables = …; }: /nix/store/",),
            start=partial(designed, "move"),
        ),
        # As if the components were built outside of dockerGen: they do not follow an overridden argument.
        Spoiled(
            "override that stops to reach moby",
            edit(
                LIFTED,
                (
                    "  callDocker = callPackage (",
                    "  callDocker = a: b (a // { inherit (b a) moby; });\n  b = callPackage (",
                ),
            ),
            ("docker_29 on x86_64-linux: override { iptables = …; }: /nix/store/",),
            start=hidden,
        ),
        Spoiled(
            "argument without a use",
            sub(LIFTED, "              iptables\n", ""),
            ("override { iptables = …; }",),
        ),
        Spoiled(
            "attribute that is lost",
            edit(LIFTED, (EXPORTED, EXPORTED.replace("          moby\n", ""))),
            ("overrideAttrs (old: { moby = old.moby.overrideAttrs …; })",),
            start=hidden,
        ),
    ),
    "capture-safe": (
        Spoiled(
            "parameters of the components' names",
            lambda series: series,
            (
                "an unrelated package of each part's name: docker_29 on x86_64-linux: ",
                "an alias of each part's name that throws: docker_29 on x86_64-linux: it throws",
            ),
            start=partial(designed, "parameter"),
        ),
        Spoiled(
            "parameter of another name",
            _captured,
            ("an alias of each part's name that throws: docker_25 on x86_64-linux: ",),
            start=partial(designed, "hidden"),
        ),
    ),
    "overrides": (
        Spoiled(
            "condition that is lost",
            edit(LIFTED, (" && withRootless)", ")")),
            ("docker: override with withRootless = false gives something else: ",),
            start=partial(conditional, "withRootless ? true,", "withRootless"),
        ),
        Spoiled(
            "argument that is shut again",
            lambda series: series.rewritten(BEFORE, lambda _: designed("sentinel").texts[LIFTED]),
            ("the argument moby of override is gone",),
            start=partial(designed, "move"),
        ),
    ),
    "builds": (
        Spoiled(
            "suffix that is missing",
            edit(DEMOTED, (SUFFIX, "")),
            ("the suffix is '' instead of 'rootlesskit/bin'",),
            unsaid=("the prefix is",),
        ),
        Spoiled(
            "entry that stays in the prefix too",
            edit(
                DEMOTED,
                (
                    "lib.makeBinPath [\n                slirp4netns",
                    "lib.makeBinPath [\n rootlesskit\n                slirp4netns",
                ),
            ),
            ("the prefix is ", ":rootlesskit/bin:slirp4netns/bin:", " instead of "),
        ),
        Spoiled(
            "entry that is lost",
            edit(DEMOTED, LESS),
            ("util-linuxMinimal/bin:fuse-overlayfs/bin' instead of 'moby/libexec/docker:",),
        ),
        *(
            Spoiled(
                f"empty entry: {new}",
                edit(DEMOTED, (old, new)),
                ("moby-29.6.1 cannot be built: makeWrapper: --", " PATH has an empty entry: "),
            )
            for old, new in (
                (SUFFIX, ' \\\n                --suffix PATH : ""'),
                ("$extraPath:$extraUserPath", "$extraPath::$extraUserPath"),
            )
        ),
        Spoiled(
            "entry that was not in the prefix before",
            lambda series: sub(LIFTED, r" +rootlesskit\n", "")(sub(BEFORE, r" +rootlesskit\n", "")(series)),
            ("rootlesskit is not in the prefix before: moby/libexec/docker:",),
            start=partial(drafted, demotion=Demotion.DROP),
        ),
        Spoiled(
            "other files of moby, and another link",
            _installing(
                "for f in etc/systemd/system/docker.socket bin/dockerd; do echo '#' >>$out/$f; done; "
                "ln -sf x $out/libexec/docker/runc"
            ),
            ("etc/systemd/system/docker.socket differs", "bin/dockerd differs", "libexec/docker/runc differs"),
        ),
        # The command line links the units of docker_29 only by name.
        Spoiled(
            "lost file, and a copy for a link",
            _installing(
                "rm -r $out/etc/systemd $out/libexec/docker/runc; "
                "cp ${finalAttrs.docker-runc}/bin/runc $out/libexec/docker/"
            ),
            ("etc/systemd/system/docker.socket differs", "libexec/docker/runc differs"),
        ),
        Spoiled(
            "docker that links another wrapper",
            edit(DEMOTED, (LINKS, "${finalAttrs.moby}/bin/dockerd /dockerd-rootless")),
            ("docker's bin/dockerd-rootless is a link to /dockerd-rootless",),
        ),
        Spoiled(
            "docker without the wrapper",
            edit(DEMOTED, (LINKS, "${finalAttrs.moby}/bin/dockerd")),
            ("docker's bin/dockerd-rootless is no link to that of moby",),
        ),
        *(
            Spoiled(
                f"no wrapper: {command}",
                edit(DEMOTED, (SUFFIX, f"{SUFFIX}\n{command} $out/bin/dockerd-rootless")),
                (f"-moby-29.6.1/bin/dockerd-rootless: {said}",),
            )
            for command, said in (
                ("echo >", "no wrapper that can be read"),
                ("ln -sf /etc/passwd", "is a link that leads out of the tree"),
                ("rm", "no such file or directory"),
            )
        ),
        Spoiled(
            "install phase that fails",
            _installing("die 'no sandbox'"),
            ("nix-build: moby-29.6.1 cannot be built: error: no sandbox",),
        ),
        Spoiled(
            "install phase that fails and says nothing",
            _installing("exit 3"),
            ("nix-build: moby-29.6.1 cannot be built: its builder printed nothing",),
        ),
        Spoiled(
            "PATH that a first commit changes",
            edit(LIFTED, (USERS, "".join(reversed(USERS.splitlines(keepends=True))))),
            ("the prefix is 'moby/libexec/docker:",),
            alone=True,
        ),
        Spoiled("file without releases", everywhere("  docker_2", "  podman_2"), said=("exports no docker release",)),
    ),
    "update.sh": (
        *(
            Spoiled(
                f"release that only one stage has: {stage}",
                partial(_one_more, stage),
                ("the block of docker_30 has other values",),
            )
            for stage in (LIFTED, DEMOTED)
        ),
        Spoiled(
            "hash",
            edit(DEMOTED, ("fake/moby/29/6/1", "fake/moby/29/6/2")),
            (
                "an update of docker_29 would change other values: mobyHash = ",
                "the block of docker_29 has other values: mobyHash = ",
            ),
            unsaid=("docker_25",),
        ),
        Spoiled(
            "value that update.sh leaves alone",
            sub(DEMOTED, "fake/tini/0/19/0", "fake/tini/0/19/1"),
            ("the block of docker_29 has other values: tiniHash = ",),
        ),
        Spoiled(
            "version outside of its block",
            edit(
                DEMOTED,
                (VERSION, VERSION.replace('"29.6.1"', "newest")),
                ("\nlet\n", '\nlet\n  newest = "29.6.1";\n\n'),
            ),
            ("the version of docker_29 is read as ''",),
        ),
        # What docker_25 says of docker_29 would be the last word on it, and right by accident.
        Spoiled(
            "blocks that are swapped",
            lambda series: _swapped(
                series.edit(BEFORE, "docker_25 gets no more fixes, docker_29 does", "no more fixes")
            ),
            ("the newest release is read as 'docker_25' instead of 'docker_29'",),
        ),
        Spoiled(
            "release that a comment behind the blocks names",
            sub(DEMOTED, r"\Z", "# next: docker_99\n"),
            ("the newest release is read as 'docker_99' instead of 'docker_29'",),
        ),
        Spoiled(
            "text within a block that would be rewritten",
            edit(DEMOTED, (OLD_RUNC, f'{OLD_RUNC}      # was runcRev = "v1.3.5"\n')),
            ('an update of docker_29 would change other values: runcRev = "v1.3.5"',),
        ),
        Spoiled(
            "release that is lost",
            without_release,
            ("the version of docker_25 is read as ''", "the block of docker_25 has other values"),
        ),
        Spoiled("file without releases", everywhere("  docker_2", "  podman_2"), said=("the file has no release",)),
    ),
}

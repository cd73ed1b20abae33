"""Why a package is built differently, in its own words."""

from typing import Any

import pytest

from tests.judge.test_specimen import (
    ALL,
    CROSS,
    NATIVE,
    NOTES,
    Edits,
    cache,
    judged,
    second,
    shared,
)
from toolkit.judge.differences import Form, Kind, Reason
from toolkit.judge.why import compare
from toolkit.report.reasons import brief, changed_lines, whole

__all__ = ["cache", "shared"]


MINUS = "\N{MINUS SIGN}"


def package(name: str, drv: str = "a") -> dict[str, object]:
    return {
        "name": name,
        "drv": f"/nix/store/{drv * 32}-{name}-1.0.drv",
        "out": f"/nix/store/{drv * 32}-{name}-1.0",
    }


def fetched(url: str, content: str) -> dict[str, object]:
    return {**package("source", content), "urls": [url], "hash": content}


def text(shown: str, *drvs: str) -> dict[str, object]:
    return {
        "text": shown,
        "inputs": [f"!out!{package('zlib', each)['drv']}" for each in drvs],
    }


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        (
            "buildInputs",
            [package("openssl"), package("curl")],
            [package("curl"), package("libressl")],
            "buildInputs \N{MINUS SIGN} openssl + libressl",
        ),
        ("buildInputs", None, [package("curl")], "buildInputs + curl"),
        ("buildInputs", [package("curl")], [package("curl", "b")], "by its input curl"),
        ("configureFlags", ["-a"], ["-a", "--with-x"], "configureFlags + --with-x"),
        (
            "configureFlags",
            ["-a", "-b"],
            ["-b", "-a"],
            "configureFlags has a different order",
        ),
        (
            "configureFlags",
            [text("-L/nix/store/…-zlib-1.0", "a")],
            [text("-L/nix/store/…-zlib-1.0", "b")],
            "by its input zlib",
        ),
        (
            "patches",
            [{"name": "fix.patch", "out": "/nix/store/a"}],
            [{"name": "fix.patch", "out": "/nix/store/b"}],
            "patches: fix.patch has different content",
        ),
        ("patches", None, [{"name": "fix.patch", "out": "x"}], "patches + fix.patch"),
        ("env.FOO", "a", "b", "env.FOO a → b"),
        ("doCheck", None, True, "doCheck + true"),
        ("env", {"FOO": "a"}, {"FOO": "b"}, "env.FOO a → b"),
        (
            "stdenv",
            package("stdenv-linux"),
            package("stdenv-musl"),
            "stdenv \N{MINUS SIGN} stdenv-linux + stdenv-musl",
        ),
        (
            "src",
            fetched("https://a", "a"),
            fetched("https://b", "b"),
            "src.urls https://a → https://b; src.hash a → b",
        ),
        ("outputs", ["out"], ["out", "dev"], "outputs + dev"),
        ("flags", [["-a"], []], [["-a"], ["-b"], None], "flags + -b"),
        ("installPhase", "a\nb\n", "a\nc\n", "installPhase \N{MINUS SIGN} 1 + 1 lines"),
        ("installPhase", "a\nb\n", " a\nb\n", "installPhase differs in white space"),
        (
            "builder",
            text("/nix/store/…-zlib-1.0", "a"),
            text("/nix/store/…-zlib-1.0", "b"),
            "by its input zlib",
        ),
    ],
)
def test_reason_is_told_in_the_words_of_the_package(
    name: str, before: object, after: object, said: str
) -> None:
    one, other = (
        {"version": "1", **({name: value} if value is not None else {})}
        for value in (before, after)
    )
    assert brief(compare(one, other)) == said


def test_what_follows_the_version_is_no_reason() -> None:
    before: dict[str, Any] = {
        "version": "1.0",
        "name": "a-1.0",
        "src": fetched("v1.0", "a"),
        "cargoHash": "sha256-a",
        "x": "y",
    }
    after: dict[str, Any] = {
        "version": "1.1",
        "name": "a-1.1",
        "src": fetched("v1.1", "b"),
        "cargoHash": "sha256-b",
        "x": "z",
    }
    assert brief(compare(before, after)) == "x y → z"
    # Nor are vendored sources, and lines and inputs of a phase with the version.
    source = f"!out!{after['src']['drv']}"
    after = {
        **after,
        "deps": {**package("", "b"), "name": "a-1.1-vendor"},
        "installPhase": {"text": "cp\n1.1", "inputs": [source]},
    }
    before = {
        **before,
        "deps": {**package("", "a"), "name": "a-1.0-vendor"},
        "installPhase": {"text": "cp\n1.0", "inputs": [f"!out!{before['src']['drv']}"]},
    }
    assert brief(compare(before, after)) == "x y → z"


def test_at_most_ten_lines_of_a_phase_are_shown_and_the_rest_is_counted() -> None:
    reason = Reason(
        form=Form.LINES, name="preBuild", added=tuple(f"echo {n}" for n in range(13))
    )
    shown = [*changed_lines([reason])]
    assert (len(shown), shown[-1]) == (11, "preBuild and 3 more lines")
    assert len([*whole([reason])]) == 14


def whys(*steps: Edits, systems: tuple[str, ...] = (NATIVE,)) -> dict[str, str]:
    judgement = judged(*steps, systems=systems) if len(steps) == 1 else second(*steps)
    return {
        f"{each.attribute} {each.system}": brief(each.why)
        for each in judgement.differences
        if each.kind is Kind.DERIVATION
    }


def test_reasons_are_those_of_each_system() -> None:
    edit = (
        "buildInputs = [ curl ];",
        "buildInputs = lib.optional (!stdenv.isAarch64) curl; env.FOO = stdenv.system;",
    )
    assert whys({NOTES: edit}, systems=(NATIVE, CROSS, "aarch64-linux")) == {
        f"notes-server {NATIVE}": "env.FOO + x86_64-linux",
        f"notes-server {CROSS}": "buildInputs \N{MINUS SIGN} curl; env.FOO + aarch64-linux",
        "notes-server aarch64-linux": "buildInputs \N{MINUS SIGN} curl; env.FOO + aarch64-linux",
    }


def test_the_same_package_for_another_platform_has_its_reasons() -> None:
    edit = ("buildInputs = [ curl ];", "buildInputs = lib.optional stdenv.isMusl curl;")
    musl = "  pkgsMusl.notes-server = final.notes-server.overrideAttrs { };\n"
    first: Edits = {
        ALL: ("  docker = final.docker_29;", f"  docker = final.docker_29;\n{musl}"),
        NOTES: ("stdenv,\n", "stdenv,\n  isMusl ? false,\n"),
    }
    then: Edits = {NOTES: (edit[0], edit[1].replace("stdenv.isMusl", "isMusl"))}
    told = f"buildInputs {MINUS} curl"
    assert whys(first, then) == {
        f"notes-server {NATIVE}": told,
        f"pkgsMusl.notes-server {NATIVE}": told,
    }


def test_an_input_is_followed_to_its_own_reason() -> None:
    first: Edits = {NOTES: ("buildInputs = [ curl ]", "buildInputs = [ web-ui ]")}
    then: Edits = {NOTES: ("echo notes", "echo others")}
    name = "notes-server-web-ui"
    assert whys(first, then) == {
        f"notes-server {NATIVE}": (
            f"by its input {name}; {name}: installPhase \N{MINUS SIGN} 1 + 1 lines"
        )
    }

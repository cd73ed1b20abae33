"""The outputs and hashes in the head of a derivation, as Nix writes it."""

import pytest

from toolkit.errors import ToolkitError
from toolkit.nix.derivations import Derivation

OUT = b'("out","/nix/store/a-x","%b","%b")'
REST = b'],[("/nix/store/b-y.drv",["out"])],["/nix/store/c-z.sh"],"x86_64-linux","sh",['


def derivation(*outputs: bytes) -> Derivation:
    return Derivation("x.drv", b"Derive([" + b",".join(outputs) + REST)


def test_derivation_has_outputs_inputs_and_a_hash() -> None:
    plain = derivation(OUT % (b"", b""))
    assert plain.outputs == {"out": "/nix/store/a-x"}
    assert plain.inputs == ("/nix/store/b-y.drv",)
    assert plain.hash == ""
    assert derivation(OUT % (b"r:sha256", b"ab12")).hash == "ab12"


def test_one_hashed_output_makes_a_derivation_fixed() -> None:
    dev = b'("dev","/nix/store/d-x-dev","r:sha256","impure")'
    assert derivation(OUT % (b"", b""), dev).hash == "impure"


@pytest.mark.parametrize(
    "outputs",
    [
        b"",
        b'("out","/nix/store/a-x","r:sha256")',
        OUT % (b"", b"") + b' ("dev","/nix/store/d","r:sha256","ab12")',
        OUT % (b"", b"") + b',("dev","/nix/store/d","r:sha256","ab12","more")',
    ],
)
def test_head_of_another_form_is_refused(outputs: bytes) -> None:
    with pytest.raises(ToolkitError, match=r"^x\.drv: is not a derivation$"):
        derivation(outputs)

"""The Nix code that asks about docker, the stand-ins for all other packages, and what runs inside of its builds."""

from pathlib import Path

EXPRESSIONS = Path(__file__).parent

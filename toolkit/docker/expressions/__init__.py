"""The Nix code about docker: questions, stand-ins and build scripts."""

from pathlib import Path

EXPRESSIONS = Path(__file__).parent

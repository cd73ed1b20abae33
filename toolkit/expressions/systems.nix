# The systems that a nixpkgs knows.
# Argument: `tree`, its absolute path (a string). Result: their names.
{ tree }: (import (/. + tree + "/lib")).systems.doubles.all

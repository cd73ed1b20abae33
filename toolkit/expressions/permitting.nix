# A nixpkgs configuration that lets every package evaluate, whatever its meta says of it.
{
  allowBroken = true;
  allowUnfree = true;
  allowInsecurePredicate = _: true;
  android_sdk.accept_license = true;
  # lib.mkForce [ ]: with nothing that looks for problems, none is an error.
  problems.matchers = {
    _type = "override";
    priority = 50;
    content = [ ];
  };
}

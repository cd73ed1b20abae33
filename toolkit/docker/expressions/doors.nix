# Which overrides of its components reach what a docker package is built of.
#
# ../../expressions/lifted.nix asks the same about any package, and compares the closures of derivations that it writes to
# a store. Here is neither a store nor a package set: stand-ins are around the file, and the texts of its build steps are
# compared. Docker's files have also been given arguments of many forms, which are tried here.
#
# Arguments: `lib`; `plain`, from real.nix, to make replacements of; `guarded`, which makes { error } of a throw.
# Result: a function from docker, the name of a component that it has, and a list of doors, to door → outcome. A door
# is a name of `standard` below, or { parameter, form } for an argument that the file has for it, which is called
# "PARAMETER FORM". The outcome is "works", "does not evaluate", "changes nothing", "does not reach the build", or
# "leaves the replaced package in the build".
#
# A door works where the steps that install moby (for moby itself: docker) name the replacement, docker's name that
# moby, and neither has anything of the replaced package any more.
{
  lib,
  plain,
  guarded,
}:
let
  inherit (builtins)
    any
    filter
    isAttrs
    isString
    listToAttrs
    mapAttrs
    ;
  inherit (import ./contents.nix { inherit lib; }) identity steps whole;

  # Where another package cannot be evaluated as an attribute, one that throws proves nothing: docker has the
  # components as attributes, whatever it is built of.
  standard = {
    override = {
      change =
        docker: component: new:
        docker.override { ${component} = new.package; };
    };
    overrideOld = {
      change =
        docker: component: new:
        docker.override (old: {
          ${component} = new.from (old.${component} or null);
        });
    };
    overrideAttrs = {
      change =
        docker: component: new:
        docker.overrideAttrs (_: {
          ${component} = new.package;
        });
      isAttribute = true;
    };
    overrideAttrsOld = {
      change =
        docker: component: new:
        docker.overrideAttrs (old: {
          ${component} = new.from (old.${component} or null);
        });
      isAttribute = true;
    };
    passthru = {
      change =
        docker: component: new:
        docker.overrideAttrs (old: {
          passthru = old.passthru or { } // {
            ${component} = new.package;
          };
        });
    };
  };

  values = {
    package = new: new.package;
    function = new: new.from;
    attributes = new: new.attributes;
    attributesFunction = new: _: new.attributes;
  };
  byName =
    component: value:
    { ${component} = value; } // { ${builtins.replaceStrings [ "docker-" ] [ "" ] component} = value; };
  forms =
    mapAttrs (_: value: _: value) values
    // {
      setOfPackages = component: new: byName component new.package;
      setOfFunctions = component: new: byName component new.from;
      setOfAttributes = component: new: byName component new.attributes;
      setOfAttributesFunctions = component: new: byName component (_: new.attributes);
      setFunction =
        component: new: _:
        byName component new.package;
      overlay =
        component: new: _: _:
        byName component new.package;
    };

  named =
    door:
    if isString door then
      {
        name = door;
        value = standard.${door};
      }
    else
      {
        name = "${door.parameter} ${door.form}";
        value.change =
          docker: component: new:
          docker.override { ${door.parameter} = forms.${door.form} component new; };
      };
in
docker: component: doors:
let
  old = docker.${component};
  stranger = plain "replacement-of-${component}" { };
  # Outlives what the file does to a replacement, as it does to a component's source.
  attributes = { inherit (stranger) standsFor; };
  isReplacement = package: isAttrs package && package.standsFor or null == stranger.standsFor;

  from =
    package:
    if isAttrs package && package ? overrideAttrs then
      package.overrideAttrs (_: attributes)
    else
      throw "there is no ${component} to be changed";
  another = {
    inherit attributes from;
    package = stranger;
  };
  changed = another // {
    package = from old;
  };
  same = another // {
    package = old;
    from = package: if package == null then throw "there is no ${component}" else package;
  };
  probe = another // {
    package = throw "${component} is used";
    from = _: throw "${component} is used";
  };

  judged =
    docker':
    let
      moby = docker'.moby or null;
      ofDocker = steps docker';
      user = if component == "moby" then ofDocker else steps moby;
      links = strings: package: strings ? ${identity package};
    in
    if identity docker' == identity docker then
      "changes nothing"
    else if
      moby == null
      || !any (links user) (
        filter isReplacement [
          stranger
          (docker'.${component} or null)
        ]
      )
      || component != "moby" && !links ofDocker moby
    then
      "does not reach the build"
    else if links (whole docker') old || links (whole moby) old then
      "leaves the replaced package in the build"
    else
      "works";

  outcome =
    {
      change,
      isAttribute ? false,
    }:
    let
      attempt = new: guarded (judged (change docker component new));
      first = attempt another;
      second = attempt changed;
      unchanged = guarded (identity (change docker component same) == identity docker);
      probed = guarded (identity (change docker component probe));
    in
    if isString first then
      first
    else if isString second then
      second
    else if !isAttribute && unchanged == true && isAttrs probed then
      "works"
    else
      "does not evaluate";
in
mapAttrs (_: outcome) (listToAttrs (map named doors))

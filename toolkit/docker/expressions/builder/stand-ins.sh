# Files that stand for what docker's sources and its components' packages would hold.

# A program that does nothing but tell the PATH that it was started with.
standInProgram() { # file
  mkdir -p "${1%/*}"
  printf '#!%s\nprintf "%%s\\n" "$PATH"\n' "$SHELL" >"$1"
  chmod +x "$1"
}

standInText() { # file, text
  mkdir -p "${1%/*}"
  printf '%s\n' "$2" >"$1"
}

standInComponent() { # directory
  local program
  for program in containerd containerd-shim containerd-shim-runc-v2 ctr docker-proxy dockerd \
    dockerd-rootless runc tini tini-static; do
    standInProgram "$1/bin/$program"
  done
}

# What the install phases of any docker from 20.10 on take from a built source tree.
standInSources() { # directory
  local program
  for program in build/docker docker bundles/dynbinary-daemon/dockerd \
    bundles/dynbinary-daemon/docker-proxy contrib/dockerd-rootless.sh man/md2man-all.sh; do
    standInProgram "$1/$program"
  done
  standInText "$1/contrib/init/systemd/docker.service" 'ExecStart=/usr/bin/dockerd -H fd://'
  standInText "$1/contrib/init/systemd/docker.socket" 'ListenStream=/run/docker.sock'
  standInText "$1/contrib/completion/bash/docker" 'complete docker'
  standInText "$1/contrib/completion/fish/docker.fish" 'complete -c docker'
  standInText "$1/contrib/completion/zsh/_docker" '#compdef docker'
  standInText "$1/man/man1/docker.1" '.TH docker 1'
}

#!/usr/bin/env bash
# Runs all tests on the compiled binary; installs what they need first, where that is possible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bun=node_modules/.bin/bun
"$bun" --version >/dev/null 2>&1 || {
  echo "$bun is missing or does not start: npm install" >&2
  exit 1
}

packages=()
needs() { # PROGRAM PACKAGE…: notes the packages when the program is missing
  command -v "$1" >/dev/null 2>&1 || packages+=("${@:2}")
}
needsFile() { # PATTERN PACKAGE: the same for a file
  compgen -G "$1" >/dev/null || packages+=("$2")
}
needs busybox busybox-static
needs debootstrap debootstrap
needs podman podman
needs ip iproute2
needs ps procps
needs less less
needs vi vim-tiny
needs vim.basic vim
needs tmux tmux
needs dash dash
needs zsh zsh
needs newuidmap uidmap
needs cc gcc libc6-dev
needs aarch64-linux-gnu-as binutils-aarch64-linux-gnu
needs python3 python3
needs perl perl
needs ruby ruby
needs node nodejs
needs javac default-jdk-headless
needs go golang-go
needs git git
needs openssl openssl
needs curl curl
needs ssh-keygen openssh-client
needs strace strace
needs gdb gdb
needs setcap libcap2-bin
needs secilc secilc
needsFile /usr/lib/libnss_extrausers.so.2 libnss-extrausers
# the virtual machine
needs qemu-system-x86_64 qemu-system-x86
needs mkfs.ext4 e2fsprogs
needs lz4 lz4
needs apparmor_parser apparmor
needsFile '/boot/vmlinuz-*-cloud-amd64' linux-image-cloud-amd64
# only in CI: these daemons would run on a developer's machine from then on
if [ "${CI:-}" = true ]; then
  needs nginx nginx-light
  needs redis-server redis-server
  needs pg_ctlcluster postgresql
fi

install() { apt-get install -y -q --no-install-recommends "$@" >/dev/null; }
if ((${#packages[@]} > 0)) && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "installing what the tests need: ${packages[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null || echo "cannot update the lists of packages" >&2
  # A package that this release does not have would keep all the others out: then each is installed on its own. Tests
  # that lack a program afterwards say so, and fail in CI.
  install "${packages[@]}" || for package in "${packages[@]}"; do
    install "$package" || echo "cannot install $package" >&2
  done
fi

"$bun" scripts/build.ts
exec "$bun" scripts/test.ts "$@"

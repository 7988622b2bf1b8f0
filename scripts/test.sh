#!/usr/bin/env bash
# Runs all tests on the compiled binary; installs what they need first, where that is possible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

needs() { # PROGRAM PACKAGE…: notes the packages when the program is missing
  command -v "$1" >/dev/null 2>&1 || packages+=("${@:2}")
}
packages=()
needs busybox busybox-static
needs debootstrap debootstrap
needs ip iproute2
needs ps procps
needs less less
needs vi vim-tiny
needs vim.basic vim
needs tmux tmux
needs dash dash
needs zsh zsh
needs python3 python3
needs cc gcc libc6-dev
needs java default-jre-headless
needs newuidmap uidmap
needs runc runc
needs crun crun
needs podman podman
needs bwrap bubblewrap
needs hyperfine hyperfine
needs go golang-go
needs java default-jre-headless
needs node nodejs
needs qemu-system-x86_64 qemu-system-x86
needs mkfs.ext4 e2fsprogs
needs lz4 lz4
needs apparmor_parser apparmor
needs secilc secilc
needs node nodejs
needs javac default-jdk-headless
needs git git
needs openssl openssl
needs curl curl
needs perl perl
needs ruby ruby
needs ssh-keygen openssh-client
needs strace strace
needs gdb gdb
# only in CI: they would run on a developer's machine from then on
[ "${CI:-}" != true ] || needs nginx nginx-light
[ "${CI:-}" != true ] || needs redis-server redis-server
[ "${CI:-}" != true ] || needs pg_ctlcluster postgresql
compgen -G '/usr/lib/libnss_extrausers.so.2' >/dev/null || packages+=(libnss-extrausers)
needs aarch64-linux-gnu-as binutils-aarch64-linux-gnu
compgen -G '/boot/vmlinuz-*-cloud-amd64' >/dev/null || packages+=(linux-image-cloud-amd64)
if ((${#packages[@]} > 0)) && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "installing what the tests need: ${packages[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null
  # one by one: a package that this release does not have must not keep the others out
  for package in "${packages[@]}"; do
    apt-get install -y -q --no-install-recommends "$package" >/dev/null || echo "cannot install $package" >&2
  done
fi

bun=node_modules/.bin/bun
"$bun" scripts/build.ts
# bunfig.toml has no say in the timeout, and a busy machine needs more than the default of 5 s; a log of CI's is cut where
# it is long, and what failed must not be
exec "$bun" test --timeout 60000 ${CI:+--dots} "$@"

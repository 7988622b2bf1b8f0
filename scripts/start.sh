#!/usr/bin/env bash
# Shows minibox from a fresh clone: builds ./minibox and ubuntu-rootfs, then opens a shell in a container. Where there is no
# terminal for a shell, it runs a few commands in containers instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bun=node_modules/.bin/bun
[ -x "$bun" ] || bun=$(command -v bun) || {
  echo "bun is missing: npm install" >&2
  exit 1
}
isFresh() { # true where nothing that ./minibox is made of is newer than it; a find that fails tells nothing
  local newer
  [ -e minibox ] && newer=$(find src scripts/*.ts scripts/elf package.json -newer minibox -print -quit) && [ -z "$newer" ]
}
isFresh || "$bun" scripts/build.ts

[ -d ubuntu-rootfs ] || scripts/build-rootfs.sh ubuntu-rootfs

as_root=()
if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null; then as_root=(sudo); fi

if [ -t 0 ] && [ -t 1 ]; then
  echo "\$ ${as_root[*]:+sudo }./minibox run ubuntu-rootfs /bin/bash" >&2
  exec "${as_root[@]}" ./minibox run ubuntu-rootfs /bin/bash
fi

tour() { # COMMAND…: runs it in a container, after a line that shows the command
  printf '\n$ minibox run ubuntu-rootfs %s\n' "$*"
  "${as_root[@]}" ./minibox run ubuntu-rootfs "$@" </dev/null
}
tour hostname
tour ps -ef
tour ls /
tour id
tour cat /proc/net/dev
printf '\non a terminal, npm start opens a shell: sudo ./minibox run ubuntu-rootfs /bin/bash\n'

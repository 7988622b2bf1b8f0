#!/usr/bin/env bash
# Builds a root file system in a directory, from whatever this machine has to make one of.
#
# Theory of operation. The root is built in DIR.tmp.PID.RANDOM/rootfs. DIR.tmp.PID.RANDOM, the workshop, is beside DIR,
# so that one rename(2) puts the finished root in place. The workshop also holds `lock` (locked by flock for as long as
# anybody works in it), `container` (the name of a container that must be removed) and, for an instant, `old` (the DIR
# that --force replaces). After a kill -9 a later run can clear everything away with these. The building itself happens
# in a background process group, the worker, because bash runs no trap while it waits for a foreground command; the
# script only waits and cleans up.
set -Eeuo pipefail
trap 'say "line $LINENO: failed with status $?: $BASH_COMMAND"' ERR # set -e alone ends without a message

readonly SELF=${0##*/}
readonly SYSTEM_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mode=auto force='' image=ubuntu suite='' mirror='' target=''
engine_words='' # --engine: one command and its own options
extra_bins=()   # --bin
engine=()       # the docker or podman that check_docker found
workshop='' root='' status=0 reason='' built=''

help() {
  cat <<END
Usage: $SELF [--from SOURCE] [--force] [options] DIR

Builds a root file system in DIR, to run containers on. SOURCE is one of:

  auto         the first of docker (only when the image is already here), host and busybox
               that works, so nothing long is downloaded; says which it took (default)
  docker       an image, pulled when needed, exported through docker or podman
  debootstrap  a minimal Debian or Ubuntu from its archive, with apt inside;
               root only, downloads about 50 MB
  busybox      the static busybox with a link for every applet; the smallest
  host         bash, coreutils, ps, top, grep, sed, awk, less, vi, tar, ip and friends, copied from
               this machine with the libraries they need; a second or two, no download

Options:
  --force          replace DIR if it is not empty; the old one goes once the new one is complete
  --bin A,B,C      host: copy these programs too, by name or absolute path, with all that they read as far as
                   this machine tells: the files of their Debian packages and of those that these need, or
                   the directory that a program is installed in. What does not start in there is named
  --image NAME     docker: the image (default: $image)
  --engine CMD     docker: the command to use, with its own options: --engine "podman --root /srv/c"
  --suite NAME     debootstrap: the release, such as bookworm or jammy (default: this machine's)
  --mirror URL     debootstrap: the archive (default: the one apt here is set up to use)
  -h, --help       this text

Examples:
  $SELF rootfs                                 whatever works here
  $SELF --bin strace,gcc,python3 rootfs        this machine's own tools
  $SELF --from docker --image alpine rootfs    any image
  chroot rootfs /bin/sh                        a look inside, as root

An interrupted run leaves DIR as it was and nothing beside it. Progress goes to stderr.
Exit status: 0 done, 1 failed, 2 used wrongly.
END
}

say() { printf '%s: %s\n' "$SELF" "$*" >&2; }
die() { say "$@"; trap - ERR; exit 1; }
usage() { say "$@"; say "try $SELF --help"; exit 2; }
is_root() { ((EUID == 0)); }

parse() {
  while (($#)); do
    case $1 in
      -h | --help) help; exit ;;
      --force) force=yes; shift ;;
      --from=* | --bin=* | --image=* | --engine=* | --suite=* | --mirror=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
      --from | --bin | --image | --engine | --suite | --mirror)
        [[ ${2:-} ]] || usage "$1 needs a value"
        case $1 in
          --from) mode=$2 ;;
          --bin) IFS=, read -ra more <<<"$2"; extra_bins+=("${more[@]}") ;;
          --image) image=$2 ;;
          --engine) engine_words=$2 ;;
          --suite) suite=$2 ;;
          --mirror) mirror=$2 ;;
        esac
        shift 2 ;;
      --) shift; break ;;
      -*) usage "unknown option: $1" ;;
      *) break ;;
    esac
  done
  (($# == 1)) || usage "one directory expected, $# given"
  [[ $1 ]] || usage 'the name of the directory is empty'
  case $mode in
    auto | docker | debootstrap | busybox | host) ;;
    *) usage "--from $mode: not one of auto, docker, debootstrap, busybox, host" ;;
  esac
  if ((${#extra_bins[@]})); then
    [[ $mode == auto ]] && mode=host
    [[ $mode == host ]] || usage "--bin goes with --from host, not with --from $mode"
  fi
  target=$(realpath -m -- "$1")
}

# ---- the target and the workshop beside it

# mounts_in DIR: every mount point at or under DIR, deepest first.
mounts_in() {
  local path
  while read -r _ _ _ _ path _; do
    printf -v path '%b' "$path" # the kernel writes a blank as \040
    if [[ $path/ == "$1"/* ]]; then printf '%s\n' "$path"; fi
  done </proc/self/mountinfo | sort -r
}

refuse_bad_target() {
  case $target in
    / | /bin | /boot | /dev | /etc | /home | /lib | /lib32 | /lib64 | /libx32 | /media | /mnt | /opt | /proc | /root | \
      /run | /sbin | /srv | /sys | /tmp | /usr | /var | /dev/* | /proc/* | /sys/*)
      die "$target belongs to the system" ;;
  esac
  local inside mounts
  for inside in "$(pwd -P)" "${HOME:-/}" "$(realpath -- "${BASH_SOURCE[0]}")"; do
    [[ $inside/ != "$target"/* ]] || die "$target holds $inside, which must stay"
  done
  mounts=$(mounts_in "$target")
  [[ ! $mounts ]] || die "$target is or holds a mount point (${mounts%%$'\n'*}): unmount it first"
  [[ ! -e $target || -d $target ]] || die "$target is not a directory"
  [[ -d ${target%/*}/ ]] || die "${target%/*}: no such directory"
  [[ -w ${target%/*}/ ]] || die "${target%/*}: no permission to write"
}

refuse_non_empty() {
  [[ -d $target && ! $force ]] || return 0
  [[ -r $target ]] || die "$target: no permission to read"
  [[ -z $(ls -A -- "$target") ]] || die "$target is not empty (--force replaces it)"
}

# Removes the workshops of runs that were killed: the lock of such a workshop is free. Only our own user's are touched,
# because in /tmp anybody can make a directory of that name.
sweep_stale() {
  local stale fd
  for stale in "$target".tmp.*.??????; do
    [[ -d $stale && ! -L $stale && -O $stale ]] || continue
    [[ $stale =~ \.tmp\.([0-9]+)\.[a-z0-9]{6}$ && ! -d /proc/${BASH_REMATCH[1]} ]] || continue
    if [[ -f $stale/lock ]]; then
      exec {fd}<"$stale/lock"
      flock -n "$fd" || { exec {fd}<&-; continue; } # a worker has outlived its script
      exec {fd}<&-
    fi
    say "removing what a killed run left: $stale"
    clear_workshop "$stale"
  done
}

# The variable is set before the directory exists: a signal's trap between the two still finds what to remove.
make_workshop() {
  printf -v workshop '%s.tmp.%d.%06d' "$target" $$ $((RANDOM * RANDOM % 1000000))
  mkdir -m 700 -- "$workshop" || { workshop=''; die "could not make a directory beside $target"; }
  exec {lock}>"$workshop/lock"
  flock -n "$lock"
  root=$workshop/rootfs
}

# clear_workshop DIR: undo everything that a run with the workshop DIR has done, wherever that run ended.
clear_workshop() {
  local mount try
  if [[ -d $1/old && ! -e $target ]]; then
    mv -T -- "$1/old" "$target"
  fi
  remove_container "$1"
  while read -r mount; do
    umount -l -- "$mount" || true
  done < <(mounts_in "$1")
  for try in {1..20}; do # a program that was killed may still write its last file
    if remove_tree "$1"; then return 0; fi # with 0: in a trap, a return without a number returns the status before the trap
    sleep 0.1
  done
  say "could not remove $1"
}

# rm does not cross into other file systems: what is still mounted there must not be deleted.
remove_tree() {
  is_root || chmod -R u+rwX -- "$1" 2>/dev/null || true # a read-only directory in an image
  rm -rf --one-file-system -- "$1" 2>/dev/null
}

# Both renames are on one file system, so DIR is missing only for an instant. Signals are ignored during it.
put_in_place() {
  trap '' INT TERM HUP
  if [[ $force && -d $target ]]; then
    mv -T -- "$target" "$workshop/old"
  fi
  mv -T -- "$root" "$target" || die "could not rename the finished root to $target"
  catch_signals
}

# ---- running and interrupting

catch_signals() {
  local name
  for name in INT TERM HUP; do
    # shellcheck disable=SC2064 # $name is to be expanded now
    trap "interrupted $name" "$name"
  done
  trap clean_up EXIT
}

interrupted() {
  trap '' INT TERM HUP
  say 'interrupted, cleaning up'
  clean_up
  trap - EXIT "$1"
  kill -s "$1" $$ # so that the caller sees which signal ended the script
}

clean_up() {
  trap '' INT TERM HUP
  stop_worker
  [[ ! $workshop ]] || clear_workshop "$workshop"
  workshop=''
}

# TERM comes first because podman must release the locks of its storage. KILL follows because debootstrap, as PID 1 of its
# namespace, ignores TERM. kill -0 also finds dead processes that nobody has reaped yet, so the wait has an end.
stop_worker() {
  local worker try
  worker=$(jobs -rp)
  [[ $worker ]] || return 0
  kill -TERM -- "-$worker" 2>/dev/null || true
  for try in {1..5}; do
    kill -0 -- "-$worker" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$worker" 2>/dev/null || true
  wait "$worker" 2>/dev/null || true
}

# work FUNCTION: run it in a process group of its own, wait for it, and leave its exit status in `status`. Never call `work`
# in an `if` or before `||`: bash then ignores `set -e` in everything that FUNCTION runs.
work() {
  status=0
  set -m
  ("$@") </dev/null >&2 &
  set +m
  wait $! 2>/dev/null || status=$?
}

# ---- docker

engine_candidates() { if [[ $engine_words ]]; then echo "$engine_words"; else printf '%s\n' docker podman; fi; }

# A client without an engine is common: ask for something that only a working one can answer.
check_docker() {
  local words tried=()
  while read -ra words; do
    engine=("${words[@]}")
    if ! type -P "${engine[0]}" >/dev/null; then
      tried+=("${engine[0]} is not installed")
    elif ! timeout 10 "${engine[@]}" ps -q >/dev/null 2>&1; then
      tried+=("${engine[0]} has no working engine")
    elif [[ $mode == auto ]] && ! timeout 10 "${engine[@]}" image inspect "$image" >/dev/null 2>&1; then
      tried+=("${engine[0]} has no image $image here")
    else
      return 0
    fi
  done < <(engine_candidates)
  engine=()
  printf -v reason '%s, ' "${tried[@]}"
  reason=${reason%, }
  return 1
}

build_docker() {
  local name=minibox-rootfs-$$-$RANDOM
  local tar=(tar -x -C "$root" --numeric-owner -p --delay-directory-restore --exclude='dev/*')
  if is_root; then
    tar+=(--same-owner --xattrs --xattrs-include='*') # file capabilities are xattrs
  else
    tar+=(--no-same-owner)
  fi
  say "exporting image $image through ${engine[0]}"
  echo "$name" >"$workshop/container" # before the container exists, so that it can always be removed
  # /bin/sh never runs, but the engine refuses to create a container of an image without a command.
  "${engine[@]}" create --name "$name" "$image" /bin/sh >/dev/null
  "${engine[@]}" export "$name" | "${tar[@]}"
  remove_container "$workshop"
  rm -f "$root/.dockerenv"
}

remove_container() {
  [[ -f $1/container && ! -L $1/container ]] || return 0
  local name words
  name=$(<"$1/container")
  [[ $name =~ ^minibox-rootfs-[0-9]+-[0-9]+$ ]] || return 0
  while read -ra words; do
    timeout 20 "${words[@]}" rm -f "$name" </dev/null >/dev/null 2>&1 || true
  done < <(if ((${#engine[@]})); then echo "${engine[*]}"; else engine_candidates; fi)
  rm -f -- "$1/container"
}

# ---- debootstrap

check_debootstrap() {
  if ! PATH=$PATH:$SYSTEM_PATH type -P debootstrap >/dev/null; then
    reason='debootstrap is not installed: apt-get install debootstrap'
  elif ! is_root; then
    reason='debootstrap needs root: it makes device nodes and runs chroot'
  else
    return 0
  fi
  return 1
}

build_debootstrap() {
  PATH=$PATH:$SYSTEM_PATH
  [[ $suite ]] || suite=$(default_suite)
  [[ $mirror ]] || mirror=$(apt_mirror "$suite")
  adopt_apt_proxy
  require_keyring "$suite"
  # In namespaces of its own, debootstrap's mounts never show on the host, and its processes end when it does.
  local cage=(unshare --mount --pid --fork --kill-child)
  "${cage[@]}" true 2>/dev/null || cage=()
  ((${#cage[@]} == 0)) || ! setpriv --pdeathsig KILL true 2>/dev/null || cage=(setpriv --pdeathsig KILL "${cage[@]}")
  say "debootstrap of $suite from ${mirror:-its usual archive}, a minute or two"
  # exec: --pdeathsig is about the parent process, and that must be this script
  exec "${cage[@]}" debootstrap --force-check-gpg --variant=minbase "$suite" "$root" ${mirror:+"$mirror"}
}

# Prints the host's own suite. Where debootstrap does not know it: a suite of Ubuntu if the archive has it, else Debian's
# stable.
default_suite() {
  local codename candidate known=/usr/share/debootstrap/scripts
  codename=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")
  if [[ $codename && -e $known/$codename ]]; then
    echo "$codename"
    return
  fi
  for candidate in noble jammy; do
    [[ -e $known/$candidate ]] || continue
    if debootstrap --force-check-gpg --variant=minbase --print-debs "$candidate" "$workshop/probe" >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  echo stable
}

# Without the keyring debootstrap would not check signatures, or look for the suite in another archive.
require_keyring() {
  local keyring recipe=/usr/share/debootstrap/scripts/$1
  [[ -e $recipe ]] || die "debootstrap here does not know the suite $1: see ${recipe%/*}"
  keyring=$(sed -n 's/^[[:blank:]]*keyring \([^ ]*\).*/\1/p' "$recipe" | head -n 1)
  [[ ! $keyring || -e $keyring ]] ||
    die "$keyring is not here to check $1 with: apt-get install debian-archive-keyring ubuntu-keyring"
}

# apt_mirror SUITE: prints the archive that apt on this machine gets SUITE from, or nothing. apt is asked, because its own
# settings are spread over many files in several formats.
apt_mirror() {
  apt-get update --print-uris 2>/dev/null | sed -n "s|^'\(https\?://[^']*\)/dists/$1/InRelease'.*|\1|p" | head -n 1 || true
}

adopt_apt_proxy() {
  local proxy=''
  eval "$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null || true)"
  if [[ $proxy && ! ${http_proxy:-} ]]; then export http_proxy=$proxy; fi
}

finish_debootstrap() {
  rm -f "$root/etc/hostname" # a copy of the host's
  rm -f "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin
}

# ---- busybox

check_busybox() {
  local candidate
  reason='busybox is not installed: apt-get install busybox-static'
  for candidate in busybox busybox.static busybox-static; do
    find_program "$candidate" || continue
    is_elf "$REPLY" || continue
    is_dynamic "$REPLY" || return 0
    reason="$REPLY is dynamically linked, a static one is needed: apt-get install busybox-static"
  done
  return 1
}

is_elf() { [[ $(head -c 4 -- "$1" | tr -d '\0') == $'\x7fELF' ]]; }

# ldd fails on a static program, and succeeds on a static PIE but calls it statically linked.
is_dynamic() { local libraries; libraries=$(ldd "$1" 2>/dev/null) && [[ $libraries != *'statically linked'* ]]; }

build_busybox() {
  local busybox applet up
  check_busybox || die "$reason"
  busybox=$REPLY
  say "installing $busybox"
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin}
  cp -L -- "$busybox" "$root/bin/busybox"
  chmod 755 "$root/bin/busybox"
  "$busybox" --list-full >"$workshop/applets" 2>/dev/null || "$busybox" --list | sed 's|^|bin/|' >"$workshop/applets"
  while read -r applet; do
    case $applet in
      bin/busybox) continue ;;
      */*/*) up=../../bin/ ;;
      bin/*) up='' ;;
      */*) up=../bin/ ;;
      *) up=bin/ ;; # linuxrc
    esac
    ln -s -- "${up}busybox" "$root/$applet"
  done <"$workshop/applets"
  write_accounts /bin/sh
}

# ---- host

# The programs that a person expects at a prompt. Those that the host does not have are left out.
programs() {
  cat <<'END'
bash sh dash
[ arch b2sum base32 base64 basename basenc cat chgrp chmod chown chroot cksum comm cp csplit cut date dd df dir
dircolors dirname du echo env expand expr factor false fmt fold groups head hostid id install join link ln logname
ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk pr printenv printf ptx pwd
readlink realpath rm rmdir seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat
stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq unlink users vdir wc
who whoami yes
free kill pgrep pidof pkill pmap ps pwdx sysctl top uptime vmstat w watch
awk gawk mawk cmp diff egrep fgrep find grep less more sed which xargs
bzip2 gunzip gzip tar xz zcat zstd
chrt clear column dmesg fallocate findmnt flock getent getopt hexdump hostname ionice ipcmk ipcrm ipcs lsns mount
mountpoint nsenter prlimit renice reset rev script setpriv setsid taskset tput umount unshare
capsh getcap getpcaps ip ping ss
END
}

readonly EDITORS='vim.tiny nvi vim.nox vim.basic vim vi' # the first becomes vi
readonly TERMINALS='alacritty ansi dumb foot linux rxvt rxvt-unicode rxvt-unicode-256color screen screen-256color tmux
  tmux-256color vt100 vt102 vt220 xterm xterm-256color xterm-color xterm-ghostty xterm-kitty'

check_host() {
  if ! type -P ldd >/dev/null; then
    reason='ldd is not here to tell the libraries of a program'
  elif ! find_program bash && ! find_program sh; then
    reason='this machine has no shell to copy'
  else
    return 0
  fi
  return 1
}

declare -A wanted=() # paths to copy with links followed; the links in their directories are resolved already
declare -A kept=()   # paths to copy as they are: a link stays a link
libraries=()

build_host() {
  say 'copying programs and their libraries from this machine'
  mirror_directory_links
  choose_programs
  choose_libraries
  choose_data
  # One cp copies all. -L puts the real file under the name of the link (/etc/alternatives). With --preserve=links several
  # names of one file become hard links (multi-call programs). cp runs in / because --parents fails on absolute names.
  (cd / && cp -L --parents --preserve=mode,timestamps,links -t "$root" -- "${!wanted[@]}")
  copy_kept
  [[ ! $editor || $editor == /usr/bin/vi ]] || ln -f -- "$root$editor" "$root/usr/bin/vi"
  # The copies get no security updates, so on a shared machine a set-user-ID one would be a way in.
  find "$root" -type f -perm /6000 -exec chmod ug-s {} +
  [[ -e $root/bin/sh ]] || ln -s bash "$root/bin/sh"
  [[ ! $editor ]] || write_vim_defaults "$editor"
  write_accounts "$(if [[ -e $root/bin/bash ]]; then echo /bin/bash; else echo /bin/sh; fi)"
  write_nsswitch
  make_loader_cache
}

# Arranges /bin, /lib and so on as the host has them, merged into /usr or not: paths of loaders and #! lines depend on it.
mirror_directory_links() {
  local dir
  mkdir -p "$root"/{etc,usr/bin}
  for dir in bin sbin lib lib32 lib64 libx32 usr/sbin usr/lib64; do
    [[ -d /$dir ]] || continue
    if [[ -L /$dir ]]; then
      mkdir -p "$root$(realpath -- "/$dir")"
      ln -s -- "$(realpath --relative-to="$(dirname "/$dir")" -- "/$dir")" "$root/$dir"
    else
      mkdir -p "$root/$dir"
    fi
  done
}

# find_program NAME: leaves its path in REPLY. The system's directories are searched before those of PATH, because a
# wrapper in ~/bin is of no use inside.
find_program() {
  local dir dirs
  if [[ $1 == /* ]]; then
    REPLY=$1
    [[ -f $1 && -x $1 ]]
    return
  fi
  IFS=: read -ra dirs <<<"/usr/bin:/bin:/usr/sbin:/sbin:$SYSTEM_PATH:$PATH"
  for dir in "${dirs[@]}"; do
    REPLY=${dir%/}/$1
    [[ $dir == /* && -f $REPLY && -x $REPLY ]] && return
  done
  return 1
}

# canonical PATH: leaves the path in REPLY, with the links in its directory resolved: /bin/ls becomes /usr/bin/ls.
declare -A canonical_dirs=()

canonical() {
  local dir=${1%/*}/
  [[ ${canonical_dirs[$dir]:-} ]] || canonical_dirs[$dir]=$(realpath -- "$dir")
  REPLY=${canonical_dirs[$dir]%/}/${1##*/}
}

# want PATH: note it for the copy, without the leading slash. Leaves its canonical form in REPLY.
want() {
  canonical "$1"
  wanted[${REPLY#/}]=yes
}

choose_programs() {
  local name
  for name in $(programs); do
    if find_program "$name"; then add_program "$REPLY"; fi
  done
  for name in "${extra_bins[@]}"; do
    find_program "$name" || die "--bin $name: no such program here"
    add_program "$REPLY"
    add_whole "$name"
  done
  ((${#packages[@]} == 0)) || keep_packages
  editor=''
  for name in $EDITORS; do
    find_program "$name" || continue
    want "$REPLY"
    editor=$REPLY
    break
  done
}

# add_program PATH: note it for the copy and, where it is a script, its interpreter.
add_program() {
  local first interpreter
  want "$1"
  LC_ALL=C read -r -n 256 first <"$REPLY" 2>/dev/null || true
  [[ ${first:-} == '#!'* ]] || return 0
  read -r interpreter _ <<<"${first#??}"
  [[ $interpreter != /* || $interpreter == "$1" ]] || ! find_program "$interpreter" || add_program "$REPLY"
}

# ---- --bin: a program with all that it reads

declare -A packages=() # the Debian packages that the programs of --bin belong to

# add_whole NAME: note the package or the installation that a program belongs to, given by name or path. A link stays a
# link: gcc and java look for their files beside the file that the link leads to.
add_whole() {
  local path found first words word
  find_program "$1" || return 0
  path=$REPLY
  found=$(owner_of "${path##*/}" "$path")
  while [[ -L $path ]]; do
    keep "$path"
    path=$(readlink -- "$path")
    [[ $path == /* ]] || path=${REPLY%/*}/$path # REPLY is the link's canonical path, from keep
    path=$(realpath -s -- "$path")
    found+=" $(owner_of '' "$path")"
  done
  keep "$path"
  for word in $found; do packages[$word]=yes; done
  [[ ${found// } ]] || keep_installation "$path"
  LC_ALL=C read -r -n 256 first <"$path" 2>/dev/null || true
  if [[ ${first:-} == '#!'* ]]; then
    read -ra words <<<"${first#??}"
    for word in "${words[0]}" $([[ ${words[0]} != */env ]] || echo "${words[1]:-}"); do
      [[ $word == "$1" ]] || add_whole "$word"
    done
  fi
}

# keep PATH: note it for the copy as it is. Leaves its canonical form in REPLY.
keep() {
  canonical "$1"
  kept[${REPLY#/}]=yes
}

# owner_of NAME PATH: prints the Debian package that owns PATH, and the one called NAME: the package python3 has more than
# the package that owns /usr/bin/python3.
owner_of() {
  type -P dpkg-query >/dev/null || return 0
  canonical "$2"
  {
    # a package from before /bin was merged into /usr lists its files in /bin
    dpkg-query -S "$2" "$REPLY" "${REPLY#/usr}" 2>/dev/null | sed -n 's|^\([a-z0-9+.-]*\)[:,].*|\1|p'
    [[ ! $1 ]] || dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$1" 2>/dev/null | sed -n 's/ installed$//p'
  } | sort -u || true # that no package owns the path is no failure
}

# keep_packages: note the files of those packages, and of the installed ones that they depend on or recommend. Essential
# packages are left out unless --bin names a program of theirs: this script makes their part of a root in its own way.
keep_packages() {
  local path
  dpkg-query -W -f '${Package}\t${db:Status-Status}\t${Essential}\t${Provides}\t${Pre-Depends}, ${Depends}, ${Recommends}\n' |
    awk -F '\t' -v seeds="${!packages[*]}" '
      function names(text, out,  n, i) {
        gsub(/\([^)]*\)|\[[^]]*\]|:[a-z0-9]+|[[:blank:]]/, "", text)
        n = split(text, out, /[,|]/)
        return n
      }
      $2 == "installed" {
        needs[$1] = needs[$1] "," $5
        if ($3 == "yes") essential[$1] = 1
        n = names($4, given); for (i = 1; i <= n; i++) providers[given[i]] = providers[given[i]] "," $1
      }
      END {
        n = split(seeds, todo, " ")
        for (i = 1; i <= n; i++) seen[todo[i]] = 1
        for (at = 1; at <= n; at++) {
          if (!(todo[at] in needs)) continue
          print todo[at]
          m = names(needs[todo[at]], wanted)
          for (i = 1; i <= m; i++) {
            k = names(wanted[i] "," providers[wanted[i]], choice)
            for (j = 1; j <= k; j++)
              if ((choice[j] in needs) && !(choice[j] in seen) && !(choice[j] in essential)) {
                seen[choice[j]] = 1
                todo[++n] = choice[j]
              }
          }
        }
      }' >"$workshop/packages"
  while read -r path; do
    case $path in
      /usr/share/doc/* | /usr/share/man/* | /usr/share/info/* | /usr/share/locale/* | /usr/share/lintian/* | /usr/share/bug/*) continue ;;
    esac
    [[ -L $path || ( -f $path && -r $path ) ]] || continue
    keep "$path"
  done < <(xargs dpkg-query -L <"$workshop/packages" 2>/dev/null)
  # the package makes these files when it is installed, so no list has them
  if grep -qx ca-certificates "$workshop/packages"; then keep_tree /etc/ssl/certs; fi
}

# keep_installation PATH: note what belongs to a program that is in no package. Where the program has a directory of its
# own (/opt/jdk/bin/java), that is the directory; else it is what has the program's name beside it
# (/usr/local/lib/python3.12 for /usr/local/bin/python3.12).
keep_installation() {
  local prefix=${1%/*} path
  [[ $prefix == */bin ]] || return 0
  prefix=${prefix%/bin}
  case $prefix in
    '' | /usr | /usr/local)
      for path in "$prefix"/{lib,lib64,libexec,share}/"${1##*/}"*; do
        keep_tree "$path"
      done ;;
    *)
      # a home directory is never taken whole
      [[ ! -d $prefix/lib || $prefix/ =~ ^(/root|/home/[^/]*)/(\.local/)?$ ]] || keep_tree "$prefix" ;;
  esac
}

keep_tree() {
  local path
  while IFS= read -r -d '' path; do
    keep "$path"
    [[ $path != *.so && $path != *.so.* ]] || ours+=("$path")
  done < <(find "$1" \( -type f -o -type l \) -readable -print0 2>/dev/null)
}

ours=() # libraries in such an installation, which may need further libraries

copy_kept() {
  ((${#kept[@]})) || return 0
  printf '%s\0' "${!kept[@]}" | tar -C / --null --no-recursion --verbatim-files-from -T - -cf - | tar -x -p -C "$root"
}

# check_extra_programs: says which program of --bin does not start in the root, with the last line that it printed. A
# program that fails with the same status on the host only does not know --version, so it is not named.
check_extra_programs() {
  local name words status cage=(unshare --mount --pid --fork --mount-proc="$root/proc")
  local run=(env -i PATH="$SYSTEM_PATH" HOME=/root LC_ALL=C.UTF-8 timeout 20)
  is_root || cage+=(--user --map-root-user)
  cage+=(sh -c 'mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"' "$root")
  "${cage[@]}" /bin/sh -c : 2>/dev/null || return 0 # nothing can be tried without namespaces
  for name in "${extra_bins[@]}"; do
    words=(--version)
    [[ ${name##*/} != java ]] || words=(-version)
    status=0
    "${run[@]}" "${cage[@]}" "$name" "${words[@]}" </dev/null >"$workshop/said" 2>&1 || status=$?
    ((status)) || continue
    "${run[@]}" "$name" "${words[@]}" </dev/null >/dev/null 2>&1 || [[ $? != "$status" ]] || continue
    say "$name ${words[0]} ends with status $status in the root: $(tail -n 1 "$workshop/said")"
  done
}

# One ldd looks at all files. Its lines: "libc.so.6 => /lib/libc.so.6 (0x…)", "/lib64/ld-linux.so.2 (0x…)".
choose_libraries() {
  local path
  # ldd gets real paths, because a library path with $ORIGIN means the directory of the file, not of a link to it
  (cd / && realpath -z -- "${!wanted[@]}" "${ours[@]}" | xargs -0 ldd) >"$workshop/ldd" 2>/dev/null || true # ldd fails when one of the files is static or a script
  while read -r path; do
    say "a library was not found here: $path"
  done < <(sed -n 's/^[[:blank:]]*\(.*\) => not found$/\1/p' "$workshop/ldd" | sort -u)
  while read -r path; do
    want "$path"
    libraries+=("$REPLY")
  done < <(sed -n 's|^[[:blank:]]\{1,\}\(.* => \)\{0,1\}\(/.*\) (0x.*|\2|p' "$workshop/ldd" | sort -u)
}

# choose_data: note what programs read at run time: terminal descriptions, the resolver's libraries, the UTF-8 locale.
choose_data() {
  local name dir path
  for name in $TERMINALS ${TERM:-}; do
    for dir in /etc/terminfo /lib/terminfo /usr/share/terminfo; do
      add_data "$dir/${name:0:1}/$name"
    done
  done
  # glibc before 2.34 loads `files` and `dns` as libraries, which are beside libc. So are libpthread and others: they are
  # part of libc since then, but a program that was built for an older glibc still asks for them.
  for path in "${libraries[@]}"; do
    [[ $path == */libc.so.6 ]] || continue
    add_data "${path%/*}/libnss_files.so.2"
    add_data "${path%/*}/libnss_dns.so.2"
    add_data "${path%/*}/libresolv.so.2"
    for name in libpthread.so.0 libdl.so.2 libm.so.6 librt.so.1 libutil.so.1; do add_data "${path%/*}/$name"; done
  done
  for path in /usr/lib/locale/C.utf8/{*,*/*} /etc/os-release /etc/vim/vimrc.tiny; do
    add_data "$path"
  done
}

add_data() {
  if [[ -f $1 ]]; then want "$1"; fi
}

# Without its runtime files vim complains that defaults.vim is missing (E1187), and the original defaults.vim complains of
# the other files. So the root gets a small one.
write_vim_defaults() {
  local version
  version=$("$1" --version 2>/dev/null | sed -n '1s/^VIM - Vi IMproved \([0-9]*\)\.\([0-9]*\).*/\1\2/p')
  [[ $version && ! -e $root/usr/share/vim/vim$version/defaults.vim ]] || return 0
  mkdir -p "$root/usr/share/vim/vim$version"
  echo 'set backspace=indent,eol,start ruler showcmd wildmenu' >"$root/usr/share/vim/vim$version/defaults.vim"
}

# The root gets an nsswitch.conf of its own: the host's may name systemd, sss or ldap, which are not inside.
write_nsswitch() {
  local database
  for database in passwd group shadow services protocols networks; do
    printf '%s: files\n' "$database"
  done >"$root/etc/nsswitch.conf"
  echo 'hosts: files dns' >>"$root/etc/nsswitch.conf"
}

# The loader finds libraries outside its built-in directories only through its cache.
make_loader_cache() {
  local path
  for path in "${libraries[@]}"; do
    echo "${path%/*}"
  done | sort -u >"$root/etc/ld.so.conf"
  PATH=$PATH:$SYSTEM_PATH ldconfig -X -r "$root" 2>/dev/null || say 'no ldconfig: libraries in unusual places will not be found'
}

# ---- every root

# write_accounts SHELL: write the users root (with that shell) and nobody, and the groups; tty is the one that devpts uses.
write_accounts() {
  mkdir -p "$root"/etc "$root"/root
  cat >"$root/etc/passwd" <<END
root:x:0:0:root:/root:$1
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
END
  printf '%s\n' root:x:0: tty:x:5: nogroup:x:65534: >"$root/etc/group"
  # shellcheck disable=SC2016 # the prompt is for the shell inside
  echo 'PS1='\''\u@\h:\w\$ '\' >"$root/root/.bashrc"
}

make_usual_directories() {
  local dir
  for dir in proc sys dev run tmp root home etc mnt opt srv var var/tmp var/log; do
    [[ -e $root/$dir || -L $root/$dir ]] || mkdir "$root/$dir"
  done
  [[ ! -d $root/var || -L $root/var/run ]] || [[ -e $root/var/run ]] || ln -s ../run "$root/var/run"
  chmod 700 "$root/root"
  [[ -L $root/tmp ]] || chmod 1777 "$root/tmp"
  [[ -L $root/var/tmp ]] || chmod 1777 "$root/var/tmp"
  # /etc/hosts has the names of the loopback. minibox also needs the file as a mount point for the container's own.
  [[ -e $root/etc/hosts || -L $root/etc/hosts || -L $root/etc ]] ||
    printf '%s\n' '127.0.0.1 localhost' '::1 localhost ip6-localhost' >"$root/etc/hosts"
}

# build SOURCE: fill a fresh $root; leaves the exit status in `status`.
build() {
  rm -rf -- "$root"
  mkdir -m 755 "$root"
  work "build_$1"
  if ((status == 0)) && declare -F "finish_$1" >/dev/null; then work "finish_$1"; fi
  if ((status == 0)); then work make_usual_directories; fi
  if ((status == 0 && ${#extra_bins[@]})); then work check_extra_programs; fi
  built=$1
}

build_first_that_works() {
  local source
  for source in docker host busybox; do
    if ! "check_$source"; then
      say "auto: not $source: $reason"
      continue
    fi
    say "auto: taking $source"
    build "$source"
    ((status != 0)) || return 0
    say "auto: not $source: its build failed with status $status"
  done
  die 'nothing here makes a root: apt-get install busybox-static, or see --help for --from debootstrap'
}

main() {
  umask 022
  export LC_ALL=C
  unset LD_PRELOAD LD_LIBRARY_PATH CDPATH # ldd must say what a program loads without these
  parse "$@"
  refuse_bad_target
  catch_signals
  sweep_stale # before DIR is looked at: it may bring back the old one
  refuse_non_empty
  make_workshop
  if [[ $mode == auto ]]; then
    build_first_that_works
  else
    "check_$mode" || die "$mode does not work here: $reason"
    build "$mode"
    ((status == 0)) || die "$mode failed with status $status"
  fi
  put_in_place
  clean_up
  say "$target: built from $built, $(du -sh -- "$target" | cut -f 1), $SECONDS s"
}

main "$@"

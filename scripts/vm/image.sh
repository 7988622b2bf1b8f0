#!/usr/bin/env bash
# Builds what every VM run shares and prints its directory: the system disk, the unpacked kernel, the initramfs.
#   image.sh KERNEL CACHE-DIR [systemd]
# The directory's name is the hash of all that went in, so that a changed package, Bun or script makes a new one.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

# In a user namespace where an ordinary user is root, its files are root's in the image, set-uid bits included.
if ((EUID != 0)); then exec unshare --map-root-user "$0" "$@"; fi

kernel=$1 cache=$2 systemd=${3-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
release=${kernel##*/vmlinuz-}

# The guest has whole Debian packages, without their documentation, and the libraries that ldd names for their programs.
# What is not installed on the host is not in the guest either.
packages=(
  apparmor base-passwd bash busybox-static coreutils dash debianutils diffutils file findutils gawk grep gzip hostname
  iproute2 iptables iputils-ping kmod less libc-bin libcap2-bin libmagic-mgc libpam-modules login mawk mount ncurses-base ncurses-bin
  libpython3-stdlib libpython3.11-minimal libpython3.11-stdlib python3-minimal python3.11-minimal
  passwd procps psmisc sed strace tar time tmux uidmap util-linux util-linux-extra vim-tiny
)
# Files that no package lists, such as the links of Debian's alternatives: a link is copied as the file that it leads to.
files=(
  usr/bin/{awk,nawk,pager,vi,which,nc} usr/sbin/iptables
  etc/{ld.so.conf,debian_version,os-release,login.defs,protocols,services}
)
# Directories that are copied whole, with their links as they are.
trees=(usr/share/terminfo lib/terminfo etc/{alternatives,pam.d,security,ld.so.conf.d})

listPackages() { dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package} ${Version}\n' "${packages[@]}" 2>/dev/null | grep '^ii' || true; }
listModules() { # node_modules, without the tools that only a developer's checks need
  (cd "$checkout" && find -H node_modules \( -path '*/@biomejs' -o -path '*/@typescript' -o -path '*/typescript' -o -path '*/.cache' \) -prune -o \
    ! -type d ! -name 'bunx.exe' -printf "$1") 2>/dev/null | sort
}
key=$({ listPackages; listModules '%p %s %T@\n'; stat -c '%n %s %Y' "$kernel"; cat "$here/image.sh" "$here/init.sh"; } | sha256sum | cut -c1-16)

mkdir -p "$cache"
exec {lock}>"$cache/lock"
flock "$lock" # two test files that start at once build one image
if [[ -e $cache/$key/system.img ]]; then
  echo "$cache/$key"
  exit
fi

echo "vm: building the guest's system disk (once per change of its packages)" >&2
stage=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$stage"' EXIT
trap 'exit 130' INT TERM HUP

buildRoot() {
  local root=$stage/root file
  mkdir -p "$root"/{dev,proc,sys,run,tmp,minibox,root,home/user,var/tmp,mnt,opt,etc,usr/{bin,sbin,lib,lib64,local/bin},lib/modules}
  rm -r "$root/lib"
  for file in bin sbin lib lib64; do ln -s "usr/$file" "$root/$file"; done
  ln -s /run "$root/var/run"
  mkdir -p "$root/usr/local/lib/vm/dev"
  ln -s /proc/self/fd "$root/usr/local/lib/vm/dev/fd"
  for file in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${file%:*}" "$root/usr/local/lib/vm/dev/${file#*:}"; done

  mapfile -t installed < <(listPackages | awk '{print $2}')
  {
    dpkg -L "${installed[@]}" | grep -Ev '^/usr/share/(doc|man|locale|info|lintian|bash-completion|bug|common-licenses|menu|applications|icons)(/|$)|^/(var|etc/(init|systemd|cron))' | sed 's|^/||' | sort -u |
      while IFS= read -r file; do if [[ -f /$file ]]; then echo "$file"; fi; done
    for file in "${files[@]}"; do if [[ -f /$file ]]; then echo "$file"; fi; done
  } >"$stage/files"
  # ldd is asked about programs and Python's extension modules, and complains of those that are scripts.
  grep -E '(^|/)s?bin/|lib-dynload/|/security/.*\.so' "$stage/files" | sed 's|^|/|' | { xargs -r ldd 2>/dev/null || true; } |
    sed -nE 's|^.*[[:space:]]/([^ ]+) \(0x.*|\1|p' | sort -u >"$stage/libraries"
  ldd "$checkout/node_modules/.bin/bun" | sed -nE 's|^.*[[:space:]]/([^ ]+) \(0x.*|\1|p' >>"$stage/libraries"
  sort -u "$stage/files" "$stage/libraries" | tar -C / -ch --ignore-failed-read --no-recursion -T - 2>/dev/null | tar -C "$root" -xp --no-same-owner
  tar -C / -c --ignore-failed-read "${trees[@]}" 2>/dev/null | tar -C "$root" -xp --no-same-owner
  cp "$root/usr/bin/busybox" "$stage/busybox"

  # All kernel modules but those of hardware, of which a virtual machine needs a handful.
  tar -C / -c --exclude="lib/modules/$release/kernel/drivers" --exclude="kernel/sound" "lib/modules/$release" | tar -C "$root" -xp --no-same-owner
  (cd / && find "lib/modules/$release/kernel/drivers" \( -path '*/virtio/*' -o -name virtio_console.ko -o -name loop.ko -o -name veth.ko \
    -o -name tun.ko -o -name dummy.ko -o -path '*/block/zram/*' \) | tar -c -T -) | tar -C "$root" -xp --no-same-owner

  mkdir -p "$root/opt/node_modules"
  listModules '%p\n' | tar -C "$checkout" -c -T - | tar -C "$root/opt" -xp --no-same-owner
  ln -s /minibox/node_modules/.bin/bun "$root/usr/local/bin/bun"

  cat >"$root/etc/passwd" <<-END
	root:x:0:0:root:/root:/bin/bash
	daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
	user:x:1000:1000:user:/home/user:/bin/bash
	nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
	END
  printf '%s\n' root:x:0: daemon:x:1: tty:x:5: disk:x:6: user:x:1000: nogroup:x:65534: >"$root/etc/group"
  echo 'user:100000:65536' | tee "$root/etc/subuid" >"$root/etc/subgid"
  printf '127.0.0.1 localhost vm\n::1 localhost\n' >"$root/etc/hosts"
  echo vm >"$root/etc/hostname"
  printf '%s:*:19000:0:99999:7:::\n' root user >"$root/etc/shadow"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
  ln -s /proc/self/mounts "$root/etc/mtab"
  install -m 755 "$here/init.sh" "$root/sbin/vm-init"
  if [[ -n $systemd ]]; then addSystemd "$root"; fi
  cat >"$root/usr/local/bin/as-user" <<-'END'
	#!/bin/sh
	# as-user COMMAND…: the ordinary user, in its session's cgroup
	session=/sys/fs/cgroup/user.slice/user-1000/session
	if [ -d $session ]; then echo $$ >$session/cgroup.procs; fi
	export HOME=/home/user USER=user XDG_RUNTIME_DIR=/run/user/1000
	exec setpriv --reuid 1000 --regid 1000 --init-groups "$@"
	END
  chmod 755 "$root/usr/local/bin/as-user"
  ldconfig -r "$root"

  # The file is sparse, so room to write costs nothing. What is written here is not kept: no journal, no checksums.
  truncate -s 4G "$stage/out/system.img"
  mkfs.ext4 -q -F -O ^has_journal,^metadata_csum,^resize_inode -E lazy_itable_init=1,nodiscard -m 0 -N 65536 -d "$root" "$stage/out/system.img"
}

# systemd and all that its packages need come from the archive: installed on the host, its daemons would run there.
# The packages' maintainer scripts are not run; what they would have made is made below, as far as it matters here.
addSystemd() {
  local root=$1 name package units=$root/usr/lib/systemd/system
  mkdir "$stage/packages"
  apt-get -s install --no-install-recommends -o Dir::State::status=/dev/null systemd libpam-systemd dbus dbus-user-session |
    awk '/^Inst/ && $2 !~ /perl|^(debconf|dpkg|usrmerge|adduser|init-system-helpers|gcc-)/ { print $2 }' >"$stage/names"
  (cd "$stage/packages" && xargs apt-get -qq -o APT::Sandbox::User=root download <"$stage/names" >&2)
  for package in "$stage"/packages/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -C "$root" -xp --no-same-owner --keep-directory-symlink --exclude='./usr/share/'{doc,locale,man}
  done
  echo 'messagebus:x:100:100::/nonexistent:/usr/sbin/nologin' >>"$root/etc/passwd"
  printf '%s\n' messagebus:x:100: systemd-journal:x:101: >>"$root/etc/group"
  echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
  sed -i '/pam_systemd/d; $ a session optional pam_systemd.so' "$root/etc/pam.d/common-session"
  # Of Debian's boot only what a login needs is started: logind, which gives every login a session and starts the user's
  # own systemd. PAM makes no session where logind does not run yet.
  rm -rf "$root"/etc/systemd/{system,user} "$units"/{sysinit,local-fs,multi-user,timers,sockets,graphical,getty}.target.wants
  mkdir -p "$root"/etc/systemd/{system,user} "$units/sockets.target.wants"
  ln -s ../dbus.socket "$units/sockets.target.wants"
  ln -s ../systemd-journald.socket "$units/sockets.target.wants"
  printf '[Unit]\nRequires=basic.target vm.service\nAfter=basic.target\n' >"$units/vm.target"
  printf '[Unit]\nWants=systemd-logind.service\nAfter=basic.target systemd-logind.service\n[Service]\nExecStart=/sbin/vm-init job\nStandardError=null\nStandardOutput=null\nTasksMax=infinity\n' >"$units/vm.service"
}

# The initramfs: busybox and the first steps up to bash on the system disk.
buildInitramfs() {
  local root=$stage/initramfs
  mkdir -p "$root"/{dev,host}
  cp "$stage/busybox" "$root/busybox"
  cat >"$root/init" <<-'END'
	#!/busybox sh
	/busybox mount -t devtmpfs devtmpfs /dev
	until [ -b /dev/nvme0n1 ]; do /busybox usleep 5000; done
	/busybox mount -t ext4 /dev/nvme0n1 /host
	for name in usr bin sbin lib lib64 etc home opt root var; do /busybox ln -s "host/$name" "/$name"; done
	exec /bin/bash /sbin/vm-init
	END
  chmod 755 "$root/init"
  (cd "$root" && find . | "$stage/busybox" cpio -o -H newc 2>/dev/null) >"$stage/out/initramfs"
}

# QEMU can enter an unpacked kernel directly (PVH), which spares the guest the unpacking under emulation.
unpackKernel() {
  local sectors offset length
  sectors=$(od -An -tu1 -j $((0x1f1)) -N1 "$kernel")
  offset=$(od -An -tu4 -j $((0x248)) -N4 "$kernel")
  length=$(od -An -tu4 -j $((0x24c)) -N4 "$kernel")
  set +o pipefail # head stops reading before tail has said it all
  unpack() { tail -c +$(((sectors + 1) * 512 + offset + 1)) "$kernel" | head -c "$1" | "${@:2}" 2>/dev/null; }
  # The payload ends in its unpacked size, four bytes that only gzip expects.
  for tool in 'lz4 -dc' 'xz -dc' 'zstd -dc' 'gzip -dc'; do
    if command -v "${tool%% *}" >/dev/null && unpack $((length - 4)) $tool >"$stage/out/kernel" && [[ $(head -c 4 "$stage/out/kernel" | tail -c 3) == ELF ]]; then return; fi
  done
  cp "$kernel" "$stage/out/kernel"
}

mkdir "$stage/out"
unpackKernel &
unpacking=$!
buildRoot
buildInitramfs
wait "$unpacking" # without its number wait would succeed whatever became of it
find "$cache" -mindepth 1 -maxdepth 1 -type d ! -path "$stage" -exec rm -rf {} + # one generation is enough
mv "$stage/out" "$cache/$key"
echo "$cache/$key"

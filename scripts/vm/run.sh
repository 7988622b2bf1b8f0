#!/usr/bin/env bash
# Runs one command in a virtual machine: Debian's cloud kernel under software emulation, with a choice of cgroup version.
set -euo pipefail

usage() {
  cat <<'END'
usage: run.sh [flags] -- COMMAND [ARG…]
       run.sh [--systemd] --check

Boots a VM, runs COMMAND in it as root with this checkout at /minibox, and exits with COMMAND's status:
124 when it took longer than --timeout, 125 when the VM did not come up. Its stdout and stderr are passed on.

  --cgroup v2|v1|hybrid  what is mounted on /sys/fs/cgroup (v2)
  --systemd              with systemd as init and logind to ask for, on v2 or hybrid; without, PID 1 is a shell script
  --initramfs            run from the initramfs, where pivot_root cannot work; the system disk is then at /host
  --disk-dir DIR[:PATH]  a copy of DIR as a disk of its own, mounted on PATH, else at DIR's place in /minibox,
                         or on /mnt/NAME when DIR is elsewhere; may be repeated
  --cwd PATH             COMMAND's working directory in the guest (this one's place in /minibox)
  --timeout SECONDS      for COMMAND alone (600)
  --memory MiB           the guest's (2048)
  --cpus N               the guest's (2)
  --kernel-flags WORDS   more words on the kernel's command line, such as security=selinux
  --console              the kernel's messages, on stderr, when all is over
  --check                one line that says what the host lacks, exit 1; nothing and exit 0 when all is there

In the guest, `as-user COMMAND…` is uid 1000 with sub-ids and, under v2 without systemd, a delegated cgroup.
END
}
fail() {
  echo "vm: $1" >&2
  exit 125
}

export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
kernel=$(compgen -G '/boot/vmlinuz-*-cloud-amd64' | sort -V | tail -1 || true)

check() {
  local cache=$checkout/.cache/vm${systemd:+-systemd}
  local missing=() pair
  for pair in qemu-system-x86_64:qemu-system-x86 mkfs.ext4:e2fsprogs busybox:busybox-static setpriv:util-linux dpkg-query:dpkg ldd:libc-bin \
    apparmor_parser:apparmor; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair%%:*} (package ${pair##*:})")
  done
  [[ -n $kernel ]] || missing+=('/boot/vmlinuz-*-cloud-amd64 (package linux-image-cloud-amd64)')
  [[ -z $kernel || -d /lib/modules/${kernel##*/vmlinuz-} ]] || missing+=("/lib/modules/${kernel##*/vmlinuz-}")
  [[ -x $checkout/node_modules/.bin/bun ]] || missing+=('node_modules/.bin/bun (npm install)')
  [[ $(uname -m) == x86_64 ]] || missing+=('an x86-64 host')
  [[ -z $systemd || -n $(compgen -G "$cache/*/system.img") ]] || apt-get -qq --print-uris download systemd >/dev/null 2>&1 ||
    missing+=('the package systemd from an archive (apt-get update)')
  if [[ ${#missing[@]} == 0 ]]; then return; fi
  local IFS=,
  echo "the VM needs: ${missing[*]}" | sed 's/,/, /g'
  return 1
}

arguments=("$@")
cgroup=v2 systemd='' initramfs='' disks=() timeout=600 memory=2048 cpus=2 console='' cwd='' moreKernelFlags=''
while (($#)); do
  case $1 in
    --cgroup) cgroup=${2-} && shift ;;
    --systemd) systemd=systemd ;;
    --initramfs) initramfs=1 ;;
    --disk-dir) disks+=("${2-}") && shift ;;
    --cwd) cwd=${2-} && shift ;;
    --timeout) timeout=${2-} && shift ;;
    --memory) memory=${2-} && shift ;;
    --cpus) cpus=${2-} && shift ;;
    --kernel-flags) moreKernelFlags=${2-} && shift ;;
    --console) console=7 ;;
    --check) check && exit || exit 1 ;;
    -h | --help) usage && exit ;;
    --) shift && break ;;
    *) usage >&2 && fail "unknown flag $1" ;;
  esac
  shift || fail 'the last flag lacks its value'
done
(($#)) || { usage >&2 && fail 'no command'; }
[[ $cgroup =~ ^(v1|v2|hybrid)$ ]] || fail "--cgroup $cgroup: one of v1, v2, hybrid"
[[ -z $systemd || ($cgroup != v1 && -z $initramfs) ]] || fail '--systemd goes with cgroup v2 or hybrid, and with a disk'
[[ $timeout =~ ^[0-9]+$ && $memory =~ ^[0-9]+$ && $cpus =~ ^[0-9]+$ ]] || fail '--timeout, --memory and --cpus take whole numbers'
missing=$(check) || fail "$missing"

inGuest() { # where a path of the host is in the guest, if it is in the checkout
  if [[ $1 == "$checkout" || $1 == "$checkout"/* ]]; then echo "/minibox${1#"$checkout"}"; else echo "$2"; fi
}

vm='' tmp=''
cleanUp() {
  trap '' INT TERM HUP
  exec 2>/dev/null # bash would tell of the kill
  if [[ -n $vm ]]; then kill -KILL "$vm" || true; fi
  wait || true # the readers too: what the guest said is out before this ends
  if [[ -n $tmp ]]; then rm -rf "$tmp"; fi
}
trap cleanUp EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

shared=$("$here/image.sh" "$kernel" "$checkout/.cache/vm${systemd:+-systemd}" $systemd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/minibox-vm.XXXXXX")

# Every file is opened here, unlinked before the VM starts and given to QEMU as a descriptor:
# whatever happens from then on, nothing stays behind.
qemuFlags=() disk=0
addDisk() { # FILE [FLAGS]; the namespaces of one NVMe controller, since their numbers are the order of this list
  local readOnly readWrite
  exec {readOnly}<"$1" {readWrite}<>"$1"
  ((++disk))
  qemuFlags+=(-add-fd "fd=$readOnly,set=$disk" -add-fd "fd=$readWrite,set=$disk"
    -drive "if=none,id=disk$disk,format=raw,cache=unsafe,file.locking=off,file.filename=/dev/fdset/$disk${2-}"
    -device "nvme-ns,bus=nvme,drive=disk$disk,nsid=$disk")
}
if ((EUID == 0)); then asRoot=(env); else asRoot=(unshare --map-root-user); fi # so that the files are root's in the guest
makeDisk() { # DIR → an ext4 image of it, with room to write
  local megabytes
  megabytes=$(du -sm --apparent-size "$1" | cut -f1)
  truncate -s "$((megabytes * 5 / 4 + 1024))M" "$tmp/disk"
  "${asRoot[@]}" mkfs.ext4 -q -F -O ^has_journal,^metadata_csum,^resize_inode -E lazy_itable_init=1,nodiscard -m 0 -N 131072 -d "$1" "$tmp/disk"
  addDisk "$tmp/disk"
  rm "$tmp/disk"
}

addDisk "$shared/system.img" ,snapshot=on # writes go to a file that QEMU has already unlinked
mkdir "$tmp/checkout"
tar -C "$checkout" -c --exclude=./.git --exclude=./node_modules --exclude=./.cache --exclude='./*rootfs' . | tar -C "$tmp/checkout" -xp --no-same-owner
makeDisk "$tmp/checkout"
rm -rf "$tmp/checkout"

mountpoints=()
for argument in ${disks[@]+"${disks[@]}"}; do
  directory=${argument%%:*}
  [[ -d $directory ]] || fail "--disk-dir $directory: no such directory"
  directory=$(cd "$directory" && pwd)
  mountpoint=$(inGuest "$directory" "/mnt/${directory##*/}")
  if [[ $argument == *:* ]]; then mountpoint=${argument#*:}; fi
  mountpoints+=("$mountpoint")
done

{
  printf 'CGROUP=%q SYSTEMD=%q CWD=%q\n' "$cgroup" "$systemd" "${cwd:-$(inGuest "$PWD" /minibox)}"
  printf 'MOUNTPOINTS=('
  if ((${#mountpoints[@]})); then printf '%q ' "${mountpoints[@]}"; fi
  printf ')\nCOMMAND=('
  printf '%q ' "$@"
  printf ')\n'
} >"$tmp/job"
printf '%*s\n' $((511 - $(stat -c %s "$tmp/job") % 512)) '' >>"$tmp/job" # whole sectors
addDisk "$tmp/job"
for argument in ${disks[@]+"${disks[@]}"}; do makeDisk "${argument%%:*}"; done

mkfifo "$tmp"/{stdout,stderr,report}
# Jobs in the background ignore ^C, so that output on its way still arrives.
cat "$tmp/stdout" &
cat "$tmp/stderr" >&2 &
exec {consoleLog}>"$tmp/console" {consoleRead}<"$tmp/console"

addPort() { qemuFlags+=(-add-fd "fd=$1,set=$((90 + $1))" -chardev "file,id=$2,path=/dev/fdset/$((90 + $1)),append=on"); }
addPort 3 stdout
addPort 4 stderr
addPort 5 report
addPort 6 console
# The self-tests of the ciphers, the words on the serial port and the mitigations are what costs most under emulation.
kernelFlags="console=ttyS0 loglevel=${console:-5} panic=-1 mitigations=off cryptomgr.notests random.trust_cpu=on tsc=reliable $moreKernelFlags"
if [[ -n $systemd ]]; then
  kernelFlags+=' systemd.unit=vm.target fstab=no systemd.show_status=no systemd.log_level=warning systemd.log_target=console'
  if [[ $cgroup == hybrid ]]; then kernelFlags+=' systemd.unified_cgroup_hierarchy=0'; fi
fi
if [[ -n $initramfs ]]; then
  qemuFlags+=(-initrd "$shared/initramfs")
else
  kernelFlags+=' root=/dev/nvme0n1 rootfstype=ext4 rootwait rw init=/sbin/vm-init'
fi

# PDEATHSIG: a run.sh that is killed by -9 takes its VM with it.
setpriv --pdeathsig KILL qemu-system-x86_64 \
  -M q35 -cpu max -smp "$cpus" -m "$memory" -accel tcg,thread=multi,tb-size=512 \
  -nodefaults -no-user-config -no-reboot -display none -monitor none \
  -kernel "$shared/kernel" -append "$kernelFlags" \
  -device nvme,id=nvme,serial=vm \
  -device virtio-serial-pci -serial chardev:console "${qemuFlags[@]}" \
  -device virtserialport,nr=1,chardev=stdout -device virtserialport,nr=2,chardev=stderr -device virtserialport,nr=3,chardev=report \
  </dev/null 3>"$tmp/stdout" 4>"$tmp/stderr" 5>"$tmp/report" 6>&"$consoleLog" >&6 2>&6 &
vm=$!
exec {report}<"$tmp/report"
rm -rf "$tmp"
tmp=''
exec {consoleLog}>&-

showConsole() { tail -n "$1" <&"$consoleRead" | sed 's/^/vm console: /' >&2; }
answer=''
if ! read -r -t 240 answer <&"$report" || [[ $answer != up ]]; then
  if [[ -n $console ]]; then showConsole +1; else showConsole 40; fi
  if [[ -z ${MINIBOX_VM_AGAIN-} ]]; then
    echo 'vm: the virtual machine did not come up, as happens now and then to an emulated one: trying once more' >&2
    { kill -KILL "$vm" && wait; } 2>/dev/null || true
    MINIBOX_VM_AGAIN=1 exec "$here/run.sh" "${arguments[@]}"
  fi
  fail 'the virtual machine did not come up; above is the end of what its console said (--console: all of it)'
fi
status=125
code=0
read -r -t "$timeout" answer <&"$report" || code=$?
if [[ $answer == exit\ * ]]; then
  status=${answer#exit }
elif ((code > 128)); then
  echo "vm: the command took longer than $timeout s" >&2
  status=124
else
  showConsole 40
  echo 'vm: the virtual machine ended before the command did; above is the end of what its console said' >&2
fi
if [[ -n $console ]]; then showConsole +1; fi
exit "$status"

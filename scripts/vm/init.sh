#!/bin/bash
# PID 1 of the test VM: makes the guest look like a booted Debian, runs the job, reports its status, resets the machine.
# With systemd, that is PID 1 once the file systems are mounted, and this script its unit vm.service, called with "job".
# The job is shell text on the third disk; ports 1, 2 and 3 of the virtio console are stdout, stderr and the report.
# To start a program takes about 40 ms under emulation, hence one `mount -a`, and builtins wherever there are any.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
# A reset is at once, and QEMU's -no-reboot makes it the end.
trap 'echo b >/proc/sysrq-trigger; sleep 60' EXIT

[[ -b /dev/nvme0n1 ]] || mount -t devtmpfs devtmpfs /dev
source /dev/nvme0n3 # CGROUP, SYSTEMD, MOUNTPOINTS, CWD, COMMAND

mountAll() {
  usual='nosuid,nodev,noexec,X-mount.mkdir 0 0'
  {
    echo "proc /proc proc $usual"
    echo "sysfs /sys sysfs $usual"
    echo 'securityfs /sys/kernel/security securityfs nosuid,nodev,noexec 0 0'
    echo 'devpts /dev/pts devpts nosuid,noexec,gid=5,mode=620,ptmxmode=666,X-mount.mkdir 0 0'
    echo 'tmpfs /dev/shm tmpfs nosuid,nodev,X-mount.mkdir 0 0'
    echo 'tmpfs /run tmpfs nosuid,nodev,mode=755,X-mount.mkdir 0 0'
    echo 'tmpfs /tmp tmpfs nosuid,nodev,X-mount.mkdir 0 0'
    echo '/dev/nvme0n2 /minibox ext4 noatime,X-mount.mkdir 0 0'
    echo '/opt/node_modules /minibox/node_modules none bind,X-mount.mkdir 0 0'
    disk=4
    for mountpoint in "${MOUNTPOINTS[@]}"; do
      mountpoint=${mountpoint//\\/\\134}
      echo "/dev/nvme0n$((disk++)) ${mountpoint// /\\040} ext4 noatime,X-mount.mkdir 0 0"
    done
    if [[ -n $SYSTEMD ]]; then :; elif [[ $CGROUP == v2 ]]; then
      echo 'cgroup2 /sys/fs/cgroup cgroup2 nosuid,nodev,noexec,nsdelegate 0 0'
    else
      echo 'tmpfs /sys/fs/cgroup tmpfs nosuid,nodev,noexec,mode=755 0 0'
      for controllers in memory cpu,cpuacct cpuset pids devices freezer blkio; do
        echo "cgroup /sys/fs/cgroup/$controllers cgroup $controllers,$usual"
      done
    fi
    if [[ -z $SYSTEMD && $CGROUP == hybrid ]]; then # as systemd did it for years: the controllers in v1, and a v2 without any
      echo "cgroup2 /sys/fs/cgroup/unified cgroup2 $usual"
      echo "cgroup /sys/fs/cgroup/systemd cgroup none,name=systemd,$usual"
    fi
  } >/etc/fstab
  modprobe -a virtio_pci virtio_console &
  mount -a
  if [[ -d /sys/fs/selinux ]]; then mount -t selinuxfs selinuxfs /sys/fs/selinux; fi
  mount --make-rshared / # as systemd does, so that a mount that leaks from a container is seen to leak
  cp -dR /usr/local/lib/vm/dev/. /dev
  rmdir /minibox/lost+found "${MOUNTPOINTS[@]/%//lost+found}" # mkfs.ext4's, and none of the copied directory's
  ip link set lo up &
  echo vm >/proc/sys/kernel/hostname
}

makeCgroups() {
  if [[ $CGROUP == v2 ]]; then
    all='+cpuset +cpu +io +memory +pids'
    # What `systemd-run --user` has: a subtree that is the user's, and a leaf in it that holds its session.
    delegated=/sys/fs/cgroup/user.slice/user-1000
    mkdir -p $delegated/session
    echo "$all" >/sys/fs/cgroup/cgroup.subtree_control
    echo "$all" >/sys/fs/cgroup/user.slice/cgroup.subtree_control
    delegated="$delegated $(echo {$delegated,$delegated/session}/cgroup.{procs,subtree_control,threads}) $delegated/session"
  else
    delegated=
    ln -s cpu,cpuacct /sys/fs/cgroup/cpu
    ln -s cpu,cpuacct /sys/fs/cgroup/cpuacct
  fi
  mkdir -p -m 700 /run/user/1000
  chown 1000:1000 $delegated /home/user /run/user/1000
}

if [[ $SYSTEMD && $$ == 1 ]]; then
  mountAll
  chown 1000:1000 /home/user
  wait
  exec /lib/systemd/systemd
elif [[ -z $SYSTEMD ]]; then
  mountAll
  makeCgroups
fi

# Pipes between the command and the ports, because a port can be opened only once and programs like to open
# /dev/stderr again. The end of a cat also says that all of its output has left the guest.
mkfifo /run/vm-stdout /run/vm-stderr /run/vm-nap
exec 6<>/run/vm-nap
nap() { read -r -t 0.01 -u 6; }
until [[ -e /dev/vport0p3 ]]; do nap; done
exec 3>/dev/vport0p3
cat /run/vm-stdout >/dev/vport0p1 3>&- 6>&- &
stdout=$!
cat /run/vm-stderr >/dev/vport0p2 3>&- 6>&- &
stderr=$!
exec 4>/run/vm-stdout 5>/run/vm-stderr

echo up >&3
(
  cd "$CWD" >&4 2>&5 || exit 125
  exec "${COMMAND[@]}" </dev/null >&4 2>&5 3>&- 4>&- 5>&- 6>&-
)
status=$?
exec 4>&- 5>&-
# What the command left running ends with it, else it would hold the pipes open; to kill kernel threads is no use or harm.
for process in /proc/[0-9]*; do
  case ${process#/proc/} in 1 | $$ | "$stdout" | "$stderr") ;; *) kill -KILL "${process#/proc/}" ;; esac
done 2>/dev/null
wait $stdout $stderr
echo "exit $status" >&3

// Owns namespaces: unshare(2), setns(2), and what is set up right inside a new one.

import { cstring, encode } from "./bytes.ts";
import { AF_INET, CLONE, IOCTL, SOCK_CLOEXEC, SOCK_DGRAM } from "./constants.ts";
import { close } from "./file.ts";
import { call } from "./libc.ts";

/** unshare(2). @throws SysError */
export const unshare = (flags: number): number => call("unshare", flags);

/** setns(2). @throws SysError */
export const setns = (fd: number, type: number): number => call("setns", fd, type);

/** sethostname(2). @throws SysError */
export function sethostname(name: string): void {
  call("sethostname", name, encode(name).length);
}

/** setdomainname(2). @throws SysError */
export function setdomainname(name: string): void {
  call("setdomainname", name, encode(name).length);
}

/** Brings the loopback interface up in this network namespace (netdevice(7)). @throws SysError */
export function loopbackUp(): void {
  const fd = call("socket", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    // struct ifreq: 16 bytes of name, then short ifr_flags
    const ifreq = new Uint8Array(40);
    ifreq.set(cstring("lo"));
    const IFF_UP = 1;
    ifreq[16] = IFF_UP;
    call("ioctl", fd, IOCTL.SIOCSIFFLAGS, ifreq);
  } finally {
    close(fd);
  }
}

/** OCI's namespace names and the kernel's flags (runtime-spec, config-linux.md "Namespaces"). */
export const NAMESPACE_FLAGS = {
  pid: CLONE.CLONE_NEWPID,
  network: CLONE.CLONE_NEWNET,
  mount: CLONE.CLONE_NEWNS,
  ipc: CLONE.CLONE_NEWIPC,
  uts: CLONE.CLONE_NEWUTS,
  user: CLONE.CLONE_NEWUSER,
  cgroup: CLONE.CLONE_NEWCGROUP,
  time: CLONE.CLONE_NEWTIME,
} as const;

// Owns the contents of a container's /etc/hosts and /etc/hostname (hosts(5), hostname(5)).

import type { OwnFile } from "../sync.ts";
import { O } from "../sys/constants.ts";
import { open, tryReadFile, tryReadFileInRoot, withFd } from "../sys/file.ts";

const HOSTS = "/etc/hosts";

/** The rows that docker writes for the loopback interface. */
const LOOPBACK = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** Both files for a container of this name; with `useHost`, its network is the host's. @throws SysError */
export function nameFiles(rootfs: string, hostname: string, useHost: boolean): OwnFile[] {
  const own = withFd(open(rootfs, O.O_PATH | O.O_DIRECTORY), (root) => tryReadFileInRoot(root, HOSTS));
  const host = useHost ? tryReadFile(HOSTS) : undefined;
  return [
    { path: HOSTS, text: hostsText(own ?? "", host ?? "", hostname), make: true },
    // A rootfs without this file gets none: programs ask the kernel for the host name.
    { path: "/etc/hostname", text: `${hostname}\n`, make: false },
  ];
}

/**
 * The rootfs's own rows, the host's after them, and rows for what is missing: the loopback interface, and the container's
 * name. The name gets 127.0.1.1, which Debian gives to a host without a lasting address. Pure.
 */
export function hostsText(own: string, host: string, hostname: string): string {
  let text = ended(own);
  if (host !== "") {
    const there = new Set(text.split("\n"));
    for (const line of host.split("\n")) if (!there.has(line)) text += `${line}\n`;
  }
  if (!isNamed(text, "localhost")) text = LOOPBACK + text;
  // A blank would make two names of it, and # a comment.
  if (/[\s#]/.test(hostname) || isNamed(text, hostname)) return text;
  const dot = hostname.indexOf(".");
  const short = dot > 0 ? ` ${hostname.slice(0, dot)}` : "";
  return `${text}127.0.1.1\t${hostname}${short}\n`;
}

const ended = (text: string): string => (text === "" || text.endsWith("\n") ? text : `${text}\n`);

/** True where a row has this name for its address. */
function isNamed(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const before = text.slice(text.lastIndexOf("\n", at) + 1, at);
    const after = text[at + name.length] ?? "\n";
    if (/^\s*[^\s#]+\s([^#]*\s)?$/.test(before) && /[\s#]/.test(after)) return true;
  }
  return false;
}

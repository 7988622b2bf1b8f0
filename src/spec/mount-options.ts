// Owns what the options of a mount mean (runtime-spec "mounts", mount(8)).

import { MOUNT_ATTR, MS } from "../sys/constants.ts";

/** True where a mount of this type with these options shows a file or directory of the host. */
export const isBindMount = (type: string | undefined, options: readonly string[]): boolean =>
  type === "bind" || options.includes("bind") || options.includes("rbind");

interface Effect {
  set?: number;
  clear?: number;
  attrSet?: number;
  attrClear?: number;
}

/**
 * For each option the flag of mount(2) that it sets or clears, and the attribute of mount_setattr(2) for the same. Made at
 * the first use: a container with the default mounts alone has none (default-operations.ts).
 */
let OPTIONS: Readonly<Record<string, Effect>> | undefined;

const effects = (): Readonly<Record<string, Effect>> => ({
  ro: { set: MS.MS_RDONLY, attrSet: MOUNT_ATTR.MOUNT_ATTR_RDONLY },
  rw: { clear: MS.MS_RDONLY, attrClear: MOUNT_ATTR.MOUNT_ATTR_RDONLY },
  nosuid: { set: MS.MS_NOSUID, attrSet: MOUNT_ATTR.MOUNT_ATTR_NOSUID },
  suid: { clear: MS.MS_NOSUID, attrClear: MOUNT_ATTR.MOUNT_ATTR_NOSUID },
  nodev: { set: MS.MS_NODEV, attrSet: MOUNT_ATTR.MOUNT_ATTR_NODEV },
  dev: { clear: MS.MS_NODEV, attrClear: MOUNT_ATTR.MOUNT_ATTR_NODEV },
  noexec: { set: MS.MS_NOEXEC, attrSet: MOUNT_ATTR.MOUNT_ATTR_NOEXEC },
  exec: { clear: MS.MS_NOEXEC, attrClear: MOUNT_ATTR.MOUNT_ATTR_NOEXEC },
  nosymfollow: { set: MS.MS_NOSYMFOLLOW, attrSet: MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW },
  symfollow: { clear: MS.MS_NOSYMFOLLOW, attrClear: MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW },
  sync: { set: MS.MS_SYNCHRONOUS },
  async: { clear: MS.MS_SYNCHRONOUS },
  dirsync: { set: MS.MS_DIRSYNC },
  mand: { set: MS.MS_MANDLOCK },
  nomand: { clear: MS.MS_MANDLOCK },
  lazytime: { set: MS.MS_LAZYTIME },
  nolazytime: { clear: MS.MS_LAZYTIME },
  relatime: { set: MS.MS_RELATIME, attrClear: MOUNT_ATTR.MOUNT_ATTR__ATIME },
  strictatime: {
    set: MS.MS_STRICTATIME,
    attrSet: MOUNT_ATTR.MOUNT_ATTR_STRICTATIME,
    attrClear: MOUNT_ATTR.MOUNT_ATTR__ATIME,
  },
  noatime: {
    set: MS.MS_NOATIME,
    attrSet: MOUNT_ATTR.MOUNT_ATTR_NOATIME,
    attrClear: MOUNT_ATTR.MOUNT_ATTR__ATIME,
  },
  nodiratime: { set: MS.MS_NODIRATIME, attrSet: MOUNT_ATTR.MOUNT_ATTR_NODIRATIME },
  diratime: { clear: MS.MS_NODIRATIME, attrClear: MOUNT_ATTR.MOUNT_ATTR_NODIRATIME },
  bind: { set: MS.MS_BIND },
  rbind: { set: MS.MS_BIND | MS.MS_REC },
  defaults: {},
});

const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS.MS_PRIVATE,
  rprivate: MS.MS_PRIVATE | MS.MS_REC,
  slave: MS.MS_SLAVE,
  rslave: MS.MS_SLAVE | MS.MS_REC,
  shared: MS.MS_SHARED,
  rshared: MS.MS_SHARED | MS.MS_REC,
  unbindable: MS.MS_UNBINDABLE,
  runbindable: MS.MS_UNBINDABLE | MS.MS_REC,
};

export interface ParsedOptions {
  flags: number;
  attrSet: number;
  attrClear: number;
  propagation: number;
  /** the options that are none of these: the file system itself reads them */
  data: string;
}

/** Sorts an OCI option list into flags, attributes, propagation and the file system's own data. */
export function parseOptions(options: readonly string[]): ParsedOptions {
  OPTIONS ??= effects();
  const out: ParsedOptions = { flags: 0, attrSet: 0, attrClear: 0, propagation: 0, data: "" };
  const data: string[] = [];
  for (const option of options) {
    if (Object.hasOwn(OPTIONS, option)) {
      const known = OPTIONS[option]!;
      out.flags = (out.flags & ~(known.clear ?? 0)) | (known.set ?? 0);
      out.attrClear |= known.attrClear ?? 0;
      out.attrSet = (out.attrSet & ~(known.attrClear ?? 0)) | (known.attrSet ?? 0);
    } else if (Object.hasOwn(PROPAGATION, option)) out.propagation = PROPAGATION[option]!;
    else data.push(option);
  }
  out.data = data.join(",");
  return out;
}

// Owns decoding a call for a reader: flags by their C names, strings quoted, errno spelled out, as strace(1) does.

import {
  AT_FDCWD,
  CLOSE_RANGE_CLOEXEC,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  O,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
} from "./constants.ts";
import { type Arg, errnoText } from "./errno.ts";
import { RLIMITS } from "./names.ts";
import { namesOf } from "./names-of.ts" with { type: "macro" };
import { literal } from "./printable.ts";

type Decode = (arg: Arg) => string;

/** A bit mask as C writes it: known names joined by |, the rest in hexadecimal. */
function bits(names: Record<string, number>, zero = "0"): Decode {
  return (arg) => {
    let rest = Number(arg);
    if (rest === 0) return zero;
    const out: string[] = [];
    for (const [name, bit] of Object.entries(names))
      if (bit !== 0 && (rest & bit) === bit) {
        out.push(name);
        rest &= ~bit;
      }
    if (rest !== 0) out.push(`0x${(rest >>> 0).toString(16)}`);
    return out.join("|");
  };
}

const octal: Decode = (arg) => (arg === 0 ? "0" : `0${Number(arg).toString(8)}`);

/** Three of them differ between machines. */
const OPEN = {
  ...namesOf("O"),
  O_DIRECT: O.O_DIRECT,
  O_DIRECTORY: O.O_DIRECTORY,
  O_NOFOLLOW: O.O_NOFOLLOW,
};

/** O_RDONLY is 0 and has no bit: it is meant where none of O_WRONLY, O_RDWR and O_PATH is set. */
function openFlags(arg: Arg): string {
  const reads = (Number(arg) & (O.O_WRONLY | O.O_RDWR | O.O_PATH)) === 0;
  const shown = bits(OPEN, "")(arg);
  return reads ? `O_RDONLY${shown && `|${shown}`}` : shown;
}

/** The 64-bit fields of a structure, in order. Their values are below 2^53, or all ones for "unlimited". */
function struct(...fields: [name: string, decode: Decode][]): Decode {
  return (arg) => {
    if (!(arg instanceof Uint8Array) || arg.length < fields.length * 8) return show(arg);
    const view = new DataView(arg.buffer, arg.byteOffset, arg.length);
    const shown = fields.map(
      ([name, decode], i) => `${name}=${decode(Number(view.getBigUint64(8 * i, true)))}`,
    );
    return `{${shown.join(", ")}}`;
  };
}

/** One of several numbers, by its C name. */
function oneOf(names: Record<string, number>, prefix = ""): Decode {
  return (arg) => {
    for (const [name, value] of Object.entries(names)) if (value === arg) return prefix + name;
    return String(arg);
  };
}

const NODES: Record<number, string> = { [S_IFCHR]: "S_IFCHR", [S_IFBLK]: "S_IFBLK", [S_IFIFO]: "S_IFIFO" };
const fileMode: Decode = (arg) => {
  const type = NODES[Number(arg) & S_IFMT];
  return type ? `${type}|${octal(Number(arg) & 0o7777)}` : octal(arg);
};
const device: Decode = (arg) =>
  `makedev(${(Number(arg) >> 8) & 0xfff}, ${(Number(arg) & 0xff) | ((Number(arg) >>> 12) & ~0xff)})`;
const signal = oneOf(namesOf("SIGNALS"), "SIG");
const how = oneOf({ SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK });
const unsigned: Decode = (arg) => (arg === 0xffffffff ? "~0U" : String(arg));
const resource: Decode = (arg) => RLIMITS[Number(arg)] ?? String(arg);
const TREE = { ...namesOf("OPEN_TREE"), ...namesOf("AT") };
const limit: Decode = (arg) => (Number(arg) >= 2 ** 63 ? "RLIM64_INFINITY" : String(arg));
const rlimit = struct(["rlim_cur", limit], ["rlim_max", limit]);

/** How arguments are decoded, by call and place. An argument that is not here is printed as it is. */
const DECODERS: Record<string, Record<number, Decode>> = {
  clone: { 0: bits({ ...namesOf("CLONE"), SIGCHLD: 17 }) },
  unshare: { 0: bits(namesOf("CLONE")) },
  setns: { 1: bits(namesOf("CLONE")) },
  mount: { 3: bits(namesOf("MS")) },
  umount2: { 1: bits(namesOf("UMOUNT")) },
  openat: { 0: atDirectory, 2: openFlags, 3: octal },
  openat2: {
    0: atDirectory,
    2: struct(["flags", openFlags], ["mode", octal], ["resolve", bits(namesOf("RESOLVE"))]),
  },
  mkdirat: { 0: atDirectory, 2: octal },
  mknodat: { 2: fileMode, 3: device },
  fchmodat: { 2: octal },
  readlinkat: { 0: atDirectory },
  unlinkat: { 0: atDirectory, 2: bits(namesOf("AT")) },
  umask: { 0: octal },
  statx: { 0: atDirectory, 2: bits(namesOf("AT")) },
  open_tree: { 0: atDirectory, 2: bits(TREE) },
  move_mount: { 0: atDirectory, 2: atDirectory, 4: bits(namesOf("MOVE_MOUNT")) },
  mount_setattr: {
    2: bits(namesOf("AT")),
    3: struct(
      ["attr_set", bits(namesOf("MOUNT_ATTR"))],
      ["attr_clr", bits(namesOf("MOUNT_ATTR"))],
      ["propagation", bits(namesOf("MS"))],
    ),
  },
  faccessat: { 0: atDirectory },
  fsopen: { 1: bits({ FSOPEN_CLOEXEC }) },
  fsconfig: { 1: oneOf(namesOf("FSCONFIG")) },
  fsmount: { 1: bits({ FSMOUNT_CLOEXEC }), 2: bits(namesOf("MOUNT_ATTR")) },
  ioctl: { 1: oneOf(namesOf("IOCTL")) },
  prctl: { 0: oneOf(namesOf("PR")) },
  fcntl: { 1: oneOf({ F_SETFD, F_GETFL, F_SETFL }) },
  close_range: { 1: unsigned, 2: bits({ CLOSE_RANGE_CLOEXEC }) },
  rt_sigaction: { 0: signal },
  rt_sigprocmask: { 0: how },
  kill: { 1: signal },
  prlimit64: { 1: resource, 2: rlimit },
};

function atDirectory(arg: Arg): string {
  return arg === AT_FDCWD ? "AT_FDCWD" : String(arg);
}

function show(arg: Arg): string {
  if (arg === null) return "NULL";
  if (typeof arg === "number") return String(arg);
  if (typeof arg === "string") return literal(arg);
  return `<${arg.length} bytes>`;
}

/** `mount("proc", "/proc", "proc", MS_NOSUID, NULL) = 0` */
export function formatCall(name: string, args: readonly Arg[], result: number): string {
  const shown = args.map((arg, i) => DECODERS[name]?.[i]?.(arg) ?? show(arg));
  return `${name}(${shown.join(", ")}) = ${result < 0 ? `-1 ${errnoText(-result)}` : result}`;
}

// Owns decoding a call for a reader: flags by their C names, strings quoted, errno spelled out, as strace(1) does.

import { CLONE, MS, O, UMOUNT } from "./constants.ts";
import { type Arg, errnoText } from "./errno.ts";

type Decode = (arg: Arg) => string;

/** A bit mask in C: known names joined by |, the rest in hex. */
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

const octal: Decode = (arg) => `0${Number(arg).toString(8)}`;

/** Which argument of which call means what; everything else prints as it is. */
const DECODERS: Record<string, Record<number, Decode>> = {
  unshare: { 0: bits(CLONE) },
  setns: { 1: bits(CLONE) },
  mount: { 3: bits(MS) },
  umount2: { 1: bits(UMOUNT) },
  openat: { 0: atDirectory, 2: bits(O, "O_RDONLY"), 3: octal },
  mkdirat: { 0: atDirectory, 2: octal },
  mknodat: { 2: octal },
  fchmodat: { 2: octal },
  unlinkat: { 0: atDirectory },
  umask: { 0: octal },
  statx: { 0: atDirectory },
  open_tree: { 0: atDirectory },
};

function atDirectory(arg: Arg): string {
  return arg === -100 ? "AT_FDCWD" : String(arg);
}

function show(arg: Arg): string {
  if (arg === null) return "NULL";
  if (typeof arg === "number") return String(arg);
  if (typeof arg === "string") return JSON.stringify(arg);
  return `<${arg.length} bytes>`;
}

/** `mount("proc", "/proc", "proc", MS_NOSUID, NULL) = 0` */
export function formatCall(name: string, args: readonly Arg[], result: number): string {
  const shown = args.map((arg, i) => DECODERS[name]?.[i]?.(arg) ?? show(arg));
  return `${name}(${shown.join(", ")}) = ${result < 0 ? `-1 ${errnoText(-result)}` : result}`;
}

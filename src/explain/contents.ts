// Owns telling from a file's first bytes what the kernel would take it for: a script, an ELF program, or neither.
// Pure; the bytes are hostile.

import { decode } from "../sys/bytes.ts";

/** BINPRM_BUF_SIZE of linux/binfmts.h: more of a file the kernel does not look at to find out its format. */
export const HEAD_BYTES = 256;

export type Contents =
  | { kind: "empty" }
  | { kind: "elf" }
  /** undefined where the line names nothing that could be found within its 256 bytes */
  | { kind: "script"; interpreter: string | undefined; tooLong: boolean }
  /** text, but for the kernel no script: `why` when its #! is there and not at the very start */
  | { kind: "text"; why: "mark" | "blank" | undefined }
  | { kind: "other"; name: string | undefined };

/** Formats that people try to run, by their first bytes. */
const KNOWN: readonly [bytes: readonly number[], name: string][] = [
  [[0x4d, 0x5a], "a Windows program"],
  [[0xcf, 0xfa, 0xed, 0xfe], "a macOS program"],
  [[0xca, 0xfe, 0xba, 0xbe], "a macOS program or a Java class"],
  [[0x00, 0x61, 0x73, 0x6d], "a WebAssembly module"],
  [[0x1f, 0x8b], "a gzip file"],
  [[0x50, 0x4b, 0x03, 0x04], "a zip archive"],
  [[0x28, 0xb5, 0x2f, 0xfd], "a zstd file"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "an xz file"],
];

const startsWith = (bytes: Uint8Array, start: readonly number[]): boolean =>
  start.every((byte, i) => bytes[i] === byte);

/** `head` is the file's start, at least 256 bytes of it where it has them. */
export function contentsOf(head: Uint8Array): Contents {
  if (head.length === 0) return { kind: "empty" };
  if (startsWith(head, [0x7f, 0x45, 0x4c, 0x46])) return { kind: "elf" };
  if (startsWith(head, [0x23, 0x21])) return scriptOf(head.subarray(0, HEAD_BYTES));
  const known = KNOWN.find(([start]) => startsWith(head, start));
  if (known) return { kind: "other", name: known[1] };
  if (head.includes(0)) return { kind: "other", name: undefined };
  if (startsWith(head, [0xef, 0xbb, 0xbf, 0x23, 0x21])) return { kind: "text", why: "mark" };
  return { kind: "text", why: /^\s+#!/.test(decode(head.subarray(0, HEAD_BYTES))) ? "blank" : undefined };
}

const NEWLINE = 10;
const isBlank = (byte: number): boolean => byte === 32 || byte === 9;

/** The interpreter of a #! line, cut as load_script() of the kernel's fs/binfmt_script.c does. */
function scriptOf(head: Uint8Array): Contents {
  const newline = head.indexOf(NEWLINE);
  const end = newline < 0 ? head.length : newline;
  let start = 2;
  while (start < end && isBlank(head[start]!)) start++;
  let stop = start;
  while (stop < end && !isBlank(head[stop]!) && head[stop] !== 0) stop++;
  // without an end of the line in sight, what was read of a name may be half of it
  const tooLong = newline < 0 && stop > start && stop === HEAD_BYTES;
  const interpreter = stop === start || tooLong ? undefined : decode(head.subarray(start, stop));
  return { kind: "script", interpreter, tooLong };
}

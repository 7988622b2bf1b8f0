// Owns telling from a file's first bytes what the kernel takes it for: a script, an ELF program, or neither. Pure. The
// bytes come from the rootfs and may be hostile.

import { decode } from "../sys/bytes.ts";

/** The kernel looks at this many bytes of a file to find out its format (BINPRM_BUF_SIZE, linux/binfmts.h). */
export const HEAD_BYTES = 256;

export type Contents =
  | { kind: "empty" }
  | { kind: "elf" }
  /** `interpreter` is undefined where the #! line names none, or is `tooLong`: it does not end within 256 bytes */
  | { kind: "script"; interpreter: string | undefined; tooLong: boolean }
  /**
   * text that the kernel takes for no script; `why` says what stands before its #!, a byte order mark or white space
   */
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

/** Returns what a file is. `head` is its start: 256 bytes or more, or the whole of a shorter file. */
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

/** Reads the interpreter of a #! line as the kernel does (load_script() in fs/binfmt_script.c). */
function scriptOf(head: Uint8Array): Contents {
  const newline = head.indexOf(NEWLINE);
  const end = newline < 0 ? head.length : newline;
  let start = 2;
  while (start < end && isBlank(head[start]!)) start++;
  let stop = start;
  while (stop < end && !isBlank(head[stop]!) && head[stop] !== 0) stop++;
  // where the line does not end within the bytes, the name that was read may be incomplete
  const tooLong = newline < 0 && stop > start && stop === HEAD_BYTES;
  const interpreter = stop === start || tooLong ? undefined : decode(head.subarray(start, stop));
  return { kind: "script", interpreter, tooLong };
}

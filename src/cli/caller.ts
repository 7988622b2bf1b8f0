// Owns what the caller hands us: words, environment, directory. Bun shows argv and environment as text, in which a
// byte that is not UTF-8 has become U+FFFD; where that shows, the kernel's own copy is read.

import { splitNul } from "../sys/bytes.ts";
import { readlink, tryGetcwd } from "../sys/directory.ts";
import { readFileBytes } from "../sys/file.ts";

const REPLACEMENT = "\ufffd";
const NO_LIMIT = 1 << 30;

/** The words after the program's name, byte for byte (bytes.ts says how). */
export function callerWords(): string[] {
  const words = process.argv.slice(2);
  for (const word of words)
    if (word.includes(REPLACEMENT)) return splitNul(readFileBytes("/proc/self/cmdline", NO_LIMIT)).slice(1);
  return words;
}

/** A variable of the caller's, byte for byte; undefined where it is not set. */
export function environmentVariable(name: string): string | undefined {
  const value = process.env[name];
  // the runtime does not get to see BUN_JSC_… (scripts/elf/guard.ts)
  const isComplete = value === undefined ? !name.startsWith("BUN_JSC_") : !value.includes(REPLACEMENT);
  if (isComplete) return value;
  const entries = splitNul(readFileBytes("/proc/self/environ", NO_LIMIT));
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The caller's working directory, as the kernel has it: PWD could say anything. "" where it was deleted. */
export function workingDirectory(): string {
  const path = readlink("/proc/self/cwd");
  if (!path.endsWith(" (deleted)")) return path;
  // a directory's own name may end in " (deleted)", so the kernel is asked
  return typeof tryGetcwd() === "number" ? "" : path;
}

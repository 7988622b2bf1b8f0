// Owns what the caller hands to minibox: words, environment, directory. Bun decodes argv and environment as UTF-8, so a
// byte that is none becomes U+FFFD. Where a U+FFFD shows, the kernel's copy in /proc/self is read instead.

import { splitNul } from "../sys/bytes.ts";
import { readlink, tryGetcwd } from "../sys/directory.ts";
import { readFileBytes } from "../sys/file.ts";

const REPLACEMENT = "\ufffd";

/** The words after the program's name, byte for byte (bytes.ts says how). */
export function callerWords(): string[] {
  const words = process.argv.slice(2);
  for (const word of words)
    if (word.includes(REPLACEMENT)) return splitNul(readFileBytes("/proc/self/cmdline")).slice(1);
  return words;
}

/** The value of an environment variable, byte for byte; undefined where it is not set. */
export function environmentVariable(name: string): string | undefined {
  const value = process.env[name];
  // the runtime does not get to see BUN_JSC_… (scripts/elf/guard.ts)
  const isComplete = value === undefined ? !name.startsWith("BUN_JSC_") : !value.includes(REPLACEMENT);
  if (isComplete) return value;
  const entries = splitNul(readFileBytes("/proc/self/environ"));
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The working directory, as the kernel has it, for the variable PWD may be wrong; "" where it was deleted. */
export function workingDirectory(): string {
  const path = readlink("/proc/self/cwd");
  if (!path.endsWith(" (deleted)")) return path;
  // a directory's name may itself end in " (deleted)": getcwd(2) fails only where the directory was deleted
  return typeof tryGetcwd() === "number" ? "" : path;
}

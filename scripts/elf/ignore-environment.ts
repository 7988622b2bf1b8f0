// Owns hiding variables of the caller's environment from the executable. Bun reads them before any code of minibox runs,
// and they turn it into something else: into the bun command line (BUN_BE_BUN), into a program with other arguments
// (BUN_OPTIONS) or with a debugger (BUN_INSPECT…), into one that prints what its allocator does (MIMALLOC_VERBOSE…).
// BUN_JSC_… is what the guard takes out of the environment (guard.ts).

import type { Executable } from "./executable.ts";

const NAMES = ["BUN_BE_BUN", "BUN_OPTIONS", "BUN_INSPECT", "JSC_SIGNAL_FOR_GC", "mimalloc"];

/**
 * Replaces the first letter of each such name in the executable by the byte 1, so that Bun looks for a variable that
 * nobody sets. @throws Error where a name is not there any more
 */
export function ignoreEnvironment({ bytes }: Executable): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const name of NAMES) {
    let at = text.indexOf(name);
    if (at < 0)
      throw new Error(`the executable does not know ${name}: look anew at what its environment can do`);
    for (; at >= 0; at = text.indexOf(name, at + 1)) text[at] = 1;
  }
}

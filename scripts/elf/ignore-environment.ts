// Owns hiding variables of the caller's environment from the executable. Bun reads them before any code of minibox runs,
// and they turn it into something else: into the bun command line (BUN_BE_BUN), into a program with other arguments
// (BUN_OPTIONS) or with a debugger (BUN_INSPECT…), into one that ends with the process that started it
// (BUN_FEATURE_FLAG_NO_ORPHANS, which `bun test` and `bun run` can set for all that they start), that writes files
// (BUN_BYTECODE_ORDER_OUT) or prints what its allocator does (MIMALLOC_VERBOSE…).

import type { Executable } from "./executable.ts";

/** Names that are hidden wherever they are in the executable. */
const NAMES = ["BUN_INSPECT", "JSC_SIGNAL_FOR_GC", "mimalloc"];

/**
 * Each name that begins with BUN_ is hidden, but for BUN_JSC_…, which the guard takes out of the environment (guard.ts), for
 * BUN_FFI_…, which are no variables, and for names in JavaScript, which minibox does not run: a byte in front tells these.
 */
const OF_BUN = /(?<![.`'"])BUN_(?!JSC_|FFI_)[A-Z]/g;

/** Fewer places than this are not what the executable was made of when this was written (some 190). */
const EXPECTED = 100;

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
  let count = 0;
  for (const { index } of text.toString("latin1").matchAll(OF_BUN)) {
    text[index] = 1;
    count++;
  }
  if (count < EXPECTED)
    throw new Error(
      `the executable has ${count} names of variables: look anew at what its environment can do`,
    );
}

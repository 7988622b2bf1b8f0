// Owns making the executable deaf to variables by which a caller's environment turns it into something else: into the
// bun command line (BUN_BE_BUN), with other arguments (BUN_OPTIONS), with a debugger (BUN_INSPECT…), with messages of
// its allocator (MIMALLOC_VERBOSE…). They are read before any of our code runs. BUN_JSC_… are the guard's (guard.ts).

const NAMES = ["BUN_BE_BUN", "BUN_OPTIONS", "BUN_INSPECT", "JSC_SIGNAL_FOR_GC", "mimalloc"];

/** Puts the byte 1 in place of the first letter of each such name. Throws where one is not there any more. */
export function ignoreEnvironment(executable: Uint8Array): void {
  const bytes = Buffer.from(executable.buffer, executable.byteOffset, executable.byteLength);
  for (const name of NAMES) {
    let at = bytes.indexOf(name);
    if (at < 0)
      throw new Error(`the executable does not know ${name}: look anew at what its environment can do`);
    for (; at >= 0; at = bytes.indexOf(name, at + 1)) bytes[at] = 1;
  }
}

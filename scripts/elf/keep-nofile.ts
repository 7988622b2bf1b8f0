// Owns keeping the caller's limit of open files. Bun raises its soft RLIMIT_NOFILE to the hard one before any code of
// minibox runs, and the old value, which the container is to have, would be lost. The executable's import of setrlimit
// becomes one of getrlimit, which takes the same arguments and only overwrites a structure that Bun does not read again
// (getrlimit(2)).

import type { Executable } from "./executable.ts";

/** Names the imported symbol `setrlimit` `getrlimit`. @throws Error where the executable does not import both */
export function keepNofile(file: Executable): void {
  // a symbol's first word, st_name, says where its name is
  file.put32(file.importedSymbol("setrlimit"), file.u32(file.importedSymbol("getrlimit")));
}

// Owns the choice between the two programs in this one file: the container's first process, and the command line. The
// order is for speed. A first import() costs 0.9 ms and code that is only there costs time too, so the child's code is
// imported statically, and the command line's only after the child of a plain `run` was spawned: it loads meanwhile.

import { child } from "./child/index.ts";
import { enterUserNamespace } from "./child/userns.ts";
import { commandAt } from "./cli/global-flags.ts";
import { beginAtOnce } from "./container/begin.ts";

const [, , command, socket] = process.argv;
if (command === "child") child(Number(socket));
else if (command === "userns") enterUserNamespace(Number(socket));
else {
  const words = process.argv.slice(2);
  const starting = beginAtOnce(words.slice(commandAt(words)));
  // main() reports its own errors: what is left is a host without the memory or the stack to load it (scripts/elf/guard.ts)
  import("./cli/index.ts").then(({ main }) => main(starting)).catch(() => process.abort());
}

// Owns which program this process is: a container's first process (`child`), the process that makes a user namespace
// (`userns`), or the command line. The order is for speed. A first import() takes 0.2 to 0.3 ms, as long as all of the
// child's code takes to load, so that is imported statically. The command line's code is loaded while the child of a plain
// `run`, already spawned, starts up.

import { feature } from "bun:bundle";
import { child } from "./child/index.ts";
import { enterUserNamespace } from "./child/userns.ts";
import { beginAtOnce } from "./cli/at-once.ts";
import { stamp } from "./sys/phases.ts";

const [, , command, socket] = process.argv;
if (command === "child") child(Number(socket));
else if (command === "userns") enterUserNamespace(Number(socket));
else {
  if (feature("PHASES")) stamp("spawn");
  const starting = beginAtOnce(process.argv.slice(2));
  if (feature("PHASES")) stamp("modules");
  // main() reports its own errors. Only loading its code can fail here, for want of memory or stack
  // (scripts/elf/guard.ts).
  import("./cli/index.ts").then(({ main }) => main(starting)).catch(() => process.abort());
}

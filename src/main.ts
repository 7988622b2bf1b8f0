// Owns the choice between the two programs in this one file: the container's first process, and the command line. The
// order is for speed. A first import() costs 0.9 ms and code that is only there costs time too, so the child's code is
// imported statically, and the command line's only after the child of a plain `run` was spawned: it loads meanwhile.

import { child } from "./child/index.ts";
import { begin, type Starting } from "./container/begin.ts";
import { geteuid } from "./sys/process.ts";

/** Words with which a run starts otherwise, or not at all. */
const NOT_AT_ONCE = ["--trace", "--help", "-h", "--userns", "--uidmap", "--gidmap"];

/** Spawns the child of a run that will most likely need it; undefined where the command line shall decide. */
function beginAtOnce(words: readonly string[]): Starting | undefined {
  if (words[2] !== "run" || words.length < 5 || geteuid() !== 0) return undefined;
  for (const word of words) for (const other of NOT_AT_ONCE) if (word.startsWith(other)) return undefined;
  try {
    return begin();
  } catch {
    return undefined; // the second try says why
  }
}

if (process.argv[2] === "child") child(Number(process.argv[3]));
else {
  const starting = beginAtOnce(process.argv);
  import("./cli/index.ts").then(({ main }) => main(starting));
}

// Owns the choice between the two programs in this one file: the command line, and the container's first process.
// Both are imported statically: a first import() costs every start 0.9 ms, their code together 0.1 ms. What a plain
// run does not need (help, trace, explanations) is imported where it is used.

import { child } from "./child/index.ts";
import { main } from "./cli/index.ts";

if (process.argv[2] === "child") child(Number(process.argv[3]));
else main();

// Owns the build: src/main.ts to the one executable ./minibox.

import { $ } from "bun";

const outfile = process.argv[2] ?? "minibox";
// --splitting with ESM: what a run does not need is not loaded. No JIT: a container's start is over before it would
// pay, and without its thread the process is single-threaded. No autoload: a bunfig.toml or .env in the caller's
// directory would otherwise run code as root.
await $`${process.execPath} build src/main.ts --compile --bytecode --minify --format=esm --splitting --compile-jit-policy=1000000 --no-compile-autoload-bunfig --no-compile-autoload-dotenv --outfile ${outfile}`.quiet();

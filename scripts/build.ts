// Owns the build: src/main.ts to the one executable ./minibox (or the path given, for the --target given; or of another
// source, which the benchmark has).

import { closeSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { $ } from "bun";
import { alignSegments } from "./align-elf.ts";
import { guard } from "./guard.ts";
import { ignoreEnvironment } from "./ignore-environment.ts";
import { keepNofile } from "./keep-nofile.ts";
import { reserveLess } from "./reserve-less.ts";

const outfile = process.argv[2] ?? "minibox";
const target = process.argv[3] ? [`--target=${process.argv[3]}`] : [];
const source = process.argv[4] ?? "src/main.ts";
const made = `${outfile}.${process.pid}`;

// --splitting with ESM: what a run does not need is not loaded. No JIT: a container's start is over before it would
// pay, and without its thread the process is single-threaded. No autoload: a bunfig.toml or .env in the caller's
// directory would otherwise run code as root.
const flags =
  "--compile --bytecode --minify --format=esm --splitting --compile-jit-policy=1000000 --no-compile-autoload-bunfig --no-compile-autoload-dotenv".split(
    " ",
  );
await $`${process.execPath} build ${source} ${flags} ${target} --outfile ${made}`.quiet();
const aligned = alignSegments(await Bun.file(made).bytes());
unlinkSync(made);
keepNofile(aligned);
ignoreEnvironment(aligned);
reserveLess(aligned);
guard(aligned);
// in one write: that is how the page cache comes to hold it in large pieces
const fd = openSync(made, "w", 0o755);
writeSync(fd, aligned);
closeSync(fd);
// renamed into place: a container that runs from the old one keeps it
renameSync(made, outfile);

// Owns the ways in which minibox starts its processes, for tests that expect the same of each way.

import { execute, type Result, RUN, rootfs } from "./minibox.ts";
import { type Place, userWords } from "./user.ts";

/**
 * The name of each way, and the words of its run up to the command. An ordinary user's run has -q: other tests hold what
 * it says about ids.
 */
export const SHAPES: [string, (place: Place) => string[]][] = [
  ["root", () => [...RUN, rootfs("busybox")]],
  ["root with an init", () => [...RUN, "--init", rootfs("busybox")]],
  ["root with a user namespace", () => [...RUN, "--userns", "100000:100000:65536", rootfs("busybox")]],
  ["an ordinary user", (place) => userWords([place.minibox, "run", "-q", place.rootfs])],
];

/** A command, and the result of a run of it. */
export const COMMAND = ["/bin/sh", "-c", "echo ran; exit 7"];
export const RAN = { status: 7, stdout: "ran\n", stderr: "" };

/** Runs a line in a shell, which then executes the words in its own place. */
export const inShell = (before: string, words: readonly string[]): Promise<Result> =>
  execute(["bash", "-c", `${before}; exec "$@"`, "bash", ...words], { cwd: "/" });

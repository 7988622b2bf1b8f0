// Owns the ways in which minibox's processes start, for tests that want the same of all of them.

import { execute, type Result, RUN, rootfs } from "./minibox.ts";
import { type Place, userWords } from "./user.ts";

/**
 * Their names, and the words of a run but for the command: each is another sequence of starts of the runtime. What is
 * noted of ids belongs to other tests.
 */
export const SHAPES: [string, (place: Place) => string[]][] = [
  ["root", () => [...RUN, rootfs("busybox")]],
  ["root with an init", () => [...RUN, "--init", rootfs("busybox")]],
  ["root with a user namespace", () => [...RUN, "--userns", "100000:100000:65536", rootfs("busybox")]],
  ["an ordinary user", (place) => userWords([place.minibox, "run", "-q", place.rootfs])],
];

/** A command, and how a run of it ends. */
export const COMMAND = ["/bin/sh", "-c", "echo ran; exit 7"];
export const RAN = { status: 7, stdout: "ran\n", stderr: "" };

/** Runs the words in place of a shell that has done something before. */
export const inShell = (before: string, words: readonly string[]): Promise<Result> =>
  execute(["bash", "-c", `${before}; exec "$@"`, "bash", ...words], { cwd: "/" });

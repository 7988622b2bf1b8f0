// Owns why a command without a slash cannot be executed: which file on the PATH it stands for, or why there is none.

import { affordable } from "./budget.ts";
import {
  deeperRoot,
  didYouMean,
  isOnHost,
  isProgram,
  joinHints,
  nearestIn,
  ON_HOST,
  offThePath,
  otherShell,
  pathVariable,
  searchedFor,
} from "./names.ts";
import { NOT_FOUND, type Place, type Reason, shown } from "./place.ts";
import { isRegular, walk } from "./walk.ts";

/**
 * Returns the path on the PATH that a command stands for: the first regular file, else the first of anything else, else
 * the first symbolic link that leads to nothing.
 */
export function foundOnPath(place: Place, command: string): string | undefined {
  if (command === "") return undefined; // an empty name would find each directory itself
  const walks = searchedFor(place.spec.process.env).map((directory) => {
    const path = `${directory}/${command}`;
    return { path, walked: walk(place, path) };
  });
  const there = walks.filter(({ walked }) => walked.end === "found");
  const chosen =
    there.find(({ walked }) => isRegular(walked.stat)) ??
    there[0] ??
    walks.find(({ walked }) => isNamed(walked.links.at(-1)?.path, command));
  return chosen?.path;
}

const isNamed = (link: string | undefined, command: string): boolean =>
  link?.endsWith(`/${command}`) ?? false;

/** Returns a hint for a whole command line that was given as one word: "ls -l". */
export function oneWord(place: Place, command: string): string | undefined {
  const [first = "", ...others] = command.split(/\s+/);
  if (others.length === 0 || first === "") return undefined;
  if (first.includes("/") ? !isProgram(place, first) : !foundOnPath(place, first)) return undefined;
  return `it is one word with blanks in it: give ${shown(first)} and its arguments as separate words`;
}

/** Commands that are built into a shell, and have no file. */
const BUILTINS = new Set([
  "alias",
  "cd",
  "eval",
  "exec",
  "exit",
  "export",
  "set",
  "source",
  "ulimit",
  "umask",
]);

/** Returns why a command is not found on the PATH. */
export function notOnPath(place: Place, command: string): Reason {
  if (command === "")
    return {
      what: "the command is an empty string",
      status: NOT_FOUND,
      hint: "is a variable of the calling script not set? the command follows the rootfs: /bin/sh",
    };
  const { env, cwd } = place.spec.process;
  const directories = searchedFor(env);
  return {
    what: notFoundWords(pathVariable(env), directories, cwd),
    status: NOT_FOUND,
    hint: affordable(() => notOnPathHint(place, command, directories)),
  };
}

function notOnPathHint(place: Place, command: string, directories: readonly string[]): string | undefined {
  const outside = offThePath(place, command);
  return joinHints(
    command.startsWith("-")
      ? "it follows the rootfs, so it is the command: flags of minibox's come before the rootfs"
      : undefined,
    outside && `it is ${shown(outside)}, in a directory that the PATH leaves out`,
    !outside && isProgram(place, `./${command}`) ? didYouMean(`./${command}`) : undefined,
    oneWord(place, command),
    BUILTINS.has(command) ? "it is built into the shell: /bin/sh -c '…'" : undefined,
    outside ? undefined : didYouMean(nearestIn(place, command, directories) ?? otherShell(place, command)),
    directories.some((directory) => isOnHost(`${directory}/${command}`)) ? ON_HOST : undefined,
    deeperRoot(place),
  );
}

function notFoundWords(path: string | undefined, directories: readonly string[], cwd: string): string {
  if (path === "")
    return `not found: PATH is empty, so only the working directory ${shown(cwd)} was searched`;
  const list = shown(directories.join(":"));
  return path === undefined ? `not found in ${list} (PATH is not set)` : `not found on the PATH ${list}`;
}

// Owns what a waiting supervisor costs: its own program's text and constants need not stay in memory meanwhile.

import { readFile, readlink } from "../sys/file.ts";
import { attempt, untraced } from "../sys/libc.ts";

const MADV_DONTNEED = 4;
const NO_LIMIT = 1 << 30;

/**
 * Gives back the pages of the executable that are mapped read-only (madvise(2)): they are the page cache's, and come
 * back by themselves, one fault each, when the wait ends. Most of what this process has resident are those.
 */
export function trimMemory(): void {
  untraced(() => {
    const own = readlink("/proc/self/exe");
    let mapping = "";
    for (const line of readFile("/proc/self/smaps", NO_LIMIT).split("\n")) {
      if (line.endsWith(own)) mapping = line;
      // A private page that was written is no longer the file's, and would come back without what was written:
      // relocations, and constants that the runtime has made read-only only then.
      else if (mapping !== "" && line.startsWith("Anonymous:")) {
        if (line.endsWith(" 0 kB")) giveBack(mapping);
        mapping = "";
      }
    }
  });
}

/** START-END PERMISSIONS OFFSET DEVICE INODE PATH (proc_pid_smaps(5)) */
function giveBack(mapping: string): void {
  const [range = "", permissions = ""] = mapping.split(" ", 2);
  if (permissions !== "r-xp" && permissions !== "r--p") return;
  const dash = range.indexOf("-");
  const start = Number.parseInt(range.slice(0, dash), 16);
  const end = Number.parseInt(range.slice(dash + 1), 16);
  attempt("madvise", start, end - start, MADV_DONTNEED);
}

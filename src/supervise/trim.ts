// Owns what a waiting supervisor costs: the text and the constants of its programs need not stay in memory meanwhile.

import { MADV_DONTDUMP, MADV_DONTNEED } from "../sys/constants.ts";
import { readFile } from "../sys/file.ts";
import { untraced } from "../sys/libc.ts";
import { tryMadvise } from "../sys/memory.ts";

const NO_LIMIT = 1 << 30;
const CHUNK = 512 * 1024;

interface Range {
  start: number;
  length: number;
}

/**
 * Gives back the pages of executable and libraries that are mapped read-only (madvise(2)): they are the page cache's,
 * and come back by themselves, one fault each, where they are needed. Most of what this process has resident are those.
 */
export function trimMemory(): void {
  untraced(() => {
    const ranges = cleanMappings(readFile("/proc/self/smaps", NO_LIMIT));
    for (const range of ranges) split(range);
    // all at the end: whatever runs in between brings its own pages back
    for (const { start, length } of ranges) tryMadvise(start, length, MADV_DONTNEED);
  });
}

/** START-END PERMISSIONS OFFSET DEVICE INODE PATH, then a line for each property (proc_pid_smaps(5)) */
function cleanMappings(smaps: string): Range[] {
  const ranges: Range[] = [];
  let mapping = "";
  for (const line of smaps.split("\n")) {
    if (line.includes(" r-xp ") || line.includes(" r--p ")) mapping = line.includes(" /") ? line : "";
    // A private page that was written is no longer the file's, and would come back without what was written:
    // relocations, and constants that the runtime has made read-only only then.
    else if (mapping !== "" && line.startsWith("Anonymous:")) {
      if (line.endsWith(" 0 kB")) ranges.push(rangeOf(mapping));
      mapping = "";
    }
  }
  return ranges;
}

function rangeOf(mapping: string): Range {
  const dash = mapping.indexOf("-");
  const start = Number.parseInt(mapping.slice(0, dash), 16);
  return { start, length: Number.parseInt(mapping.slice(dash + 1), 16) - start };
}

/**
 * Where the page cache holds a file in pieces of two megabytes, one fault brings back a whole piece, but none that lies
 * across two mappings. Different flags make many of one; these say nothing that matters for a file's pages.
 */
function split({ start, length }: Range): void {
  for (let at = 0; at < length; at += 2 * CHUNK)
    tryMadvise(start + at, Math.min(CHUNK, length - at), MADV_DONTDUMP);
}

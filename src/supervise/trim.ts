// Owns reducing the memory of a supervisor that only waits: the code and constants of its executable and libraries.

import { MADV_DONTDUMP, MADV_DONTNEED } from "../sys/constants.ts";
import { readFile } from "../sys/file.ts";
import { untraced } from "../sys/libc.ts";
import { tryMadvise } from "../sys/memory.ts";

/** In bytes: into chunks of this size a mapping is split. A small one, such as the bundle's, costs few calls for small chunks. */
const CHUNK = 512 * 1024;
const SMALL_CHUNK = 64 * 1024;
const SMALL = 8 * 1024 * 1024;

interface Range {
  start: number;
  length: number;
}

/**
 * Gives back the pages of executable and libraries that are mapped read-only (madvise(2)). They are most of the
 * process's resident memory. They stay in the page cache, and a page that is needed again comes back by a page fault.
 */
export function trimMemory(): void {
  untraced(() => {
    const ranges = cleanMappings(readFile("/proc/self/smaps"));
    for (const range of ranges) split(range);
    // all at the end: code that runs in between would bring its own pages back
    for (const { start, length } of ranges) tryMadvise(start, length, MADV_DONTNEED);
  });
}

/**
 * Returns the mappings of files that are read-only and unchanged. smaps has a line START-END PERMISSIONS OFFSET DEVICE
 * INODE PATH for each mapping, and after it one for each property (proc_pid_smaps(5)).
 */
function cleanMappings(smaps: string): Range[] {
  const ranges: Range[] = [];
  let mapping = "";
  for (const line of smaps.split("\n")) {
    if (line.includes(" r-xp ") || line.includes(" r--p ")) mapping = line.includes(" /") ? line : "";
    // A page of a private mapping that was written to is anonymous. Given back, it would lose what was written, such as
    // relocations: the mapping was made read-only only afterwards.
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
 * Splits a mapping into small ones. Where the page cache holds a file in pieces of 2 MiB, one fault brings back a whole
 * piece, unless the piece lies in more than one mapping. Every second chunk gets the flag MADV_DONTDUMP, which means
 * nothing for a file's pages, and the kernel keeps a mapping for each run of equal flags.
 */
function split({ start, length }: Range): void {
  const chunk = length > SMALL ? CHUNK : SMALL_CHUNK;
  for (let at = 0; at < length; at += 2 * chunk)
    tryMadvise(start + at, Math.min(chunk, length - at), MADV_DONTDUMP);
}

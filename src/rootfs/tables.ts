// Owns the form of passwd(5), group(5), subuid(5) and subgid(5): a row a line, its fields between colons. Pure.

/**
 * Calls back with the fields of each row until told to stop by `true`. Blank lines and comments are none, and white
 * space around a row (the CR of a file from elsewhere too) is no part of it, as glibc and docker read these files.
 */
export function eachRow(table: string, visit: (fields: string[]) => boolean): void {
  for (let at = 0; at < table.length; ) {
    const newline = table.indexOf("\n", at);
    const end = newline < 0 ? table.length : newline;
    const line = end > at ? table.slice(at, end).trim() : "";
    at = end + 1;
    if (line !== "" && line[0] !== "#" && visit(line.split(":"))) return;
  }
}

// Owns reading the form of passwd(5), group(5), subuid(5) and subgid(5): each line is a row, its fields separated by
// colons. Pure.

/** A row of passwd(5) has the most fields. A hostile one has a million, which would be as many strings. */
const MOST_FIELDS = 7;

/**
 * Calls `visit` with the fields of each row that has the text `having` anywhere in it, until it returns true. Blank
 * lines, comments, and white space around a row (also the CR of a Windows file) are skipped, as by glibc and docker.
 */
export function eachRow(table: string, having: string, visit: (fields: string[]) => boolean): void {
  for (let at = 0; at < table.length; ) {
    const found = table.indexOf(having, at);
    if (found < 0) return;
    at = table.lastIndexOf("\n", found - 1) + 1;
    const newline = table.indexOf("\n", at);
    const end = newline < 0 ? table.length : newline;
    const line = end > at ? table.slice(at, end).trim() : "";
    at = end + 1;
    if (line !== "" && line[0] !== "#" && visit(line.split(":", MOST_FIELDS))) return;
  }
}

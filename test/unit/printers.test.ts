// Holds that minibox prints by src/cli/report.ts alone, which makes every line printable: no file may write to a
// descriptor, or quote a text, in a way of its own without being listed here with the reason.

import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const SRC = resolve(import.meta.dir, "../../src");
const transpiler = new Bun.Transpiler({ loader: "ts" });
const names = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
/** The code of each file, without comments. */
const code = new Map<string, string>();
for (const name of names) {
  const source = await Bun.file(join(SRC, name)).text();
  // what runs while minibox is built is read like anything else here
  code.set(name, transpiler.transformSync(source.replaceAll(' with { type: "macro" }', "")));
}

const filesWith = (pattern: RegExp): string[] => names.filter((name) => pattern.test(code.get(name)!)).sort();

/** Who writes to descriptors by sys/file.ts, and where to. Of a whole room it is said where nothing in it is for people. */
const WRITERS: Record<string, string> = {
  "cgroup/": "files of cgroups",
  "child/": "files of /proc, of cgroups, and of the container's own",
  "cli/attest.ts": "the file of --attest, or stdout: printableJson",
  "cli/report.ts": "the printers",
  "container/": "files of /proc and of the state directory",
  "frames.ts": "sockets between minibox's own processes",
  "supervise/stdio-terminal.ts": "the caller's descriptors: what the container's terminal says, untouched",
  "supervise/terminal-input.ts": "the container's terminal",
  "sys/": "the functions themselves, and files of /proc",
};

/** Who makes JSON with JSON.stringify itself. None of it reaches a person, with two exceptions. */
const STRINGIFIERS: Record<string, string> = {
  "cli/messages.ts": "the log: of a message that is printable already",
  "container/listener.ts": "the message to a seccomp agent",
  "container/made.ts": "a file of the state directory",
  "json.ts": "messages between minibox's own processes, and states",
  "sync.ts": "messages between minibox's own processes",
  "sys/phases.ts": "the file of the benchmark's stamps",
  "sys/printable.ts": "printableJson, which makes it printable",
};

test("the walk sees the code", () => {
  expect(names.length).toBeGreaterThan(100);
  expect(filesWith(/\bprint\(2/)).toContain("cli/trace.ts");
});

test("nobody prints in a way of Bun's or Node's", () => {
  expect(
    filesWith(/\bconsole\.|process\.std(?:out|err)|\bBun\.(?:write|stdout|stderr|file)\b|"(?:node:)?fs"/),
  ).toEqual([]);
});

test("nobody but the printers and those named here writes to a descriptor", () => {
  const listed = Object.keys(WRITERS);
  const covers = (name: string) => (entry: string) =>
    entry === name || (entry.endsWith("/") && name.startsWith(entry));
  const writers = filesWith(/\b(?:write|tryWrite|writeAll)\(/);
  expect(writers.filter((name) => !listed.some(covers(name)))).toEqual([]);
  expect(listed.filter((entry) => !writers.some((name) => covers(name)(entry)))).toEqual([]);
  expect(filesWith(/\b(?:write|tryWrite|writeAll)\([12],/)).toEqual([]);
});

test("what is printed as it stands is the help, which is made of constants", () => {
  expect(filesWith(/\bprintConstant\(/)).toEqual(["cli/help.ts"]);
});

test("nobody quotes a text by JSON.stringify, which leaves C1 and marks of direction as they are", () => {
  expect(filesWith(/\bJSON\.stringify\(/)).toEqual(Object.keys(STRINGIFIERS).sort());
});

test("nobody has escape sequences or tables of characters of its own", () => {
  expect(filesWith(/\\x1b|\\u001b|\\x7f|\\u007f|\x1b/i)).toEqual(["cli/report.ts"]);
});

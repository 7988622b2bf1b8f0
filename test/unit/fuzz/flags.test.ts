// Words that nobody would write: whatever comes in, a flag's value is understood or refused as a mistake of the command
// line, never with another error, and never for long. Each case is made from its seed, which a failure names.

import { expect, test } from "bun:test";
import { parseFlags } from "../../../src/cli/argv.ts";
import { runFlags } from "../../../src/cli/run-flags.ts";
import { RunError, UsageError } from "../../../src/errors.ts";
import { lookUp } from "../../../src/rootfs/user.ts";
import { parseMount, parseTmpfs, parseVolume } from "../../../src/spec/from-flags/mounts.ts";
import { parseUlimit } from "../../../src/spec/from-flags/resources.ts";
import {
  parseCount,
  parseCpuList,
  parseCpus,
  parseDuration,
  parseName,
  parseSize,
} from "../../../src/spec/from-flags/values.ts";
import { parseOptions } from "../../../src/spec/mount-options.ts";

const CASES = 20_000;

/** mulberry32: small, and the same on every machine. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PIECES = [
  "a",
  "0",
  "1",
  "9",
  "-",
  "--",
  "=",
  ":",
  ",",
  "/",
  ".",
  "..",
  "//",
  " ",
  "\n",
  "\t",
  "\0",
  '"',
  '""',
  "\\",
  "%",
  "\udc80",
  "\udcff",
  "é",
  "🙂",
  "constructor",
  "__proto__",
  "toString",
  "type",
  "bind",
  "tmpfs",
  "src",
  "dst",
  "target",
  "readonly",
  "ro",
  "rw",
  "size",
  "mode",
  "exec",
  "rshared",
  "18446744073709551616",
  "1e309",
  "NaN",
  "Infinity",
  "unlimited",
  "nofile",
  "64m",
  "1.5g",
  "5s",
  "1m30s",
  "ms",
  "0-2",
  "-1",
  "env",
  "volume",
  "memory",
  "root",
  "x",
  "\r",
];

function word(next: () => number): string {
  let text = "";
  for (let length = Math.floor(next() * 8); length >= 0; length--)
    text += PIECES[Math.floor(next() * PIECES.length)];
  return text;
}

const PARSERS: Record<string, (text: string, next: () => number) => unknown> = {
  "the command line": (text, next) =>
    parseFlags([text, word(next), `--${word(next)}`, word(next)], runFlags()),
  "--volume": (text) => parseVolume(text, "/cwd"),
  "--mount": (text) => parseMount(text, "/cwd"),
  "--tmpfs": (text) => parseTmpfs(text),
  "--ulimit": (text) => parseUlimit(text),
  "--memory": (text) => parseSize("--memory", text),
  "--timeout": (text) => parseDuration("--timeout", text),
  "--cpus": (text) => parseCpus("--cpus", text),
  "--cpuset-cpus": (text) => parseCpuList("--cpuset-cpus", text),
  "--pids-limit": (text) => parseCount("--pids-limit", text, 4_194_304, true),
  "--name": (text) => parseName("--name", text),
  "mount options": (text) => parseOptions(text.split(",")),
  "--user": (text, next) =>
    lookUp(`${word(next)}\n${word(next)}:x:1:2:::\n`, `${word(next)}:x:3:${word(next)}\n`, text),
};

test.each(Object.keys(PARSERS))("%s is understood or refused", (name) => {
  for (let seed = 1; seed <= CASES; seed++) {
    const next = random(seed);
    const text = word(next);
    try {
      PARSERS[name]!(text, next);
    } catch (error) {
      const expected = error instanceof UsageError || error instanceof RunError;
      expect({ seed, text, expected, error: expected ? "" : String(error) }).toEqual({
        seed,
        text,
        expected: true,
        error: "",
      });
    }
  }
});

test("a mount that is understood has an absolute destination that is not the root", () => {
  let understood = 0;
  for (let seed = 1; seed <= CASES; seed++) {
    const next = random(seed);
    const text = `/${word(next)}:/${word(next)}`;
    try {
      const { destination } = parseVolume(text, "/cwd");
      understood++;
      expect(destination.startsWith("/") && destination.replaceAll("/", "") !== "").toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
    }
  }
  expect(understood).toBeGreaterThan(100);
});

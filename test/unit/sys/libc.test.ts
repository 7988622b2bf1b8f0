// What the kernel is given for each kind of argument, and what a trace and an error are told of it.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "../../../src/sys/bytes.ts";
import { AT_FDCWD, MFD_CLOEXEC } from "../../../src/sys/constants.ts";
import { type Arg, EBADF, SysError } from "../../../src/sys/errno.ts";
import { attempt, call, setTracer } from "../../../src/sys/libc.ts";

const directory = mkdtempSync(join(tmpdir(), "libc-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** A symbolic link holds the bytes of two strings at once: its own name's, and its target's. */
function linked(target: Arg, name: string): Uint8Array {
  const path = `${directory}/${name}`;
  expect(attempt("symlinkat", target, AT_FDCWD, path)).toBe(0);
  const buffer = new Uint8Array(8192);
  return buffer.subarray(0, attempt("readlinkat", AT_FDCWD, encode(`${path}\0`), buffer, buffer.length));
}

test.each([
  ["ASCII", "plain"],
  ["Latin-1", "caf\u00e9"],
  ["beyond Latin-1", "\u20ac\u{1f600}"],
  ["a byte that is not UTF-8", "a\udcffb"],
  ["such a byte, and letters", "\udc80\u20ac\u{1f600}"],
  ["U+FFFD itself", "\ufffd"],
  ["a rope", ["one", "two"].join("/").concat("/three")],
])("a string arrives as its bytes: %s", (_, text) => {
  expect(linked(text, `of ${text.replaceAll("/", "-")}`)).toEqual(encode(text));
});

test("a string arrives whole, however long it is", () => {
  const text = "x\u00e9".repeat(1300);
  expect(linked(text, "long")).toEqual(encode(text));
});

test("a string ends at its first NUL", () => {
  expect(linked("before\0after", "nul")).toEqual(encode("before"));
});

test("a byte array arrives as its address, also where it is a part of a larger one", () => {
  expect(linked(encode("..whole\0").subarray(2), "part")).toEqual(encode("whole"));
});

test("null, and an argument left out, are 0", () => {
  const fd = call("memfd_create", "numbers", MFD_CLOEXEC);
  expect(attempt("write", fd, "12345", 5)).toBe(5);
  expect(attempt("lseek", fd)).toBe(0);
  expect(attempt("lseek", fd, null, 1)).toBe(0);
  attempt("close", fd);
});

test.each([2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1, 2 ** 62])(
  "a number arrives whole, and comes back: %p",
  (offset) => {
    const fd = call("memfd_create", "numbers", MFD_CLOEXEC);
    expect(attempt("lseek", fd, offset, 0)).toBe(offset);
    attempt("close", fd);
  },
);

test("a negative number arrives as one", () => {
  const fd = call("memfd_create", "numbers", MFD_CLOEXEC);
  const SEEK_CUR = 1;
  expect(attempt("lseek", fd, 2 ** 40 + 7, 0)).toBe(2 ** 40 + 7);
  expect(attempt("lseek", fd, -(2 ** 40), SEEK_CUR)).toBe(7);
  attempt("close", fd);
  expect(attempt("close", -1)).toBe(-EBADF);
});

test("a trace and an error are told of the arguments that were given, as they were given", () => {
  const told: unknown[] = [];
  setTracer((name, args, result) => told.push([name, args, result]));
  try {
    attempt("getpid");
    attempt("openat", -1, "a\udcff", 0, 0);
    expect(() => call("setns", -1, 0)).toThrow(SysError);
    call("close", -1);
  } catch (error) {
    expect(error).toMatchObject({ syscall: "close", args: [-1], errno: EBADF });
  } finally {
    setTracer(undefined);
  }
  expect(told).toEqual([
    ["getpid", [], process.pid],
    ["openat", [-1, "a\udcff", 0, 0], -EBADF],
    ["setns", [-1, 0], -EBADF],
    ["close", [-1], -EBADF],
  ]);
});

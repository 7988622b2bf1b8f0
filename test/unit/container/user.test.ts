import { describe, expect, test } from "bun:test";
import { lookUp } from "../../../src/container/user.ts";
import { RunError } from "../../../src/errors.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/:
alice:x:1000:1000:Alice:/home/alice:/bin/bash
1001:x:2000:2001:name of digits:/home/digits:
nohome:x:1002:1002:::
short:x:7
bad:x:minus:5::/bad:
huge:x:4294967295:4294967295::/huge:
`;
const GROUP = `root:x:0:
wheel:x:10:alice,daemon
audio:x:29:alice
alice:x:1000:alice
again:x:10:alice
1001:x:3000:
broken:x:nan:alice
short:x:5`;

const find = (text: string) => lookUp(PASSWD, GROUP, text);

describe("a user", () => {
  test("by name has its own group, the others that list it, once each, and its home", () => {
    expect(find("alice")).toEqual({ uid: 1000, gid: 1000, additionalGids: [10, 29], home: "/home/alice" });
    expect(find("root")).toEqual({ uid: 0, gid: 0, additionalGids: [], home: "/root" });
  });

  test("by number is looked up too", () => {
    expect(find("1000")).toEqual(find("alice"));
  });

  test("by a number that nobody has is taken as it is, group 0", () => {
    expect(find("54321")).toEqual({ uid: 54321, gid: 0, additionalGids: [], home: "/" });
    expect(find("4294967294").uid).toBe(4294967294);
  });

  test("whose name is digits goes before the number", () => {
    expect(find("1001")).toEqual({ uid: 2000, gid: 2001, additionalGids: [], home: "/home/digits" });
  });

  test("without a home starts in /", () => {
    expect(find("nohome").home).toBe("/");
  });

  test.each(["nobody-here", "short", "bad", "huge", "4294967295", "-1", "1.5", "", ":5", "1e3", " 0", "0x0"])(
    "%p is refused",
    (text) => expect(() => find(text)).toThrow(RunError),
  );
});

describe("a group", () => {
  test("by name or number takes the place of all the user's own", () => {
    expect(find("alice:wheel")).toEqual({ uid: 1000, gid: 10, additionalGids: [], home: "/home/alice" });
    expect(find("alice:77")).toMatchObject({ uid: 1000, gid: 77, additionalGids: [] });
    expect(find("5:6")).toEqual({ uid: 5, gid: 6, additionalGids: [], home: "/" });
  });

  test("whose name is digits goes before the number", () => {
    expect(find("0:1001").gid).toBe(3000);
  });

  test.each(["alice:nogroup", "alice:", "alice:broken", "0:4294967295", "0:1:2"])("%p is refused", (text) =>
    expect(() => find(text)).toThrow(RunError),
  );
});

test("an empty passwd and group leave numbers", () => {
  expect(lookUp("", "", "0")).toEqual({ uid: 0, gid: 0, additionalGids: [], home: "/" });
  expect(lookUp("", "", "3:4")).toMatchObject({ uid: 3, gid: 4 });
  expect(() => lookUp("", "", "root")).toThrow(RunError);
});

// A user is looked up in the rootfs's own passwd and group, by name or by number.

import { describe, expect, test } from "bun:test";
import { RunError } from "../../../src/errors.ts";
import { lookUp } from "../../../src/rootfs/user.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/:
alice:x:1000:1000:Alice:/home/alice:/bin/bash
1001:x:2000:2001:name of digits:/home/digits:
nohome:x:1002:1002:::
# a comment:x:1003:1003::/comment:
#hidden:x:1003:1003::/hidden:

short:x:7
shorter:x
six:x:8:9::/six
bad:x:minus:5::/bad:
huge:x:4294967295:4294967295::/huge:
  spaces:x:1004:1004::/spaces  
dos:x:1005:1006:::/bin/sh\r
dos-home:x:1007:1006::/home/dos\r
alice:x:1008:1008:second:/second:
1001x:x:1009:1009:::
:x:1010:1010::/nameless:
nogid:x:1011:::/nogid:
padded:x:0001012:1::/padded:
`;
const GROUP = `root:x:0:
wheel:x:10:alice,daemon
audio:x:29:alice
alice:x:1000:alice
again:x:10:alice
1001:x:3000:
broken:x:nan:alice
# alice:x:4000:alice
dos:x:1006:six,dos\r
blanks:x:30: alice , six
wheel:x:11:
empty:x:31:
shorter:x
short:x:5`;

const find = (text: string) => lookUp(PASSWD, GROUP, text);

describe("a user", () => {
  test("by name has its own group, the others that list it, once each, and its home", () => {
    const groups = [10, 29, 30];
    expect(find("alice")).toEqual({ uid: 1000, gid: 1000, additionalGids: groups, home: "/home/alice" });
    expect(find("root")).toEqual({ uid: 0, gid: 0, additionalGids: [], home: "/root" });
  });

  test("by number is looked up too", () => {
    expect(find("1000")).toEqual(find("alice"));
  });

  test("by a number that nobody has is taken as it is, group 0", () => {
    expect(find("54321")).toEqual({ uid: 54321, gid: 0, additionalGids: [], home: "/" });
    expect(find("4294967294").uid).toBe(4294967294);
  });

  // CVE-2016-3697: an image would choose who 1001 is
  test("of digits is an id, never a name", () => {
    expect(find("1001")).toEqual({ uid: 1001, gid: 0, additionalGids: [], home: "/" });
    expect(find("01000")).toEqual(find("1000"));
    expect(find("1001x").uid).toBe(1009);
  });

  test("without a home starts in /", () => {
    expect(find("nohome").home).toBe("/");
  });

  test("that is empty is root, as with docker", () => {
    expect(find("")).toEqual(find("root"));
    expect(find(":")).toEqual(find("root"));
    expect(find(":100")).toEqual({ uid: 0, gid: 100, additionalGids: [], home: "/root" });
    expect(find(":audio").gid).toBe(29);
  });

  test("of a short row has what the row says; no group is group 0", () => {
    expect(find("short")).toEqual({ uid: 7, gid: 0, additionalGids: [], home: "/" });
    expect(find("7")).toEqual(find("short"));
    expect(find("six")).toEqual({ uid: 8, gid: 9, additionalGids: [1006, 30], home: "/six" });
    expect(find("nogid")).toMatchObject({ uid: 1011, gid: 0, home: "/nogid" });
  });

  test("of a row with blanks, or with CR LF at its end, has neither", () => {
    expect(find("spaces")).toMatchObject({ uid: 1004, home: "/spaces" });
    expect(find("dos")).toEqual({ uid: 1005, gid: 1006, additionalGids: [], home: "/" });
    expect(find("dos-home").home).toBe("/home/dos");
  });

  test("that a comment names is nobody", () => {
    expect(find("1003")).toEqual({ uid: 1003, gid: 0, additionalGids: [], home: "/" });
    expect(() => find("#hidden")).toThrow(RunError);
  });

  test("of two rows is the first one", () => {
    expect(find("alice").uid).toBe(1000);
    expect(find("1008").home).toBe("/second");
  });

  test("without a name is in no group's list", () => {
    expect(find("1010")).toEqual({ uid: 1010, gid: 1010, additionalGids: [], home: "/nameless" });
  });

  test("of an id with zeros before it is found by the id", () => {
    expect(find("1012").home).toBe("/padded");
  });

  test.each([
    "nobody-here",
    "\nroot",
    "root\ndaemon",
    "shorter",
    "bad",
    "huge",
    "4294967295",
    "-1",
    "1.5",
    "1e3",
    " 0",
    "0x0",
    "+5",
  ])("%p is refused", (text) => expect(() => find(text)).toThrow(RunError));

  test("is told apart: unknown, or known with an id that is none", () => {
    expect(() => find("bob")).toThrow('no user "bob" in the rootfs\'s /etc/passwd');
    expect(() => find("bad")).toThrow('gives the user "bad" no valid id: "minus"');
    expect(() => find("99999999999999999999")).toThrow("above the largest, 4294967294");
  });
});

describe("a group", () => {
  test("by name or number takes the place of all the user's own", () => {
    expect(find("alice:wheel")).toEqual({ uid: 1000, gid: 10, additionalGids: [], home: "/home/alice" });
    expect(find("alice:77")).toMatchObject({ uid: 1000, gid: 77, additionalGids: [] });
    expect(find("5:6")).toEqual({ uid: 5, gid: 6, additionalGids: [], home: "/" });
  });

  test("of digits is an id, never a name", () => {
    expect(find("0:1001").gid).toBe(1001);
  });

  test("that is empty leaves the user its own", () => {
    expect(find("alice:")).toEqual(find("alice"));
    expect(find("1000:")).toEqual(find("alice"));
    expect(find("54321:")).toEqual(find("54321"));
  });

  test("of a short row or one with CR LF, and the first of two", () => {
    expect(find("alice:short").gid).toBe(5);
    expect(find("alice:dos").gid).toBe(1006);
    expect(find("alice:wheel").gid).toBe(10);
  });

  test.each(["alice:nogroup", "alice:shorter", "alice:broken", "0:4294967295", "0:1:2", ":nogroup"])(
    "%p is refused",
    (text) => expect(() => find(text)).toThrow(RunError),
  );
});

test("an empty passwd and group leave numbers", () => {
  expect(lookUp("", "", "0")).toEqual({ uid: 0, gid: 0, additionalGids: [], home: "/" });
  expect(lookUp("", "", "3:4")).toMatchObject({ uid: 3, gid: 4 });
  expect(() => lookUp("", "", "root")).toThrow(RunError);
});

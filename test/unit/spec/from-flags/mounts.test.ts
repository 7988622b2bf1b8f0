// --volume, --mount and --tmpfs become OCI mounts; what could not be meant is refused.

import { describe, expect, test } from "bun:test";
import { UsageError } from "../../../../src/errors.ts";
import { parseMount, parseTmpfs, parseVolume } from "../../../../src/spec/from-flags/mounts.ts";

const volume = (text: string) => parseVolume(text, "/home/me");
const mount = (text: string) => parseMount(text, "/home/me");

describe("--volume", () => {
  test("binds recursively by default, with options in their order", () => {
    expect(volume("/a:/b")).toEqual({ destination: "/b", type: "bind", source: "/a", options: ["rbind"] });
    expect(volume("/a:/b:ro,nosuid").options).toEqual(["rbind", "ro", "nosuid"]);
    expect(volume("/a:/b:bind,ro").options).toEqual(["bind", "ro"]);
    expect(volume("/a:/b:").options).toEqual(["rbind"]);
  });

  test("starts a relative source at the caller's directory", () => {
    expect(volume("src:/b").source).toBe("/home/me/src");
    expect(volume("./src:/b").source).toBe("/home/me/./src");
    expect(volume(".:/b").source).toBe("/home/me/.");
    expect(parseVolume("src:/b", "/").source).toBe("/src");
  });

  test("drops SELinux's z and Z, which mean nothing here", () => {
    expect(volume("/a:/b:ro,z").options).toEqual(["rbind", "ro"]);
    expect(volume("/a:/b:Z").options).toEqual(["rbind"]);
  });

  test.each([
    "",
    "/a",
    "/a:",
    ":/b",
    "/a:/b:ro:rw",
    "/a:b",
    "/a:/",
    "/a://",
    "/a:/./",
    "/a:/b:rx",
    "/a:/b:RO",
    "/a:/b:rslave,shared",
    "/a:/b/..",
    "/a:/../.",
  ])("%p is refused", (text) => expect(() => volume(text)).toThrow(UsageError));
});

describe("--tmpfs", () => {
  test("has docker's defaults, then the options given", () => {
    expect(parseTmpfs("/t")).toEqual({
      destination: "/t",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "nodev", "noexec"],
    });
    expect(parseTmpfs("/t:size=64m,mode=1777,exec").options).toEqual([
      "nosuid",
      "nodev",
      "noexec",
      "size=64m",
      "mode=1777",
      "exec",
    ]);
    expect(parseTmpfs("/t:size=50%,uid=1000").options).toContain("size=50%");
  });

  test.each(["", "t", "/", "/t:bogus", "/t:size=", "/t:mode=7,evil=/x", "/t:huge=never\0", "/t:size=1m:ro"])(
    "%p is refused",
    (text) => expect(() => parseTmpfs(text)).toThrow(UsageError),
  );
});

describe("--mount", () => {
  test("binds, by docker's names and their short forms", () => {
    const expected = { destination: "/b", type: "bind", source: "/a", options: ["rbind", "ro"] };
    expect(mount("type=bind,source=/a,target=/b,readonly")).toEqual(expected);
    expect(mount("type=bind,src=/a,dst=/b,ro")).toEqual(expected);
    expect(mount("src=/a,destination=/b,ro=true")).toEqual(expected);
    expect(mount("type=bind,src=/a,dst=/b,ro=false").options).toEqual(["rbind"]);
    expect(mount("src=/a,dst=/b,bind-nonrecursive,bind-propagation=rslave").options).toEqual([
      "bind",
      "rslave",
    ]);
  });

  test("takes paths with commas in quotes, and with colons as they are", () => {
    expect(mount('type=bind,"src=/a,b",dst=/c').source).toBe("/a,b");
    expect(mount('type=bind,"src=/a""b",dst=/c').source).toBe('/a"b');
    expect(mount("type=bind,src=/a:b,dst=/c:d")).toMatchObject({ source: "/a:b", destination: "/c:d" });
  });

  test("makes a tmpfs, its size in bytes", () => {
    expect(mount("type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1770,ro").options).toEqual([
      "nosuid",
      "nodev",
      "noexec",
      "ro",
      `size=${64 * 2 ** 20}`,
      "mode=1770",
    ]);
  });

  test.each([
    "",
    "type=bind,src=/a",
    "type=bind,dst=/b",
    "type=volume,src=/a,dst=/b",
    "type=constructor,src=/a,dst=/b",
    "type=bind,src=/a,dst=b",
    "type=bind,src=/a,dst=/",
    "type=bind,src=/a,dst=/b,bogus=1",
    "type=bind,src=/a,dst=/b,ro=maybe",
    "type=bind,src=/a,dst=/b,tmpfs-size=1m",
    "type=tmpfs,src=/a,dst=/b",
    "type=tmpfs,dst=/b,tmpfs-mode=rwx",
    "type=tmpfs,dst=/b,tmpfs-size=big",
    "type=bind,src=/a,dst=/b,bind-propagation=sideways",
    "type=bind,src=/a,dst=/b,bind-propagation=",
  ])("%p is refused", (text) => expect(() => mount(text)).toThrow(UsageError));
});

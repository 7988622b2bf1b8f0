// What a mount of the spec comes to, as the child carries it out.

import { describe, expect, test } from "bun:test";
import { defaultSpec } from "../../../src/spec/default.ts";
import { defaultOperations as builtIn } from "../../../src/spec/default-operations.ts" with { type: "macro" };
import { mountOperation, mountOperations } from "../../../src/spec/mount-operations.ts";
import { MS } from "../../../src/sys/constants.ts";

const bind = (...options: string[]) => mountOperation({ destination: "/a", source: "/b", options });

describe("the tie of a bind", () => {
  test.each([
    [["bind", "rslave"], "slave"],
    [["rbind", "shared"], "shared"],
    [["bind", "rshared", "slave"], "slave"],
    [["bind", "shared", "private"], undefined],
    [["bind", "rslave", "runbindable"], undefined],
    [["bind"], undefined],
  ] as const)("%p is %p: the last option about propagation counts", (options, tie) => {
    expect(bind(...options).tie).toBe(tie);
  });

  test("belongs to no other mount", () => {
    const mount = { destination: "/a", type: "tmpfs", options: ["rshared"] };
    expect(mountOperation(mount)).toMatchObject({ isBind: false, propagation: MS.MS_SHARED | MS.MS_REC });
    expect(mountOperation(mount).tie).toBeUndefined();
  });
});

test("what the build works out of the default mounts is what a start would", () => {
  const built: unknown = JSON.parse(builtIn());
  expect(built).toEqual(mountOperations(defaultSpec("/", [])));
  expect(built).toHaveLength(7);
});

test("a bind is known by its type, or by its options", () => {
  expect(mountOperation({ destination: "/a", type: "bind", source: "/b" }).isBind).toBe(true);
  expect(bind("rbind")).toMatchObject({ isBind: true, flags: MS.MS_BIND | MS.MS_REC });
});

test("the label is for file systems of the container's own, after their other data", () => {
  const label = "system_u:object_r:container_file_t:s0";
  const dataOf = (type: string, ...options: string[]) =>
    mountOperation({ destination: "/a", type, options }, label).data;
  expect(dataOf("tmpfs")).toBe(`context="${label}"`);
  expect(dataOf("devpts", "ro", "mode=620")).toBe(`mode=620,context="${label}"`);
  expect(dataOf("proc")).toBe("");
  expect(dataOf("tmpfs", "bind")).toBe("");
});

test("the options are shown as the spec has them, and the order of the mounts stays", () => {
  const mounts = [{ destination: "/a", options: ["ro", "nosuid"] }, { destination: "/b" }];
  const operations = mountOperations({
    ociVersion: "1.2.0",
    root: { path: "/" },
    process: { cwd: "/", args: ["true"], user: { uid: 0, gid: 0 } },
    mounts,
    linux: {},
  });
  expect(operations.map(({ destination, shown }) => destination + shown)).toEqual(["/a (ro,nosuid)", "/b"]);
});

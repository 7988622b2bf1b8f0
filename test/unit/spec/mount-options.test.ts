// The options of an OCI mount become the flags, attributes and data that the kernel takes (mount(2)).

import { describe, expect, test } from "bun:test";
import { parseOptions } from "../../../src/spec/mount-options.ts";
import { MOUNT_ATTR, MS } from "../../../src/sys/constants.ts";

describe("mount options", () => {
  test("are flags for mount(2), attributes for mount_setattr(2), and the rest data", () => {
    expect(parseOptions(["nosuid", "noexec", "mode=755", "size=64k"])).toEqual({
      flags: MS.MS_NOSUID | MS.MS_NOEXEC,
      attrSet: MOUNT_ATTR.MOUNT_ATTR_NOSUID | MOUNT_ATTR.MOUNT_ATTR_NOEXEC,
      attrClear: 0,
      propagation: 0,
      data: "mode=755,size=64k",
    });
  });

  test("the last of two that contradict counts", () => {
    expect(parseOptions(["ro", "rw"])).toMatchObject({
      flags: 0,
      attrSet: 0,
      attrClear: MOUNT_ATTR.MOUNT_ATTR_RDONLY,
    });
    expect(parseOptions(["rw", "ro"])).toMatchObject({
      flags: MS.MS_RDONLY,
      attrSet: MOUNT_ATTR.MOUNT_ATTR_RDONLY,
    });
    expect(parseOptions(["nosuid", "suid"])).toMatchObject({ flags: 0, attrSet: 0 });
  });

  test("an access time mode clears the whole field, as the kernel wants it", () => {
    expect(parseOptions(["noatime"])).toMatchObject({
      attrSet: MOUNT_ATTR.MOUNT_ATTR_NOATIME,
      attrClear: MOUNT_ATTR.MOUNT_ATTR__ATIME,
    });
    expect(parseOptions(["noatime", "strictatime"])).toMatchObject({
      attrSet: MOUNT_ATTR.MOUNT_ATTR_STRICTATIME,
      attrClear: MOUNT_ATTR.MOUNT_ATTR__ATIME,
    });
  });

  test("propagation is a call of its own", () => {
    expect(parseOptions(["rbind", "rslave"])).toMatchObject({
      flags: MS.MS_BIND | MS.MS_REC,
      propagation: MS.MS_SLAVE | MS.MS_REC,
      data: "",
    });
    expect(parseOptions(["bind", "private"])).toMatchObject({
      flags: MS.MS_BIND,
      propagation: MS.MS_PRIVATE,
    });
  });

  test("what every object has is data, not an option", () => {
    expect(parseOptions(["constructor", "toString", "__proto__"])).toEqual({
      flags: 0,
      attrSet: 0,
      attrClear: 0,
      propagation: 0,
      data: "constructor,toString,__proto__",
    });
  });

  test("none are nothing", () => {
    expect(parseOptions([])).toEqual({ flags: 0, attrSet: 0, attrClear: 0, propagation: 0, data: "" });
    expect(parseOptions(["defaults"])).toEqual(parseOptions([]));
  });
});

// Owns: --cap-add, --cap-drop and --security-opt as text.

import { describe, expect, test } from "bun:test";
import { DEFAULT_CAPABILITIES } from "../../../../src/spec/default.ts";
import { securityOptions, wantedCapabilities } from "../../../../src/spec/from-flags/security.ts";
import { capabilityMask, hasCapability } from "../../../../src/sys/capability.ts";
import { CAPABILITIES } from "../../../../src/sys/names.ts";

describe("capabilities", () => {
  test("the default set is docker's fourteen", () => {
    expect(wantedCapabilities([], []).names).toEqual([...DEFAULT_CAPABILITIES]);
    expect(DEFAULT_CAPABILITIES.length).toBe(14);
  });

  test("a name is the same with or without CAP_, in any case, alone or in a list", () => {
    for (const words of [
      ["NET_ADMIN", "SYS_TIME"],
      ["cap_net_admin", "Sys_Time"],
      ["net_admin,CAP_SYS_TIME"],
    ])
      expect(wantedCapabilities(words, ["ALL"])).toEqual({
        names: ["CAP_NET_ADMIN", "CAP_SYS_TIME"],
        required: ["CAP_NET_ADMIN", "CAP_SYS_TIME"],
      });
  });

  test("ALL is every one that is not dropped, and none of them is required", () => {
    const { names, required } = wantedCapabilities(["all"], ["SYS_ADMIN"]);
    expect(names).toEqual(CAPABILITIES.filter((name) => name !== "CAP_SYS_ADMIN"));
    expect(required).toEqual([]);
  });

  test("what is dropped goes, what is also added stays", () => {
    expect(wantedCapabilities([], ["MKNOD", "net_raw"]).names).not.toContain("CAP_MKNOD");
    expect(wantedCapabilities(["MKNOD"], ["MKNOD"]).names).toContain("CAP_MKNOD");
    expect(wantedCapabilities([], ["ALL"]).names).toEqual([]);
  });

  test("a mistyped name is told with the nearest one", () => {
    expect(() => wantedCapabilities(["NET_ADMN"], [])).toThrow(
      '--cap-add: unknown capability "NET_ADMN", did you mean NET_ADMIN?',
    );
    expect(() => wantedCapabilities([], ["frobnicate"])).toThrow(
      '--cap-drop: unknown capability "frobnicate"',
    );
    expect(() => wantedCapabilities([""], [])).toThrow('unknown capability ""');
    expect(() => wantedCapabilities(["ALL"], ["ALL"])).toThrow("contradict");
  });

  test("a mask has the kernel's bits", () => {
    const mask = capabilityMask(["CAP_CHOWN", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_CHECKPOINT_RESTORE"]);
    expect([mask.low >>> 0, mask.high >>> 0]).toEqual([0x80000001, 0x101]);
    expect([0, 1, 31, 32, 33, 40, 63].map((number) => hasCapability(mask, number))).toEqual([
      true,
      false,
      true,
      true,
      false,
      true,
      false,
    ]);
  });
});

describe("security options", () => {
  test("seccomp=builtin is the default again, as docker says it", () => {
    expect(securityOptions(["seccomp=p.json", "seccomp=builtin"]).seccomp).toBeUndefined();
  });

  test("each takes = or : after its name", () => {
    expect(securityOptions(["no-new-privileges=false", "seccomp=p.json", "apparmor:docker-default"])).toEqual(
      {
        noNewPrivileges: false,
        seccomp: "p.json",
        apparmor: "docker-default",
        label: {},
        systemPaths: true,
      },
    );
    expect(securityOptions(["no-new-privileges"]).noNewPrivileges).toBe(true);
    expect(securityOptions(["label=type:svirt_t", "label:level:s0:c1,c2"]).label).toEqual({
      type: "svirt_t",
      level: "s0:c1,c2",
    });
    expect(securityOptions(["systempaths=unconfined"]).systemPaths).toBe(false);
  });

  test("what means nothing is refused", () => {
    const refusals: [string, string][] = [
      ["no-new-privileges=maybe", "true or false"],
      ["secomp=unconfined", 'unknown option "secomp", did you mean seccomp?'],
      ["seccomp", "needs a value"],
      ["seccomp=", "needs a value"],
      ["label=colour:red", "label=PART:VALUE"],
      ["label=type:", "label=PART:VALUE"],
      ["systempaths=confined", "unconfined"],
      ["", 'unknown option ""'],
    ];
    for (const [text, words] of refusals) expect(() => securityOptions([text]), text).toThrow(words);
  });
});

// Tests src/container/device-nodes.ts: who gets CAP_MKNOD where no cgroup limits the devices.

import { expect, test } from "bun:test";
import { withoutDeviceNodes } from "../../../src/container/device-nodes.ts";
import { RunError } from "../../../src/errors.ts";
import { capabilitySets, defaultSpec } from "../../../src/spec/default.ts";
import type { Spec } from "../../../src/spec/types.ts";

function guarded(spec: Spec, required: readonly string[] = []): { spec: Spec; said: string[] } {
  const said: string[] = [];
  return { spec: withoutDeviceNodes(spec, required, (message) => said.push(message)), said };
}

test("it is taken from every set, with a word, and the object it came in stays as it was", () => {
  const given = defaultSpec("/r", ["true"]);
  const before = JSON.stringify(given);
  const { spec, said } = guarded(given);
  for (const set of Object.values(spec.process.capabilities!)) expect(set).not.toContain("CAP_MKNOD");
  expect(spec.process.capabilities!.bounding).toContain("CAP_CHOWN");
  expect(said).toEqual(["the container does not get CAP_MKNOD: no cgroup limits the devices here"]);
  expect(JSON.stringify(given)).toBe(before);
});

test("nothing is said where it was not given, or is worth nothing in a user namespace", () => {
  const plain = defaultSpec("/r", ["true"]);
  const less = { ...plain, process: { ...plain.process, capabilities: capabilitySets(["CAP_CHOWN"]) } };
  expect(guarded(less)).toEqual({ spec: less, said: [] });
  const own: Spec = { ...plain, linux: { ...plain.linux, namespaces: [{ type: "user" }] } };
  expect(guarded(own, ["CAP_MKNOD"])).toEqual({ spec: own, said: [] });
});

test("who asks for it by name is refused", () => {
  expect(() => guarded(defaultSpec("/r", ["true"]), ["CAP_MKNOD"])).toThrow(RunError);
});

// Owns what becomes of CAP_MKNOD where no cgroup limits the devices: then a node is as good as the device, any disk
// included, and the container does not get the capability to make one.

import { RunError } from "../errors.ts";
import type { Capabilities, Spec } from "../spec/types.ts";

const MKNOD = "CAP_MKNOD";

/**
 * The object without CAP_MKNOD, with a word about it where it was in the bounding set. In a user namespace a node cannot
 * be made, or not be opened, so the object stays. Pure. @throws RunError where the capability is among those required
 */
export function withoutDeviceNodes(
  spec: Spec,
  required: readonly string[],
  warn: (message: string) => void,
): Spec {
  if (spec.linux.namespaces?.some(({ type }) => type === "user")) return spec;
  if (required.includes(MKNOD))
    throw new RunError(
      "CAP_MKNOD cannot be given: no cgroup limits the devices here, so any disk could be opened",
    );
  const sets = spec.process.capabilities;
  if (!sets?.bounding?.includes(MKNOD)) return spec;
  warn("the container does not get CAP_MKNOD: no cgroup limits the devices here");
  return { ...spec, process: { ...spec.process, capabilities: without(MKNOD, sets) } };
}

const without = (name: string, sets: Capabilities): Capabilities =>
  Object.fromEntries(
    Object.entries(sets).map(([set, names]) => [set, names.filter((other) => other !== name)]),
  );

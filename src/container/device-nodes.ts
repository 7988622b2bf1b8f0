// Owns taking CAP_MKNOD away where no cgroup limits the devices. There, whoever can make a device node can open the
// device, any disk included, so the container must not be able to make one.

import { RunError } from "../errors.ts";
import type { Capabilities, Spec } from "../spec/types.ts";

const MKNOD = "CAP_MKNOD";

/**
 * Returns the spec without CAP_MKNOD, and warns where its bounding set had it. A spec with a user namespace is returned
 * as it is: the kernel lets nobody make a device node in a user namespace (mknod(2)). Pure. @throws RunError where the
 * capability is among those required
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

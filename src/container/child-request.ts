// Owns the request to a container's first process: what the parent knows of the container, worked out as far as it can
// be without the container's namespaces.

import { callersView } from "../cgroup/index.ts";
import { DEFAULT_MOUNTS } from "../spec/default.ts";
import { defaultOperations } from "../spec/default-operations.ts" with { type: "macro" };
import { type MountOperation, mountOperations } from "../spec/mount-operations.ts";
import { parseOptions } from "../spec/mount-options.ts";
import type { Capabilities, Spec } from "../spec/types.ts";
import type { ChildRequest, ChildSpec, Host } from "../sync.ts";
import { capabilityMask } from "../sys/capability.ts";
import { isInitialUserNamespace } from "../sys/namespace.ts";
import { withoutDeviceNodes } from "./device-nodes.ts";
import type { OwnCgroup } from "./own-cgroup.ts";
import { ignoredSignals } from "./signals.ts";

/** The container as its maker knows it. */
export interface Known
  extends Pick<ChildRequest, "id" | "bundle" | "options">,
    Omit<Host, "cgroup" | "ignoredSignals"> {
  spec: Spec;
  own: OwnCgroup;
}

/**
 * Returns the request; warns of capabilities that it leaves out. @throws RunError where a required one cannot be given
 */
export function childRequest(
  { id, bundle, spec: asked, options, own, ...host }: Known,
  warn: (message: string) => void,
): ChildRequest {
  const limitsDevices = own.limitsDevices || !isInitialUserNamespace();
  const spec = limitsDevices ? asked : withoutDeviceNodes(asked, options.requiredCapabilities, warn);
  const { rootfsPropagation } = spec.linux;
  return {
    id,
    bundle,
    spec: childSpec(spec),
    capabilities: masks(spec.process.capabilities),
    mounts: operationsOf(spec),
    rootPropagation: rootfsPropagation && parseOptions([rootfsPropagation]).propagation,
    options,
    host: {
      ...host,
      cgroup: {
        files: own.cgroup?.joinFiles ?? [],
        required: own.cgroup?.required ?? 0,
        limitsDevices,
        view: own.cgroup ? own.cgroup.view : callersView(),
      },
      ignoredSignals: ignoredSignals(),
    },
  };
}

/** The default mounts, which most containers have alone, need no more work. */
const operationsOf = (spec: Spec): MountOperation[] =>
  spec.mounts === DEFAULT_MOUNTS && !spec.linux.mountLabel
    ? JSON.parse(defaultOperations())
    : mountOperations(spec);

function childSpec({ root, hostname, domainname, process, linux }: Spec): ChildSpec {
  const { capabilities: _, ...command } = process;
  const { resources: __, seccomp: ___, ...rest } = linux;
  return {
    root,
    ...(hostname !== undefined && { hostname }),
    ...(domainname !== undefined && { domainname }),
    process: command,
    linux: rest,
  };
}

function masks({ bounding, effective, inheritable, permitted, ambient }: Capabilities = {}) {
  const mask = capabilityMask(bounding);
  return {
    bounding: mask,
    effective: effective === bounding ? mask : capabilityMask(effective),
    inheritable: capabilityMask(inheritable),
    permitted: permitted === bounding ? mask : capabilityMask(permitted),
    ambient: capabilityMask(ambient),
  };
}

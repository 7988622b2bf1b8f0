// Owns capabilities: their names and numbers, and the calls that read and set a thread's sets (capabilities(7)).

import { PR } from "./constants.ts";
import { EINVAL } from "./errno.ts";
import { attempt, call } from "./libc.ts";
import { CAPABILITIES } from "./names.ts";

/** A set as two words of 32 bits, as capset(2) takes it. */
export interface CapabilityMask {
  low: number;
  high: number;
}

/** The mask of these names. A name that CAPABILITIES does not have is passed over. */
export function capabilityMask(names: readonly string[] | undefined): CapabilityMask {
  const mask = { low: 0, high: 0 };
  for (const name of names ?? []) {
    const number = CAPABILITIES.indexOf(name);
    if (number >= 32) mask.high |= 1 << (number - 32);
    else if (number >= 0) mask.low |= 1 << number;
  }
  return mask;
}

export function hasCapability({ low, high }: CapabilityMask, number: number): boolean {
  return ((number < 32 ? low >>> number : high >>> (number - 32)) & 1) === 1;
}

function header(): Uint8Array {
  const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
  return new Uint8Array(new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]).buffer);
}

/** int capget(header, data): the permitted set of this thread. @throws SysError */
export function permittedCapabilities(): CapabilityMask {
  // struct __user_cap_data_struct { __u32 effective, permitted, inheritable; } twice: low words, high words
  const data = new Uint32Array(6);
  call("capget", header(), new Uint8Array(data.buffer));
  return { low: data[1]!, high: data[4]! };
}

/** int capset(header, data): the effective, permitted and inheritable set of this thread. @throws SysError */
export function setCapabilities(
  effective: CapabilityMask,
  permitted: CapabilityMask,
  inheritable: CapabilityMask,
): void {
  const data = new Uint32Array([
    effective.low,
    permitted.low,
    inheritable.low,
    effective.high,
    permitted.high,
    inheritable.high,
  ]);
  call("capset", header(), new Uint8Array(data.buffer));
}

/**
 * int prctl(PR_CAPBSET_DROP, int capability), for good. False where this kernel has no such capability.
 * @throws SysError
 */
export function dropFromBoundingSet(number: number): boolean {
  const result = attempt("prctl", PR.PR_CAPBSET_DROP, number, 0, 0, 0);
  if (result < 0 && result !== -EINVAL) call("prctl", PR.PR_CAPBSET_DROP, number, 0, 0, 0);
  return result >= 0;
}

/** int prctl(PR_CAPBSET_READ, int capability): false where this kernel has no such capability. */
export function kernelKnowsCapability(number: number): boolean {
  return attempt("prctl", PR.PR_CAPBSET_READ, number, 0, 0, 0) >= 0;
}

/** int prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, int capability): it outlives execve(2). @throws SysError */
export function raiseAmbient(number: number): void {
  const PR_CAP_AMBIENT_RAISE = 2;
  call("prctl", PR.PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0);
}

/**
 * int prctl(PR_SET_KEEPCAPS, int on): whether the permitted set stays when the user id is no longer 0. @throws SysError
 */
export function keepCapabilities(on: boolean): number {
  return call("prctl", PR.PR_SET_KEEPCAPS, on ? 1 : 0, 0, 0, 0);
}

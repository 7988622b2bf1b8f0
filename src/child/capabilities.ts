// Owns the capabilities of the command: the spec's sets, as far as minibox has these capabilities itself
// (capabilities(7)).

import type { ChildRequest } from "../sync.ts";
import {
  type CapabilityMask,
  dropFromBoundingSet,
  hasCapability,
  keepCapabilities,
  kernelKnowsCapability,
  permittedCapabilities,
  raiseAmbient,
  setCapabilities,
} from "../sys/capability.ts";
import { step } from "../sys/libc.ts";
import { CAPABILITIES } from "../sys/names.ts";
import { Refusal } from "./refusal.ts";

/** A capability's number is below this. The kernel refuses the first number that it does not know. */
const MOST = 64;

/**
 * Drops every capability from the bounding set that the spec's bounding set does not have; this needs CAP_SETPCAP. A
 * spec without sets gives no capability. Where minibox lacks a capability of the spec, it is left out with a warning.
 * @throws SysError, Refusal where minibox lacks one of the required
 */
export function limitBounding(request: ChildRequest, warn: (message: string) => void): void {
  step(
    "limit the capabilities",
    "what is dropped here cannot be regained, not even by root in the container",
  );
  const { capabilities: sets, spec, options } = request;
  const had = permittedCapabilities();
  if (sets.permitted.low & ~had.low || sets.permitted.high & ~had.high)
    tellLacking(sets.permitted, had, options.requiredCapabilities, warn);
  for (let number = 0; number < MOST; number++)
    if (!hasCapability(sets.bounding, number) && !dropFromBoundingSet(number)) break;
  // A change from root to another user clears the permitted set, unless it is kept. It is kept for ambient capabilities
  // alone: a user other than root loses all others in execve anyway.
  if (spec.process.user.uid !== 0 && !isEmpty(sets.ambient)) keepCapabilities(true);
}

function isEmpty({ low, high }: CapabilityMask): boolean {
  return low === 0 && high === 0;
}

function tellLacking(
  wanted: CapabilityMask,
  permitted: CapabilityMask,
  required: readonly string[],
  warn: (message: string) => void,
): void {
  const lacking: string[] = [];
  for (const [number, name] of CAPABILITIES.entries()) {
    if (!hasCapability(wanted, number) || hasCapability(permitted, number)) continue;
    if (required.includes(name))
      throw new Refusal(
        kernelKnowsCapability(number)
          ? `the capability ${name} cannot be given: minibox itself does not have it here`
          : `the capability ${name} cannot be given: this kernel is too old for it`,
      );
    lacking.push(name);
  }
  warn(`the container does not get ${lacking.join(", ")}: minibox itself does not have it here`);
}

/** Sets the command's capability sets, after the change of user. @throws SysError */
export function limitCapabilities(sets: ChildRequest["capabilities"]): void {
  const had = permittedCapabilities();
  step("set the capabilities", "inheritable and ambient stay empty unless asked for");
  setCapabilities(both(sets.effective, had), both(sets.permitted, had), both(sets.inheritable, had));
  if (isEmpty(sets.ambient)) return;
  const ambient = both(sets.ambient, had);
  for (let number = 0; number < MOST; number++) if (hasCapability(ambient, number)) raiseAmbient(number);
}

function both(a: CapabilityMask, b: CapabilityMask): CapabilityMask {
  return {
    low: a.low & b.low,
    high: a.high & b.high,
  };
}

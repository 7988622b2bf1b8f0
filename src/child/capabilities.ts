// Owns the capabilities of the command: the spec's sets, as far as minibox has these capabilities itself
// (capabilities(7)).

import type { Process } from "../spec/types.ts";
import {
  type CapabilityMask,
  capabilityMask,
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
 * @throws SysError, Refusal where minibox lacks one of the `required`
 */
export function limitBounding(
  { capabilities: sets = {}, user }: Process,
  required: readonly string[],
  warn: (message: string) => void,
): void {
  step(
    "limit the capabilities",
    "what is dropped here cannot be regained, not even by root in the container",
  );
  const wanted = capabilityMask(sets.permitted);
  const permitted = permittedCapabilities();
  if (wanted.low & ~permitted.low || wanted.high & ~permitted.high)
    tellLacking(wanted, permitted, required, warn);
  const bounding = capabilityMask(sets.bounding);
  for (let number = 0; number < MOST; number++)
    if (!hasCapability(bounding, number) && !dropFromBoundingSet(number)) break;
  // A change from root to another user clears the permitted set, unless it is kept. It is kept for ambient capabilities
  // alone: a user other than root loses all others in execve anyway.
  if (user.uid !== 0 && sets.ambient?.length) keepCapabilities(true);
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
export function limitCapabilities({ capabilities: sets = {} }: Process): void {
  const ambient = sets.ambient ?? [];
  const had = permittedCapabilities();
  step("set the capabilities", "inheritable and ambient stay empty unless asked for");
  setCapabilities(given(sets.effective, had), given(sets.permitted, had), given(sets.inheritable, had));
  for (const name of ambient) {
    const number = CAPABILITIES.indexOf(name);
    if (hasCapability(had, number)) raiseAmbient(number);
  }
}

function given(names: readonly string[] | undefined, had: CapabilityMask): CapabilityMask {
  const { low, high } = capabilityMask(names);
  return { low: low & had.low, high: high & had.high };
}

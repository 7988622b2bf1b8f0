// Owns the capabilities of the command: what of the spec's sets can be given, and the order in which the rest goes
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

/** More than any kernel has; the kernel says itself where its own end. */
const MOST = 64;

/**
 * Empties the bounding set but for the spec's, while we still have CAP_SETPCAP. What was asked for by name and cannot
 * be given is refused; what is only usual is gone without, with a word about it. A spec without sets gives none. @throws SysError, Refusal
 */
export function limitBounding(
  { capabilities: sets = {}, user }: Process,
  required: readonly string[],
  warn: (message: string) => void,
): void {
  step("limit the capabilities", "root inside is root over less: what is dropped here cannot be got back");
  const wanted = capabilityMask(sets.permitted);
  const permitted = permittedCapabilities();
  if (wanted.low & ~permitted.low || wanted.high & ~permitted.high)
    tellLacking(wanted, permitted, required, warn);
  const bounding = capabilityMask(sets.bounding);
  for (let number = 0; number < MOST; number++)
    if (!hasCapability(bounding, number) && !dropFromBoundingSet(number)) break;
  // only ambient ones outlive execve for another user than root; without, the change of user shall take them all
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

/** Sets what is left to the command, after the change of user. @throws SysError */
export function limitCapabilities({ capabilities: sets = {} }: Process): void {
  const ambient = sets.ambient ?? [];
  const had = permittedCapabilities();
  const given = (names: readonly string[] | undefined): CapabilityMask => {
    const { low, high } = capabilityMask(names);
    return { low: low & had.low, high: high & had.high };
  };
  step("set the capabilities", "inheritable and ambient stay empty unless asked for");
  setCapabilities(given(sets.effective), given(sets.permitted), given(sets.inheritable));
  for (const name of ambient) {
    const number = CAPABILITIES.indexOf(name);
    if (hasCapability(had, number)) raiseAmbient(number);
  }
}

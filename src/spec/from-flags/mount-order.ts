// Owns the order in which a container's mounts are made, and which of the defaults a mount of the user's replaces. Pure.

import { UsageError } from "../../errors.ts";
import type { Mount } from "../types.ts";

/** True where `path` is the directory `above` or lies in it. Both paths are clean. */
const isWithin = (path: string, above: string): boolean => path === above || path.startsWith(`${above}/`);

const depth = ({ destination }: Mount): number => destination.split("/").length;

/** True where a given mount has a default one's place, or is a bind of a directory around that place. */
const replaces = (given: Mount, { destination }: Mount): boolean =>
  given.destination === destination || (given.type === "bind" && isWithin(destination, given.destination));

/**
 * The outer mounts first, since a mount hides what lies below its place; those of one depth stay in their order. A
 * default that a mount of the user's replaces is left out. @throws UsageError where two have the same destination
 */
export function orderMounts(defaults: readonly Mount[], given: readonly Mount[]): Mount[] {
  const places = new Set<string>();
  for (const { destination } of given) {
    if (places.has(destination))
      throw new UsageError(
        `two mounts have the destination ${destination}: of --volume, --mount and --tmpfs only one may name it`,
      );
    places.add(destination);
  }
  const kept = defaults.filter((entry) => !given.some((other) => replaces(other, entry)));
  return [...kept, ...given].sort((a, b) => depth(a) - depth(b));
}

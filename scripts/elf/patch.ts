// Owns which changes are made to the executable that `bun build --compile` makes, and their order.

import { alignSegments } from "./align.ts";
import { Executable } from "./executable.ts";
import { guard } from "./guard.ts";
import { ignoreEnvironment } from "./ignore-environment.ts";
import { keepNofile } from "./keep-nofile.ts";
import { largePages } from "./large-pages.ts";
import { noWarmUp } from "./no-warm-up.ts";
import { readOnlyBundle } from "./read-only-bundle.ts";
import { reserveLess } from "./reserve-less.ts";

/** Each changes the executable in place, and throws where the executable is not as it expects. */
export const PATCHES = [keepNofile, ignoreEnvironment, reserveLess, noWarmUp, guard, largePages];

/**
 * Returns the patched executable. The bundle becomes a segment, and then the segments are moved, which makes the room that the
 * guard takes.
 */
export function patch(bytes: Uint8Array, patches = PATCHES): Executable {
  const executable = alignSegments(readOnlyBundle(new Executable(bytes)));
  for (const change of patches) change(executable);
  return executable;
}

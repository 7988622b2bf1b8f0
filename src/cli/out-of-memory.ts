// Owns what a person is told when the kernel has killed somebody in a container for want of memory.

import type { OomKills } from "../cgroup/types.ts";

/** `limit` is the container's own, in bytes; `isKilled` where the command itself was. */
export function outOfMemoryNote(
  { count, own, above }: OomKills,
  limit: number | undefined,
  isKilled: boolean,
): string {
  const who = isKilled ? "the container" : `${count === 1 ? "a process" : `${count} processes`} in it`;
  if (own && limit !== undefined)
    return `out of memory: ${who} reached the limit of ${limit} bytes (--memory) and was killed`;
  if (above)
    return `out of memory: ${who} was killed, because all that is in the cgroup ${above.path} reached its limit of ${above.limit} bytes`;
  return `out of memory: ${who} was killed, because the host, or a cgroup around it, has no more`;
}

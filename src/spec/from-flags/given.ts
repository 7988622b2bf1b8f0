// Owns the types of what the flags of `run` are read with.

import type { Seccomp } from "../types.ts";

/** The flags that describe the container, as given. */
export interface Given {
  /** no flag at all */
  none: boolean;
  one(flag: string): string | undefined;
  many(flag: string): readonly string[];
  is(flag: string): boolean;
}

/** What the host knows and the flags refer to. */
export interface Host {
  /** the caller's working directory; "" where it was deleted */
  cwd: string;
  /** the caller's environment, asked for one name at a time */
  env(name: string): string | undefined;
  readFile(path: string): string;
  /** a user of the container's own /etc/passwd; root for undefined */
  user(text: string | undefined): ResolvedUser;
  /** the profile of a file, or the default one, for a bounding set */
  seccomp(profile: string | undefined, capabilities: readonly string[]): Seccomp;
  /** the host's resolv.conf, where the rootfs has a place for it */
  resolvConf(): string | undefined;
  /** the container's oom_score_adj, where the caller's must not be inherited */
  oomScoreAdj(): number | undefined;
  terminal: boolean;
  consoleSize: { height: number; width: number } | undefined;
}

/** The user of the container, looked up in its own /etc/passwd. */
export interface ResolvedUser {
  uid: number;
  gid: number;
  additionalGids: number[];
  home: string;
}

// Owns docker's and podman's default profiles as the tests know them: facts noted in ../fixtures, read back as profiles.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConditionalProfile, ConditionalSyscall } from "../../../../src/seccomp/profile.ts";
import type { SeccompArch, SeccompArg } from "../../../../src/spec/types.ts";

/** One rule: names divided by blanks; `args` is [index, comparison, value], `anyFirst` values of the first argument. */
interface Noted {
  allow?: string[];
  refuse?: string[];
  errno?: number;
  args?: [number, string, number][];
  anyFirst?: number[];
  caps?: string[];
  notCaps?: string[];
  arches?: string[];
  notArches?: string[];
  minKernel?: string;
}

export interface Fixture {
  source: string;
  commit: string;
  defaultErrno: number;
  architectures: Record<string, string[]>;
  rules: Noted[];
}

export const fixture = (who: "docker" | "podman"): Fixture =>
  JSON.parse(readFileSync(join(import.meta.dir, `../fixtures/${who}.json`), "utf8"));

const arg = (index: number, op: string, value: number): SeccompArg => ({
  index,
  op: `SCMP_CMP_${op}` as SeccompArg["op"],
  value,
});

function rulesOf(noted: Noted): ConditionalSyscall[] {
  const { caps = [], notCaps = [], arches = [], notArches = [], minKernel = "" } = noted;
  const rule: ConditionalSyscall = {
    names: (noted.allow ?? noted.refuse ?? []).flatMap((line) => line.split(" ")),
    action: noted.allow === undefined ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW",
    ...(noted.errno === undefined ? {} : { errnoRet: noted.errno }),
    includes: { caps, arches, minKernel },
    excludes: { caps: notCaps, arches: notArches },
  };
  if (noted.anyFirst) return noted.anyFirst.map((value) => ({ ...rule, args: [arg(0, "EQ", value)] }));
  return [{ ...rule, args: (noted.args ?? []).map((triple) => arg(...triple)) }];
}

/** The form that --security-opt seccomp=FILE takes. */
export function profileOf(noted: Fixture): ConditionalProfile {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: noted.defaultErrno,
    archMap: Object.values(noted.architectures).map(([architecture, ...subs]) => ({
      architecture: architecture as SeccompArch,
      subArchitectures: subs as SeccompArch[],
    })),
    syscalls: noted.rules.flatMap(rulesOf),
  };
}

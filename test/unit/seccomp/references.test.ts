// The default profile beside docker's and podman's, name by name and condition by condition: every difference is in
// src/seccomp/differences.ts, with its reason.

import { describe, expect, test } from "bun:test";
import type { Machine } from "../../../src/seccomp/abi.ts";
import { isKnownSyscall } from "../../../src/seccomp/abi.ts";
import { defaultProfile, PROFILE_CAPABILITIES } from "../../../src/seccomp/default-profile.ts";
import { FROM_DOCKER, FROM_PODMAN } from "../../../src/seccomp/differences.ts";
import { type ConditionalProfile, resolveProfile } from "../../../src/seccomp/profile.ts";
import type { Seccomp } from "../../../src/spec/types.ts";
import { AUDIT } from "./support/bpf.ts";
import { type Fixture, fixture, profileOf } from "./support/profiles.ts";
import { evaluate, numbersOf } from "./support/reference.ts";

const ALLOW = 0x7fff0000;
const MACHINES: Machine[] = ["x86_64", "aarch64"];
const ABIS = {
  x86_64: [
    ["x86_64", AUDIT.x86_64, 0],
    ["x32", AUDIT.x86_64, 0x40000000],
    ["x86", AUDIT.x86, 0],
  ],
  aarch64: [
    ["aarch64", AUDIT.aarch64, 0],
    ["arm", AUDIT.arm, 0],
  ],
} as const;

const docker = fixture("docker");
const podman = fixture("podman");
const capabilitiesOf = ({ rules }: Fixture): string[] =>
  rules.flatMap(({ caps, notCaps }) => [...(caps ?? []), ...(notCaps ?? [])]);

/** Bounding sets: none, each that a rule of any of the three asks for, and all of them together. */
const capabilities = [
  ...new Set([...PROFILE_CAPABILITIES, ...capabilitiesOf(docker), ...capabilitiesOf(podman)]),
].sort();
const SETS = [[], ...capabilities.map((cap) => [cap]), capabilities];

const resolve = (profile: ConditionalProfile, arch: Machine, caps: readonly string[]): Seccomp =>
  resolveProfile(profile, { arch, caps, kernel: "6.18.0" });

const namesOf = (noted: Fixture): string[] => [
  ...new Set(noted.rules.flatMap(({ allow, refuse }) => (allow ?? refuse)!.join(" ").split(" "))),
];

/** What is said of each name that this machine has: verdict and conditions, one text a rule. */
function rulesByName(profile: Seccomp, machine: Machine): Map<string, Set<string>> {
  const known = new Set(ABIS[machine].flatMap(([abi]) => Object.keys(numbersOf(abi))));
  const rules = new Map<string, Set<string>>();
  for (const { names, action, errnoRet, args = [] } of profile.syscalls!) {
    const conditions = args.map(
      ({ index, op, value, valueTwo }) => `${index} ${op} ${value} ${valueTwo ?? 0}`,
    );
    const text = [action, errnoRet ?? "", ...conditions].join(" ").trim();
    for (const name of names) if (known.has(name)) rules.set(name, (rules.get(name) ?? new Set()).add(text));
  }
  return rules;
}

const sorted = (set: Set<string> | undefined): string[] => [...(set ?? [])].sort();

describe.each(MACHINES)("beside docker's, %s", (machine) => {
  test("every call has the same rules, with every capability", () => {
    const theirs = profileOf(docker);
    const listed = new Set(Object.keys(FROM_DOCKER));
    for (const caps of SETS) {
      const [ours, wanted] = [defaultProfile(machine, caps), resolve(theirs, machine, caps)].map((profile) =>
        rulesByName(profile, machine),
      );
      const differing = [...new Set([...ours!.keys(), ...wanted!.keys()])]
        .map((name) => ({ name, ours: sorted(ours!.get(name)), docker: sorted(wanted!.get(name)) }))
        .filter((rules) => !Bun.deepEquals(rules.ours, rules.docker));
      const unlisted = differing.filter(({ name }) => !(name in FROM_DOCKER));
      expect({ caps, unlisted }).toEqual({ caps, unlisted: [] });
      for (const { name } of differing) listed.delete(name);
    }
    expect([...listed]).toEqual([]);
  });

  test("the rest is the same too: default, architectures", () => {
    const { syscalls: _, ...theirs } = resolve(profileOf(docker), machine, []);
    const { syscalls: __, ...ours } = defaultProfile(machine, []);
    expect(ours).toEqual(theirs);
    expect(docker.architectures[machine]).toEqual(ours.architectures as string[]);
  });
});

// Arguments that some rule looks at; for all other calls what is in them makes no difference.
const FIRST: Record<string, number[]> = {
  socket: Array.from({ length: 48 }, (_, family) => family),
  personality: [0, 8, 0x20000, 0x20008, 0x40000, 0xffffffff],
  clone: [17, 0x3d0f00, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000],
};

/** The names of which `theirs` allows a call that `ours` does not. */
function refusedBeside(theirs: Seccomp, ours: Seccomp, machine: Machine): Set<string> {
  const refused = new Set<string>();
  for (const [abi, arch, base] of ABIS[machine]) {
    for (const [name, number] of Object.entries(numbersOf(abi))) {
      for (const first of FIRST[name] ?? [0]) {
        for (const third of [0, 9]) {
          const args = [BigInt(first), 0n, BigInt(third), 0n, 0n, 0n];
          const call = { nr: base + number, arch, args };
          if (evaluate(theirs, machine, call) !== ALLOW || evaluate(ours, machine, call) === ALLOW) continue;
          refused.add(name);
        }
      }
    }
  }
  return refused;
}

describe("beside podman's", () => {
  const found = new Set<string>();
  for (const machine of MACHINES) {
    const sets: [string, string[]][] = [
      ["no capability", []],
      ["docker's and podman's", ["CAP_SYS_CHROOT", "CAP_AUDIT_WRITE"]],
      ["all", capabilities],
    ];
    test.each(sets)(`${machine}: what it allows and we do not is listed, with %s`, (_, caps) => {
      const theirs = resolve(profileOf(podman), machine, caps);
      const refused = refusedBeside(theirs, defaultProfile(machine, caps), machine);
      for (const name of refused) found.add(name);
      expect([...refused].filter((name) => !(name in FROM_PODMAN))).toEqual([]);
    });
  }

  test("nothing is listed that is no difference", () => {
    expect(Object.keys(FROM_PODMAN).filter((name) => !found.has(name))).toEqual([]);
  });
});

describe("names", () => {
  test.each([
    ["docker's", docker],
    ["podman's", podman],
  ])("of %s profile are all system calls, somewhere", (_, noted) => {
    expect(namesOf(noted).filter((name) => !isKnownSyscall(name))).toEqual([]);
    expect(namesOf(noted).length).toBeGreaterThan(380);
  });

  test("from 424 on are the same on every architecture, without a gap, up to Linux 7.0's", () => {
    const [first, last] = [424, 471];
    for (const abi of ["x86_64", "x32", "x86", "aarch64", "arm"] as const) {
      const byNumber = (numbers: Record<string, number>) =>
        new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
      const [here, there] = [byNumber(numbersOf(abi)), byNumber(numbersOf("x86_64"))];
      for (let number = first; number <= last; number++) {
        const isAbsent = abi === "arm" && number === 447; // memfd_secret
        expect([abi, number, here.get(number)]).toEqual([
          abi,
          number,
          isAbsent ? undefined : there.get(number)!,
        ]);
      }
    }
  });

  test("that are listed as different have a reason", () => {
    for (const differences of [FROM_DOCKER, FROM_PODMAN])
      for (const reason of Object.values(differences)) expect(reason).toMatch(/^\S.{20,}/);
  });
});

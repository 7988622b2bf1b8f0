// Compiled filters are loaded, and what the kernel does to real calls is compared with the reference's verdicts.

import { afterAll, describe, expect, test } from "bun:test";
import type { Machine } from "../../../src/seccomp/abi.ts";
import { compile } from "../../../src/seccomp/compile.ts";
import { defaultFilter } from "../../../src/seccomp/default-filter.ts";
import type { Seccomp, SeccompAction } from "../../../src/spec/types.ts";
import { skipped } from "../../support/minibox.ts";
import { AUDIT, type Call } from "./support/bpf.ts";
import { type Outcome, openKernel, reasonWithoutKernel } from "./support/kernel.ts";
import { pick, type Random, randomCall, randomProfile, randomValue, seeded } from "./support/random.ts";
import { evaluate, numbersOf } from "./support/reference.ts";

const machine: Machine = process.arch === "arm64" ? "aarch64" : "x86_64";
const native = machine === "x86_64" ? AUDIT.x86_64 : AUDIT.aarch64;
const numbers = numbersOf(machine);

// These calls take no arguments and change nothing, whatever the registers hold.
const HARMLESS = "getpid getppid getuid geteuid getgid getegid gettid".split(" ");

const reason = reasonWithoutKernel();
const kernel = reason ? undefined : openKernel();
afterAll(() => kernel?.[Symbol.dispose]());
if (machine === "x86_64" && kernel?.hasInt80 === false)
  skipped("the kernel has no int $0x80: the calls of the 32-bit ABI are left out");

/** What the kernel does on a verdict; undefined where the call was made and may return anything. */
function expected(verdict: number): Outcome["what"] | number | undefined {
  const action = (verdict & 0xffff0000) >>> 0;
  if (action === 0x80000000) return "process killed";
  if (action === 0) return "thread killed";
  if (action === 0x30000) return "trapped";
  if (action === 0x50000) return -Math.min(verdict & 0xffff, 4095);
  if (action === 0x7fc00000 || action === 0x7ff00000) return -38; // no listener, no tracer: ENOSYS
  return undefined;
}

function compare(profile: Seccomp, calls: Call[], detail: object): void {
  const { program } = compile(profile, machine);
  const outcomes = kernel!.run(program, calls);
  for (const [i, call] of calls.entries()) {
    const verdict = evaluate(profile, machine, call);
    const want = expected(verdict);
    const { what, value } = outcomes[i]!;
    if (typeof want === "string") expect({ ...detail, call, what }).toEqual({ ...detail, call, what: want });
    else expect({ ...detail, call, what }).toEqual({ ...detail, call, what: "returned" });
    if (typeof want === "number")
      expect({ ...detail, call, value }).toEqual({ ...detail, call, value: want });
    // The profiles here have errnos from 1000 on, which no call returns by itself.
    else if (want === undefined)
      expect({ ...detail, call, known: value >= -200 }).toEqual({ ...detail, call, known: true });
  }
}

/** A call that changes nothing when the filter lets it through: a harmless one, or a number that no kernel has. */
function harmlessCall(random: Random, profile: Seccomp): Call {
  const near = randomCall(random, profile, machine);
  const args = random(2) === 0 ? near.args : Array.from({ length: 6 }, () => randomValue(random));
  if (kernel?.hasInt80 && random(4) === 0) {
    return { arch: AUDIT.x86, nr: random(8) === 0 ? 800 : numbersOf("x86")[pick(random, HARMLESS)]!, args };
  }
  const x32 = machine === "x86_64" && random(6) === 0 ? 0x40000000 : 0;
  return { arch: native, nr: x32 + (random(8) === 0 ? 800 : numbers[pick(random, HARMLESS)]!), args };
}

describe.skipIf(reason !== "")("the kernel agrees with the reference", () => {
  test("random profiles and calls, all actions", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seeded(seed);
      const profile = randomProfile(random, HARMLESS);
      const syscalls = profile.syscalls!.map((rule) =>
        rule.action === "SCMP_ACT_ERRNO" ? { ...rule, errnoRet: 1000 + random(3000) } : rule,
      );
      const calls = Array.from({ length: 60 }, () => harmlessCall(random, profile));
      compare({ ...profile, syscalls }, calls, { seed });
    }
  }, 60_000);

  const actions = ["KILL", "KILL_THREAD", "KILL_PROCESS", "TRAP", "ERRNO", "TRACE", "LOG", "ALLOW", "NOTIFY"];
  test.each(actions)("SCMP_ACT_%s", (name) => {
    const action = `SCMP_ACT_${name}` as SeccompAction;
    const args = [{ index: 2, value: 0x1_0000_0001n, op: "SCMP_CMP_EQ" as const }];
    const profile: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: "/run/agent.sock",
      syscalls: [{ names: ["getppid"], action, args, ...(name === "ERRNO" ? { errnoRet: 4095 } : {}) }],
    };
    const call = (value: bigint): Call => ({ arch: native, nr: numbers.getppid!, args: [0n, 0n, value] });
    compare(profile, [call(1n), call(0x1_0000_0001n), call(0x1_0000_0000n), call(0x1_0000_0001n)], { name });
  });
});

describe.skipIf(reason !== "")("the default filter in the kernel", () => {
  const make = (name: string, ...args: (number | bigint)[]): Call => ({
    arch: native,
    nr: numbers[name]!,
    args: args.map((arg) => BigInt.asUintN(64, BigInt(arg))),
  });
  const EPERM = -1;
  const ENOSYS = -38;
  const EINVAL = -22;
  const EFAULT = -14;
  const EAFNOSUPPORT = -97;

  const cases: [string, Call, number | ((value: number) => boolean)][] = [
    ["getpid", make("getpid"), (value) => value > 0],
    ["futex_waitv is there", make("futex_waitv", 0, 0, 1), EINVAL],
    ["getrandom, of nothing", make("getrandom", 0, 0, 0), 0],
    ["membarrier's question", make("membarrier", 0, 0, 0), (value) => value > 0],
    ["memfd_create", make("memfd_create", 0, 0), EFAULT],
    [
      "landlock_create_ruleset is there",
      make("landlock_create_ruleset", 1, 0, 0),
      (value) => value !== EPERM,
    ],
    ["process_vm_readv", make("process_vm_readv", 0, 0, 0, 0, 0, 1), EINVAL],
    ["fanotify_init", make("fanotify_init", 0, 0), EPERM],
    ["perf_event_open", make("perf_event_open", 0, 0, 0, 0, 0), EPERM],
    ["get_mempolicy", make("get_mempolicy", 0, 0, 0, 0, 0), EPERM],
    ["pidfd_getfd", make("pidfd_getfd", -1, 0, 0), EPERM],
    ["open_tree_attr, younger than the profile", make("open_tree_attr", -1, 0, 0, 0, 0), ENOSYS],
    ["io_uring_setup", make("io_uring_setup", 1, 0), EPERM],
    ["unshare of a user namespace", make("unshare", 0x10000000), EPERM],
    ["setns", make("setns", -1, 0), EPERM],
    ["clone of a user namespace", make("clone", 0x10000000 | 17), EPERM],
    ["clone3, so that libc uses clone", make("clone3", 0, 0), ENOSYS],
    ["keyctl", make("keyctl", 0, 0, 0), EPERM],
    ["userfaultfd", make("userfaultfd", 0), EPERM],
    ["bpf", make("bpf", 0, 0, 0), EPERM],
    ["mount", make("mount", 0, 0, 0, 0, 0), EPERM],
    ["open_by_handle_at", make("open_by_handle_at", -1, 0, 0), EPERM],
    ["a call that is younger than the profile", { arch: native, nr: 900, args: [] }, ENOSYS],
    ["personality(PER_LINUX32)'s question", make("personality", 0xffffffff), (value) => value >= 0],
    ["personality(ADDR_NO_RANDOMIZE)", make("personality", 0x40000), EPERM],
    ["socket(AF_VSOCK)", make("socket", 40, 1, 0), EPERM],
    ["socket(AF_VSOCK) with a high bit", make("socket", 0x1_0000_0028n, 1, 0), EPERM],
    ["socket(AF_ALG)", make("socket", 38, 5, 0), EPERM],
    ["socket of no family", make("socket", 0, 1, 0), EAFNOSUPPORT],
    ["socket(AF_INET), of no type", make("socket", 2, 99, 0), EINVAL],
    [
      "socket(AF_NETLINK), of no type",
      make("socket", 16, 99, 0),
      (value) => value === EINVAL || value === -94,
    ],
    ["chroot, which the default capabilities have", make("chroot", 0), EFAULT],
  ];
  test.each(cases)("%s", (_name, call, want) => {
    const [outcome] = kernel!.run(Uint8Array.fromBase64(defaultFilter(machine, ["CAP_SYS_CHROOT"])!), [call]);
    expect(outcome!.what).toBe("returned");
    if (typeof want === "number") expect(outcome!.value).toBe(want);
    else expect(want(outcome!.value)).toBe(true);
  });

  test("chroot without CAP_SYS_CHROOT", () => {
    expect(kernel!.run(Uint8Array.fromBase64(defaultFilter(machine, [])!), [make("chroot", 0)])).toEqual([
      { what: "returned", value: EPERM },
    ]);
  });
});

// The default profile: what it means, and that its precompiled filters are it.

import { describe, expect, test } from "bun:test";
import { parse, stringify } from "../../../src/json.ts";
import type { Machine } from "../../../src/seccomp/abi.ts";
import { compile } from "../../../src/seccomp/compile.ts";
import {
  defaultFilter as defaultFilterText,
  defaultSeccomp,
  filterFor,
  MACHINE,
} from "../../../src/seccomp/default-filter.ts";
import { defaultProfile, PROFILE_CAPABILITIES } from "../../../src/seccomp/default-profile.ts";
import * as compiler from "../../../src/seccomp/load-profile.ts";
import { AUDIT, run } from "./support/bpf.ts";
import { randomCall, seeded } from "./support/random.ts";
import { evaluate, numbersOf } from "./support/reference.ts";

const silent = (): void => {};
const ALLOW = 0x7fff0000;
const EPERM = 0x50001;
const ENOSYS = 0x50026;
const MACHINES: Machine[] = ["x86_64", "aarch64"];
// docker's set; CAP_SYS_CHROOT is the only one of them that the profile looks at.
const DEFAULT_CAPS =
  "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
    .split(" ")
    .map((name) => `CAP_${name}`);

function defaultFilter(machine: Machine, caps: readonly string[]): Uint8Array | undefined {
  const text = defaultFilterText(machine, caps);
  return text === undefined ? undefined : Uint8Array.fromBase64(text);
}

describe("the object of a spec", () => {
  test("brings its filter along, by being that very object", () => {
    const seccomp = defaultSeccomp(DEFAULT_CAPS);
    expect(seccomp).toEqual(defaultProfile(MACHINE, DEFAULT_CAPS));
    const ready = { program: defaultFilterText(MACHINE, DEFAULT_CAPS)!, flags: 0, listens: false };
    expect(filterFor(seccomp, "it", undefined, silent)).toEqual(ready);
    expect(() => filterFor({ ...seccomp }, "it", undefined, silent)).toThrow("nothing was loaded");
    expect(filterFor({ ...seccomp }, "it", compiler, silent)).toEqual(ready);
  });

  test("is compiled where a capability brings calls", () => {
    const caps = [...DEFAULT_CAPS, "CAP_SYS_ADMIN"];
    const seccomp = defaultSeccomp(caps);
    expect(() => filterFor(seccomp, "it", undefined, silent)).toThrow("nothing was loaded");
    expect(filterFor(seccomp, "it", compiler, silent).program).toBe(
      compile(defaultProfile(MACHINE, caps), MACHINE).program.toBase64(),
    );
  });

  test("is the same after a journey as JSON", () => {
    const seccomp = defaultSeccomp(DEFAULT_CAPS);
    expect(parse(stringify(seccomp))).toEqual(seccomp);
  });
});

describe.each(MACHINES)("precompiled filters, %s", (machine) => {
  // After a change of profile, tables or compiler: bun scripts/seccomp-tables.ts --filter
  test.each([[DEFAULT_CAPS], [[]], [["CAP_NET_ADMIN"]]])("are the compiled profile for %p", (caps) => {
    expect(defaultFilter(machine, caps)).toEqual(compile(defaultProfile(machine, caps), machine).program);
  });

  test("there is none where a capability brings calls", () => {
    const others = PROFILE_CAPABILITIES.filter((cap) => cap !== "CAP_SYS_CHROOT");
    expect(others.length).toBe(PROFILE_CAPABILITIES.length - 1);
    for (const cap of others) expect(defaultFilter(machine, [...DEFAULT_CAPS, cap])).toBeUndefined();
  });

  test("agree with the reference, also across the numbers", () => {
    const random = seeded(5);
    const profile = defaultProfile(machine, DEFAULT_CAPS);
    const program = defaultFilter(machine, DEFAULT_CAPS)!;
    const audits = machine === "x86_64" ? [AUDIT.x86_64, AUDIT.x86] : [AUDIT.aarch64, AUDIT.arm];
    const args = [0n, 0n, 0n, 0n, 0n, 0n];
    for (const arch of audits) {
      for (const base of [0, 0x40000000]) {
        for (let nr = base; nr < base + 600; nr += 3) {
          expect(run(program, { nr, arch, args })).toBe(evaluate(profile, machine, { nr, arch, args }));
        }
      }
    }
    for (let i = 0; i < 1000; i++) {
      const made = randomCall(random, profile, machine);
      expect(run(program, made)).toBe(evaluate(profile, machine, made));
    }
  });

  // The kernel remembers which calls are allowed by number and architecture alone, and does not run the filter for
  // them again (seccomp_cache_prepare in kernel/seccomp.c); a number takes some ten steps to find until then.
  test("a call that is always allowed is decided by its number, in a few instructions", () => {
    const program = defaultFilter(machine, DEFAULT_CAPS)!;
    const conditional = new Set(["socket", "personality", "clone"]);
    const names = defaultProfile(machine, DEFAULT_CAPS)
      .syscalls!.filter(({ action }) => action === "SCMP_ACT_ALLOW")
      .flatMap((rule) => rule.names);
    const numbers = numbersOf(machine);
    let [calls, instructions] = [0, 0];
    for (const name of new Set(names)) {
      if (numbers[name] === undefined || conditional.has(name)) continue;
      const cost = { instructions: 0, loads: new Set<number>() };
      expect(run(program, { nr: numbers[name], arch: AUDIT[machine], args: [] }, cost)).toBe(ALLOW);
      expect({ name, loads: [...cost.loads].sort() }).toEqual({ name, loads: [0, 4] });
      expect({ name, few: cost.instructions <= 16 }).toEqual({ name, few: true });
      instructions += cost.instructions;
      calls++;
    }
    expect(instructions / calls).toBeLessThan(12);
  });

  test("every name in the profile is a system call", () => {
    const all = [...PROFILE_CAPABILITIES];
    expect(compile(defaultProfile(machine, all), machine).unknownSyscalls).toEqual([]);
  });
});

describe("the default profile", () => {
  const numbers = numbersOf("x86_64");
  const verdict = (caps: string[], name: string, ...args: (number | bigint)[]) => {
    const call = { nr: numbers[name]!, arch: AUDIT.x86_64, args: args.map(BigInt) };
    return run(compile(defaultProfile("x86_64", caps), "x86_64").program, call);
  };

  const young =
    "futex_waitv cachestat fchmodat2 map_shadow_stack futex_wait statmount listmount mseal getxattrat uretprobe";
  test.each(young.split(" "))("allows %s", (name) => expect(verdict(DEFAULT_CAPS, name)).toBe(ALLOW));

  const refused =
    "acct add_key bpf clock_settime create_module delete_module finit_module get_mempolicy init_module io_uring_setup io_uring_enter io_uring_register ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind mount move_mount fsopen fsmount fsconfig fspick open_tree mount_setattr move_pages migrate_pages nfsservctl open_by_handle_at perf_event_open pidfd_getfd pivot_root process_madvise query_module quotactl quotactl_fd reboot request_key set_mempolicy setns settimeofday sethostname setdomainname swapon swapoff sysfs _sysctl syslog umount2 unshare uselib userfaultfd ustat vhangup lsm_set_self_attr";
  test.each(refused.split(" "))("refuses %s", (name) => expect(verdict(DEFAULT_CAPS, name)).toBe(EPERM));

  test("calls younger than the profile and clone3 are not there", () => {
    expect(verdict(DEFAULT_CAPS, "clone3")).toBe(ENOSYS);
    expect(verdict(DEFAULT_CAPS, "open_tree_attr")).toBe(ENOSYS);
    expect(verdict(["CAP_SYS_ADMIN"], "clone3")).toBe(ALLOW);
  });

  test("clone makes processes and threads, but no namespace", () => {
    expect(verdict(DEFAULT_CAPS, "clone", 0x3d0f00)).toBe(ALLOW); // pthread_create
    for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(verdict(DEFAULT_CAPS, "clone", 17 + flag)).toBe(EPERM);
      expect(verdict(["CAP_SYS_ADMIN"], "clone", 17 + flag)).toBe(ALLOW);
    }
  });

  test("sockets are of the families that docker lists", () => {
    for (const family of [1, 2, 10, 11, 16, 17, 29, 44, 45])
      expect(verdict([], "socket", family)).toBe(ALLOW);
    for (const family of [12, 19, 23, 38, 40, 46, 0x1_0000_0002n])
      expect(verdict([], "socket", family)).toBe(EPERM);
  });

  test("a capability brings its calls", () => {
    const brings: [string, string][] = [
      ["CAP_SYS_TIME", "clock_settime"],
      ["CAP_SYS_BOOT", "reboot"],
      ["CAP_SYS_ADMIN", "unshare"],
      ["CAP_SYS_NICE", "mbind"],
      ["CAP_BPF", "bpf"],
      ["CAP_SYSLOG", "syslog"],
      ["CAP_DAC_READ_SEARCH", "open_by_handle_at"],
      ["CAP_SYS_PTRACE", "kcmp"],
    ];
    for (const [cap, name] of brings) expect(verdict([cap], name)).toBe(ALLOW);
  });
});

// Owns: OCI's device rules as one list, and the list as a BPF program, run here by a small interpreter of it.

import { describe, expect, test } from "bun:test";
import { deviceProgram } from "../../../src/cgroup/device-program.ts";
import { type DeviceList, deviceList } from "../../../src/cgroup/devices.ts";
import type { DeviceRule } from "../../../src/spec/types.ts";

interface Access {
  type: "b" | "c";
  major: number;
  minor: number;
  access: string;
}

const BITS: Record<string, number> = { m: 1, r: 2, w: 4 };

/** What the kernel would answer: the few instructions that the programs are made of. */
function ask(program: Uint8Array, { type, major, minor, access }: Access): boolean {
  const view = new DataView(program.buffer);
  let bits = 0;
  for (const letter of access) bits |= BITS[letter]!;
  const context = [(bits << 16) | (type === "b" ? 1 : 2), major, minor];
  const registers: number[] = Array(11).fill(0);
  for (let at = 0; ; at++) {
    const offset = view.getInt16(8 * at + 2, true);
    const value = view.getInt32(8 * at + 4, true);
    const register = program[8 * at + 1]! & 15;
    const now = registers[register]!;
    switch (program[8 * at]) {
      case 0x61:
        registers[register] = context[offset / 4]!;
        break;
      case 0x54:
        registers[register] = now & value;
        break;
      case 0x74:
        registers[register] = now >>> value;
        break;
      case 0xb7:
        registers[register] = value;
        break;
      case 0x55:
        if (now !== value) at += offset;
        break;
      case 0x45:
        if (now & value) at += offset;
        break;
      case 0x05:
        at += offset;
        break;
      case 0x95:
        return registers[0] === 1;
      default:
        throw new Error(`instruction ${program[8 * at]} at ${at}`);
    }
  }
}

/** What a list means, said without jumps: to allow, one exception must hold all of it; to deny, any of it. */
function expected(list: DeviceList, wanted: Access): boolean {
  const matching = list.exceptions.filter(
    ({ type, major, minor }) =>
      type === wanted.type && (major < 0 || major === wanted.major) && (minor < 0 || minor === wanted.minor),
  );
  const holds = (access: string, letter: string): boolean => access.includes(letter);
  if (list.allowAll)
    return !matching.some(({ access }) => [...wanted.access].some((letter) => holds(access, letter)));
  return matching.some(({ access }) => [...wanted.access].every((letter) => holds(access, letter)));
}

const DENY_ALL: DeviceRule = { allow: false, access: "rwm" };

describe("the default list", () => {
  const list = deviceList([DENY_ALL]);

  test("lets harmless devices be used, every node be made, and nothing else", () => {
    const program = deviceProgram(list);
    const asked: [Access, boolean][] = [
      [{ type: "c", major: 1, minor: 3, access: "rw" }, true],
      [{ type: "c", major: 5, minor: 2, access: "rw" }, true],
      [{ type: "c", major: 136, minor: 17, access: "rw" }, true],
      [{ type: "b", major: 8, minor: 0, access: "m" }, true],
      [{ type: "b", major: 8, minor: 0, access: "r" }, false],
      [{ type: "b", major: 8, minor: 0, access: "rm" }, false],
      [{ type: "c", major: 1, minor: 1, access: "r" }, false], // mem
      [{ type: "c", major: 5, minor: 1, access: "w" }, false], // the host's console
      [{ type: "c", major: 10, minor: 200, access: "w" }, false], // tun
      [{ type: "b", major: 1, minor: 3, access: "r" }, false],
    ];
    for (const [access, answer] of asked) expect([access, ask(program, access)]).toEqual([access, answer]);
  });

  test("is the same without any rule", () => {
    expect(deviceList(undefined)).toEqual(list);
  });
});

test("rules count in their order, as the kernel's files take them", () => {
  const fuse: DeviceRule = { allow: true, type: "c", major: 10, minor: 229, access: "rw" };
  const last = (rules: DeviceRule[]) => deviceList(rules).exceptions.filter(({ major }) => major === 10);
  expect(last([DENY_ALL, fuse])).toEqual([{ type: "c", major: 10, minor: 229, access: "rw" }]);
  expect(last([fuse, DENY_ALL])).toEqual([]);
  expect(last([DENY_ALL, fuse, { ...fuse, allow: false, access: "w" }])).toMatchObject([{ access: "r" }]);
  expect(last([DENY_ALL, { ...fuse, access: "r" }, { ...fuse, access: "m" }])).toMatchObject([
    { access: "rm" },
  ]);
  expect(last([DENY_ALL, fuse, { allow: false, type: "c", access: "rwm" }])).toMatchObject([
    { access: "rw" },
  ]);
});

test("a list that allows all but something denies any part of that", () => {
  const list = deviceList([{ allow: true }, { allow: false, type: "b", major: 8, access: "rw" }]);
  expect(list).toEqual({ allowAll: true, exceptions: [{ type: "b", major: 8, minor: -1, access: "rw" }] });
  const program = deviceProgram(list);
  expect(ask(program, { type: "b", major: 8, minor: 1, access: "rm" })).toBe(false);
  expect(ask(program, { type: "b", major: 8, minor: 1, access: "m" })).toBe(true);
  expect(ask(program, { type: "b", major: 9, minor: 1, access: "rw" })).toBe(true);
});

test("a thousand random lists mean the same as programs", () => {
  let seed = 20260101;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const accesses = ["r", "w", "m", "rw", "rm", "wm", "rwm"];
  const some = <T>(values: readonly T[]): T => values[random(values.length)]!;
  for (let i = 0; i < 1000; i++) {
    const rules = Array.from(
      { length: random(8) },
      (): DeviceRule => ({
        allow: random(2) === 1,
        type: some(["a", "b", "c", "c"]),
        access: some(accesses),
        ...(random(2) ? { major: random(3) } : {}),
        ...(random(2) ? { minor: random(3) } : {}),
      }),
    );
    const list = deviceList(rules);
    const program = deviceProgram(list);
    for (let j = 0; j < 20; j++) {
      const access: Access = {
        type: some(["b", "c"]),
        major: random(4),
        minor: random(4),
        access: some(accesses),
      };
      expect([rules, access, ask(program, access)]).toEqual([rules, access, expected(list, access)]);
    }
  }
});

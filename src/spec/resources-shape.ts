// Owns what each field of the OCI object's `linux.resources` can be (config-linux.md, "Control groups").

import { SpecError } from "../errors.ts";
import { readObject, show } from "./check.ts";
import { bool, integer, list, object, oneOf, optionalWord, type Reader, strings } from "./shape.ts";
import type { DeviceRule, Resources } from "./types.ts";

const ALL = -1;

/** A device's number; -1 means every number, as if none were given. */
const number: Reader<number | undefined> = (value, field) =>
  value === ALL ? undefined : integer(0, 2 ** 32 - 1)(value, field);

const access: Reader<string | undefined> = (value, field) => {
  const letters = optionalWord(value, field);
  if (letters !== undefined && !/^[rwm]{1,3}$/.test(letters))
    throw new SpecError(field, `${show(letters)} must be made of the letters r, w and m`);
  return letters;
};

const deviceRule = object<DeviceRule>(
  {
    allow: bool,
    type: (value, field) => (value === "" ? undefined : oneOf("a", "c", "b")(value, field)),
    major: number,
    minor: number,
    access,
  },
  ["allow"],
);

const UNLIMITED = -1;
const most = Number.MAX_SAFE_INTEGER;

/** A limit: -1 is no limit, and 0 is as if it were not given, as other runtimes read it. */
const limit: Reader<number | undefined> = (value, field) =>
  integer(UNLIMITED, most)(value, field) || undefined;

/** A value of which 0 is as if it were not given. */
const amount: Reader<number | undefined> = (value, field) => integer(0, most)(value, field) || undefined;

/** A list of numbers as in cpuset(7), "0-2,7". */
const cpuList: Reader<string | undefined> = (value, field) => {
  const ranges = optionalWord(value, field);
  if (ranges !== undefined && !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(ranges))
    throw new SpecError(field, `${show(ranges)} is not a list of numbers (0-2,7)`);
  return ranges;
};

const memoryFields = object<Resources["memory"] & {}>(
  { limit, swap: limit, reservation: limit },
  [],
  ["kernel", "kernelTCP", "disableOOMKiller"],
);

/** A swappiness of 0 means something, so it is refused like any other. */
const memory: Reader<Resources["memory"] & {}> = (value, field) => {
  const { swappiness } = readObject(value, field);
  if (swappiness !== undefined && swappiness !== null)
    throw new SpecError(`${field}.swappiness`, "is not supported by minibox");
  return memoryFields(value, field);
};

/** Reads `linux.resources`. @throws SpecError */
export const readResources: Reader<Resources> = object<Resources>(
  {
    devices: list(deviceRule),
    memory,
    cpu: object<Resources["cpu"] & {}>(
      { quota: limit, period: amount, shares: amount, cpus: cpuList, mems: cpuList },
      [],
      ["burst", "realtimeRuntime", "realtimePeriod", "idle"],
    ),
    // a limit of 0 allows no process at all
    pids: object<Resources["pids"] & {}>({ limit: integer(UNLIMITED, most) }),
    unified: strings,
  },
  [],
  ["blockIO", "hugepageLimits", "network", "rdma"],
);

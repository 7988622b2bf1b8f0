// Owns the building blocks that validate.ts describes the OCI object with: each reads a value of unknown form, and gives
// a new one with nothing in it but what is known and checked.

import { SpecError } from "../errors.ts";
import { asksForNothing, readList, readObject, readString, show } from "./check.ts";

/** Reads the value of the field with this path. @throws SpecError */
export type Reader<T> = (value: unknown, field: string) => T;

/** A reader for each field of a type, so that none can be forgotten. A reader gives undefined for a value that says nothing. */
export type Shape<T> = { [K in keyof T]-?: Reader<(T[K] & {}) | undefined> };

const isAbsent = (value: unknown): boolean => value === undefined || value === null;

/**
 * An object. Fields of no shape are ignored, as the specification demands (config.md, "Extensibility"), but for the
 * `refused`: those are OCI's and would be in force elsewhere. null is what Go's encoder writes for a field without a value.
 */
export function object<T extends object>(
  shape: Shape<T>,
  required: readonly (keyof T & string)[] = [],
  refused: readonly string[] = [],
): Reader<T> {
  return (value, field) => {
    const given = readObject(value, field);
    const below = (name: string): string => (field === "" ? name : `${field}.${name}`);
    const out: Record<string, unknown> = {};
    for (const name of required) if (isAbsent(given[name])) throw new SpecError(below(name), "is required");
    for (const name of refused)
      if (!asksForNothing(given[name])) throw new SpecError(below(name), "is not supported by minibox");
    for (const name of Object.keys(shape) as (keyof T & string)[]) {
      if (isAbsent(given[name])) continue;
      const read = shape[name](given[name], below(name));
      if (read !== undefined) out[name] = read;
    }
    return out as T;
  };
}

export const list =
  <T>(item: Reader<T>): Reader<readonly T[]> =>
  (value, field) =>
    readList(value, field).map((one, i) => item(one, `${field}[${i}]`));

/** An object whose keys are data, and whose values are strings. */
export const strings: Reader<Readonly<Record<string, string>>> = (value, field) => {
  const out: Record<string, string> = {};
  for (const [key, one] of Object.entries(readObject(value, field))) {
    const place = `${field}[${JSON.stringify(key)}]`;
    if (key === "") throw new SpecError(place, "must have a name");
    // not by assignment: the key may be "__proto__"
    Object.defineProperty(out, text(key, place), { value: text(one, place), enumerable: true });
  }
  return out;
};

/** A string, which may be empty. The kernel's strings end at a NUL byte, so none can hold one. */
export const text: Reader<string> = (value, field) => {
  if (typeof value !== "string") throw new SpecError(field, `must be a string, not ${show(value)}`);
  if (value.includes("\0")) throw new SpecError(field, "must not have a NUL byte in it");
  return value;
};

/** A string that is not empty. */
export const word: Reader<string> = (value, field) => text(readString(value, field), field);

/** A string that says nothing where it is empty, as Go's encoder writes one that was not set. */
export const optionalWord: Reader<string | undefined> = (value, field) => text(value, field) || undefined;

export const bool: Reader<boolean> = (value, field) => {
  if (typeof value !== "boolean") throw new SpecError(field, `must be true or false, not ${show(value)}`);
  return value;
};

/** A whole number. */
export const integer =
  (least: number, most: number): Reader<number> =>
  (value, field) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
      throw new SpecError(field, `must be an integer from ${least} to ${most}, not ${show(value)}`);
    return value;
  };

/** One of a few words. */
export const oneOf =
  <T extends string>(...words: readonly T[]): Reader<T> =>
  (value, field) => {
    for (const known of words) if (known === value) return known;
    throw new SpecError(field, `must be one of ${words.join(", ")}, not ${show(value)}`);
  };

export const absolutePath: Reader<string> = (value, field) => {
  const path = word(value, field);
  if (!path.startsWith("/")) throw new SpecError(field, `${show(path)} must be an absolute path`);
  return path;
};

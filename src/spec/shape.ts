// Owns the building blocks with which validate.ts describes the OCI object: readers of values. A reader takes a value of
// unknown form, and returns a new one that holds only what is known and checked.

import { SpecError } from "../errors.ts";
import { literal } from "../sys/printable.ts";
import { asksForNothing, readList, readObject, readString, show } from "./check.ts";

/** Reads the value of the field with this path. @throws SpecError */
export type Reader<T> = (value: unknown, field: string) => T;

/** A reader for each field of a type, so that none can be forgotten. A reader gives undefined for a value that says nothing. */
export type Shape<T> = { [K in keyof T]-?: Reader<(T[K] & {}) | undefined> };

const isAbsent = (value: unknown): boolean => value === undefined || value === null;

/**
 * An object. Fields that are not in the shape are ignored, as the specification demands (config.md, "Extensibility").
 * The `refused` fields are the specification's, too, but minibox does not do what they ask for. A field that is null is
 * absent: Go's encoder writes null for a field without a value.
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

/** An object of strings, whose keys are data. */
export const strings: Reader<Readonly<Record<string, string>>> = (value, field) => {
  const out: Record<string, string> = {};
  for (const [key, one] of Object.entries(readObject(value, field))) {
    const place = `${field}[${literal(key)}]`;
    if (key === "") throw new SpecError(place, "must have a name");
    // an assignment to the key "__proto__" would set the prototype
    Object.defineProperty(out, text(key, place), { value: text(one, place), enumerable: true });
  }
  return out;
};

/** A string, which may be empty. The kernel ends a string at its first NUL byte, so none may be in it. */
export const text: Reader<string> = (value, field) => {
  if (typeof value !== "string") throw new SpecError(field, `must be a string, not ${show(value)}`);
  if (value.includes("\0")) throw new SpecError(field, "must not have a NUL byte in it");
  return value;
};

/** A string that is not empty. */
export const word: Reader<string> = (value, field) => text(readString(value, field), field);

/** A string; an empty one is as if it were not given, since Go's encoder writes it for a field without a value. */
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

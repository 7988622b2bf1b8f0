// Owns the checks of single values that come as JSON: each gives the value with its type, or names the field in an error.

import { SpecError } from "../errors.ts";
import { literal } from "../sys/printable.ts";

/** A value for a message: short, and safe for anything that JSON or a caller can hold. */
export function show(value: unknown): string {
  if (typeof value === "string") return literal(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return value.toString();
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : typeof value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function readObject(value: unknown, path: string): Record<string, unknown> {
  if (!isObject(value)) throw new SpecError(path, `must be an object, not ${show(value)}`);
  return value;
}

/** A list. An absent one is empty, and so is null, which Go's encoder writes for an empty list. */
export function readList(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new SpecError(path, `must be an array, not ${show(value)}`);
  return value;
}

export function readString(value: unknown, path: string): string {
  if (typeof value !== "string") throw new SpecError(path, `must be a string, not ${show(value)}`);
  if (value === "") throw new SpecError(path, "must not be empty");
  return value;
}

export function readStrings(value: unknown, path: string): string[] {
  const list = readList(value, path);
  // A profile has hundreds of names, so a path is made only for a name that is wrong.
  for (const [i, item] of list.entries()) {
    if (typeof item !== "string" || item === "") readString(item, `${path}[${i}]`);
  }
  return list as string[];
}

/** An integer from 0 to `max`, or undefined where it is absent. */
export function readInteger(value: unknown, path: string, max: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === "bigint" && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number > max) {
    throw new SpecError(path, `must be an integer from 0 to ${max}, not ${show(value)}`);
  }
  return number;
}

/** A uint64. Above 2^53 it must be a bigint: a number of that size has lost its low bits. */
export function readUint64(value: unknown, path: string): bigint {
  if (value === undefined || value === null) return 0n;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === "bigint" && value >= 0n && value <= 0xffffffffffffffffn) return value;
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 2 ** 64) {
    throw new SpecError(path, `${value} is above 2^53 and must be given in plain digits`);
  }
  throw new SpecError(path, `must be an integer from 0 to 2^64-1, not ${show(value)}`);
}

/** True for null, "", 0, false, and for objects and lists of nothing else. Encoders write them for what was not set. */
export function asksForNothing(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.values(value).every(asksForNothing);
  return value === undefined || value === null || value === "" || value === false || value === 0;
}

/** An absolute path without ".", ".." and needless slashes. Only the text counts: no symbolic link is looked up. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

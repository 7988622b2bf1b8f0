// Owns JSON with whole numbers of 64 bits, which JavaScript's own JSON rounds or refuses. A leaf: both sides use it.

/** JSON text; a bigint is written as plain digits, which any reader of JSON takes for a number. @throws TypeError for a cycle */
export function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // A bigint makes JSON.stringify throw. Only then is it worth asking a function about each value.
    return JSON.stringify(value, digits);
  }
}

declare global {
  interface JSON {
    /** ECMAScript's JSON.parse source text access proposal: a value that is written as this very text */
    rawJSON(text: string): unknown;
  }
}

const digits = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? JSON.rawJSON(`${value}`) : value;

/** 9007199254740993, the first whole number that a double does not hold, has 16 digits. */
const LONG_NUMBER = /\d{16}/;

/**
 * Reads JSON text. A whole number in plain digits that a double does not hold exactly comes as a bigint, any other
 * number as a number. Of equal keys in one object the last counts, as in Go's encoding/json. @throws SyntaxError
 */
export function parse(text: string): unknown {
  return LONG_NUMBER.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
}

function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}

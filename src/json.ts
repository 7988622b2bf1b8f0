// Owns JSON with whole numbers of 64 bits: JSON.parse() rounds such a number, and JSON.stringify() refuses a bigint.

/**
 * Returns a value as JSON text. A bigint is written as plain digits, a JSON number; a text with one begins with a space,
 * by which parseOwn() knows it. @throws TypeError for a cycle
 */
export function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // JSON.stringify() throws for a bigint. Only then is it called with a replacer, which makes it slower.
    return ` ${JSON.stringify(value, digits)}`;
  }
}

/**
 * Parses a text that stringify() made, without the look for long numbers that parse() takes: a start's first use of a
 * regular expression costs 0.3 ms. @throws SyntaxError
 */
export function parseOwn(text: string): unknown {
  return text.startsWith(" ") ? JSON.parse(text, exact) : JSON.parse(text);
}

declare global {
  interface JSON {
    /** returns a value that JSON.stringify() writes as this very text (ECMAScript's JSON.parse source text access) */
    rawJSON(text: string): unknown;
  }
}

function digits(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? JSON.rawJSON(`${value}`) : value;
}

/**
 * Parses JSON text. A whole number in plain digits that a double cannot hold exactly becomes a bigint, every other
 * number a number. Where an object has a key twice, the last one counts, as in Go's encoding/json. @throws SyntaxError
 */
export function parse(text: string): unknown {
  // the smallest whole number that a double cannot hold, 9007199254740993, has 16 digits
  return /\d{16}/.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
}

function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}

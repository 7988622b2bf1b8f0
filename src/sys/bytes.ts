// Owns turning strings into the kernel's bytes and back. On Linux arguments, paths and environment are bytes, not text. A
// byte that is not UTF-8 becomes a lone surrogate U+DC80..U+DCFF in a string ("surrogateescape" of Python's PEP 383). JSON
// carries lone surrogates unchanged, so the same byte comes out in the end.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes of a string; lone surrogates U+DC80..U+DCFF become the single byte they stand for. */
export function encode(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text);
  // three bytes at most for a unit
  const out = new Uint8Array(3 * text.length);
  let used = 0;
  for (let i = 0; i < text.length; ) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) out[used++] = unit;
    else if (unit >= 0xdc80 && unit <= 0xdcff) out[used++] = unit - 0xdc00;
    else {
      const char = String.fromCodePoint(text.codePointAt(i)!);
      used += encoder.encodeInto(char, out.subarray(used)).written;
      i += char.length - 1;
    }
    i++;
  }
  return out.slice(0, used);
}

/** Text of bytes: UTF-8 where it is, one lone surrogate for each byte that is not. Inverse of encode. */
export function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return decodeEscaping(bytes);
  }
}

/** One pass, whatever the bytes are: a hostile file may have nothing but bytes that are not UTF-8. */
function decodeEscaping(bytes: Uint8Array): string {
  const parts: string[] = [];
  const units = new Uint16Array(CHUNK);
  let used = 0;
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i]!;
    const length = first < 0x80 ? 1 : first < 0xc2 || first > 0xf4 ? 0 : sequenceLength(bytes, i, first);
    if (length < 2) units[used++] = length === 1 ? first : 0xdc00 + first;
    else {
      let point = first & (0xff >> (length + 1));
      for (let j = 1; j < length; j++) point = (point << 6) | (bytes[i + j]! & 0x3f);
      if (point > 0xffff) {
        units[used++] = 0xd7c0 + (point >> 10);
        units[used++] = 0xdc00 + (point & 0x3ff);
      } else units[used++] = point;
    }
    i += length || 1;
    if (used > CHUNK - 2 || i >= bytes.length) {
      parts.push(String.fromCharCode.apply(null, units.subarray(0, used) as unknown as number[]));
      used = 0;
    }
  }
  return parts.join("");
}

/** So many units of a string are given to String.fromCharCode as arguments at once. */
const CHUNK = 8192;

/**
 * The length of the valid UTF-8 sequence at this place, which begins with a byte from 0xc2 to 0xf4; 0 where there is none
 * (RFC 3629).
 */
function sequenceLength(bytes: Uint8Array, at: number, first: number): number {
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + length > bytes.length) return 0;
  for (let j = 1; j < length; j++) if ((bytes[at + j]! & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1]!;
  // overlong forms, surrogates, and what lies above U+10FFFF
  const isWrong =
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f);
  return isWrong ? 0 : length;
}

/** Zero-terminated bytes of a string, as C wants them. */
export function cstring(text: string): Uint8Array {
  const bytes = encode(text);
  const out = new Uint8Array(bytes.length + 1);
  out.set(bytes);
  return out;
}

/**
 * Writes a 64-bit value within 2^53 of 0 as two words, the lower one first. The array takes each word modulo 2^32. (The
 * first use of `Math` in a process costs 0.07 ms.)
 */
export function putLong(words: Uint32Array, at: number, value: number): void {
  words[at] = value;
  words[at + 1] = (value - words[at]!) / 2 ** 32;
}

/** Splits a buffer of NUL-ended words, the form of /proc/PID/cmdline and environ. */
export function splitNul(bytes: Uint8Array): string[] {
  const words: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const nul = bytes.indexOf(0, start);
    const end = nul < 0 ? bytes.length : nul;
    words.push(decode(bytes.subarray(start, end)));
    start = end + 1;
  }
  return words;
}

/** mountinfo writes space, tab, newline and backslash as octal. */
export function unescapeOctal(text: string): string {
  return !text.includes("\\")
    ? text
    : text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

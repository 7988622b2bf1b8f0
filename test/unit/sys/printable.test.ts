// A text of unknown origin is shown so that it can neither control a terminal nor look like another text.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { decode, encode } from "../../../src/sys/bytes.ts";
import { literal, printable, printableJson, quoted } from "../../../src/sys/printable.ts";

const range = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i));

/** The code points of Unicode's first two planes, surrogates included, and of its tags and variation selectors. */
const POINTS = [...range(0, 0x1ffff), ...range(0xe0000, 0xe01ff), ...range(0x10ff00, 0x10ffff)];

const { LC_ALL } = process.env;
beforeAll(() => {
  process.env.LC_ALL = "C.UTF-8";
});
afterAll(() => {
  if (LC_ALL === undefined) delete process.env.LC_ALL;
  else process.env.LC_ALL = LC_ALL;
});

describe("printable", () => {
  test.each([
    ["plain ~words", "plain ~words"],
    ["é ß 日本 עברית 🙂 ‐", "é ß 日本 עברית 🙂 ‐"],
    ["\\n\\r\\t", "\n\r\t"],
    ["\\x00\\x07\\x1b[31m\\x7f", "\0\x07\x1b[31m\x7f"],
    ["\\u0080\\u009b\\u009f\\u00a0\\u00ad", "\x80\x9b\x9f\xa0\xad"],
    ["a\\x9b2J\\xff", decode(Uint8Array.of(0x61, 0x9b, 0x32, 0x4a, 0xff))],
    ["\\u061c\\u200b\\u200c\\u200d\\u200e\\u200f", "\u061c\u200b\u200c\u200d\u200e\u200f"],
    ["\\u2028\\u2029\\u202a\\u202e\\u2066\\u2069", "\u2028\u2029\u202a\u202e\u2066\u2069"],
    ["\\ufeff\\ufe0f\\u3164\\u034f\\u3000\\ue000", "\ufeff\ufe0f\u3164\u034f\u3000\ue000"],
    ["\\u{e0041}\\u{e0100}\\u{10ffff}", "\u{e0041}\u{e0100}\u{10ffff}"],
    ["\\ud800 \\udc7f \\udd00", "\ud800 \udc7f \udd00"],
    ["\\ \\x9b", "\\ \\x9b"],
  ])("%s", (expected, text) => {
    expect(printable(text)).toBe(expected);
  });

  test("shows every control, format, ignorable and reordering character, and the same when it is shown twice", () => {
    const all = printable(POINTS.join(" "));
    expect(all).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
    expect(all).not.toMatch(/(?! )[\p{C}\p{Z}\p{Bidi_Control}\p{Variation_Selector}\p{DI}\p{Join_Control}]/u);
    expect(decode(encode(all))).toBe(all);
    expect(printable(all)).toBe(all);
  });

  test("bytes that would make a character together are shown one by one", () => {
    const [start, end] = [decode(Uint8Array.of(0xe2, 0x80)), decode(Uint8Array.of(0xae))];
    expect(printable(start + end)).toBe("\\xe2\\x80\\xae");
  });
});

test("a literal is in quotes, and what is a quote or a backslash in it is told apart", () => {
  expect(literal('a "b" \\x9b \udc9b\n')).toBe('"a \\"b\\" \\\\x9b \\x9b\\n"');
  expect(printable(literal("\\\udc9b"))).toBe(literal("\\\udc9b"));
});

describe("a quoted word", () => {
  test("is bare where no shell reads anything in it", () => {
    expect(quoted("/a-b_c.d:1,2=3+4@5%")).toBe("/a-b_c.d:1,2=3+4@5%");
  });

  test.each(["", "it's $HOME `x` \\n", "é 日本", "\x1b[2J\n\t\x7f", "a\udc9bf'\\ \u202e\u{e0041} $x"])(
    "is the same for bash, and printable: %#",
    (word) => {
      const text = quoted(word);
      expect(printable(text)).toBe(text);
      const { stdout } = Bun.spawnSync(["bash", "-c", `printf %s ${text}`]);
      expect(decode(stdout)).toBe(word);
    },
  );
});

test.each(["C", "de_DE.ISO-8859-1"])("where the locale is %s, ASCII alone is printable", (name) => {
  process.env.LC_ALL = name;
  try {
    // a terminal of ISO 8859-1 takes the second byte of "ś" for CSI
    expect(printable("ś2J é 日🙂 … \x9b\udc9b")).toBe("\\u015b2J \\u00e9 \\u65e5\\u{1f642} … \\u009b\\x9b");
    expect(literal("ś\n")).toBe('"\\u015b\\n"');
    expect(quoted("ś")).toBe("$'\\xc5\\x9b'");
  } finally {
    process.env.LC_ALL = "C.UTF-8";
  }
});

describe("JSON", () => {
  test("is ASCII, and a parser reads the very value", () => {
    const value = {
      [`k${POINTS.slice(0, 0x3100).join("")}`]: [POINTS.join(""), '"\\', 1, null, { a: true }],
    };
    const text = printableJson(value);
    expect(text).toMatch(/^[\n -~]*$/);
    expect(JSON.parse(text)).toEqual(value);
  });

  test("of ASCII text is what JSON.stringify makes of it", () => {
    const value = { a: 'b "c" ~', d: [1, { e: "\\n\n\t" }] };
    expect(printableJson(value)).toBe(JSON.stringify(value, null, 2));
  });
});

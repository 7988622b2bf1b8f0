// Owns writing numbers into the bundle where they are read. The bundler does that with the members of an enum alone; for
// any other constant, each start makes a variable, its name, and a binding in every chunk that reads it.
//
// It works on the text that the bundler wrote, one declaration a line. Bun's transpiler then puts the number in the place
// of the name, so a name in a string, a property or an inner scope is left as it is. A variable that is assigned to keeps its
// declaration; where that was not seen (a destructuring assignment), the number cannot be assigned to, and the build fails.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const DECLARATION = /^var ([A-Za-z_]\w*) = (-?\d+(?:\.\d+)?(?:e\d+)?);\n/gm;
/** import { a, b as c } from "./chunk.js" */
const IMPORT = /^import \{([^}]*)\} from "\.\/([^"]+)";\n/gm;
const EXPORT = /^export \{([^}]*)\};\n/gm;
const DYNAMIC_IMPORT = /import\("\.\/([^"]+)"\)/g;

type Numbers = Map<string, string>;

/** Inlines the constants of all chunks in a directory, which a bundler wrote there without minifying. */
export function inlineNumbers(directory: string): void {
  const chunks = new Map<string, string>();
  for (const name of readdirSync(directory)) chunks.set(name, readFileSync(join(directory, name), "utf8"));
  // what import() returns has an object of the exports: those stay
  const asObject = new Set<string>();
  for (const text of chunks.values())
    for (const [, name] of text.matchAll(DYNAMIC_IMPORT)) asObject.add(name!);
  const exported = new Map<string, Numbers>();
  const own = new Map<string, Numbers>();
  for (const [name, text] of chunks) {
    own.set(name, asObject.has(name) ? new Map() : numbersIn(text));
    const numbers: Numbers = new Map();
    for (const [, list] of text.matchAll(EXPORT))
      for (const [local, other] of specifiers(list!)) {
        const value = own.get(name)!.get(local);
        if (value !== undefined) numbers.set(other, value);
      }
    exported.set(name, numbers);
  }
  for (const [name, text] of chunks)
    writeFileSync(join(directory, name), inline(text, own.get(name)!, exported));
}

/** The numbers that are declared at the top of a chunk and never assigned to. */
function numbersIn(text: string): Numbers {
  const numbers: Numbers = new Map();
  for (const [declaration, name, value] of text.matchAll(DECLARATION)) {
    const assigned = new RegExp(
      `\\b${name}\\b *(=(?![=>])|[-+*/%&|^]=|\\*\\*=|<<=|>>>?=|\\?\\?=|&&=|\\|\\|=|\\+\\+|--)|(\\+\\+|--)${name}\\b`,
    );
    if (!assigned.test(text.replace(declaration, ""))) numbers.set(name!, value!);
  }
  return numbers;
}

/** The pairs of names in the braces of an import or export. */
const specifiers = (list: string): [string, string][] =>
  list
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")
    .map((word) => word.split(" as "))
    .map(([name, other = name]) => [name!, other!]);

const listed = (pairs: [string, string][]): string =>
  pairs.map(([name, other]) => (name === other ? name : `${name} as ${other}`)).join(", ");

function inline(text: string, own: Numbers, exported: Map<string, Numbers>): string {
  const define: Record<string, string> = Object.fromEntries(own);
  const rest = text
    .replace(DECLARATION, (line, name) => (own.has(name) ? "" : line))
    .replace(
      EXPORT,
      (_, list) => `export { ${listed(specifiers(list).filter(([name]) => !own.has(name)))} };\n`,
    )
    .replace(IMPORT, (_, list, from) => {
      const numbers = exported.get(from) ?? new Map<string, string>();
      const left = specifiers(list).filter(([name, local]) => {
        const value = numbers.get(name);
        if (value !== undefined) define[local] = value;
        return value === undefined;
      });
      return `import { ${listed(left)} } from "./${from}";\n`;
    });
  return new Bun.Transpiler({ loader: "js", target: "bun", define }).transformSync(rest);
}

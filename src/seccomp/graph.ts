// Owns the graph of decisions that a filter is, in which equal parts are shared. assemble.ts makes instructions of it.

/** What the accumulator holds: a word of struct seccomp_data at `offset`, ANDed with `mask`. */
export interface Word {
  offset: number;
  mask: number;
}

export interface Ret {
  kind: "ret";
  id: number;
  verdict: number;
}

export interface Load {
  kind: "load";
  id: number;
  word: Word;
  next: Node;
}

/** A comparison of the accumulator, named as in linux/bpf_common.h. */
export type Jump = "jeq" | "jgt" | "jge" | "jset";

export interface Test {
  kind: "test";
  id: number;
  jump: Jump;
  k: number;
  yes: Node;
  no: Node;
}

export type Node = Ret | Load | Test;

export const ALL_BITS = 0xffffffff;
// struct seccomp_data, linux/seccomp.h; both machines are little-endian.
export const NR: Word = { offset: 0, mask: ALL_BITS };
export const ARCH: Word = { offset: 4, mask: ALL_BITS };

export function argWord(index: number, half: "low" | "high", mask = ALL_BITS): Word {
  return { offset: 16 + 8 * index + (half === "high" ? 4 : 0), mask };
}

/** Where to go on with `word` loaded: a load of the same word is not done twice. */
function enter(node: Node, word: Word): Node {
  const isLoaded = node.kind === "load" && node.word.offset === word.offset && node.word.mask === word.mask;
  return isLoaded ? node.next : node;
}

export class Graph {
  readonly #nodes = new Map<string, Node>();

  #share(key: string, make: (id: number) => Node): Node {
    let node = this.#nodes.get(key);
    if (node === undefined) {
      node = make(this.#nodes.size);
      this.#nodes.set(key, node);
    }
    return node;
  }

  ret(verdict: number): Node {
    return this.#share(`r${verdict}`, (id) => ({ kind: "ret", id, verdict }));
  }

  load(word: Word, next: Node): Node {
    if (next.kind !== "test") return next; // nothing there looks at it
    return this.#share(`l${word.offset},${word.mask},${next.id}`, (id) => ({ kind: "load", id, word, next }));
  }

  /** A test that runs with `word` in the accumulator; its key holds the word, so tests of others stay apart. */
  test(word: Word, jump: Jump, k: number, yes: Node, no: Node): Node {
    const then = enter(yes, word);
    const otherwise = enter(no, word);
    if (then === otherwise || (jump === "jge" && k === 0)) return then;
    if ((jump === "jgt" && k === ALL_BITS) || (jump === "jset" && k === 0)) return otherwise;
    const key = `${jump}${k},${word.offset},${word.mask},${then.id},${otherwise.id}`;
    return this.#share(key, (id) => ({ kind: "test", id, jump, k, yes: then, no: otherwise }));
  }
}

export interface Span {
  /** The first value of the range, which ends where the next span starts, the last at 2^32-1. */
  start: number;
  node: Node;
}

/** Adds a span. Where it has the same decision as the span before it, that one becomes longer. */
export function addSpan(spans: Span[], start: number, node: Node): void {
  const last = spans.at(-1);
  if (last?.start === start) {
    spans.pop();
    addSpan(spans, start, node);
  } else if (last?.node !== node) spans.push({ start, node });
}

// More single values than this are searched in a tree, so that the number of tests stays logarithmic.
const CHAIN = 4;

/**
 * The decision for a value among spans that cover all 32 bits: halving by jge, but where a few single values
 * stand out of one background, a chain of jeq, which needs one test for each instead of two.
 */
export function search(graph: Graph, word: Word, spans: readonly Span[]): Node {
  const build = (from: number, to: number): Node => {
    if (to - from === 1) return spans[from]!.node;
    const chain = to - from <= 2 * CHAIN + 1 ? singles(spans, from, to) : undefined;
    if (chain !== undefined) {
      let node = chain.background;
      for (const single of chain.others.reverse())
        node = graph.test(word, "jeq", single.start, single.node, node);
      return node;
    }
    const middle = (from + to) >>> 1;
    return graph.test(word, "jge", spans[middle]!.start, build(middle, to), build(from, middle));
  };
  return build(0, spans.length);
}

/** The spans as single values that stand out of one background, where that takes fewer tests than halving. */
function singles(spans: readonly Span[], from: number, to: number) {
  for (const background of [spans[from]!.node, spans[from + 1]!.node]) {
    const others = spans.slice(from, to).filter((span) => span.node !== background);
    const areSingle = others.every((span) => {
      const end = spans[spans.indexOf(span, from) + 1]?.start ?? 2 ** 32;
      return end - span.start === 1;
    });
    if (areSingle && others.length <= CHAIN && others.length < to - from - 1) return { background, others };
  }
  return undefined;
}

// Owns printing a trace: every call through sys/libc.ts, of parent and child, one line each.

import type { FromChild, WireArg } from "../sync.ts";
import type { Arg } from "../sys/errno.ts";
import { onStep, setTracer } from "../sys/libc.ts";
import { literal } from "../sys/printable.ts";
import { formatCall } from "../sys/trace.ts";
import { print } from "./report.ts";

const heading = (who: string, text: string, why: string): void =>
  print(2, `${who} # ${text}${why ? `: ${why}` : ""}`);

const line = (who: string, text: string): void => print(2, `${who}   ${text}`);

/** Prints each kernel call of this process from here on. */
export function traceParent(): void {
  onStep((text, why) => heading("parent", text, why));
  setTracer((name, args, result) => line("parent", formatCall(name, args, result)));
}

function fromWire(arg: WireArg): Arg {
  if (arg === null || typeof arg !== "object") return arg;
  return "hex" in arg ? Uint8Array.fromHex(arg.hex) : new Uint8Array(arg.length);
}

/** The program that the child is about to execute. */
let executing: string | undefined;

/** Prints a call that the child reports. It cannot report its last one, a successful execve(2): "started" tells of that. */
export function traceChild(message: FromChild): void {
  if (message.type === "call")
    line("child ", formatCall(message.name, message.args.map(fromWire), message.result));
  if (message.type === "started" && executing !== undefined)
    line("child ", `execve(${literal(executing)}, [arguments], [environment]) = 0`);
  if (message.type !== "step") return;
  heading("child ", message.text, message.why);
  executing = message.text.startsWith("execute ") ? message.text.slice("execute ".length) : undefined;
}

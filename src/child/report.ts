// Owns what the child tells the parent of itself: each call when tracing, and the failure that ends it.

import { read, send, type WireArg } from "../sync.ts";
import { type Arg, SysError } from "../sys/errno.ts";
import { onStep, setTracer } from "../sys/libc.ts";
import { exit } from "../sys/process.ts";
import { Refusal } from "./refusal.ts";

/** From now on each call is told. */
export function reportCalls(socket: number): void {
  onStep((text, why) => send(socket, { type: "step", text, why }));
  setTracer((name, args, result) => send(socket, { type: "call", name, args: onWire(args), result }));
}

const LARGEST_STRUCTURE = 32;

const onWire = (args: readonly Arg[]): WireArg[] =>
  args.map((arg) => {
    if (!(arg instanceof Uint8Array)) return arg;
    return arg.length <= LARGEST_STRUCTURE ? { hex: arg.toHex() } : { length: arg.length };
  });

/** Of a kernel structure only the length travels. */
const plain = (args: readonly Arg[]): Arg[] =>
  args.map((arg) => (arg instanceof Uint8Array ? `<${arg.length} bytes>` : arg));

/** Tells the parent, and waits until it has looked: it reads our /proc/PID/root to find the reason. */
export function fail(socket: number, error: unknown): never {
  setTracer(undefined);
  onStep(undefined);
  if (error instanceof SysError)
    send(socket, {
      type: "error",
      step: error.step,
      call: error.syscall,
      args: plain(error.args),
      errno: error.errno,
    });
  else
    send(socket, {
      type: "refused",
      message: error instanceof Refusal ? error.message : `internal error: ${error}`,
    });
  read(socket);
  exit(125);
}

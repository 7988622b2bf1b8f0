// Owns what the child reports about itself: each kernel call with --trace, and the error that ends it.

import { read, send, type WireArg } from "../sync.ts";
import { type Arg, SysError } from "../sys/errno.ts";
import { onStep, setTracer } from "../sys/libc.ts";
import { exit } from "../sys/process.ts";
import { Refusal } from "./refusal.ts";

/** Sends each step and kernel call over the socket from now on. */
export function reportCalls(socket: number): void {
  onStep((text, why) => send(socket, { type: "step", text, why }));
  setTracer((name, args, result) => send(socket, { type: "call", name, args: onWire(args), result }));
}

/** In bytes; a longer argument is a buffer. */
const LARGEST_STRUCTURE = 32;

function onWire(args: readonly Arg[]): WireArg[] {
  return args.map((arg) => {
    if (!(arg instanceof Uint8Array)) return arg;
    return arg.length <= LARGEST_STRUCTURE ? { hex: arg.toHex() } : { length: arg.length };
  });
}

/** The arguments of an error; a kernel structure is sent as its length. */
function plain(args: readonly Arg[]): Arg[] {
  return args.map((arg) => (arg instanceof Uint8Array ? `<${arg.length} bytes>` : arg));
}

/**
 * Sends the error, waits until the parent closes the socket, and exits. Meanwhile the parent looks for the reason in
 * /proc/PID/root of this process.
 */
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

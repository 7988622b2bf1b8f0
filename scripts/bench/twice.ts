// Owns "Bun twice": a program compiled like minibox that starts itself again, and the second process executes the
// command. That is the least that minibox's start can cost, before anything is confined.

import { dlopen, ptr } from "bun:ffi";

const { symbols: libc } = dlopen("libc.so.6", {
  posix_spawn: { args: ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr"], returns: "int" },
  execve: { args: ["ptr", "ptr", "ptr"], returns: "int" },
  wait4: { args: ["int", "ptr", "int", "ptr"], returns: "int" },
  _exit: { args: ["int"], returns: "void" },
});

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);
const vector = (words: readonly Buffer[]): BigUint64Array =>
  BigUint64Array.from([...words.map((word) => BigInt(ptr(word))), 0n]);

const [, , first = "", ...rest] = process.argv;
const environment = vector([]);
if (first === "child") {
  const words = rest.map(cstring);
  libc.execve(ptr(words[0]!), ptr(vector(words)), ptr(environment));
  libc._exit(127);
} else {
  const self = cstring("/proc/self/exe");
  const words = ["twice", "child", first, ...rest].map(cstring);
  const pid = new Int32Array(2);
  libc.posix_spawn(ptr(pid), ptr(self), null, null, ptr(vector(words)), ptr(environment));
  const status = new Int32Array(2);
  libc.wait4(pid[0]!, ptr(status), 0, null);
  libc._exit((status[0]! >> 8) & 0xff);
}

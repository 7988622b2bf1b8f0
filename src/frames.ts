// Owns how a text travels over a Unix stream socket: as a frame, which is the text's length in four bytes, little-endian,
// and then the text in UTF-8. Descriptors may come with a frame's first byte (SCM_RIGHTS, unix(7)).

import { decode, encode } from "./sys/bytes.ts";
import { close, read, write } from "./sys/file.ts";
import { receive, sendFds } from "./sys/socket.ts";

/** In bytes. */
const LENGTH_SIZE = 4;

export function frameOf(text: string): Uint8Array {
  const frame = encode(`\0\0\0\0${text}`);
  const length = frame.length - LENGTH_SIZE;
  for (let i = 0; i < LENGTH_SIZE; i++) frame[i] = length >>> (8 * i);
  return frame;
}

/** Writes the whole frame, with these descriptors. @throws SysError (EPIPE when the other end is gone) */
export function sendFrame(socket: number, frame: Uint8Array, fds: readonly number[]): void {
  let sent = fds.length > 0 ? sendFds(socket, frame, fds) : 0;
  while (sent < frame.length) sent += write(socket, frame.subarray(sent));
}

/** A text that came, and the descriptors that came with it. */
export interface Frame {
  text: string;
  fds: readonly number[];
}

/**
 * Waits for the next frame, with at most so many descriptors. Undefined where the stream ends, even in the middle of a
 * frame. @throws SysError
 */
export function readFrame(socket: number, mostFds: number): Frame | undefined {
  const head = new Uint8Array(LENGTH_SIZE);
  const { length: got, fds } = receive(socket, head, mostFds);
  if (got > 0 && readOn(socket, head, got)) {
    let length = 0;
    for (let i = LENGTH_SIZE - 1; i >= 0; i--) length = length * 256 + head[i]!;
    const body = new Uint8Array(length);
    if (readOn(socket, body, 0)) return { text: decode(body), fds };
  }
  for (const fd of fds) close(fd);
  return undefined;
}

/** Fills the rest of a buffer from a descriptor; false where the stream ends before. @throws SysError */
export function readOn(fd: number, bytes: Uint8Array, from: number): boolean {
  for (let got = from; got < bytes.length; ) {
    const n = read(fd, got === 0 ? bytes : bytes.subarray(got));
    if (n === 0) return false;
    got += n;
  }
  return true;
}

/** The texts of frames that are whole. @throws RangeError where the last one is not */
export function textsIn(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const start = at + LENGTH_SIZE;
    const end = start + view.getUint32(at, true);
    if (end > bytes.length) throw new RangeError("half a frame");
    texts.push(decode(bytes.subarray(start, end)));
    at = end;
  }
  return texts;
}

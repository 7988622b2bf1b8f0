// Owns Unix sockets: pairs, and descriptors passed over them (unix(7), SCM_RIGHTS).

import { AF_UNIX, MSG_CMSG_CLOEXEC, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_STREAM } from "./constants.ts";
import { addressOf, call } from "./libc.ts";

/** A connected pair of close-on-exec stream sockets. @throws SysError */
export function socketpair(): [number, number] {
  const fds = new Int32Array(2);
  call("socketpair", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(fds.buffer));
  return [fds[0]!, fds[1]!];
}

/** struct msghdr with one iovec and room for one descriptor; the same layout on x86-64 and arm64. */
function message(data: Uint8Array): { header: Uint8Array; control: DataView; keep: Uint8Array[] } {
  const iovec = new BigUint64Array([BigInt(addressOf(data)), BigInt(data.length)]);
  // through its buffer first: asking a small array for its buffer moves its bytes, and an address taken before is stale
  const control = new DataView(new ArrayBuffer(24));
  const controlBytes = new Uint8Array(control.buffer);
  const header = new BigUint64Array(7);
  header[2] = BigInt(addressOf(new Uint8Array(iovec.buffer)));
  header[3] = 1n;
  header[4] = BigInt(addressOf(controlBytes));
  header[5] = BigInt(controlBytes.length);
  return {
    header: new Uint8Array(header.buffer),
    control,
    keep: [data, new Uint8Array(iovec.buffer), controlBytes],
  };
}

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const CMSG_LEN_ONE_FD = 20;

/** Sends bytes together with one descriptor. @throws SysError */
export function sendFd(socket: number, data: Uint8Array, fd: number): void {
  const { header, control, keep } = message(data);
  control.setBigUint64(0, BigInt(CMSG_LEN_ONE_FD), true);
  control.setInt32(8, SOL_SOCKET, true);
  control.setInt32(12, SCM_RIGHTS, true);
  control.setInt32(16, fd, true);
  call("sendmsg", socket, header, MSG_NOSIGNAL);
  keep.length = 0;
}

/** Receives at most `length` bytes and, where one came along, a descriptor (close-on-exec). @throws SysError */
export function receive(socket: number, length: number): { bytes: Uint8Array; fd: number | undefined } {
  const data = new Uint8Array(length);
  const { header, control, keep } = message(data);
  const n = call("recvmsg", socket, header, MSG_CMSG_CLOEXEC);
  const got = control.getInt32(12, true) === SCM_RIGHTS && control.getInt32(8, true) === SOL_SOCKET;
  keep.length = 0;
  return { bytes: data.subarray(0, n), fd: got ? control.getInt32(16, true) : undefined };
}

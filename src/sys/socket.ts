// Owns Unix sockets: pairs, sockets at a path, and descriptors passed over them (unix(7), SCM_RIGHTS).

import { encode, putLong } from "./bytes.ts";
import { AF_UNIX, MSG_CMSG_CLOEXEC, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_STREAM } from "./constants.ts";
import { ENAMETOOLONG, SysError } from "./errno.ts";
import { addressOf, attempt, call } from "./libc.ts";

/** int socket(int domain, int type, int protocol). @throws SysError */
export function socket(domain: number, type: number, protocol = 0): number {
  return call("socket", domain, type, protocol);
}

/** int socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, int fds[2]): two connected sockets. @throws SysError */
export function socketpair(): [number, number] {
  const fds = new Int32Array(2);
  call("socketpair", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(fds.buffer));
  return [fds[0]!, fds[1]!];
}

/** struct sockaddr_un { sa_family_t sun_family; char sun_path[108]; }; undefined where the path is too long for it. */
function addressAt(path: string): Uint8Array | undefined {
  const bytes = encode(path);
  if (bytes.length > 107) return undefined;
  const address = new Uint8Array(110);
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}

/**
 * A close-on-exec stream socket that waits for connections at a path; path resolution as in bind(2). @throws SysError
 */
export function listenAt(path: string): number {
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC);
  const address = addressAt(path);
  if (!address) throw new SysError("bind", [path], ENAMETOOLONG);
  call("bind", fd, address, address.length);
  call("listen", fd, 8);
  return fd;
}

/** A close-on-exec stream socket that is connected to a path, or -errno. */
export function tryConnect(path: string): number {
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC);
  const address = addressAt(path);
  const connected = address ? attempt("connect", fd, address, address.length) : -ENAMETOOLONG;
  if (connected === 0) return fd;
  attempt("close", fd);
  return connected;
}

/** int accept4(int fd, NULL, NULL, SOCK_CLOEXEC): waits for a connection, and returns its socket. @throws SysError */
export function accept(fd: number): number {
  return call("accept4", fd, null, null, SOCK_CLOEXEC);
}

/** accept4(2): the connection's socket, or -errno. */
export function tryAccept(fd: number): number {
  return attempt("accept4", fd, null, null, SOCK_CLOEXEC);
}

/**
 * struct msghdr with one iovec and room for one descriptor, in 32-bit halves. It is the same on x86-64 and arm64. Each
 * array is made from its buffer: Bun moves the bytes of a small array when it is asked for the buffer later.
 */
function message(data: Uint8Array): { header: Uint8Array; control: Int32Array; keep: Uint8Array[] } {
  const control = new Int32Array(new ArrayBuffer(24));
  const controlBytes = new Uint8Array(control.buffer);
  const iovec = new Uint32Array(new ArrayBuffer(16));
  const iovecBytes = new Uint8Array(iovec.buffer);
  const header = new Uint32Array(new ArrayBuffer(56));
  putLong(iovec, 0, addressOf(data));
  putLong(iovec, 2, data.length);
  putLong(header, 4, addressOf(iovecBytes));
  putLong(header, 6, 1);
  putLong(header, 8, addressOf(controlBytes));
  putLong(header, 10, 24);
  return { header: new Uint8Array(header.buffer), control, keep: [data, iovecBytes, controlBytes] };
}

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const CMSG_LEN_ONE_FD = 20;

/**
 * ssize_t sendmsg(int fd, const struct msghdr *, MSG_NOSIGNAL): bytes together with one descriptor. @throws SysError
 */
export function sendFd(socket: number, data: Uint8Array, fd: number): void {
  const { header, control, keep } = message(data);
  // struct cmsghdr { size_t len; int level, type; }, then the descriptor
  control[0] = CMSG_LEN_ONE_FD;
  control[2] = SOL_SOCKET;
  control[3] = SCM_RIGHTS;
  control[4] = fd;
  call("sendmsg", socket, header, MSG_NOSIGNAL);
  keep.length = 0;
}

/**
 * ssize_t recvmsg(int fd, struct msghdr *, MSG_CMSG_CLOEXEC): at most `size` bytes, and the descriptor that came with
 * them, if any. @throws SysError
 */
export function receive(
  socket: number,
  size: number,
): { bytes: Uint8Array; length: number; fd: number | undefined } {
  const bytes = new Uint8Array(size);
  const { header, control, keep } = message(bytes);
  const length = call("recvmsg", socket, header, MSG_CMSG_CLOEXEC);
  keep.length = 0;
  const got = control[3] === SCM_RIGHTS && control[2] === SOL_SOCKET;
  return { bytes, length, fd: got ? control[4] : undefined };
}

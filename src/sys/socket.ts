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

/** The most descriptors that one message carries; the kernel would take 253 (SCM_MAX_FD, unix(7)). */
export const MOST_FDS = 64;

/** Where in the words of a message its parts begin; it starts with the struct msghdr itself. */
const IOVEC = 14;
const CONTROL = 18;
/** struct cmsghdr { size_t len; int level, type; }, then the descriptors */
const CMSG_WORDS = 4;

/**
 * struct msghdr with one iovec and room for descriptors, in 32-bit words. It is the same on x86-64 and arm64. The words
 * are made from their buffer: Bun moves the bytes of a small array when it is asked for the buffer later.
 */
function message(
  data: Uint8Array,
  room: number,
): { words: Uint32Array; header: Uint8Array; keep: Uint8Array[] } {
  const controlWords = CMSG_WORDS + room + (room & 1);
  const words = new Uint32Array(new ArrayBuffer(4 * (CONTROL + controlWords)));
  const header = new Uint8Array(words.buffer);
  const address = addressOf(header);
  putLong(words, IOVEC, addressOf(data));
  putLong(words, IOVEC + 2, data.length);
  putLong(words, 4, address + 4 * IOVEC);
  words[6] = 1;
  putLong(words, 8, address + 4 * CONTROL);
  words[10] = 4 * controlWords;
  return { words, header, keep: [data] };
}

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

/**
 * ssize_t sendmsg(int fd, const struct msghdr *, MSG_NOSIGNAL): bytes together with descriptors, at most MOST_FDS.
 * Returns the number of bytes sent. @throws SysError
 */
export function sendFds(socket: number, data: Uint8Array, fds: readonly number[]): number {
  const { words, header, keep } = message(data, fds.length);
  words[CONTROL] = 4 * (CMSG_WORDS + fds.length);
  words[CONTROL + 2] = SOL_SOCKET;
  words[CONTROL + 3] = SCM_RIGHTS;
  for (let i = 0; i < fds.length; i++) words[CONTROL + CMSG_WORDS + i] = fds[i]!;
  const sent = call("sendmsg", socket, header, MSG_NOSIGNAL);
  keep.length = 0;
  return sent;
}

/**
 * ssize_t recvmsg(int fd, struct msghdr *, MSG_CMSG_CLOEXEC): fills the start of a buffer. Returns the number of bytes,
 * and the descriptors that came with them; the kernel drops those for which there is no room. @throws SysError
 */
export function receive(socket: number, data: Uint8Array, room: number): { length: number; fds: number[] } {
  const { words, header, keep } = message(data, room);
  const length = call("recvmsg", socket, header, MSG_CMSG_CLOEXEC);
  keep.length = 0;
  const fds: number[] = [];
  if (words[CONTROL + 2] === SOL_SOCKET && words[CONTROL + 3] === SCM_RIGHTS)
    for (let i = CMSG_WORDS; i < words[CONTROL]! / 4; i++) fds.push(words[CONTROL + i]!);
  return { length, fds };
}

// Owns handing a seccomp listener to the agent that the profile names (runtime-spec, "containerProcessState").

import type { Spec } from "../spec/types.ts";
import { encode } from "../sys/bytes.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM } from "../sys/constants.ts";
import { close, withFd } from "../sys/file.ts";
import { call, step } from "../sys/libc.ts";
import { sendFd } from "../sys/socket.ts";

/** Connects to linux.seccomp.listenerPath and sends the descriptor with the state; closes ours. @throws SysError */
export function handListener(listener: number, id: string, pid: number, bundle: string, spec: Spec): void {
  const { listenerPath = "", listenerMetadata } = spec.linux.seccomp ?? {};
  step(`hand the seccomp listener to ${listenerPath}`, "an agent there answers for the calls that notify");
  const status = "creating";
  const state = {
    ociVersion: spec.ociVersion,
    fds: ["seccompFd"],
    pid,
    metadata: listenerMetadata ?? "",
    state: { ociVersion: spec.ociVersion, id, status, pid, bundle },
  };
  try {
    withFd(call("socket", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), (socket) => {
      // struct sockaddr_un { short sun_family; char sun_path[108]; }
      const address = new Uint8Array(110);
      address[0] = AF_UNIX;
      address.set(encode(listenerPath).subarray(0, 107), 2);
      call("connect", socket, address, address.length);
      sendFd(socket, encode(JSON.stringify(state)), listener);
    });
  } finally {
    close(listener);
  }
}

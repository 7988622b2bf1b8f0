// Owns what the help says of `minibox run`.

import type { Usage } from "./commands.ts";
import { runFlags } from "./run-flags.ts";

const MORE = `EXAMPLES

  minibox run ubuntu-rootfs /bin/bash                      a shell
  minibox run ubuntu-rootfs sh -c 'ps; hostname'           everything after the rootfs is the command's
  seq 9 | minibox run ubuntu-rootfs sort -r | head -3      in a pipe
  minibox run -v "$PWD:/src:ro" -w /src ubuntu-rootfs ls   the current directory, read-only
  minibox run --overlay -m 64m --cpus 0.5 --pids-limit 20 --timeout 5s ubuntu-rootfs ./solution
                                                           a program that nobody trusts
  minibox run --trace ubuntu-rootfs true                   every kernel call that makes a container

EXIT CODES

  the command's own, or 128+N when signal N ended it
  124  --timeout was reached       126  the command could not be executed
  125  minibox itself failed       127  the command was not found
`;

export const command: Usage = {
  meta: { name: "run", description: "Run a command in a new container" },
  args: {
    ...runFlags(),
    ROOTFS: { type: "positional", description: "directory that becomes the root", required: true },
    COMMAND: {
      type: "positional",
      description: "program and its arguments; minibox reads none of them",
      required: true,
      many: true,
    },
  },
  more: MORE,
};

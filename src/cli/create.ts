// Owns `minibox create`: a container that is made, and waits to be started by whoever comes.

import { abandon } from "../container/begin.ts";
import { create, type Request } from "../container/create.ts";
import { earlyEnd, errorOf } from "../container/failure.ts";
import { bury } from "../container/spawn.ts";
import { leaveToCaller } from "../container/state.ts";
import { UsageError } from "../errors.ts";
import type { Command } from "./commands.ts";
import { refuseSystemdCgroup } from "./globals.ts";
import { begun, extrasFor } from "./making.ts";
import { requestFrom, wantedFrom, warnFor } from "./request.ts";
import { command as run } from "./run-usage.ts";

/** These flags of `run` are for its supervisor. A created container has none. */
const FOR_A_SUPERVISOR = ["timeout", "stop-timeout", "attest", "trace", "tty", "no-tty", "interactive", "rm"];

export const command: Command = {
  meta: { name: "create", description: "Make a container that waits to be started" },
  args: Object.fromEntries(Object.entries(run.args).filter(([name]) => !FOR_A_SUPERVISOR.includes(name))),
  more: `  The stdin, stdout and stderr of create are the command's.

    minibox create --name web ubuntu-rootfs sleep 60
    minibox start web
    minibox delete --force web
`,
  async run({ given: values, rest, globals }) {
    refuseSystemdCgroup(globals);
    const wanted = wantedFrom("create", { given: values, rest });
    const { given } = wanted;
    if (given.one("name") === undefined)
      throw new UsageError("create needs --name: by its name the container is started and deleted");
    const extras = await extrasFor(given);
    const { starting, userns } = await begun(given, extras);
    let request: Request;
    try {
      request = { ...requestFrom(wanted, extras.compiler).request, userns };
    } catch (error) {
      abandon(starting);
      throw error;
    }
    const container = create(starting, request, {
      hold: true,
      owner: "caller",
      warn: warnFor(given),
      trace: () => {},
    });
    const { handshake, child, directory, undo } = container;
    try {
      handshake.finish();
      if (handshake.failure) throw errorOf(handshake.failure);
      if (!handshake.held) throw earlyEnd(bury(child).status);
      leaveToCaller(directory);
    } catch (error) {
      undo.rollBack();
      throw error;
    }
    undo.commit();
    return 0;
  },
};

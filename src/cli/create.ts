// Owns `minibox create`: a container that is made, and waits to be started by whoever comes.

import { abandon, openStdio, type Starting } from "../container/begin.ts";
import { create, type Request } from "../container/create.ts";
import { earlyEnd, errorOf, FILTERED_WAIT } from "../container/failure.ts";
import { prune } from "../container/prune.ts";
import { byCaller, gatherSignals, ignoredSignals } from "../container/signals.ts";
import { reap } from "../container/spawn.ts";
import { leaveToCaller } from "../container/state.ts";
import { RunError, UsageError } from "../errors.ts";
import { parseName } from "../spec/from-flags/values.ts";
import { SIGNALS } from "../sys/constants.ts";
import { tryReadSignal } from "../sys/signalfd.ts";
import type { Call, Command } from "./commands.ts";
import { refuseSystemdCgroup } from "./globals.ts";
import { begun, extrasFor } from "./making.ts";
import { note } from "./report.ts";
import { requestFrom, wantedFrom, warnFor } from "./request.ts";
import { command as run } from "./run-usage.ts";

/** These flags of `run` are for its supervisor. A created container has none. */
const FOR_A_SUPERVISOR = ["timeout", "stop-timeout", "attest", "trace", "tty", "no-tty", "interactive", "rm"];

export const command: Command = {
  meta: { name: "create", description: "Make a container that waits to be started" },
  args: {
    bundle: {
      type: "string",
      alias: "b",
      valueHint: "dir",
      description:
        "make the container of this OCI bundle's config.json, which takes the place of the other flags",
    },
    ...Object.fromEntries(Object.entries(run.args).filter(([name]) => !FOR_A_SUPERVISOR.includes(name))),
    name: { type: "string", valueHint: "name", description: "name of the container (required)" },
    ROOTFS: {
      type: "positional",
      description: "directory that becomes the root; with --bundle the container's name",
      required: false,
    },
    COMMAND: { type: "positional", description: "program and its arguments", required: false, many: true },
  },
  more: `EXAMPLES

  minibox create --name web ubuntu-rootfs sleep 60    it waits: create's stdin, stdout and stderr are the command's
  minibox start web                                   lets it run the command
  minibox delete --force web                          ends it and removes it
  minibox create --bundle DIR web                     the container of DIR/config.json
`,
  async run(call) {
    refuseSystemdCgroup(call.globals);
    const { starting, request, warn } = call.given.has("bundle")
      ? await fromBundle(call)
      : await fromFlags(call);
    const container = create(starting, request, {
      stdio: openStdio(starting, [], false),
      hold: true,
      owner: "caller",
      warn,
      trace: () => {},
    });
    const { handshake, child, directory, undo } = container;
    try {
      gatherSignals(byCaller(ignoredSignals()));
      prune(request.id); // the child has enough to do meanwhile
      handshake.finish(() => checkInterrupt(starting.signals));
      if (handshake.failure) throw errorOf(handshake.failure);
      if (!handshake.held) throw earlyEnd(reap(child).status, request.host.seccomp && FILTERED_WAIT);
      leaveToCaller(directory);
    } catch (error) {
      undo.rollBack();
      throw error;
    }
    undo.commit();
    return 0;
  },
};

/** The signals that ask `create` to end. */
const ENDING: readonly number[] = [SIGNALS.HUP, SIGNALS.INT, SIGNALS.QUIT, SIGNALS.TERM];

/** Reads the blocked signals from their descriptor (signalfd(2)). @throws RunError for a signal that ends `create` */
function checkInterrupt(descriptor: number): void {
  for (let info = tryReadSignal(descriptor); info; info = tryReadSignal(descriptor)) {
    const { signal } = info;
    if (ENDING.includes(signal) && !ignoredSignals().includes(signal))
      throw new RunError(`ended by signal ${signal} before the container was made`, 128 + signal);
  }
}

/** What a container is made of. */
interface Prepared {
  starting: Starting;
  request: Request;
  warn(message: string): void;
}

async function fromFlags(call: Call): Promise<Prepared> {
  const name = call.given.get("name")?.[0];
  if (name === undefined)
    throw new UsageError("create needs --name: minibox create --name NAME ROOTFS COMMAND");
  const wanted = wantedFrom(`create --name ${name}`, call);
  const { given } = wanted;
  const extras = await extrasFor(given);
  const { starting, userns } = await begun(given, extras, "caller");
  try {
    const { request } = requestFrom(wanted, extras.compiler);
    return { starting, request: { ...request, userns }, warn: warnFor(given) };
  } catch (error) {
    abandon(starting);
    throw error;
  }
}

async function fromBundle({ given, rest }: Call): Promise<Prepared> {
  for (const flag of given.keys())
    if (flag !== "bundle")
      throw new UsageError(
        `--${flag} and --bundle contradict each other: config.json says all but the name, which is the only word`,
      );
  const [id, beyond] = rest;
  if (id === undefined || beyond !== undefined)
    throw new UsageError(
      "create --bundle takes one word, the container's name: minibox create --bundle DIR NAME",
    );
  const { beginFor, requestFromBundle } = await import("./bundle.ts");
  const request = requestFromBundle(parseName("CONTAINER", id), given.get("bundle")![0]!);
  const { starting, userns } = beginFor(request.spec);
  return { starting, request: { ...request, userns }, warn: note };
}

// Owns `minibox start`.

import { errorOf } from "../container/failure.ts";
import { startContainer } from "../container/start.ts";
import { openToAct, statusOf } from "../container/state.ts";
import { checkStatus } from "../container/status.ts";
import { validate } from "../spec/validate.ts";
import { CONTAINER, type Command } from "./commands.ts";
import { explain } from "./making.ts";
import { note } from "./report.ts";

export const command: Command = {
  meta: { name: "start", description: "Let a created container run its command" },
  args: { CONTAINER },
  async run({ rest: [id = ""] }) {
    const directory = openToAct(id);
    const { state } = directory;
    checkStatus("start", id, statusOf(state));
    const { failure, closeSocket } = startContainer(directory, note);
    if (!failure) return 0;
    const isExec = failure.type === "error" && failure.call === "execve";
    // the state may have been forged, so its spec is checked before it is looked into; no signal is blocked here: one that
    // ends minibox ends the explanation too
    const error = isExec
      ? await explain(failure, state.pid, validate(state.spec), () => true)
      : errorOf(failure);
    closeSocket();
    throw error;
  },
};

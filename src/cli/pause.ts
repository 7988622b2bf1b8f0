// Owns `minibox pause`.

import { pauseContainer } from "../container/pause.ts";
import { openToAct } from "../container/state.ts";
import { CONTAINER, type Command } from "./commands.ts";

export const command: Command = {
  meta: { name: "pause", description: "Stop all processes of a container where they are" },
  args: { CONTAINER },
  run({ rest: [id = ""] }) {
    pauseContainer(openToAct(id).state);
    return 0;
  },
};

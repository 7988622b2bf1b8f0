// Owns `minibox resume`.

import { resumeContainer } from "../container/pause.ts";
import { openToAct } from "../container/state.ts";
import { CONTAINER, type Command } from "./commands.ts";

export const command: Command = {
  meta: { name: "resume", description: "Let a paused container go on" },
  args: { CONTAINER },
  run({ rest: [id = ""] }) {
    resumeContainer(openToAct(id).state);
    return 0;
  },
};

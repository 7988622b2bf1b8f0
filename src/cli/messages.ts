// Owns what commands say beside their output: errors, notes and progress, through consola. `run` says its few notes by
// cli/report.ts instead: that costs nothing to load, and the terminal may be the container's at that time.

import { type ConsolaInstance, type ConsolaReporter, createConsola, type LogObject } from "consola/core";
import { literal, printable } from "../sys/printable.ts";
import { isTerminal } from "../sys/terminal.ts";
import { environmentVariable } from "./caller.ts";
import type { Log } from "./globals.ts";
import { type Part, print } from "./report.ts";

/**
 * What is said goes to stderr, and errors to the log too. `error`, `warn`, `info`, `start` and `success` make a line of
 * their own, `log` one that belongs to the line above it. (consola/core prints nothing by itself and loads in 1 ms; the
 * whole of consola, with its own reporters, in 16 ms.)
 */
export function messagesTo(log: Log | undefined): ConsolaInstance {
  const hasColours = coloursAreWanted();
  const reporters: ConsolaReporter[] = [{ log: (entry) => print(2, ...shown(entry, hasColours)) }];
  if (log)
    reporters.push({ log: (entry) => entry.type === "error" && print(log.fd, logged(entry, log.format)) });
  return createConsola({ reporters });
}

/** Whether stderr is a terminal that shows colours, for somebody who has not asked for none (no-color.org). */
function coloursAreWanted(): boolean {
  const terminal = environmentVariable("TERM") ?? "dumb";
  return isTerminal(2) && terminal !== "dumb" && !environmentVariable("NO_COLOR");
}

/** SGR parameters (console_codes(4)) of the program's name, and of the lines that belong to another. */
const COLOURS: Readonly<Record<string, number>> = { error: 31, warn: 33, start: 36, success: 32, log: 2 };

function shown({ type, args }: LogObject, hasColours: boolean): Part[] {
  const colour = hasColours ? COLOURS[type] : undefined;
  const coloured = (text: string): Part => (colour === undefined ? text : { colour, text });
  const text = args.join(" ");
  return type === "log" ? ["  ", coloured(text)] : [coloured("minibox:"), ` ${text}`];
}

/**
 * Makes a record of one line, for programs that parse the file: engines take the last line, or all of it, for one JSON
 * object, and show a person the message in it.
 */
function logged({ args, date }: LogObject, format: Log["format"]): string {
  const [text, time] = [args.join(" "), date.toISOString()];
  if (format === "json") return JSON.stringify({ level: "error", msg: printable(text), time });
  return `time="${time}" level=error msg=${literal(text)}`;
}

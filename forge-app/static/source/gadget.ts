// The gadget on a dashboard: two rows, the latest report and what comes next.

import type { Status, Trigger } from "./answer";
import { h, place } from "./element";
import { GADGET as PATH } from "./route";
import { followTheme, onRefresh, read, reasonOf } from "./service";
import { filled, GADGET, instant, PROGRESS, triggerName, TROUBLE } from "./words";
import "./style.css";

async function refresh(): Promise<void> {
  try {
    const status = await read<Status>(PATH);
    const rows = [row(GADGET.report, latest(status)), row(GADGET.schedule, next(status))];
    place("gadget", h("dl", { class: "facts rows" }, ...rows));
  } catch (error) {
    place("gadget", h("p", { class: "quiet" }, reasonOf(error)));
  }
  document.getElementById("app")?.setAttribute("aria-busy", "false");
}

function row(term: string, value: string): HTMLElement {
  return h("div", {}, h("dt", {}, term), h("dd", {}, value));
}

function latest(status: Status): string {
  const report = status.reports[0];
  if (!report) return GADGET.none;
  return filled(GADGET.made, triggerName(report.trigger), instant(report.completed_at));
}

// The milestone that is open and comes first; an open one that somebody asked for is due at once.
function next(status: Status): string {
  const open = status.triggers.filter((each) => each.next_attempt_at !== null || each.state === "GENERATING");
  const from = (each: Trigger) => each.next_attempt_at ?? "";
  const [first] = open.sort((one, other) => from(one).localeCompare(from(other)));
  if (!first) return GADGET.nothing;
  const name = triggerName(first.trigger);
  const state = PROGRESS[first.state];
  if (first.next_attempt_at === null) return filled(GADGET.next, name, state);
  return filled(GADGET.nextFrom, name, state, instant(first.next_attempt_at));
}

async function start(): Promise<void> {
  try {
    await followTheme();
  } catch {
    place("gadget", h("p", { class: "quiet" }, TROUBLE.outside));
    return;
  }
  void onRefresh(() => void refresh());
  await refresh();
}

void start();

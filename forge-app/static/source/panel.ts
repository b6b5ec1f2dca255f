// What stands around the report: what is said first, the strip to check it with, the schedule,
// and the earlier reports.

import type { LastError, Report, ReportHead, Status, Trigger } from "./answer";
import { h } from "./element";
import { partContent, VERIFY_PART } from "./report";
import { DOWNLOAD, GENERATE, HEADLINE, LAST_ERROR, PROGRESS, REPORT, SCHEDULE } from "./words";
import { filled, instant, triggerName } from "./words";

export function headline(status: Status): HTMLElement {
  const [title, text] = HEADLINE[status.state];
  const when = instantOf(status);
  const waits = ["GENERATING", "WAITING_FOR_RETRY", "WAITING_FOR_TOKEN"].includes(status.state);
  return h(
    "div",
    { class: waits ? "message waits" : "message" },
    h("h2", {}, title),
    h("p", {}, filled(text, when)),
  );
}

// The instant that the headline speaks of: when the report was made, the earliest next attempt,
// or the first due time.
function instantOf(status: Status): string {
  const waiting = ["WAITING_FOR_RETRY", "DEFERRED"];
  const live = status.triggers.filter((each) =>
    status.state === "WAITING_FOR_RETRY" ? waiting.includes(each.state) : each.state === "NOT_DUE",
  );
  if (status.state === "REPORT") return status.reports[0] ? instant(status.reports[0].completed_at) : "";
  const instants = live.map((each) => each.next_attempt_at ?? each.due_at).sort();
  return instants[0] ? instant(instants[0]) : "";
}

export function schedule(status: Status): HTMLElement {
  const known: [string, string | null][] = [
    [SCHEDULE.installed, status.installed_at],
    [SCHEDULE.last, status.last_tick_at],
  ];
  return h(
    "section",
    { class: "card", "aria-labelledby": "schedule-heading" },
    h("h2", { id: "schedule-heading" }, SCHEDULE.heading),
    h("p", { class: "quiet" }, SCHEDULE.lead),
    h("ul", { class: "triggers", role: "list" }, ...status.triggers.map(trigger)),
    rows(known.map(([term, iso]) => [term, iso ? moment(iso) : SCHEDULE.never])),
  );
}

function trigger(each: Trigger): HTMLElement {
  const shown: [string, string | Node][] = [
    [SCHEDULE.due, moment(each.due_at)],
    ...(each.next_attempt_at && each.next_attempt_at !== each.due_at
      ? [[SCHEDULE.next, moment(each.next_attempt_at)] as [string, Node]]
      : []),
    ...(each.completed_at ? [[SCHEDULE.done, moment(each.completed_at)] as [string, Node]] : []),
    [SCHEDULE.attempts, String(each.attempts)],
    [SCHEDULE.error, each.last_error ? lastError(each.last_error) : SCHEDULE.none],
  ];
  return h(
    "li",
    {},
    h("h3", {}, triggerName(each.trigger)),
    h("p", { class: "state" }, PROGRESS[each.state]),
    rows(shown),
  );
}

function lastError(error: LastError): string {
  const said = LAST_ERROR[error.code] ?? error.message;
  return filled(SCHEDULE.attempt, said, String(error.attempt), instant(error.at));
}

export function downloads(formats: string[], save: (format: string) => void): HTMLElement {
  const known = Object.keys(DOWNLOAD.formats).filter((each) => formats.includes(each));
  const buttons = known.map((each) =>
    h("button", { type: "button", "data-format": each, click: () => save(each) }, DOWNLOAD.formats[each]),
  );
  return h(
    "section",
    { class: "card", "aria-labelledby": "download-heading" },
    h("h2", { id: "download-heading" }, DOWNLOAD.heading),
    h("p", { class: "quiet" }, DOWNLOAD.lead),
    h("div", { class: "buttons" }, ...buttons),
  );
}

// The document's own words on how to check it.
export function verifyStrip(report: Report): HTMLElement | undefined {
  const verify = report.document.cover.find((each) => each.key === VERIFY_PART);
  if (!verify) return undefined;
  return h(
    "section",
    { class: "card", id: "verify-strip", "aria-labelledby": "verify-heading" },
    h("h2", { id: "verify-heading" }, verify.heading),
    ...partContent(verify),
  );
}

export function history(reports: ReportHead[], shown: string, open: (id: string) => void): HTMLElement {
  const row = (each: ReportHead) => {
    const text = `${triggerName(each.trigger)}, `;
    const isShown = each.report_id === shown;
    return h(
      "li",
      isShown ? { "aria-current": "true" } : {},
      h("span", {}, text, moment(each.completed_at)),
      !isShown &&
        h(
          "button",
          {
            type: "button",
            class: "link",
            "aria-label": `${REPORT.open}: ${text}${instant(each.completed_at)}`,
            click: () => open(each.report_id),
          },
          REPORT.open,
        ),
    );
  };
  return h(
    "section",
    { class: "card", "aria-labelledby": "history-heading" },
    h("h2", { id: "history-heading" }, REPORT.earlier),
    h("ul", { class: "history", role: "list" }, ...reports.map(row)),
  );
}

// Why a report cannot be asked for, or nothing.
export function obstacle(status: Status): string {
  const { reason, after } = status.generate;
  if (reason === null) return "";
  return filled(GENERATE.obstacles[reason] ?? "", after ? instant(after) : "");
}

export function moment(iso: string): HTMLElement {
  return h("time", { datetime: iso }, instant(iso));
}

function rows(all: [string, string | Node][]): HTMLElement {
  const each = all.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)));
  return h("dl", { class: "facts rows" }, ...each);
}

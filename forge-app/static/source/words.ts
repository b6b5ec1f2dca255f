// Every word that the page adds to a report, in one place, ready to be translated. The language
// guard reads this file: it discloses, and does not judge.
//
// A text that takes something in marks the place with {0}, {1}.

import type { Headline, Progress } from "./answer";

export const TRIGGER: Record<string, string> = {
  AUTO_12H: "12 hours after installation",
  AUTO_24H: "24 hours after installation",
  MANUAL: "On request",
};

export const HEADLINE: Record<Headline, [title: string, text: string]> = {
  TENANT_UNAVAILABLE: [
    "This site is not known yet",
    "Jira has not told the app about its installation here. That takes a few minutes; if it stays so for an hour, install the app again.",
  ],
  UNINSTALLED: [
    "The app was uninstalled from this site",
    "Reports that were made before stay readable. No further report is made.",
  ],
  PAUSED: [
    "Reports are paused for this site",
    "The publisher of the app has paused them. Reports that were made before stay readable.",
  ],
  GENERATING: [
    "A report is being made",
    "This page shows it as soon as it is stored.",
  ],
  WAITING_FOR_RETRY: [
    "A report waits for its next attempt",
    "The last attempt ended without a report. The next one begins not before {0}.",
  ],
  WAITING_FOR_TOKEN: [
    "A report waits for Jira",
    "It is due. Jira gives the app access again with its next scheduled call, as a rule within the hour.",
  ],
  FAILED: [
    "The last report could not be made",
    "All of its attempts ended without a report, or its time was over. The schedule says more, and Generate now asks for another one.",
  ],
  REPORT: ["The report is stored", "Made on {0}. It was signed when it was made, and does not change."],
  NO_REPORT_YET: [
    "No report yet",
    "The first one becomes due on {0}. It is made some time after that, without anybody doing anything.",
  ],
};

export const PROGRESS: Record<Progress, string> = {
  NOT_DUE: "Not due yet",
  DUE: "Due, about to begin",
  WAITING_FOR_TOKEN: "Due, waits for Jira",
  GENERATING: "Being made",
  WAITING_FOR_RETRY: "Waits for its next attempt",
  DEFERRED: "Put off by Jira",
  COMPLETED: "Done",
  MISSED: "Not made: its time was over",
  DISCARDED: "Not made: no attempt left",
  CANCELLED: "Cancelled with the uninstallation",
  SWITCHED_OFF: "Switched off by the publisher",
};

// What stands for an error's code; a code that is not here is shown with its message.
export const LAST_ERROR: Record<string, string> = {
  JIRA_TIMEOUT: "Jira did not answer in time.",
  JIRA_UNREACHABLE: "Jira could not be reached.",
  JIRA_UNAVAILABLE: "Jira could not answer at that time.",
  JIRA_REFUSED: "Jira refused a request of the app.",
  JIRA_MALFORMED: "Jira's answer could not be read.",
  JIRA_OVERSIZED: "Jira's answer was larger than the app reads.",
  LEASE_EXPIRED: "The attempt ended without a result.",
  IMPORTED_FAILURE: "It ended without a report before the app moved here.",
  REPORT_VALIDATION_FAILED: "The report did not pass its own checks and was not stored.",
};

export const SCHEDULE = {
  heading: "Schedule",
  lead: "From when on each report may be made. Reports are made some time after that, not at an exact time.",
  report: "Report",
  state: "State",
  due: "Due from",
  next: "Next attempt not before",
  attempts: "Attempts",
  error: "Last error",
  done: "Done on",
  none: "None",
  attempt: "{0} (attempt {1}, {2})",
  installed: "Installation detected on",
  last: "Last scheduled call by Jira",
  never: "None yet",
};

export const GENERATE = {
  action: "Generate now",
  busy: "Asking…",
  asked: "The report was asked for.",
  made: "The report is stored and shown below.",
  obstacles: {
    INSTALLATION_UNKNOWN: "A report can be asked for once the installation is recorded.",
    UNINSTALLED: "The app was uninstalled.",
    PAUSED: "Reports are paused.",
    SWITCHED_OFF: "Reports on request are switched off.",
    GENERATION_IN_PROGRESS: "A report is being made already.",
    MANUAL_RATE_EXCEEDED: "As many as an hour allows were asked for. The next one may be asked for from {0} on.",
  } as Record<string, string>,
};

export const DOWNLOAD = {
  heading: "Download",
  lead: "The PDF is for reading and forwarding; it carries the JSON and its signature, so both can be checked.",
  formats: { pdf: "PDF", json: "JSON", envelope: "Signature", html: "HTML" } as Record<string, string>,
  saved: "{0} was handed to your browser.",
};

export const REPORT = {
  earlier: "Reports of this site",
  shown: "Shown: {0}, {1}",
  open: "Show",
};

export const TROUBLE = {
  heading: "Nothing can be shown",
  forbidden: "You cannot see this page",
  forbiddenText: "Only people with the Jira permission Administer Jira may see the trust report.",
  tenant: "This site cannot be told from others",
  tenantText: "Jira did not say with certainty which site this is, so nothing is shown. Open the page again.",
  unreadable: "This report is not shown",
  unanswered: "The app's service did not answer. Nothing is lost; reports go on being made. Try again in a moment.",
  outside: "This page works inside Jira only.",
  notBefore: "{0} Not before {1}.",
  again: "Try again",
};

export const GADGET = {
  report: "Latest report",
  schedule: "Schedule",
  none: "None yet",
  made: "{0}, made on {1}",
  next: "{0}: {1}",
  nextFrom: "{0}: {1}, not before {2}",
  nothing: "Nothing more is scheduled",
};

export function filled(text: string, ...values: string[]): string {
  return text.replace(/\{(\d)\}/g, (_, place: string) => values[Number(place)] ?? "");
}

// The same instant for everybody who reads a forwarded picture of the page: always in UTC.
const FORM = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZone: "UTC",
});

export function instant(iso: string): string {
  return `${FORM.format(new Date(iso))} UTC`;
}

export function triggerName(trigger: string): string {
  return TRIGGER[trigger] ?? trigger;
}

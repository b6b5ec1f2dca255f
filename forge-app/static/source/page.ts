// The page of a Jira administrator: look, ask, take away.

import type { File, Generated, Report, Status } from "./answer";
import { h, place } from "./element";
import { downloads, headline, history, obstacle, schedule, verifyStrip } from "./panel";
import { reportElements } from "./report";
import { DOWNLOAD as DOWNLOAD_PATH, GENERATE as GENERATE_PATH, REPORT, STATUS } from "./route";
import { ask, followTheme, read, reasonOf, Refused } from "./service";
import { DOWNLOAD, filled, GENERATE, TROUBLE } from "./words";
import "./style.css";

// While a report is made the page looks again, less and less often, and then stops.
const LOOK_AGAIN_SECONDS = [2, 3, 5, 8, 13, 20, 30, 30, 30, 60, 60, 60, 120];

let shown: Report | undefined;
let drawn: string | undefined;
let wanted: string | undefined;
let looks = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

async function refresh(): Promise<void> {
  clearTimeout(timer);
  try {
    const status = await read<Status>(STATUS);
    await show(status);
    lookAgain(status);
  } catch (error) {
    trouble(error);
  }
  document.getElementById("app")?.setAttribute("aria-busy", "false");
}

function lookAgain(status: Status): void {
  const seconds = status.state === "GENERATING" ? LOOK_AGAIN_SECONDS[looks++] : undefined;
  if (status.state !== "GENERATING") looks = 0;
  if (seconds !== undefined) timer = setTimeout(() => void refresh(), seconds * 1000);
}

async function show(status: Status): Promise<void> {
  actions(status);
  place("headline", headline(status));
  place("schedule", status.triggers.length > 0 && schedule(status));
  const id = wanted ?? status.reports[0]?.report_id;
  if (id !== undefined && id !== shown?.report_id) await load(id);
  if (id === undefined) shown = undefined;
  const several = shown && status.reports.length > 1;
  place("history", several && history(status.reports, shown!.report_id, (each) => void open(each)));
  draw(status);
}

// Draw the report if it is another one than before: what somebody has opened in it stays open,
// and what has the focus keeps it.
function draw(status: Status): void {
  if (drawn === shown?.report_id) return;
  drawn = shown?.report_id;
  place("report", ...(shown ? reportElements(shown.document) : []));
  place("download", shown && downloads(status.formats, (format) => void save(format)));
  place("verify", shown && verifyStrip(shown));
}

async function load(id: string): Promise<void> {
  try {
    shown = await read<Report>(REPORT, { report_id: id });
  } catch (error) {
    shown = undefined;
    if (!(error instanceof Refused) || error.status >= 500 || error.status === 403) throw error;
    place("notice", message(TROUBLE.unreadable, error.refusal.message));
  }
}

async function open(id: string): Promise<void> {
  wanted = id;
  place("notice");
  await refresh();
  document.getElementById("title")?.focus();
}

function actions(status: Status): void {
  const why = obstacle(status);
  const button = generateButton();
  button.disabled = !status.generate.is_available;
  button.textContent = GENERATE.action;
  if (why !== "") button.setAttribute("aria-describedby", "obstacle");
  else button.removeAttribute("aria-describedby");
  place("obstacle", why);
}

// Return the one button of the page's own, made when it is first needed.
function generateButton(): HTMLButtonElement {
  const found = document.querySelector<HTMLButtonElement>("#generate");
  if (found) return found;
  const made = h("button", { type: "button", class: "primary", id: "generate", click: () => void generate() });
  place("actions", made, h("p", { id: "obstacle", class: "quiet" }));
  return made;
}

// One press, one POST: nothing on this page asks for a report but this (contract P41).
async function generate(): Promise<void> {
  const button = generateButton();
  button.disabled = true;
  button.textContent = GENERATE.busy;
  try {
    const made = await ask<Generated>(GENERATE_PATH);
    wanted = undefined;
    tell(made.reason === "GENERATED" ? GENERATE.made : GENERATE.asked);
  } catch (error) {
    tell(reasonOf(error));
  }
  await refresh();
  (button.disabled ? document.getElementById("title") : button)?.focus();
}

async function save(format: string): Promise<void> {
  try {
    const query = { format, report_id: shown?.report_id ?? "" };
    const file = await read<File>(DOWNLOAD_PATH, query);
    const bytes = Uint8Array.from(atob(file.content_base64), (each) => each.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: file.media_type }));
    h("a", { href: url, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    tell(filled(DOWNLOAD.saved, file.name));
  } catch (error) {
    tell(reasonOf(error));
  }
}

function tell(text: string): void {
  place("notice", h("p", { class: "notice" }, text));
}

function trouble(error: unknown): void {
  const status = error instanceof Refused ? error.status : 0;
  const code = error instanceof Refused ? error.refusal.reason : "";
  for (const each of ["actions", "notice", "download", "report", "verify", "schedule", "history"]) place(each);
  drawn = undefined;
  const again = h("button", { type: "button", click: () => void refresh() }, TROUBLE.again);
  if (status === 403) place("headline", message(TROUBLE.forbidden, reasonOf(error), again));
  else if (code === "TENANT_CONTEXT_UNAVAILABLE") place("headline", message(TROUBLE.tenant, TROUBLE.tenantText, again));
  else place("headline", message(TROUBLE.heading, reasonOf(error), again));
}

function message(title: string, text: string, action?: HTMLElement): HTMLElement {
  return h("div", { class: "message" }, h("h2", {}, title), h("p", {}, text), action);
}

async function start(): Promise<void> {
  try {
    await followTheme();
  } catch {
    place("headline", message(TROUBLE.heading, TROUBLE.outside));
    return;
  }
  await refresh();
}

void start();

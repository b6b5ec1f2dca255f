// The one way to the service: through Jira's bridge, which signs the call and adds the tokens.
//
// `invokeRemote` goes by way of the platform, so the user's token never reaches the browser;
// `requestRemote` would send none (docs/forge.md).

import type { Refusal } from "./answer";
import { filled, instant, TROUBLE } from "./words";

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly refusal: Refusal,
  ) {
    super(refusal.reason);
  }
}

type Bridge = typeof import("@forge/bridge");

let loaded: Promise<Bridge> | undefined;

// The bridge refuses to be loaded outside of Jira, so it is loaded where that can be told.
function bridge(): Promise<Bridge> {
  loaded ??= import("@forge/bridge");
  return loaded;
}

// Take Jira's colours, now and when they change. Raises outside of Jira, and there alone: a page
// in its own colours is better than none.
export async function followTheme(): Promise<void> {
  const { view } = await bridge();
  view.theme.enable().catch(() => undefined);
}

// Call `again` when the person asks Jira to load the gadget anew.
export async function onRefresh(again: () => void): Promise<void> {
  const { events } = await bridge();
  await events.on("JIRA_DASHBOARD_GADGET_REFRESH", again);
}

export async function read<T>(path: string, query: Record<string, string> = {}): Promise<T> {
  const search = new URLSearchParams(query).toString();
  return call<T>("GET", search ? `${path}?${search}` : path);
}

export async function ask<T>(path: string): Promise<T> {
  return call<T>("POST", path);
}

async function call<T>(method: "GET" | "POST", path: string): Promise<T> {
  const { invokeRemote } = await bridge();
  const answer = await invokeRemote(method === "GET" ? { path, method } : { path, method, body: {} });
  const { status, body } = answer;
  if ((status === 200 || status === 202) && body) return body as T;
  throw new Refused(status ?? 0, refusalIn(body));
}

// Why a call came to nothing, in words. The platform may pass on no more than the status.
export function reasonOf(error: unknown): string {
  if (!(error instanceof Refused)) return TROUBLE.unanswered;
  const { message, after } = error.refusal;
  if (message === "") return error.status === 403 ? TROUBLE.forbiddenText : TROUBLE.unanswered;
  return after ? filled(TROUBLE.notBefore, message, instant(after)) : message;
}

// An answer that did not come from the service has no message of the service.
function refusalIn(body: unknown): Refusal {
  const told = body as Partial<Refusal> | undefined;
  if (typeof told?.reason === "string" && typeof told.message === "string") return told as Refusal;
  return { reason: "NO_ANSWER", message: "" };
}

// The report, laid out from the document that the service sends: the same headings, order,
// numbers and sentences as in HTML, PDF and JSON, and nothing worked out from them.

import type { Document, Fact, Item, Note, Part, Said } from "./answer";
import { h } from "./element";

// Long lists of proof stay closed until somebody opens them; everything else is open.
const CLOSED = new Set(["method", "evidence"]);
// Stands in the strip beside the report, with the buttons that belong to it.
export const VERIFY_PART = "verify";

export function reportElements(document: Document): HTMLElement[] {
  return [
    h("p", { class: "lead" }, document.lead),
    facts(document.facts, "head"),
    h("div", { class: "cover" }, ...document.cover.filter((each) => each.key !== VERIFY_PART).map(part)),
    ...document.parts.map(part),
    h("footer", {}, h("p", {}, document.footer), facts(document.footer_facts, "inline")),
  ];
}

function part(each: Part): HTMLElement {
  const heading = h("h2", { id: `${each.key}-heading` }, each.heading);
  const content = partContent(each);
  const attributes = { id: each.key, class: "part", "aria-labelledby": `${each.key}-heading` };
  if (!CLOSED.has(each.key)) return h("section", attributes, heading, ...content);
  return h("section", attributes, h("details", {}, h("summary", {}, heading), ...content));
}

// What stands below the heading of a part, in the order of its fields.
export function partContent(each: Part): (HTMLElement | false)[] {
  return [
    ...each.paragraphs.map((text) => h("p", {}, text)),
    ...each.commands.map((text) => h("pre", { tabindex: "0" }, h("code", {}, text))),
    ...each.closing.map((text) => h("p", {}, text)),
    each.facts.length > 0 && facts(each.facts, "rows"),
    each.items.length > 0 && h("ul", { class: "items", role: "list" }, ...each.items.map(item)),
    each.points.length > 0 && h("ul", { class: "points" }, ...each.points.map((text) => h("li", {}, text))),
  ];
}

function item(each: Item): HTMLElement {
  return h(
    "li",
    {},
    h(
      "div",
      { class: "what" },
      h("h3", {}, each.label),
      each.value && h("p", { class: each.value.quoted ? "value" : "value words" }, each.value.text),
      each.notes.length > 0 && each.facts.length > 0 && facts(each.facts, "inline"),
    ),
    h(
      "div",
      { class: "how" },
      ...each.notes.map(note),
      each.notes.length === 0 && facts(each.facts, "inline"),
    ),
  );
}

function note(each: Note): HTMLElement {
  return h(
    "div",
    { class: "note" },
    each.heading !== null && h("h4", {}, each.heading),
    h("p", {}, each.sentence),
    facts(each.facts, "inline"),
  );
}

function facts(all: Fact[], kind: string): HTMLElement {
  const rows = all.map((each) =>
    h("div", {}, h("dt", {}, each.term), h("dd", { class: form(each.value) }, each.value.text)),
  );
  return h("dl", { class: `facts ${kind}` }, ...rows);
}

// Hashes and ids are set like code; numbers, states and instants are read like text.
function form(value: Said): string {
  if (!value.quoted) return "words";
  return /[0-9a-f]{20}|^(GET|POST) /.test(value.text) ? "quoted code" : "quoted";
}

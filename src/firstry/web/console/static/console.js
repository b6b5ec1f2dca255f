// What the console adds to its pages: theme, refresh, keys. Everything works without it,
// only slower. Nothing here knows what a page is about: it follows attributes.
"use strict";

(() => {
  const root = document.documentElement;
  const kept = (name, otherwise) => {
    try { return localStorage.getItem(name) ?? otherwise; } catch { return otherwise; }
  };
  const keep = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* then it holds for this page */ }
  };
  const dress = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  dress(kept("firstry-theme", "auto")); // before the first paint

  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Refresh: htmx asks for the page again and puts the changed part in its place.
  let timer = 0;
  const isTyping = () => {
    const at = document.activeElement;
    return Boolean(at && at.closest("form")) || Boolean(one("#live details[open], dialog[open]"));
  };
  const refresh = () => {
    const live = one("#live[hx-get]");
    if (!live || document.hidden || isTyping()) return;
    live.dispatchEvent(new Event("refresh"));
  };
  const every = (seconds) => {
    clearInterval(timer);
    if (seconds > 0) timer = setInterval(refresh, seconds * 1000);
    say(seconds > 0 ? `every ${seconds} s, not while you type or look elsewhere` : "");
  };
  const say = (text) => { one("#refreshing").textContent = text; };

  // Keys.
  const step = (by) => {
    const rows = all("[data-row]");
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1)
      : Math.min(rows.length - 1, Math.max(0, at + by))];
    (next.querySelector("a, summary") ?? next).focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const unfold = (act) => {
    act.open = true;
    act.scrollIntoView({ block: "nearest" });
    act.querySelector("input:not([type=hidden])")?.focus();
  };
  const retry = () => {
    const row = document.activeElement?.closest("[data-row]");
    const act = row?.querySelector("[data-retry]") ?? (row ? null : one("[data-retry]"));
    if (act instanceof HTMLDetailsElement) unfold(act);
    else act?.click();
  };
  const keys = {
    "/": () => { const box = one("[data-filter]"); box?.focus(); box?.select(); return box; },
    "j": () => step(1),
    "k": () => step(-1),
    "r": retry,
    "?": () => one("#keys").showModal(),
  };
  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  const named = () => {
    const act = location.hash.length > 1 && document.getElementById(
      decodeURIComponent(location.hash.slice(1)));
    if (act instanceof HTMLDetailsElement) unfold(act);
  };

  document.addEventListener("DOMContentLoaded", () => {
    addEventListener("hashchange", named);
    addEventListener("load", named); // not earlier: following the fragment takes the focus away
    const bar = one(".bar");
    if (!bar) return;
    bar.hidden = false;
    const theme = one("#theme"), pace = one("#refresh");
    theme.value = kept("firstry-theme", "auto");
    theme.addEventListener("change", () => { keep("firstry-theme", theme.value); dress(theme.value); });
    pace.value = kept("firstry-refresh", "30");
    if (!pace.value) pace.value = "30";
    pace.addEventListener("change", () => {
      keep("firstry-refresh", pace.value);
      every(Number(pace.value));
    });
    every(Number(pace.value));
    // What is being worked on is looked at more often, unless refresh is off.
    setInterval(() => { if (Number(pace.value) > 0 && one("[data-busy]")) refresh(); }, 2000);
    one("#help").addEventListener("click", () => one("#keys").showModal());
    document.addEventListener("keydown", pressed);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && Number(pace.value) > 0) refresh();
    });
  });
})();

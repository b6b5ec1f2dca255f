// Elements, made of texts alone: there is no way here from a text to markup, a style or a
// script, so what a site calls itself can only ever be read (contract P37).

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | boolean | (() => void)>;

export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter((child): child is Node | string => !!child));
  return element;
}

export function place(id: string, ...children: Child[]): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  element.replaceChildren(...children.filter((child): child is Node | string => !!child));
  return element;
}

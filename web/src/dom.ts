/** Making elements: text is always text, never markup. */

export type Child = Node | string | false | null | undefined;
type Attributes = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

const SVG = "http://www.w3.org/2000/svg";

function fill<Made extends Element>(element: Made, attributes: Attributes, children: readonly Child[]): Made {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

export function html<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children);
}

export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  return fill(document.createElementNS(SVG, tag) as SVGElementTagNameMap[Tag], attributes, children);
}

/** A button that acts. `key` names it, so that focus finds it again when it is drawn anew. */
export function button(key: string, label: Child, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  return html("button", { type: "button", "data-key": key, click: act, ...attributes }, label);
}

/** A link within the page. */
export function inside(href: string, attributes: Attributes, ...children: Child[]): HTMLAnchorElement {
  return html("a", { href, "data-inside": true, ...attributes }, ...children);
}

/** Sets an attribute if it is another one: thousands of seats are looked at for each change. */
export function set(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

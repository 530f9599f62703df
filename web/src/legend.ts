/** What colours and shapes mean: categories with their prices, states, and how many seats are free. */

import { html, svg } from "./dom";
import { paint } from "./drawing";
import { money } from "./format";
import { ticketsOf, type Category, type Standing } from "./seat_look";
import { body, MARKS, RING } from "./shapes";
import * as strings from "./strings";
import type { Showtime } from "./types";

const STATES: Standing[] = ["picked", "mine", "booked_mine", "held", "booked", "blocked"];

function sample(number: number, standing: Standing): SVGSVGElement {
  const mark = MARKS[standing];
  return svg(
    "svg",
    { class: "sample", viewBox: "-.5 -.5 1 1", "aria-hidden": "true" },
    svg(
      "g",
      { class: `seat k${number % 8}`, "data-standing": standing },
      svg("rect", { class: "ring", ...RING }),
      svg("path", { class: "body", d: body(number) }),
      mark ? svg("path", { class: "mark", d: mark }) : null,
    ),
  );
}

export function legend(categories: ReadonlyMap<string, Category>, showtime: Showtime, sells: boolean): HTMLDetailsElement {
  const priced = [...categories.values()].map((category) => {
    const tickets = ticketsOf(showtime, category.key);
    const prices = tickets.map(([ticket, price]) => (tickets.length > 1 ? `${strings.ticketName(ticket)} ` : "") + money(price));
    return html("li", {}, sample(category.number, "available"), category.name, html("span", { class: "soft" }, prices.join(" · ")));
  });
  const states = STATES.filter((standing) => sells || !["picked", "mine", "booked_mine"].includes(standing)).map((standing) =>
    html("li", {}, sample(0, standing), strings.legendStates[standing] ?? standing),
  );
  const wide = matchMedia("(min-width: 60rem)").matches;
  const element = html(
    "details",
    { class: "legend", open: wide },
    html("summary", {}, strings.legend),
    html("ul", {}, ...priced, ...states),
  );
  paint(element, categories);
  return element;
}

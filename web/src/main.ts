/** Where the page begins: shows the place that the address names. */

import { Announcer } from "./announcer";
import { html, inside } from "./dom";
import { showProgramme } from "./programme";
import { programmePath, startRouter } from "./router";
import { showShowtime, type Shown } from "./showtime";
import * as strings from "./strings";

const sells = document.documentElement.dataset["page"] !== "view";
const main = html("main", { id: "main" });
const top = html("header", { class: "top" });
document.body.replaceChildren(top, main);
const announcer = new Announcer();

// Browsers look its address up again when that of the page changes.
const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
if (icon) icon.href = new URL(icon.href).href;

let shown: Shown | undefined;
let visits = 0;

startRouter((place, scrolled) => {
  shown?.leave();
  main.className = place.at;
  top.replaceChildren(inside(programmePath(), { class: "brand" }, strings.siteTitle));
  shown = place.at === "programme" ? showProgramme(main, place.query, scrolled) : showShowtime(main, place.showtime, announcer, sells);
  // What was read before is gone; a screen reader goes on at the top of what is new.
  if (visits++ > 0) {
    scrollTo(0, 0);
    main.tabIndex = -1;
    main.focus({ preventScroll: true });
  }
});

/** A showtime on its way in: read, then shown; or why it cannot be. */

import type { Announcer } from "./announcer";
import { api, Problem } from "./api";
import { html, inside } from "./dom";
import { programmePath } from "./router";
import { ShowtimeView } from "./showtime_view";
import * as strings from "./strings";

/** What is shown of a showtime, until it is left. */
export interface Shown {
  leave(): void;
}

export function showShowtime(main: HTMLElement, showtimeId: string, announcer: Announcer, sells: boolean): Shown {
  let view: ShowtimeView | undefined;
  let left = false;
  const load = async () => {
    main.replaceChildren(html("p", { class: "soft wait" }, strings.loading));
    try {
      const showtime = await api.showtime(showtimeId);
      const plan = await api.plan(showtime.plan);
      if (!left) view = new ShowtimeView(main, showtime, plan, announcer, sells);
    } catch (error) {
      if (left) return;
      const text = error instanceof Problem ? error.message : strings.notFoundTitle;
      const again = html("button", { type: "button", class: "main", click: () => void load() }, strings.retry);
      const hopeless = error instanceof Problem && error.body.status === 404;
      main.replaceChildren(
        html("div", { class: "empty" }, html("h1", {}, strings.notFoundTitle), html("p", {}, text), hopeless ? null : again),
        inside(programmePath(), { class: "back" }, strings.backToProgramme),
      );
    }
  };
  void load();
  return {
    leave() {
      left = true;
      view?.leave();
    },
  };
}

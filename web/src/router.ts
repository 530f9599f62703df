/** Where in the page somebody is, as the address bar tells: the programme, or one showtime. */

export type Place = { at: "programme"; query: URLSearchParams } | { at: "showtime"; showtime: string };

const SHOWTIME = /\/showtimes\/([^/]+)\/?$/;

/** What stands before the page's own path: a proxy may have put it below another one. */
export function rootOf(pathname: string): string {
  return pathname.replace(SHOWTIME, "").replace(/\/$/, "");
}

export function placeOf(pathname: string, search: string): Place {
  const showtime = SHOWTIME.exec(pathname)?.[1];
  if (showtime === undefined) return { at: "programme", query: new URLSearchParams(search) };
  try {
    return { at: "showtime", showtime: decodeURIComponent(showtime) };
  } catch {
    return { at: "showtime", showtime };
  }
}

export const root = (): string => rootOf(location.pathname);

export const showtimePath = (showtime: string): string => `${root()}/showtimes/${encodeURIComponent(showtime)}`;

export const programmePath = (query = ""): string => `${root()}/${query}`;

/** The choice of the programme that was looked at last. */
let programmeQuery: string | undefined;

/** Back to the programme as one left it; who came by another way gets what is given here. */
export const wayBack = (otherwise: string): string => programmePath(programmeQuery ?? otherwise);

/**
 * Shows a place whenever the address changes: by a link of ours, by Back, by Forward. A place that one returns to is
 * shown from where it was scrolled to; the browser cannot do that, because what is there has to be loaded first.
 */
export function startRouter(show: (place: Place, top: number) => void): void {
  const tops = new Map<string, number>();
  const keep = () => tops.set(location.href, scrollY);
  const arrive = (again: boolean) => {
    const place = placeOf(location.pathname, location.search);
    if (place.at === "programme") programmeQuery = location.search;
    show(place, (again && tops.get(location.href)) || 0);
  };
  history.scrollRestoration = "manual";
  addEventListener("scroll", keep);
  addEventListener("popstate", () => arrive(true));
  document.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a[data-inside]") as HTMLAnchorElement | null;
    // New tabs and windows are the browser's affair.
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    keep();
    if (link.href !== location.href) history.pushState(null, "", link.href);
    arrive(link.classList.contains("back"));
  });
  arrive(false);
}

/** Changes the query of the place where one is: not a step for Back. */
export function replaceQuery(query: string): void {
  programmeQuery = query;
  history.replaceState(history.state, "", location.pathname + query);
}

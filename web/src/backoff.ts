/** How long to wait before the next try: longer each time, and never at the same moment as everybody else. */

/** Between half and the whole of `first` doubled with each failure, at most `most`. */
export function backoff(failures: number, first = 500, most = 15_000, random: () => number = Math.random): number {
  const ceiling = Math.min(most, first * 2 ** Math.min(failures, 20));
  return ceiling * (0.5 + random() / 2);
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

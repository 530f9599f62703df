/** Shapes of seats and marks, one unit wide and around the origin: what colour says, shape says too. */

function polygon(corners: number, radius: number, turn: number): string {
  const points = Array.from({ length: corners }, (_, corner) => {
    const angle = (2 * Math.PI * (corner + turn)) / corners;
    return `${(radius * Math.sin(angle)).toFixed(3)} ${(-radius * Math.cos(angle)).toFixed(3)}`;
  });
  return `M${points.join("L")}Z`;
}

/** One for each price category, in the plan's order; then they begin again. */
const BODIES = [
  // A seat from above: its back is rounder than its front.
  "M-.36 -.22Q-.36 -.34 -.24 -.34L.24 -.34Q.36 -.34 .36 -.22L.36 .1Q.36 .38 .08 .38L-.08 .38Q-.36 .38 -.36 .1Z",
  "M0 -.38A.38 .38 0 1 1 0 .38A.38 .38 0 1 1 0 -.38Z",
  "M-.2 -.36L.2 -.36L.36 -.2L.36 .2L.2 .36L-.2 .36L-.36 .2L-.36 -.2Z",
  "M-.36 .34L-.36 -.04A.36 .36 0 0 1 .36 -.04L.36 .34Q.36 .36 .34 .36L-.34 .36Q-.36 .36 -.36 .34Z",
  polygon(6, 0.41, 0),
  polygon(4, 0.45, 0),
  polygon(5, 0.42, 0),
  "M-.3 -.36L.3 -.36Q.36 -.36 .36 -.3L.36 .3Q.36 .36 .3 .36L-.3 .36Q-.36 .36 -.36 .3L-.36 -.3Q-.36 -.36 -.3 -.36Z",
];

export const body = (category: number): string => BODIES[category % BODIES.length] ?? "";

/** Around one's own seats and the one that has the focus: neighbours' do not touch. */
export const RING = { x: -0.455, y: -0.455, width: 0.91, height: 0.91, rx: 0.28 };

/** What lies on a seat, by its state; available seats carry their number instead. */
export const MARKS: Record<string, string> = {
  picked: "M-.17 .01L-.05 .14L.18 -.14",
  mine: "M-.17 .01L-.05 .14L.18 -.14",
  booked_mine: "M-.17 .01L-.05 .14L.18 -.14",
  held: "M-.13 -.14L.13 -.14L-.13 .14L.13 .14Z",
  booked: "M-.14 -.14L.14 .14M.14 -.14L-.14 .14",
  blocked: "M-.2 0L.2 0",
};

/** A person in a wheelchair, and who comes with them. */
export const KINDS: Record<string, string> = {
  wheelchair: "M-.04 -.2L-.04 .04L.12 .04L.18 .2M-.04 -.08L.08 -.08M-.1 -.02A.14 .14 0 1 0 .09 .14",
  companion: "M0 -.19A.08 .08 0 1 1 0 -.03A.08 .08 0 1 1 0 -.19M-.17 .2Q-.17 .02 0 .02Q.17 .02 .17 .2",
};

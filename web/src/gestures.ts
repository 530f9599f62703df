/** Fingers, mouse and wheel on the map: tap, drag, pinch, and a tap on small seats that first comes nearer. */

import type { Viewport } from "./viewport";

/** Pixels that a finger may slip without meaning to drag. */
const SLIP = 8;
/** A seat must be at least so many pixels wide to be picked by a tap. */
const FINE = 24;
const COARSE = 36;

interface Point {
  left: number;
  top: number;
}

export function watchGestures(element: SVGSVGElement, viewport: Viewport, tap: (target: Element) => void): void {
  const fingers = new Map<number, Point>();
  /** Since the first finger came down: whether this is more than a tap. */
  let dragged = false;
  let began: Point = { left: 0, top: 0 };

  const at = (event: MouseEvent): Point => {
    const { left, top } = element.getBoundingClientRect();
    return { left: event.clientX - left, top: event.clientY - top };
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    if (fingers.size === 0) [dragged, began] = [false, at(event)];
    fingers.set(event.pointerId, at(event));
    if (fingers.size > 1) dragged = true;
  });

  element.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    if (!dragged && Math.hypot(now.left - began.left, now.top - began.top) < SLIP) return;
    if (!dragged) {
      dragged = true;
      // Only from here on: captured from the start, a click would miss the seat under it.
      element.setPointerCapture(event.pointerId);
    }
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const distance = (a: Point, b: Point) => Math.max(1, Math.hypot(a.left - b.left, a.top - b.top));
      const [middleBefore, middleNow] = [middle(before, other), middle(now, other)];
      viewport.panBy(middleNow.left - middleBefore.left, middleNow.top - middleBefore.top);
      viewport.zoomAt(middleNow.left, middleNow.top, distance(now, other) / distance(before, other));
    } else {
      viewport.panBy(now.left - before.left, now.top - before.top);
    }
    fingers.set(event.pointerId, now);
  });

  for (const name of ["pointerup", "pointercancel"] as const) {
    element.addEventListener(name, (event) => void fingers.delete(event.pointerId));
  }
  // A mouse that was let go outside.
  element.addEventListener("pointerleave", (event) => {
    if (!element.hasPointerCapture(event.pointerId)) fingers.delete(event.pointerId);
  });

  element.addEventListener("click", (event) => {
    const target = (event.target as Element).closest("[data-seat],[data-section]");
    const pointed = event.detail > 0;
    if (pointed && dragged) return;
    // A click without a pointer is a screen reader's, which needs no size.
    if (pointed && target?.hasAttribute("data-section") !== true) {
      const coarse = (event as PointerEvent).pointerType === "touch" || matchMedia("(pointer: coarse)").matches;
      const least = coarse ? COARSE : FINE;
      if (viewport.scale < least) {
        const { left, top } = at(event);
        const place = viewport.placeAt(left, top);
        viewport.zoomTo(place.x, place.y, least * 1.25);
        return;
      }
    }
    if (target) tap(target);
  });

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { left, top } = at(event);
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      // A pinch on a touchpad comes as a wheel with the control key, in smaller steps.
      const speed = event.ctrlKey ? 0.01 : 0.0015;
      viewport.zoomAt(left, top, Math.exp(-event.deltaY * lines * speed));
    },
    { passive: false },
  );
}

const middle = (a: Point, b: Point): Point => ({ left: (a.left + b.left) / 2, top: (a.top + b.top) / 2 });

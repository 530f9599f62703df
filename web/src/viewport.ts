/** Which part of the room is seen, and how large: fitting, zooming and panning within bounds. */

import type { Box, Point } from "./geometry";

/** Pixels for one unit, the distance of neighbours, at the closest. */
const CLOSEST = 72;
const MOTION_MS = 220;
/** Pixels that the buttons take at the top right. */
const BUTTONS = { width: 160, height: 60 };

interface Look {
  /** The middle, in the room's units. */
  x: number;
  y: number;
  /** Pixels for one unit. */
  scale: number;
}

export class Viewport {
  #look: Look = { x: 0, y: 0, scale: 1 };
  /** Where a motion leads: the next one goes on from there, however fast keys are pressed. */
  #aim = this.#look;
  #size = { width: 1, height: 1 };
  #fitted = true;
  /** What no button may lie on while all is seen; everything, where there is more than buttons. */
  #solid: readonly Point[] | "all" = [];
  /** Pixels beside it, for words that do not shrink. */
  #sides = 0;
  #motion = 0;

  readonly #element: SVGSVGElement;
  #content: Box;
  readonly #changed: (scale: number) => void;

  constructor(
    element: SVGSVGElement,
    content: Box,
    changed: (scale: number) => void,
  ) {
    this.#element = element;
    this.#content = content;
    this.#changed = changed;
    new ResizeObserver(() => this.#resized()).observe(element);
  }

  get scale(): number {
    return this.#look.scale;
  }

  /** Whether all of the room is seen. */
  get isFitted(): boolean {
    return this.#fitted;
  }

  /** Shows another room, or another part of it, whole. */
  setContent(content: Box, solid: readonly Point[] | "all", sides = 0): void {
    [this.#content, this.#solid, this.#sides] = [content, solid, sides];
    this.fit(false);
  }

  fit(smoothly = true): void {
    this.#fitted = true;
    this.#go(this.#fitting(), smoothly);
  }

  zoomBy(factor: number): void {
    this.zoomAt(this.#size.width / 2, this.#size.height / 2, factor, true);
  }

  /** Zooms so that what is under a point of the element stays there. */
  zoomAt(left: number, top: number, factor: number, smoothly = false): void {
    const scale = this.#within(this.#aim.scale * factor);
    const [across, down] = [left - this.#size.width / 2, top - this.#size.height / 2];
    const shift = 1 / this.#aim.scale - 1 / scale;
    this.#fitted = scale <= this.#fitting().scale * 1.001;
    this.#go({ x: this.#aim.x + across * shift, y: this.#aim.y + down * shift, scale }, smoothly);
  }

  /** Looks at a place of the room from so near. */
  zoomTo(x: number, y: number, scale: number): void {
    this.#fitted = false;
    this.#go({ x, y, scale: this.#within(scale) }, true);
  }

  panBy(across: number, down: number): void {
    this.#fitted = false;
    this.#go({ ...this.#aim, x: this.#aim.x - across / this.#aim.scale, y: this.#aim.y - down / this.#aim.scale }, false);
  }

  /** Moves just so far that a place can be seen. */
  reveal(x: number, y: number): void {
    const margin = 1.2;
    const [halfWidth, halfHeight] = [this.#size.width / 2 / this.#aim.scale, this.#size.height / 2 / this.#aim.scale];
    const closer = (at: number, middle: number, half: number) => {
      const reach = Math.max(0, half - margin);
      return Math.abs(at - middle) <= reach ? middle : at - Math.sign(at - middle) * reach;
    };
    const next = { ...this.#aim, x: closer(x, this.#aim.x, halfWidth), y: closer(y, this.#aim.y, halfHeight) };
    if (next.x !== this.#aim.x || next.y !== this.#aim.y) this.#go(next, true);
  }

  /** Where in the room a point of the element is. */
  placeAt(left: number, top: number): { x: number; y: number } {
    return {
      x: this.#look.x + (left - this.#size.width / 2) / this.#look.scale,
      y: this.#look.y + (top - this.#size.height / 2) / this.#look.scale,
    };
  }

  #fitting(): Look {
    const whole = this.#below(0);
    const covered = ({ x, y }: Point) =>
      (x + 0.5 - whole.x) * whole.scale > this.#size.width / 2 - BUTTONS.width && (y - 0.5 - whole.y) * whole.scale < BUTTONS.height - this.#size.height / 2;
    const reserve = this.#size.height > 4 * BUTTONS.height && (this.#solid === "all" || this.#solid.some(covered));
    return reserve ? this.#below(BUTTONS.height) : whole;
  }

  /** All of it, with so many pixels left free at the top. */
  #below(top: number): Look {
    const { x, y, width, height } = this.#content;
    const scale = Math.min(Math.max(this.#size.width - 2 * this.#sides, this.#size.width / 2) / width, (this.#size.height - top) / height, CLOSEST);
    return { x: x + width / 2, y: y + height / 2 - top / 2 / scale, scale };
  }

  #within(scale: number): number {
    const least = this.#fitting().scale;
    return Math.min(Math.max(scale, least), Math.max(CLOSEST, least));
  }

  /** Keeps the room in sight; nearer than the whole it may be pushed a little aside, from under the buttons. */
  #bounded(look: Look): Look {
    const keep = (at: number, from: number, length: number, seen: number) => {
      const reach = Math.max(0, (length - seen) / 2 + seen / 6);
      return Math.min(Math.max(at, from + length / 2 - reach), from + length / 2 + reach);
    };
    const { x, y, width, height } = this.#content;
    return {
      x: keep(look.x, x, width, this.#size.width / look.scale),
      y: keep(look.y, y, height, this.#size.height / look.scale),
      scale: look.scale,
    };
  }

  #resized(): void {
    const { clientWidth, clientHeight } = this.#element.parentElement ?? this.#element;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.#size = { width: clientWidth, height: clientHeight };
    this.#go(this.#fitted ? this.#fitting() : { ...this.#aim, scale: this.#within(this.#aim.scale) }, false);
  }

  #go(wanted: Look, smoothly: boolean): void {
    cancelAnimationFrame(this.#motion);
    const [from, to] = [this.#look, this.#fitted ? this.#fitting() : this.#bounded(wanted)];
    this.#aim = to;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!smoothly || still) {
      this.#apply(to);
      return;
    }
    const began = performance.now();
    const step = (now: number) => {
      const part = Math.min(1, Math.max(0, (now - began) / MOTION_MS));
      const eased = 1 - (1 - part) ** 3;
      const mix = (a: number, b: number) => a + (b - a) * eased;
      this.#apply({ x: mix(from.x, to.x), y: mix(from.y, to.y), scale: from.scale * (to.scale / from.scale) ** eased });
      if (part < 1) this.#motion = requestAnimationFrame(step);
    };
    this.#motion = requestAnimationFrame(step);
  }

  #apply(look: Look): void {
    this.#look = look;
    const [width, height] = [this.#size.width / look.scale, this.#size.height / look.scale];
    this.#element.setAttribute("viewBox", `${look.x - width / 2} ${look.y - height / 2} ${width} ${height}`);
    this.#changed(look.scale);
  }
}

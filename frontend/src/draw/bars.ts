/** Scores as bars around zero, as SVG. */

import { room, say, tag, type Drawing } from "./svg";

export interface Bar {
  readonly name: string;
  /** The number, written. */
  readonly text: string;
  /** Of half the track: -1 to 1. */
  readonly share: number;
  readonly colour: string;
}

/** Draw one bar below the other; `em` is the size of a letter. */
export function draw(bars: readonly Bar[], em: number, inks: { readonly text: string; readonly track: string; readonly axis: string }): Drawing {
  const left = room(bars.map(({ name }) => name)) * em;
  const [right, line] = [left + 15 * em, 1.5 * em];
  const [middle, width, height] = [(left + right) / 2, right + 6 * em, bars.length * line];
  const row = ({ name, text, share, colour }: Bar, i: number): string => {
    const [y, end] = [(i + 0.15) * line, middle + share * (right - middle)];
    const written = { y: (i + 0.7) * line, fill: inks.text };
    return say(name, { ...written, x: left - 0.6 * em, "text-anchor": "end" }) +
      tag("rect", { x: left, y, width: right - left, height: 0.7 * line, fill: inks.track }) +
      tag("rect", { x: Math.min(middle, end), y, width: Math.abs(end - middle), height: 0.7 * line, fill: colour }) +
      say(text, { ...written, x: width, "text-anchor": "end" });
  };
  return { width, height, body: tag("g", { "font-size": 0.9 * em }, ...bars.map(row), tag("line", { x1: middle, x2: middle, y1: 0, y2: height, stroke: inks.axis })) };
}

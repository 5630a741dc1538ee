/** A chart as SVG: every line a true path, with axes, marks and a key in words. It knows no networks. */

import { ticks, type Kind } from "./axis";
import { escape, say, short, tag, through, type Drawing } from "./svg";

/** Points that belong together: a line, a faint line behind it, or dots joined by one. */
export interface Trace {
  readonly label: string;
  readonly colour: string;
  readonly kind: "line" | "faint" | "dots";
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly write: (value: number) => string;
}

export interface Chart {
  /** CSS pixels, and those of a letter. */
  readonly width: number;
  readonly height: number;
  readonly em: number;
  readonly x: Axis & { readonly label: string };
  readonly y: Axis & { readonly kind: Kind };
  readonly traces: readonly Trace[];
  /** Moments with what happened there. */
  readonly marks: readonly { readonly at: number; readonly text: string }[];
  readonly inks: { readonly text: string; readonly grid: string; readonly mark: string; readonly ground: string };
}

/** Draw a chart; its key stands in the first line, the name of the x axis at its right end. */
export function draw({ width, height, em, x, y, traces, marks, inks }: Chart): Drawing {
  const box = { left: 4 * em, top: 1.8 * em, right: width - 0.8 * em, bottom: height - 2.4 * em };
  const bend = y.kind === "log" ? Math.log10 : (value: number): number => value;
  const across = (step: number): number => box.left + ((step - x.from) / (x.to - x.from)) * (box.right - box.left);
  const up = (value: number): number => box.bottom - ((bend(value) - bend(y.from)) / (bend(y.to) - bend(y.from))) * (box.bottom - box.top);
  const inside = { text: { fill: inks.text }, grid: { stroke: inks.grid, "stroke-width": 1, fill: "none" } };

  const level = (value: number): string =>
    tag("line", { ...inside.grid, x1: box.left, x2: box.right, y1: up(value), y2: up(value) }) +
    say(y.write(value), { ...inside.text, x: box.left - 0.5 * em, y: up(value) + 0.32 * em, "text-anchor": "end" });
  const moment = (step: number): string =>
    tag("line", { ...inside.grid, x1: across(step), x2: across(step), y1: box.bottom, y2: box.bottom + 0.35 * em }) +
    say(x.write(step), { ...inside.text, x: across(step), y: box.bottom + 1.3 * em, "text-anchor": "middle" });
  const mark = ({ at, text }: Chart["marks"][number]): string =>
    tag("g", {}, tag("title", {}, escape(text)),
      tag("line", { x1: across(at), x2: across(at), y1: box.top, y2: box.bottom, stroke: inks.mark, "stroke-dasharray": "3 3" }),
      tag("path", { fill: inks.mark, d: `M${short(across(at) - 4)} ${short(box.top - 3)}h8l-4 7z` }));
  const trace = ({ label, colour, kind, steps, values }: Trace): string => {
    const points = steps.map((step, i) => [across(step), up(values[i]!)] as const).filter(([, place]) => Number.isFinite(place));
    if (!points.length) return "";
    const line = tag("path", {
      d: through(points), fill: "none", stroke: colour, "stroke-width": kind === "line" ? 2 : kind === "dots" ? 1.5 : 1,
      "stroke-opacity": kind === "faint" ? 0.28 : undefined, "stroke-linejoin": "round", "data-label": label,
    });
    return kind === "dots" ? line + points.map(([cx, cy]) => tag("circle", { cx, cy, r: 3.5, fill: colour, stroke: inks.ground, "stroke-width": 1.5 })).join("") : line;
  };

  let at = box.left;
  const key = traces.filter(({ kind }) => kind !== "faint").map(({ label, colour, kind }) => {
    const sign = kind === "dots" ? tag("circle", { cx: at + 0.5 * em, cy: 0.7 * em, r: 3.5, fill: colour })
      : tag("line", { x1: at, x2: at + em, y1: 0.7 * em, y2: 0.7 * em, stroke: colour, "stroke-width": 2 });
    const word = say(label, { ...inside.text, x: at + 1.4 * em, y: em });
    at += (3 + 0.55 * label.length) * em; // about the width of its letters
    return sign + word;
  });

  return {
    width, height,
    body: tag("g", { "font-size": 0.85 * em },
      ...key,
      ...ticks(y.from, y.to, 6, y.kind).map(level),
      ...ticks(x.from, x.to, 7).filter(Number.isInteger).map(moment),
      say(x.label, { ...inside.text, x: box.right, y: box.bottom + 2.3 * em, "text-anchor": "end" }),
      tag("line", { ...inside.grid, x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
      ...marks.filter(({ at }) => at >= x.from && at <= x.to).map(mark),
      ...traces.map(trace),
    ),
  };
}
